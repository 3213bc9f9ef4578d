"""The user's budget: a warning at nine tenths, and at its end nothing more is asked until the user says so.

Money is counted outside (prices are no business of a turn); this rule is told where it stands. When it is spent, the
mic closes (`microphone`), no answer is created (`single_response`), and a running answer may finish: it is paid for
already. What was wanted meanwhile is asked for when the user goes on.
"""

from __future__ import annotations

from msgspec.structs import replace

from voicechat.core.events import (
    Announcement,
    AnyEvent,
    BudgetBlind,
    BudgetNear,
    BudgetSpent,
    ConnectWanted,
    GoOnChosen,
    Noticed,
    ReplyWanted,
)
from voicechat.core.policy import TurnPolicy
from voicechat.core.rules.result import NOTHING, RuleResult
from voicechat.core.state import Budget, State


def on_event(state: State, event: AnyEvent, now: float, policy: TurnPolicy) -> RuleResult:
    """Keep the fact, and say it."""
    match event:
        case BudgetNear(spent, budget):
            text = f"{dollars(spent)} of your budget of {dollars(budget)} are spent."
            return RuleResult(None, (), (Noticed("warning", text, "budget_near"),))
        case BudgetSpent(spent, budget, stops):
            if not stops:
                text = f"Your budget of {dollars(budget)} is spent; the talk goes on, as you set it."
                return RuleResult(None, (), (Noticed("warning", text, "budget_over"),))
            return _changed(state, Budget(budget, now), Noticed("warning", _spent(budget), "budget_spent"))
        case BudgetBlind(budget, model):
            text = f"Your budget of {dollars(budget)} cannot be kept: there is no price for {model or 'this model'}."
            text += " [prices] in the configuration gives it one."
            return RuleResult(None, (), (Noticed("warning", text, "budget_blind"),))
        case ReplyWanted() if is_spent(state):
            text = f"Not asked: your budget of {dollars(state.budget.amount)} is spent."
            return RuleResult(None, (), (Noticed("warning", text, "budget_not_asked"),))
        case GoOnChosen() if is_spent(state):
            told = Noticed("info", f"Going on beyond your budget of {dollars(state.budget.amount)}.", "budget_passed")
            ended = policy.billed_by_time and state.connection.phase == "lost"
            connects = (ConnectWanted(),) if ended else ()
            asks = (ReplyWanted("", "again"),) if state.responses.wanted else ()
            return _changed(state, Budget(state.budget.amount), told, *connects, *asks)
        case _:
            return NOTHING


def is_spent(state: State) -> bool:
    """Whether the talk waits for the user's word before it may cost more."""
    return state.budget.spent_at is not None


def dollars(amount: float) -> str:
    """`$2.00`; four places below a cent, because a budget may be that small."""
    return f"${amount:.2f}" if amount >= 0.01 else f"${amount:.4f}"


def _spent(budget: float) -> str:
    more = max(2.5 * budget, 0.01)
    return f"The budget of {dollars(budget)} is spent. Start with voicechat --budget {float(f'{more:.2g}'):g} for more."


def _changed(state: State, budget: Budget, *announced: Announcement) -> RuleResult:
    return RuleResult(replace(state, budget=budget), (), announced)
