"""What may be commanded: acts of a user over the pipe, and words at the door that become the same acts."""

from __future__ import annotations

import json

from msgspec.structs import asdict, replace

from tests.support.each import each
from voicechat.core import user_events as did
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import Microphone, State, Talk
from voicechat.core.viewing import view
from voicechat.engine.control import LEASE, LONGEST_TEXT, LONGEST_WISH, Obeyed, Refused, understood, user_event

ACTS: list[did.UserAct] = [
    did.TalkPressed("control", lease=3.0),
    did.MuteChosen(True),
    did.TextEntered("hi"),
    did.DevicesChosen(mic="Yeti"),
    did.EchoChosen("headphones"),
    did.RecordingToggled(),
]


@each("event", ACTS)
def test_what_a_user_does_crosses_the_pipe_unchanged(event: did.UserAct) -> None:
    assert user_event(type(event).__name__, asdict(event)) == event


@each(
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


def say(line: str, state: State | None = None) -> Obeyed | Refused:
    state = state or State()
    return understood(line, state, view(state, 0.0, TurnPolicy()))


MUTED = State(microphone=Microphone(muted=True))
HELD = State(talk=Talk(pressed_at=1.0, source="control"))
RELEASED = State(talk=replace(HELD.talk, released_at=2.0))
LATCHED = State(talk=Talk(pressed_at=1.0, source="control", latched_at=1.1))


@each(
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
        ("ptt up", RELEASED, ()),
        ("ptt toggle", State(), (did.TalkPressed("control", LEASE), did.TalkTapped())),
        ("ptt toggle", LATCHED, (did.TalkPressed("control"),)),
    ],
)
def test_a_line_is_what_the_key_would_do(line: str, state: State, wanted: tuple[did.UserEvent, ...]) -> None:
    result = say(line, state)
    assert isinstance(result, Obeyed) and result.acts == wanted


@each(
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
