"""Real talks on tape: the real engine, line and local server; every decision of the core can be taken again."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import signal
import tempfile
import time
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray

from tests.support.command import KEY, ended, environ_for, started, voicechat
from tests.support.local_server import local_server
from tests.support.peers import eventually
from tests.support.random_talk import POLICIES, SCRIPTS
from tests.support.script import Recipe, conversation
from tests.support.service import SocketServer
from tests.support.speech import spoken
from tests.support.tapes import STARTED_AT, tape_of, write_lines
from voicechat.api import Conversation, Settings
from voicechat.core.events import ConnectWanted, LineOpened
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import Choices, State, Wishes
from voicechat.core.user_events import StopPressed
from voicechat.engine.host import EngineProcess
from voicechat.engine.link import Batch, FromEngine
from voicechat.errors import TapeError
from voicechat.journal.entry import Entry
from voicechat.journal.lines import effect_of_today
from voicechat.journal.rerun import Checked, check, last_state
from voicechat.journal.sound_file import RATE
from voicechat.journal.tape import EVENTS_FILE, Tape, read_tape
from voicechat.journal.tapes import Listed, listed
from voicechat.protocol import client_events as say
from voicechat.protocol.items import Item
from voicechat.protocol.wire import WireEvent
from voicechat.transports.spoken_answers import SpokenAnswers

STORY = "Please tell me a long story about the sea."
TRANSPORTS = ["webrtc", "websocket"]


@asynccontextmanager
async def recorded(folder: Path, *, fault: str = "", **wishes: Any) -> AsyncIterator[Conversation]:
    """A talk that is on tape in `folder / "tapes"`; afterwards nobody writes it any more."""
    async with local_server(words=STORY, fault=fault) as server:
        given: dict[str, Any] = {"mic": "none", "speaker": "none", "record": str(folder / "tapes")} | wishes
        settings = Settings(provider="custom", base_url=server.base_url, given=frozenset({"base_url", *given}), **given)
        async with Conversation(settings, {"VOICECHAT_STATE_DIR": str(folder), "VOICECHAT_API_KEY": KEY}) as talk:
            yield talk


def the_tape(folder: Path) -> Tape:
    (tape,) = (folder / "tapes").iterdir()
    return read_tape(tape)


def checked(tape: Tape) -> Checked:
    result = check(tape)
    assert result.difference is None
    assert result.inputs > 20 and result.effects > 3 and not result.is_cut
    return result


def wire(tape: Tape, kind: str) -> list[float]:
    """The times of one wire or local event, seconds."""
    return [entry.t for entry in tape.entries() if entry.kind == "event" and entry.data.get("type") == kind]


def sides(tape: Tape) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    assert tape.audio_file is not None
    with wave.open(str(tape.audio_file)) as file:
        both = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    return both[:, 0], both[:, 1]


def first_sound(side: NDArray[np.int16], after: float = 0.0) -> float:
    return float(np.flatnonzero(np.abs(side[round(after * RATE) :].astype(int)) > 300)[0]) / RATE + after


def voice(file: Path, seconds: float, before: float = 0.0) -> str:
    """A microphone in which somebody talks."""
    sound = np.concatenate((np.zeros(round(before * 48_000)), spoken(seconds, level=0.15)))
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(48_000)
        out.writeframes((sound * 32_767).clip(-32_768, 32_767).astype("<i2").tobytes())
    return str(file)


def running(talk: Conversation) -> Any:
    return talk._live().session


def said(talk: Conversation) -> list[Any]:
    return [turn for turn in running(talk).state.conversation.turns if turn.who != "note"]


async def played(talk: Conversation, seconds: float) -> None:
    """Until so much time of the session has gone by since the answer began to be heard."""
    live = talk._live()

    def is_over() -> bool:
        heard_at = live.session.state.playback.heard_at
        return heard_at is not None and asyncio.get_running_loop().time() - heard_at >= seconds

    await eventually(is_over, 20.0)


def first_loud_frames(talk: Conversation) -> list[float]:
    """When each frame with sound in it left for the service, in session time; filled while the talk goes on."""
    live, times = talk._live(), list[float]()
    keep = live.lines.sent
    assert keep is not None

    def sent(at: float, frame: NDArray[np.int16]) -> None:
        keep(at, frame)
        if np.abs(frame.astype(int)).max() > 300:
            times.append(at - live.started_at)

    live.lines.sent = sent
    return times


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_typed_talk_with_a_stop_runs_again_without_a_difference(tmp_path: Path, transport: str) -> None:
    async with recorded(tmp_path, transport=transport) as talk:
        assert "4" in (await talk.say("What is two plus two?")).text
        answer = asyncio.create_task(talk.say(STORY))
        await played(talk, 0.3)
        talk.stop()
        assert (await answer).cut_by == "you"
    tape = the_tape(tmp_path)
    checked(tape)
    past = last_state(tape)
    assert past is not None
    said = [turn for turn in past.state.conversation.turns if turn.who != "note"]
    assert [turn.text for turn in said if turn.who == "you"] == ["What is two plus two?", STORY]
    assert said[-1].cut is not None
    left, right = sides(tape)
    assert not left.any()
    assert first_sound(right) == pytest.approx(wire(tape, "assistant.audible")[0], abs=0.06)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_push_to_talk_that_cuts_in_runs_again_and_lies_where_it_was_said(tmp_path: Path, transport: str) -> None:
    mic = voice(tmp_path / "mic.wav", 30.0)
    async with recorded(tmp_path, transport=transport, turn_mode="push-to-talk", mic=mic) as talk:
        left_at = first_loud_frames(talk)
        talk.talk()
        await eventually(lambda: len(left_at) >= 40)
        talk.release()
        await played(talk, 1.2)
        before = len(left_at)
        talk.talk()
        await eventually(lambda: len(left_at) >= before + 40)
        talk.release()
        await eventually(lambda: len(said(talk)) >= 4, 20.0)
    tape = the_tape(tmp_path)
    checked(tape)
    left, _ = sides(tape)
    opened, closed = wire(tape, "mic.opened"), wire(tape, "mic.closed")
    assert len(opened) >= 2
    assert first_sound(left) == pytest.approx(left_at[0], abs=0.06) and left_at[0] >= opened[0]
    gap = left[round((closed[0] + 0.5) * RATE) : round((opened[1] - 0.1) * RATE)]
    assert len(gap) and not gap.any()


async def test_a_hands_free_talk_in_which_the_user_cuts_in_by_voice_runs_again(tmp_path: Path) -> None:
    mic = voice(tmp_path / "mic.wav", 40.0)
    async with recorded(tmp_path, transport="websocket", mic=mic, headphones=True) as talk:
        await eventually(lambda: len(said(talk)) >= 1, 20.0)
        talk.mute()
        muted_at = asyncio.get_running_loop().time()
        answer = asyncio.create_task(talk.say(STORY))
        await eventually(lambda: (running(talk).state.playback.heard_at or 0.0) > muted_at, 20.0)
        await played(talk, 0.3)
        talk.mute(False)
        await eventually(lambda: running(talk).state.voice.grants > 0, 20.0)
        running(talk).tell(StopPressed())
        answer.cancel()
    tape = the_tape(tmp_path)
    assert wire(tape, "barge_in.happened")
    checked(tape)
    mute, unmute = wire(tape, "mute.chosen")
    left, _ = sides(tape)
    silent = left[round((mute + 0.1) * RATE) : round((unmute - 0.05) * RATE)]
    assert len(silent) and not silent.any()


async def test_a_talk_whose_line_broke_and_came_back_runs_again(tmp_path: Path) -> None:
    async with recorded(tmp_path, transport="websocket", fault="closes-after=2") as talk:
        await talk.say("What is two plus two?")
        await eventually(lambda: running(talk).state.connection.number >= 2, 20.0)
        await eventually(lambda: running(talk).state.connection.phase == "open", 20.0)
    tape = the_tape(tmp_path)
    assert wire(tape, "line.lost")
    checked(tape)


async def test_a_redacted_tape_of_a_real_talk_runs_again_and_says_nothing(tmp_path: Path) -> None:
    async with recorded(tmp_path, transport="websocket", redact=True) as talk:
        await talk.say("What is two plus two?")
    tape = the_tape(tmp_path)
    checked(tape)
    assert "plus" not in "".join(file.read_text() for file in tape.folder.glob("*.json*"))
    assert listed(tape.folder).redacted and sides(tape)[1].any()


async def test_a_talk_goes_on_from_its_tape_and_the_new_session_is_told_what_was_heard(tmp_path: Path) -> None:
    async with recorded(tmp_path, transport="websocket") as talk:
        await talk.say("What is two plus two?")
    first = the_tape(tmp_path)
    wishes = {"record": str(tmp_path / "more"), "continue_from": str(first.folder), "greet": "Say hello"}
    async with recorded(tmp_path, transport="websocket", **wishes) as talk:
        before = [turn.text for turn in talk.transcript() if turn.who != "note"]
        assert before[0] == "What is two plus two?" and "4" in before[1]
        await talk.say("And three plus three?")
        await eventually(lambda: len([turn for turn in talk.transcript() if turn.who == "you"]) == 2)
    (folder,) = (tmp_path / "more").iterdir()
    second = read_tape(folder)
    checked(second)
    sent = [entry.data for entry in second.entries() if entry.kind == "event" and entry.dir == "out"]
    items = [event["item"] for event in sent if event["type"] == "conversation.item.create"]
    assert [item["role"] for item in items] == ["user", "assistant", "user"]
    assert len([event for event in sent if event["type"] == "response.create"]) == 1


async def test_nothing_on_a_tape_is_a_secret_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    async with recorded(tmp_path, transport="websocket") as talk:
        await talk.say(f"My key is {KEY}")
    tape = the_tape(tmp_path)
    for file in tape.folder.iterdir():
        assert KEY.encode() not in file.read_bytes()
        assert file.stat().st_mode & 0o777 == 0o600
    assert tape.folder.stat().st_mode & 0o777 == 0o700
    about = json.loads((tape.folder / "about.json").read_text())
    assert about["voicechat"] and about["settings"]["transport"] == "websocket"
    checked(tape)


def only(folder: Path) -> Listed:
    (tape,) = folder.iterdir()
    return listed(tape)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_whoever_ends_a_talk_finds_its_tape_whole_on_the_disk(tmp_path: Path, number: signal.Signals) -> None:
    environ = environ_for(tmp_path)
    async with local_server(words=STORY) as server:
        arguments = ("run", "--json", "--base-url", server.base_url, "--record", "default", "--speaker", "none")
        async with started(*arguments, "--text", STORY, environ=environ) as process:
            assert process.stdout is not None
            async for line in process.stdout:
                if b"response.created" in line:
                    break
            process.send_signal(number)
            await ended(process)
    told = only(tmp_path / "state" / "tapes")
    assert told.state == "whole"
    assert check(read_tape(told.folder)).difference is None


async def test_an_engine_that_is_killed_leaves_a_tape_that_can_be_read_and_run(tmp_path: Path) -> None:
    environ = environ_for(tmp_path)
    async with local_server(words=STORY) as server:
        arguments = ("run", "--json", "--base-url", server.base_url, "--record", str(tmp_path / "t"))
        async with started(*arguments, "--text", STORY, "--speaker", "none", environ=environ) as process:
            assert process.stdout is not None
            async for line in process.stdout:
                if b"assistant.audible" in line:
                    break
            await eventually(
                lambda: any(file.stat().st_size > 150_000 for file in tmp_path.glob("t/*/audio.wav")), 20.0
            )
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            for child in children:
                os.kill(int(child), signal.SIGKILL)
            await ended(process)
    told = only(tmp_path / "t")
    assert told.state == "cut off" and told.answers == 0 and told.first_words == STORY
    assert check(read_tape(told.folder)).difference is None
    assert sides(read_tape(told.folder))[1].any()


async def test_the_commands_list_and_check_what_was_recorded(tmp_path: Path) -> None:
    environ = environ_for(tmp_path)
    async with local_server() as server:
        arguments = ("--base-url", server.base_url, "--record", "default", "--speaker", "none")
        ran = await voicechat("run", *arguments, "--text", "What is two plus two?", environ=environ)
        assert ran.code == 0, ran.err
    listing = await voicechat("history", "--json", environ=environ)
    (tape,) = json.loads(listing.out)["tapes"]
    assert tape["first_words"] == "What is two plus two?" and tape["turns"] == 1 and tape["state"] == "whole"
    again = await voicechat("replay", "last", "--check", "--json", environ=environ)
    assert again.code == 0 and json.loads(again.out)["differences"] == 0
    words = await voicechat("replay", Path(tape["folder"]).name, "--check", environ=environ)
    assert words.out.startswith("0 differences: ")
    assert "“What is two plus two?”" in (await voicechat("history", environ=environ)).out
    gone = await voicechat("history", "--rm", "last", environ=environ)
    assert gone.code == 0 and not Path(tape["folder"]).exists()
    assert (await voicechat("replay", "last", "--check", environ=environ)).code == 2


async def test_a_decision_that_differs_is_told_with_both_sides(tmp_path: Path) -> None:
    environ = environ_for(tmp_path)
    async with recorded(tmp_path, transport="websocket") as talk:
        await talk.say("What is two plus two?")
    tape = the_tape(tmp_path)
    text = tape.events_file.read_text().replace(
        '"effect":{"type":"response.create"', '"effect":{"type":"response.cancel"'
    )
    tape.events_file.write_text(text)
    ran = await voicechat("replay", str(tape.folder), "--check", environ=environ)
    assert ran.code == 1
    assert "the core decides otherwise at line" in ran.out
    assert "recorded  response.cancel" in ran.out and "now       response.create" in ran.out


# What looks at a talk cannot hurt it, and what fails inside it is told: the engine against a scripted service


UPDATED = json.dumps({"type": "session.updated", "session": {"id": "sess_1"}})
ODD_ERROR = json.dumps({"type": "error", "error": {"code": {}, "message": "odd"}})


def settings_for(url: str) -> Settings:
    given = frozenset({"transport", "mic", "speaker"})
    return Settings(provider="custom", base_url=url, transport="websocket", mic="none", speaker="none", given=given)


@asynccontextmanager
async def talking(tmp_path: Path) -> AsyncIterator[tuple[SocketServer, Conversation]]:
    server = SocketServer()
    async with server.serving() as url:

        async def configure() -> None:
            await server.texts.get()
            await server.say(UPDATED)

        configuring = asyncio.create_task(configure())
        async with Conversation(settings_for(url), {"VOICECHAT_STATE_DIR": str(tmp_path)}) as talk:
            yield server, talk
        await configuring


def notices(talk: Conversation) -> list[str]:
    return [turn.text for turn in talk.transcript() if turn.who == "note"]


async def test_an_odd_error_over_websocket_leaves_the_later_events_arriving(tmp_path: Path) -> None:
    server, heard, rows = SocketServer(), queue.SimpleQueue[FromEngine](), list[Entry]()
    async with server.serving() as url:
        engine = EngineProcess(settings_for(url), {"VOICECHAT_STATE_DIR": str(tmp_path)})

        def seen(kind: str) -> int:
            while not heard.empty():
                message = heard.get()
                if isinstance(message, Batch):
                    rows.extend(message.rows)
            return sum(row.type == kind and row.dir == "in" for row in rows)

        await asyncio.to_thread(engine.start, heard.put)
        try:
            await eventually(lambda: seen("session.created") == 1, 15.0)
            await server.say(ODD_ERROR, *(json.dumps({"type": "rate_limits.updated", "rate_limits": []}),) * 20)
            await eventually(lambda: seen("rate_limits.updated") == 20, 10.0)
        finally:
            await asyncio.to_thread(engine.close)
    assert seen("error") == 1


async def test_an_observer_that_raises_leaves_the_talk_whole_with_one_notice(tmp_path: Path) -> None:
    async with talking(tmp_path) as (server, talk):
        calls = 0

        def broken(entry: Entry) -> None:
            nonlocal calls
            calls += 1
            raise ValueError("a defect of the observer")

        talk._live().observers.add("broken list", broken)
        later: list[str] = []
        talk._live().observers.add("later list", lambda entry: later.append(entry.type))
        await server.say(*(json.dumps({"type": "rate_limits.updated", "rate_limits": []}),) * 3)
        await eventually(lambda: later.count("rate_limits.updated") == 3)
        assert calls == 1
        assert talk.view().connection.phase == "open"
        stopped = [text for text in notices(talk) if "broken list" in text]
        assert stopped == ["The broken list stopped after an error; the talk goes on."]


async def test_a_defect_in_the_websocket_reader_is_a_lost_line_that_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with talking(tmp_path) as (server, talk):
        read = SpokenAnswers.read

        async def failing(self: SpokenAnswers, text: str) -> None:
            if "rate_limits" in text:
                raise KeyError("a defect of the reader")
            await read(self, text)

        monkeypatch.setattr(SpokenAnswers, "read", failing)
        await server.say(json.dumps({"type": "rate_limits.updated"}))
        await eventually(lambda: talk.view().connection.phase == "lost" or len(server.sockets) > 1)
        await eventually(lambda: len(server.sockets) > 1 and talk.view().connection.phase == "open", 10.0)
        assert any("an unexpected error: KeyError" in text for text in notices(talk))


async def test_an_unexpected_error_while_connecting_is_a_refused_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*args: Any, **kwargs: Any) -> None:
        raise KeyError("a defect of the line")

    monkeypatch.setattr("voicechat.engine.assemble.Lines._open", failing)
    talk = Conversation(settings_for("http://127.0.0.1:9"), {"VOICECHAT_STATE_DIR": str(tmp_path)})
    began = time.monotonic()
    with pytest.raises(Exception, match=r"unexpected error: KeyError: 'a defect of the line'"):
        await talk.__aenter__()
    assert time.monotonic() - began < 10


# A tape says everything that is needed to take every decision of the core again


WISHES = Wishes(session={"type": "realtime", "model": "m", "audio": {"input": {"turn_detection": None}}}, greeting="Hi")
BEGINNINGS = [State(wishes=WISHES), State(wishes=Wishes(dialect="ga"), choices=Choices(turn_mode="push-to-talk"))]
OPENING: list[tuple[float, Recipe]] = [
    (0.0, lambda state, now: ConnectWanted()),
    (0.1, lambda state, now: LineOpened(state.connection.number, configured=True)),
]


@settings(derandomize=True)
@given(SCRIPTS, st.sampled_from(POLICIES), st.sampled_from(BEGINNINGS))
def test_a_tape_of_any_conversation_runs_again_without_a_difference(
    recipes: list[tuple[float, Recipe]], policy: TurnPolicy, begin: State
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        moments = list(conversation([*OPENING, *recipes], policy, begin))
        checked = check(tape_of(moments, begin, policy, Path(folder)))
    assert checked.difference is None
    assert checked.inputs == len(moments)
    assert checked.effects == sum(len(moment.result.effects) for moment in moments)


@pytest.fixture
def tape(tmp_path: Path) -> Tape:
    """A short talk: connect, and the greeting is asked for."""
    policy = POLICIES[0]
    return tape_of(conversation(OPENING, policy, BEGINNINGS[0]), BEGINNINGS[0], policy, tmp_path)


def lines_of(tape: Tape) -> list[dict[str, object]]:
    return [json.loads(line) for line in tape.events_file.read_text().splitlines()]


def test_the_first_decision_that_differs_is_named_with_its_line(tape: Tape) -> None:
    lines = lines_of(tape)
    changed = next(number for number, line in enumerate(lines) if "effect" in line)
    lines[changed]["effect"] = {"type": "OpenMic", "pre_roll": 9.0}
    write_lines(tape.events_file, lines)
    difference = check(read_tape(tape.folder)).difference
    assert difference is not None
    assert "input" in lines[difference.line - 1]
    assert difference.recorded[0] == {"type": "OpenMic", "pre_roll": 9.0}
    assert difference.now[0]["type"] == "Connect"


BEFORE: list[dict[str, Any]] = [
    {"type": "UpdateSession", "session": {"type": "realtime"}, "event_id": "session-1-1", "dialect": "beta"},
    {"type": "CommitInput", "event_id": "audio-1-2"},
    {"type": "CreateItem", "item": {"type": "message"}, "event_id": "typed-1-1", "previous_item_id": None},
    {"type": "CancelResponse", "response_id": "", "event_id": "stop-1-1"},
    {"type": "TruncateItem", "item_id": "i1", "heard": 1.9, "event_id": "stop-1-2"},
    {"type": "ChangeItem", "event": {"type": "conversation.item.delete", "item_id": "i1"}, "event_id": "hand-1-1"},
    {"type": "OpenMic", "pre_roll": 0.3},
    {"type": "TruncateItem", "item_id": 5},
]
"""Effects as tapes of version 2 have them; the last two stay as they are."""
TODAY: list[WireEvent] = [
    say.SessionUpdate(session={"type": "realtime"}, event_id="session-1-1"),
    say.InputAudioBufferCommit(event_id="audio-1-2"),
    say.ConversationItemCreate(item=Item(type="message"), event_id="typed-1-1"),
    say.ResponseCancel(event_id="stop-1-1"),
    say.ConversationItemTruncate(item_id="i1", audio_end_ms=1900, event_id="stop-1-2"),
    say.ConversationItemDelete(item_id="i1", event_id="hand-1-1"),
]


def test_client_events_of_a_version_2_tape_read_as_those_of_today() -> None:
    now = [effect_of_today(one) for one in BEFORE]
    assert [msgspec.convert(one, type(event)) for one, event in zip(now[:-2], TODAY, strict=True)] == TODAY
    assert now[-2:] == BEFORE[-2:]


def test_a_tape_that_was_cut_by_a_crash_is_checked_as_far_as_it_goes(tape: Tape) -> None:
    text = tape.events_file.read_bytes()
    tape.events_file.write_bytes(text[: text.rindex(b'"effect"') + 12])
    checked = check(read_tape(tape.folder))
    assert checked.difference is None
    assert checked.is_cut


def test_what_is_no_tape_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="cannot read"):
        read_tape(tmp_path)
    write_lines(tmp_path / EVENTS_FILE, [{"t": 0, "dir": "in", "event": {}}])
    with pytest.raises(TapeError, match="is not a tape"):
        read_tape(tmp_path)


def test_a_tape_of_a_newer_version_is_not_guessed_at(tmp_path: Path) -> None:
    write_lines(tmp_path / EVENTS_FILE, [{"tape": 4, "started_at": STARTED_AT}])
    with pytest.raises(TapeError, match="newer voicechat"):
        read_tape(tmp_path)


def test_lines_that_nobody_can_read_are_passed_over(tape: Tape) -> None:
    whole = [entry.data for entry in tape.entries()]
    text = tape.events_file.read_bytes().split(b"\n", 1)
    tape.events_file.write_bytes(text[0] + b"\n\xff\xfe nonsense\n[1]\n{}\n" + text[1])
    assert [entry.data for entry in read_tape(tape.folder).entries()] == whole


def test_a_tape_without_its_start_can_be_looked_at_but_not_run(tape: Tape) -> None:
    lines = lines_of(tape)
    del lines[0]["start"]
    write_lines(tape.events_file, lines)
    assert list(read_tape(tape.folder).entries())
    with pytest.raises(TapeError, match="begins in the middle of its talk"):
        check(read_tape(tape.folder))
