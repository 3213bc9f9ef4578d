"""Refusals and breakdowns: each names its one cause, and what looks like it but is not, does not."""

from __future__ import annotations

from typing import Any

from tests.insight.session_log import (
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
    update,
)
from tests.support.each import each
from voicechat.insight.facts import Failure
from voicechat.insight.records import Evidence
from voicechat.insight.refusals import problem_of_words

BAD_VAD = {"type": "server_vad", "max_speech_ms": 5000}


@each("timed", [True, False])
def test_an_unknown_field_is_named_with_the_field_that_was_meant(timed: bool) -> None:
    log = [
        *opened(),
        update(type="realtime", audio={"input": {"turn_detection": BAD_VAD}}),
        refused(1.1, "unknown_parameter", param="session.audio.input.turn_detection.max_speech_ms", event_id="u1"),
    ]
    finding = only("unknown-session-field", log, timed=timed)
    assert "silence_duration_ms" in finding.cure and "?." not in finding.cure
    assert [mark.seq for mark in finding.evidence] == [1, 2]


def test_an_unknown_field_is_read_from_the_message_alone() -> None:
    log = [
        *opened(0, beta_session()),
        update(turn_detection={"type": "server_vad", "post_speech_silence_ms": 700}),
        refused(1.1, None, "Unknown parameter: 'session.turn_detection.post_speech_silence_ms'."),
    ]
    finding = only("unknown-session-field", log)
    assert "silence_duration_ms" in finding.cure
    assert finding.evidence[0].ref == "session.update u1"


def test_an_unknown_field_is_settled_when_the_next_update_is_confirmed() -> None:
    log = [
        *opened(),
        update(type="realtime", foo=1),
        refused(1.1, "unknown_parameter", param="session.foo", event_id="u1"),
        came(1.3, "session.updated", session=ga_session()),
    ]
    found = diagnosed(log)
    assert found["unknown-session-field"].resolved


def test_an_unknown_field_of_a_response_is_no_session_field() -> None:
    log = [
        *opened(),
        sent(1, "response.create", event_id="c1", response={"speed": 2}),
        refused(1.1, "unknown_parameter", param="response.speed", event_id="c1"),
    ]
    assert codes(diagnosed(log)) == {"client-event-refused"}


def test_a_field_that_an_item_lacks_is_told_with_the_services_words() -> None:
    log = [
        *opened(),
        sent(1, "conversation.item.create", event_id="i1", item={"type": "function_call_output", "output": "4"}),
        refused(1.1, "missing_required_parameter", param="item.call_id", event_id="i1"),
    ]
    assert codes(diagnosed(log)) == {"client-event-refused"}


def test_more_sound_than_the_service_keeps_is_named_where_a_traceback_says_so() -> None:
    said = "BufferOverflow: Realtime audio buffer exceeded max_bytes=1920000"
    assert problem_of_words(Failure(Evidence(0, 0.0, "error"), "error", message=said)) == "audio-buffer-full"


@each(
    ("param", "message", "session"),
    [
        (
            "session.output_audio_format",
            "Invalid type for 'session.output_audio_format': expected one of 'pcm16', but got an object instead.",
            {"output_audio_format": {"type": "pcm16", "sample_rate": 24000}},
        ),
        ("", "Invalid value: 'maximum'. 'session.max_output_tokens' must be 'inf'.", {"max_output_tokens": "maximum"}),
    ],
)
def test_a_value_of_the_wrong_type_is_named(param: str, message: str, session: dict[str, Any]) -> None:
    code = "invalid_type" if param else None
    log = [*opened(0, beta_session()), update(**session), refused(1.1, code, message, param=param, event_id="u1")]
    assert "session." in only("wrong-field-type", log).cure


