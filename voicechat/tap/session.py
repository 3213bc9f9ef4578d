"""One client's session with the service, as it is watched: its events, its conversation, its problems, its tape.

Everything here happens after a message was passed on (`DeferredWork`). `dir` is the client's: `out` is what it sends,
`in` what the service sends.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from voicechat.audio.blocks import to_float
from voicechat.audio.opus import SAMPLE_RATE, OpusDecoder, opus_is_available
from voicechat.audio.sound_format import HIGHEST_RATE, LOWEST_RATE, SoundDecoder, SoundFormat
from voicechat.config.settings import Settings
from voicechat.engine.eventlog import EventLog, elided
from voicechat.engine.figures import Bookkeeper
from voicechat.engine.link import FromEngine, Numbers
from voicechat.engine.problems import Problems
from voicechat.insight.records import Finding
from voicechat.journal.entry import TRANSLATED, Entry
from voicechat.journal.lines import AUDIO_TYPES, without_audio
from voicechat.journal.observers import Observer, Observers
from voicechat.journal.recorder import Recorder, TapeWish
from voicechat.journal.redact import concealer
from voicechat.journal.sound_file import SoundFile
from voicechat.protocol.live import Json, LiveSession
from voicechat.protocol.session_dialects import get_path, session_to_ga
from voicechat.tap.model import TappedConversation

if TYPE_CHECKING:
    from voicechat.engine.otlp import OtlpExporter

PORTION = 0.001
"""Seconds of work at a time."""
MOST_BYTES = 64 * 1024 * 1024
"""Of messages that wait to be looked at; what comes beyond it is passed on and counted, and not shown."""


class DeferredWork:
    """Does things in order, soon. Event loop only.

    Work that may wait: what the tap makes of what it has passed on.

    Showing an event costs more than passing it on. So it is done afterwards, in portions of a millisecond between which
    the loop serves whatever has come in: a flood of events is shown late, and relayed at once.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()
        self._bytes = 0
        self._is_working = False
        self.skipped = 0
        """Messages that were not looked at."""

    def do(self, work: Callable[[], None], size: int = 0) -> None:
        """Have it done after everything that waits; `size` is what it keeps in memory until then."""
        if self._bytes + size > MOST_BYTES and size:
            self.skipped += 1
            return
        self._waiting.append((size, work))
        self._bytes += size
        if not self._is_working:
            self._is_working = True
            asyncio.get_running_loop().call_soon(self._work)

    def finish(self) -> None:
        """Do all of it now."""
        while self._waiting:
            self._next()

    def _work(self) -> None:
        self._is_working = False
        until = self._clock() + PORTION
        while self._waiting:
            self._next()
            if self._waiting and self._clock() >= until:
                self._is_working = True
                # Not call_soon: a selector with nothing but ready callbacks still looks at its sockets, and every
                # socket that is ready goes first.
                asyncio.get_running_loop().call_soon(self._work)
                return

    def _next(self) -> None:
        size, work = self._waiting.popleft()
        self._bytes -= size
        try:
            work()
        except BaseException:
            if self._waiting and not self._is_working:
                self._is_working = True
                asyncio.get_running_loop().call_soon(self._work)
            raise


