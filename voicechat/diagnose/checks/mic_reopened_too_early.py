"""Was the mic opened while the answer was still audible?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.diagnose.findings import Ended, Finding, found
from voicechat.diagnose.records import Record
from voicechat.diagnose.session_model import USER_ACTS, SessionModel

CODE = "mic-reopened-too-early"
ON = ("mic.opened",)


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    closed, heard = model.mic.reopened_after, model.playback.audible or model.playback.playing
    if closed is None or heard is None or heard is not model.sounding:
        return
    act = model.last.newest(*USER_ACTS, "answer.interrupted")
    if act is not None and act.seq > min(closed.seq, heard.seq):
        return
    done = model.newest.done if model.newest is not None else None
    is_by_done = done is not None and closed.seq < done.seq
    yield found(
        CODE,
        "warning",
        "The mic was opened while the assistant was still audible.",
        cause="response.done was taken for the end of the sound; over WebRTC it comes seconds before it."
        if is_by_done
        else "A timer opened it, or a pause inside the answer was taken for its end.",
        cure="Open it at output_audio_buffer.stopped (or cleared), or after 600 ms without an audible sample, and then "
        "300 ms later; never at response.done alone.",
        evidence=(closed, heard, done if is_by_done else None, record.mark()),
        rests_on="R2: response.done alone never reopens the mic",
        confidence=0.88,
    )