def test_truncation_past_the_end_has_a_finding_of_its_own() -> None:
    log = [
        *opened(),
        sent(1, "conversation.item.truncate", event_id="t1", item_id="i1", audio_end_ms=9000),
        refused(1.1, "invalid_value", "Audio content of 4000ms is already shorter than 9000ms", event_id="t1"),
    ]
    assert set(codes(diagnosed(log))) == {"truncate-past-the-end"}


@each(
    ("session", "wish", "code", "param", "spoken_by"),
    [
        (beta_session(), {"type": "realtime"}, "unknown_parameter", "session.type", "beta"),
        (beta_session(), {"type": "realtime", "audio": {}}, "unknown_parameter", "session.audio", "beta"),
        (ga_session(), {"voice": "alloy"}, "unknown_parameter", "session.voice", "ga"),
        (ga_session(), {"modalities": ["text"]}, "missing_required_parameter", "session.type", "ga"),
    ],
)
def test_the_wrong_dialect_is_told_apart_from_a_wrong_field(
    session: dict[str, Any], wish: dict[str, Any], code: str, param: str, spoken_by: str
) -> None:
    finding = only(
        "dialect-mismatch", opened(0, session), update(**wish), refused(1.1, code, param=param, event_id="u1")
    )
    assert f'dialect = "{spoken_by}"' in finding.ours


@each(
    ("code", "message"),
    [("cannot_update_voice", ""), (None, "Cannot update a conversation's voice if assistant audio is present.")],
)
def test_a_voice_changed_after_the_first_answer_is_locked(code: str | None, message: str) -> None:
    log = [
        *opened(),
        *spoken(1, "i1"),
        *answered(3.4, "r1"),
        update(9, audio={"output": {"voice": "cedar"}}),
        refused(9.1, code, message, event_id="u1"),
    ]
    finding = only("voice-locked", log)
    assert len(finding.evidence) == 3


def test_a_voice_chosen_before_the_first_answer_is_fine() -> None:
    log = [*opened(), update(audio={"output": {"voice": "cedar"}}), came(1.1, "session.updated", session=ga_session())]
    assert not diagnosed(log, spoken(2, "i1"), answered(4.4, "r1"))


@each(
    ("rows", "code"),
    [
        ([refused(1, "insufficient_quota")], "quota-or-billing"),
        ([here(1, "line.failed", status=429, code="insufficient_quota", message="no credit")], "quota-or-billing"),
        ([refused(1, "rate_limit_exceeded")], "rate-limited"),
        ([here(1, "line.failed", status=429, code="", message="too many")], "rate-limited"),
        ([refused(1, "invalid_api_key")], "auth-failed"),
        ([here(1, "line.failed", status=401, code="", message="did not accept the key")], "auth-failed"),
        ([refused(1, None, "Ephemeral token expired")], "token-expired"),
        ([here(1, "line.failed", status=401, code="token_expired", message="")], "token-expired"),
        ([refused(1, "session_expired")], "session-expired"),
        ([refused(1, None, "Your session hit the maximum duration of 60 minutes.")], "session-expired"),
        ([refused(1, "session_limit_reached")], "session-limit"),
        ([here(1, "line.failed", status=503, code="", message="busy")], "session-limit"),
        ([refused(1, "beta_api_shape_disabled")], "beta-retired"),
        ([here(1, "line.failed", status=400, code="beta_api_shape_disabled", message="")], "beta-retired"),
        (
            [refused(1, "model_not_found", "The model gpt-4o-realtime-preview-2024-12-17 does not exist")],
            "model-retired",
        ),
        (
            [here(1, "line.failed", status=404, message="model `gpt-realtime-2025-08-28` was not found")],
            "model-retired",
        ),
        ([here(1, "line.failed", code="dns", message="the name x cannot be found")], "connection-lost"),
        ([here(1, "line.opened"), here(2, "line.lost", reason="no packets for 1 s")], "connection-lost"),
    ],
)
def test_what_a_service_or_the_line_refuses_is_one_finding(rows: list[Row], code: str) -> None:
    only(code, opened(), rows)


