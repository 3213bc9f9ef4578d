"""What a client is sent, and how often anything is made of the state for it."""

from __future__ import annotations

import io
import os
import threading
from itertools import pairwise
from typing import Any, Literal

import msgspec
import pytest
from msgspec.structs import replace

from voicechat.config.settings import Settings
from voicechat.core.events import BudgetBlind, BudgetNear, BudgetSpent, Event
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import Choices, Conversation, State, Turn, Wishes
from voicechat.core.view import View
from voicechat.engine.figures import BitRate, Bookkeeper
from voicechat.engine.link import (
    Ack,
    Batch,
    Devices,
    FromEngine,
    Goodbye,
    Meters,
    Numbers,
    Snapshot,
    SoundFacts,
    Turns,
    from_engine,
    pack,
)
from voicechat.engine.pipe import Outbox
from voicechat.engine.problems import Problems
from voicechat.engine.showing import Showing
from voicechat.insight.checks import Check
from voicechat.insight.metrics.prices import Cost
from voicechat.insight.records import MOST_EVIDENCE, Finding
from voicechat.insight.run import CHECKS, Diagnosis
from voicechat.journal.entry import Entry


class Still:
    """A talk in which nothing happens but a level that moves."""

    started_at = 100.0
    policy = TurnPolicy()
    devices: Devices | None = None

    def __init__(self) -> None:
        self.now, self.looks = 100.0, 0
        self.state = State(wishes=Wishes(), choices=Choices())
        self.sound = SoundFacts()

    def clock(self) -> float:
        return self.now

    def meters(self, now: float) -> Meters:
        self.looks += 1
        return Meters(input=-40.0 - self.looks % 7)


class NoRows:
    def take(self) -> Batch | None:
        return None


def ticked(scene: Still, showing: Showing, ticks: int) -> None:
    for _ in range(ticks):
        scene.now += 0.05
        showing.tick()


def snapshots(sent: list[FromEngine]) -> list[Snapshot]:
    return [message for message in sent if isinstance(message, Snapshot)]


def test_a_level_is_looked_at_no_more_often_than_it_is_sent() -> None:
    sent: list[FromEngine] = []
    scene = Still()
    ticked(scene, Showing(scene, NoRows(), sent.append), 40)
    assert 18 <= len(snapshots(sent)) <= 21
    assert scene.looks == len(snapshots(sent))


def test_turns_and_snapshots_count_from_where_the_events_do() -> None:
    sent: list[FromEngine] = []
    scene = Still()
    turn = Turn("t1", "you", 102.5, 1, text="Hi.", final=True)
    scene.state = replace(scene.state, conversation=Conversation(turns=(turn,), started_at=102.0))
    ticked(scene, Showing(scene, NoRows(), sent.append), 60)
    assert [one.at for message in sent if isinstance(message, Turns) for one in message.changed] == [2.5]
    assert snapshots(sent)[-1].t == pytest.approx(3.0, abs=0.2)


def test_a_switch_of_the_microphone_is_sent_with_the_next_tick_whatever_the_pace() -> None:
    sent: list[FromEngine] = []
    scene = Still()
    showing = Showing(scene, NoRows(), sent.append)
    ticked(scene, showing, 10)
    for muted in (True, False, True):
        before = len(snapshots(sent))
        scene.state = replace(scene.state, microphone=replace(scene.state.microphone, muted=muted))
        ticked(scene, showing, 1)
        assert len(snapshots(sent)) == before + 1 and snapshots(sent)[-1].view.mic.muted is muted


def test_what_was_switched_about_the_sound_is_sent_with_the_next_tick() -> None:
    sent: list[FromEngine] = []
    scene = Still()
    showing = Showing(scene, NoRows(), sent.append)
    ticked(scene, showing, 10)
    scene.sound = SoundFacts(echo="off")
    ticked(scene, showing, 1)
    assert snapshots(sent)[-1].sound.echo == "off"


def test_words_that_run_on_leave_with_the_levels_so_that_the_screen_paints_once() -> None:
    sent: list[FromEngine] = []
    scene = Still()
    showing = Showing(scene, NoRows(), sent.append)
    for count in range(1, 41):
        turn = Turn("1", "you", at=100.0, text="word " * count)
        scene.state = replace(scene.state, conversation=Conversation(turns=(turn,)))
        ticked(scene, showing, 1)
    kinds = [type(message).__name__ for message in sent]
    assert 18 <= kinds.count("Turns") <= 21
    assert all(after == "Snapshot" for before, after in pairwise(kinds) if before == "Turns")


