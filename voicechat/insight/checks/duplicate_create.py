"""Was the same turn answered twice?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.facts import Answer
from voicechat.insight.findings import Ended, Evidence, Finding, found
from voicechat.insight.records import Record, elapsed, part, text
from voicechat.insight.session_model import SessionModel

CODE = "duplicate-create"
ON = ("response.created",)
CLOSE_BY = 3
"""Events between the end of the first answer and the second request, where there are no times."""
AT_ONCE = 3.0
"""Seconds: what is asked again later may be a second thought."""


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    answers = [one for one in model.answers.values() if not one.is_aside]
    if len(answers) < 2 or answers[-1].id != text(part(record.event, "response"), "id"):
        return
    first, second = answers[-2:]
    if second.asked is None or first.calls or first.status in ("cancelled", "failed", "incomplete"):
        return
    since = first.asked or first.created
    if model.new_input is not None and model.new_input.seq > min(since.seq, first.created.seq):
        return
    again = model.last["again.pressed"]
    if again is not None and again.seq > since.seq:
        return
    if not _is_at_once(since, first, second):
        return
    yield found(
        CODE,
        "warning",
        "One turn got two answers: response.create was sent twice for it.",
        cause="Two places in the client ask for the answer to the same item, or a timer asks once more.",
        cure="One item, one response: let one place send response.create, and remember the item it was sent for.",
        evidence=(first.asked, first.created, second.asked, second.created),
        rests_on="one item, one response; one author creates",
        confidence=0.88,
    )


def _is_at_once(since: Evidence, first: Answer, second: Answer) -> bool:
    """Asked so soon that nobody can have thought about it."""
    if first.done is None or second.asked is None:
        return False  # this log does not tell when answers end
    apart = elapsed(since, second.asked)
    if apart is not None:
        return apart <= AT_ONCE
    after = elapsed(first.done, second.created)
    if after is not None:
        return after <= AT_ONCE / 2
    return second.asked.seq - first.done.seq <= CLOSE_BY
