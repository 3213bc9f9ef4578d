"""Refusals and breakdowns, read from whatever told them, and sorted into one kind of problem each.

One place decides what a failure is, so that one failure never becomes two findings.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from voicechat.diagnose.configured import UNKNOWN
from voicechat.diagnose.facts import Failure, Said
from voicechat.diagnose.records import Record, number, part, text
from voicechat.protocol.dialects import detect_dialect
from voicechat.protocol.session_dialects import GA_PATHS

if TYPE_CHECKING:
    from voicechat.diagnose.session_model import SessionModel

FAILURES = ("error", "response.done", "line.failed")
"""Event types that can tell of a failure."""

QUOTA = {"insufficient_quota", "credit_balance_exhausted", "billing_hard_limit_reached", "account_deactivated"}
AUTH = {
    "invalid_api_key",
    "authentication_error",
    "invalid_authentication",
    "unauthorized",
    "permission_denied",
    "access_not_enabled",
}
EXPIRED_TOKEN = {"token_expired", "ephemeral_token_expired", "client_secret_expired"}
RATE = {"rate_limit_exceeded", "inference_rate_limit_exceeded", "too_many_requests"}
RETIRED_MODELS = re.compile(r"gpt-4o(-mini)?-realtime-preview|gpt-realtime(-mini)?(-20\d\d-\d\d-\d\d)?\b(?!-)")
CODES = {
    "conversation_already_has_active_response": "active-response-conflict",
    "response_cancel_not_active": "cancel-without-response",
    "input_audio_buffer_commit_empty": "empty-commit",
    "cannot_update_voice": "voice-locked",
    "session_expired": "session-expired",
    "session_limit_reached": "session-limit",
    "beta_api_shape_disabled": "beta-retired",
    **dict.fromkeys(QUOTA, "quota-or-billing"),
    **dict.fromkeys(AUTH, "auth-failed"),
    **dict.fromkeys(EXPIRED_TOKEN, "token-expired"),
    **dict.fromkeys(RATE, "rate-limited"),
}
"""Codes of services that name one problem."""
SAYINGS = (
    (re.compile(r"already has an active response", re.I), "active-response-conflict"),
    (re.compile(r"cancellation failed|no active response (?:was )?found", re.I), "cancel-without-response"),
    (re.compile(r"buffer too small|buffer is empty", re.I), "empty-commit"),
    (re.compile(r"cannot update a conversation'?s voice|voice.{0,40}(locked|cannot be changed)", re.I), "voice-locked"),
    (re.compile(r"(ephemeral|client).{0,20}(token|secret|key).{0,20}expired|token expired", re.I), "token-expired"),
    (
        re.compile(r"session (hit the maximum duration|has expired|expired)|maximum session duration", re.I),
        "session-expired",
    ),
    (re.compile(r"incorrect api key|invalid api key|does not have access to the realtime", re.I), "auth-failed"),
    (re.compile(r"billing (hard )?limit|credit balance", re.I), "quota-or-billing"),
    (re.compile(r"realtime beta api is no longer|beta_api_shape_disabled", re.I), "beta-retired"),
    (re.compile(r"exceeded your current quota", re.I), "quota-or-billing"),
    (re.compile(r"rate limit reached", re.I), "rate-limited"),
)
"""For services that give a sentence and no code."""
GA_ONLY = {"audio", "output_modalities"}
"""Fields that every GA service has: who refuses them speaks beta."""
STATUSES = {401: "auth-failed", 403: "auth-failed", 402: "quota-or-billing", 429: "rate-limited"}
_QUOTED = re.compile(r"(?:['\"`]|param\W{1,3})((?:session|response)(?:\.[\w\[\]]+)+)")


def failure_of(record: Record, model: SessionModel) -> Failure:
    """What a record of one of `FAILURES` tells."""
    event = record.event
    if record.type == "line.failed":
        status = number(event, "status")
        return Failure(
            record.mark(),
            record.type,
            code=text(event, "code"),
            message=text(event, "message", 400),
            status=int(status) if status is not None else None,
        )
    told = part(part(part(event, "response"), "status_details"), "error") or part(event, "error")
    message = text(told, "message", 400) or text(event, "error", 400)  # some services send a bare sentence
    code = text(told, "code")
    quoted = _QUOTED.search(message)
    failure = Failure(
        record.mark(code or text(told, "type")),
        record.type,
        code=code,
        kind=text(told, "type"),
        message=message,
        param=text(told, "param") or (quoted[1] if quoted else ""),
    )
    if record.type != "error":
        return failure
    named = text(told, "event_id")
    said = model.said.get(named) if named else _likely(model, problem_of_words(failure))
    return Failure(failure.at, "error", code, failure.kind, message, failure.param, None, said)


def _likely(model: SessionModel, problem: str) -> Said | None:
    """The client event that an error without `event_id` probably answers: the newest of the right kind."""
    kinds = {
        "active-response-conflict": "response.create",
        "cancel-without-response": "response.cancel",
        "empty-commit": "input_audio_buffer.commit",
        "voice-locked": "session.update",
        "": "session.update",
    }
    kind = kinds.get(problem)
    if problem == "" and model.configured.pending is None:
        return None
    return next((said for said in reversed(model.said.values()) if said.type == kind and not said.is_answered), None)


def problem_of_words(failure: Failure) -> str:
    """What its code, its type or its sentence names; empty if none does."""
    for name in failure.names:
        if name in CODES:
            return CODES[name]
    return next((problem for saying, problem in SAYINGS if saying.search(failure.message)), "")


def problem_of(failure: Failure, model: SessionModel) -> str:
    """The code of the finding that tells of this failure; empty if none does."""
    problem = problem_of_words(failure)
    theirs = model.configured.turns_are_theirs
    if model.configured.turn_detection is UNKNOWN:
        theirs = "input_audio_buffer.speech_stopped" in model.witness.seen  # only a server that detects turns tells
    if problem == "empty-commit" and theirs:
        return "commit-with-server-vad"
    if problem == "session-limit" or failure.status == 503:
        return "session-limit"
    if problem:
        return problem
    if failure.status in STATUSES:
        return STATUSES[failure.status]
    if failure.code == "model_not_found" or failure.status == 404:
        return "model-retired" if RETIRED_MODELS.search(failure.message) else ""
    if failure.told_by == "error" and _concerns_session(failure):
        return _of_session(failure, model)
    return "response-failed" if failure.told_by == "response.done" else ""


def _concerns_session(failure: Failure) -> bool:
    if failure.param.startswith("session"):
        return True
    return failure.said is not None and failure.said.type == "session.update" and "response" not in failure.param


def _of_session(failure: Failure, model: SessionModel) -> str:
    is_unknown = failure.code == "unknown_parameter" or failure.message.lower().startswith("unknown parameter")
    is_missing = "missing" in failure.code or failure.message.lower().startswith("missing required")
    path, _, deeper = failure.param.removeprefix("session.").split("[")[0].partition(".")
    if path == "type" and (is_unknown or is_missing):
        return "dialect-mismatch"
    if is_unknown and not deeper and _is_of_the_other_dialect(path, model):  # whoever knows the inside knows the field
        return "dialect-mismatch"
    if is_unknown:
        return "unknown-session-field"
    is_wrong = is_missing or failure.code.startswith("invalid_") or failure.message.lower().startswith("invalid ")
    return "wrong-field-type" if is_wrong and failure.param else ""


def _is_of_the_other_dialect(name: str, model: SessionModel) -> bool:
    """A flat beta field refused by a GA service, or a nested GA field refused by a beta service."""
    spoken = model.configured.dialect
    if name in GA_PATHS:
        return spoken != "beta"
    if spoken is None:
        return name in GA_ONLY
    return spoken == "beta" and detect_dialect({name: {}}) == "ga"