def test_a_new_turn_waits_for_no_pace() -> None:
    sent: list[FromEngine] = []
    scene = Still()
    showing = Showing(scene, NoRows(), sent.append)
    ticked(scene, showing, 10)
    for count in range(1, 4):
        turns = tuple(Turn(str(number), "you", at=100.0, text="Hello.") for number in range(count))
        scene.state = replace(scene.state, conversation=Conversation(turns=turns))
        ticked(scene, showing, 1)
        assert [type(message).__name__ for message in sent].count("Turns") == count


# A client that stopped reading must not make the engine stand still


def read_all(descriptor: int) -> list[FromEngine]:
    with os.fdopen(descriptor, "rb") as stream:
        return list(from_engine(stream))


def test_posting_never_blocks_and_what_matters_is_not_lost() -> None:
    reader, writer = os.pipe()
    outbox = Outbox(writer)
    for number in range(5000):  # nobody reads: megabytes more than a pipe holds
        outbox.post(Snapshot(View(), Meters(underruns=number)))
    for number in range(100):
        outbox.post(Ack(number))
    outbox.post(Goodbye("ended"))
    outbox.close(patience=0.0)

    def finish() -> None:
        outbox.close(patience=10.0)
        os.close(writer)

    closer = threading.Thread(target=finish)
    closer.start()
    drained = read_all(reader)
    closer.join()
    shown = [message for message in drained if isinstance(message, Snapshot)]
    assert [message.id for message in drained if isinstance(message, Ack)] == list(range(100))
    assert drained[-1] == Goodbye("ended")
    assert 0 < len(shown) < 5000


def test_a_client_that_is_gone_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    outbox = Outbox(writer)
    outbox.post(Goodbye("ended"))
    outbox.close(patience=5.0)
    os.close(writer)


# The engine's bookkeeping: figures in session time, at most twice a second, and a session that hears of its budget


BEGAN = 1_000.0
"""The monotonic clock at the start of the session."""


class Books:
    """A bookkeeper with what it posted and told."""

    def __init__(self, settings: Settings, model: str = "gpt-realtime-2.1") -> None:
        self.posted: list[FromEngine] = []
        self.told: list[Event] = []
        self.keeper = Bookkeeper(settings, self.posted.append, self.told.append, BEGAN)
        self.see(0.0, "in", type="session.created", session={"model": model})

    def see(self, at: float, direction: Literal["in", "out", "local"], **event: Any) -> Books:
        self.keeper.watch(Entry(0, at, direction, event))
        return self

    def answer(self, at: float, audio_out: int) -> Books:
        usage = {"output_tokens": audio_out, "output_token_details": {"audio_tokens": audio_out}}
        return self.see(at, "in", type="response.done", response={"id": f"r{at}", "usage": usage})

    def tick(self, at: float, *, last: bool = False) -> Books:
        self.keeper.tick(BEGAN + at, last=last)
        return self

    @property
    def numbers(self) -> list[Numbers]:
        return [message for message in self.posted if isinstance(message, Numbers)]


def test_times_of_turns_are_session_times_also_those_inside_local_facts() -> None:
    books = Books(Settings())
    books.see(1.1, "local", type="voice.began", began_at=1.0)
    books.see(1.2, "in", type="input_audio_buffer.speech_started")
    books.see(3.3, "local", type="voice.ended", ended_at=3.0).tick(4.0)
    (turn,) = books.numbers[-1].figures.turns
    assert (turn.began_at, turn.ended_at) == (1.0, 3.0)
    assert books.numbers[-1].t == 4.0


def test_figures_leave_twice_a_second_at_most_and_only_when_they_changed() -> None:
    books = Books(Settings()).tick(0.1)
    for step in range(40):
        books.answer(1.0 + step * 0.05, 10).tick(1.0 + step * 0.05)
    assert 4 <= len(books.numbers) <= 6
    sent = len(books.numbers)
    books.tick(10.0).tick(11.0).tick(12.0)
    assert len(books.numbers) == sent + 1


