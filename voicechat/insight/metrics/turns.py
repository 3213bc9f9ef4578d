"""Each turn on the clock: when you fell silent, what happened until the first sound, how long silence took.

Fed with the events in the order they flowed; times are seconds on one clock. A mark that did not happen is None and
never 0.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from voicechat.insight.metrics.prices import Usage, read_usage

KEEP = 500
"""Turns whose figures are kept."""
_FIRST_DELTAS = frozenset(
    """
    response.output_audio.delta response.output_audio_transcript.delta response.output_text.delta response.audio.delta
    response.audio_transcript.delta response.text.delta response.function_call_arguments.delta
    """.split()
)
Direction = Literal["in", "out", "local"]


class TurnNumbers(msgspec.Struct, frozen=True, gc=False):
    """One turn of yours and the answer to it; an answer nobody asked for by voice has no `began_at`."""

    number: int
    began_at: float | None = None
    ended_at: float | None = None
    """Your last voiced moment (local measurement), or the server's speech_stopped where there is no local one."""
    stopped_at: float | None = None
    """The server's speech_stopped, or the commit of a push-to-talk turn: from here on it works."""
    transcript_at: float | None = None
    created_at: float | None = None
    first_delta_at: float | None = None
    first_sound_at: float | None = None
    silent_in: float | None = None
    """Seconds from the key or the voice that cut the answer to silence."""
    cut_by: str = ""
    response: str = ""
    status: str = ""
    usage: Usage | None = None
    heard: float | None = None
    """Seconds of the answer that were audible before it was cut."""
    approval_wait: float = 0.0
    """Seconds in which a tool call waited for approval; part of no latency."""

    @property
    def spoken(self) -> float | None:
        """Seconds you spoke."""
        return None if self.began_at is None or self.ended_at is None else max(0.0, self.ended_at - self.began_at)

    @property
    def total(self) -> float | None:
        """Seconds from your last sound to the first sound of the answer, less `approval_wait`."""
        if self.ended_at is None or self.first_sound_at is None or self.first_sound_at < self.ended_at:
            return None
        return max(0.0, self.first_sound_at - self.approval_wait - self.ended_at)

    def steps(self) -> tuple[float | None, float | None, float | None, float | None]:
        """What the total is made of: end of speech, response created, first words, first sound; seconds each.

        Sound and words travel apart: a mark that comes later than the first sound counts as being there with it, so
        that the parts add up to the total.
        """
        sound = None if self.first_sound_at is None else self.first_sound_at - self.approval_wait
        last = math.inf if sound is None else sound
        told = (self.ended_at, self.stopped_at, self.created_at, self.first_delta_at, sound)
        marks = [None if mark is None else min(mark, last) for mark in told]
        pairs = itertools.pairwise(marks)
        parts = tuple(None if a is None or b is None else max(0.0, b - a) for a, b in pairs)
        return parts[0], parts[1], parts[2], parts[3]

    @property
    def transcript_in(self) -> float | None:
        """Seconds from your last sound until your words were written down."""
        return None if self.ended_at is None or self.transcript_at is None else self.transcript_at - self.ended_at

    @property
    def unheard_tokens(self) -> int:
        """Audio tokens that were paid for and not heard: an answer that was cut, at one token per 50 ms."""
        if not self.cut_by or self.usage is None or self.heard is None:
            return 0
        return max(0, self.usage.output.audio - round(self.heard / 0.05))


