"""The session: an inbox, a clock and one timer around the pure core.

`tell` may be called from any thread; everything else runs on the event loop. One event at a time: stamp it, step the
core, carry out the effects, then ask the core when it next wants to be woken.

Names for what happened on this side of the wire: `mic.closed`, `voice.began`, `line.opened` and their like.

They stand in the same list as wire events, so a reader of a log sees why the mic closed between two server events.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from typing import Any, get_args

import msgspec
from msgspec import structs

from voicechat.core import effects as do, events as on
from voicechat.core.effects import AudioEffect, Effect, ToolEffect, WireEffect
from voicechat.core.events import AnyEvent, ConnectWanted, EndAsked, Event, TimePassed
from voicechat.core.policy import TurnPolicy
from voicechat.core.remembering import begun
from voicechat.core.state import Choices, Turn, Wishes
from voicechat.core.step import next_deadline, overdue, step
from voicechat.engine.ports import AudioPort, Line, Secrets, Tell, ToolPort
from voicechat.errors import ConfigError, SignallingError, VoiceChatError
from voicechat.journal.entry import TRANSLATED
from voicechat.journal.observers import Observers
from voicechat.line import LineListener
from voicechat.protocol.codec import Decoded, decode_server, encode
from voicechat.protocol.dialects import DialectName
from voicechat.protocol.server_events import ServerEvent
from voicechat.protocol.wire import WireEvent, type_of
from voicechat.tasks import sentence, spawn

OpenLine = Callable[[do.Connect, LineListener, Tell], Awaitable[tuple[Line, on.LineOpened]]]
"""Opens a line for a connection and says what was opened; tells LineStep on the way. Raises VoiceChatError."""

FIRST_WORD_LIMIT = 5.0
"""A server that is still loading hears nothing, so the line counts as open once it has spoken (session.created), or
after so many seconds for services that never greet."""

MAX_EVENTS_BEFORE_OPEN = 5_000
"""Events that wait for the line to be open; a server that sends more loses the line."""
SLOW_FRAME = 0.05
"""Seconds; whoever waits for the session's thread for longer than this hears or sees it."""

AUDIO_EFFECTS = get_args(AudioEffect)
WIRE_EFFECTS = get_args(WireEffect)
TOOL_EFFECTS = get_args(ToolEffect)
MINE = ("mine",)
"""The tag of what the user sent by hand."""