class SessionTape:
    """Begins with the session. Raises TapeError where no tape can be made.

    The tape of one tapped session: what flowed and how it sounded. The core made no decisions, so it holds none.
    """

    def __init__(
        self,
        root: Path,
        about: dict[str, object],
        *,
        wish: TapeWish,
        started_at: float,
        clock: Callable[[], float],
        hidden: Callable[[], Sequence[str]],
        on_stop: Callable[[str], None],
    ) -> None:
        began = datetime.now().astimezone() - timedelta(seconds=clock() - started_at)
        self._recorder: Recorder | None = Recorder(
            root,
            None,
            about,
            started_at=started_at,
            clock=clock,
            now=began,
            on_stop=on_stop,
            wish=wish,
            hidden=hidden,
        )
        self.folder = self._recorder.folder
        self._ending: threading.Thread | None = None

    @property
    def sound(self) -> SoundFile | None:
        """Where sound goes, if it is recorded."""
        return self._recorder.sound if self._recorder is not None else None

    def watch(self, entry: Entry) -> None:
        if self._recorder is not None:
            self._recorder.watch(entry)

    def sent(self, at: float, pcm: NDArray[np.int16]) -> None:
        """The client's sound, mono, 48 kHz."""
        if (sound := self.sound) is not None:
            sound.sent(at, pcm)

    def played(self, at: float, pcm: NDArray[np.int16]) -> None:
        """The service's sound, mono, 48 kHz."""
        if (sound := self.sound) is not None:
            sound.played(at, to_float(pcm))

    def end(self) -> None:
        """Nothing is taken afterwards. The rest is written by a thread of its own: a slow disk may not delay whoever
        else is being tapped."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            self._ending = threading.Thread(target=recorder.close, name="tape-end")
            self._ending.start()

    def wait(self, seconds: float) -> None:
        """Until the tape is whole, if it is by then."""
        if self._ending is not None:
            self._ending.join(seconds)


LOUD = -50.0
"""dBFS from which something is said."""
SILENT = -99.0
SHOWN_FOR = 0.25
"""Seconds for which a level stays without new sound."""
PIECE = SAMPLE_RATE // 50
"""Samples that are measured at once: 20 ms."""
MOST_PIECES = 50 * 600
"""Ten minutes of an answer that waits to be played."""
Pcm = NDArray[np.int16]


class Side:
    """One side of a call. Times are seconds on the tap's clock, samples mono at 48 kHz.

    The sound of the two sides, out of what passes by: how loud it is now, and when which samples are heard.

    Over WebRTC a packet is heard when it comes. Over WebSocket a service sends its answer faster than it is spoken;
    nobody but the client knows what it plays, so the pieces are taken to be played one after the other, until it cuts
    them off.
    """

    def __init__(self) -> None:
        self._ahead: deque[tuple[float, Pcm]] = deque(maxlen=MOST_PIECES)
        self._until = 0.0
        self._level, self._level_at = SILENT, -math.inf
        self._opus: OpusDecoder | None = None
        self._decoder = SoundDecoder(SoundFormat())
        self.on_heard: Callable[[float, Pcm], None] = lambda at, pcm: None
        """Gets every piece at its moment."""

    def packet(self, payload: bytes, at: float) -> None:
        """An Opus packet passed."""
        if self._opus is None:
            if opus_is_available():
                return
            self._opus = OpusDecoder()
        pcm = self._opus.decode(payload)
        if pcm.size:
            self._heard(at, pcm)

    def base64(self, text: object, at: float) -> None:
        """A piece of sound in an event came; it is heard after the one before it."""
        try:
            data = base64.b64decode(text) if isinstance(text, str) else b""
        except (binascii.Error, ValueError):
            return
        pcm, begins = self._decoder.decode(data), max(at, self._until)
        for start in range(0, len(pcm), PIECE):
            self._ahead.append((begins + start / SAMPLE_RATE, pcm[start : start + PIECE]))
        self._until = begins + len(pcm) / SAMPLE_RATE

    def cut(self, now: float) -> None:
        """What was to be played is not played any more."""
        self.look(now)
        self._ahead.clear()
        self._until = now

    def look(self, now: float) -> float | None:
        """The level now, dBFS; None while nothing sounds."""
        while self._ahead and self._ahead[0][0] <= now:
            self._heard(*self._ahead.popleft())
        return self._level if self._level > SILENT and now - self._level_at <= SHOWN_FOR else None

    def use(self, form: SoundFormat) -> None:
        """What comes from now on has this format."""
        if form != self._decoder.form:
            self._decoder = SoundDecoder(form)

    def _heard(self, at: float, pcm: Pcm) -> None:
        self._level, self._level_at = decibels(pcm), at
        self.on_heard(at, pcm)


def learn_formats(you: Side, assistant: Side, session: Mapping[str, Any]) -> None:
    """Take over the formats that a session has in force."""
    whole = session_to_ga(dict(session)).session
    if (form := _format(get_path(whole, ("audio", "format")))) is not None:  # GPT-Live: one for both
        you.use(form)
        assistant.use(form)
    for side, name in ((you, "input"), (assistant, "output")):
        if (form := _format(get_path(whole, ("audio", name, "format")))) is not None:
            side.use(form)


def _format(told: object) -> SoundFormat | None:
    if not isinstance(told, Mapping):
        return None
    rate = told.get("rate")
    match told.get("type"):
        case "audio/pcm":
            return SoundFormat(
                "pcm16", rate if isinstance(rate, int) and LOWEST_RATE <= rate <= HIGHEST_RATE else 24_000
            )
        case "audio/pcmu":
            return SoundFormat("pcmu")
        case "audio/pcma":
            return SoundFormat("pcma")
        case _:
            return None


def decibels(pcm: Pcm) -> float:
    """Root mean square, dBFS."""
    energy = float(np.mean(np.square(pcm.astype(np.float32) / 32768.0))) if pcm.size else 0.0
    return round(10 * math.log10(energy), 1) if energy > 1e-10 else SILENT


LARGE = 65_536
"""Bytes from which strings are shortened before anything is searched in them."""
HIDDEN = "[hidden]"
_PRIVATE = frozenset("client_secret authorization api_key apikey access_token headers".split())
"""Fields whose value is nobody's business, wherever they stand (an MCP tool has `authorization` and `headers`)."""
_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


