"""Was the mic opened while the answer was still audible?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.findings import Ended, Evidence, Finding, found
from voicechat.insight.records import Record, elapsed
from voicechat.insight.session_model import USER_ACTS, SessionModel

CODE = "mic-reopened-too-early"
CLOSE_BY = 0.5
"""Seconds: a mic that opens so shortly before the last sound took the end of the sound for its own."""
ON = (
    "mic.opened",
    "playback.ended",
    "output_audio_buffer.stopped",
    "output_audio_buffer.cleared",
    "response.done",
)


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    if record.type == "playback.ended":
        yield from _before_its_end(model, record)
    elif record.type != "mic.opened":
        yield from _before_the_services_end(model, record)
    elif model.witness.is_ours:
        yield from _now(model, record)


def _now(model: SessionModel, record: Record) -> Iterator[Finding]:
    """Our own ears tell whether the loudspeaker is heard at this moment."""
    closed, heard = model.mic.reopened_after, model.sounding
    if closed is None or heard is None:
        return
    act = model.last.newest(*USER_ACTS, "answer.interrupted")
    if act is None or act.seq <= min(closed.seq, heard.seq):
        yield _finding(model, closed, heard, record.mark())


def _before_the_services_end(model: SessionModel, record: Record) -> Iterator[Finding]:
    """In another client's log: the answer was still made or played when the mic opened, as its end shows later."""
    opened, closed, newest = model.mic.changed, model.mic.reopened_after, model.newest
    if model.witness.is_ours or not model.mic.is_open or opened is None or closed is None or newest is None:
        return
    began = newest.first_output if record.type == "response.done" else model.playback.began
    began = began or model.playback.began
    if began is None or not began.seq < opened.seq < record.seq:
        return
    apart = elapsed(opened, record.mark())
    act = model.last.newest(*USER_ACTS)
    spoke = model.last["input_audio_buffer.speech_started"]
    cut_in = spoke is not None and closed.seq < spoke.seq < opened.seq
    if cut_in or (apart is not None and apart < CLOSE_BY) or (act is not None and act.seq > closed.seq):
        return
    yield _finding(model, closed, began, opened)


def _before_its_end(model: SessionModel, record: Record) -> Iterator[Finding]:
    """The client tells of the end of its playback, and had opened the mic before."""
    opened, closed, newest = model.mic.changed, model.mic.reopened_after, model.newest
    if not model.mic.is_open or opened is None or closed is None or newest is None or newest.first_output is None:
        return
    apart = elapsed(opened, record.mark())
    act = model.last.newest(*USER_ACTS)
    if closed.seq < newest.first_output.seq or (apart is not None and apart < CLOSE_BY) or apart is None:
        return
    if act is None or act.seq < closed.seq:
        yield _finding(model, closed, newest.first_output, opened)


def _finding(model: SessionModel, closed: Evidence, heard: Evidence, opened: Evidence) -> Finding:
    done = model.newest.done if model.newest is not None else None
    is_by_done = done is not None and closed.seq < done.seq
    return found(
        CODE,
        "warning",
        "The mic was opened while the assistant was still audible.",
        cause="response.done was taken for the end of the sound; over WebRTC it comes seconds before it."
        if is_by_done
        else "A timer opened it, or a pause inside the answer was taken for its end.",
        cure="Open it at output_audio_buffer.stopped (or cleared), or after 600 ms without an audible sample, and then "
        "300 ms later; never at response.done alone.",
        evidence=(closed, heard, done if is_by_done else None, opened),
        rests_on="response.done alone never reopens the mic",
        confidence=0.88,
    )
