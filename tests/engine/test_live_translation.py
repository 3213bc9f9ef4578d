"""A whole translation session: the real engine and sound path, and a service that speaks the documented dialect."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tests.engine.conversing import WatchedTalk, watched
from tests.engine.test_over_websocket import humming
from tests.engine.translation_service import FRAME_BYTES, TranslationService
from tests.support.command import KEY
from tests.support.peers import Pcm, eventually
from voicechat.audio.files import read_wav
from voicechat.core.user_events import TextEntered
from voicechat.journal.reports import report_of


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