def test_the_last_figures_do_not_wait() -> None:
    books = Books(Settings()).tick(0.1).answer(0.2, 10).tick(0.3, last=True)
    assert books.numbers[-1].figures.usage.output.audio == 10


def test_figures_survive_the_pipe() -> None:
    numbers = Books(Settings(budget=1.0)).answer(1.0, 100).tick(2.0).numbers[-1]
    assert list(from_engine(io.BytesIO(pack(numbers)))) == [numbers]


def test_the_session_hears_of_its_budget_once_for_each_step() -> None:
    books = Books(Settings(budget=1.0))
    for at in range(1, 30):
        books.answer(float(at), 1_000)  # $0.064 each
    near, spent = books.told
    assert isinstance(near, BudgetNear) and near.spent == pytest.approx(0.96)
    assert isinstance(spent, BudgetSpent) and (spent.budget, spent.stops) == (1.0, True)
    assert spent.spent == pytest.approx(1.024)


def test_without_the_stop_the_session_is_only_told() -> None:
    books = Books(Settings(budget=0.01, budget_stop=False)).answer(1.0, 1_000)
    (spent,) = books.told
    assert isinstance(spent, BudgetSpent) and not spent.stops


def test_a_budget_without_a_price_is_said_to_be_blind_and_own_prices_cure_it() -> None:
    assert Books(Settings(budget=1.0), "somebody-elses").answer(1.0, 10).told == [BudgetBlind(1.0, "somebody-elses")]
    own = Settings(budget=1.0, prices={"somebody-elses": {"audio_out": 2_000_000.0 / 1_000}})
    (spent,) = Books(own, "somebody-elses").answer(1.0, 1_000).told
    assert isinstance(spent, BudgetSpent) and spent.spent == pytest.approx(2.0)


def test_a_budget_is_kept_by_the_second_between_two_reports_of_gpt_live() -> None:
    books = Books(Settings(budget=0.06, prices={"local-live": {"minute": 0.6}}), "local-live")
    books.see(1.0, "in", type="session.started", session={"model": "local-live"})
    for tenths in range(10, 80):
        books.tick(tenths / 10)
    near, spent = books.told
    assert isinstance(near, BudgetNear) and near.spent == pytest.approx(0.054, abs=0.0011)
    assert isinstance(spent, BudgetSpent) and spent.spent == pytest.approx(0.06, abs=0.0011)
    books.see(11.0, "in", type="session.usage.updated", usage={"seconds": 10.0}).tick(13.0)
    assert books.numbers[-1].figures.money.cost == Cost(0.12, is_estimate=True)
    books.see(13.0, "local", type="line.lost", connection=1, reason="your budget is spent").tick(60.0)
    assert books.numbers[-1].figures.money.cost == Cost(0.12), "and counts no further"


def test_without_a_budget_nothing_is_told() -> None:
    assert Books(Settings()).answer(1.0, 10**9).told == []


def test_a_bit_rate_needs_a_second_and_begins_anew_with_a_line() -> None:
    rate = BitRate()
    assert [rate.of(count, at) for at, count in ((0.0, 0), (0.5, 2_000), (1.0, 4_000))] == [None, None, 32]
    assert rate.of(10, 1.5) is None
    assert rate.of(None, 2.0) is None


# The engine runs the checks while the talk flows, tells each change once, and keeps all for who comes late


class Talk:
    """Problems with a clock and an inbox; the session began at 100 s of the clock."""

    def __init__(self, diagnosis: Diagnosis | None = None) -> None:
        self.told: list[FromEngine] = []
        self.problems = Problems(self.told.append, 100.0, diagnosis)
        self.seq = 0

    def happens(self, t: float, direction: Any, name: str, **fields: Any) -> None:
        self.problems.watch(Entry(self.seq, t, direction, {"type": name, **fields}))
        self.seq += 1

    def tick(self, t: float) -> list[Finding]:
        self.told.clear()
        self.problems.tick(100.0 + t)
        return [message for message in self.told if isinstance(message, Finding)]


