"""A recorded session's server side: what it told and upon what, played to any client (`voicechat serve --replay`).

A tape's server events are grouped by what brought them (`Act`): the opening, a client event, the beginning of the
user's voice. The n-th time the client does such a thing, the n-th such group comes, each event as long after it as it
was then. Ids are those of the tape. The assistant's sound goes into a WebSocket's events, or beside those of WebRTC.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import json
import logging
import re
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from voicechat.audio.blocks import SAMPLE_RATE as LINE_RATE, to_float, to_int16
from voicechat.audio.sound_format import Resampler, resampled
from voicechat.errors import TapeError
from voicechat.journal.index import size_of
from voicechat.journal.source import Source
from voicechat.journal.tape_sound import SoundFile
from voicechat.local_server.dialogue import Transport
from voicechat.local_server.listening import Ears
from voicechat.local_server.refusals import Refusal
from voicechat.local_server.session import ClientSession, House, Line
from voicechat.local_server.session_config import SessionConfig
from voicechat.local_server.sound import RATES, Pcm, Playout, Samples, decoded_sound, encoded_sound
from voicechat.local_server.speech.vad import SAMPLE_RATE, SpeechBegan
from voicechat.protocol.dialects import DialectName

log = logging.getLogger("voicechat.local_server")

Event = dict[str, Any]

OPENED = "opened"
VOICE = "voice"
"""What is no client event: the line opens, the user begins to speak."""
CREATE, CANCEL, UPDATE = "response.create", "response.cancel", "session.update"
COMMIT = "input_audio_buffer.commit"
STANDS_FOR: Mapping[str, tuple[str, ...]] = {CREATE: (VOICE, COMMIT), COMMIT: (VOICE,)}
"""A client that takes its turns another way than the recorded one: which turns its word may begin instead. A sound
begins none but its own, or every noise would use up an answer."""
RATE = 24_000
"""Of the sound kept for each answer."""
TAIL = 0.3
"""Seconds behind the server's word that an answer has left, in which its last sound still comes out here."""
LONGEST = 600.0
"""Seconds of one answer."""
CHUNK = 4_800
"""Samples in an event that the recording did not have: 0.2 s."""
_ENDS = ("response.output_audio.done", "response.audio.done")
_DELTAS = ("response.output_audio.delta", "response.audio.delta")
_FORMS = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}


@dataclass(frozen=True, slots=True)
class Told:
    """One server event, so many seconds after what brought it."""

    after: float
    event: Event


@dataclass(slots=True)
class Act:
    """Something the client did (or that happened to it), and what the server told because of it."""

    cue: str
    at: float
    """Session time of the recording, seconds."""
    told: list[Told] = field(default_factory=list)

    @property
    def answers(self) -> bool:
        """An answer began upon it."""
        return any(one.event.get("type") == "response.created" for one in self.told)


@dataclass(frozen=True)
class Script:
    """One recorded session. `sounds`: the assistant's sound by response, int16 at 24 kHz."""

    acts: tuple[Act, ...]
    sounds: Mapping[str, Pcm]
    over_webrtc: bool
    """The recorded server told of its buffer, and its sound was no event; deltas among the acts were put there."""
    form: str = "audio/pcm"
    """Format of the sound in the recorded events, by its GA name."""

    def sound(self, response_id: str, rate: int) -> Samples:
        """What was said in one response; empty where the tape has none."""
        pcm = self.sounds.get(response_id, np.zeros(0, np.int16))
        return resampled(to_float(pcm), RATE, rate)


