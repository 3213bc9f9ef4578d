"""Do client and service speak different spellings of the protocol?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.findings import Ended, Finding, found
from voicechat.insight.records import Record
from voicechat.insight.refusals import GA_ONLY
from voicechat.insight.refused_field import failure_as
from voicechat.insight.session_model import SessionModel

CODE = "dialect-mismatch"
ON = ("error", "session.updated")
NAMES = {"ga": "GA (nested under session.audio, with session.type)", "beta": "beta (flat fields, no session.type)"}


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    if record.type == "session.updated":
        yield Ended(CODE, record.mark())
        return
    failure = failure_as(CODE, model, record)
    if failure is None:
        return
    is_missing = "missing" in failure.code or failure.message.lower().startswith("missing")
    spoken = "ga" if is_missing else model.configured.dialect or ("beta" if "type" in failure.param else "ga")
    if failure.param.removeprefix("session.") in {"type", *GA_ONLY} and not is_missing:
        spoken = "beta"
    yield found(
        CODE,
        "error",
        f"The service speaks the {'GA' if spoken == 'ga' else 'beta'} dialect, the update was in the other one.",
        cause=f"It takes sessions in {NAMES[spoken]}, and refused {failure.param or 'the update'}.",
        ours=f'Set dialect = "{spoken}" (or "auto").',
        cure="Send "
        + (
            '{"type": "session.update", "session": {"type": "realtime", "audio": {...}}}.'
            if spoken == "ga"
            else '{"type": "session.update", "session": {"modalities": [...], "turn_detection": {...}}}.'
        ),
        evidence=(model.configured.created, failure.said.at if failure.said else None, failure.at),
        rests_on="the dialect is known from session.created, never from the address",
        confidence=0.93,
    )
