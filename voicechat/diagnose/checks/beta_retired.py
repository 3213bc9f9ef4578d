"""Did the client speak the beta protocol to a service that has retired it?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.diagnose.findings import Ended, Finding, found
from voicechat.diagnose.records import Record
from voicechat.diagnose.refused_field import failure_as
from voicechat.diagnose.session_model import SessionModel

CODE = "beta-retired"
ON = ("error", "line.failed")


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    failure = failure_as(CODE, model, record)
    if failure is None:
        return
    yield found(
        CODE,
        "error",
        "The service has retired the beta protocol, and closed the line.",
        cause="The header OpenAI-Beta: realtime=v1 (or the old endpoint for sessions) asks for an interface that "
        "OpenAI switched off in May 2026.",
        cure='Leave the header OpenAI-Beta out, send sessions in the GA form, and set dialect = "ga" (or "auto").',
        evidence=(failure.at,),
        rests_on="beta_api_shape_disabled, WebSocket close code 4000",
        confidence=0.98,
    )
