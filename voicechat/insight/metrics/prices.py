"""Prices, dated, and what a usage costs by them. A user may overrule any line of the table in the configuration.

USD for a million tokens, from the services' own pages and the price map of litellm 1.109.1, which agree. An unknown
model has no price: then the screen shows tokens only.

Tokens of one response or one transcription, read from what the service says of them.

Cached tokens are a part of the input tokens, and reasoning a part of the text output: both are counted once. A service
that leaves the split of cached tokens out is understood as having cached text, which is marked as an estimate.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace


class Tokens(Struct, frozen=True):
    """Tokens by modality."""

    text: int = 0
    audio: int = 0
    image: int = 0

    @property
    def total(self) -> int:
        return self.text + self.audio + self.image

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(self.text + other.text, self.audio + other.audio, self.image + other.image)


class Usage(Struct, frozen=True):
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
    return Tokens(
        _count(details.get("text_tokens")) or _count(details.get("text")),
        _count(details.get("audio_tokens")) or _count(details.get("audio")),
        _count(details.get("image_tokens")) or _count(details.get("image")),
    )


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
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12 else 0


def _amount(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9 else 0.0


PRICES_OF = "2026-11-01"
"""The day the table was true."""
_MILLION = 1_000_000.0


class Price(Struct, frozen=True):
    """USD for a million tokens of each kind; `minute` for services that bill time."""

    text_in: float = 0.0
    text_cached: float = 0.0
    text_out: float = 0.0
    audio_in: float = 0.0
    audio_cached: float = 0.0
    audio_out: float = 0.0
    image_in: float = 0.0
    image_cached: float = 0.0
    minute: float = 0.0


_REALTIME_2 = Price(4.0, 0.4, 24.0, 32.0, 0.4, 64.0, 5.0, 0.5)
_REALTIME = Price(4.0, 0.4, 16.0, 32.0, 0.4, 64.0, 5.0, 0.5)
_MINI = Price(0.6, 0.06, 2.4, 10.0, 0.3, 20.0, 0.8, 0.08)
PRICES: Mapping[str, Price] = {
    "gpt-realtime-2.1": _REALTIME_2,
    "gpt-realtime-2.1-mini": _MINI,
    "gpt-realtime-2": _REALTIME_2,
    "gpt-realtime-1.5": _REALTIME,
    "gpt-realtime": _REALTIME,
    "gpt-realtime-mini": _MINI,
    "gpt-4o-realtime-preview": Price(5.0, 2.5, 20.0, 40.0, 2.5, 80.0),
    "gpt-4o-mini-realtime-preview": Price(0.6, 0.3, 2.4, 10.0, 0.3, 20.0),
    "gpt-transcribe": Price(minute=0.0045),
    "gpt-live-transcribe": Price(minute=0.017),
    "gpt-realtime-whisper": Price(minute=0.017),
    "gpt-4o-transcribe": Price(minute=0.006),
    "gpt-4o-mini-transcribe": Price(minute=0.003),
    "whisper-1": Price(minute=0.006),
    "gpt-realtime-translate": Price(minute=0.034),
    "gpt-live-1": Price(minute=0.05),
    "voicechat-local": Price(),
    "local-live": Price(),
    "moonshine-tiny-en": Price(),
}
"""By model. The local server costs nothing, and says so."""
_DATED = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|latest)$")
_AUDIO_TOKENS_A_MINUTE = 600.0
"""User audio is one token per 100 ms: how a transcription that reports tokens is priced by the minute."""


class Cost(Struct, frozen=True):
    """US dollars. `is_estimate`: a part of it had to be assumed (shown as ≈)."""

    usd: float = 0.0
    is_estimate: bool = False

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.usd + other.usd, self.is_estimate or other.is_estimate)


def price_of(model: str, own: Mapping[str, Price] | None = None) -> Price | None:
    """The price of a model, its dated snapshots included; None for one that is in no table."""
    for table in (own or {}, PRICES):
        for name in (model, _DATED.sub("", model)):
            if name in table:
                return table[name]
    return None


def cost_of(usage: Usage, price: Price) -> Cost:
    """What this usage costs: cached input at its own price, the rest of the input at the full one."""
    if price.minute:
        minutes = usage.seconds / 60.0 or usage.input.audio / _AUDIO_TOKENS_A_MINUTE
        return Cost(minutes * price.minute, is_estimate=not usage.seconds)
    got, cached, made = usage.input, usage.cached, usage.output
    millionths = (
        (got.text - cached.text) * price.text_in
        + cached.text * price.text_cached
        + (got.audio - cached.audio) * price.audio_in
        + cached.audio * price.audio_cached
        + (got.image - cached.image) * price.image_in
        + cached.image * price.image_cached
        + made.text * price.text_out
        + made.audio * price.audio_out
    )
    return Cost(millionths / _MILLION, usage.is_estimate)


def read_prices(table: Mapping[str, object]) -> tuple[dict[str, Price], tuple[str, ...]]:
    """The user's own prices, `{model: {"text_in": 4.0, ...}}`, and one sentence for each entry that is none.

    An entry overrules single figures of the built-in line of its model, or makes a new line.
    """
    known = set(Price.__struct_fields__)
    made: dict[str, Price] = {}
    problems: list[str] = []
    for model, figures in table.items():
        if not isinstance(figures, Mapping):
            problems.append(f"prices.{model}: a table of figures is needed, such as {{ text_in = 4.0 }}")
            continue
        good: dict[str, float] = {}
        for name, value in figures.items():
            if name not in known:
                problems.append(f"prices.{model}.{name}: not known; there is {', '.join(sorted(known))}")
            elif not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1e6:
                problems.append(f"prices.{model}.{name}: dollars for a million tokens, as a number")
            else:
                good[str(name)] = float(value)
        made[model] = replace(price_of(model) or Price(), **good)
    return made, tuple(problems)
