"""Refusals and breakdowns, read from whatever told them, and sorted into one kind of problem each.

One place decides what a failure is, so that one failure never becomes two findings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from voicechat.insight.facts import UNKNOWN, Failure, Said
from voicechat.insight.readers.phrases import Phrase
from voicechat.insight.records import Record, number, part, text
from voicechat.protocol.dialects import detect_dialect
from voicechat.protocol.session_dialects import GA_PATHS

if TYPE_CHECKING:
    from voicechat.insight.session_model import SessionModel

FAILURES = ("error", "response.done failed", "line.failed", "client.failed", "session.closed")
"""Event types that can tell of a failure."""

QUOTA = {"insufficient_quota", "credit_balance_exhausted", "billing_hard_limit_reached", "account_deactivated"}
AUTH = set(
    """
    invalid_api_key authentication_error invalid_authentication unauthorized permission_denied access_not_enabled
    unsupported_country_region_territory
    """.split()
)
EXPIRED_TOKEN = {"token_expired", "ephemeral_token_expired", "client_secret_expired"}
RATE = {"rate_limit_exceeded", "inference_rate_limit_exceeded", "too_many_requests"}
RETIRED_MODELS = re.compile(
    r"gpt-4o(-mini)?-realtime-preview|gpt-realtime(-mini)?(-20\d\d-|\b.{0,80}\b(?:deprecated|retired|shut ?down))"
)
CODES = {
    "conversation_already_has_active_response": "active-response-conflict",
    "response_cancel_not_active": "cancel-without-response",
    "input_audio_buffer_commit_empty": "empty-commit",
    "cannot_update_voice": "voice-locked",
    "session_expired": "session-expired",
    "session_limit_reached": "session-limit",
    "beta_api_shape_disabled": "beta-retired",
    "api_version_mismatch": "dialect-mismatch",
    **dict.fromkeys(QUOTA, "quota-or-billing"),
    **dict.fromkeys(AUTH, "auth-failed"),
    **dict.fromkeys(EXPIRED_TOKEN, "token-expired"),
    **dict.fromkeys(RATE, "rate-limited"),
    "invalid_json": "client-sends-invalid-json",
    "invalid_model": "model-cannot-do-realtime",
    "invalid_tool_call_id": "unknown-call-id",
}
"""Codes of services that name one problem."""
SAYINGS = tuple(
    (re.compile(saying, re.I), problem)
    for saying, problem in (
        (r"already has (?:an )?active response", "active-response-conflict"),
        (r"cancellation failed|no active response (?:was )?found", "cancel-without-response"),
        (
            r"buffer too small|buffer is empty|buffer only has [\d.]{1,9} ?ms|expected at least 100 ?ms of audio|"
            r"commit\w{0,4} (?:an )?empty (?:audio )?buffer",
            "empty-commit",
        ),
        (r"cannot update a conversation'?s voice|voice.{0,40}(?:locked|cannot be changed)", "voice-locked"),
        (r"(?:ephemeral|client).{0,20}(?:token|secret|key).{0,20}expired|token (?:has )?expired", "token-expired"),
        (
            r"session (?:has )?expired|(?:hit|reached|exceeded) (?:the|its) maximum (?:session )?(?:duration|length)|"
            r"maximum (?:session )?duration (?:of|reached|exceeded)|"
            r"session (?:time ?out|lifetime) (?:limit )?(?:of|reached|exceeded)",
            "session-expired",
        ),
        (
            r"(?:incorrect|invalid|missing|wrong|no|bad) (?:the |your |openai ){0,2}api[ _-]?key|missing bearer|"
            r"does not have access to (?:the realtime|(?:this )?model)|"
            r"api[ _-]?key\b.{0,24}\b(?:not (?:set|found|provided|configured|defined|valid)|is (?:missing|required|"
            r"invalid|undefined|empty)|must be (?:set|provided)|missing|required)|"
            r"(?:requires?|missing|set|provide|no)\b.{0,24}\b\w{0,24}api_key\b|you didn't provide an api key|"
            r"invalid subscription key|access token is missing|invalid bearer|authentication fail|"
            r"requires an ephemeral|country, region,? or territory not supported",
            "auth-failed",
        ),
        (
            r"billing (?:hard )?limit|credit balance|\b0 credits|account is not active|"
            r"exceed\w{0,2} your (?:\w+ )?quota|"
            r"insufficient.quota|quota.exceeded",
            "quota-or-billing",
        ),
        (r"realtime beta api is no longer|beta_api_shape_disabled|unknown beta requested", "beta-retired"),
        (r"rate limit (?:reached|exceeded|hit)|too many requests|exceeded .{0,40}\brate limit", "rate-limited"),
        (
            r"audio content of [\d.]{1,12} ?ms is already shorter|only model output audio messages can be truncated",
            "truncate-past-the-end",
        ),
        (
            r"(?:tool|function) call.{0,60}not found in conversation|no (?:tool|function) call found|"
            r"call_id.{0,40}(?:not found|does not (?:exist|match))",
            "unknown-call-id",
        ),
        (
            r"fail\w{0,3} to parse json|could not parse.{0,40}json|invalid json|not (?:a )?valid json|malformed json|"
            r"json ?(?:decode|parse) error|unknown event type|binary (?:frames?|messages?) (?:is|are) not|"
            r"invalid event\b|must be (?:a )?text (?:frame|message)",
            "client-sends-invalid-json",
        ),
        (
            r"model\b.{0,80}\b(?:not (?:supported|available|allowed|compatible|valid)|unsupported)\b.{0,40}realtime|"
            r"model\b.{0,60}\bdoes(?:n't| not) support.{0,30}realtime|"
            r"realtime.{0,40}\bdoes(?:n't| not) (?:support|work with).{0,30}model|"
            r"not (?:a )?(?:valid )?realtime model|invalid_model|"
            r"model\b.{0,80}\b(?:does not exist|(?:been|is) (?:deprecated|retired|shut ?down|discontinued))",
            "model-cannot-do-realtime",
        ),
        (
            r"(?:sdp|offer|answer)\b.{0,40}(?:invalid|malformed|refused|rejected|fail\w{0,3} to parse|parse error|"
            r"expected)|(?:invalid|malformed) (?:sdp|offer)\b|"
            r"fail\w{0,3} to (?:parse|set).{0,20}(?:sdp|sessiondescription|remote desc)|"
            r"\bbad (?:handshake\b|response from the server)|handshakeexception|\bblocked by cors policy|"
            r"['\"]resource not found|unsupported content.?type|only accepts ['\"]?application/sdp|"
            r"deployment\b.{0,40}\bdoes not exist|\bDeploymentNotFound\b|isn't a valid ur[il]|\binvalid ?ur[il]\b|"
            r"\burl scheme\b|scheme (?:isn't|must be|should be)(?: either)? ['\"]?wss?\b|"
            r"\bunsupported (?:url )?(?:protocol|scheme)\b|\bfailed to construct 'websocket'",
            "handshake-refused",
        ),
        (r"passing a .{0,40}session update event to a .{0,40}session is not allowed", "dialect-mismatch"),
        (r"the server had an error (?:while )?processing|\bresponse failed with error type", "response-failed"),
        (
            r"audio buffer (?:\(?\w{1,20}\)? )?(?:exceed(?:s|ed)|overflow|(?:is )?full\b)|"
            r"(?:exceed(?:s|ed)|over) (?:the )?(?:max\w{0,4}|limit).{0,24}audio buffer",
            "audio-buffer-full",
        ),
    )
)
"""For services that give a sentence and no code."""
ANY_SAYING = Phrase("|".join(saying.pattern for saying, _ in SAYINGS))
"""One look for all of them."""
GA_ONLY = {"audio", "output_modalities"}
"""Fields that every GA service has: who refuses them speaks beta."""
BETA_OF_RESPONSES = {"response.modalities", "response.voice", "response.output_audio_format"}
"""Fields of response.create that GA keeps elsewhere."""
HARMLESS = {"input_audio_buffer_clear_empty"}
"""Refusals that change nothing and need no finding."""
MOST_WRAPPERS = 3
STATUSES = {401: "auth-failed", 403: "auth-failed", 402: "quota-or-billing", 429: "rate-limited"}
REFUSED_HANDSHAKES = {400, 404, 405, 406, 410, 415, 422, 426}
"""The request itself is wrong: address, deployment, model, content type, SDP."""
LIVE_CLOSINGS = {"expired": "session-expired", "content": "response-incomplete", "connection_lost": "connection-lost"}
"""`session.closed.reason` of GPT-Live; close_requested and remote_hangup are ends that somebody wanted."""
FIXED_IN_LIVE = ("model", "voice", "instructions", "input", "audio", "delegation.type")
"""What a session of GPT-Live keeps from its start."""
_MODALITIES = re.compile(r"invalid modalities", re.I)
_QUOTED = re.compile(
    r"(?:['\"`]|param\W{1,3}|\): )((?:session|response)(?:\.[\w\[\]]+)+)|parameter: ['\"`](\w+(?:\.[\w\[\]]+)*)['\"`]"
)


def failure_of(record: Record, model: SessionModel) -> Failure:
    """What a record of one of `FAILURES` tells."""
    event = record.event
    if record.type in ("session.closed", "client.failed", "line.failed"):
        status = number(event, "status")
        code = text(event, "reason" if record.type == "session.closed" else "code")
        message = "" if record.type == "session.closed" else text(event, "message", 400)
        known = int(status) if status is not None and record.type == "line.failed" else None
        return Failure(record.mark(), record.type, code=code, message=message, status=known)
    told = part(part(part(event, "response"), "status_details"), "error") or part(event, "error")
    for _ in range(MOST_WRAPPERS):  # a library wraps the service's error into one of its own
        if isinstance(told.get("error"), Mapping) and not text(told, "message"):
            told = part(told, "error")
    message = text(told, "message", 400) or text(event, "error", 400)  # some services send a bare sentence
    code = text(told, "code")
    failure = Failure(
        record.mark(code or text(told, "type")),
        record.type,
        code=code,
        kind=text(told, "type"),
        message=message,
        param=text(told, "param") or _field_in(message),
    )
    if record.type != "error":
        return failure
    named = text(told, "event_id") or text(told, "client_event_id")
    said = model.said.get(named) if named else _likely(model, problem_of_words(failure))
    return Failure(failure.at, "error", code, failure.kind, message, failure.param, None, said)


def _field_in(message: str) -> str:
    quoted = _QUOTED.search(message)
    if quoted is not None:
        return quoted[1] or quoted[2]
    return "session.modalities" if _MODALITIES.search(message) else ""


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
    if failure.told_by == "session.closed":
        return LIVE_CLOSINGS.get(failure.code, "")
    problem = problem_of_words(failure)
    theirs = model.configured.turns_are_theirs
    if model.configured.turn_detection is UNKNOWN:
        theirs = "input_audio_buffer.speech_stopped" in model.witness.seen  # only a server that detects turns tells
    if problem == "empty-commit" and theirs and failure.said is not None:
        return "commit-with-server-vad"
    if problem == "session-limit" or failure.status == 503:
        return "session-limit"
    if problem == "model-cannot-do-realtime" and RETIRED_MODELS.search(failure.message):
        return "model-retired"
    if model.witness.is_live and problem in ("", "voice-locked") and _concerns_session(failure):
        problem = _of_live_session(failure)
    if problem:
        return problem
    if failure.told_by == "client.failed":
        return failure.code
    if failure.status in STATUSES:
        return STATUSES[failure.status]
    if failure.code == "model_not_found" or failure.status == 404:
        other = "handshake-refused" if failure.status == 404 else "model-cannot-do-realtime"
        return "model-retired" if RETIRED_MODELS.search(failure.message) else other
    if failure.status in REFUSED_HANDSHAKES:
        return "handshake-refused"
    if failure.told_by == "error" and _concerns_session(failure):
        return _of_session(failure, model)
    if failure.told_by == "error" and failure.param == "type" and failure.code.startswith("invalid"):
        return "client-sends-invalid-json"
    if (
        failure.code == "unknown_parameter"
        and failure.param in BETA_OF_RESPONSES
        and model.configured.dialect != "beta"
    ):
        return "dialect-mismatch"
    is_refused = failure.kind == "invalid_request_error" or (failure.kind == "" and failure.param)
    if failure.told_by == "error" and is_refused and failure.code not in HARMLESS:
        return "client-event-refused"
    return "response-failed" if failure.told_by == "response.done" or failure.kind == "server_error" else ""


def failure_as(code: str, model: SessionModel, record: Record) -> Failure | None:
    """The failure that this very record told, if it is one of that code."""
    failure = model.failure
    if failure is None or failure.at.seq != record.seq or problem_of(failure, model) != code:
        return None
    return failure


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


def _of_live_session(failure: Failure) -> str:
    """GPT-Live knows one form of a session, and lets little of it change."""
    said = failure.said.type if failure.said is not None else ""
    field = failure.param.removeprefix("session.")
    is_fixed = failure.code in ("fixed_after_start", "immutable_parameter")
    if is_fixed or (said == "session.update" and field.startswith(FIXED_IN_LIVE)):
        return "fixed-after-start"
    is_unknown = failure.code in ("unknown_parameter", "unknown_field") or "unknown" in failure.message.lower()
    return "unknown-session-field" if is_unknown else "wrong-field-type" if failure.param else ""


def _is_of_the_other_dialect(name: str, model: SessionModel) -> bool:
    """A flat beta field refused by a GA service, or a nested GA field refused by a beta service."""
    spoken = model.configured.dialect
    if name in GA_PATHS:
        return spoken != "beta"
    if spoken is None:
        return name in GA_ONLY
    return spoken == "beta" and detect_dialect({name: {}}) == "ga"
