"""The session's figures: turns, tokens, money, budget, the service's rate limits.

One `Ledger` is fed with every event and asked for `figures` when somebody looks.

The turns of a talk as CSV: one line a turn, times in milliseconds, empty where unknown.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from voicechat.insight.metrics.prices import NOTHING, PRICES_OF, Cost, Price, Usage, cost_of, price_of, read_usage
from voicechat.insight.metrics.turns import KEEP, Direction, TurnClock, TurnNumbers

COLUMNS = (
    "turn", "began_s", "spoken_ms", "first_sound_ms", "end_of_speech_ms", "answer_created_ms", "first_words_ms",
    "sound_after_words_ms", "transcript_ms", "cut_by", "silent_in_ms", "status", "response", "input_tokens",
    "cached_tokens", "output_tokens", "cost_usd", "cost_is_estimate",
)  # fmt: skip


def as_csv(turns: Iterable[tuple[TurnNumbers, Cost | None]]) -> str:
    """Header and lines. `began_s` is session time; every other time counts from the end of your speech."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_guarded(cell) for cell in _line(turn, cost)] for turn, cost in turns)
    return out.getvalue()


def _line(turn: TurnNumbers, cost: Cost | None) -> list[object]:
    usage = turn.usage
    return [
        turn.number,
        "" if turn.began_at is None else round(turn.began_at, 3),
        _ms(turn.spoken),
        _ms(turn.total),
        *(_ms(part) for part in turn.steps()),
        _ms(turn.transcript_in),
        turn.cut_by,
        _ms(turn.silent_in),
        turn.status,
        turn.response,
        *(("", "", "") if usage is None else (usage.input.total, usage.cached.total, usage.output.total)),
        "" if cost is None else f"{cost.usd:.6f}",
        "" if cost is None else str(cost.is_estimate).lower(),
    ]


def _ms(seconds: float | None) -> object:
    return "" if seconds is None else round(seconds * 1000)


def _guarded(cell: object) -> object:
    """A cell from outside (status, id) that a spreadsheet would take for a formula becomes text."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


WARN_AT = 0.9
"""Share of the budget from which the user is warned."""
LONGEST_LIMITS = 8
LONGEST_NAME = 200
"""Characters of a model's name that are kept."""
BudgetState = Literal["none", "within", "near", "spent"]
Source = Literal["response", "session", "transcription", "translation"]
Used = Callable[[Source, Usage, str, Cost | None], None]
"""Gets what was used, by which model, and what it costs as far as there is a price."""


class RateLimit(Struct, frozen=True):
    """One limit of the service: `remaining` of `limit`, full again in `reset` seconds counted from `at`.

    None where the service did not say.
    """

    name: str
    limit: float | None
    remaining: float | None
    reset: float | None
    at: float


class Money(Struct, frozen=True):
    """What was spent. `cost` None: the model that answers has no price, so tokens are all there is to say."""

    cost: Cost | None = None
    per_minute: float | None = None
    budget: float | None = None
    state: BudgetState = "none"
    prices_of: str = PRICES_OF
    stops: bool = True
    """At the end of the budget nothing more is asked."""
    is_own: bool = False
    """The model's price is the user's, not the table's."""


class SideWork(Struct, frozen=True):
    """What translating lines beside the talk used; no part of the talk's own sums, nor of its budget."""

    requests: int = 0
    usage: Usage = NOTHING
    cost: Cost | None = None
    """None: its model has no price."""
    model: str = ""


class Percentiles(Struct, frozen=True):
    """Of all answers so far, seconds; None where there is none."""

    p50: float | None = None
    p95: float | None = None
    best: float | None = None
    silent_p95: float | None = None


class Figures(Struct, frozen=True):
    """Everything the numbers view shows of the session. Times of turns are on the ledger's clock."""

    turns: tuple[TurnNumbers, ...] = ()
    costs: tuple[Cost | None, ...] = ()
    """Of each turn; parallel to `turns`."""
    percentiles: Percentiles = Percentiles()
    usage: Usage = NOTHING
    transcription: Usage = NOTHING
    money: Money = Money()
    unheard_tokens: int = 0
    limits: tuple[RateLimit, ...] = ()
    model: str = ""
    side: SideWork = SideWork()


