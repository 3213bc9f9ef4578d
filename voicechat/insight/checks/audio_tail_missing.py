"""Is the end of answers cut off, although nobody cut in?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.facts import Answer
from voicechat.insight.findings import Ended, Evidence, Finding, found
from voicechat.insight.records import Record, elapsed
from voicechat.insight.session_model import USER_ACTS, SessionModel

CODE = "audio-tail-missing"
ON = ("output_audio_buffer.cleared", "playback.cut", "playback.ended", "playback.flushed")
SOON = 1.5
"""Seconds after response.done in which a client throws away what it still had to play."""
MISSING = 1.0
"""Seconds of sound that were received and cannot have been played."""


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    answer = model.newest
    if answer is None or answer.done is None or answer.status != "completed" or answer.speech is not None:
        return
    act = model.last.newest(*USER_ACTS, "mute.chosen", "line.lost", "line.hanging_up", "device.lost")
    if model.is_ended or (act is not None and act.seq > answer.created.seq):
        return
    if model.new_input is not None and model.new_input.seq > answer.done.seq:
        return
    if record.type == "playback.ended":
        yield from _too_short(answer, record)
        return
    cut = record.mark()
    after = elapsed(answer.done, cut)
    sent = model.last["output_audio_buffer.clear"]
    if record.type == "output_audio_buffer.cleared":
        if sent is None or sent.seq < answer.created.seq:
            return  # the service's own doing
    elif after is not None and after > SOON:
        return
    yield _finding(answer, sent if sent is not None and sent.seq > answer.created.seq else None, cut)


def _too_short(answer: Answer, record: Record) -> Iterator[Finding]:
    """The player stopped sooner than the sound it was given can have lasted."""
    played = elapsed(answer.first_output, record.mark())
    if played is not None and answer.audio_seconds - played > MISSING:
        yield _finding(answer, answer.first_output, record.mark())


def _finding(answer: Answer, why: Evidence | None, cut: Evidence) -> Finding:
    return found(
        CODE,
        "error",
        "The end of an answer was thrown away: playback was stopped at response.done, before its sound was over.",
        cause="response.done says that the answer has been made; its sound lasts seconds longer. The client stops or "
        "clears playback there.",
        cure="At response.done do nothing to the sound: let the queue run empty (WebSocket) or wait for "
        "output_audio_buffer.stopped (WebRTC). Clear playback only when somebody cuts in.",
        evidence=(answer.first_output, answer.done, why, cut),
        rests_on="response.done precedes the end of the sound by seconds",
        confidence=0.88,
    )
