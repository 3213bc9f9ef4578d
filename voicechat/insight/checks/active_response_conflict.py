"""Was an answer asked for while another one was running?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.findings import Ended, Finding, found
from voicechat.insight.records import Record
from voicechat.insight.refused_field import failure_as
from voicechat.insight.session_model import SessionModel

CODE = "active-response-conflict"
ON = ("error",)


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    failure = failure_as(CODE, model, record)
    if failure is None:
        return
    running = model.active or model.newest
    both_ask = model.configured.server_replies and running is not None and running.asked is None
    yield found(
        CODE,
        "warning",
        "response.create was refused: an answer is already running.",
        cause="The server answers by itself after each of your turns (create_response), and the client asks too."
        if both_ask
        else "The client asks again before response.done of the running answer has come.",
        cure="Either set session.audio.input.turn_detection.create_response to false and go on sending "
        "response.create, or leave it and send none after speech."
        if both_ask
        else "Wait for response.done (or cancel first), then send response.create once, from one place.",
        evidence=(running.created if running else None, failure.said.at if failure.said else None, failure.at),
        rests_on="one active response in the default conversation; busy means wait for response.done",
        confidence=0.95,
        key="both" if both_ask else "",
    )