class Ledger:
    """Fed with events in the order they flowed, times in seconds on one clock."""

    def __init__(
        self,
        *,
        budget: float | None = None,
        stops: bool = True,
        prices: Mapping[str, Price] | None = None,
        keep: int = KEEP,
        used: Used = lambda source, usage, model, cost: None,
    ) -> None:
        """`keep`: so many of the newest turns; `used` is told each use of the service, while it is fed."""
        self.model = ""
        self.transcription_model = ""
        self._budget = budget or None
        self._stops = stops
        self._prices = prices or {}
        self._used = used
        self._clock = TurnClock(keep)
        self._usage = NOTHING
        self._transcription = NOTHING
        self._cost: Cost | None = None
        self._has_unpriced = False
        self._billed_seconds: float | None = None
        """Of the GPT-Live session that runs, which counts them from its start; None in other sessions."""
        self._billed_at = 0.0
        """When the service told these seconds."""
        self._limits: tuple[RateLimit, ...] = ()
        self._side = SideWork()
        self._began_at: float | None = None
        self._now = 0.0

    def feed(self, at: float, direction: Direction, event: Mapping[str, Any]) -> bool:
        """Take in one event; whether a figure changed."""
        self._now = at
        changed = self._clock.feed(at, direction, event)
        if event.get("type") == "translation.used" and direction == "local":
            return self._bill_side(event)
        if direction == "local" and event.get("type") == "line.lost" and self._billed_seconds is not None:
            self._bill_seconds({"seconds": self._billed_seconds + at - self._billed_at})
            self._billed_seconds = None
            return True
        if direction != "in":
            return changed
        match event.get("type"):
            case "session.created" | "session.updated":
                self._learn_models(event.get("session"))
                self._began_at = at if self._began_at is None else self._began_at
            case "session.started":
                self._billed_seconds, self._billed_at = 0.0, at
            case "session.usage.updated" | "session.closed" as kind:
                changed = self._bill_seconds(event.get("usage")) or changed
                self._billed_at = at
                self._billed_seconds = self._billed_seconds if kind == "session.usage.updated" else None
                return changed
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

    def pass_time(self, now: float) -> bool:
        """Nothing came; whether the session that runs costs as long as it lasts (GPT-Live)."""
        self._now = max(self._now, now)
        return self._billed_seconds is not None

    @property
    def budget_state(self) -> BudgetState:
        """Where the money stands; `none` without a budget."""
        if not self._budget:
            return "none"
        spent = self.spent
        if spent >= self._budget:
            return "spent"
        return "near" if spent >= WARN_AT * self._budget else "within"

    @property
    def spent(self) -> float:
        """US dollars, as far as there are prices."""
        return (self._cost or Cost()).usd + self._running.usd

    @property
    def _running(self) -> Cost:
        """What a GPT-Live session has cost since the service told its seconds last (every ten seconds or so)."""
        price = price_of(self.model, self._prices)
        if self._billed_seconds is None or price is None or self._now <= self._billed_at:
            return Cost()
        return replace(cost_of(Usage(seconds=self._now - self._billed_at), price), is_estimate=True)

    @property
    def is_blind(self) -> bool:
        """Something was used that has no price, so no budget can be kept."""
        return self._has_unpriced

    @property
    def turns(self) -> Sequence[TurnNumbers]:
        """Every turn that is kept, the newest last."""
        return self._clock.turns

    def figures(self, last: int = 60) -> Figures:
        """The newest `last` turns and the sums of the whole session."""
        turns = tuple(self._clock.turns[-last:])
        return Figures(
            turns=turns,
            costs=tuple(self.cost_of_turn(turn) for turn in turns),
            percentiles=percentiles(self._clock.turns),
            usage=self._usage,
            transcription=self._transcription,
            money=self._money(),
            unheard_tokens=sum(turn.unheard_tokens for turn in self._clock.turns),
            limits=self._limits,
            model=self.model,
            side=self._side,
        )

    def _money(self) -> Money:
        cost = None if self._has_unpriced or self._cost is None else self._cost + self._running
        return Money(
            cost,
            self._per_minute() if cost is not None else None,
            self._budget,
            self.budget_state,
            stops=self._stops,
            is_own=price_of(self.model, self._prices) is not price_of(self.model),
        )

    def _learn_models(self, session: object) -> None:
        if not isinstance(session, Mapping):
            return
        model = session.get("model")
        self.model = model[:LONGEST_NAME] if isinstance(model, str) else self.model
        audio = session.get("audio")
        heard = audio.get("input") if isinstance(audio, Mapping) else session
        wished = None
        if isinstance(heard, Mapping):
            wished = heard.get("transcription") or heard.get("input_audio_transcription")
        if isinstance(wished, Mapping) and isinstance(wished.get("model"), str):
            self.transcription_model = str(wished["model"])[:LONGEST_NAME]

    def _bill_response(self, raw: object) -> None:
        usage = read_usage(raw)
        if usage is not None:
            self._usage = self._usage + usage
            if self._billed_seconds is not None:  # of a model behind GPT-Live, whose name nobody tells
                self._used("response", usage, "", None)
                self._spend(Cost(is_estimate=True))
            elif (cost := self._cost_of("response", usage, self.model)) is None:
                self._has_unpriced = True
            else:
                self._spend(cost)

    def _bill_seconds(self, raw: object) -> bool:
        """GPT-Live bills time, and tells the seconds of the whole session so far."""
        seconds = raw.get("seconds") if isinstance(raw, Mapping) else None
        if self._billed_seconds is None or not isinstance(seconds, int | float) or seconds <= self._billed_seconds:
            return False
        new, self._billed_seconds = Usage(seconds=seconds - self._billed_seconds), float(seconds)
        self._usage = self._usage + new
        if (cost := self._cost_of("session", new, self.model)) is None:
            self._has_unpriced = True
        else:
            self._spend(cost)
        return True

    def _bill_transcription(self, raw: object) -> None:
        usage = read_usage(raw)
        if usage is not None:
            self._transcription = self._transcription + usage
            cost = self._cost_of("transcription", usage, self.transcription_model)
            # A transcription without a price leaves the sum too small: it is shown as an estimate.
            self._spend(cost if cost is not None else Cost(is_estimate=True))

    def _bill_side(self, event: Mapping[str, Any]) -> bool:
        usage, was, model = read_usage(event.get("usage")), self._side, str(event.get("model", ""))[:LONGEST_NAME]
        if usage is None:
            return False
        usage = replace(usage, is_estimate=False)  # of a text model cached tokens can only be text
        cost, before = self._cost_of("translation", usage, model), was.cost if was.requests else Cost()
        cost = before + cost if cost is not None and before is not None else None
        self._side = SideWork(was.requests + 1, was.usage + usage, cost, model)
        return True

    def _cost_of(self, source: Source, usage: Usage, model: str) -> Cost | None:
        """None for a model without a price."""
        price = price_of(model, self._prices)
        cost = cost_of(usage, price) if price is not None else None
        self._used(source, usage, model, cost)
        return cost

    def _spend(self, cost: Cost) -> None:
        self._cost = (self._cost or Cost()) + cost

    def cost_of_turn(self, turn: TurnNumbers) -> Cost | None:
        """None where the service told no usage or the model has no price."""
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
            _amount(limit.get("limit")),
            _amount(limit.get("remaining")),
            _amount(limit.get("reset_seconds")),
            at,
        )
        for limit in raw[:LONGEST_LIMITS]
        if isinstance(limit, Mapping)
    )


def _amount(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < 1e15 else None  # type: ignore[arg-type,operator]  # see above