class TurnClock:
    """Keeps `turns` while events are fed to it."""

    def __init__(self, keep: int = KEEP) -> None:
        """`keep`: so many of the newest turns."""
        self.turns: list[TurnNumbers] = []
        self._keep = keep
        self._by_response: dict[str, int] = {}
        self._count = 0
        self._is_audible = False
        self._wants_silence: float | None = None
        self._voice_began: float | None = None
        self._voice_ended: float | None = None
        """Of the last voice that was heard here; None while it goes on."""
        self._is_live = False
        """GPT-Live tells of no voice: a turn begins with its first words, and with the voice that was heard here."""
        self._asked: set[str] = set()
        """Tool calls that wait for approval."""
        self._asked_since = 0.0

    def feed(self, at: float, direction: Direction, event: Mapping[str, Any]) -> bool:
        """Take in one event; whether a figure changed."""
        name = event.get("type")
        if not isinstance(name, str):
            return False
        if direction == "out":
            change = name == "conversation.item.create" and self._tool_decided(at, event.get("item"))
        else:
            change = self._local(at, name, event) if direction == "local" else self._wire(at, name, event)
        if change:
            self._trim()
        return change

    def _wire(self, at: float, name: str, event: Mapping[str, Any]) -> bool:
        match name:
            case "input_audio_buffer.speech_started":
                self._begin(self._voice_began if self._voice_began is not None else at)
            case "input_audio_buffer.speech_stopped" | "input_audio_buffer.committed":
                self._mark_stop(at)
            case "session.started":
                self._is_live = True
                return False
            case "conversation.item.added" if self._is_live and _is_spoken(event.get("item")):
                self._begin(at if self._voice_began is None else self._voice_began)
                if self._voice_ended is not None:
                    self._end_of_voice(self._voice_ended)
            case "conversation.item.input_audio_transcription.completed":
                if self._is_live:
                    self._mark_stop(at)
                self._set_last("transcript_at", at)
            case "response.created":
                self._answer(at, event)
            case "response.done":
                self._done(event)
            case _ if name in _FIRST_DELTAS:
                return self._mark(str(event.get("response_id", "")), "first_delta_at", at)
            case _:
                return False
        return True

    def _local(self, at: float, name: str, event: Mapping[str, Any]) -> bool:
        match name:
            case "voice.began":
                self._voice_began, self._voice_ended = _time(event.get("began_at"), at), None
                return False
            case "voice.ended":
                self._voice_ended = _time(event.get("ended_at"), at)
                self._end_of_voice(_time(event.get("ended_at"), at))
            case "talk.pressed":
                self._begin(at)
            case "text.entered":
                self._begin(at)
                self._replace(len(self.turns) - 1, ended_at=at, stopped_at=at)
            case "assistant.audible":
                self._sound(at)
            case "barge_in.happened":
                self._wants_silence = _time(event.get("voice_began_at"), at)
                self._cut("barge-in", at)
            case "stop.pressed":
                self._wants_silence = at
                self._cut("you", at)
            case "assistant.silent":  # a flush is a wish; this is what the loudspeaker did
                return self._silence(_time(event.get("last_audible_at"), at))
            case "tool.moved":
                return self._tool_moved(at, str(event.get("call_id", "")), asks=event.get("stage") == "asked")
            case _:
                return False
        return True

    def _begin(self, at: float) -> None:
        """A voice goes on in the turn it began, until the server works on it."""
        if self.turns and self.turns[-1].created_at is None and self.turns[-1].stopped_at is None:
            return
        self._count += 1
        self.turns.append(TurnNumbers(self._count, began_at=at))

    def _end_of_voice(self, at: float) -> None:
        if not self._is_live:  # its first words come when the voice may be over
            self._voice_began = None
        for place in range(len(self.turns) - 1, max(-1, len(self.turns) - 3), -1):
            turn = self.turns[place]
            if turn.began_at is not None and turn.began_at <= at and turn.first_sound_at is None:
                self._replace(place, ended_at=at)
                return

    def _mark_stop(self, at: float) -> None:
        if not self.turns or self.turns[-1].stopped_at is not None:
            return
        last = self.turns[-1]
        self._replace(len(self.turns) - 1, stopped_at=at, ended_at=at if last.ended_at is None else last.ended_at)

    def _set_last(self, field: str, at: float) -> None:
        for place in range(len(self.turns) - 1, -1, -1):
            if self.turns[place].began_at is not None:
                if getattr(self.turns[place], field) is None:
                    self._replace(place, **{field: at})
                return

    def _answer(self, at: float, event: Mapping[str, Any]) -> None:
        response = event.get("response")
        id = str(response.get("id", "")) if isinstance(response, Mapping) else ""
        if not self.turns or self.turns[-1].stopped_at is None:  # an answer nobody asked for by voice: a greeting
            self._count += 1
            self.turns.append(TurnNumbers(self._count))
        place = len(self.turns) - 1
        if self.turns[place].created_at is None:
            self._replace(place, created_at=at, response=id)
        self._by_response[id] = place

    def _done(self, event: Mapping[str, Any]) -> None:
        response = event.get("response")
        if not isinstance(response, Mapping):
            return
        place = self._by_response.get(str(response.get("id", "")))
        if place is None or not 0 <= place < len(self.turns):
            return
        used, before = read_usage(response.get("usage")), self.turns[place].usage
        both = used + before if used is not None and before is not None else used or before
        status = response.get("status")
        self._replace(place, usage=both, status=status if isinstance(status, str) else "")

    def _mark(self, response: str, field: str, at: float) -> bool:
        """Whether it was the first: deltas come by the hundred."""
        place = self._by_response.get(response)
        if place is None or not 0 <= place < len(self.turns) or getattr(self.turns[place], field) is not None:
            return False
        self._replace(place, **{field: at})
        return True

    def _sound(self, at: float) -> None:
        self._is_audible = True
        self._wants_silence = None  # it was silent then already: what begins now was not meant
        if self.turns and self.turns[-1].created_at is not None and self.turns[-1].first_sound_at is None:
            self._replace(len(self.turns) - 1, first_sound_at=at)

    def _tool_moved(self, at: float, call_id: str, *, asks: bool) -> bool:
        if asks:
            self._asked_since = self._asked_since if self._asked else at
            self._asked.add(call_id)
        elif call_id in self._asked:
            self._asked.remove(call_id)
            if not self._asked and self.turns and self.turns[-1].first_sound_at is None:
                waited = max(0.0, at - self._asked_since)
                self._replace(len(self.turns) - 1, approval_wait=self.turns[-1].approval_wait + waited)
                return True
        return False

    def _tool_decided(self, at: float, item: object) -> bool:
        """What is not run is only seen by what the service is told of it: its output, or that it was not approved."""
        if not isinstance(item, Mapping):
            return False
        call_id = item.get("call_id") or item.get("approval_request_id") or ""
        return self._tool_moved(at, str(call_id), asks=False)

    def _cut(self, by: str, at: float) -> None:
        """Of the newest answer that was heard; one that had ended, or was cut before, cannot be cut."""
        for place in range(len(self.turns) - 1, max(-1, len(self.turns) - 3), -1):
            turn = self.turns[place]
            if turn.first_sound_at is not None:
                if not turn.cut_by and (self._is_audible or not turn.status):  # silent: a pause between its sentences
                    self._replace(place, cut_by=by, heard=max(0.0, at - turn.first_sound_at))
                return

    def _silence(self, at: float) -> bool:
        self._is_audible = False
        since, self._wants_silence = self._wants_silence, None
        if since is None:
            return False
        for place in range(len(self.turns) - 1, max(-1, len(self.turns) - 3), -1):
            if self.turns[place].cut_by and self.turns[place].silent_in is None:
                self._replace(place, silent_in=max(0.0, at - since))
                return True
        return False

    def _replace(self, place: int, **changes: Any) -> None:
        self.turns[place] = msgspec.structs.replace(self.turns[place], **changes)

    def _trim(self) -> None:
        over = len(self.turns) - self._keep
        if over >= self._keep // 10:
            del self.turns[:over]
            self._by_response = {id: place - over for id, place in self._by_response.items() if place >= over}


def _time(value: object, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else otherwise


def _is_spoken(item: object) -> bool:
    """Whether an item is something that the user said."""
    if not isinstance(item, Mapping) or item.get("role") != "user":
        return False
    content = item.get("content")
    return isinstance(content, list) and any(part.get("type") == "input_audio" for part in content)
