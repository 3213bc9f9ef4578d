"""Clients may command what a user can do, and nothing else."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from voicechat.core.events import MuteChosen, TalkPressed, TextEntered
from voicechat.core.user_events import DevicesChosen, EchoChosen, UserAct
from voicechat.engine.control import LONGEST_TEXT, LONGEST_WISH, user_event

ACTS = [
    TalkPressed("control", lease=3.0),
    MuteChosen(True),
    TextEntered("hi"),
    DevicesChosen(mic="Yeti"),
    EchoChosen("headphones"),
]


@pytest.mark.parametrize("event", ACTS)
def test_what_a_user_does_crosses_the_pipe_unchanged(event: UserAct) -> None:
    assert user_event(type(event).__name__, asdict(event)) == event


@pytest.mark.parametrize(
    ("name", "args", "reason"),
    [
        ("BargeInHappened", {}, "is not a command"),
        ("__import__", {}, "is not a command"),
        ("MuteChosen", {"muted": "yes please"}, "Expected `bool`"),
        ("MuteChosen", {}, "missing"),
        ("MuteChosen", {"muted": True, "also": 1}, "no field 'also'"),
        ("TextEntered", {"text": "x" * (LONGEST_TEXT + 1)}, "may have"),
        ("DevicesChosen", {"mic": "x" * (LONGEST_WISH + 1)}, "may have"),
        ("EchoChosen", {"mode": "loud"}, "Invalid enum value"),
    ],
)
def test_what_is_no_command_is_answered_with_the_reason(name: str, args: dict[str, object], reason: str) -> None:
    answer = user_event(name, args)
    assert isinstance(answer, str)
    assert reason in answer
