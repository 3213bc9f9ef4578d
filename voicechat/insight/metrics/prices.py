"""Prices, dated, and what a usage costs by them. A user may overrule any line of the table in the configuration.

USD for a million tokens, from the services' own pages and the price map of litellm 1.109.1, which agree. An unknown
model has no price: then the screen shows tokens only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from voicechat.insight.metrics.usage import Usage

PRICES_OF = "2026-11-01"
"""The day the table was true."""
_MILLION = 1_000_000.0


@dataclass(frozen=True, slots=True)
class Price:
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
    "voicechat-local": Price(),
    "moonshine-tiny-en": Price(),
}
"""By model. The local server costs nothing, and says so."""
_DATED = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|latest)$")
_AUDIO_TOKENS_A_MINUTE = 600.0
"""User audio is one token per 100 ms: how a transcription that reports tokens is priced by the minute."""


@dataclass(frozen=True, slots=True)
class Cost:
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
    known = {field.name for field in fields(Price)}
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
