"""What the checks of refused session fields share: which failure it is, and what should have been sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voicechat.insight.facts import Failure
from voicechat.insight.records import Record, part
from voicechat.insight.refusals import problem_of
from voicechat.insight.session_model import SessionModel
from voicechat.protocol.problems import canonical_path, nearest
from voicechat.protocol.session_config import check_session
from voicechat.protocol.session_fields import ELSEWHERE

MOST_OTHERS = 3


def failure_as(code: str, model: SessionModel, record: Record) -> Failure | None:
    """The failure that this very record told, if it is one of that code."""
    failure = model.failure
    if failure is None or failure.at.seq != record.seq or problem_of(failure, model) != code:
        return None
    return failure


def update_of(failure: Failure, model: SessionModel) -> Mapping[str, Any]:
    """The session that was asked for in the refused update."""
    return part(failure.said.event, "session") if failure.said is not None else {}


def field_cure(field: str, failure: Failure, model: SessionModel, otherwise: str) -> str:
    """What to change about a refused field, and what else is wrong in the same update."""
    if model.witness.is_live:
        return f"{otherwise} Sessions of GPT-Live are strict: a field they do not know is an error."
    session = update_of(failure, model)
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
