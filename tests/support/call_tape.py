"""A tape of a call with two answers, written by hand: what a WebRTC session with a typed and a spoken turn leaves."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.tapes import STARTED_AT, write_lines
from voicechat.recording.tape import AUDIO_FILE, EVENTS_FILE

RATE = 24_000
LENGTH = 12.0
Line = dict[str, Any]


def told(t: float, kind: str, **fields: Any) -> Line:
    """A server event."""
    return {"t": t, "dir": "in", "event": {"type": kind, "event_id": f"event_{round(t * 1000)}", **fields}}


def did(t: float, kind: str, **fields: Any) -> Line:
    """A client event."""
    return {"t": t, "dir": "out", "event": {"type": kind, **fields}}


def answer(t: float, name: str, text: str) -> list[Line]:
    """An answer of 2 s, generated in 1 s."""
    item = {"id": f"item_{name}", "type": "message", "role": "assistant", "content": []}
    place = {"response_id": f"resp_{name}", "item_id": item["id"], "output_index": 0, "content_index": 0}
    words = text.split()
    half = len(words) // 2
    said = [" ".join(words[:half]) + " ", " ".join(words[half:])]
    done = {"id": f"resp_{name}", "status": "completed", "output": [item]}
    return [
        told(t, "response.created", response={"id": f"resp_{name}", "status": "in_progress", "output": []}),
        told(t + 0.1, "response.output_item.added", response_id=f"resp_{name}", output_index=0, item=item),
        told(t + 0.2, "output_audio_buffer.started", response_id=f"resp_{name}"),
        told(t + 0.3, "response.output_audio_transcript.delta", **place, delta=said[0]),
        told(t + 0.8, "response.output_audio_transcript.delta", **place, delta=said[1]),
        told(t + 1.0, "response.output_audio.done", **place),
        told(t + 1.01, "response.output_audio_transcript.done", **place, transcript=text),
        told(t + 1.02, "response.done", response=done),
        told(t + 2.2, "output_audio_buffer.stopped", response_id=f"resp_{name}"),
    ]


def call_lines() -> list[Line]:
    """A typed turn at 1 s, a spoken one at 5 s, an update of the session at 9 s; all of it over by 12 s."""
    typed = {"id": "typed-1", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello?"}]}
    user = {"id": "item_user", "type": "message", "role": "user", "content": []}
    session = {"type": "realtime", "id": "sess_1", "model": "m", "audio": {"output": {"voice": "heart"}}}
    return [
        {"tape": 1, "started_at": STARTED_AT},
        told(0.5, "session.created", session=session),
        did(1.0, "conversation.item.create", event_id="e-1", item=typed),
        did(1.0, "response.create", event_id="e-2"),
        told(1.1, "conversation.item.added", item=typed, previous_item_id=None),
        *answer(1.2, "a", "Hello there, how are you?"),
        told(5.0, "input_audio_buffer.speech_started", audio_start_ms=100, item_id="item_user"),
        told(6.0, "input_audio_buffer.speech_stopped", audio_end_ms=1100, item_id="item_user"),
        told(6.0, "input_audio_buffer.committed", item_id="item_user", previous_item_id="item_a"),
        told(6.1, "conversation.item.added", item=user, previous_item_id="item_a"),
        *answer(6.2, "b", "It is half past nine."),
        told(6.5, "conversation.item.input_audio_transcription.completed", item_id="item_user", content_index=0,
             transcript="What time is it?"),
        did(9.0, "session.update", event_id="e-3", session={"type": "realtime", "instructions": "Be brief."}),
        told(9.1, "session.updated", session=session),
        {"t": LENGTH, "dir": "local", "event": {"type": "line.hanging_up"}},
    ]  # fmt: skip


def call_tape(folder: Path, *, with_sound: bool = True) -> Path:
    """The folder of the tape. A low tone is you from 5 to 6 s, a high one the assistant while it is audible."""
    write_lines(folder / EVENTS_FILE, call_lines())
    if with_sound:
        sound = np.zeros((int(LENGTH * RATE), 2), np.int16)
        sound[:, 0] = tone(220.0, ((5.0, 6.0),))
        sound[:, 1] = tone(880.0, ((1.4, 3.4), (6.4, 8.4)))
        with wave.open(str(folder / AUDIO_FILE), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(sound.tobytes())
    return folder


def tone(pitch: float, spans: tuple[tuple[float, float], ...]) -> np.ndarray[Any, np.dtype[np.int16]]:
    """int16 of the whole tape."""
    t = np.arange(int(LENGTH * RATE)) / RATE
    wave_form = 10_000 * np.sin(2 * np.pi * pitch * t)
    audible = np.zeros(len(t), bool)
    for start, end in spans:
        audible |= (t >= start) & (t < end)
    return np.where(audible, wave_form, 0).astype(np.int16)
