"""A Live session becomes turns, and what we send becomes commands that the openai package accepts."""

from __future__ import annotations

import base64
import importlib
import json
from functools import cache
from typing import Any, cast, get_args

from pydantic import TypeAdapter

from tests.support.each import each
from voicechat.protocol.codec import decode_server
from voicechat.protocol.live import EVENTS, INPUT_QUIET, MOST_CHARACTERS, QUIET, LiveSession, live_session, pieces
from voicechat.protocol.wire import UnknownEvent

Json = dict[str, Any]
LOUD = base64.b64encode(b"\x00\x20" * 2400).decode()
SILENT = base64.b64encode(bytes(4800)).decode()
STARTED: Json = {
    "type": "session.started",
    "event_id": "e1",
    "session": {
        "id": "live_1",
        "object": "realtime.session",
        "created_at": 1,
        "expires_at": 2,
        "status": "active",
        "model": "gpt-live-1",
        "audio": {"format": {"type": "audio/pcm", "rate": 24000}, "output": {"voice": "marin"}},
    },
}
ITEM = "conversation.item.create"
SESSION: Json = {
    "type": "realtime",
    "model": "gpt-live-1",
    "instructions": "Be brief.",
    "audio": {"input": {"turn_detection": {"type": "server_vad"}}, "output": {"voice": "cedar"}},
    "tools": [{"type": "function", "name": "clock", "description": "The time.", "parameters": {"type": "object"}}],
}


@cache
def openai(kind: str) -> TypeAdapter[Any]:
    """A type of the openai package, which takes a second to import, in the one process that needs it."""
    return TypeAdapter(getattr(importlib.import_module("openai.types.live"), kind))


def said(text: str, start: int, end: int, side: str = "input") -> Json:
    return {
        "type": f"session.{side}_transcript.delta",
        "event_id": "e",
        "delta": text,
        "start_ms": start,
        "end_ms": end,
    }


def sound(audio: str = LOUD) -> Json:
    return {"type": "session.output_audio.delta", "delta": audio}


def nested(event: Json) -> Json:
    return {"type": "response.event", "event_id": "e", "delegation_id": "d1", "event": event}


def call(call_id: str) -> Json:
    item = {"type": "function_call", "id": f"fc_{call_id}", "call_id": call_id, "name": "clock", "arguments": "{}"}
    return nested({"type": "response.output_item.done", "item": item | {"status": "completed"}})


def types(events: Any) -> list[str]:
    return [event["type"] for event in events]


def feed(live: LiveSession, *events: tuple[float, Json]) -> list[Json]:
    """What a session makes of server events at their times; each is first held against the package's models."""
    made: list[Json] = []
    for now, event in events:
        openai("ServerEvent").validate_python(event)
        made += live.passed(now) + live.received(event, now)
    return made


def test_every_event_made_of_a_live_session_is_one_the_codec_knows() -> None:
    made = feed(
        LiveSession(),
        (0.0, STARTED),
        (1.0, said("What time", 200, 400)),
        (1.2, said(" is it?", 400, 600)),
        (2.0, sound()),
        (2.1, said("Nearly", 1500, 1700, "output")),
        (2.2, call("c1")),
        (2.3, nested({"type": "response.completed", "response": {"id": "resp_9", "usage": {"total_tokens": 7}}})),
        (4.0, sound(SILENT)),
    )
    decoded = [decode_server(json.dumps(event)) for event in made]
    assert not [one for one in decoded if isinstance(one.event, UnknownEvent)]
    assert [one.notes for one in decoded if one.notes] == []


def test_fragments_of_both_transcripts_become_turns() -> None:
    live = LiveSession()
    made = feed(
        live,
        (0.0, STARTED),
        (1.0, said("What time", 200, 400)),
        (1.2, said(" is it?", 400, 600)),
        (2.0, said("It is", 1500, 1700, "output")),
        (2.2, said(" noon.", 1700, 1900, "output")),
    )
    made += live.passed(2.2 + QUIET)
    done = [event for event in made if event["type"].endswith((".completed", "transcript.done", "response.done"))]
    assert [event.get("transcript") for event in done] == ["What time is it?", "It is noon.", None]
    assert done[-1]["response"]["output"][0]["content"] == [{"type": "output_audio", "transcript": "It is noon."}]
    assert live.deadline() is None


def test_a_pause_on_the_models_clock_begins_another_user_item() -> None:
    made = feed(LiveSession(), (1.0, said("One.", 0, 200)), (1.1, said("Two.", 1200, 1400)))
    assert types(made).count("conversation.item.added") == 2


def test_the_users_turn_ends_by_itself_when_no_fragment_comes() -> None:
    live = LiveSession()
    feed(live, (1.0, said("One.", 0, 200)))
    assert live.deadline() == 1.0 + INPUT_QUIET and not live.passed(1.0 + INPUT_QUIET - 0.01)
    assert types(live.passed(1.0 + INPUT_QUIET))[-1] == "conversation.item.done"


