"""The machine around the rules: announcements in the same step, one place for old lines, loops that fail loudly."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import Phase, given, settings, strategies as st
from msgspec.structs import fields, replace

import voicechat.core
from tests.support.each import each
from tests.support.random_talk import BEGINNINGS, POLICIES, SCRIPTS
from tests.support.script import Moment, conversation, opened
from voicechat.core import effects, step as stepping
from voicechat.core.effects import Effect
from voicechat.core.events import AnyEvent, Noticed, Received, TextEntered, TimePassed
from voicechat.core.policy import PRESETS, TurnPolicy, policy_for
from voicechat.core.rules.result import NOTHING, RuleResult
from voicechat.core.state import State
from voicechat.core.step import RULES, Rule, by_server_event, in_settling_order, next_deadline, step
from voicechat.errors import LocalProtocolError
from voicechat.protocol.client_events import CLIENT_EVENTS
from voicechat.protocol.items import Response
from voicechat.protocol.server_events import SERVER_EVENTS, ResponseCreated

POLICY = TurnPolicy()


def test_announcements_are_handled_in_the_same_step() -> None:
    result = step(opened(), TextEntered("hello"), 1.0, POLICY)
    assert [type(effect).__name__ for effect in result.effects] == ["ConversationItemCreate", "ResponseCreate"]
    assert [type(news).__name__ for news in result.announced] == ["ReplyWanted"]


def test_what_an_old_line_says_changes_nothing() -> None:
    begin = opened()
    late = Received(begin.connection.number - 1, ResponseCreated(response=Response(id="r1")))
    result = step(begin, late, 1.0, POLICY)
    assert result.state is begin
    assert result.effects == ()


def test_nothing_waits_for_time_in_a_quiet_conversation() -> None:
    assert next_deadline(opened(), 1.0, POLICY) is None
    assert next_deadline(State(), 1.0, POLICY) is None


def test_time_that_passes_without_a_deadline_changes_nothing() -> None:
    begin = opened()
    assert step(begin, TimePassed(), 5.0, POLICY).state is begin


def test_rules_that_answer_each_other_without_end_fail_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    def echo(state: State, event: AnyEvent, now: float, policy: TurnPolicy) -> RuleResult:
        return replace(NOTHING, announced=(Noticed("info", "again"),))

    monkeypatch.setattr(stepping, "_ON_EVENT", (echo,))
    with pytest.raises(LocalProtocolError, match="without end"):
        step(opened(), TimePassed(), 1.0, POLICY)


def test_r23_a_preset_leaves_all_other_numbers_alone() -> None:
    assert policy_for(PRESETS["balanced"]) == TurnPolicy()
    assert policy_for(PRESETS["steady"]) == TurnPolicy(reply_to_transcript_only=True, reopen_delay=0.4)
    assert policy_for(PRESETS["quick"]) == TurnPolicy(mic_open_during_playback=True)


# The core stays pure, each effect has one author, and each rule changes only what it owns


CORE = Path(voicechat.core.__file__).parent
MODULES = sorted(CORE.rglob("*.py"))
EFFECTS = {kind.__name__ for kind in get_args(Effect)}
ABOUT_ITEMS = {
    "ConversationItemCreate": {"developer.py", "resuming.py", "tools.py", "typed_text.py"},
    "ConversationItemTruncate": {"developer.py", "single_response.py"},
}
"""Client events that several rules send, each about items of its own; their ids tell whose."""
ALLOWED = {
    "__future__",
    "base64",
    "bisect",
    "collections",
    "dataclasses",
    "enum",
    "functools",
    "itertools",
    "json",
    "math",
    "msgspec",
    "re",
    "typing",
    "unicodedata",
    "voicechat",
}
"""Data tools: of the standard library, and msgspec's records, which are changed thirty times as fast as dataclasses.
No clock, no loop, no chance, no device, no logging."""


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module that a file imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@each("path", MODULES, ids=lambda path: path.relative_to(CORE).as_posix())
def test_the_core_imports_data_tools_and_the_protocol_only(path: Path) -> None:
    for name in imported(ast.parse(path.read_text())):
        assert name.split(".")[0] in ALLOWED, f"{path.name} imports {name}"
        if name.startswith("voicechat."):
            assert name.split(".")[1] in ("core", "protocol", "errors", "failures"), f"{path.name} imports {name}"


@cache
def authors() -> dict[str, set[str]]:
    """Which files construct which effect; reading one in a `case` pattern is no construction."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in EFFECTS:
                found[node.func.id].add(path.relative_to(CORE).as_posix())
    return found


@each("kind", sorted(EFFECTS))
def test_each_effect_has_exactly_one_author(kind: str) -> None:
    files = authors()[kind]
    expected = {f"rules/{name}" for name in ABOUT_ITEMS.get(kind, ())}
    assert files == expected if expected else len(files) == 1, f"{kind} is constructed in {sorted(files)}"
    assert all(name.startswith("rules/") for name in files)


def test_every_effect_is_part_of_the_union() -> None:
    declared = {
        node.name
        for node in ast.parse(Path(effects.__file__).read_text()).body
        if isinstance(node, ast.ClassDef) and node.bases
    }
    assert declared == EFFECTS - {kind.__name__ for kind in CLIENT_EVENTS.values()}


def test_each_slice_has_exactly_one_owner() -> None:
    owned = [name for rule in RULES for name in rule.owns]
    assert sorted(owned) == sorted(field.name for field in fields(State))


def matched(tree: ast.AST) -> set[str]:
    """The classes that a file tells apart, in `case` patterns and by `isinstance`."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.MatchClass):
            names |= {name.id for name in ast.walk(node.cls) if isinstance(name, ast.Name)}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
            names |= {name.id for name in ast.walk(node.args[1]) if isinstance(name, ast.Name)}
    return names


@each("rule", [rule for rule in RULES if rule.takes is not None], ids=lambda rule: rule.name)
def test_a_rule_is_given_exactly_the_server_events_that_its_file_tells_apart(rule: Rule) -> None:
    known = {kind.__name__ for kind in SERVER_EVENTS.values()}
    tree = ast.parse((CORE / "rules" / f"{rule.name}.py").read_text())
    assert {kind.__name__ for kind in rule.takes or ()} == matched(tree) & known


def test_a_server_event_concerns_no_rule_that_does_not_take_it() -> None:
    for moment, policy in moments():
        if isinstance(moment.event, Received):
            for rule in RULES:
                if rule.takes is not None and type(moment.event.event) not in rule.takes:
                    assert rule.on_event(moment.before, moment.event, moment.now, policy) == NOTHING, rule.name


# The order of the rules: only what `after` and `settles_after` declare may matter


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


def difference(patch: pytest.MonkeyPatch, **functions: object) -> str:
    """The first step that ends otherwise with these functions in these places; "" if none does."""
    with patch.context() as other:
        for name, value in functions.items():
            other.setattr(stepping, name, value)
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
            takers = {"_ON_EVENT": tuple(rule.on_event for rule in order), "_ON_SERVER_EVENT": by_server_event(order)}
            told = difference(monkeypatch, **takers)
            if told:
                missing[f"{second.name} after {first.name}"] = told
    for first, second, order in swapped(SETTLING):
        if first.name not in second.settles_after:
            told = difference(monkeypatch, _SETTLERS=tuple(rule.settle for rule in order))
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
