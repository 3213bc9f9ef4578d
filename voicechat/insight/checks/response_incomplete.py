"""Did an answer stop before its end by itself?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.findings import Ended, Finding, found
from voicechat.insight.records import Record, part, text
from voicechat.insight.refused_field import failure_as
from voicechat.insight.session_model import SessionModel

CODE = "response-incomplete"
ON = ("response.done", "session.closed")
REASONS = {
    "max_output_tokens": (
        "It reached the limit of max_output_tokens; words and sound count alike (a second of speech is 20 tokens).",
        'Set session.max_output_tokens to "inf" or higher, or ask for shorter answers in the instructions.',
    ),
    "content_filter": (
        "The service's content filter stopped it.",
        "Say it differently; no setting of the session turns the filter off.",
    ),
}


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    if record.type == "session.closed":
        if failure_as(CODE, model, record) is not None:
            yield _closed_for_content(record)
        return
    response = part(record.event, "response")
    answer = model.answers.get(text(response, "id"))
    if text(response, "status") != "incomplete":
        return
    reason = text(part(response, "status_details"), "reason")
    cause, cure = REASONS.get(
        reason, (f"The service says: {reason or 'no reason'}.", "Ask again with response.create.")
    )
    yield found(
        CODE,
        "warning",
        f"An answer stopped before its end{f' ({reason})' if reason else ''}.",
        cause=cause,
        cure=cure,
        evidence=(answer.created if answer else None, record.mark(text(response, "id"))),
        rests_on="response.done with status incomplete says why in status_details.reason",
        confidence=0.97,
        key=reason if reason in REASONS else "",
    )


def _closed_for_content(record: Record) -> Finding:
    return found(
        CODE,
        "warning",
        "The service's content filter ended the session.",
        cause="session.closed came with reason content.",
        cure="Start a new session; no setting turns the filter off.",
        evidence=(record.mark(),),
        rests_on="GPT-Live: session.closed says why",
        confidence=0.95,
        key="session",
    )