class Performer:
    """Holds the one line and the one audio port, and carries out effects in order."""

    def __init__(
        self,
        audio: AudioPort,
        open_line: OpenLine,
        tell: Tell,
        note: Observers,
        clock: Callable[[], float],
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`wall`: seconds since 1970, in whose terms services say when a session ends."""
        self._audio = audio
        self._open_line = open_line
        self._tell = tell
        self._note = note
        self._clock = clock
        self._wall = wall
        self._line: Line | None = None
        self._listener: Listener | None = None
        self._number = 0
        self._opening: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self.dialect: DialectName = "ga"
        self.redact: Callable[[str], str] = lambda text: text
        """Takes secrets out of what a server says, before anybody sees it (some quote the key they refuse)."""
        self.tools: ToolPort | None = None
        self.secrets: Secrets | None = None
        """Fills in, on the way to the line alone, what the core and every log know by a stand-in."""
        self.on_line: Callable[[Line | None], None] = lambda line: None
        """Told whenever the line changes, so that the audio path can play it."""

    @property
    def line(self) -> Line | None:
        return self._line

    def perform(self, effect: Effect) -> None:
        if isinstance(effect, AUDIO_EFFECTS):
            self._audio.perform(effect)
        elif isinstance(effect, WIRE_EFFECTS):
            self._send(effect)
        elif isinstance(effect, do.Connect):
            self._connect(effect)
        elif isinstance(effect, do.HangUp):
            self._hang_up(tell_the_service=True)
        elif isinstance(effect, TOOL_EFFECTS) and self.tools is not None:
            self.tools.perform(effect)

    def _send(self, effect: WireEffect) -> None:
        event_id = effect.event_id or ""
        if isinstance(effect, do.SendByHand):
            self._send_text(effect.text, effect.type, event_id, MINE)
            return
        try:
            text = encode(effect, self.dialect)
        except VoiceChatError as error:
            self._refused(type_of(effect), error.message, event_id)
            return
        self._send_text(text, type_of(effect), event_id, MINE if event_id.startswith(do.BY_HAND) else ())

    def _send_text(self, text: str, kind: str, event_id: str, tags: tuple[str, ...]) -> None:
        sent = self.secrets.revealed(text) if self.secrets is not None else text
        reason = self._line.send(sent) if self._line else "not connected"
        if reason:
            self._refused(kind, reason, event_id)
            return
        if self._listener is not None and self._listener.translates:
            tags += TRANSLATED
        self._note(self._clock(), "out", msgspec.json.decode(text), size=len(text.encode()), tags=tags)

    def _refused(self, kind: str, reason: str, event_id: str) -> None:
        self._tell(on.SendRefused(self._number, kind, reason, event_id))

    def _connect(self, effect: do.Connect) -> None:
        # A line that went dead is not closed at the service, where it would count as a session for half a minute.
        self._hang_up(tell_the_service=True)
        self._number = effect.connection
        self._opening = spawn(self._open(effect), lambda error: self._opening_failed(effect.connection, error))

    async def _open(self, effect: do.Connect) -> None:
        number = effect.connection
        if self.secrets is not None:
            effect = structs.replace(effect, session=self.secrets.revealed_session(effect.session))
        listener = self._listener = Listener(number, self._tell, self._note, self._clock, self.redact)
        try:
            line, opened = await self._open_line(effect, listener, self._tell_if_current(number))
        except SignallingError as error:
            self._tell(
                on.LineFailed(
                    number,
                    self.redact(error.message),
                    hint=error.hint,
                    retryable=error.retryable,
                    status=error.status,
                    code=error.code,
                    retry_after=error.retry_after,
                )
            )
            return
        except VoiceChatError as error:
            code = "config" if isinstance(error, ConfigError) else "engine"
            self._tell(
                on.LineFailed(number, self.redact(error.message), hint=error.hint, retryable=error.retryable, code=code)
            )
            return
        if number != self._number:
            await line.close(hang_up=True)
            return
        self._line = line
        self.on_line(line)
        began = self._clock()
        await listener.first_word(FIRST_WORD_LIMIT)
        self._tell(on.LineStep(number, "session", self._clock() - began))
        self._tell(opened if opened.unix_time is not None else structs.replace(opened, unix_time=self._wall()))
        listener.release()

    def _opening_failed(self, number: int, error: Exception) -> None:
        """A defect of ours while the line opened: a sentence on the screen instead of `connecting` for ever."""
        traceback.print_exception(error, file=sys.stderr)
        if self._line is not None:
            self._tell(on.LineLost(number, f"an unexpected error: {self.redact(sentence(error))}"))
            return
        message = f"Connecting failed with an unexpected error: {self.redact(sentence(error))}"
        self._tell(on.LineFailed(number, message, hint="r tries again; `voicechat doctor` says more", code="engine"))

    def _tell_if_current(self, number: int) -> Tell:
        def tell(event: on.Event) -> None:
            if number == self._number:
                self._tell(event)

        return tell

    def _hang_up(self, *, tell_the_service: bool) -> None:
        self._number = -1
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        line, self._line = self._line, None
        if line is not None:
            self.on_line(None)
            task = spawn(line.close(hang_up=tell_the_service))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Hang up and wait until every line is closed."""
        self._hang_up(tell_the_service=True)
        if self._closing:
            await asyncio.wait(self._closing, timeout=1.0)


def decode_redacted(text: str, redact: Callable[[str], str]) -> Decoded[ServerEvent]:
    """The event, with `redact` applied to its text and to every decoded string: JSON may spell a secret with escapes
    (`\\u0073k-`, `\\/`), which only decoding reveals."""
    decoded = decode_server(redact(text))
    if "\\" not in text or decoded.raw is None:
        return decoded
    raw = _redacted(decoded.raw, redact)
    if raw == decoded.raw:
        return decoded
    clean = decode_server(msgspec.json.encode(raw))
    return structs.replace(clean, notes=decoded.notes, size=decoded.size)


def _redacted(value: Any, redact: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact(name): _redacted(inner, redact) for name, inner in value.items()}
    return [_redacted(inner, redact) for inner in value] if isinstance(value, list) else value


class Listener:
    """What a line reports, as events of its connection.

    The first messages may come before the line is known to be open; they wait, so that the core meets them in order.
    """

    def __init__(
        self, number: int, tell: Tell, note: Observers, clock: Callable[[], float], redact: Callable[[str], str]
    ) -> None:
        self._number = number
        self._tell = tell
        self._note = note
        self._clock = clock
        self._redact = redact
        self._waiting: list[Callable[[], None]] | None = []
        self.translates = False
        """The service speaks another protocol, and what is sent is shown by the line as it leaves."""
        self._spoke = asyncio.Event()

    async def first_word(self, limit: float) -> None:
        """Until the server said something, the line closed, or `limit` seconds passed."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._spoke.wait(), limit)

    def release(self) -> None:
        """The line is known to be open: everything that waited goes through now."""
        waiting, self._waiting = self._waiting, None
        for report in waiting or ():
            report()

    def on_text(self, text: str, *, translated: bool = False) -> None:
        if self._has_to_wait(lambda: self.on_text(text, translated=translated)):
            self._spoke.set()
            return
        began = self._clock()
        decoded = decode_redacted(text, self._redact)
        notes = decoded.notes
        if (took := self._clock() - began) > SLOW_FRAME:
            notes += (f"took {round(1000 * took)} ms to read",)
        shown = decoded.raw if decoded.raw is not None else {"type": "malformed", "reason": str(decoded.event)}
        self._tell(on.Received(self._number, decoded.event, notes, decoded.raw if translated else None))
        tags = TRANSLATED if translated else ()
        self._note(self._clock(), "in", shown, size=decoded.size, notes=notes, tags=tags)

    def on_received(self, text: str) -> None:
        """What really came, where it was translated: shown as it is, and told to nobody."""
        self.translates = True
        if self._has_to_wait(lambda: self.on_received(text)):
            return
        decoded = decode_redacted(text, self._redact)
        shown = decoded.raw if decoded.raw is not None else {"type": "malformed", "reason": str(decoded.event)}
        self._note(self._clock(), "in", shown, size=decoded.size)

    def _has_to_wait(self, report: Callable[[], None]) -> bool:
        """Whether the line is not known to be open yet; then `report` is kept until it is."""
        if self._waiting is None:
            return False
        if len(self._waiting) == MAX_EVENTS_BEFORE_OPEN:
            reason = f"more than {MAX_EVENTS_BEFORE_OPEN:,} events came before the connection was open"
            self._waiting.append(lambda: self._tell(on.LineLost(self._number, reason)))
        elif len(self._waiting) < MAX_EVENTS_BEFORE_OPEN:
            self._waiting.append(report)
        return True

    def on_closed(self, reason: str, code: str = "") -> None:
        if self._waiting is not None:
            self._waiting.append(lambda: self.on_closed(reason, code))
            self._spoke.set()
            return
        self._tell(on.LineLost(self._number, self._redact(reason), code))

    def on_emptied(self) -> None:
        self._tell(on.PlaybackEmptied(self._number))

    def on_played(self, item_id: str, seconds: float, at: float, moving: bool) -> None:
        self._tell(on.PlaybackMoved(self._number, item_id, seconds, at, moving))

    def on_sent(self, text: str) -> None:
        self._note(self._clock(), "out", msgspec.json.decode(text), size=len(text))

    def on_noted(self, text: str, code: str) -> None:
        self._tell(on.LineNoted(self._number, text, code))


PRIVATE = ("session", "definitions")
SHOWN_OTHERWISE = (
    on.RawEventEntered,
    on.ItemDeletionAsked,
    on.ItemTruncationAsked,
    on.ItemRetrievalAsked,
    on.ItemTextEntered,
    on.VolumeChosen,
    on.DeafenChosen,
    WireEvent,
)
"""What has its own form on the wire, or is seen in what it sets."""


def described(happening: AnyEvent | Effect) -> dict[str, Any] | None:
    """The local event of a core event or effect, by its tag; None for what is shown otherwise or says nothing new."""
    name = happening.__struct_config__.tag
    if name is None or isinstance(happening, SHOWN_OTHERWISE):
        return None
    details = structs.asdict(happening)
    return {"type": name} | {key: value for key, value in details.items() if key not in PRIVATE}


STUCK_WAIT = 1.0
"""Seconds until a deadline that has passed without effect is looked at again."""


class Session:
    """One conversation with one server, from the first connect to `end`."""

    def __init__(
        self,
        wishes: Wishes,
        choices: Choices,
        policy: TurnPolicy,
        *,
        audio: AudioPort,
        open_line: OpenLine,
        clock: Callable[[], float],
        note: Observers,
        turns: tuple[Turn, ...] = (),
    ) -> None:
        """`turns`: of an earlier talk, from which this one goes on."""
        self.state = begun(wishes, choices, turns)
        self.policy = policy
        self.clock = clock
        self.on_change: Callable[[], None] = lambda: None
        """Called on the loop after each step that changed the state."""
        self.record: Callable[[float, Event, tuple[Effect, ...]], None] | None = None
        """Told of each input of the core with its moment, and of what was decided, before it is carried out."""
        self._note = note
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        """When the timer runs out, on our clock: at the deadline or before it."""
        self._deadline = 0.0
        """As it was derived last; at that very moment some rules name their next one already."""
        self._is_closed = False
        self._stuck: tuple[str, ...] = ()
        """The rules whose deadline was last found to have passed without effect."""
        self._performer = Performer(audio, open_line, self.tell, note, clock)

    @property
    def performer(self) -> Performer:
        return self._performer

    def tell(self, event: Event) -> None:
        """Queue one event. Safe from any thread; order of one thread is kept."""
        self._loop.call_soon_threadsafe(self._handle, event)

    def start(self) -> None:
        self.tell(ConnectWanted())

    async def close(self) -> None:
        """R30: end the conversation, hang up, and wait until the line is down."""
        self._handle(EndAsked())
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        await self._performer.close()

    def _handle(self, event: Event) -> None:
        now = self.clock()
        before = self.state
        result = step(before, event, now, self.policy)
        self.state = result.state
        self._tell_of(event, now)
        if self.record is not None:
            self.record(now, event, result.effects)
        for announcement in result.announced:
            self._tell_of(announcement, now)
        self._performer.dialect = result.state.configuration.dialect
        for effect in result.effects:
            local = described(effect)
            if local is not None:
                self._note(now, "local", local)
            self._performer.perform(effect)
        if result.state is not before:
            self.on_change()
        has_changed = result.state is not before or bool(result.effects)
        self._arm(now, is_stuck=isinstance(event, TimePassed) and not has_changed)

    def _tell_of(self, event: AnyEvent, now: float) -> None:
        local = described(event)
        if local is not None:
            self._note(now, "local", local)

    def _arm(self, now: float, *, is_stuck: bool) -> None:
        """One timer, at the earliest deadline any rule derives from the facts. One that runs out before is kept: a
        deadline that moves with every delta costs no timer each. `is_stuck`: time passed and changed nothing, so a
        deadline that has passed would come again at once, without end."""
        deadline = None if self._is_closed else next_deadline(self.state, now, self.policy)
        if deadline is not None and is_stuck and deadline <= now:
            deadline = now + STUCK_WAIT
            self._note_stuck(now)
        if self._timer is not None and (deadline is None or deadline < self._timer_at):
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._deadline = deadline
            if self._timer is None:
                self._start_timer(now)

    def _start_timer(self, now: float) -> None:
        self._timer_at = self._deadline
        self._timer = self._loop.call_later(max(0.0, self._deadline - now), self._time_is_up)

    def _time_is_up(self) -> None:
        """The timer ran out: the deadline it was for may have moved since."""
        self._timer, now = None, self.clock()
        if now < self._deadline:
            self._start_timer(now)
        else:
            self._handle(TimePassed())

    def _note_stuck(self, now: float) -> None:
        """A defect of these rules, told once."""
        rules = overdue(self.state, now, self.policy)
        if rules != self._stuck:
            self._stuck = rules
            message = f"the deadline of {', '.join(rules)} has passed and changes nothing"
            self._note(now, "local", {"type": "engine.defect", "message": message})
