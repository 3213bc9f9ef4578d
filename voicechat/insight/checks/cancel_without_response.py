"""Was an answer cancelled that was over already?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.findings import Ended, Finding, found
from voicechat.insight.records import Record, elapsed
from voicechat.insight.refused_field import failure_as
from voicechat.insight.session_model import SessionModel

CODE = "cancel-without-response"
ON = ("error",)
RACE = 1.0
"""Seconds after the end of an answer in which the refusal may be that race, where the cancel is not in the log."""


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    failure = failure_as(CODE, model, record)
    if failure is None:
        return
    newest = model.newest
    sent = failure.said.at if failure.said is not None else None
    if newest is not None and (newest.done is None or (sent is not None and newest.done.seq > sent.seq)):
        return  # it ended while the cancel was on its way: the race that every client meets
    if sent is None and newest is not None and newest.done is not None:
        after = elapsed(newest.done, failure.at)
        if failure.at.seq - newest.done.seq <= 2 if after is None else after < RACE:
            return
    yield found(
        CODE,
        "info",
        "response.cancel was sent although no answer was running.",
        cause="The client takes the end of the sound for the end of the answer, or cancels at every key and every "
        "speech_started without looking.",
        cure="Send response.cancel only between response.created and response.done; to silence sound that still plays "
        "use output_audio_buffer.clear (WebRTC) or stop it yourself and truncate (WebSocket).",
        evidence=(newest.done if newest else None, sent, failure.at),
        rests_on="cancel if a response is active",
        confidence=0.9 if sent is not None else 0.8,
    )
