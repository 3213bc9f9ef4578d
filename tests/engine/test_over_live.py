"""Whole talks over GPT-Live: the real engine and sound path with our own Live server, over both transports."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conversing import WatchedTalk, settings_for, watched
from tests.support.each import each
from tests.support.live_service import AT_THE_DOOR, AT_THE_START, IN_THE_TALK, LiveService
from tests.support.local_server import local_server
from tests.support.peers import eventually
from voicechat.api import Conversation
from voicechat.errors import VoiceChatError
from voicechat.journal.entry import Entry
from voicechat.journal.rerun import check
from voicechat.journal.tape import read_tape
from voicechat.local_server.live import LiveSession

TRANSPORTS = ["websocket", "webrtc"]
STORY = "Please tell me a long story about the sea."


@asynccontextmanager
async def talking(folder: Path, transport: str, **chosen: Any) -> AsyncIterator[WatchedTalk]:
    async with (
        local_server(words=STORY) as server,
        watched(server.base_url, folder, model="local-live", transport=transport, **chosen) as one,
    ):
        yield one


@each("transport", TRANSPORTS)
async def test_a_typed_question_is_answered_aloud_by_a_live_session(transport: str, tmp_path: Path) -> None:
    async with talking(tmp_path, transport) as one:
        answer = await one.talk.say("What is two plus two?")
        assert "4" in answer.text and one.of("assistant.audible")
        assert one.of("session.started") and one.of("session.instructions.append")
        assert len(one.of("session.start")) == (1 if transport == "websocket" else 0)
        assert not one.of("error")


@each("transport", TRANSPORTS)
async def test_a_stopped_live_answer_is_silent_and_the_next_one_is_heard(transport: str, tmp_path: Path) -> None:
    async with talking(tmp_path, transport) as one:
        story = asyncio.create_task(one.talk.say(STORY))
        await eventually(lambda: one.of("assistant.audible"), 20.0)
        one.talk.stop()
        assert (await story).cut_by == "you"
        await eventually(lambda: one.of("assistant.silent"))
        heard = len(one.of("assistant.audible"))
        await one.talk.say("What is two plus two?")
        assert len(one.of("assistant.audible")) > heard and not one.of("error")


@each("transport", TRANSPORTS)
async def test_a_live_session_that_was_lost_goes_on_with_the_conversation_as_its_history(
    transport: str, tmp_path: Path
) -> None:
    async with (
        local_server(words=STORY) as server,
        watched(server.base_url, tmp_path, model="local-live", transport=transport) as one,
    ):
        await one.talk.say("What is two plus two?")
        (lost,) = server.house.sessions
        assert isinstance(lost, LiveSession)
        lost.hang_up(1011, "the test ends it")
        await eventually(lambda: len(one.of("session.started")) == 2, 20.0)
        answer = await one.talk.say("What is three plus four?")
        assert "7" in answer.text and not one.of("error")
        asked = [event["content"] for event in one.of("session.instructions.append")]
        assert len(asked) == 2 and "three plus four" in asked[1], "nothing that was said before is answered again"
        for start in one.of("session.start")[1:]:
            told = [(item["role"], item["content"][0]["text"]) for item in start["session"]["input"]]
            assert told == [("user", "What is two plus two?"), ("assistant", "2 plus 2 is 4.")]


async def test_a_tape_of_a_live_session_has_its_wire_events_and_checks(tmp_path: Path) -> None:
    async with talking(tmp_path, "websocket", record=str(tmp_path / "tapes")) as one:
        await one.talk.say("What is two plus two?")
    (folder,) = (tmp_path / "tapes").iterdir()
    lines = [json.loads(line) for line in (folder / "session.jsonl").read_text(encoding="utf-8").splitlines()]
    types = {line["event"]["type"] for line in lines if line.get("dir") in ("in", "out")}
    assert {"session.start", "session.started", "session.output_transcript.delta"} <= types
    assert not types & {"response.created", "response.done"}
    assert check(read_tape(folder)).difference is None


# Our client against a Live service that shares no code with it and misbehaves: it ends or goes on, within a bound,


BOUND = 45.0
"""Seconds that one talk may take on a busy machine, from the first packet to the last; two or three are usual."""
PATIENCE = 15.0
CONNECTS_WITHIN = {"never_started": 2.0, "no_answer_at_all": 2.0}
ANSWERS_WITHIN = {"silence": 3.0, "sound_of_a_minute_at_once": 3.0}
"""Seconds after which nothing is expected any more, where that is what is tested; else `PATIENCE`."""
AT_ONCE = 3
"""Talks that go on at the same time."""
STARVED = r"(not answered|come from the service|came from the service) for \d"
"""What is said of a connection without a sign of life: a service in the same process is as starved as its client."""
TRIES = 3
WEBRTC_ONLY = {name for name in AT_THE_DOOR if name.startswith(("answer_", "ice_"))} | {"channel_closes_alone"}
ON_ITS_WAY = {"half_json", "no_object", "binary_frame", "silence", "goes_on_after_stop", "transcripts_out_of_order"}
AT_ITS_END = {"closed_and_stays", "gone_without_a_word", "closed_remote_hangup", "closed_for_no_known_reason"}
AT_ITS_END |= {"channel_closes_alone", "talks_on_after_closed"}
WEBSOCKET_ONLY = set(IN_THE_TALK) - ON_ITS_WAY - AT_ITS_END
"""What an event says is read by the same code over both; a data channel carries no message of more than 256 KiB."""
EXPECTED = {
    "refused_401": "needs a key",
    "refused_404": "no such model",
    "refused_429": "refusing calls for now",
    "refused_500": "an internal error",
    "web_page": "web page",
    "answer_is_no_json": "not with a session description",
    "answer_without_sdp": "not with a session description",
    "answer_sdp_nonsense": "session description is of no use",
    "answer_without_audio": "it has no audio",
    "answer_refuses_audio": "it has no audio",
    "answer_without_channel": "it has no channel for events",
    "ice_never_connects": "no packet came through",
    "no_answer_at_all": "did not answer in time",
    "never_started": "started no session within",
    "error_instead_of_start": "refused the session: Unknown parameter: 'session.voice'.",
    "closed_instead_of_start": "safety filter",
    "gone_before_start": "(ended the session at once|closed the connection before the session had started)",
    "silence": "no whole answer came within 3 s",
    "huge_frame": "a message of more than 16 MiB",
    "sound_of_a_minute_at_once": "no whole answer came within 3 s",
    "gone_in_a_frame": "the connection was lost without a reason",
    "text_that_is_no_utf8": "the service sent what is no WebSocket message",
    "frame_of_unknown_kind": "the service sent what is no WebSocket message",
    "channel_closes_alone": "the other side closed the channel",
    "talks_on_after_closed": "longest duration",
    "closed_twice": "longest duration",
    "closed_and_stays": "longest duration",
    "gone_without_a_word": "(ended the session|closed the channel)",
    "closed_close_requested": "because it was asked to",
    "closed_expired": "longest duration",
    "closed_content": "safety filter",
    "closed_remote_hangup": "the other side hung up",
    "closed_connection_lost": "lost its connection",
    "closed_for_no_known_reason": "the service ended the session",
}
"""What is said where the talk does not go on; elsewhere a message gets its answer."""
NOTED = {"error_event": "model.* stumbled", "error_without_words": "without words", "backend_fails": "overloaded"}
"""What is told in a talk that goes on."""


@dataclass
class Outcome:
    """What a user of the Python API met."""

    said: list[str] = field(default_factory=list)
    """Answers, and the text of errors."""
    notices: list[str] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)

    def watch(self, entry: Entry) -> None:
        match entry.event:
            case {"type": "notice", "text": str() as text}:
                self.notices.append(text)
            case {"type": "engine.defect", "message": message}:
                self.defects.append(str(message))


async def talk_with(service: LiveService, transport: str, folder: Path) -> Outcome:
    """Two messages, and what came of them; `goes_on_after_stop` is stopped in its first answer."""
    met = Outcome()
    async with service.serving() as url:
        patience = CONNECTS_WITHIN.get(service.misbehaviour, PATIENCE)
        settings = settings_for(url, model="gpt-live-1", transport=transport, connect_timeout=patience)
        try:
            async with asyncio.timeout(BOUND):
                talk = Conversation(settings, {"VOICECHAT_STATE_DIR": str(folder)})
                async with talk:
                    await _two_messages(talk, service, met)
        except VoiceChatError as error:
            met.said.append(str(error))
    async for happening in talk.events():  # what is left ends with the conversation
        met.watch(happening)
    return met


async def _two_messages(talk: Conversation, service: LiveService, met: Outcome) -> None:
    for _ in range(2):
        try:
            saying = asyncio.create_task(talk.say("Hi.", timeout=ANSWERS_WITHIN.get(service.misbehaviour, PATIENCE)))
            if service.misbehaviour == "goes_on_after_stop" and not met.said:
                await eventually(lambda: any(turn.text for turn in talk.transcript() if turn.who == "assistant"))
                talk.stop()
            met.said.append((await saying).text)
        except (VoiceChatError, TimeoutError) as error:
            met.said.append(str(error))


def judged(name: str, service: LiveService, met: Outcome) -> Iterable[str]:
    """What is wrong with an outcome."""
    if service.complaints or met.defects:
        yield f"{name}: {service.complaints[:2]} {met.defects[:2]}"
    if name in EXPECTED:
        if not met.said or not re.search(EXPECTED[name], met.said[0]):
            yield f"{name}: {EXPECTED[name]!r} was not said, but {met.said}"
    elif not any("Hello." in said for said in met.said):
        yield f"{name}: no answer, but {met.said}"
    if name in NOTED and not any(re.search(NOTED[name], notice) for notice in met.notices):
        yield f"{name}: {NOTED[name]!r} was not told, but {met.notices}"
    for text in (*met.said, *met.notices):
        if not text.partition("\n")[0] or "Traceback" in text or re.search(r"\w(Error|Exception)\b", text):
            yield f"{name}: not a sentence for a person: {text!r}"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("stage", [AT_THE_DOOR, AT_THE_START, IN_THE_TALK], ids=["door", "start", "talk"])
@pytest.mark.parametrize("transport", ["websocket", "webrtc"])
async def test_a_misbehaving_live_service_is_survived_and_named(
    transport: str,
    stage: tuple[str, ...],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    elsewhere = WEBSOCKET_ONLY if transport == "webrtc" else WEBRTC_ONLY
    loop, stray, slots = asyncio.get_running_loop(), list[Any](), asyncio.Semaphore(AT_ONCE)
    loop.set_exception_handler(lambda loop, context: stray.append(context))

    async def one(name: str) -> list[str]:
        async with slots:
            for _ in range(TRIES):
                service = LiveService(name)
                try:
                    met = await talk_with(service, transport, tmp_path / name)
                except TimeoutError:
                    return [f"{name}: hung for {BOUND} s"]
                found = list(judged(name, service, met))
                if not any(re.search(STARVED, said) for said in met.said):
                    break
            return found

    with caplog.at_level(logging.WARNING):
        found = await asyncio.gather(*(one(name) for name in ("", *stage) if name not in elsewhere))
    assert [line for lines in found for line in lines] == []
    ours = [record for record in caplog.records if record.name != "aiohttp.server"]  # that one is the service's
    assert stray == [] and "Traceback" not in "".join(capfd.readouterr())
    assert [record for record in ours if record.exc_info] == []
