"""Does a side request (translation, title, summary) stop or start answers of the conversation?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from voicechat.insight.facts import Answer, Said
from voicechat.insight.findings import Ended, Evidence, Finding, found
from voicechat.insight.records import Record, elapsed, part, text
from voicechat.insight.refused_field import failure_as
from voicechat.insight.session_model import USER_ACTS, SessionModel

CODE = "side-request-interferes"
ON = ("response.cancel", "response.create", "error")
SOON = 2.5
"""Seconds between the side request and what it does to the conversation."""
EVENTS = 6
"""The same, where the log has no times."""
_SIDE = re.compile(r"translat|summar|title|subtitle|moderat|classif|翻译|摘要|总结|标题", re.I)


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    if record.type == "error":
        failure = failure_as("active-response-conflict", model, record)
        said = failure.said if failure is not None else None
        if said is not None and is_aside(said):
            yield _finding(said.at, model.active.created if model.active else None, record.mark())
        return
    active = model.active
    if record.dir != "out" or active is None:
        return
    if record.type == "response.create":
        said = next(reversed(model.said.values()), None)
        if said is not None and is_aside(said) and active.cancel is not None and _is_soon(active.cancel, record.mark()):
            yield _finding(active.created, active.cancel, record.mark())
        return
    asked = model.last["client.asked_aside"]
    if asked is not None and _is_soon(asked, record.mark()) and not _was_cut_in(model, active, asked):
        yield _finding(asked, active.created, record.mark())


def is_aside(said: Said) -> bool:
    """A response.create that is not about the conversation: out of band, labelled, or told to translate."""
    response = part(said.event, "response")
    if response.get("conversation") == "none":
        return True
    labels = " ".join(str(value) for value in part(response, "metadata").values())
    return _SIDE.search(labels) is not None or _SIDE.search(text(response, "instructions")) is not None


def _is_soon(first: Evidence, then: Evidence) -> bool:
    apart = elapsed(first, then)
    return then.seq - first.seq <= EVENTS if apart is None else 0 <= apart <= SOON


def _was_cut_in(model: SessionModel, active: Answer, asked: Evidence) -> bool:
    """Somebody spoke or pressed something, which is reason enough for a cancel."""
    act = model.last.newest(*USER_ACTS)
    spoke = active.speech is not None and active.speech.seq > active.created.seq
    return spoke or (act is not None and act.seq > active.created.seq and act.seq > asked.seq)


def _finding(*marks: Evidence | None) -> Finding:
    return found(
        CODE,
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
