"""A transcription service on a real WebSocket that does what the test says, and recordings for it."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np
from aiohttp import web
from numpy.typing import NDArray

from tests.support.service import Event, Seen, SocketService

WORDS = "conversation.item.input_audio_transcription."


@dataclass
class Scribe(SocketService):
    """Greets, takes the session, hears sound, and answers each commit by `on_commit`, each update by `on_update`."""

    greeting: Event | None = field(
        default_factory=lambda: {"type": "session.created", "session": {"type": "transcription", "audio": {}}}
    )
    on_commit: Callable[[Scribe, int], list[Event]] = lambda scribe, number: words_of(number, f"Item {number}.")
    on_update: Callable[[Scribe, Event], list[Event]] = lambda scribe, event: [
        {"type": "session.updated", "session": {}}
    ]
    on_sound: Callable[[Scribe, float], list[Event]] = lambda scribe, seconds: []
    """Called with the seconds of this session's sound after each piece of it."""
    refuses: int = 0
    """HTTP status for every upgrade."""
    sessions: int = 0
    commits: int = 0
    """Of all sessions."""
    said: list[Event] = field(default_factory=list)
    """What the client said, sound apart."""
    queries: list[dict[str, str]] = field(default_factory=list)
    heard: list[float] = field(default_factory=list)
    """Seconds of sound of each session, 24 kHz."""
    hang_up: tuple[int, str] | None = None
    """Close with this as soon as the events in hand are sent; once."""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    """Something was heard."""

    def refusal(self, seen: Seen) -> web.Response | None:
        self.queries.append(seen.query)
        if not self.refuses:
            return None
        return web.json_response({"error": {"message": "No.", "code": "nope"}}, status=self.refuses)

    def opened(self) -> Event | None:
        self.sessions += 1
        self.heard.append(0.0)
        return self.greeting

    async def take(self, event: Event, socket: web.WebSocketResponse) -> Sequence[Event]:
        answers = self.answers(event)
        if self.hang_up is None:
            return answers
        for answer in answers:
            await socket.send_json(answer)
        (code, reason), self.hang_up = self.hang_up, None
        await socket.close(code=code, message=reason.encode())
        return ()

    def answers(self, event: Event) -> list[Event]:
        """What an event of the client is answered with."""
        self.arrived.set()
        match event["type"]:
            case "input_audio_buffer.append":
                self.heard[-1] += len(base64.b64decode(event["audio"])) / 48_000
                return self.on_sound(self, self.heard[-1])
            case "input_audio_buffer.commit":
                self.said.append(event)
                self.commits += 1
                return self.on_commit(self, self.commits)
            case "session.update" | "transcription_session.update":
                self.said.append(event)
                return self.on_update(self, event)
            case _:
                self.said.append(event)
                return []


def words_of(number: int, text: str, **more: Any) -> list[Event]:
    """A commit that is taken and written down at once."""
    previous = f"item_{number - 1}" if number > 1 else None
    return [
        {"type": "input_audio_buffer.committed", "item_id": f"item_{number}", "previous_item_id": previous},
        {"type": f"{WORDS}completed", "item_id": f"item_{number}", "content_index": 0, "transcript": text, **more},
    ]


def turn(item: str, start: int, end: int, previous: str | None = None) -> list[Event]:
    """What the service's own turn detection says of a turn, in milliseconds."""
    return [
        {"type": "input_audio_buffer.speech_started", "item_id": item, "audio_start_ms": start},
        {"type": "input_audio_buffer.speech_stopped", "item_id": item, "audio_end_ms": end},
        {"type": "input_audio_buffer.committed", "item_id": item, "previous_item_id": previous},
    ]


def completed(item: str, text: str) -> Event:
    return {"type": f"{WORDS}completed", "item_id": item, "content_index": 0, "transcript": text}


def hum(*seconds: float) -> NDArray[np.int16]:
    """A voice for so many seconds, then silence for so many, and so on; 48 kHz."""
    made = []
    for number, length in enumerate(seconds):
        at = np.arange(round(length * 48_000)) / 48_000
        made.append(np.sin(2 * np.pi * 200 * at) * (0.0 if number % 2 else 6000))
    return np.asarray(np.concatenate(made), np.int16)


def encoded(sound: NDArray[np.int16], container: str, codec: str, rate: int = 48_000) -> bytes:
    """A sound file of any kind."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), "s16", "mono")
        frame.sample_rate = 48_000
        resampler = av.AudioResampler(
            format=stream.codec_context.format, layout="mono", rate=rate, frame_size=stream.codec_context.frame_size
        )
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    return file.getvalue()
