"""The server's side of a recorded session, played to whoever comes: what was told, upon what the client did.

Pure: no clock, no socket. A tape's server events are grouped by what brought them (`Act`): the opening, a client event,
the beginning of the user's voice. The n-th time the client does such a thing, the n-th such group comes, each event as
long after it as it was then. Ids are those of the tape.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Event = dict[str, Any]
Pcm = NDArray[np.int16]

OPENED = "opened"
VOICE = "voice"
"""What is no client event: the line opens, the user begins to speak."""
CREATE, COMMIT, CANCEL, UPDATE = (
    "response.create",
    "input_audio_buffer.commit",
    "response.cancel",
    "session.update",
)
STANDS_FOR: Mapping[str, tuple[str, ...]] = {CREATE: (VOICE, COMMIT), COMMIT: (VOICE,)}
"""A client that takes its turns another way than the recorded one: which turns its word may begin instead. A sound
begins none but its own, or every noise would use up an answer."""


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
        self._queue: list[tuple[float, int, Event]] = []
        self._count = 0
        self._last_session: Event = {}
        self.misses: list[str] = []
        """What the client did that the tape has no answer to."""

    def begin(self, now: float) -> None:
        """The line is open."""
        zero = self._acts[0].at if self._acts else 0.0
        for act in self._acts if self._by_time else ():
            self._release(act, now + (act.at - zero) / self._speed)
        if not self._by_time:
            self.cue(OPENED, {}, now)

    def cue(self, kind: str, event: Mapping[str, Any], now: float) -> None:
        """The client did this."""
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
            self._put(now, over(event)) if kind == CREATE else None

    def due(self, now: float) -> list[Event]:
        """What is to be told by now, in order."""
        told: list[Event] = []
        while self._queue and self._queue[0][0] <= now:
            event = heapq.heappop(self._queue)[2]
            if event.get("type") in ("session.created", "session.updated"):
                self._last_session = {**event, "type": "session.updated"}
            told.append(event)
        return told

    @property
    def next_at(self) -> float | None:
        """When there is something to tell again."""
        return self._queue[0][0] if self._queue else None

    def _next(self, kind: str) -> Act | None:
        if own := self._left.get(kind):
            return own.popleft()
        others = [self._left[one][0] for one in STANDS_FOR.get(kind, ()) if self._left.get(one)]
        answering = [act for act in others if act.answers]
        if not answering:
            return None
        act = min(answering, key=lambda one: one.at)
        self._left[act.cue].popleft()
        return act

    def _release(self, act: Act, now: float) -> None:
        for told in act.told:
            self._put(now + told.after / self._speed, told.event)

    def _put(self, at: float, event: Event) -> None:
        self._count += 1  # a heap keeps no order among equals
        heapq.heappush(self._queue, (at, self._count, event))

    def _cut(self, now: float) -> None:
        """The client cancels the running answer: of what is left of it only its end comes, at once."""
        ends = [one for one in sorted(self._queue) if one[2].get("type") == "response.done"]
        if not ends:
            return
        response = ends[0][2].get("response")
        cut = response.get("id") if isinstance(response, dict) else None
        self._queue = [one for one in self._queue if response_of(one[2]) != cut]
        heapq.heapify(self._queue)
        if isinstance(response, dict):
            told = response if response.get("status") != "completed" else {**response, "status": "cancelled"}
            self._put(now, {**ends[0][2], "response": told})


def response_of(event: Mapping[str, Any]) -> str:
    """The id of the answer an event belongs to; empty: to none."""
    response = event.get("response")
    named = response.get("id") if isinstance(response, dict) else event.get("response_id")
    return named if isinstance(named, str) else ""


def over(event: Mapping[str, Any]) -> Event:
    """What a client hears that wants more answers than there are."""
    error = {
        "type": "invalid_request_error",
        "code": "tape_over",
        "message": "The tape that is replayed has no further answer.",
        "param": None,
        "event_id": event.get("event_id"),
    }
    return {"type": "error", "event_id": "event_tape_over", "error": error}


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
_NO_CUES = ("input_audio_buffer.append",)


class Grouping:
    """Recorded events, in order, become acts. `finish` gives one tuple for each time a session was opened."""

    def __init__(self) -> None:
        self._sessions: list[list[Act]] = []
        self._acts: list[Act] = []
        self._unanswered: dict[str, deque[Act]] = {}
        self._by_id: dict[str, Act] = {}
        self._turn: Act | None = None

    def sent(self, t: float, event: Event) -> None:
        """The recorded client did this."""
        kind = str(event.get("type", ""))
        if not self._acts or kind in _NO_CUES:
            return
        act = self._new(kind, t)
        self._unanswered.setdefault(kind, deque()).append(act)
        if isinstance(event.get("event_id"), str):
            self._by_id[event["event_id"]] = act
        item = event.get("item")
        if isinstance(item, dict) and isinstance(item.get("id"), str):
            self._by_id[item["id"]] = act

    def came(self, t: float, event: Event) -> None:
        """The recorded server told this."""
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
        """Every session of the recording."""
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
