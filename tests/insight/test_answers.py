"""Answers that never came, came twice, collided, were cancelled, or came late."""

from __future__ import annotations

from typing import Any

from tests.insight.session_log import (
    TRANSCRIBED,
    Row,
    answered,
    beta_session,
    came,
    codes,
    diagnosed,
    done,
    ga_session,
    here,
    only,
    opened,
    refused,
    sent,
    spoken,
)
from tests.support.each import each

CONFLICT = "conversation_already_has_active_response"


@each("timed", [True, False])
@each("named", [True, False])
def test_two_authors_of_answers_are_told_to_be_one(timed: bool, named: bool) -> None:
    error = {"event_id": "c1"} if named else {}
    log = [
        *opened(),
        *spoken(1, "i1"),
        came(3.1, "response.created", response={"id": "r1"}),
        sent(3.2, "response.create", event_id="c1"),
        refused(3.3, CONFLICT, "Conversation already has an active response", **error),
        *answered(3.1, "r1")[1:],
    ]
    assert "create_response" in only("active-response-conflict", log, timed=timed, until=20 if timed else None).cure


def test_a_client_that_asks_twice_is_told_to_wait() -> None:
    log = [
        *opened(0, ga_session(vad=None)),
        sent(1, "conversation.item.create", item={"type": "message"}),
        sent(1.1, "response.create", event_id="c1"),
        came(1.2, "response.created", response={"id": "r1"}),
        sent(1.3, "response.create", event_id="c2"),
        refused(1.4, None, "Conversation already has an active response in progress: r1", event_id="c2"),
        done(4, "r1"),
    ]
    assert "Wait for response.done" in only("active-response-conflict", log).cure


def test_a_repeated_conflict_is_one_finding_with_more_evidence() -> None:
    one = [
        came(3, "response.created", response={"id": "r1"}),
        sent(3.2, "response.create", event_id="c1"),
        refused(3.3, CONFLICT, event_id="c1"),
        done(4, "r1"),
    ]
    found = diagnosed(opened(), one, one)
    assert [finding.code for finding in found.values()] == ["active-response-conflict"]
    assert len(next(iter(found.values())).evidence) == 6


def test_one_answer_after_the_other_is_no_conflict() -> None:
    asked = [sent(6.9, "conversation.item.create", item={"type": "message"}), sent(7, "response.create")]
    assert not diagnosed(opened(), spoken(1, "i1"), answered(3.4, "r1"), asked, answered(7.1, "r2"))


@each("timed", [True, False])
def test_a_cancel_long_after_the_answer_is_named(timed: bool) -> None:
    log = [*opened(), *spoken(1, "i1"), *answered(3.4, "r1"), sent(9, "response.cancel", event_id="c")]
    only(
        "cancel-without-response",
        log,
        refused(9.1, "response_cancel_not_active", "Cancellation failed", event_id="c"),
        timed=timed,
    )


@each("by_text", [True, False])
def test_one_turn_answered_twice_is_a_duplicate(by_text: bool) -> None:
    asks = sent(3.0, "conversation.item.create", item={"type": "message"}) if by_text else spoken(1, "i1")[-1]
    log = [
        *opened(0, ga_session(create_response=False)),
        *([] if by_text else spoken(1, "i1")[:-1]),
        asks,
        sent(3.4, "response.create", event_id="c1"),
        sent(3.5, "response.create", event_id="c2"),
        *answered(3.6, "r1"),
        *answered(7.3, "r2"),
    ]
    only("duplicate-create", log)


@each("between", ["again", "tool", "text"])
def test_a_second_response_with_a_reason_is_no_duplicate(between: str) -> None:
    reason: dict[str, Row] = {
        "again": here(3.5, "again.pressed"),
        "tool": sent(3.5, "conversation.item.create", item={"type": "function_call_output", "call_id": "x"}),
        "text": sent(3.5, "conversation.item.create", item={"type": "message"}),
    }
    log = [
        *opened(0, ga_session(create_response=False)),
        *spoken(1, "i1"),
        sent(3.4, "response.create"),
        *answered(3.45, "r1")[:1],
        reason[between],
        sent(3.6, "response.create"),
        came(3.7, "response.created", response={"id": "r2", "status": "in_progress"}),
        *answered(3.45, "r1")[1:],
        *answered(7.5, "r2")[1:],
    ]
    assert not diagnosed(log)


def test_an_answer_out_of_band_is_no_duplicate() -> None:
    log = [
        *opened(),
        *spoken(1, "i1"),
        *answered(3.4, "r1"),
        sent(7.2, "response.create", response={"conversation": "none", "metadata": {"for": "title"}}),
        came(7.3, "response.created", response={"id": "r2", "conversation_id": None}),
        done(7.9, "r2"),
    ]
    assert not diagnosed(log)


