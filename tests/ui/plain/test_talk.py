"""The plain talk over a scripted engine: words in, lines out, and the exit status of every end."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterator

import pytest
from msgspec.structs import replace

from tests.support.event_rows import row
from tests.support.fake_engine import FakeEngine
from tests.support.scenes import DEVICES, MICS
from voicechat.core import user_events as did
from voicechat.core.view import ReplyView, ToolAsk, TurnView, View
from voicechat.engine.link import Batch, Meters, Snapshot, Turns
from voicechat.exit_codes import CONNECTION, DONE, ENGINE_DIED, FAILED_TURN, INTERRUPTED, USAGE
from voicechat.ui.plain.talk import PlainOptions, PlainTalk, Printer, read_lines

READY = replace(MICS["hands-free"](), reply=ReplyView("ready"))
REFUSED = replace(READY, connection=replace(READY.connection, phase="refused", reason="no such key", hint="set one"))

LOST = replace(READY, connection=replace(READY.connection, phase="lost", reason="no packets", next_try_in=0.5))


class Assistant(FakeEngine):
    """Answers every message with its own words, a moment after the question."""

    def __init__(self, view: View = READY, *, answers: bool = True) -> None:
        super().__init__([Snapshot(view, Meters())])
        self.view = view
        self._answers = answers
        self.turns: list[TurnView] = []

    def send(self, event: did.UserAct) -> None:
        super().send(event)
        if isinstance(event, did.TextEntered):
            count = len(self.turns)
            self.turns.append(TurnView(f"u{count}", "you", text=event.text, typed=True))
            self.say(*self.turns)
            if self._answers:
                self.turns.append(TurnView(f"a{count}", "assistant", text=f"<{event.text}>"))
                self.say(*self.turns)
                self.view = replace(self.view, completed=self.view.completed + 1)
                self.show(self.view)
        elif event == did.DevicesAsked(True):
            self.deliver(DEVICES)

    @property
    def messages(self) -> list[str]:
        return [event.text for event in self.sent if isinstance(event, did.TextEntered)]


class Ran:
    """A talk that is over."""

    def __init__(self, engine: FakeEngine, lines: list[str], *, is_terminal: bool = False, mic: str = "none") -> None:
        self.engine, self.out = engine, io.StringIO()
        talk = PlainTalk(engine, Printer(self.out, colors=False), PlainOptions(is_terminal, mic), ticking())
        for line in lines:
            talk.line(line)
        talk.signal("end of input")
        self.code = talk.go()

    @property
    def lines(self) -> list[str]:
        return self.out.getvalue().splitlines()


def ticking() -> Callable[[], float]:
    """A clock that is two seconds later whenever somebody looks."""
    times = iter(range(10_000))
    return lambda: next(times) * 2.0


def test_a_piped_question_is_answered_and_the_talk_ends() -> None:
    ran = Ran(Assistant(), ["What time is it?"])
    assert ran.code == DONE
    assert ran.lines[-2:] == ["[you] What time is it?", "[marin] <What time is it?>"]
    assert ran.engine.sent[-1] == did.EndAsked() and ran.engine.is_closed


def test_piped_messages_wait_for_the_answer_before() -> None:
    ran = Ran(Assistant(), ["one", "two", "quit", "three"])
    assert ran.code == DONE
    assert [line for line in ran.lines if line.startswith(("[you]", "[marin]"))] == [
        "[you] one", "[marin] <one>", "[you] two", "[marin] <two>",
    ]  # fmt: skip


def test_words_of_a_script_are_obeyed_in_order_and_its_empty_lines_are_nothing() -> None:
    engine = Assistant()
    Ran(engine, ["mute", "", "volume 0.5", "say stop it", "stop the music", "devices"])
    assert engine.sent == [
        did.MuteChosen(True), did.VolumeChosen(0.5), did.TextEntered("stop it"), did.DevicesAsked(True),
        did.DevicesAsked(False), did.EndAsked(),
    ]  # fmt: skip


def test_enter_at_a_terminal_talks() -> None:
    engine = Assistant()
    assert Ran(engine, [""], is_terminal=True).code == DONE
    assert engine.sent[0] == did.PauseToggled()


def test_devices_events_settings_and_help_are_lines() -> None:
    engine = Assistant()
    engine.first.append(Batch((row(0, 1.5, "in", "session.created", "before"),)))
    ran = Ran(engine, ["events on", "settings", "help", "devices", "hello"])
    assert "[devices] mic Built-in Mic, in use" in ran.lines
    assert any(line.startswith("[help] mute, unmute") for line in ran.lines)
    assert any(line.startswith("[settings] mode hands-free, barge-in on") for line in ran.lines)


def test_an_answer_that_fails_ends_a_script_with_its_status() -> None:
    engine = Assistant(answers=False)
    engine.first.append(Turns((TurnView("a", "assistant", failed="rate limit"),), ("a",)))
    ran = Ran(engine, ["hello"])
    assert ran.code == FAILED_TURN
    assert "[marin] (failed: rate limit)" in ran.lines


def test_response_that_never_comes_fails_the_turn() -> None:
    assert Ran(Assistant(answers=False), ["hello"]).code == FAILED_TURN


def test_a_refusing_service_ends_a_script() -> None:
    ran = Ran(FakeEngine([Snapshot(REFUSED, Meters())]), ["hello"])
    assert ran.code == CONNECTION
    assert "[line] refused: no such key; set one; again tries again" in ran.lines


def test_a_script_waits_for_a_line_that_comes_back_by_itself() -> None:
    engine = Assistant(LOST)
    engine.first.append(Snapshot(READY, Meters()))
    ran = Ran(engine, ["hello"])
    assert ran.code == DONE and engine.messages == ["hello"]


def test_script_gives_up_a_lost_connection_after_a_while_or_without_a_retry() -> None:
    assert Ran(FakeEngine([Snapshot(LOST, Meters())]), ["hello"]).code == CONNECTION
    gone = replace(LOST, connection=replace(LOST.connection, next_try_in=None))
    engine = Assistant(gone)
    engine.first.append(Snapshot(READY, Meters()))
    assert Ran(engine, ["hello"]).code == CONNECTION


def test_an_empty_pipe_is_an_error_and_an_empty_terminal_is_not() -> None:
    assert Ran(Assistant(), []).code == USAGE
    assert Ran(Assistant(), [], is_terminal=True).code == DONE


def test_a_dead_engine_is_told_and_has_its_own_status() -> None:
    engine = Assistant(answers=False)
    talk = PlainTalk(engine, Printer(out := io.StringIO(), colors=False), PlainOptions(True), ticking())
    engine.send = lambda event: engine.die("the engine died (signal 9)")  # type: ignore[method-assign]
    talk.line("hello")
    assert talk.go() == ENGINE_DIED
    assert "[error] the engine died (signal 9)" in out.getvalue()


def test_ctrl_c_ends_it_and_closes_the_engine() -> None:
    engine = Assistant()
    talk = PlainTalk(engine, Printer(io.StringIO(), colors=False), PlainOptions(True), ticking())
    talk.signal("interrupted")
    assert talk.go() == INTERRUPTED
    assert engine.is_closed


def test_a_reader_that_has_gone_away_ends_it_quietly() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    engine = Assistant()
    assert PlainTalk(engine, Printer(Gone(), colors=False), PlainOptions(True), ticking()).go() == DONE
    assert engine.is_closed


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    os.close(ends[0])


def test_lines_are_whole_whatever_the_pieces_they_come_in(pipe: tuple[int, int]) -> None:
    lines: list[str] = []
    ended = threading.Event()
    thread = read_lines(pipe[0], lines.append, ended.set)
    for piece in ("caf", "é\r\n\nno end".encode()[:2], "é\r\n\nno end".encode()[2:]):
        os.write(pipe[1], piece if isinstance(piece, bytes) else piece.encode())
    os.close(pipe[1])
    assert ended.wait(5)
    thread.join(5)
    assert lines == ["café", "", "no end"]


def test_a_tool_asks_in_words_and_a_pipe_that_cannot_be_asked_refuses() -> None:
    asking = replace(READY, asked=(ToolAsk("c1", "look", '{"x": 1}'),))
    ran = Ran(Assistant(asking), ["hello"])
    assert did.ToolDenied("c1", "Nobody was there to ask.") in ran.engine.sent
    assert '[tool] may look run with {"x": 1}? allow, allow always or deny' in ran.out.getvalue()
    assert "[tool] look was not allowed to run; --allow-tools look allows it" in ran.out.getvalue()
    seen = Ran(Assistant(asking), ["allow", "hello"], is_terminal=True)
    assert did.ToolAllowed("c1") in seen.engine.sent
    assert not any(isinstance(event, did.ToolDenied) for event in seen.engine.sent)