def test_the_blank_before_an_answers_first_word_is_left_out() -> None:
    made = feed(LiveSession(), (2.0, said(" It is", 1500, 1700, "output")), (2.2, said(" noon.", 1700, 1900, "output")))
    deltas = [event["delta"] for event in made if event["type"] == "response.output_audio_transcript.delta"]
    assert deltas == ["It is", " noon."]


def test_only_sound_begins_a_response_and_only_quiet_ends_it() -> None:
    live = LiveSession()
    assert feed(live, (0.0, sound(SILENT)), (0.1, sound(SILENT))) == []
    made = feed(live, (0.2, sound()), (0.3, sound(SILENT)), (0.9, sound()))
    assert types(made).count("response.created") == 1 and types(made).count("response.output_audio.delta") == 3
    assert types(feed(live, (0.9 + QUIET, sound(SILENT))))[-1] == "response.done"
    assert feed(live, (2.0, sound(SILENT))) == []


@each("audio", ["", "not base64!", "AA=", base64.b64encode(b"\x01").decode()])
def test_what_is_no_audio_begins_no_response(audio: str) -> None:
    assert LiveSession().received(sound(audio), 0.0) == ()


def test_calls_of_a_delegated_response_are_answered_once_all_are() -> None:
    live = LiveSession()
    made = feed(
        live,
        (0.0, STARTED),
        (1.0, call("c1")),
        (1.1, call("c2")),
        (1.2, nested({"type": "response.completed", "response": {"id": "resp_9"}})),
    )
    assert [item["call_id"] for item in made[-1]["response"]["output"]] == ["c1", "c2"]
    create = {"type": "response.create", "event_id": "x"}
    output = {"type": "function_call_output", "output": "noon"}
    first = live.sent({"type": "conversation.item.create", "event_id": "a", "item": output | {"call_id": "c1"}})
    early = live.sent(create)
    second = live.sent({"type": "conversation.item.create", "event_id": "b", "item": output | {"call_id": "c2"}})
    assert [types(one.commands) for one in (first, early, second, live.sent(create), live.sent(create))] == [
        ["response.item.create"],
        [],
        ["response.item.create"],
        ["response.create"],
        [],
    ]


def test_a_delegation_to_the_client_is_a_call_with_what_was_said_last() -> None:
    live = LiveSession()
    created = {"type": "session.delegation.created", "event_id": "e", "offset_ms": 900}
    made = feed(
        live,
        (1.0, said("Book a table.", 0, 800)),
        (1.5, created | {"delegation": {"id": "del_1", "target": "client", "type": "delegation"}}),
    )
    item = made[-1]["response"]["output"][0]
    assert (item["name"], json.loads(item["arguments"])) == ("delegate", {"request": "Book a table."})
    answered = live.sent(
        {
            "type": "conversation.item.create",
            "item": {"type": "function_call_output", "call_id": "del_1", "output": "At 8."},
        }
    )
    assert answered.commands == ({"type": "session.commentary.append", "content": "At 8.", "delegation_id": "del_1"},)


@each("media", ["websocket", "webrtc"])
def test_the_session_is_started_with_what_live_knows_and_nothing_else(media: str) -> None:
    made = live_session(SESSION, cast("Any", media))
    openai("ClientEvent").validate_python({"type": "session.start", "session": made}, strict=True)
    assert ("format" in made["audio"]) is (media == "websocket")
    assert made["delegation"]["responses"]["tools"][0]["name"] == "clock" and "tools" not in made


