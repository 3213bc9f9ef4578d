"""A whole translation session: the real engine and sound path, and a service that speaks the documented dialect."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
from aiohttp import web

from tests.engine.conversing import WatchedTalk, conversing, watched
from tests.engine.test_over_websocket import humming
from tests.support.command import KEY, environ_for, voicechat
from tests.support.local_server import local_server
from tests.support.peers import Pcm, eventually
from tests.support.service import Event, Seen, SocketService
from tests.translation.test_translator import TranslatingServer
from voicechat.audio.files import read_wav
from voicechat.core.user_events import TextEntered
from voicechat.exit_codes import DONE, USAGE
from voicechat.journal.past_talk import as_markdown, as_text, transcript_of
from voicechat.journal.reports import report_of
from voicechat.journal.rerun import last_state
from voicechat.journal.tape import read_tape

FRAME_BYTES = 9_600
"""200 ms of 24 kHz PCM16, in which the service translates."""
KNOWN = ("session.update", "session.input_audio_buffer.append", "session.close")
UPDATABLE = {"input": {"noise_reduction", "transcription"}, "output": {"language"}}


@dataclass
class TranslationService(SocketService):
    """Greets with a session, and refuses what is not of the interface."""

    expires_at: Callable[[int], float | None] = lambda number: None
    """Unix time at which a connection's session ends, by its number; None: not said."""
    paths: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    appended: list[list[bytes]] = field(default_factory=list)
    """Pieces of the microphone, by connection."""
    refused: list[str] = field(default_factory=list)
    """What the client should not have sent."""
    closed_by_event: asyncio.Event = field(default_factory=asyncio.Event)

    session: Event = field(default_factory=dict)

    def refusal(self, seen: Seen) -> web.Response | None:
        query = f"?{urlencode(seen.query)}" if seen.query else ""
        self.paths.append(seen.path + query)
        self.keys.append(seen.headers.get("authorization", ""))
        if seen.path == "/v1/realtime/translations":
            return None
        return web.json_response({"error": {"message": "no such page", "code": "not_found"}}, status=404)

    def opened(self) -> Event | None:
        self.appended.append([])
        self.session = {"id": f"sess_{len(self.sockets)}", "type": "translation"}
        self.session |= {"model": self.seen[-1].query.get("model", "")}
        self.session |= {"audio": {"input": {}, "output": {"language": "en"}}}
        if (ends := self.expires_at(len(self.sockets))) is not None:
            self.session["expires_at"] = int(ends)
        return {"type": "session.created", "event_id": "event_1", "session": self.session}

    async def take(self, event: Event, socket: web.WebSocketResponse) -> Sequence[Event]:
        kind = str(event.get("type"))
        if kind not in KNOWN:
            return self._refused(kind, f"Invalid value: '{kind}'.", event)
        if kind == "session.close":
            self.closed_by_event.set()
            await socket.send_json({"type": "session.closed", "event_id": "event_bye"})
            await socket.close()
            return ()
        if kind == "session.input_audio_buffer.append":
            self.appended[self.sockets.index(socket)].append(base64.b64decode(event["audio"], validate=True))
            return ()
        wanted = event["session"]
        wrong = [name for name in wanted if name != "audio"]
        wrong += [f"{s}.{n}" for s, part in wanted.get("audio", {}).items() for n in set(part) - UPDATABLE[s]]
        if wrong:
            return self._refused(kind, f"Unknown parameter: 'session.{wrong[0]}'.", event)
        self.updates.append(wanted)
        self.session["audio"] = wanted["audio"]
        return [{"type": "session.updated", "event_id": "event_1", "session": self.session}]

    def _refused(self, kind: str, message: str, event: Event) -> list[Event]:
        self.refused.append(f"{kind}: {message}")
        error = {"type": "invalid_request_error", "message": message, "event_id": event.get("event_id")}
        return [{"type": "error", "event_id": "event_1", "error": error}]

    async def say(self, kind: str, **members: Any) -> None:
        await self.socket.send_json({"type": kind, "event_id": "event_1", **members})

    async def heard(self, *pieces: str) -> None:
        """What was said, as it is understood."""
        for piece in pieces:
            await self.say("session.input_transcript.delta", delta=piece, elapsed_ms=400)

    async def translated(self, *pieces: str, pcm: Pcm | None = None) -> None:
        """Its translation: words, and 24 kHz sound in pieces of 200 ms."""
        for piece in pieces:
            await self.say("session.output_transcript.delta", delta=piece, elapsed_ms=600)
        data = b"" if pcm is None else pcm.astype("<i2").tobytes()
        for at in range(0, len(data), FRAME_BYTES):
            audio = base64.b64encode(data[at : at + FRAME_BYTES]).decode()
            form = {"format": "pcm16", "sample_rate": 24_000, "channels": 1, "elapsed_ms": 600}
            await self.say("session.output_audio.delta", delta=audio, **form)

    def sound(self, connection: int = -1) -> Pcm:
        """What came of the microphone, 24 kHz."""
        return np.frombuffer(b"".join(self.appended[connection]), "<i2").astype(np.int16)