@each("timed", [True, False])
def test_a_client_that_cancels_its_answer_at_birth_is_named(timed: bool) -> None:
    log = [
        *opened(0, ga_session(create_response=False)),
        *spoken(1, "i1"),
        sent(3.4, "response.create"),
        came(3.5, "response.created", response={"id": "r1"}),
        sent(3.55, "response.cancel"),
        done(3.6, "r1", "cancelled", "client_cancelled"),
    ]
    found = diagnosed(log, timed=timed)
    assert set(found) == {"cancelled-at-birth:client"}
    assert found["cancelled-at-birth:client"].severity == "error"


def dropped(t: float, n: int) -> list[Row]:
    """You go on after a pause, and the server drops what it had begun."""
    return [
        *spoken(t, f"i{n}"),
        came(t + 2.1, "response.created", response={"id": f"r{n}"}),
        came(t + 2.3, "input_audio_buffer.speech_started", item_id=f"j{n}", audio_start_ms=(t + 2.3) * 1000),
        done(t + 2.35, f"r{n}", "cancelled", "turn_detected"),
        came(t + 4, "input_audio_buffer.speech_stopped", item_id=f"j{n}", audio_end_ms=(t + 4) * 1000),
        came(t + 4, "input_audio_buffer.committed", item_id=f"j{n}"),
        came(t + 4.3, TRANSCRIBED, item_id=f"j{n}", transcript="and tomorrow"),
        *answered(t + 4.4, f"s{n}"),
    ]


def test_a_server_that_drops_answers_because_you_went_on_is_told_as_a_hint() -> None:
    assert not diagnosed(opened(), dropped(1, 1)), "once happens to everybody"
    found = diagnosed(opened(), dropped(1, 1), dropped(15, 2))
    assert set(found) == {"cancelled-at-birth:server"}
    assert found["cancelled-at-birth:server"].severity == "info"


@each("act", ["stop.pressed", "talk.pressed", "end.asked"])
def test_what_you_cancelled_yourself_is_no_problem(act: str) -> None:
    log = [
        *opened(),
        *spoken(1, "i1"),
        came(3.1, "response.created", response={"id": "r1"}),
        here(3.2, act),
        sent(3.2, "response.cancel"),
        done(3.3, "r1", "cancelled", "client_cancelled"),
    ]
    assert not diagnosed(log)


@each("act", ["stop.pressed", "talk.pressed"])
def test_an_answer_stopped_before_the_server_created_it_is_no_problem(act: str) -> None:
    log = [
        *opened(0, ga_session(create_response=False)),
        sent(1, "conversation.item.create", item={"type": "message"}),
        sent(1.1, "response.create", event_id="c1"),
        here(1.2, act),
        came(1.9, "response.created", response={"id": "r1"}),
        sent(2.0, "response.cancel"),
        done(2.1, "r1", "cancelled", "client_cancelled"),
    ]
    assert not diagnosed(log)


@each("timed", [True, False])
def test_a_client_that_cancels_its_response_without_a_barge_in_is_named(timed: bool) -> None:
    log = [
        *opened(0, beta_session()),
        *spoken(1, "i1"),
        came(3.1, "response.created", response={"id": "r1"}),
        came(3.5, "response.audio_transcript.delta", response_id="r1", delta="Well"),
        sent(4.5, "response.cancel"),
        done(4.6, "r1", "cancelled", "client_cancelled"),
    ]
    only("cancelled-by-client", log, timed=timed)


def test_a_client_that_cancels_because_you_spoke_is_doing_its_duty() -> None:
    log = [
        *opened(),
        *spoken(1, "i1"),
        *answered(3.1, "r1", heard=False)[:3],
        came(4.4, "input_audio_buffer.speech_started", item_id="i2", audio_start_ms=4400),
        sent(4.5, "response.cancel"),
        done(4.6, "r1", "cancelled", "client_cancelled"),
    ]
    assert not diagnosed(log)


def test_an_answer_that_was_asked_for_and_never_began_is_named_after_eight_seconds() -> None:
    asked = [*opened(0, ga_session(vad=None)), here(0.1, "mic.opened"), sent(1, "response.create")]
    assert not diagnosed(asked, until=8.9)
    assert set(diagnosed(asked, until=9.6)) == {"no-response:asked"}
    came_late = diagnosed(asked, came(9.7, "rate_limits.updated"), answered(10, "r1"))
    assert came_late["no-response:asked"].resolved


def test_a_turn_that_the_server_leaves_unanswered_is_named() -> None:
    assert set(diagnosed(opened(), spoken(1, "i1"), until=12)) == {"no-response:server"}
    assert not diagnosed(opened(), spoken(1, "i1", "..."), until=12), "nobody has to answer a cough"
    assert set(diagnosed(opened(0, ga_session(create_response=False)), spoken(1, "i1"), until=12)) == {
        "no-response:nobody"
    }


def test_an_answer_in_vain_is_found_without_times_too() -> None:
    later = [came(0, "rate_limits.updated") for _ in range(14)]
    assert set(diagnosed(opened(), sent(1, "response.create"), later, timed=False)) == {"no-response:asked"}
    assert not diagnosed(opened(), sent(1, "response.create"), later[:3], timed=False)


