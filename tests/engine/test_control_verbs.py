"""Words at the door become the same acts as keys on the screen."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from voicechat.core import user_events as did
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import Microphone, State, Talk
from voicechat.core.viewing import view
from voicechat.engine.control import LEASE, Obeyed, Refused, understood


def say(line: str, state: State | None = None) -> Obeyed | Refused:
    state = state or State()
    return understood(line, state, view(state, 0.0, TurnPolicy()))


def acts(line: str, state: State | None = None) -> tuple[did.UserEvent, ...]:
    result = say(line, state)
    assert isinstance(result, Obeyed), result
    return result.acts


MUTED = State(microphone=Microphone(muted=True))
HELD = State(talk=Talk(pressed_at=1.0, source="control"))
LATCHED = State(talk=Talk(pressed_at=1.0, source="control", latched_at=1.1))


@pytest.mark.parametrize(
    ("line", "state", "wanted"),
    [
        ("mute on", State(), (did.MuteChosen(True),)),
        ("mute toggle", MUTED, (did.MuteChosen(False),)),
        ("mute toggle", State(), (did.MuteChosen(True),)),
        ("barge-in off", State(), (did.BargeInChosen(False),)),
        ("stop", State(), (did.StopPressed(),)),
        ("end", State(), (did.EndAsked(),)),
        ("say Hello there", State(), (did.TextEntered("Hello there"),)),
        (r"say one\ntwo \\n", State(), (did.TextEntered("one\ntwo \\n"),)),
        ("ptt down", State(), (did.TalkPressed("control", LEASE),)),
        ("ptt down 5", State(), (did.TalkPressed("control", 5.0),)),
        ("ptt down 500", State(), (did.TalkPressed("control", LEASE),)),
        ("ptt up", HELD, (did.TalkReleased("control"),)),
        ("ptt up", State(), ()),
        ("ptt toggle", State(), (did.TalkPressed("control", LEASE), did.TalkTapped())),
        ("ptt toggle", LATCHED, (did.TalkPressed("control"),)),
    ],
)
def test_a_line_is_what_the_key_would_do(line: str, state: State, wanted: tuple[did.UserEvent, ...]) -> None:
    assert acts(line, state) == wanted


@pytest.mark.parametrize(
    "line",
    [
        "",
        "mute",
        "mute sideways",
        "ptt",
        "ptt down soon",
        "ptt down nan",
        "ptt toggle -nan",
        "say",
        "stop it",
        "launch",
    ],
)
def test_nonsense_is_refused_with_what_may_be_said(line: str) -> None:
    result = say(line)
    assert isinstance(result, Refused)
    assert result.reason


def test_status_is_one_line_for_people_and_facts_for_programs() -> None:
    words, facts = say("status", MUTED), say("status --json", MUTED)
    assert isinstance(words, Obeyed)
    assert isinstance(facts, Obeyed)
    assert "\n" not in words.answer
    assert json.loads(facts.answer)["muted"] is True


def test_a_press_that_was_let_go_already_is_not_ended_twice() -> None:
    released = State(talk=replace(HELD.talk, released_at=2.0))
    assert acts("ptt up", released) == ()
