"""Could the service not write down what you said?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.findings import Ended, Finding, found
from voicechat.insight.records import Record, part, text
from voicechat.insight.session_model import SessionModel

CODE = "transcription-failed"
ON = (
    "conversation.item.input_audio_transcription.failed",
    "conversation.item.input_audio_transcription.completed",
)


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    if record.type.endswith("completed"):
        yield Ended(CODE, record.mark())
        return
    error = part(record.event, "error")
    code = text(error, "code") or text(error, "type")
    segment = model.segments.get(text(record.event, "item_id"))
    is_unclear = code == "audio_unintelligible"
    yield found(
        CODE,
        "warning",
        f"What you said could not be written down{f' ({code})' if code else ''}.",
        cause=text(error, "message", 300) or "The service gave no reason.",
        cure="Speak closer to the microphone, and look at its level."
        if is_unclear
        else "Check session.audio.input.transcription.model: does this service have it (at Azure: is it the name of a "
        "deployment)? Leave language out if it is not an ISO 639-1 code.",
        evidence=(segment.committed if segment else None, record.mark(text(record.event, "item_id"))),
        rests_on="a failed transcription shows in place; it is never repeated as an error event",
        confidence=0.97,
    )