def refuse(talk: Talk, t: float) -> None:
    talk.happens(t, "out", "session.update", event_id="u", session={"type": "realtime", "foo": 1})
    talk.happens(t + 0.1, "in", "error", error={"code": "unknown_parameter", "param": "session.foo", "event_id": "u"})


def test_a_finding_is_sent_with_the_numbers_and_times_of_the_event_list() -> None:
    talk = Talk()
    talk.happens(0.0, "in", "session.created", session={"type": "realtime", "audio": {}})
    refuse(talk, 1.0)
    (finding,) = talk.tick(1.2)
    assert (finding.code, finding.severity, finding.resolved) == ("unknown-session-field", "error", False)
    assert [(mark.seq, mark.t) for mark in finding.evidence] == [(1, 1.0), (2, 1.1)]
    assert list(from_engine(io.BytesIO(pack(finding)))) == [finding]


def test_what_has_not_changed_is_not_sent_again_and_what_ended_is() -> None:
    talk = Talk()
    refuse(talk, 1.0)
    assert len(talk.tick(1.2)) == 1
    assert not talk.tick(1.3)
    talk.happens(2.0, "in", "session.updated", session={"type": "realtime"})
    (finding,) = talk.tick(2.1)
    assert finding.resolved
    assert not talk.tick(2.2)


def test_a_problem_that_repeats_is_one_finding_with_bounded_evidence() -> None:
    talk = Talk()
    for turn in range(40):
        refuse(talk, 1.0 + turn)
    (finding,) = talk.tick(60.0)
    assert len(finding.evidence) == MOST_EVIDENCE
    assert finding.evidence[0].seq == 0 and finding.evidence[-1].seq == 79


def test_what_does_not_happen_is_found_by_the_ticks_alone() -> None:
    talk = Talk()
    talk.happens(1.0, "out", "response.create", event_id="c")
    assert not talk.tick(2.0)
    assert not talk.tick(8.0)
    assert [finding.code for finding in talk.tick(9.6)] == ["no-response"]


def test_a_failing_check_spoils_no_other_finding_and_no_later_event() -> None:
    broken = Check("broken", ("mic.live",), lambda model, record: iter([1 // 0]))  # type: ignore[list-item]
    talk = Talk(Diagnosis((*CHECKS, broken)))
    refuse(talk, 1.0)
    talk.happens(2.0, "local", "mic.live")
    talk.happens(3.0, "local", "mic.flat", seconds=5.0)
    with pytest.raises(ZeroDivisionError):
        talk.tick(3.1)
    assert [message.code for message in talk.told if isinstance(message, Finding)] == ["unknown-session-field"]
    assert [finding.code for finding in talk.tick(3.2)] == ["mic-silent"]


def test_findings_are_decoded_by_an_older_reader_of_the_same_frame() -> None:
    assert msgspec.msgpack.decode(pack(Finding("a", "a", "info", "t"))[4:])["kind"] == "finding"


def speak(talk: Talk, at: float, pauses: list[float]) -> None:
    """Pieces of a second with these pauses (ms) between them, as a server with 500 and 300 ms tells them."""
    ms = at * 1000
    for number, pause in enumerate([*pauses, 0.0]):
        name, item = "input_audio_buffer.speech", {"item_id": f"i{at}{number}"}
        talk.happens(ms / 1000, "in", f"{name}_started", audio_start_ms=ms - 300, **item)
        talk.happens(ms / 1000 + 1.5, "in", f"{name}_stopped", audio_end_ms=ms + 1500, **item)
        ms += 1000 + pause


def configured(talk: Talk, t: float, silence: int) -> None:
    vad = {"type": "server_vad", "silence_duration_ms": silence, "prefix_padding_ms": 300}
    talk.happens(t, "in", "session.updated", session={"audio": {"input": {"turn_detection": vad}}})


def test_a_longer_pause_is_suggested_until_it_is_in_force() -> None:
    talk = Talk()
    configured(talk, 0.5, 500)
    speak(talk, 1.0, [640, 710, 3000, 580])
    talk.tick(20.0)
    gain = "0 instead of 3 of 5 turns cut in a pause, +300 ms a turn"
    assert talk.problems.suggested == (("audio.input.turn_detection.silence_duration_ms", 800, gain),)
    configured(talk, 21.0, 800)
    talk.tick(22.0)
    assert not talk.problems.suggested