class Play:
    """One client's performance of a script."""

    def __init__(self, script: Script, *, speed: float = 1.0, by_time: bool = False) -> None:
        """`by_time`: everything comes when it came then, whatever the client does."""
        self._speed = speed
        self._by_time = by_time
        self._left: dict[str, deque[Act]] = {}
        for act in script.acts:
            self._left.setdefault(act.cue, deque()).append(act)
        self._acts = script.acts
        self._queue: list[tuple[float, Event]] = []
        """What is to be told and when, the next first."""
        self._last_session: Event = {}
        self.misses: list[str] = []
        """What the client did that the tape has no answer to."""

    def begin(self, now: float) -> None:
        if not self._by_time:
            self.cue(OPENED, {}, now)
            return
        for act in self._acts:
            self._release(act, now + (act.at - self._acts[0].at) / self._speed)

    def cue(self, kind: str, event: Mapping[str, Any], now: float) -> None:
        if self._by_time:
            return
        if kind == CANCEL:
            self._cut(now)
        act = self._next(kind)
        if act is not None:
            self._release(act, now)
        elif kind == UPDATE and self._last_session:
            self._put(now, self._last_session)
        elif kind in (CREATE, COMMIT):
            self.misses.append(kind)
            if kind == CREATE:
                self._put(now, over(event))

    def due(self, now: float) -> list[Event]:
        told: list[Event] = []
        while self._queue and self._queue[0][0] <= now:
            event = self._queue.pop(0)[1]
            if event.get("type") in ("session.created", "session.updated"):
                self._last_session = {**event, "type": "session.updated"}
            told.append(event)
        return told

    @property
    def next_at(self) -> float | None:
        return self._queue[0][0] if self._queue else None

    def _next(self, kind: str) -> Act | None:
        if own := self._left.get(kind):
            return own.popleft()
        others = [self._left[one][0] for one in STANDS_FOR.get(kind, ()) if self._left.get(one)]
        act = min((act for act in others if act.answers), key=lambda one: one.at, default=None)
        if act is not None:
            self._left[act.cue].popleft()
        return act

    def _release(self, act: Act, now: float) -> None:
        for told in act.told:
            self._put(now + told.after / self._speed, told.event)

    def _put(self, at: float, event: Event) -> None:
        bisect.insort(self._queue, (at, event), key=lambda one: one[0])

    def _cut(self, now: float) -> None:
        """The client cancels the running answer: of what is left of it only its end comes, at once."""
        end = next((event for _, event in self._queue if event.get("type") == "response.done"), {})
        response = end.get("response")
        if isinstance(response, dict):
            self._queue = [one for one in self._queue if response_of(one[1]) != response.get("id")]
            told = response if response.get("status") != "completed" else {**response, "status": "cancelled"}
            self._put(now, {**end, "response": told})


def response_of(event: Mapping[str, Any]) -> str:
    """The id of the answer an event belongs to; empty: to none."""
    response = event.get("response")
    named = response.get("id") if isinstance(response, dict) else event.get("response_id")
    return named if isinstance(named, str) else ""


def over(event: Mapping[str, Any]) -> Event:
    """What a client hears that wants more answers than there are."""
    message = "The tape that is replayed has no further answer."
    error = {"type": "invalid_request_error", "code": "tape_over", "message": message, "param": None}
    error["event_id"] = event.get("event_id")
    return {"type": "error", "event_id": "event_tape_over", "error": error}


LOUD = 10 ** (-45 / 20)
"""RMS, 1 is full scale, from which a frame of the client's sound counts as voice."""
_LEFT_OUT = re.compile(r"<(\d+) bytes of base64>")


class SoundInEvents:
    """For a WebSocket: sound is put back into the deltas of the script."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._taken: dict[str, int] = {}

    def dressed(self, event: Event) -> Iterator[Event]:
        kind = str(event.get("type", ""))
        if kind in _DELTAS and (left_out := _LEFT_OUT.fullmatch(str(event.get("delta")))):
            yield event | {"delta": self._take(response_of(event), int(left_out[1]) // 4 * 3)}
        elif not (self._script.over_webrtc and kind.startswith("output_audio_buffer.")):
            yield event

    def _take(self, response_id: str, size: int) -> str:
        """So many bytes of the answer's sound; silence where there is none."""
        form = self._script.form
        count = size // 2 if form == "audio/pcm" else size
        at = self._taken.get(response_id, 0)
        self._taken[response_id] = at + count
        sound = self._script.sound(response_id, RATES[form])[at : at + count]
        return encoded_sound(form, np.pad(sound, (0, count - len(sound))))


