"""Tokens of one response or one transcription, read from what the service says of them.

Cached tokens are a part of the input tokens, and reasoning a part of the text output: both are counted once. A service
that leaves the split of cached tokens out is understood as having cached text, which is marked as an estimate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens by modality."""

    text: int = 0
    audio: int = 0
    image: int = 0

    @property
    def total(self) -> int:
        return self.text + self.audio + self.image

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(self.text + other.text, self.audio + other.audio, self.image + other.image)


@dataclass(frozen=True, slots=True)
class Usage:
    """What was billed. `cached` is a part of `input`; `seconds` is for services that bill time."""

    input: Tokens = Tokens()
    cached: Tokens = Tokens()
    output: Tokens = Tokens()
    seconds: float = 0.0
    is_estimate: bool = False
    """The service left out a part that had to be assumed."""

    @property
    def total(self) -> int:
        return self.input.total + self.output.total

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input,
            self.cached + other.cached,
            self.output + other.output,
            self.seconds + other.seconds,
            self.is_estimate or other.is_estimate,
        )


NOTHING = Usage()


def read_usage(raw: object) -> Usage | None:
    """The `usage` of `response.done` or of a completed transcription, in either dialect; None where there is none."""
    if not isinstance(raw, Mapping):
        return None
    if raw.get("type") == "duration":
        return Usage(seconds=_amount(raw.get("seconds")))
    details_in = _part(raw, "input_token_details") or _part(raw, "input_tokens_details")
    details_out = _part(raw, "output_token_details") or _part(raw, "output_tokens_details")
    got = _filled(_tokens(details_in), _count(raw.get("input_tokens")))
    made = _filled(_tokens(details_out), _count(raw.get("output_tokens")))
    cached_total = _count(details_in.get("cached_tokens"))
    split = _part(details_in, "cached_tokens_details")
    cached = _tokens(split) if split else Tokens(text=cached_total)
    if not (got.total or made.total):
        return None
    return Usage(got, _within(cached, got), made, is_estimate=bool(cached_total and not split))


def _tokens(details: Mapping[str, Any]) -> Tokens:
    """Some services name the parts `text_tokens`, some only `text`."""
    text, audio, image = (
        _count(details.get(f"{name}_tokens")) or _count(details.get(name)) for name in ("text", "audio", "image")
    )
    return Tokens(text, audio, image)


def _filled(tokens: Tokens, total: int) -> Tokens:
    """What the details leave out of the total is taken for text."""
    return tokens + Tokens(text=max(0, total - tokens.total))


def _within(cached: Tokens, got: Tokens) -> Tokens:
    """No more can have been cached than came in; what text cannot hold was audio."""
    text = min(cached.text, got.text)
    audio = min(cached.audio + cached.text - text, got.audio)
    return Tokens(text, audio, min(cached.image, got.image))


def _part(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, Mapping) else {}


def _count(value: object) -> int:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12 else 0


def _amount(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9 else 0.0
