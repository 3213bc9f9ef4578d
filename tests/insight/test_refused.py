"""Refusals and breakdowns: each names its one cause, and what looks like it but is not, does not."""

from __future__ import annotations

from typing import Any

from tests.insight.session_log import (
    EITHER,
    Case,
    Row,
    answered,
    begun,
    beta_session,
    came,
    create,
    done,
    ga_session,
    here,
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
OLD_VAD = {"type": "server_vad", "post_speech_silence_ms": 700}
VAD_FIELD = "session.audio.input.turn_detection.max_speech_ms"
FLAT_FORMAT: dict[str, Any] = {"output_audio_format": {"type": "pcm16", "sample_rate": 24000}}
NO_OBJECT = "Invalid type for 'session.output_audio_format': expected one of 'pcm16', but got an object instead."
NO_NUMBER = "Invalid value: 'maximum'. 'session.max_output_tokens' must be 'inf'."
SHORTER = "Audio content of 4000ms is already shorter than 9000ms"
NO_CALL_ID = {"type": "function_call_output", "output": "4"}
TOO_LATE = "Cannot update a conversation's voice if assistant audio is present."
CEDAR: dict[str, Any] = {"audio": {"output": {"voice": "cedar"}}}
ASKED, BEGUN = spoken(1, "i1"), begun(3.4)
COMMIT = "input_audio_buffer.commit"
EMPTY = refused(3.1, "input_audio_buffer_commit_empty", event_id="c1")
LIMITED = opened(0, ga_session() | {"expires_at": 1_800_000_000})


def said_no(code: str | None, param: str, message: str = "", event_id: str = "u1") -> Row:
    return refused(1.1, code, message, param=param, event_id=event_id)


def failed(code: str) -> Row:
    return done(4, "r1", "failed", error={"code": code, "message": "sorry"})


def dialect(session: dict[str, Any], wish: dict[str, Any], code: str, param: str, spoken_by: str) -> Case:
    log = (opened(0, session), update(**wish), said_no(code, param))
    return Case(f"{param} where {spoken_by} is spoken", log, "dialect-mismatch", f'dialect = "{spoken_by}"')


CASES = [
    Case("an unknown field, with the field that was meant",
         (opened(), update(type="realtime", audio={"input": {"turn_detection": BAD_VAD}}),
          said_no("unknown_parameter", VAD_FIELD)),
         "unknown-session-field", "did you mean silence_duration_ms", evidence=(1, 2), timed=EITHER),
    Case("an unknown field, by the message alone",
         (opened(0, beta_session()), update(turn_detection=OLD_VAD),
          refused(1.1, None, "Unknown parameter: 'session.turn_detection.post_speech_silence_ms'.")),
         "unknown-session-field", "silence_duration_ms", evidence=(1, 2)),
    Case("an unknown field, and the next update is confirmed",
         (opened(), update(type="realtime", foo=1), said_no("unknown_parameter", "session.foo"),
          came(1.3, "session.updated", session=ga_session())), "unknown-session-field", is_over=True),
    Case("an unknown field of a response is none of the session",
         (opened(), create(1, response={"speed": 2}), said_no("unknown_parameter", "response.speed", event_id="c1")),
         "client-event-refused"),
    Case("a field that an item lacks",
         (opened(), sent(1, "conversation.item.create", event_id="i1", item=NO_CALL_ID),
          said_no("missing_required_parameter", "item.call_id", event_id="i1")), "client-event-refused"),
    Case("a value of the wrong type",
         (opened(0, beta_session()), update(**FLAT_FORMAT),
          said_no("invalid_type", "session.output_audio_format", NO_OBJECT)), "wrong-field-type", "session."),
    Case("a value of the wrong type, by the message alone",
         (opened(0, beta_session()), update(max_output_tokens="maximum"), said_no(None, "", NO_NUMBER)),
         "wrong-field-type", "session."),
    Case("truncation past the end",
         (opened(), sent(1, "conversation.item.truncate", event_id="t1", item_id="i1", audio_end_ms=9000),
          refused(1.1, "invalid_value", SHORTER, event_id="t1")), "truncate-past-the-end"),
    dialect(beta_session(), {"type": "realtime"}, "unknown_parameter", "session.type", "beta"),
    dialect(beta_session(), {"type": "realtime", "audio": {}}, "unknown_parameter", "session.audio", "beta"),
    dialect(ga_session(), {"voice": "alloy"}, "unknown_parameter", "session.voice", "ga"),
    dialect(ga_session(), {"modalities": ["text"]}, "missing_required_parameter", "session.type", "ga"),
    *(Case("a voice changed after the first answer",
           (opened(), ASKED, answered(3.4, "r1"), update(9, **CEDAR), refused(9.1, code, message, event_id="u1")),
           "voice-locked", evidence=(6, 12, 13))
      for code, message in (("cannot_update_voice", ""), (None, TOO_LATE))),
    Case("a voice chosen before the first answer",
         (opened(), update(**CEDAR), came(1.1, "session.updated", session=ga_session()), spoken(2, "i1"),
          answered(4.4, "r1"))),
    Case("a failed answer: rate limit", (opened(), ASKED, BEGUN, failed("rate_limit_exceeded")), "rate-limited"),
    Case("a failed answer: quota", (opened(), ASKED, BEGUN, failed("insufficient_quota")), "quota-or-billing"),
    Case("a failed answer: server", (opened(), ASKED, BEGUN, failed("server_error")), "response-failed"),
    Case("a failed answer: unknown", (opened(), ASKED, BEGUN, failed("odd")), "response-failed"),
    Case("a model of another name is not called retired",
         (opened(), refused(1, "model_not_found", "The model gpt-realtime-2.2 does not exist")),
         "model-cannot-do-realtime"),
    Case("a line that closes after the session expired is no second cause",
         (opened(), here(0.1, "line.opened"), refused(9, "session_expired"), here(9.1, "line.lost")),
         "session-expired"),
    Case("a lost line is over when the next one is open",
         (opened(), here(2, "line.lost", reason="x"), here(2.1, "line.connecting"), here(3, "line.opened")),
         "connection-lost", is_over=True),
    Case("a line that the user ended is not lost",
         (opened(), here(2, "end.asked"), here(2.1, "line.lost", reason="closed"))),
    Case("a rate limit is over with the next complete answer",
         (opened(), ASKED, BEGUN, failed("rate_limit_exceeded"), spoken(9, "b"), answered(11.4, "r2")),
         "rate-limited", is_over=True),
    *(Case("an answer that stops before its end says why",
           (opened(), ASKED, answered(3.4, "r1")[:4], done(5, "r1", "incomplete", reason)),
           "response-incomplete", reason) for reason in ("max_output_tokens", "content_filter")),
    Case("the end of a session, five minutes before", (LIMITED,), "session-limit", until=55 * 60 + 1),
    Case("the end of a session, six minutes before", (LIMITED,), until=54 * 60),
    Case("a session without a limit", (opened(),), until=3 * 3600),
    *(Case("an empty buffer that is committed",
           (opened(0, session), sent(1, COMMIT, event_id="c1"), EMPTY), "empty-commit")
      for session in (ga_session(vad=None), beta_session(turn_detection=None))),
    Case("a commit while the server detects turns", (opened(), ASKED, sent(3.05, COMMIT, event_id="c1"), EMPTY),
         "commit-with-server-vad"),
    Case("a commit while the server detects turns that works", (opened(), ASKED, sent(3.05, COMMIT)),
         "commit-with-server-vad"),
    Case("a commit where turns are the client's", (opened(0, ga_session(vad=None)), sent(1, COMMIT))),
    Case("a commit where the service waits for it", (opened(), ASKED[:2], sent(5, COMMIT))),
    Case("a commit just after the detector was switched off",
         (opened(), update(audio={"input": {"turn_detection": None}}), sent(1.1, COMMIT))),
]  # fmt: skip


@each("case", CASES, ids=lambda case: case.name)
def test_what_was_refused_or_broke_is_named_and_nothing_else(case: Case) -> None:
    case.verify()


@each(
    ("row", "code"),
    [
        (refused(1, "insufficient_quota"), "quota-or-billing"),
        (here(1, "line.failed", status=429, code="insufficient_quota", message="no credit"), "quota-or-billing"),
        (refused(1, "rate_limit_exceeded"), "rate-limited"),
        (here(1, "line.failed", status=429, code="", message="too many"), "rate-limited"),
        (refused(1, "invalid_api_key"), "auth-failed"),
        (here(1, "line.failed", status=401, code="", message="did not accept the key"), "auth-failed"),
        (refused(1, None, "Ephemeral token expired"), "token-expired"),
        (here(1, "line.failed", status=401, code="token_expired", message=""), "token-expired"),
        (refused(1, "session_expired"), "session-expired"),
        (refused(1, None, "Your session hit the maximum duration of 60 minutes."), "session-expired"),
        (refused(1, "session_limit_reached"), "session-limit"),
        (here(1, "line.failed", status=503, code="", message="busy"), "session-limit"),
        (refused(1, "beta_api_shape_disabled"), "beta-retired"),
        (here(1, "line.failed", status=400, code="beta_api_shape_disabled", message=""), "beta-retired"),
        (refused(1, "model_not_found", "The model gpt-4o-realtime-preview-2024-12-17 does not exist"), "model-retired"),
        (here(1, "line.failed", status=404, message="model `gpt-realtime-2025-08-28` was not found"), "model-retired"),
        (here(1, "line.failed", code="dns", message="the name x cannot be found"), "connection-lost"),
        (here(2, "line.lost", reason="no packets for 1 s"), "connection-lost"),
    ],
)
def test_what_a_service_or_the_line_refuses_is_one_finding(row: Row, code: str) -> None:
    Case("", (opened(), here(0.5, "line.opened"), row), code).verify()


def test_more_sound_than_the_service_keeps_is_named_where_a_traceback_says_so() -> None:
    said = "BufferOverflow: Realtime audio buffer exceeded max_bytes=1920000"
    assert problem_of_words(Failure(Evidence(0, 0.0, "error"), "error", message=said)) == "audio-buffer-full"
