"""Sessions that end in the middle of a recording: every word is there once, in its order, at its time."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from tests.support.service import Event
from tests.transcription.scribe import Scribe, completed, encoded, hum
from tests.transcription.test_writing import service_at
from voicechat.transcription.formats import Result
from voicechat.transcription.options import TranscriptionOptions, read_commits, resolve_options
from voicechat.transcription.sound import Recording
from voicechat.transcription.writing import Writing

TURNS = 6
STEP = 2_500
"""How much louder each turn is than the one before it: that is how the service knows which one it hears."""
EXPIRED = {"code": "session_expired", "type": "invalid_request_error", "message": "Your session hit the maximum."}


def numbered() -> Recording:
    """A second of voice and a second of silence, six times; each voice has a loudness of its own."""
    parts = [hum(1.0, 1.0).astype(np.int32) * STEP * (number + 1) // 6_000 for number in range(TURNS)]
    return Recording("six.wav", None, encoded(np.concatenate(parts).astype(np.int16), "wav", "pcm_s16le", 24_000))


@dataclass
class ShortLived(Scribe):
    """A service whose sessions end after so many seconds of sound. It hears turns, or is told of them by commits."""

    lasts: float = 3.4
    finds_turns: bool = False
    pcm: bytes = b""
    """Sound of this session that is in no item yet."""
    silent: float = 0.0
    began: float | None = None
    ended: set[int] = field(default_factory=set)
    items: int = 0

    def answers(self, event: Event) -> list[Event]:
        if self.sessions in self.ended:
            return []
        if event["type"] != "input_audio_buffer.append":
            return super().answers(event)
        data = base64.b64decode(event["audio"])
        before = self.heard[-1]
        super().answers(event)
        if not before:
            self.pcm, self.silent, self.began = b"", 0.0, None
        self.pcm += data
        said = self._turns(data, before) if self.finds_turns else []
        if self.heard[-1] < self.lasts or self.sessions >= 12:
            return said
        self.ended.add(self.sessions)
        self.hang_up = (1000, "session_expired")
        return [*said, {"type": "error", "error": EXPIRED}]

    def _turns(self, data: bytes, at: float) -> list[Event]:
        """Turn detection by loudness, 0.2 s at a time."""
        is_loud = bool(np.abs(np.frombuffer(data, "<i2").astype(np.int32)).max(initial=0) > 500)
        if is_loud and self.began is None:
            self.began, self.silent, self.items = at, 0.0, self.items + 1
            start = round(at * 1000)
            name = f"item_{self.items}"
            return [{"type": "input_audio_buffer.speech_started", "item_id": name, "audio_start_ms": start}]
        self.silent = 0.0 if is_loud else self.silent + len(data) / 48_000
        if self.began is None or self.silent < 0.5:
            return []
        self.began, name = None, f"item_{self.items}"
        stop = round((at + len(data) / 48_000 - self.silent) * 1000)
        end = {"type": "input_audio_buffer.speech_stopped", "item_id": name, "audio_end_ms": stop}
        return [end, *self._item(name)]

    def _item(self, name: str) -> list[Event]:
        loudest = int(np.abs(np.frombuffer(self.pcm[: len(self.pcm) & ~1], "<i2").astype(np.int32)).max(initial=0))
        self.pcm = b""
        return [
            {"type": "input_audio_buffer.committed", "item_id": name, "previous_item_id": None},
            completed(name, f"Word {round(loudest / STEP)}."),
        ]

    def committed(self, number: int) -> list[Event]:
        self.items += 1
        return self._item(f"item_{self.items}")


def short_lived(**wishes: Any) -> ShortLived:
    scribe = ShortLived(**wishes)
    scribe.on_commit = lambda _, number: scribe.committed(number)
    return scribe


async def written(url: str, commit: str) -> Result:
    service = service_at(url)
    wish = TranscriptionOptions(service.settings.transcription_model, commits=read_commits(commit))
    writing = Writing(numbered(), service, resolve_options(wish, sound=service.sound))
    async with asyncio.timeout(60):
        await writing.run()
    return writing.result()


@pytest.mark.parametrize("lasts", [2.5, 3.4, 5.1])
@pytest.mark.parametrize("commit", ["vad", "server"])
async def test_a_session_that_expires_in_the_middle_of_a_recording_loses_no_word(commit: str, lasts: float) -> None:
    scribe = short_lived(lasts=lasts, finds_turns=commit == "server")
    async with scribe.serving() as url:
        result = await written(url, commit)
    assert scribe.sessions > 1, "the sessions did not end"
    assert [one.text for one in result.passages] == [f"Word {number + 1}." for number in range(TURNS)]
    starts = [one.start for one in result.passages]
    assert starts == pytest.approx([2.0 * number for number in range(TURNS)], abs=0.5)
    assert result.is_complete and not result.problems
