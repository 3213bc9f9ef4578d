"""The machine around the rules: announcements in the same step, one place for old lines, loops that fail loudly."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.script import at, created, opened, script
from voicechat.core import step as stepping
from voicechat.core.events import AnyEvent, Noticed, Received, StopPressed, TextEntered, TimePassed
from voicechat.core.policy import TurnPolicy
from voicechat.core.rules.result import NOTHING, RuleResult
from voicechat.core.state import State
from voicechat.core.step import next_deadline, step
from voicechat.errors import LocalProtocolError
from voicechat.protocol.items import Response
from voicechat.protocol.server_events import ResponseCreated

POLICY = TurnPolicy()


def test_announcements_are_handled_in_the_same_step() -> None:
    result = step(opened(), TextEntered("hello"), 1.0, POLICY)
    assert [type(effect).__name__ for effect in result.effects] == ["CreateItem", "CreateResponse"]
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


def test_the_same_event_at_the_same_time_gives_the_same_step() -> None:
    begin = script(at(0.0, created()), until=1.0).state
    assert step(begin, StopPressed(), 1.0, POLICY) == step(begin, StopPressed(), 1.0, POLICY)


def test_rules_that_answer_each_other_without_end_fail_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    def echo(state: State, event: AnyEvent, now: float, policy: TurnPolicy) -> RuleResult:
        return replace(NOTHING, announced=(Noticed("info", "again"),))

    monkeypatch.setattr(stepping, "_ON_EVENT", (echo,))
    with pytest.raises(LocalProtocolError, match="without end"):
        step(opened(), TimePassed(), 1.0, POLICY)
