"""Was an answer truncated over WebRTC, and its sound left to play on?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.findings import Ended, Finding, found
from voicechat.insight.records import Record, elapsed
from voicechat.insight.session_model import SessionModel

CODE = "truncate-without-clear"
ON = ("output_audio_buffer.stopped", "response.output_audio_transcript.done")
AT_ONCE = 0.4
"""Seconds: an answer that ends so soon after the truncation was at its end anyway."""


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    truncated, began, newest = model.last["conversation.item.truncate"], model.playback.began, model.newest
    if record.type != "output_audio_buffer.stopped":
        if not _is_webrtc(model) or newest is None or newest.first_output is None:
            return
        began = newest.first_output
    if truncated is None or began is None or truncated.seq < began.seq:
        return
    if model.last.newest("output_audio_buffer.clear", "conversation.item.truncate") is not truncated:
        return
    cleared = model.last["output_audio_buffer.clear"]
    if cleared is not None and cleared.seq > began.seq:
        return
    went_on = elapsed(truncated, record.mark())
    if went_on is not None and went_on < AT_ONCE:
        return
    yield found(
        CODE,
        "warning",
        "An answer was truncated, and its sound went on to the end.",
        cause="Over WebRTC the service plays the answer; conversation.item.truncate changes what the conversation "
        "remembers, and stops no sound.",
        cure="Send output_audio_buffer.clear (after response.cancel while the answer is being made); the service then "
        "truncates by itself. Use conversation.item.truncate over a WebSocket only.",
        evidence=(began, truncated, record.mark()),
        rests_on="WebRTC clears the output buffer, WebSocket truncates at what was played",
        confidence=0.9 if record.type == "output_audio_buffer.stopped" else 0.6,
    )


def _is_webrtc(model: SessionModel) -> bool:
    """Words come as events, and sound in neither direction: it travels beside them."""
    seen, sound = model.witness.seen, {"response.output_audio.delta", "input_audio_buffer.append"}
    return model.witness.prints_sent and "response.output_audio_transcript.delta" in seen and seen.isdisjoint(sound)
