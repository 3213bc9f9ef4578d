"""A talk of thirty turns as events through the real ledger: the numbers that screens and tests show."""

from __future__ import annotations

from typing import Any

from voicechat.engine.link import Meters, Numbers
from voicechat.insight.metrics.ledger import Ledger

WAITS = (0.52, 0.66, 0.44, 0.48, 1.31, 0.56, 0.5, 0.45, 0.52, 0.43, 0.51, 0.46, 0.7, 0.44, 0.45, 0.5, 0.78, 0.55, 0.48)
"""Seconds from your last sound to the first one of the answer; the last turns of the talk are below."""
LAST = (0.9, 0.46, 0.47, 1.24, 0.5, 0.48, 0.52, 1.31, 0.412, 0.38)
METERS = Meters(
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
