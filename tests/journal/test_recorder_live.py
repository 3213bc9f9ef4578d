"""Real talks on tape: the real engine, line and local server; every decision of the core can be taken again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.command import KEY, ended, environ_for, started, voicechat
from tests.support.local_server import local_server
from tests.support.peers import eventually
from tests.support.speech import spoken
from voicechat.api import Conversation, Settings
from voicechat.core.user_events import StopPressed
from voicechat.journal.rerun import Checked, check, last_state
from voicechat.journal.sound_file import RATE
from voicechat.journal.tape import Tape, read_tape
from voicechat.journal.tapes import Listed, listed

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
    text = tape.events_file.read_text().replace('"effect":{"type":"CreateResponse"', '"effect":{"type":"ClearInput"')
    tape.events_file.write_text(text)
    ran = await voicechat("replay", str(tape.folder), "--check", environ=environ)
    assert ran.code == 1
    assert "the core decides otherwise at line" in ran.out
    assert "recorded  ClearInput" in ran.out and "now       CreateResponse" in ran.out