COMMANDS: list[Json] = [
    {"type": "input_audio_buffer.append", "audio": SILENT},
    {
        "type": "conversation.item.create",
        "item": {"role": "user", "content": [{"type": "input_text", "text": "Hi " * 900}]},
    },
    {
        "type": "conversation.item.create",
        "item": {"role": "system", "content": [{"type": "input_text", "text": "Now."}]},
    },
    {"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "c", "output": "1"}},
    {"type": "session.update", "session": SESSION},
    {"type": "session.close"},
    {"type": "response.cancel"},
]


@each("event", COMMANDS)
def test_every_command_is_valid_for_the_package(event: Json) -> None:
    live = LiveSession()
    feed(live, (0.0, STARTED), (0.1, sound()))
    commands = live.sent(event | {"event_id": "ours"}).commands
    assert commands
    for command in (*commands, live.muted(True), live.muted(False), live.start(SESSION)):
        openai("ClientEvent").validate_python(command, strict=True)


@each(
    "kind", ["response.cancel", "conversation.item.truncate", "input_audio_buffer.commit", "conversation.item.delete"]
)
def test_what_live_cannot_do_is_not_sent(kind: str) -> None:
    assert LiveSession().sent({"type": kind}).commands == ()


def test_a_field_that_is_fixed_is_answered_with_what_is_in_force() -> None:
    live = LiveSession()
    feed(live, (0.0, STARTED))
    changed = {name: value for name, value in SESSION.items() if name != "tools"}
    made = live.sent({"type": "session.update", "session": changed})
    assert made.commands == () and made.events[0]["session"]["audio"]["output"]["voice"] == "marin"
    assert "fixes" in made.reason


@each("text", ["", "short", "x" * 4000, "word " * 900])
def test_long_text_is_cut_between_words_and_loses_nothing(text: str) -> None:
    parts = pieces(text)
    assert all(len(part) <= MOST_CHARACTERS for part in parts)
    assert "".join(parts).replace(" ", "") == text.replace(" ", "")


def test_the_reason_for_the_end_is_kept_and_open_turns_are_closed() -> None:
    live = LiveSession()
    feed(live, (0.0, STARTED), (1.0, sound()))
    closed = {"type": "session.closed", "event_id": "e", "reason": "expired", "usage": {"seconds": 60.0}}
    made = feed(live, (1.1, closed | {"session": STARTED["session"]}))
    assert types(made)[-1] == "response.done" and live.end == (
        "session_expired",
        "the session reached its longest duration",
    )


def test_an_error_names_the_command_it_answers() -> None:
    error = {"type": "invalid_request_error", "code": "unknown_parameter", "message": "no", "client_event_id": "ours"}
    made = feed(LiveSession(), (0.0, {"type": "error", "event_id": "e", "error": error}))
    assert made[0]["error"]["event_id"] == "ours"


@each("event", [{}, {"type": 3}, {"type": "response.event", "event": 1}])
def test_what_makes_no_sense_is_ignored(event: Json) -> None:
    assert LiveSession().received(event, 0.0) == ()


def test_a_stopped_response_ends_and_what_the_model_still_says_of_it_is_dropped() -> None:
    live = LiveSession()
    feed(live, (0.0, sound()), (0.1, said("One two", 0, 100, "output")))
    ended = live.sent({"type": "response.cancel"}, 0.2).events
    assert ended[-1]["response"]["status"] == "cancelled"
    assert feed(live, (0.3, sound()), (0.3, said(" three", 100, 200, "output")), (0.4, sound(SILENT))) == []
    assert feed(live, (0.5, sound()), (0.6, sound(SILENT)), (0.9, sound(SILENT))) == []
    assert types(feed(live, (1.0, sound())))[0] == "response.created"


def test_over_webrtc_a_transcript_gap_ends_a_stopped_response() -> None:
    live = LiveSession("webrtc")
    live.received(said("One two", 0, 800, "output"), 1.0)
    live.sent({"type": "response.cancel"}, 1.2)
    assert live.received(said(" three", 800, 1_200, "output"), 1.4) == ()
    made = live.received(said("Eighty-four.", 2_400, 3_000, "output"), 3.0)
    assert "response.created" in [event["type"] for event in made]
    assert made[-1]["delta"] == "Eighty-four."


def test_a_model_that_never_pauses_is_heard_again_some_seconds_after_it_was_stopped() -> None:
    live = LiveSession()
    feed(live, (0.0, sound()))
    live.sent({"type": "response.cancel"}, 0.2)
    assert feed(live, (6.1, sound())) == [] and feed(live, (6.3, sound()))


def test_a_commit_names_the_item_that_the_next_words_belong_to() -> None:
    live = LiveSession()
    committed = live.sent({"type": "input_audio_buffer.commit"}).events[0]
    made = feed(live, (0.5, said("Hello.", 0, 200)))
    assert made[0]["item"]["id"] == committed["item_id"]
    assert live.sent({"type": "input_audio_buffer.commit"}).events[0]["item_id"] == committed["item_id"]


def test_tokens_of_a_delegated_response_count_with_the_next_response() -> None:
    usage = {"input_tokens": 5, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 1}}
    completed = nested({"type": "response.completed", "response": {"id": "resp_9", "usage": usage}})
    live = LiveSession()
    assert feed(live, (0.0, STARTED), (1.0, completed), (1.1, completed))[1:] == []
    made = feed(live, (2.0, said("Noon.", 1500, 1700, "output")))
    done = [*made, *live.passed(9.0)][-1]
    assert done["type"] == "response.done"
    assert done["response"]["usage"] == {
        "input_tokens": 10,
        "output_tokens": 4,
        "input_tokens_details": {"cached_tokens": 2},
    }


def test_a_delegated_response_that_fails_is_an_error_in_the_services_words() -> None:
    failed = {"id": "resp_9", "status": "failed", "error": {"code": "server_error", "message": "Overloaded."}}
    made = feed(LiveSession(), (0.0, STARTED), (1.0, nested({"type": "response.failed", "response": failed})))
    assert made[-1]["type"] == "error" and made[-1]["error"]["message"] == "Overloaded."


def test_every_server_event_of_the_package_is_known() -> None:
    live = importlib.import_module("openai.types.live")
    (union, *_) = get_args(live.ServerEvent)
    told = {get_args(variant.model_fields["type"].annotation)[0] for variant in get_args(union)}
    assert told - EVENTS == {"transport.dtmf.send"}, "a command"
    assert told >= EVENTS