class Reader:
    """Reads messages of one session, whose secrets it knows.

    Messages of a client and its service, as events to be shown: decoded, without secrets, never raising.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self.secrets = list(secrets)
        self._conceal: Callable[[bytes], bytes] = concealer(lambda: self.secrets)

    def event(self, raw: bytes, *, is_text: bool = True) -> dict[str, Any]:
        """The event of one message. What is no JSON object becomes one that says so (`malformed`)."""
        try:
            event = _decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return self._odd(raw, f"no JSON: {error}" if is_text else "binary")
        if not isinstance(event, dict):
            return self._odd(raw, "no JSON object")
        return event if event.get("type") in AUDIO_TYPES else self.concealed(event, len(raw))

    def concealed(self, event: Mapping[str, Any], size: int = 0) -> dict[str, Any]:
        """The event without secrets, whatever their names are."""
        kept = elided(event, is_audio=False) if size > LARGE else event
        without: dict[str, Any] = _decoder.decode(self._conceal(_encoder.encode(_without(kept, 0))))
        return without

    def text(self, said: str) -> str:
        """A text of the other side without secrets."""
        return self._conceal(said.encode("utf-8", "replace")).decode("utf-8", "replace")

    def _odd(self, raw: bytes, reason: str) -> dict[str, Any]:
        return {"type": "malformed", "reason": reason, "bytes": len(raw), "begins": self.text(repr(raw[:80]))}


def _without(value: Any, depth: int) -> Any:
    if depth > 60:
        return "<deeper>"
    if isinstance(value, Mapping):
        return {
            name: _hidden(inner) if isinstance(name, str) and name.lower() in _PRIVATE else _without(inner, depth + 1)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_without(one, depth + 1) for one in value]
    return value


def _hidden(value: Any) -> Any:
    """As little as shows that there was something."""
    if isinstance(value, Mapping):
        return dict.fromkeys(value, HIDDEN)
    return value if value is None else HIDDEN


KEPT = 2_000


@dataclass
class Delays:
    """The newest delays of one kind.

    What the tap costs: seconds between the arrival of something and the moment it was passed on.
    """

    newest: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))
    count: int = 0

    def add(self, seconds: float) -> None:
        """One more, in seconds."""
        self.newest.append(seconds)
        self.count += 1

    def share(self, part: float) -> float | None:
        """The delay that this share (0 to 1) of the newest does not exceed, seconds; None before the first."""
        if not self.newest:
            return None
        ordered = sorted(self.newest)
        return ordered[min(len(ordered) - 1, round(part * (len(ordered) - 1)))]

    def words(self) -> str:
        """`0.3 ms (p95 0.9)`; empty before the first."""
        middle, most = self.share(0.5), self.share(0.95)
        return "" if middle is None or most is None else f"{middle * 1000:.1f} ms (p95 {most * 1000:.1f})"


Direction = Literal["in", "out"]
Transport = Literal["WebRTC", "WebSocket"]
MICROPHONE = ("input_audio_buffer.append", "session.input_audio_buffer.append", "session.input_audio.append")
SESSION_TOLD = ("session.created", "session.started", "session.updated")
CUT = ("response.cancel", "output_audio_buffer.clear", "conversation.item.truncate")
"""What a client says when it stops an answer."""

LONGEST_REFUSAL = 65_536
LIVE_PATH = "/live/sessions"
"""In the path of every GPT-Live session."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who called, in words that may be shown."""

    number: int
    transport: Transport
    path: str
    agent: str = ""
    secrets: tuple[str, ...] = ()


