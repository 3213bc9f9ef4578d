"""Does the open mic hear the answer, and the server take it for you?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.findings import Ended, Finding, found
from voicechat.insight.records import Record, elapsed
from voicechat.insight.session_model import USER_ACTS, SessionModel

CODE = "mic-open-during-playback"
ON = ("input_audio_buffer.speech_started",)
UNDER_WAY = 0.6
"""Seconds: speech that began before the answer is reported so late."""


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    heard = model.sounding
    if heard is None or model.mic.is_open is not True or model.mic.changed is None:
        return
    if model.mic.changed.seq > heard.seq or model.configured.vad("interrupt_response") is not False:
        return  # opened since by whatever cut in, or meant to stay open: the server interrupts
    after = elapsed(heard, record.mark())
    act = model.last.newest(*USER_ACTS)
    if (after is not None and after < UNDER_WAY) or (act is not None and act.seq > heard.seq):
        return
    yield found(
        CODE,
        "warning",
        "The mic stayed open while the assistant spoke, and the server heard speech in it.",
        cause="Nothing closes the mic during an answer, and the server must not interrupt either, so what the mic "
        "hears of the answer becomes a turn of yours.",
        cure="Close the mic when the assistant becomes audible, or let the server interrupt: "
        "turn_detection.interrupt_response true, with echo cancellation on.",
        ours="The presets balanced and steady close it.",
        evidence=(model.mic.changed, heard, record.mark()),
        rests_on="the gate closes when the assistant becomes audible",
        confidence=0.8,
    )
