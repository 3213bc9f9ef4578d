"""Is an old connection still open while a new one is in use?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.findings import Ended, Finding, found
from voicechat.insight.records import Record, part, text
from voicechat.insight.session_model import SessionModel

CODE = "socket-leaked"
ON = (
    "response.output_audio.delta",
    "response.output_audio_transcript.delta",
    "response.output_text.delta",
    "response.done",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "output_audio_buffer.stopped",
    "conversation.item.input_audio_transcription.completed",
)


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    created = model.configured.created
    if created is None or not model.retired or model.witness.is_ours:
        return
    event = record.event
    ids = (text(event, "response_id"), text(event, "item_id"), text(part(event, "response"), "id"))
    old = next((id for id in ids if id in model.retired), "")
    if not old:
        return
    yield found(
        CODE,
        "error",
        "The connection of an earlier session is still open: it goes on sending events into the new one.",
        cause="A new session was begun without closing the old connection (a reconnect, a page that mounts twice, a "
        "hot reload); two assistants listen and speak, and both are paid for.",
        cure="Close the old WebSocket or RTCPeerConnection, stop its tracks and take its handlers away before you open "
        "another; open it in one place, and drop events of a connection that is not the current one.",
        evidence=(model.retired[old], created, record.mark(old)),
        rests_on="ids of the old connection are forgotten; one connection at a time",
        confidence=0.93,
    )
