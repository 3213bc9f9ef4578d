"""The table of failures: a test a row, and that the rules obey it."""

from __future__ import annotations

import json

import pytest

from tests.support.script import at, script
from voicechat.core.effects import Connect
from voicechat.core.events import ConnectWanted, LineFailed
from voicechat.core.failures import FAILURES, UNKNOWN, Failure, by_name, failure_of
from voicechat.core.state import State, Wishes
from voicechat.transports.refusals import refused

LINE = [row for row in FAILURES if row.family != "device" and row.name not in ("line lost", "session time")]

SEEN: dict[str, list[tuple[str, int | None, str]]] = {
    "unreachable": [("dns", None, ""), ("refused", None, ""), ("unreachable", None, "")],
    "no answer": [("timeout", None, ""), ("", 504, "")],
    "no media": [("no_media", None, "")],
    "line lost": [("line_lost", None, ""), ("close 1006", None, ""), ("close 1011", None, "")],
    "service down": [("server_error", 500, ""), ("", 503, ""), ("", 529, ""), ("", 599, "")],
    "certificate": [("tls", None, "")],
    "web page": [("html", 200, "")],
    "key": [("invalid_api_key", 401, ""), ("", 401, ""), ("account_deactivated", None, ""), ("close 1008", None, "")],
    "token": [
        ("token_expired", 401, ""),
        ("", 401, "Ephemeral token expired"),
        ("", None, "client secret has expired"),
    ],
    "access": [("", 403, "")],
    "quota": [("insufficient_quota", 429, ""), ("billing_hard_limit_reached", 429, ""), ("", 402, "")],
    "model": [("model_not_found", 404, "")],
    "no WebRTC": [
        ("", 404, ""),
        ("", 405, ""),
        ("", 415, ""),
        ("not_found", 404, ""),
        ("invalid_request_error", 404, ""),
    ],
    "request": [("invalid_request_error", 400, ""), ("", 400, ""), ("config", None, "")],
    "dialect": [("beta_api_shape_disabled", None, ""), ("close 4000", None, "")],
    "engine": [("engine", None, "")],
    "permission": [("mic_flat", None, "")],
    "no microphone": [("no_microphone", None, "")],
    "no loudspeaker": [("no_loudspeaker", None, "")],
    "device lost": [("device_lost", None, "")],
    "sound format": [("device_format", None, "")],
    "no echo canceller": [("no_aec", None, ""), ("self_echo", None, "")],
    "codec": [("codec", None, ""), ("invalid_audio_format", None, "")],
    "session time": [("session_expired", None, ""), ("close 1001", None, "")],
    "too many sessions": [("session_limit_reached", 503, ""), ("concurrent_session_limit", 429, "")],
    "rate limit": [("rate_limit_exceeded", 429, ""), ("", 429, ""), ("inference_rate_limit_exceeded", None, "")],
}
"""Row -> what was seen of it: code, status, words."""


@pytest.mark.parametrize("row", FAILURES, ids=lambda row: str(row.name))
def test_each_failure_is_known_by_what_services_say(row: Failure) -> None:
    for code, status, words in SEEN[row.name]:
        assert failure_of(code, status, words).name == row.name, (code, status, words)


@pytest.mark.parametrize("row", FAILURES, ids=lambda row: str(row.name))
def test_each_failure_has_its_sentence_and_a_next_step(row: Failure) -> None:
    assert row.sentence and not row.sentence.endswith(".")
    assert row.cure and row.cure != row.sentence
    assert by_name(row.name) is row


def test_no_code_and_no_status_means_two_things() -> None:
    codes = [code for row in FAILURES for code in row.codes]
    statuses = [status for row in FAILURES for status in row.statuses]
    assert len(codes) == len(set(codes))
    assert len(statuses) == len(set(statuses))


def test_what_no_row_knows_is_what_the_adapter_thinks_of_it() -> None:
    assert failure_of("odd") is UNKNOWN
    assert not failure_of("odd", retryable=True).is_fatal


@pytest.mark.parametrize("row", LINE, ids=lambda row: str(row.name))
def test_a_line_that_cannot_be_had_is_tried_again_or_not_as_the_table_says(row: Failure) -> None:
    code, status, words = SEEN[row.name][0]
    begin = State(wishes=Wishes(provider="openai", transport="webrtc"))
    failed = LineFailed(1, words or "no", code=code, status=status)
    talk = script(at(0.0, ConnectWanted()), at(0.1, failed), begin=begin, until=20.0)
    assert len(talk.of(Connect)) == (1 if row.is_fatal else 2)


@pytest.mark.parametrize("row", [row for row in LINE if row.instead], ids=lambda row: str(row.name))
def test_webrtc_that_cannot_connect_is_replaced_by_websocket(row: Failure) -> None:
    code, status, _ = SEEN[row.name][0]
    failed = LineFailed(1, "no", code=code, status=status)
    talk = script(at(0.0, ConnectWanted()), at(3.0, failed), begin=State(wishes=Wishes(provider="openai")), until=3.0)
    assert [(one.time, one.what.transport) for one in talk.of(Connect)] == [(0.0, "auto"), (3.0, "WebSocket")]
    assert talk.notices == ["websocket_instead"]


def test_what_the_handshake_calls_hopeless_is_hopeless_here_too() -> None:
    for status, code in ((401, "invalid_api_key"), (429, "insufficient_quota"), (404, "model_not_found"), (400, "")):
        body = json.dumps({"error": {"message": "no", "code": code, "type": code}})
        error = refused("host", status, body, "", "")
        assert not error.retryable
        assert failure_of(error.code, error.status, error.message).is_fatal
