"""A tape as the script of a server: what it told and upon what, and the sound of each answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from voicechat.errors import TapeError
from voicechat.journal.index import size_of
from voicechat.journal.source import Source
from voicechat.journal.tape_sound import SoundFile
from voicechat.local_server.played_session import (
    COMMIT,
    CREATE,
    OPENED,
    UPDATE,
    VOICE,
    Act,
    Event,
    Script,
    Told,
    response_of,
)
from voicechat.local_server.playout import Pcm

RATE = 24_000
TAIL = 0.3
"""Seconds behind the server's word that an answer has left, in which its last sound still comes out here."""
LONGEST = 600.0
"""Seconds of one answer."""
CHUNK = 4_800
"""Samples in an event that the recording did not have: 0.2 s."""
_ENDS = ("response.output_audio.done", "response.audio.done")
_DELTAS = ("response.output_audio.delta", "response.audio.delta")
_FORMS = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}


_ANSWERED_BY: Mapping[str, str] = {
    "session.updated": UPDATE,
    "input_audio_buffer.committed": COMMIT,
    "input_audio_buffer.cleared": "input_audio_buffer.clear",
    "output_audio_buffer.cleared": "output_audio_buffer.clear",
    "conversation.item.truncated": "conversation.item.truncate",
    "conversation.item.deleted": "conversation.item.delete",
    "conversation.item.retrieved": "conversation.item.retrieve",
    "response.created": CREATE,
}
_ITEM_EVENTS = ("conversation.item.created", "conversation.item.added", "conversation.item.done")


class Grouping:
    """Recorded events, in order, become acts. `finish` gives one tuple for each time a session was opened."""

    def __init__(self) -> None:
        self._sessions: list[list[Act]] = []
        self._acts: list[Act] = []
        self._unanswered: dict[str, deque[Act]] = {}
        self._by_id: dict[str, Act] = {}
        self._turn: Act | None = None

    def sent(self, t: float, event: Event) -> None:
        kind = str(event.get("type", ""))
        if not self._acts or kind == "input_audio_buffer.append":
            return
        act = self._new(kind, t)
        self._unanswered.setdefault(kind, deque()).append(act)
        if isinstance(event.get("event_id"), str):
            self._by_id[event["event_id"]] = act
        item = event.get("item")
        if isinstance(item, dict) and isinstance(item.get("id"), str):
            self._by_id[item["id"]] = act

    def came(self, t: float, event: Event) -> None:
        if event.get("type") == "session.created":
            self._acts = []
            self._sessions.append(self._acts)
            self._unanswered, self._by_id, self._turn = {}, {}, None
            self._new(OPENED, t)
        if self._acts:
            act = self._act_of(t, event)
            for id in ids_of(event):
                self._by_id.setdefault(id, act)
            act.told.append(Told(max(0.0, t - act.at), event))

    def finish(self) -> list[tuple[Act, ...]]:
        return [tuple(acts) for acts in self._sessions]

    def _new(self, cue: str, t: float) -> Act:
        act = Act(cue, t)
        self._acts.append(act)
        if cue in (VOICE, COMMIT):
            self._turn = act
        return act

    def _act_of(self, t: float, event: Event) -> Act:
        kind = str(event.get("type", ""))
        if kind == "input_audio_buffer.speech_started":
            return self._new(VOICE, t)
        if waiting := self._unanswered.get(_ANSWERED_BY.get(kind, "")):
            return waiting.popleft()
        if kind == "error" and isinstance(error := event.get("error"), dict) and error.get("event_id") in self._by_id:
            return self._by_id[error["event_id"]]
        for id in ids_of(event):
            if id in self._by_id:
                return self._by_id[id]
        if kind in _ITEM_EVENTS and (waiting := self._unanswered.get("conversation.item.create")):
            return waiting.popleft()
        if kind == "response.created" and self._turn is not None:
            return self._turn
        return self._acts[-1]


def ids_of(event: Mapping[str, Any]) -> Iterable[str]:
    """The answer and the items an event names, the answer first."""
    item = event.get("item")
    named = (response_of(event), event.get("item_id"), item.get("id") if isinstance(item, dict) else None)
    return [one for one in named if isinstance(one, str) and one]


@dataclass(slots=True)
class _Stretch:
    """Where an answer's sound lies on the tape, session time in seconds."""

    begin: float
    end: float = 0.0
    size: int = 0
    """Bytes of sound that came in events."""


@dataclass(slots=True)
class _Sounds:
    """What the events tell of the answers' sound."""

    stretches: dict[str, _Stretch] = field(default_factory=dict)
    awaited: str = ""
    """The answer whose first sound is not out yet."""
    has_deltas: bool = False
    form: str = "audio/pcm"

    def came(self, t: float, event: dict[str, Any]) -> None:
        """A server event."""
        kind, response = str(event.get("type", "")), response_of(event)
        if kind in _DELTAS:
            self.has_deltas = True
            if response not in self.stretches:
                self.stretches[response], self.awaited = _Stretch(t), response
            self.stretches[response].size += size_of({"delta": event.get("delta")}) - len('{"delta":""}')
        elif kind == "output_audio_buffer.started":
            self.stretches.setdefault(response, _Stretch(t))
        elif kind in ("output_audio_buffer.stopped", "output_audio_buffer.cleared") and response in self.stretches:
            self.stretches[response].end = t + TAIL
        elif kind in ("session.created", "session.updated"):
            self.form = form_of(event.get("session")) or self.form

    def heard(self, t: float, event: Mapping[str, Any]) -> None:
        """A local event: the first sound of an answer that came in events."""
        if event.get("type") == "assistant.audible" and self.awaited:
            self.stretches[self.awaited].begin, self.awaited = t, ""