@each(("slow", "expected"), [(1.2, set()), (5.0, {"slow-first-sound"})])
def test_one_very_slow_answer_is_named_with_the_step_that_took_long(slow: float, expected: set[str]) -> None:
    found = diagnosed(opened(), spoken(1, "i1"), answered(3.0 + slow, "r1"))
    assert codes(found) == expected
    if expected:
        assert "had not begun the answer" in found["slow-first-sound"].title


def test_three_slow_responses_are_named_where_the_log_has_no_playback() -> None:
    def turns(count: int) -> list[Row]:
        rows = []
        for n in range(count):
            rows += spoken(n * 20 + 1, f"i{n}")
            rows.append(came(n * 20 + 3.2, "response.created", response={"id": f"r{n}"}))
            rows.append(came(n * 20 + 6, "response.output_audio_transcript.delta", response_id=f"r{n}", delta="Hm"))
            rows.append(done(n * 20 + 7, f"r{n}"))
        return rows

    assert not diagnosed(opened(), turns(2))
    assert "the model" in only("slow-first-sound", opened(), turns(3)).title


def called(t: float) -> list[Row]:
    call: dict[str, Any] = {"id": "r1", "status": "completed", "output": [{"type": "function_call", "call_id": "k"}]}
    return [
        came(t, "response.created", response={"id": "r1"}),
        came(t + 0.1, "response.done", response=call),
        sent(t + 0.3, "conversation.item.create", item={"type": "function_call_output", "call_id": "k", "output": "4"}),
    ]


def test_a_tool_result_without_a_response_is_named() -> None:
    only("tool-output-unanswered", opened(), spoken(1, "i1"), called(3.2), until=9.5)
    went_on = [*called(3.2), *spoken(0, "i2")]
    assert codes(diagnosed(opened(), spoken(1, "i1"), went_on, timed=False)) >= {"tool-output-unanswered"}


def test_a_tool_result_reseeded_after_a_reconnect_needs_no_response() -> None:
    before = [*spoken(1, "i1"), *called(3.2), sent(3.6, "response.create"), *answered(3.8, "r2")]
    told = [
        here(10.0, "line.lost"),
        here(10.5, "line.opened"),
        came(10.6, "session.created", session={"type": "realtime"}),
        sent(11.0, "conversation.item.create", item={"type": "function_call", "call_id": "k", "name": "add"}),
        sent(11.0, "conversation.item.create", item={"type": "function_call_output", "call_id": "k", "output": "4"}),
    ]
    assert "tool-output-unanswered" not in codes(diagnosed(opened(), before, told, until=30.0))


def test_a_tool_result_that_is_answered_is_fine() -> None:
    log = [*opened(), *spoken(1, "i1"), *called(3.2), sent(3.6, "response.create"), *answered(3.8, "r2")]
    assert not diagnosed(log, until=30)
    by_server = [*opened(), *spoken(1, "i1"), *called(3.2), *answered(3.8, "r2")]
    assert not diagnosed(by_server, until=30)


@each("wish", [{"instructions": "Speak like a pirate."}, {"audio": {"output": {"voice": "cedar"}}}])
def test_a_first_answer_before_the_configuration_is_named(wish: dict[str, Any]) -> None:
    log = [
        *opened(),
        sent(0.1, "session.update", session={"type": "realtime", **wish}),
        came(0.15, "response.created", response={"id": "r0"}),
        came(0.3, "session.updated", session=ga_session()),
        done(1.4, "r0"),
    ]
    only("config-too-late", log)


def test_a_configuration_in_time_or_with_the_handshake_or_unimportant_is_not_late() -> None:
    wish = {"type": "realtime", "instructions": "Speak like a pirate."}
    updated = came(0.3, "session.updated", session=ga_session())
    in_time = [*opened(), sent(0.1, "session.update", session=wish), updated, *spoken(1, "i1"), *answered(3.4, "r1")]
    assert not diagnosed(in_time)
    first = [*spoken(0.1, "i1"), *answered(2.4, "r1")]
    by_handshake = [*opened(), here(0.01, "line.opened", configured=True), *first]
    change = [sent(8, "session.update", session=wish), came(8.1, "session.updated", session=ga_session())]
    assert not diagnosed(by_handshake, change)
    vad = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    assert not diagnosed(opened(), first, sent(8, "session.update", session=vad), updated)


@each("lost", ["line.lost", "line.hanging_up", "device.lost"])
def test_sound_that_ends_with_the_line_or_the_device_is_not_blamed_on_the_client(lost: str) -> None:
    log = [
        *opened(),
        *spoken(1, "i1"),
        *answered(3.1, "r1", heard=False)[:-1],
        here(4.5, lost),
        here(4.51, "playback.flushed"),
    ]
    assert "audio-tail-missing" not in codes(diagnosed(log))
