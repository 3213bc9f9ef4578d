"""What may be commanded: acts of a user over the pipe, and words at the door that become the same acts."""

from __future__ import annotations

import base64
import io
import json
import math
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tests.support.each import each
from voicechat.core import user_events as did
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import Microphone, State, Talk
from voicechat.core.viewing import view
from voicechat.engine.control import LEASE, LONGEST_TEXT, LONGEST_WISH, Obeyed, Refused, too_large, understood
from voicechat.engine.eventlog import BATCH_LIMIT, EventLog, row_of
from voicechat.engine.link import Batch, Bye, Command, from_client, from_engine, pack
from voicechat.journal.entry import Entry, summary_of
from voicechat.journal.observers import Observers

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
    assert list(from_client(io.BytesIO(pack(Command(1, event))))) == [Command(1, event)]
    assert too_large(event) == ""


@each(
    "act",
    [
        {"type": "barge_in.happened", "voice_began_at": 1.0},
        {"type": "mute.chosen", "muted": "yes please"},
        {"type": "mute.chosen"},
        {"type": "echo.chosen", "mode": "loud"},
        {"muted": True},
    ],
)
def test_what_is_no_act_of_a_user_is_no_command(act: dict[str, object]) -> None:
    body = msgspec.msgpack.encode({"kind": "command", "id": 1, "act": act})
    frame = len(body).to_bytes(4, "little") + body
    assert list(from_client(io.BytesIO(frame + pack(Bye())))) == [Bye()]


@each(
    "act",
    [
        did.TextEntered("x" * (LONGEST_TEXT + 1)),
        did.DevicesChosen(mic="x" * (LONGEST_WISH + 1)),
        did.SettingChosen("instructions", "x" * (LONGEST_TEXT + 1)),
    ],
)
def test_an_act_that_is_too_large_is_answered_with_the_reason(act: did.UserAct) -> None:
    assert "may have" in too_large(act)


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


# The rows a developer reads: audio elided, the telling part in the summary, always valid JSON


def row(event: dict[str, Any]) -> Entry:
    return row_of(Entry(7, 2.5, "in", event))


def test_audio_is_elided_and_its_size_is_told() -> None:
    audio = base64.b64encode(bytes(range(256)) * 20).decode()
    result = row({"type": "response.output_audio.delta", "delta": audio})
    assert result.event["delta"] == f"<{len(audio)} bytes of base64>"
    assert summary_of(result) == f"<{len(audio)} bytes of base64>"


def test_words_are_never_taken_for_audio() -> None:
    text = "There once was a lamp. " * 30
    result = row({"type": "response.output_audio_transcript.delta", "delta": text})
    assert result.event["delta"] == text


def test_item_audio_deep_inside_is_elided_too() -> None:
    audio = base64.b64encode(b"\x01\x7f" * 4000).decode()
    event = {"type": "conversation.item.retrieved", "item": {"content": [{"type": "input_audio", "audio": audio}]}}
    assert audio not in json.dumps(row(event).event)


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (
            {"type": "error", "error": {"code": "bad", "message": "No such field", "param": "session.x"}},
            "bad · No such field · session.x",
        ),
        ({"type": "error", "error": "just text"}, "just text"),
        (
            {
                "type": "response.done",
                "response": {"id": "r1", "status": "cancelled", "status_details": {"reason": "turn_detected"}},
            },
            "cancelled · turn_detected · r1",
        ),
        (
            {"type": "conversation.item.added", "item": {"type": "message", "role": "user", "id": "i"}},
            "user · message · i",
        ),
        ({"type": "input_audio_buffer.speech_started", "audio_start_ms": 1250}, "at 1.25 s of the input audio"),
        ({"type": "conversation.item.truncated", "audio_end_ms": 2960}, "at 2.96 s of its audio"),
        ({"type": "mic.opened", "pre_roll": 0.3}, "pre_roll=0.3"),
        (
            {
                "type": "session.update",
                "session": {"type": "realtime", "audio": {"input": {"turn_detection": {"silence_duration_ms": 500}}}},
            },
            "audio.input.turn_detection.silence_duration_ms 500",
        ),
        (
            {
                "type": "session.update",
                "session": {"voice": "alloy", "tools": [{}, {}], "speed": 1.5, "instructions": "x"},
            },
            "voice alloy · tools [2] · speed 1.5 · 1 more",
        ),
        (
            {
                "type": "session.created",
                "session": {
                    "type": "realtime",
                    "id": "sess_1",
                    "model": "m",
                    "audio": {
                        "input": {"turn_detection": {"type": "server_vad"}},
                        "output": {"voice": "marin"},
                    },
                },
            },
            "m · marin · server_vad · sess_1",
        ),
        ({"type": "session.updated", "session": {"id": "s", "voice": "alloy", "turn_detection": None}}, "alloy · s"),
        ({"type": "response.created", "response": None}, ""),
    ],
)
def test_the_summary_says_the_most(event: dict[str, Any], told: str) -> None:
    assert summary_of(row(event)) == told


def test_an_event_without_a_usable_type_is_still_a_row() -> None:
    assert row({"type": 3}).type == "unknown"


def test_an_event_of_gpt_live_is_not_shown_as_unknown() -> None:
    assert row({"type": "session.usage.updated"}).tags == ()
    assert row({"type": "session.usage.forgotten"}).tags == ("unknown",)


def test_a_flood_is_bounded_and_counted() -> None:
    log = EventLog()
    for number in range(BATCH_LIMIT + 5):
        log.watch(Entry(number, 0.0, "in", {"type": "x"}))
    batch = log.take()
    assert batch is not None
    assert (len(batch.rows), batch.dropped) == (BATCH_LIMIT, 5)
    assert log.take() is None


def test_moments_of_our_own_facts_are_told_in_session_time() -> None:
    entries: list[Entry] = []
    observers = Observers(lambda name: None, started_at=10.0)
    observers.add("test", entries.append)
    observers(12.5, "local", {"type": "voice.ended", "ended_at": 12.25, "voiced": 0.5})
    observers(12.6, "in", {"type": "session.created", "expires_at": 1_800_000_000})
    told = [(one.seq, one.t, one.event) for one in entries]
    assert told == [
        (0, 2.5, {"type": "voice.ended", "ended_at": 2.25, "voiced": 0.5}),
        (1, 2.6, {"type": "session.created", "expires_at": 1_800_000_000}),
    ]


def test_what_the_link_cannot_say_has_a_form_that_it_can() -> None:
    event = {"type": "x", "n": 10**30, "inf": math.inf, "offer": did.MuteChosen(True), "list": ({"n": -(10**30)},)}
    (batch,) = from_engine(io.BytesIO(pack(Batch((row(event),)))))
    assert isinstance(batch, Batch)
    (kept,) = batch.rows
    muted = {"type": "mute.chosen", "muted": True}
    assert kept.event == {"type": "x", "n": str(10**30), "inf": None, "offer": muted, "list": [{"n": str(-(10**30))}]}