def _as_it_came(watch: Observer) -> Observer:
    """An observer of what was really said, without the turns that were made of it."""

    def observe(entry: Entry) -> None:
        if "translated" not in entry.tags:
            watch(entry)

    return observe


class Session:
    """`saw` what passes, `ended` at the end. Event loop only; times are on the tap's clock."""

    def __init__(
        self,
        caller: Caller,
        provider: str,
        settings: Settings,
        *,
        later: DeferredWork,
        clock: Callable[[], float],
        tape: SessionTape | None = None,
        exporter: OtlpExporter | None = None,
    ) -> None:
        self.caller = caller
        self.clock = clock
        self.started_at = clock()
        self.model = TappedConversation(provider)
        self.reader = Reader(caller.secrets)
        self.log = EventLog()
        self.event_delays, self.audio_delays = Delays(), Delays()
        self.you, self.assistant = Side(), Side()
        self._live: LiveSession | None = None
        """Makes turns of a GPT-Live session, which has none."""
        if LIVE_PATH in caller.path:
            self._live = LiveSession("webrtc" if caller.transport == "WebRTC" else "websocket")
        self.post: Callable[[FromEngine], None] = lambda message: None
        """Findings and figures go here; whoever looks later is told by `standing`."""
        self.on_event: Observer = lambda entry: None
        self.is_over = False
        self._known: dict[str, FromEngine] = {}
        self._later = later
        self._tape = tape
        self._problems = Problems(self._tell, self.started_at)
        self._book = Bookkeeper(settings, self._tell, started_at=self.started_at)
        observers = Observers(self._observer_stopped, self.started_at)
        observers.add("event list", self.log.watch)
        observers.add("metrics", self._book.watch)
        observers.add("printed lines", _as_it_came(lambda entry: self.on_event(entry)))
        if tape is not None:
            observers.add("recording", _as_it_came(tape.watch))
        self._observers = observers
        trace = None if exporter is None else exporter.trace
        self._trace = trace(observers, self._problems, "tap", provider, self.started_at) if trace is not None else None
        self._check = observers.guarded("problem checks", self._problems.watch)
        self._tick_checks = observers.guarded("problem checks", self._problems.tick)
        self._tick_metrics = observers.guarded("metrics", self._book.tick)
        if tape is not None and tape.sound is not None:
            self.you.on_heard, self.assistant.on_heard = tape.sent, tape.played
        self.model.connecting(self.started_at)

    @property
    def standing(self) -> tuple[FromEngine, ...]:
        """What somebody who begins to look has to be told."""
        return tuple(self._known.values())

    def saw(self, direction: Direction, raw: bytes, came_at: float, passed_at: float, *, is_text: bool = True) -> None:
        """A message was passed on."""
        added = passed_at - came_at if passed_at > came_at else None
        if added is not None:  # nothing is passed on where a call is only looked into
            self.event_delays.add(added)
        self._later.do(lambda: self._look(direction, raw, came_at, added, is_text=is_text), len(raw))

    def heard(self, direction: Direction, payload: bytes, came_at: float, passed_at: float) -> None:
        """An Opus packet was passed on."""
        self.audio_delays.add(passed_at - came_at)
        side = self.you if direction == "out" else self.assistant
        self._later.do(lambda: side.packet(payload, came_at), len(payload))

    def noted(self, kind: str, **facts: object) -> None:
        """Something about the tap itself, for the event list."""
        at = self.clock()
        self._later.do(lambda: self._observers(at, "local", {"type": kind, **facts}))

    def noticed(self, notice: str, kind: str = "otlp.failed") -> None:
        """A sentence about the tap itself, for the transcript and the event list."""
        self.model.noticed(notice, self.clock())
        self.noted(kind, message=notice)

    def opened(self, name: str = "upstream") -> None:
        """Both lines are up."""
        now = self.clock()
        self.model.reached(name, now - self.started_at, now)
        self.model.opened(self.caller.transport, now)
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
            self.model.sounds(level is not None, now)
            self.model.passed(now)
            self._tick_checks(now)
        self._tick_metrics(now)
        if (live := self._live) is not None and not self.is_over:
            self._later.do(lambda: self._tell_turns(live.passed(now), now))
        if self._trace is not None and not self.is_over:
            self._trace.tick(now)

    def finish(self) -> None:
        """The tap itself ends."""
        self.ended("tap", "The tap was closed.")

    def replay(self, events: Sequence[tuple[float, dict[str, Any]]]) -> None:
        """What happened before the session and belongs to it, such as the request for its key, each with its time."""
        for at, event in events:
            self._observers(at, "local", event)

    def _close(self, why: str) -> None:
        now = self.clock()
        self.model.ended(why, now)
        self._tick_checks(now)
        self._tick_metrics(now, last=True)
        if self._trace is not None:
            self._trace.end(now)
        if self._tape is not None:
            self._tape.end()

    def _look(self, direction: Direction, raw: bytes, at: float, added: float | None, *, is_text: bool) -> None:
        event = self.reader.event(raw, is_text=is_text)
        self._observers(at, direction, without_audio(event), size=len(raw), added=added)
        self._check(Entry(self.log.newest, round(at - self.started_at, 6), direction, event))
        if direction == "in":
            if self._live is None:
                self.model.server_said(raw, at)
            else:
                self._tell_turns(self._live.received(event, at), at)
        self._listen(direction, event, at)

    def _tell_turns(self, made: Sequence[Json], at: float) -> None:
        """The conversation and the metrics hear of a GPT-Live session in turns."""
        for event in made:
            raw = _encoder.encode(event)
            self._observers(at, "in", without_audio(event), size=len(raw), tags=TRANSLATED)
            self.model.server_said(raw, at)

    def _listen(self, direction: Direction, event: Mapping[str, Any], at: float) -> None:
        kind = event.get("type")
        if direction == "out":
            if kind in MICROPHONE:
                self.you.base64(event.get("audio"), at)
            elif kind in CUT:
                self.assistant.cut(at)
        elif kind in MICROPHONE:  # a sideband is shown the caller's sound
            self.you.base64(event.get("audio"), at)
        elif kind in AUDIO_TYPES:
            self.assistant.base64(event.get("delta"), at)
        elif kind == "input_audio_buffer.speech_started" and self.caller.transport == "WebSocket":
            self.assistant.cut(at)
        elif kind in SESSION_TOLD and isinstance(event.get("session"), Mapping):
            learn_formats(self.you, self.assistant, event["session"])

    def _observer_stopped(self, name: str) -> None:
        self.noticed(f"The {name} stopped after an error; the call goes on.", "observer.stopped")

    def _tell(self, message: FromEngine) -> None:
        match message:
            case Finding(id=id):
                self._known[id] = message
            case Numbers():
                self._known["numbers"] = message
            case _:
                pass
        self.post(message)