@each(
    ("code", "expected"),
    [
        ("rate_limit_exceeded", "rate-limited"),
        ("insufficient_quota", "quota-or-billing"),
        ("server_error", "response-failed"),
        ("odd", "response-failed"),
    ],
)
def test_a_failed_answer_is_told_by_its_cause(code: str, expected: str) -> None:
    failed = done(4, "r1", "failed", error={"code": code, "message": "sorry"})
    only(expected, opened(), spoken(1, "i1"), answered(3.4, "r1")[:1], failed)


def test_a_model_of_another_name_is_not_called_retired() -> None:
    told = codes(diagnosed(opened(), refused(1, "model_not_found", "The model gpt-realtime-2.2 does not exist")))
    assert set(told) == {"model-cannot-do-realtime"}


def test_a_line_that_closes_after_the_session_expired_is_no_second_cause() -> None:
    only("session-expired", opened(), here(0.1, "line.opened"), refused(9, "session_expired"), here(9.1, "line.lost"))


def test_a_lost_line_is_over_when_the_next_one_is_open() -> None:
    log = [*opened(), here(2, "line.lost", reason="x"), here(2.1, "line.connecting"), here(3, "line.opened")]
    assert diagnosed(log)["connection-lost"].resolved


def test_a_line_that_the_user_ended_is_not_lost() -> None:
    assert not diagnosed(opened(), here(2, "end.asked"), here(2.1, "line.lost", reason="closed"))


def test_a_rate_limit_is_over_with_the_next_complete_answer() -> None:
    failed = done(4, "r1", "failed", error={"code": "rate_limit_exceeded"})
    found = diagnosed(opened(), spoken(1, "a"), answered(3.4, "r1")[:1], failed, spoken(9, "b"), answered(11.4, "r2"))
    assert found["rate-limited"].resolved


@each("reason", ["max_output_tokens", "content_filter"])
def test_an_answer_that_stops_before_its_end_says_why(reason: str) -> None:
    finding = only(
        "response-incomplete", opened(), spoken(1, "i1"), answered(3.4, "r1")[:4], done(5, "r1", "incomplete", reason)
    )
    assert reason in finding.title


def test_the_end_of_a_session_is_told_five_minutes_before_where_there_is_a_limit() -> None:
    limited = opened(0, ga_session() | {"expires_at": 1_800_000_000})
    only("session-limit", limited, until=55 * 60 + 1)
    assert not diagnosed(limited, until=54 * 60)
    assert not diagnosed(opened(), until=3 * 3600)


@each("session", [ga_session(vad=None), beta_session(turn_detection=None)], ids=["ga", "beta"])
def test_an_empty_buffer_that_is_committed_is_named(session: dict[str, Any]) -> None:
    log = [
        *opened(0, session),
        sent(1, "input_audio_buffer.commit", event_id="c1"),
        refused(1.1, "input_audio_buffer_commit_empty", "buffer too small", event_id="c1"),
    ]
    only("empty-commit", log)


@each("is_refused", [True, False])
def test_a_commit_while_the_server_detects_turns_is_named_even_if_it_works(is_refused: bool) -> None:
    log = [*opened(), *spoken(1, "i1"), sent(3.05, "input_audio_buffer.commit", event_id="c1")]
    if is_refused:
        log.append(refused(3.1, "input_audio_buffer_commit_empty", event_id="c1"))
    only("commit-with-server-vad", log)


def test_a_commit_is_right_where_turns_are_the_clients_or_the_service_waits_for_it() -> None:
    assert not diagnosed(opened(0, ga_session(vad=None)), sent(1, "input_audio_buffer.commit"))
    waited = spoken(1, "i1")[:2]
    assert not diagnosed(opened(), waited, sent(5, "input_audio_buffer.commit"))
    switched = update(1, audio={"input": {"turn_detection": None}})
    assert not diagnosed(opened(), switched, sent(1.1, "input_audio_buffer.commit"))