# A whole translation session: the real engine and sound path, and a service that speaks the documented dialect


def beep(seconds: float) -> Pcm:
    """24 kHz."""
    return (9_000 * np.sin(2 * np.pi * 440 * np.arange(int(24_000 * seconds)) / 24_000)).astype(np.int16)


@asynccontextmanager
async def translating(folder: Path, **chosen: Any) -> AsyncIterator[tuple[WatchedTalk, TranslationService]]:
    service, mic = TranslationService(), humming(folder / "mic.wav", 30.0)
    async with (
        service.serving() as url,
        watched(url, folder, live_translate="Spanish", mic=mic, **chosen) as one,
    ):
        await eventually(lambda: len(service.updates) > 0)
        yield one, service


async def test_speech_goes_out_and_words_and_sound_in_the_other_language_come_back(tmp_path: Path) -> None:
    async with translating(tmp_path, record=str(tmp_path / "tape")) as (one, service):
        assert service.paths == ["/v1/realtime/translations?model=gpt-realtime-translate"]
        assert service.keys == [f"Bearer {KEY}"]
        (wish,) = service.updates
        spoken = {"input": {"transcription": {"model": "gpt-realtime-whisper"}}, "output": {"language": "es"}}
        assert wish == {"audio": spoken}
        await eventually(lambda: [len(piece) for piece in service.appended[0][-3:]] == [FRAME_BYTES] * 3)
        await service.heard("Hello", " there.")
        await service.translated("Hola", " a todos.", pcm=beep(1.0))
        await eventually(lambda: one.lines() == [("you", "Hello there."), ("assistant", "Hola a todos.")])
        await eventually(lambda: bool(one.of("assistant.audible")))
        await eventually(lambda: one.talk.transcript()[-1].partial is False, 10.0)
        assert one.talk.view().mic.is_on_air and not service.refused and not one.of("error")
    assert np.abs(read_wav(tmp_path / "heard.wav")).max() > 0.1
    await asyncio.wait_for(service.closed_by_event.wait(), 5.0)
    assert service.refused == []
    (tape,) = (tmp_path / "tape").rglob("session.jsonl")
    report = report_of(str(tape))
    assert report.is_healthy, report.findings


async def test_the_mic_stays_open_during_translation_and_mute_sends_silence(tmp_path: Path) -> None:
    async with translating(tmp_path) as (one, service):
        await eventually(lambda: bool(np.any(service.sound())))
        await service.translated("Hola.", pcm=beep(2.0))
        await eventually(lambda: bool(one.of("assistant.audible")))
        assert one.talk.view().mic.is_on_air
        one.talk.mute()
        await eventually(lambda: bool(one.of("mic.closed")))
        before = len(service.appended[0])
        await eventually(lambda: len(service.appended[0]) >= before + 4)
        last = np.frombuffer(service.appended[0][-1], "<i2")
        assert not last.any()


async def test_stop_drops_what_waits_and_the_next_words_are_heard_again(tmp_path: Path) -> None:
    async with translating(tmp_path) as (one, service):
        await service.translated("Uno, dos, tres.", pcm=beep(8.0))
        await eventually(lambda: bool(one.of("assistant.audible")))
        one.talk.stop()
        await eventually(lambda: bool(one.of("assistant.silent")))
        assert one.line().stats().buffer == 0.0
        await service.translated("Cuatro.", pcm=beep(1.0))
        await eventually(lambda: len(one.of("assistant.audible")) == 2)
        assert service.refused == [] and ("assistant", "Cuatro.") in one.lines()


async def test_what_such_a_session_has_not_is_said_in_a_sentence_and_never_sent(tmp_path: Path) -> None:
    async with translating(tmp_path) as (one, service):
        one.talk._live().session.tell(TextEntered("Hello"))
        one.talk.talk()
        one.talk.release()
        await eventually(lambda: len(one.lines("note")) == 2)
        (_, typed), (_, pressed) = one.lines("note")
        assert "typed text" in typed and "mute" in pressed
        await eventually(lambda: len(service.appended[0]) >= 3)
        assert service.refused == []


async def test_a_reconnect_keeps_the_kind_of_session_and_the_transcript(tmp_path: Path) -> None:
    async with translating(tmp_path) as (one, service):
        await service.heard("Good morning.")
        await service.translated("Buenos días.")
        await eventually(lambda: len(one.lines()) == 2)
        await service.socket.close(code=1011)
        await eventually(lambda: len(service.updates) == 2, 15.0)
        await service.heard("And goodbye.")
        await eventually(lambda: one.lines()[-1] == ("you", "And goodbye."))
        assert one.lines()[:2] == [("you", "Good morning."), ("assistant", "Buenos días.")]
        assert service.refused == [] and service.updates[0] == service.updates[1]


