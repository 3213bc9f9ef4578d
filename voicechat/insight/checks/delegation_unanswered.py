"""Was a task that GPT-Live handed to the client never answered?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.findings import Ended, Finding, found
from voicechat.insight.records import LOG_ENDED, TIME_PASSED, Record, elapsed
from voicechat.insight.session_model import SessionModel

CODE = "delegation-unanswered"
ON = (TIME_PASSED, LOG_ENDED, "session.commentary.append", "session.thinking.append")
LIMIT = 15.0
"""Seconds: a tool may take a while, and a caller hears nothing of it."""


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    if record.type.startswith("session."):
        if not model.delegations:
            yield Ended(CODE, record.mark())
        return
    late = [
        one
        for one in model.delegations.values()
        if record.type == LOG_ENDED or (elapsed(one, record.mark()) or 0.0) > LIMIT
    ]
    if not late:
        return
    yield found(
        CODE,
        "error",
        "The model handed a task to the client, and got nothing back.",
        cause="session.delegation.created carries no text: the client reads the ask from the transcript and answers "
        "it; until then the model has nothing to say about it.",
        cure="Answer each session.delegation.created with session.commentary.append (spoken) or "
        "session.thinking.append (silent), with its delegation.id as delegation_id; also where the task failed.",
        evidence=tuple(late),
        rests_on="GPT-Live: a delegation with target client is the client's to answer",
        confidence=0.9,
    )
