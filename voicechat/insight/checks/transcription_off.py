"""Are there no words of yours because nobody writes them down?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.configured import UNKNOWN, Configured, value_at
from voicechat.insight.findings import Ended, Finding, found
from voicechat.insight.records import Record
from voicechat.insight.session_model import SessionModel

CODE = "transcription-off"
ON = ("input_audio_buffer.committed", "session.updated", "conversation.item.input_audio_transcription.completed")
TURNS = 2


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    config = model.configured
    if record.type != "input_audio_buffer.committed":
        if config.transcription not in (None, UNKNOWN):
            yield Ended(CODE, record.mark())
        return
    if config.transcription is not None or config.pending is not None:
        return
    committed = [one for one in model.segments.values() if one.committed is not None]
    is_waited_for = config.vad("create_response") is False
    was_asked = config.first_sent is not None and _asks(config.first_sent.event.get("session"))
    is_all_text = _is_all_text(config)
    is_sure = is_waited_for or was_asked or is_all_text
    if any(one.transcribed for one in committed) or (len(committed) < TURNS and not is_sure):
        return
    if not (is_sure or model.witness.is_ours):
        return  # another client may do well without
    yield found(
        CODE,
        "error" if is_waited_for else "warning" if was_asked else "info",
        "What you say is not written down: transcription is off in this session.",
        cause="session.audio.input.transcription is null"
        + (", although it was asked for." if was_asked else ": it is off unless a session.update sets it.")
        + (" A client that waits for the transcript before it answers waits for ever." if is_waited_for else ""),
        cure='Send session.update with {"audio": {"input": {"transcription": {"model": "gpt-transcribe"}}}}.',
        evidence=(
            config.first_sent.at if was_asked and config.first_sent else None,
            config.updated or config.created,
            *(one.committed for one in committed[-TURNS:]),
        ),
        rests_on="the gate forces transcription on; services have it off by default",
        confidence=0.95 if is_waited_for or was_asked else 0.75,
    )


def _is_all_text(config: Configured) -> bool:
    """A session that answers in text only, or only transcribes: its words are what it is there for."""
    if config.is_transcription:
        return True
    wished = config.value("output_modalities")
    return isinstance(wished, list) and wished == ["text"]


def _asks(session: object) -> bool:
    wished = value_at(session, "audio", "input", "transcription") if isinstance(session, dict) else UNKNOWN
    return isinstance(wished, dict)