# `--translate` through the whole chain: the real engine, a real local server, a real text endpoint


QUESTION = "What is twelve times seven?"
WORDS = {QUESTION: "Was ist zwölf mal sieben?"}


def arguments(talk: str, translate: str) -> tuple[str, ...]:
    there = ("--base-url", talk, "--translate", "de", "--translate-url", translate)
    return ("run", "--text", QUESTION, "--speaker", "none", *there)


async def test_a_run_ends_with_both_sides_translated_and_tells_what_it_used(tmp_path: Path) -> None:
    server = TranslatingServer(WORDS)
    async with server.serving() as url, local_server() as talk:
        folder = str(tmp_path / "tapes")
        ran = await voicechat(
            *arguments(talk.base_url, url), "--json", "--record", folder, environ=environ_for(tmp_path)
        )
    assert ran.code == DONE, ran.err
    yours, answer = ran.summary["transcript"]
    assert yours["translation"] == WORDS[QUESTION] and answer["translation"] == f"<{answer['text']}>"
    told = [line["event"] for line in ran.lines[:-1] if line["event"].get("type") == "translation"]
    assert {event["text"] for event in told} == {yours["translation"], answer["translation"]}
    assert ran.summary["translation"]["requests"] == 2 and ran.summary["translation"]["input_tokens"] == 120
    assert "usage" not in ran.summary or ran.summary["usage"]["input_tokens"].get("text", 0) != 120
    assert all(KEY not in json.dumps([asked.headers, asked.query, asked.body]) for asked in server.asked)
    tape = read_tape(next((tmp_path / "tapes").iterdir()))
    story = transcript_of(tape)
    assert [line.turn.translation for line in story.lines if line.turn.who != "note"] == [
        yours["translation"],
        answer["translation"],
    ]
    assert f"↳ {WORDS[QUESTION]}" in as_text(story) and "Was ist zwölf" in as_markdown(story)
    assert last_state(tape) is not None


async def test_plain_talk_says_a_translation_in_a_line_of_its_own(tmp_path: Path) -> None:
    server = TranslatingServer(WORDS)
    async with server.serving() as url, local_server() as talk:
        there = ("--base-url", talk.base_url, "--translate", "German", "--translate-url", url)
        process = await asyncio.create_subprocess_exec(
            *_command("--plain", "--speaker", "none", *there),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environ_for(tmp_path),
        )
        async with asyncio.timeout(40):
            out, _ = await process.communicate(f"{QUESTION}\n".encode())
    lines = out.decode().splitlines()
    assert process.returncode == DONE
    assert f"[you in German] {WORDS[QUESTION]}" in lines
    assert any(" in German] <" in line for line in lines), lines


async def test_a_hopeless_endpoint_costs_one_note_and_never_the_talk(tmp_path: Path) -> None:
    server = TranslatingServer(script=[web.Response(status=401) for _ in range(4)])
    async with server.serving() as url, local_server() as talk:
        ran = await voicechat(*arguments(talk.base_url, url), "--json", environ=environ_for(tmp_path))
    assert ran.code == DONE, ran.err
    assert len(ran.summary["transcript"]) == 2
    (note,) = [text for text in ran.summary["problems"] if text.startswith("Translation")]
    assert "wants a key (401)" in note and "VOICECHAT_TRANSLATE_KEY" in note


async def test_without_an_endpoint_nobody_is_called_and_one_sentence_says_what_is_missing(tmp_path: Path) -> None:
    for command in (("run", "--text", "Hello"), ("--plain", "--mic", "none")):
        ran = await voicechat(*command, "--translate", "de", environ=environ_for(tmp_path))
        assert ran.code == USAGE and "needs a text endpoint" in ran.err and "--translate-url" in ran.err
    ran = await voicechat("run", "--text", "Hello", "--translate", "12", environ=environ_for(tmp_path))
    assert ran.code == USAGE and "is not a language" in ran.err


async def test_a_program_gets_the_translations_with_its_transcript(tmp_path: Path) -> None:
    server = TranslatingServer(WORDS)
    async with server.serving() as url, local_server() as there:
        async with conversing(there.base_url, tmp_path, translate="de", translate_url=url) as talk:
            await talk.say(QUESTION)
            async with asyncio.timeout(10):
                while any(turn.translation is None for turn in talk.transcript() if turn.who != "note"):
                    await talk._next_change()
            assert talk.transcript()[0].translation == WORDS[QUESTION]


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "voicechat", *arguments]
