"""The session's figures: turns, tokens, money, budget, the service's rate limits.

One `Ledger` is fed with every event and asked for `figures` when somebody looks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from voicechat.numbers.prices import PRICES_OF, Cost, Price, cost_of, price_of
from voicechat.numbers.turns import Direction, TurnClock, TurnNumbers
from voicechat.numbers.usage import NOTHING, Usage, read_usage

WARN_AT = 0.9
"""Share of the budget from which the user is warned."""
LONGEST_LIMITS = 8
BudgetState = Literal["none", "within", "near", "spent"]


@dataclass(frozen=True, slots=True)
class RateLimit:
    """One limit of the service: `remaining` of `limit`, full again in `reset` seconds counted from `at`."""

    name: str
    limit: float
    remaining: float
    reset: float
    at: float


@dataclass(frozen=True, slots=True)
class Money:
    """What was spent. `cost` None: nothing that was used has a price, so tokens are all there is to say."""

    cost: Cost | None
    per_minute: float | None
    budget: float | None
    state: BudgetState
    prices_of: str = PRICES_OF


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of all answers so far, seconds; None where there is none."""

    p50: float | None = None
    p95: float | None = None
    best: float | None = None
    silent_p95: float | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything the numbers view shows of the session. Times of turns are on the ledger's clock."""

    turns: tuple[TurnNumbers, ...]
    costs: tuple[Cost | None, ...]
    """Of each turn; parallel to `turns`."""
    percentiles: Percentiles
    usage: Usage
    transcription: Usage
    money: Money
    unheard_tokens: int
    limits: tuple[RateLimit, ...]
    model: str


class Ledger:
    """Fed with events in the order they flowed, times in seconds on one clock."""

    def __init__(self, *, budget: float | None = None, prices: Mapping[str, Price] | None = None) -> None:
        self.model = ""
        self.transcription_model = ""
        self._budget = budget
        self._prices = prices or {}
        self._clock = TurnClock()
        self._usage = NOTHING
        self._transcription = NOTHING
        self._cost: Cost | None = None
        self._limits: tuple[RateLimit, ...] = ()
        self._began_at: float | None = None
        self._now = 0.0

    def feed(self, at: float, direction: Direction, event: Mapping[str, Any]) -> bool:
        """Take in one event; whether a figure changed."""
        self._now = at
        changed = self._clock.feed(at, direction, event)
        if direction != "in":
            return changed
        match event.get("type"):
            case "session.created" | "session.updated":
                self._learn_models(event.get("session"))
                self._began_at = at if self._began_at is None else self._began_at
            case "response.done":
                response = event.get("response")
                self._bill_response(response.get("usage") if isinstance(response, Mapping) else None)
            case "conversation.item.input_audio_transcription.completed":
                self._bill_transcription(event.get("usage"))
            case "rate_limits.updated":
                self._limits = _limits(event.get("rate_limits"), at)
            case _:
                return changed
        return True

    @property
    def budget_state(self) -> BudgetState:
        """Where the money stands; `none` without a budget."""
        if not self._budget:
            return "none"
        spent = self._cost.usd if self._cost is not None else 0.0
        if spent >= self._budget:
            return "spent"
        return "near" if spent >= WARN_AT * self._budget else "within"

    def figures(self, last: int = 60) -> Figures:
        """The newest `last` turns and the sums of the whole session."""
        turns = tuple(self._clock.turns[-last:])
        return Figures(
            turns=turns,
            costs=tuple(self._turn_cost(turn) for turn in turns),
            percentiles=percentiles(self._clock.turns),
            usage=self._usage,
            transcription=self._transcription,
            money=Money(self._cost, self._per_minute(), self._budget, self.budget_state),
            unheard_tokens=sum(turn.unheard_tokens for turn in self._clock.turns),
            limits=self._limits,
            model=self.model,
        )

    def _learn_models(self, session: object) -> None:
        if not isinstance(session, Mapping):
            return
        model = session.get("model")
        self.model = model if isinstance(model, str) else self.model
        audio = session.get("audio")
        heard = audio.get("input") if isinstance(audio, Mapping) else session
        wished = None
        if isinstance(heard, Mapping):
            wished = heard.get("transcription") or heard.get("input_audio_transcription")
        if isinstance(wished, Mapping) and isinstance(wished.get("model"), str):
            self.transcription_model = str(wished["model"])

    def _bill_response(self, raw: object) -> None:
        usage = read_usage(raw)
        if usage is not None:
            self._usage = self._usage + usage
            self._spend(usage, self.model)

    def _bill_transcription(self, raw: object) -> None:
        usage = read_usage(raw)
        if usage is not None:
            self._transcription = self._transcription + usage
            self._spend(usage, self.transcription_model)

    def _spend(self, usage: Usage, model: str) -> None:
        price = price_of(model, self._prices)
        if price is not None:
            self._cost = (self._cost or Cost()) + cost_of(usage, price)

    def _turn_cost(self, turn: TurnNumbers) -> Cost | None:
        price = price_of(self.model, self._prices)
        return cost_of(turn.usage, price) if turn.usage is not None and price is not None else None

    def _per_minute(self) -> float | None:
        if self._cost is None or self._began_at is None or self._now - self._began_at < 10.0:
            return None
        return self._cost.usd / (self._now - self._began_at) * 60.0


def percentiles(turns: Sequence[TurnNumbers]) -> Percentiles:
    """Nearest-rank percentiles of the totals and of the times to silence."""
    totals = sorted(turn.total for turn in turns if turn.total is not None)
    silences = sorted(turn.silent_in for turn in turns if turn.silent_in is not None)
    return Percentiles(_rank(totals, 0.5), _rank(totals, 0.95), totals[0] if totals else None, _rank(silences, 0.95))


def _rank(values: Sequence[float], share: float) -> float | None:
    return values[max(0, math.ceil(share * len(values)) - 1)] if values else None


def _limits(raw: object, at: float) -> tuple[RateLimit, ...]:
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        return ()
    return tuple(
        RateLimit(
            str(limit.get("name", ""))[:40],
            _number(limit.get("limit")),
            _number(limit.get("remaining")),
            _number(limit.get("reset_seconds")),
            at,
        )
        for limit in raw[:LONGEST_LIMITS]
        if isinstance(limit, Mapping)
    )


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
