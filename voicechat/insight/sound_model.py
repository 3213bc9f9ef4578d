"""What is known of the loudspeaker and the microphone: the half of the session model that answers are heard through."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from voicechat.insight.facts import Answer, Memory, Mic, Playback
from voicechat.insight.records import Evidence, Record, elapsed, text

AT_ONCE = 1.0
"""Seconds after the first sound in which a client closes its mic by itself."""
EVENTS = 4
"""The same, where there are no times."""


class SoundModel:
    """The answers, and the facts of their sound and of the gate of the mic."""

    def __init__(self) -> None:
        self.answers: OrderedDict[str, Answer] = OrderedDict()
        self.playback = Playback()
        self.mic = Mic()
        self.last = Memory()
        self.formats: dict[str, tuple[Evidence, Mapping[str, Any]]] = {}
        """What the client says of the sound it records ("input") and plays ("output")."""

    @property
    def active(self) -> Answer | None:
        """The running answer of the conversation."""
        for one in reversed(self.answers.values()):  # asked with every event; a generator takes three times as long
            if one.done is None and not one.is_aside:
                return one
        return None

    @property
    def newest(self) -> Answer | None:
        """The last answer of the conversation, running or done."""
        return next((one for one in reversed(self.answers.values()) if not one.is_aside), None)

    @property
    def sounding(self) -> Evidence | None:
        """Since when the assistant is heard, by the best witness there is."""
        if self.playback.is_told_locally:
            return self.playback.audible
        if self.playback.playing is not None:
            return self.playback.playing
        active = self.active
        return active.first_output if active is not None else None

    def _playout_began(self, record: Record) -> None:
        id = text(record.event, "response_id")
        self.playback.playing = record.mark(id)
        answer = self.answers.get(id) or self.active
        if answer is not None and answer.first_output is None:
            answer.first_output = self.playback.playing
        if not self.playback.is_told_locally:
            self.playback.began = self.playback.playing

    def _playout_ended(self, record: Record) -> None:
        self.playback.playing = None
        self.playback.ended = record.mark(text(record.event, "response_id"))
        self._note(record)

    def _audible(self, record: Record) -> None:
        self.playback.is_told_locally = True
        self.playback.audible = record.mark()
        newest = self.newest
        if newest is not None and newest.first_sound is None:
            newest.first_sound = record.mark()
            self.playback.began = newest.first_sound

    def _silent(self, record: Record) -> None:
        self.playback.is_told_locally = True
        self.playback.audible = None
        self.playback.ended = record.mark()

    def _mic_opened(self, record: Record) -> None:
        pressed, changed = self.last["talk.pressed"], self.mic.changed
        by_key = pressed is not None and (changed is None or pressed.seq > changed.seq)
        self.mic = Mic(True, record.mark(), reopened_after=self.mic.closed_for_answer, is_opened_by_key=by_key)
        self._note(record)

    def _mic_closed(self, record: Record) -> None:
        held = self.mic.is_held_by_user or self.mic.is_opened_by_key
        heard = self.playback.playing or self.sounding
        for_answer = heard is not None
        if "told" in record.event:  # a client's own words; without a reason only a mic that closes at once counts
            for_answer = text(record.event, "why") == "answer" or _is_at_once(heard, record.mark())
        self.mic.is_open = False
        self.mic.changed = record.mark()
        self.mic.closed_for_answer = record.mark() if for_answer and not held else None

    def _mic_is_the_users(self, record: Record) -> None:
        self.mic.closed_for_answer = None
        self.mic.is_held_by_user = True

    def _format_told(self, record: Record) -> None:
        self.formats[text(record.event, "side") or "input"] = (record.mark(), record.event)

    def _note(self, record: Record) -> None:
        self.last.marks[record.type] = record.mark()


def _is_at_once(heard: Evidence | None, now: Evidence) -> bool:
    if heard is None:
        return False
    apart = elapsed(heard, now)
    return now.seq - heard.seq <= EVENTS if apart is None else apart <= AT_ONCE