def scripts_of(source: Source, sound: SoundFile | None) -> tuple[Script, ...]:
    """One script for each session of the tape. Raises TapeError for one in which no session begins."""
    grouping, sounds = Grouping(), _Sounds()
    for entry in source.entries():
        if entry.kind != "event":
            continue
        if entry.dir == "in":
            grouping.came(entry.t, entry.data)
            sounds.came(entry.t, entry.data)
        elif entry.dir == "out":
            grouping.sent(entry.t, entry.data)
        else:
            sounds.heard(entry.t, entry.data)
    sessions = grouping.finish()
    if not sessions:
        raise TapeError(f"no session begins in {source.name}", hint="it has no session.created to begin with")
    pcm = cut_out(sounds, sound) if sound is not None else silences(sounds)
    if not sounds.has_deltas:
        for act in (act for acts in sessions for act in acts):
            act.told = with_deltas(act.told, pcm)
    form = sounds.form if sounds.has_deltas else "audio/pcm"
    return tuple(Script(acts, pcm, not sounds.has_deltas, form) for acts in sessions)


def with_deltas(told: list[Told], pcm: Mapping[str, Pcm]) -> list[Told]:
    """What a call told, with the events that a WebSocket would have had: spread from the sound's beginning to its end.

    Their sound stays out, as on a tape: `<n bytes of base64>`.
    """
    began = {
        response_of(one.event): one.after for one in told if one.event.get("type") == "output_audio_buffer.started"
    }
    whole: list[Told] = []
    for one in told:
        response = response_of(one.event)
        if one.event.get("type") in _ENDS and response in began and response in pcm:
            kind = "response.output_audio.delta" if one.event["type"] == _ENDS[0] else "response.audio.delta"
            sizes = [2 * min(CHUNK, len(pcm[response]) - at) for at in range(0, len(pcm[response]), CHUNK)]
            for number, size in enumerate(sizes):
                after = began[response] + (one.after - began[response]) * number / len(sizes)
                id = f"{one.event.get('event_id', 'event')}_{number}"
                delta = f"<{-(-size // 3) * 4} bytes of base64>"
                whole.append(Told(after, {**one.event, "type": kind, "event_id": id, "delta": delta}))
        whole.append(one)
    return sorted(whole, key=lambda one: one.after)


def silences(sounds: _Sounds) -> dict[str, Pcm]:
    """As much silence as there was sound in the calls of a tape that has none."""
    return {
        response: np.zeros(int(min(LONGEST, stretch.end - stretch.begin) * RATE), np.int16)
        for response, stretch in sounds.stretches.items()
        if stretch.end > stretch.begin
    }


def cut_out(sounds: _Sounds, sound: SoundFile) -> dict[str, Pcm]:
    """int16 at 24 kHz by answer. None reaches into the next one."""
    cut: dict[str, Pcm] = {}
    stretches = sorted(sounds.stretches.items(), key=lambda one: one[1].begin)
    for number, (response, stretch) in enumerate(stretches):
        last = stretches[number + 1][1].begin if number + 1 < len(stretches) else sound.length
        end = stretch.end or stretch.begin + LONGEST
        if stretch.size:
            bytes_a_second = 48_000 if sounds.form == "audio/pcm" else 8_000
            end = stretch.begin + stretch.size * 0.75 / bytes_a_second
        played = sound.assistant(stretch.begin, min(end, last))
        if len(played):
            cut[response] = at_rate(played, sound.rate)
    return cut


def at_rate(pcm: Pcm, rate: int) -> Pcm:
    """The same sound at 24 kHz; a tape at another rate is a multiple of it or near, so averaging is enough."""
    if rate == RATE:
        return pcm
    count = int(len(pcm) * RATE / rate)
    if rate % RATE == 0:
        step = rate // RATE
        averaged: Pcm = pcm[: count * step].astype(np.int32).reshape(count, step).mean(axis=1).astype(np.int16)
        return averaged
    places = np.arange(count) * (rate / RATE)
    between: Pcm = np.interp(places, np.arange(len(pcm)), pcm).astype(np.int16)
    return between


def form_of(session: object) -> str:
    """The format of the sound that a session's events carry, by its GA name; empty: it does not say."""
    if not isinstance(session, dict):
        return ""
    beta = session.get("output_audio_format")
    if isinstance(beta, str):
        return _FORMS.get(beta, "")
    told: object = session
    for name in ("audio", "output", "format", "type"):
        told = told.get(name) if isinstance(told, dict) else None
    return told if isinstance(told, str) and told in _FORMS.values() else ""
