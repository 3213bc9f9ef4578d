"""What the engine would send of a short talk: its events (runs, audio, a tool, a refused field and its cause), its
metrics, and levels that move like two voices."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from typing import Any, Literal

from voicechat.engine.eventlog import row_of
from voicechat.engine.link import Meters, Numbers
from voicechat.insight.metrics.ledger import Ledger
from voicechat.journal.entry import Entry
from voicechat.journal.observers import Observers

SAYS = "Of course. Madogiwa no seki o … that is “the seat by the window”. 窓際の席を。"


def row(
    seq: int,
    t: float,
    dir: str,
    type: str,
    text: str = "",
    size: int = 0,
    ids: tuple[str, str, str] = ("", "", ""),
    tags: tuple[str, ...] = (),
    **event: Any,
) -> Entry:
    """An event of which the list says `text`, about the response, item and call with these ids."""
    named = dict(zip(("response_id", "item_id", "call_id"), ids, strict=True))
    event = {"type": type, **event, **{name: id for name, id in named.items() if id}}
    return Entry(seq, t, dir, event | ({"delta": text} if text else {}), size, (), tags)  # type: ignore[arg-type]


def noted_in(entries: list[Entry]) -> Observers:
    """Keeps what happens in this list, on a clock that begins at 0."""
    observers = Observers(lambda name: None)
    observers.add("test", entries.append)
    return observers


class Talk:
    """Rows in the making: `at` moves on, sizes are those of the wire."""

    def __init__(self, started_at: float = 0.0) -> None:
        self.rows: list[Entry] = []
        self.at = started_at

    def put(
        self,
        dir: Literal["in", "out", "local"],
        type: str,
        after: float = 0.01,
        tags: tuple[str, ...] = (),
        size: int = 0,
        **more: Any,
    ) -> None:
        self.at += after
        event = {"type": type, "event_id": f"event_C4k{len(self.rows):04d}", **more}
        wire = size or (0 if dir == "local" else 60 + len(str(more)))
        self.rows.append(row_of(Entry(len(self.rows), self.at, dir, event, wire, (), tags)))

    def turn(self, number: int) -> None:
        """You say something, the assistant answers with sound and words."""
        user, answer, response = f"item_u{number}", f"item_a{number}", f"resp_{number}"
        self.put("in", "input_audio_buffer.speech_started", 1.2, audio_start_ms=1000 * number, item_id=user)
        self.put("in", "input_audio_buffer.speech_stopped", 2.8, audio_end_ms=1000 * number + 2800, item_id=user)
        self.put("in", "input_audio_buffer.committed", 0.01, item_id=user, previous_item_id=f"item_a{number - 1}")
        item = {"id": user, "type": "message", "role": "user", "status": "completed", "content": []}
        self.put("in", "conversation.item.added", 0.002, item=item, previous_item_id=f"item_a{number - 1}")
        self.put("in", "response.created", 0.09, response={"id": response, "status": "in_progress", "output": []})
        item = {"id": answer, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        self.put("in", "response.output_item.added", 0.05, response_id=response, output_index=0, item=item)
        ids: dict[str, Any] = {"response_id": response, "item_id": answer, "output_index": 0, "content_index": 0}
        self.put("in", "output_audio_buffer.started", 0.11, response_id=response)
        for n, word in enumerate(SAYS.split(" ")):
            sound = base64.b64encode(bytes(1920)).decode()
            self.put("in", "response.output_audio.delta", 0.02, size=2700, delta=sound, **ids)
            self.put("in", "response.output_audio_transcript.delta", 0.02, delta=f" {word}" if n else word, **ids)
        self.put("in", "response.output_audio_transcript.done", 0.01, transcript=SAYS, **ids)
        self.put("in", "response.output_audio.done", 0.001, **ids)
        for part in ("Slower, ", "please. ", "Just the ", "first half."):
            delta = "conversation.item.input_audio_transcription.delta"
            self.put("in", delta, 0.03, item_id=user, content_index=0, delta=part)
        self.put(
            "in", "conversation.item.input_audio_transcription.completed", 0.02, item_id=user, content_index=0,
            transcript="Slower, please. Just the first half.",
        )  # fmt: skip
        tokens = {"text_tokens": 421, "audio_tokens": 974, "cached_tokens": 1088}
        usage = {"input_tokens": 1395, "input_token_details": tokens, "output_tokens": 241}
        output = [{**item, "status": "completed", "content": [{"type": "output_audio", "transcript": SAYS}]}]
        done = {"id": response, "status": "completed", "status_details": None, "output": output, "usage": usage}
        self.put("in", "response.done", 0.4, response=done)


def talk_rows() -> tuple[Entry, ...]:
    """Three turns, a tool call, a session update that is refused, and what the developer sent."""
    talk = Talk(230.0)
    talk.put("in", "session.created", session={"id": "sess_C4kP0x", "model": "gpt-realtime-2.1", "voice": "marin"})
    talk.turn(6)
    of_call: dict[str, Any] = {"response_id": "resp_6", "item_id": "item_f7", "call_id": "call_9x"}
    call = {"id": "item_f7", "type": "function_call", "name": "get_weather", "call_id": "call_9x"}
    talk.put("in", "response.output_item.added", 0.3, response_id="resp_6", output_index=1, item=call)
    for part in ('{"city', '": "Tok', 'yo"}'):
        talk.put("in", "response.function_call_arguments.delta", 0.02, delta=part, **of_call)
    talk.turn(7)
    talk.put("local", "mic.closed", 0.1, reason="assistant speaking")
    vad = {"type": "server_vad", "max_speech_ms": 30_000}
    session = {"audio": {"input": {"turn_detection": vad}}, "instructions": "Answer in one short sentence. " * 14}
    talk.put("out", "session.update", 1.1, ("mine",), event_id="evt_ours_41", session=session)
    param = "session.audio.input.turn_detection.max_speech_ms"
    error = {"type": "invalid_request_error", "code": "unknown_parameter", "param": param, "event_id": "evt_ours_41",
             "message": f"Unknown parameter: '{param}'."}  # fmt: skip
    talk.put("in", "error", 0.04, error=error)
    talk.turn(8)
    talk.put("in", "rate_limits.updated", 0.001, rate_limits=[{"name": "tokens", "limit": 40000, "remaining": 38111}])
    talk.put("in", "input_audio_buffer.speech_started", 1.3, audio_start_ms=250_850, item_id="item_u9")
    return tuple(talk.rows)


EVENTS = json.loads((Path(__file__).parent / "data" / "flow.json").read_text(encoding="utf-8"))
"""Direction, type, summary."""


def rows(count: int = 64) -> tuple[Entry, ...]:
    made = []
    for i in range(count):
        direction, type, summary = EVENTS[i % len(EVENTS)]
        made.append(row(i, 184 + i * 0.731, direction, type, summary, 120, event_id=f"event_{i:04d}"))
    return tuple(made)


WAITS = (0.52, 0.66, 0.44, 0.48, 1.31, 0.56, 0.5, 0.45, 0.52, 0.43, 0.51, 0.46, 0.7, 0.44, 0.45, 0.5, 0.78, 0.55, 0.48)
"""Seconds from your last sound to the first one of the answer; the last turns of the talk are below."""
LAST = (0.9, 0.46, 0.47, 1.24, 0.5, 0.48, 0.52, 1.31, 0.412, 0.38)
NUMBERS_METERS = Meters(
    input=-14, output=-60, threshold=-38, rtt=0.038, jitter=0.004, loss=0.002, buffer=0.042, concealed=0.001,
    codec="opus", kbit_in=34, kbit_out=30,
)  # fmt: skip


def used(audio_in: int, text_in: int, cached: int, audio_out: int, text_out: int) -> dict[str, Any]:
    """What `response.done` tells."""
    half = cached // 2
    return {
        "input_tokens": audio_in + text_in,
        "output_tokens": audio_out + text_out,
        "input_token_details": {
            "text_tokens": text_in,
            "audio_tokens": audio_in,
            "cached_tokens": half * 2,
            "cached_tokens_details": {"text_tokens": half, "audio_tokens": half},
        },
        "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
    }


def numbers(*, model: str = "gpt-realtime-2.1", budget: float | None = 2.0, speaking: bool = True) -> Numbers:
    """Thirty turns, the last but one of which was cut, and one that is being spoken."""
    ledger = Ledger(budget=budget)
    ledger.feed(0.0, "in", {"type": "session.created", "session": {"model": model}})
    at = 2.0
    for number, wait in enumerate((*WAITS, *LAST)):
        at = _turn(ledger, at, number, wait)
    limit = {"name": "tokens", "limit": 40_000, "remaining": 38_912, "reset_seconds": 1.6}
    ledger.feed(at - 0.2, "in", {"type": "rate_limits.updated", "rate_limits": [limit]})
    if speaking:
        ledger.feed(at, "local", {"type": "voice.began", "began_at": at})
        ledger.feed(at + 0.1, "in", {"type": "input_audio_buffer.speech_started"})
    return Numbers(at + 1.0, ledger.figures())


def _turn(ledger: Ledger, at: float, number: int, wait: float) -> float:
    id, spoke = f"resp_{number}", 1.9 + number % 4 * 0.3
    ended = at + spoke
    ledger.feed(at, "local", {"type": "voice.began", "began_at": at})
    ledger.feed(at + 0.1, "in", {"type": "input_audio_buffer.speech_started"})
    ledger.feed(ended + 0.1, "local", {"type": "voice.ended", "ended_at": ended})
    ledger.feed(ended + 0.2, "in", {"type": "input_audio_buffer.speech_stopped"})
    ledger.feed(ended + wait - 0.06, "in", {"type": "response.created", "response": {"id": id}})
    delta = {"type": "response.output_audio_transcript.delta", "response_id": id, "delta": "Of"}
    ledger.feed(ended + wait - 0.035, "in", delta)
    ledger.feed(ended + wait, "local", {"type": "assistant.audible"})
    heard = {"type": "conversation.item.input_audio_transcription.completed", "transcript": "?"}
    ledger.feed(ended + 0.35, "in", heard)
    over = ended + wait + 4.0
    is_cut = number == len(WAITS) + len(LAST) - 2
    if is_cut:
        ledger.feed(over - 1.6, "local", {"type": "barge_in.happened", "voice_began_at": over - 1.65})
        ledger.feed(over - 1.5, "local", {"type": "assistant.silent", "last_audible_at": over - 1.592})
    usage = used(40 + number * 12, 400, 120 + number * 10, 48 + number % 7 * 8, 12)
    status = "cancelled" if is_cut else "completed"
    ledger.feed(over, "in", {"type": "response.done", "response": {"id": id, "status": status, "usage": usage}})
    return over + 1.0


def free_numbers() -> Numbers:
    """The same talk with the local server, which costs nothing."""
    return numbers(model="voicechat-local", budget=None, speaking=False)


def loudness(t: float, seed: float) -> float:
    """A level like uneven syllables, dBFS."""
    syllable = abs(math.sin(t * 7.3 + seed) * math.sin(t * 2.1 + seed * 2))
    return -42 + 32 * syllable


def levels(t: float) -> tuple[float, float, bool]:
    """Your level, the assistant's, and whether you are sent, in a rhythm of turns."""
    phase = t % 11.0
    if phase < 3.0:
        return loudness(t, 1.3), -60.0, True
    if 3.5 < phase < 9.5:
        return -55.0, loudness(t, 2.9), False
    return -55.0, -60.0, False