class SoundBeside:
    """For WebRTC: frames of 20 ms, and the events of the server's buffer where the recording has none."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._playout = Playout()
        self._given: set[str] = set()

    def dressed(self, event: Event) -> Iterator[Event]:
        """What is sent for one recorded event; sound that begins with it is queued."""
        kind = str(event.get("type", ""))
        if kind in _DELTAS:
            if not self._script.over_webrtc:
                self._begin(response_of(event))
            return
        if kind == "output_audio_buffer.started":
            self._begin(response_of(event))
        elif kind == "output_audio_buffer.cleared":
            self._playout.clear()
        yield event

    def pull(self) -> tuple[Pcm, list[Event]]:
        """The next 20 ms at 48 kHz, and what is told of it."""
        frame, marks = self._playout.pull()
        if self._script.over_webrtc:
            return frame, []
        return frame, [
            {"type": f"output_audio_buffer.{kind}", "event_id": f"event_{kind}", "response_id": response_id}
            for response_id, kind in marks
        ]

    def _begin(self, response_id: str) -> None:
        if response_id in self._script.sounds and response_id not in self._given:
            self._given.add(response_id)
            self._playout.add(response_id, to_int16(self._script.sound(response_id, LINE_RATE)))
            self._playout.complete(response_id)


def is_loud(frame: Samples) -> float:
    """A voice detector without a model: 1 for a loud frame, 0 for a quiet one."""
    return float(np.sqrt(np.mean(np.square(frame))) >= LOUD)


@dataclass(eq=False)
class PlayedSession(ClientSession):
    """A client's session with a tape."""

    script: Script
    transport: Transport
    play: Play
    _timer: asyncio.TimerHandle | None = None
    _is_closed: bool = False

    def __post_init__(self) -> None:
        is_call = self.transport == "webrtc"
        self._sound = SoundBeside(self.script) if is_call else SoundInEvents(self.script)
        self._ears = Ears(is_loud)
        self._to_ears = Resampler(LINE_RATE if is_call else RATES[self.script.form], SAMPLE_RATE)

    def start(self) -> None:
        self.play.begin(time.monotonic())
        self._tell()

    def take(self, text: str) -> None:
        """What is no event is nothing the client did."""
        with contextlib.suppress(ValueError, RecursionError, Refusal):
            event = json.loads(text)
            kind = event.get("type") if isinstance(event, dict) else None
            if kind == "input_audio_buffer.append":
                self._hear(decoded_sound(self.script.form, str(event.get("audio")), "audio"))
            elif isinstance(kind, str):
                self._cue(kind, event)

    def exchange(self, heard: Pcm) -> Pcm:
        self._hear(to_float(heard))
        assert isinstance(self._sound, SoundBeside)
        frame, told = self._sound.pull()
        for event in told:
            self.say(json.dumps(event))
        return frame

    async def close(self) -> None:
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _hear(self, samples: Samples) -> None:
        if any(isinstance(event, SpeechBegan) for event in self._ears.hear(self._to_ears.convert(samples))):
            self._cue(VOICE, {})

    def _cue(self, kind: str, event: Event) -> None:
        known = len(self.play.misses)
        self.play.cue(kind, event, time.monotonic())
        for missed in self.play.misses[known:]:
            log.warning("the tape has no answer to this %s of the client's", missed)
        self._tell()

    def _tell(self) -> None:
        if self._is_closed:
            return
        for event in self.play.due(time.monotonic()):
            for dressed in self._sound.dressed(event):
                self.say(json.dumps(dressed, ensure_ascii=False))
        if self._timer is not None:
            self._timer.cancel()
        if (at := self.play.next_at) is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, at - time.monotonic()), self._tell)


@dataclass
class PlayHouse(House):
    """A house whose sessions come from a tape: the n-th client gets its n-th session, and then the first again."""

    scripts: tuple[Script, ...] = ()
    speed: float = 1.0
    by_time: bool = False
    _served: int = 0

    def start(self) -> None:
        """There is nothing to load."""

    @property
    def state(self) -> str:
        return "ready"

    async def open_session(
        self, line: Line, transport: Transport, config: SessionConfig, dialect: DialectName
    ) -> ClientSession:
        """Whatever configuration was asked for: what was told then is told now."""
        script = self.scripts[self._served % len(self.scripts)]
        self._served += 1
        return PlayedSession(line, script, transport, Play(script, speed=self.speed, by_time=self.by_time))


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
            cut[response] = to_int16(resampled(to_float(played), sound.rate, RATE))
    return cut


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
