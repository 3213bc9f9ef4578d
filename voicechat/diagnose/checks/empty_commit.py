"""Was an empty audio buffer committed?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.diagnose.findings import Ended, Finding, found
from voicechat.diagnose.records import Record
from voicechat.diagnose.refused_field import failure_as
from voicechat.diagnose.session_model import SessionModel

CODE = "empty-commit"
ON = ("error",)


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    failure = failure_as(CODE, model, record)
    if failure is None:
        return
    yield found(
        CODE,
        "warning",
        "The audio buffer was committed with less than 100 ms of sound in it.",
        cause="The turn was too short (a tap), it was cleared or committed before, or the sound did not arrive.",
        cure="Count what was sent since the last commit or clear, and send input_audio_buffer.clear instead of commit "
        "below 100 ms; over WebRTC close the track 200 ms before the commit.",
        evidence=(model.last["input_audio_buffer.clear"], failure.said.at if failure.said else None, failure.at),
        rests_on="a turn under 100 ms is cleared, not committed",
        confidence=0.93,
    )
