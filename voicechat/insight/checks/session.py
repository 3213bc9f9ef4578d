"""The session: its configuration, its dialect, its limits, and what interferes with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from voicechat.insight.checks import check
from voicechat.insight.facts import UNKNOWN, Answer, Said, value_at
from voicechat.insight.records import (
    LOG_ENDED,
    TIME_PASSED,
    Ended,
    Evidence,
    Finding,
    Record,
    elapsed,
    found,
    near,
    number,
    part,
    text,
)
from voicechat.insight.refusals import GA_ONLY, failure_as
from voicechat.insight.session_model import USER_ACTS, SessionModel

COMMIT_WITH_SERVER_VAD = "commit-with-server-vad"
SPEECH = ("input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped")
WAITED = 1.5
"""Seconds without `committed` after speech_stopped: then it is a service that waits for the client (R19's quirk)."""


@check(COMMIT_WITH_SERVER_VAD, "input_audio_buffer.commit", "error", "session.updated", "session.created")
def commit_with_server_vad(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Does the client commit audio although the server detects turns?"""
    config = model.configured
    if record.type == "error":
        failure = failure_as(COMMIT_WITH_SERVER_VAD, model, record)
        if failure is not None:
            yield _commit_with_server_vad_finding(model, failure.said.at if failure.said else None, failure.at)
        return
    if record.type != "input_audio_buffer.commit":  # what was committed before the configuration is known
        sent = model.last["input_audio_buffer.commit"]
        if sent is not None and config.turns_are_theirs and not model.segments and not model.witness.is_ours:
            yield _commit_with_server_vad_finding(model, sent, record.mark())
        return
    # The configuration may not be in the log, and the server tells of speech: it detects turns.
    is_theirs = config.turns_are_theirs
    is_theirs |= config.turn_detection is UNKNOWN and not model.witness.seen.isdisjoint(SPEECH)
    if record.dir == "out" and is_theirs and not _is_waited_for(model, record.mark()):
        yield _commit_with_server_vad_finding(model, record.mark())


def _is_waited_for(model: SessionModel, now: Evidence) -> bool:
    stopped, committed = model.last["input_audio_buffer.speech_stopped"], model.last["input_audio_buffer.committed"]
    if stopped is None or (committed is not None and committed.seq > stopped.seq):
        return False
    waited = elapsed(stopped, now)
    return waited is not None and waited >= WAITED


def _commit_with_server_vad_finding(model: SessionModel, *marks: Evidence | None) -> Finding:
    config = model.configured
    kind = config.vad("type")
    return found(
        COMMIT_WITH_SERVER_VAD,
        "warning",
        f"The client commits audio, although the server detects turns ({kind if isinstance(kind, str) else 'VAD'}).",
        cause="With turn detection on the server commits by itself after speech_stopped; a commit of the client splits "
        "or doubles the turn, or fails because the buffer is empty.",
        cure="Leave out input_audio_buffer.commit; or, to decide yourself, send session.update with "
        '{"audio": {"input": {"turn_detection": null}}}.',
        evidence=(config.updated or config.created, *marks),
        rests_on="when turn detection is theirs the client never commits",
        confidence=0.95,
    )


CONFIG_TOO_LATE = "config-too-late"
TELLING = (("instructions",), ("audio", "output", "voice"), ("output_modalities",))
"""What the first answer would have said or sounded like otherwise."""


@check(CONFIG_TOO_LATE, "session.updated", LOG_ENDED)
def config_too_late(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Was the first answer made before the configuration was in force?"""
    config = model.configured
    if record.type == LOG_ENDED:
        yield from _never_confirmed(model)
        return
    if config.by_handshake or config.updated is None or config.updated.seq != record.seq:
        return
    sent = config.first_sent if config.first_sent and config.first_sent.event.get("session") else config.last_sent
    first = next(iter(model.answers.values()), None)
    if sent is None or first is None or not _changes_the_answer(sent.event.get("session"), config.at_creation):
        return
    yield found(
        CONFIG_TOO_LATE,
        "warning",
        "The first answer was begun before the session was configured.",
        cause="Audio or response.create went out before session.updated came back, so the first answer was made with "
        "the service's own instructions and voice; after it the voice is locked.",
        cure="Give the configuration with the handshake, or wait for session.updated before the first audio and the "
        "first response.create.",
        evidence=(sent.at, first.created, record.mark()),
        rests_on="no user audio before the configuration is in force",
        confidence=0.92,
    )


def _never_confirmed(model: SessionModel) -> Iterator[Finding]:
    """Answers were made, and the update that was sent is neither confirmed nor refused in a log that would show it."""
    config = model.configured
    sent, created = config.pending, config.created
    answer = next((one for one in model.answers.values() if one.done is not None), None)
    if sent is None or created is None or answer is None or config.updated is not None or model.witness.is_ours:
        return
    if sent.at.seq > created.seq and not model.witness.prints_everything:
        return
    too_soon = sent.at.seq < created.seq
    yield found(
        CONFIG_TOO_LATE,
        "warning",
        "A session.update was neither confirmed nor refused, and answers were made without it.",
        cause="It was sent before session.created, when there was no session to change."
        if too_soon
        else "No session.updated came back, so what was asked for is not in force.",
        cure="Send session.update after session.created, and wait for session.updated before the first audio and the "
        "first response.create.",
        evidence=(sent.at, created, answer.created),
        rests_on="a session.update is answered by session.updated or by an error",
        confidence=0.8 if too_soon else 0.7,
        key="unconfirmed",
    )


def _changes_the_answer(wished: object, before: Mapping[str, object]) -> bool:
    if not isinstance(wished, Mapping):
        return False
    for path in TELLING:
        value = value_at(wished, *path)
        if value is not UNKNOWN and value != value_at(before, *path):
            return True
    return False


DIALECT_MISMATCH = "dialect-mismatch"
NAMES = {"ga": "GA (nested under session.audio, with session.type)", "beta": "beta (flat fields, no session.type)"}


@check(DIALECT_MISMATCH, "error", "session.updated")
def dialect_mismatch(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Do client and service speak different spellings of the protocol?"""
    if record.type == "session.updated":
        yield Ended(DIALECT_MISMATCH, record.mark())
        return
    failure = failure_as(DIALECT_MISMATCH, model, record)
    if failure is None:
        return
    is_missing = "missing" in failure.code or failure.message.lower().startswith("missing")
    spoken = "ga" if is_missing else model.configured.dialect or ("beta" if "type" in failure.param else "ga")
    said = "response" if failure.param.startswith("response.") else "update"
    if failure.param.removeprefix("session.").removeprefix("response.") in {"type", *GA_ONLY} and not is_missing:
        spoken = "beta"
    yield found(
        DIALECT_MISMATCH,
        "error",
        f"The service speaks the {'GA' if spoken == 'ga' else 'beta'} dialect, the {said} was in the other one.",
        cause=f"It takes sessions in {NAMES[spoken]}, and refused {failure.param or f'the {said}'}.",
        ours=f'Set dialect = "{spoken}" (or "auto").',
        cure="Send "
        + (
            '{"type": "response.create", "response": {"output_modalities": [...], "audio": {"output": {...}}}}.'
            if said == "response" and spoken == "ga"
            else '{"type": "session.update", "session": {"type": "realtime", "audio": {...}}}.'
            if spoken == "ga"
            else '{"type": "session.update", "session": {"modalities": [...], "turn_detection": {...}}}.'
        ),
        evidence=(model.configured.created, failure.said.at if failure.said else None, failure.at),
        rests_on="the dialect is known from session.created, never from the address",
        confidence=0.93,
    )


SESSION_LIMIT = "session-limit"
WARN_AT = 55 * 60.0
"""Seconds: five minutes before the usual limit (R28)."""


@check(SESSION_LIMIT, "error", "line.failed", "line.opened", "line.connecting", TIME_PASSED)
def session_limit(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Is the end of the session near, or has the server no place for another one?"""
    if record.type in ("line.opened", "line.connecting"):
        yield Ended(SESSION_LIMIT, record.mark())
        yield Ended(f"{SESSION_LIMIT}:near", record.mark())
    elif record.type == TIME_PASSED:
        yield from _near_the_end(model, record)
    elif (failure := failure_as(SESSION_LIMIT, model, record)) is not None:
        yield found(
            SESSION_LIMIT,
            "error",
            "The server has no place for another session.",
            cause=failure.message or "Its number of sessions at the same time is reached, or it is busy.",
            cure="End other sessions (forgotten tabs keep theirs until the connection closes), or wait and connect "
            "again.",
            evidence=(failure.at,),
            rests_on="503 or session_limit_reached: the service is full",
            confidence=0.93,
        )


def _near_the_end(model: SessionModel, record: Record) -> Iterator[Finding]:
    config = model.configured
    lasted = elapsed(config.created, record.mark())
    if lasted is None or lasted < WARN_AT or number(config.in_force, "expires_at") is None or model.is_ended:
        return
    yield found(
        SESSION_LIMIT,
        "warning",
        "The session nears its limit: services end it after 60 minutes.",
        cause="Sessions cannot be prolonged or resumed.",
        cure="Begin a new session in a pause before the hour is over.",
        ours=":new begins one.",
        evidence=(config.created,),
        rests_on="the user is told five minutes before the service's session limit",
        confidence=0.8,
        key="near",
    )


SIDE_REQUEST_INTERFERES = "side-request-interferes"
SOON = 2.5
"""Seconds between the side request and what it does to the conversation."""
EVENTS = 6
"""The same, where the log has no times."""
_SIDE = re.compile(r"translat|summar|title|subtitle|moderat|classif|翻译|摘要|总结|标题", re.I)


@check(SIDE_REQUEST_INTERFERES, "response.cancel", "response.create", "error")
def side_request_interferes(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Does a side request (translation, title, summary) stop or start answers of the conversation?"""
    if record.type == "error":
        failure = failure_as("active-response-conflict", model, record)
        said = failure.said if failure is not None else None
        if said is not None and is_aside(said):
            yield _side_request_interferes_finding(
                said.at, model.active.created if model.active else None, record.mark()
            )
        return
    active = model.active
    if record.dir != "out" or active is None:
        return
    if record.type == "response.create":
        said = next(reversed(model.said.values()), None)
        if said is not None and is_aside(said) and near(active.cancel, record.mark(), SOON, EVENTS):
            yield _side_request_interferes_finding(active.created, active.cancel, record.mark())
        return
    asked = model.last["client.asked_aside"]
    if asked is not None and near(asked, record.mark(), SOON, EVENTS) and not _was_cut_in(model, active, asked):
        yield _side_request_interferes_finding(asked, active.created, record.mark())


def is_aside(said: Said) -> bool:
    """A response.create that is not about the conversation: out of band, labelled, or told to translate."""
    response = part(said.event, "response")
    if response.get("conversation") == "none":
        return True
    labels = " ".join(str(value) for value in part(response, "metadata").values())
    return _SIDE.search(labels) is not None or _SIDE.search(text(response, "instructions")) is not None


def _was_cut_in(model: SessionModel, active: Answer, asked: Evidence) -> bool:
    """Somebody spoke or pressed something, which is reason enough for a cancel."""
    act = model.last.newest(*USER_ACTS)
    spoke = active.speech is not None and active.speech.seq > active.created.seq
    return spoke or (act is not None and act.seq > active.created.seq and act.seq > asked.seq)


def _side_request_interferes_finding(*marks: Evidence | None) -> Finding:
    return found(
        SIDE_REQUEST_INTERFERES,
        "error",
        "A side request (a translation, a title, a summary) reached into the conversation and stopped its answer.",
        cause="The code that asks aside shares the conversation's slot: it cancels the running answer, or asks in the "
        "default conversation, where only one answer runs at a time.",
        cure='Let side work go elsewhere: a text endpoint, or response.create with conversation "none" and its own '
        "input; it never sends response.cancel, and its end changes no state of the talk.",
        evidence=marks,
        rests_on="a side request never creates or cancels a response; side work only adds notes",
        confidence=0.88,
    )
