"""One client's session with the service, as it is watched: its events, its picture, its problems, its tape.

Everything here happens after a message was passed on (`Later`). `dir` is the client's: `out` is what it says, `in` what
the service says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from voicechat.config.settings import Settings
from voicechat.engine.eventlog import EventLog
from voicechat.engine.figures import Bookkeeper
from voicechat.engine.link import Finding, FromEngine, Numbers
from voicechat.engine.problems import Problems
from voicechat.journal.entry import Happening
from voicechat.journal.lines import AUDIO_TYPES, without_audio
from voicechat.journal.observers import Observers
from voicechat.tap.delays import Delays
from voicechat.tap.later import Later
from voicechat.tap.picture import Picture
from voicechat.tap.reading import Reader
from voicechat.tap.sides import Side, learn_formats
from voicechat.tap.tape import SessionTape

Direction = Literal["in", "out"]
Transport = Literal["WebRTC", "WebSocket"]
CUT = ("response.cancel", "output_audio_buffer.clear", "conversation.item.truncate")
"""What a client says when it stops an answer."""

LONGEST_REFUSAL = 65_536


@dataclass(frozen=True, slots=True)
class Caller:
    """Who called, in words that may be shown."""

    number: int
    transport: Transport
    path: str
    agent: str = ""
    secrets: tuple[str, ...] = ()


class Session:
    """`saw` what passes, `ended` at the end. Event loop only; times are on the tap's clock."""

    def __init__(
        self,
        caller: Caller,
        provider: str,
        settings: Settings,
        *,
        later: Later,
        clock: Callable[[], float],
        tape: SessionTape | None = None,
    ) -> None:
        self.caller = caller
        self.clock = clock
        self.started_at = clock()
        self.picture = Picture(provider)
        self.reader = Reader(caller.secrets)
        self.log = EventLog()
        self.event_delays, self.audio_delays = Delays(), Delays()
        self.you, self.assistant = Side(), Side()
        self.post: Callable[[FromEngine], None] = lambda message: None
        """Findings and figures go here; whoever looks later is told by `standing`."""
        self.on_event: Callable[[Happening], None] = lambda happening: None
        self.is_over = False
        self._known: dict[str, FromEngine] = {}
        self._later = later
        self._tape = tape
        self._problems = Problems(self._tell)
        self._book = Bookkeeper(settings, self._tell)
        for part in (self.log, self._problems, self._book):
            part.start_at(self.started_at)
        observers = Observers(self._observer_stopped)
        observers.add("event list", self.log.watch)
        observers.add("metrics", self._book.watch)
        observers.add("printed lines", lambda happening: self.on_event(happening))
        if tape is not None:
            observers.add("recording", tape.watch)
        self._observers = observers
        self._check = observers.guarded("problem checks", self._problems.watch)
        self._tick_checks = observers.guarded("problem checks", self._problems.tick)
        self._tick_metrics = observers.guarded("metrics", self._book.tick)
        if tape is not None and tape.sound is not None:
            self.you.on_heard, self.assistant.on_heard = tape.sent, tape.played
        self.picture.connecting(self.started_at)

    @property
    def standing(self) -> tuple[FromEngine, ...]:
        """What somebody who begins to look has to be told."""
        return tuple(self._known.values())

    def saw(self, direction: Direction, raw: bytes, came_at: float, passed_at: float, *, is_text: bool = True) -> None:
        """A message was passed on."""
        self.event_delays.add(passed_at - came_at)
        added = passed_at - came_at
        self._later.do(lambda: self._look(direction, raw, came_at, added, is_text=is_text), len(raw))

    def heard(self, direction: Direction, payload: bytes, came_at: float, passed_at: float) -> None:
        """An Opus packet was passed on."""
        self.audio_delays.add(passed_at - came_at)
        side = self.you if direction == "out" else self.assistant
        self._later.do(lambda: side.packet(payload, came_at), len(payload))

    def noted(self, kind: str, **facts: object) -> None:
        """Something about the tap itself, for the event list."""
        at = self.clock()
        self._later.do(lambda: self._watch(Happening(at, "local", {"type": kind, **facts})))

    def opened(self, name: str = "upstream") -> None:
        """Both lines are up."""
        now = self.clock()
        self.picture.reached(name, now - self.started_at, now)
        self.picture.opened(self.caller.transport, now)
        self.noted("tap.opened", transport=self.caller.transport, seconds=round(now - self.started_at, 4))

    def ended(self, by: str, why: str, **facts: object) -> None:
        """The call is over. Any number of times; the first one counts."""
        if self.is_over:
            return
        self.is_over = True
        told = self.reader.text(why)
        self.noted("tap.ended", by=by, reason=told, **facts, **self.delays())
        self._later.do(lambda: self._close("" if by == "client" else told))  # that a client ends its call is no news

    def closed(self, by: str, code: int, reason: str) -> None:
        """A close frame came; the other side's answer to it is news too, but ends nothing."""
        told = f"The {by} closed the WebSocket: {code}" + (f" ({reason})" if reason else "") + "."
        if self.is_over:
            self.noted("tap.closed", by=by, code=code, reason=self.reader.text(reason))
        self.ended(by, told, code=code)

    def refused(self, status: int, body: bytes) -> None:
        """The service said no to the call."""
        said = self.reader.event(body[:LONGEST_REFUSAL])
        error = said.get("error")
        message = error.get("message") if isinstance(error, Mapping) else ""
        told = f": {message}" if isinstance(message, str) and message else ""
        facts = {"error": error} if error else {}
        self.ended("upstream", f"The service refused the call with HTTP {status}{told}", status=status, **facts)

    def delays(self) -> dict[str, object]:
        """What the tap has added so far, in milliseconds."""
        told: dict[str, object] = {}
        for name, delays in (("events", self.event_delays), ("audio", self.audio_delays)):
            middle, most = delays.share(0.5), delays.share(0.95)
            if middle is not None and most is not None:
                told |= {f"{name}_added_ms": round(middle * 1000, 2), f"{name}_added_p95_ms": round(most * 1000, 2)}
        return told

    def tick(self, now: float) -> None:
        """Time has passed."""
        self.you.look(now)
        level = self.assistant.look(now)
        if not self.is_over:
            self.picture.sounds(level is not None, now)
            self._tick_checks(now)
        self._tick_metrics(now)

    def finish(self) -> None:
        """The tap itself ends."""
        self.ended("tap", "The tap was closed.")

    def replay(self, happenings: Sequence[Happening]) -> None:
        """What happened before the session and belongs to it, such as the request for its key."""
        for happening in happenings:
            self._watch(happening)

    def _close(self, why: str) -> None:
        now = self.clock()
        self.picture.ended(why, now)
        self._tick_checks(now)
        self._tick_metrics(now, last=True)
        if self._tape is not None:
            self._tape.end()

    def _look(self, direction: Direction, raw: bytes, at: float, added: float, *, is_text: bool) -> None:
        event = self.reader.event(raw, is_text=is_text)
        self._watch(Happening(at, direction, event, size=len(raw), added=added))
        if direction == "in":
            self.picture.server_said(raw, at)
        self._listen(direction, event, at)

    def _listen(self, direction: Direction, event: Mapping[str, Any], at: float) -> None:
        kind = event.get("type")
        if direction == "out":
            if kind == AUDIO_TYPES[0]:
                self.you.base64(event.get("audio"), at)
            elif kind in CUT:
                self.assistant.cut(at)
        elif kind in AUDIO_TYPES[1:]:
            self.assistant.base64(event.get("delta"), at)
        elif kind == "input_audio_buffer.speech_started" and self.caller.transport == "WebSocket":
            self.assistant.cut(at)
        elif kind in ("session.created", "session.updated") and isinstance(event.get("session"), Mapping):
            learn_formats(self.you, self.assistant, event["session"])

    def _watch(self, happening: Happening) -> None:
        if happening.dir == "local":
            self._observers(happening)
        else:
            self._observers(replace(happening, event=without_audio(happening.event)))
            self._check(happening, self.log.newest)

    def _observer_stopped(self, name: str) -> None:
        notice = f"The {name} stopped after an error; the call goes on."
        self.picture.noticed(notice, self.clock())
        self.noted("observer.stopped", message=notice)

    def _tell(self, message: FromEngine) -> None:
        match message:
            case Finding(id=id):
                self._known[id] = message
            case Numbers():
                self._known["numbers"] = message
            case _:
                pass
        self.post(message)
