"""Had the short-lived token run out?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.diagnose.findings import Ended, Finding, found
from voicechat.diagnose.records import Record
from voicechat.diagnose.refused_field import failure_as
from voicechat.diagnose.session_model import SessionModel

CODE = "token-expired"
ON = ("error", "line.failed", "line.opened")


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    if record.type == "line.opened":
        yield Ended(CODE, record.mark())
        return
    failure = failure_as(CODE, model, record)
    if failure is None:
        return
    yield found(
        CODE,
        "error",
        "The short-lived token had run out before the session began.",
        cause="Client secrets live 10 minutes by default (60 seconds with the beta endpoint); the socket may still "
        "open, and the first request fails.",
        cure="Fetch a new client secret right before each connect, or ask for a longer one: expires_after "
        '{"anchor": "created_at", "seconds": 7200} beside session in POST /v1/realtime/client_secrets.',
        evidence=(failure.at,),
        rests_on="client secrets: 10 to 7200 s, 600 by default; a running session outlives its token",
        confidence=0.95,
    )
