"""What a service or a library says went wrong, where its words are the cause: a row each.

`refusals.problem_of` sorts a failure into one of these codes; what depends on more than the failure has a check of its
own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from voicechat.insight.facts import Failure
from voicechat.insight.records import Ended, Evidence, Finding, Record, Severity, found, part
from voicechat.insight.refusals import FAILURES, failure_as
from voicechat.insight.session_model import SessionModel
from voicechat.protocol.problems import canonical_path, nearest
from voicechat.protocol.session_config import check_session
from voicechat.protocol.session_fields import ELSEWHERE

WELL = "response.done completed"
"""In `ends`: an answer that came to its end."""
_MINUTES = re.compile(r"\b(\d{1,3}) ?min")


@dataclass(frozen=True, slots=True)
class Refused:
    """One problem that is told in words."""

    code: str
    severity: Severity
    title: str
    """`{name}` is the code or status in brackets, `{minutes}` the number that the message names, else 60, `{field}` the
    field that was refused: then the cure says what to do where no table of fields knows better."""
    cause: str
    """Where the failure has no words of its own, or where it names the `{field}`."""
    cure: str
    rests_on: str
    confidence: float = 0.95
    ours: str = ""
    """As `Finding.ours`."""
    ends: tuple[str, ...] = ()
    """Types of records after which it is over."""

    @property
    def on(self) -> tuple[str, ...]:
        """Whatever tells of a failure, and what ends this one."""
        return tuple(dict.fromkeys((*FAILURES, *self.ends)))

    def look(self, model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
        """A finding for a failure of this kind."""
        failure = failure_as(self.code, model, record)
        if failure is None:
            status = part(record.event, "response").get("status")
            if not {record.type, f"{record.type} {status}"}.isdisjoint(self.ends):
                yield Ended(self.code, record.mark())
            return
        name = failure.code or failure.kind or (f"HTTP {failure.status}" if failure.status else "")
        minutes = _MINUTES.search(failure.message)
        field = failure.param or "a field"
        filled = {"name": f" ({name})" if name else "", "minutes": minutes[1] if minutes else "60", "field": field}
        title, cause, cure = self.title, self.cause, self.cure
        for sign, words in filled.items():
            title, cause, cure = (said.replace(f"{{{sign}}}", words) for said in (title, cause, cure))
        cure = field_cure(field, failure, model, cure) if "{field}" in self.title else cure
        yield found(
            self.code,
            self.severity,
            title,
            cause=cause if cause != self.cause else failure.message or cause,
            cure=cure,
            evidence=(self._before(model), failure.said.at if failure.said else None, failure.at),
            rests_on=self.rests_on,
            confidence=self.confidence,
            ours=self.ours,
        )

    def _before(self, model: SessionModel) -> Evidence | None:
        """What makes the refusal plain: the first sound before a voice is locked, the clear before a commit."""
        match self.code:
            case "voice-locked":
                return next((one.first_output for one in model.answers.values() if one.first_output), None)
            case "empty-commit":
                return model.last["input_audio_buffer.clear"]
            case "session-expired":
                return model.configured.created
            case "response-failed":
                return model.newest.created if model.newest is not None else None
        return None


MOST_OTHERS = 3


def field_cure(field: str, failure: Failure, model: SessionModel, otherwise: str) -> str:
    """What to change about a refused field, and what else is wrong in the same update."""
    if model.witness.is_live:
        return f"{otherwise} Sessions of GPT-Live are strict: a field they do not know is an error."
    session = part(failure.said.event, "session") if failure.said is not None else {}
    return (advice(field, session) or otherwise) + also_wrong(field, session)


def also_wrong(field: str, session: Mapping[str, Any]) -> str:
    """What the service would have refused next in the same update; empty if nothing is known of."""
    problems = [one for one in check_session(session).problems if one.severity == "error"]
    canonical = canonical_path(field)
    others = [one for one in problems if one.path != field and canonical_path(one.path) != canonical]
    return "".join(f" {one.path} is wrong as well: {one.message}." for one in others[:MOST_OTHERS])


def advice(field: str, session: Mapping[str, Any]) -> str:
    """The exact change, from the same table that checks our own updates; empty if it knows none."""
    canonical = canonical_path(field)
    for problem in check_session(session).problems:
        if problem.path == field or canonical_path(problem.path) == canonical:
            said = f"{problem.message}; {problem.hint}" if problem.hint else problem.message
            end = "" if said.endswith(("?", ".", "!")) else "."
            allowed = f" Allowed: {', '.join(problem.allowed[:12])}." if problem.allowed else ""
            return f"{field} {said}{end}{allowed} Change it or leave it out, and send the update again."
    name = field.rsplit(".", 1)[-1]
    if name in ELSEWHERE and ELSEWHERE[name] != field:
        return f"Say {ELSEWHERE[name]} instead of {field}, and send the update again."
    guess = nearest(name, ELSEWHERE)
    return f"Leave {field} out ({guess}), and send the update again." if guess else ""


CHECKS = (
    Refused(
        "auth-failed",
        "error",
        "The service did not accept the key{name}.",
        "The handshake was refused.",
        "Check the key: is it set where this program runs, complete, valid, and for this service and project? With 403 "
        "it is accepted, but may not use this model or endpoint: ask for access, or choose another model or project.",
        "a refused key is fatal and not retried",
        0.96,
        ends=("line.opened",),
    ),
    Refused(
        "beta-retired",
        "error",
        "The service has retired the beta protocol, and closed the line.",
        "The header OpenAI-Beta: realtime=v1 (or the old endpoint for sessions) asks for an interface that OpenAI "
        "switched off in May 2026.",
        "Leave the header OpenAI-Beta out, and send sessions in the GA form (session.type, session.audio).",
        "beta_api_shape_disabled, WebSocket close code 4000",
        0.98,
        ours='Set dialect = "ga" (or "auto").',
    ),
    Refused(
        "empty-commit",
        "warning",
        "The audio buffer was committed with less than 100 ms of sound in it.",
        "The turn was too short (a tap), it was cleared or committed before, or the sound did not arrive.",
        "Count what was sent since the last commit or clear, and send input_audio_buffer.clear instead of commit below "
        "100 ms. With turn detection on leave the commit out: the server commits.",
        "a turn under 100 ms is cleared, not committed",
        0.93,
    ),
    Refused(
        "fixed-after-start",
        "warning",
        "The client tried to change what is fixed from the start of the session.",
        "Model, voice, instructions, audio format, history and the type of delegation are fixed by session.start.",
        "Give them with session.start (WebRTC: in the POST), or start a new session; session.update changes delegation "
        "settings and triggers only.",
        "GPT-Live: session.update changes delegation settings and triggers",
        0.9,
    ),
    Refused(
        "handshake-refused",
        "error",
        "The service refused the connection itself{name}: the request is wrong, not the network.",
        "The address, the deployment, the model, the content type or the SDP offer is not one that it takes.",
        "Compare the URL with the service's own (OpenAI: wss://api.openai.com/v1/realtime?model=…, or POST "
        "/v1/realtime/calls with application/sdp; Azure: the deployment's name and the api-version), and read the body "
        "of the answer: it names what is wrong.",
        "400, 404, 405 and 415 are answers of a service that was reached",
        0.9,
    ),
    Refused(
        "client-sends-invalid-json",
        "error",
        "The service could not read what the client sent{name}.",
        "It was no JSON text, or an event of a type that the service does not know.",
        "Send each event as one text frame of JSON (JSON.stringify, json.dumps), never raw audio or a binary frame; "
        "audio goes as base64 in input_audio_buffer.append. Compare `type` with the service's list of client events.",
        "client events are JSON objects with a known type",
        0.93,
    ),
    Refused(
        "client-event-refused",
        "error",
        "The service refused an event of the client, and did nothing of it{name}.",
        "A field of it is missing, unknown or of the wrong kind.",
        "Correct the field that the service's message names, and send the event again; the id in error.event_id is "
        "that of the event, if the client gave it one.",
        "an error of type invalid_request_error answers one client event, which has no effect",
        0.9,
        ours="`voicechat explain EVENT` lists the fields of each event.",
    ),
    Refused(
        "audio-buffer-full",
        "error",
        "More sound was sent than the service keeps, and it gave up.",
        "Sound is appended and nothing commits or clears it: no turn detection, or one that never hears an end.",
        "Let the server detect turns (session.audio.input.turn_detection), or send input_audio_buffer.commit or clear "
        "long before the limit; do not send silence while nobody speaks to a service that keeps everything.",
        "input_audio_buffer holds what was appended since the last commit or clear",
        0.9,
    ),
    Refused(
        "model-cannot-do-realtime",
        "error",
        "The model asked for cannot be used here{name}.",
        "It does not exist for this account, or it cannot do realtime.",
        "Choose a model of the Realtime API, such as gpt-realtime-2.1 (Azure: the name of a deployment of one).",
        "only realtime models can be reached at /v1/realtime",
        0.9,
    ),
    Refused(
        "model-retired",
        "error",
        "The model asked for is one that has been, or is being, switched off.",
        "The service does not have it any more.",
        "Choose a current one: gpt-realtime-2.1, or gpt-realtime-2.1-mini.",
        "the gpt-4o previews ended in May 2026; gpt-realtime and gpt-realtime-mini end on 2027-01-20",
        0.85,
    ),
    Refused(
        "quota-or-billing",
        "error",
        "The service refuses because of quota or billing{name}.",
        "The account has no credit, its limit is reached, or it is closed.",
        "Look at the billing page of the account and project this key belongs to. Do not retry: no repetition changes "
        "it.",
        "fatal codes (key, quota, billing, model) are not retried",
        0.97,
    ),
    Refused(
        "rate-limited",
        "error",
        "The service's rate limit was reached; this looks like silence.",
        "Too many requests or tokens in a short time for this account.",
        "Wait as long as rate_limits.updated (reset_seconds) or Retry-After says, then ask once more; a smaller model, "
        "a lower max_output_tokens and shorter instructions use less.",
        "response.done failed with rate_limit_exceeded; 429 is retried after Retry-After",
        0.96,
        ends=("line.opened", WELL),
    ),
    Refused(
        "response-failed",
        "error",
        "An answer failed at the service{name}.",
        "The service gave no reason in status_details.error.",
        "Ask again with response.create: server_error passes by itself. If it repeats, send the message and the "
        "session's id to the service.",
        "response.done with status failed carries its cause in status_details.error",
        0.95,
        ours="r asks again; `voicechat explain` tells of codes.",
    ),
    Refused(
        "sends-without-connection",
        "error",
        "The client sent while it had no open connection.",
        "Audio or events were sent before the connection was open, or after it had closed.",
        "Send nothing before the WebSocket's (or data channel's) open event and session.created; stop the recorder at "
        "its close event, and look why it closed.",
        "what is sent without a connection is lost",
        0.88,
    ),
    Refused(
        "session-expired",
        "error",
        "The session reached its maximum duration ({minutes} minutes) and was ended by the service.",
        "Sessions have a longest time, and no event warns before.",
        "Begin a new session some minutes before {minutes} minutes are over, in a pause: same configuration, the last "
        "turns as text items. Ids of the old session mean nothing in the new one.",
        "sessions have a longest time and cannot be resumed",
        0.96,
        ends=("line.opened",),
    ),
    Refused(
        "token-expired",
        "error",
        "The short-lived token had run out before the session began.",
        "Client secrets live 10 minutes by default (60 seconds with the beta endpoint); the socket may still open, and "
        "the first request fails.",
        "Fetch a new client secret right before each connect, or ask for a longer one: expires_after "
        '{"anchor": "created_at", "seconds": 7200} beside session in POST /v1/realtime/client_secrets.',
        "client secrets: 10 to 7200 s, 600 by default; a running session outlives its token",
        ends=("line.opened",),
    ),
    Refused(
        "truncate-past-the-end",
        "warning",
        "The client truncated an answer behind the end of its sound.",
        "audio_end_ms was larger than the sound that the service has of this item, which may have none yet.",
        "Count the samples that were played of this item (24,000 a second), from 0 at each new item, and send at most "
        "the length that was received: min(played_ms, received_ms). Wall-clock time since the first delta is too much.",
        "audio_end_ms must not be larger than the duration of the item's audio",
        0.95,
    ),
    Refused(
        "unknown-call-id",
        "error",
        "A tool's result was sent for a call that the conversation does not have.",
        "The call_id is not the one of the function_call item, or belongs to an earlier session.",
        "Send function_call_output with the call_id (not the item's id) of the function_call in response.done, in the "
        "same session.",
        "a function_call_output answers a function_call of the same conversation",
        0.94,
    ),
    Refused(
        "client-unknown-event",
        "error",
        "The client's library does not know an event of the service, and failed on it.",
        "The library is older than the service, or speaks the other dialect (beta or GA).",
        "Bring the library up to date; let a handler pass over types that it does not know instead of raising.",
        "services add events; clients must pass over unknown types",
        0.88,
    ),
    Refused(
        "unknown-session-field",
        "error",
        "The service does not know {field}, and so refused the whole session.update.",
        "For {field} the whole update was refused: nothing that was asked for with it is in force.",
        "Leave {field} out and send the update again.",
        "services refuse a whole session.update for one bad field",
        0.97,
        ends=("session.updated",),
    ),
    Refused(
        "wrong-field-type",
        "error",
        "The value of {field} is not what the service takes, and the whole session.update was refused.",
        "The value has the wrong type, or is none of the allowed ones.",
        "Give {field} the type the message names, or leave it out.",
        "field, type and range are checked in the dialect in use; `output_audio_format` of the beta dialect is a word, "
        "of GA an object",
        ends=("session.updated",),
    ),
    Refused(
        "voice-locked",
        "warning",
        "The voice cannot change any more, and the whole session.update with it was refused.",
        "The voice is fixed with the first sound of the session; an update that names another one is refused as a "
        "whole, the other wishes in it too.",
        "Leave session.audio.output.voice out of updates after the first answer, or begin a new session with the voice "
        "you want.",
        "the voice can be set until the first audio only",
        0.96,
        ends=("session.updated",),
    ),
)
