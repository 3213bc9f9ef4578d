"""The order of the rules: only what `after` and `settles_after` declare may matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import Phase, given, settings, strategies as st

from tests.support.random_talk import BEGINNINGS, POLICIES, SCRIPTS
from tests.support.script import Moment, conversation
from voicechat.core import step as stepping
from voicechat.core.policy import TurnPolicy
from voicechat.core.step import RULES, Rule, in_settling_order, step

SETTLING = in_settling_order(RULES)


@cache
def moments() -> list[tuple[Moment, TurnPolicy]]:
    """What happens in random conversations, the same ones in every run."""
    collected: list[tuple[Moment, TurnPolicy]] = []

    @settings(
        derandomize=True, max_examples=settings().max_examples, phases=[Phase.generate], database=None, deadline=None
    )
    @given(st.tuples(SCRIPTS, st.sampled_from(POLICIES), st.sampled_from(BEGINNINGS)))
    def collect(talk: tuple[list, TurnPolicy, object]) -> None:  # type: ignore[type-arg]
        recipes, policy, begin = talk
        collected.extend((moment, policy) for moment in conversation(recipes, policy, begin(policy)))  # type: ignore[operator]

    collect()
    return collected


def swapped(rules: Sequence[Rule]) -> Iterator[tuple[Rule, Rule, list[Rule]]]:
    """Each pair of neighbours, with the list in which they changed places."""
    for index, (first, second) in enumerate(pairwise(rules)):
        yield first, second, [*rules[:index], second, first, *rules[index + 2 :]]


def difference(patch: pytest.MonkeyPatch, name: str, functions: tuple[object, ...]) -> str:
    """The first step that ends otherwise with these functions in that place; "" if none does."""
    with patch.context() as other:
        other.setattr(stepping, name, functions)
        for moment, policy in moments():
            again = step(moment.before, moment.event, moment.now, policy)
            if (again.state, again.effects) != (moment.result.state, moment.result.effects):
                return f"{moment!r} became {again.effects}"
    return ""


def test_neighbouring_rules_commute_unless_their_order_is_declared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    missing = {}
    for first, second, order in swapped(RULES):
        if first.name not in second.after:
            told = difference(monkeypatch, "_ON_EVENT", tuple(rule.on_event for rule in order))
            if told:
                missing[f"{second.name} after {first.name}"] = told
    for first, second, order in swapped(SETTLING):
        if first.name not in second.settles_after:
            told = difference(monkeypatch, "_SETTLERS", tuple(rule.settle for rule in order))
            if told:
                missing[f"{second.name} settles after {first.name}"] = told
    assert missing == {}


def test_the_rule_list_keeps_its_own_declarations() -> None:
    names, settled = [rule.name for rule in RULES], [rule.name for rule in SETTLING]
    broken = [
        f"{rule.name} after {first}"
        for order, declared in ((names, "after"), (settled, "settles_after"))
        for rule in RULES
        for first in getattr(rule, declared)
        if rule.name in order and order.index(first) > order.index(rule.name)
    ]
    assert broken == []
