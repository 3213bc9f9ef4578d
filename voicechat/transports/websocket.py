"""The line over WebSocket: events and sound in one ordered stream.

The service sends an answer much faster than it is spoken and only we know what was played, so the line keeps a queue
with a clock for each item. A `WebSocketLine` carries one session at a time and may be opened again after `close()`.
Four tasks serve it: a reader, a writer, the microphone, and a watch that notices a dead line by missing pongs (R27).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
import time
import traceback
from collections.abc import Callable, Coroutine, Sequence

import aiohttp
import numpy as np
from numpy.typing import NDArray

from voicechat.audio.blocks import FRAME
from voicechat.audio.send_pace import Uplink, Waiting
from voicechat.audio.sound_format import SoundFormat
from voicechat.audio.stream_queue import Emptied, Mark, Played, StreamQueue
from voicechat.errors import SignallingError
from voicechat.line import JitterStats, LineListener, LineStats
from voicechat.tasks import sentence, spawn
from voicechat.transports.line_codec import line_codec
from voicechat.transports.microphone import EVENT_ID, Microphone, Outbox
from voicechat.transports.refusals import Closing, closing, unreachable
from voicechat.transports.spoken_answers import InForce, SaidError, SpokenAnswers, silence
from voicechat.transports.target import LineOpened, LineTarget, secrets_of, without_secrets
from voicechat.transports.upgrade import LARGEST_MESSAGE, Upgraded, address, upgrade

EVERY = 0.4
"""Seconds between pings: with the patience it makes R27's second and a half, and costs 20 bytes each."""
PATIENCE = 1.0
LARGEST_PATIENCE = 5.0
LOOK_EVERY = 0.1
_OWN_STALL = 0.25
"""Seconds by which a look may come late before our own machine counts as what stood still."""
_MOST_UNANSWERED = 32
_SMOOTHING = 0.25


class Pulse:
    """Facts about pings, and what follows from them.

    Whether the other end of a WebSocket is still there, and how far away it is: pings and the patience with their echo.

    A dead network says nothing, and TCP alone would notice after a quarter of an hour. A ping leaves every 0.4 s;
    when one waits for a second and nothing else came either, the line is dead: noticed after 1.4 s at most (R27 wants
    1.5). A service may be slow without being dead, so whoever once took long to answer is waited for twice as long,
    and who never answered a ping cannot be judged by them. Pure: the time is passed in, in seconds.
    """

    def __init__(self, now: float) -> None:
        self.rtt: float | None = None
        """Seconds there and back, smoothed; None before the first answer."""
        self._patience = PATIENCE
        self._heard_at = now
        self._sent: dict[bytes, float] = {}
        self._count = 0
        self._next_at = now
        self._looked_at = now

    def heard(self, at: float) -> None:
        """Something came from the other end."""
        self._heard_at = max(self._heard_at, at)

    def pinged(self, now: float) -> bytes:
        """A ping leaves now; returns what it carries."""
        self._count += 1
        token = b"%d" % self._count
        if len(self._sent) < _MOST_UNANSWERED:
            self._sent[token] = now
        self._next_at = now + EVERY
        return token

    def ponged(self, token: bytes, now: float) -> None:
        """Its echo came. Answers to older pings are answered with it, as the standard allows."""
        self.heard(now)
        sent_at = self._sent.get(token)
        if sent_at is None:
            return
        for older in [one for one, at in self._sent.items() if at <= sent_at]:
            del self._sent[older]
        took = now - sent_at
        self.rtt = took if self.rtt is None else self.rtt + (took - self.rtt) * _SMOOTHING
        if took > self._patience / 2:
            self._patience = min(2.0 * took, LARGEST_PATIENCE)

    def look(self, now: float) -> None:
        """Call it every `LOOK_EVERY`.

        If this process itself stood still (a sleeping machine), that silence is not held against the other end:
        everything counts as sent now.
        """
        late = now - self._looked_at - LOOK_EVERY
        self._looked_at = now
        if late > _OWN_STALL:
            self._sent = dict.fromkeys(self._sent, now)

    def ping_is_due(self, now: float) -> bool:
        """Whether the next one should leave."""
        return now >= self._next_at

    def dead_since(self, now: float) -> float | None:
        """Seconds without a sign of life when that is too long; None while it is not."""
        if self.rtt is None or not self._sent:
            return None
        unanswered = next(iter(self._sent.values()))
        quiet = now - max(unanswered, self._heard_at)
        return now - self._heard_at if quiet >= self._patience else None


_LAST_WORD = 0.5
"""Seconds between an error as first word and the close that makes it a refusal."""
_CLOSES_UPON = 2.0
"""Seconds after an `error` event within which a close is taken for its consequence."""
_SEND_OFF = 0.3
"""Seconds to write what still waits when the user hangs up."""
_FORMAT_ANSWER = 2.0
"""Seconds to wait for `session.updated` after a format was asked for."""
_ASKS_FORMAT = re.compile(r'"(transcription_)?session\.update"')


class WebSocketLine:
    """The session's line over WebSocket. `pull` and `flush` may come from the audio thread, the rest from the loop."""

    def __init__(
        self,
        *,
        uplink: Uplink,
        heard: LineListener,
        waiting: Waiting = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._uplink = uplink
        self._waiting = waiting
        self._heard = heard
        self._clock = clock
        self._open: _Session | None = None

    async def open(self, target: LineTarget) -> LineOpened:
        """Connect; returns when the service has greeted. Raises SignallingError, with nothing left open."""
        await self.close(hang_up=False)
        began = self._clock()
        host = address(target)[0].split("/")[2]
        try:
            async with asyncio.timeout(target.connect_timeout):
                socket = await upgrade(target)
        except TimeoutError as error:
            raise unreachable(host, error, target.connect_timeout) from error
        upgraded = self._clock()
        session = self._open = _Session(socket, target, self._uplink, self._waiting, self._heard, self._clock)
        try:
            await session.greet(host)
        except BaseException:
            await self.close(hang_up=False)
            raise
        return LineOpened(call_id="", steps=(("signalling", upgraded - began), ("greeting", self._clock() - upgraded)))

    def send(self, text: str) -> str:
        """Queue one client event; returns why it could not be sent, or an empty string."""
        return self._open.send(text) if self._open is not None else "the connection is not open"

    def pull(self, now: float, samples: int = FRAME) -> NDArray[np.int16]:
        """The next `samples` of the assistant, mono, 48 kHz; silence while not connected."""
        session = self._open
        return session.queue.pull(now, samples) if session is not None else silence(samples)

    @property
    def newest(self) -> int:
        """The number of the newest answer on this connection; 0 while none is open."""
        session = self._open
        return session.queue.newest if session is not None else 0

    def flush(self, through: int | None = None) -> None:
        """Drop what waits to be played and what still comes of answers up to `through`. Safe from any thread."""
        if (session := self._open) is not None:
            session.queue.flush(through)

    def stats(self) -> LineStats:
        """How the line is doing; zeros while none is open."""
        return self._open.stats() if self._open is not None else LineStats()

    async def close(self, *, hang_up: bool) -> None:
        """End the session; with `hang_up` what still waits is written first. Any number of times; nothing is reported
        for it."""
        session, self._open = self._open, None
        if session is not None:
            await session.close(hang_up=hang_up)


class _Session:
    """One open WebSocket and the tasks that serve it."""

    def __init__(
        self,
        socket: Upgraded,
        target: LineTarget,
        uplink: Uplink,
        waiting: Waiting,
        heard: LineListener,
        clock: Callable[[], float],
    ) -> None:
        self._socket = socket
        self._secrets = secrets_of(target)
        self._heard = heard
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._is_reporting = True
        self._said = SaidError()
        self._said_at = 0.0
        self._received = 0
        self._last_at: float | None = None
        self._ended: asyncio.Future[Closing] = self._loop.create_future()
        self._greeted = asyncio.Event()
        self._has_opened = False
        self._pulse = Pulse(clock())
        self._outbox = Outbox()
        self.queue = StreamQueue(self._mark)
        self._answers = SpokenAnswers(self.queue, SoundFormat(*target.output_format), self._note)
        self._answers.on_session = self._session_said
        self._codec = line_codec("websocket", target, heard, clock)
        self._in_order = asyncio.Lock()
        self._answers.on_error = self._error_said
        self._microphone = Microphone(
            uplink,
            waiting,
            self._outbox,
            chunk=target.chunk,
            form=SoundFormat(*target.input_format),
            clock=clock,
            show=lambda text: self._report(lambda: heard.on_sent(text)),
            note=self._note,
            event=self._codec.append,
        )
        self._pinging: asyncio.Task[object] | None = None
        self._talking: asyncio.Task[object] | None = None
        self._serving = [self._task(one) for one in (self._read(), self._outbox.write(socket.socket), self._watch())]

    async def greet(self, host: str) -> None:
        """Until the service said something. Raises SignallingError if it closes instead, or closes upon an error."""
        codec = self._codec
        if opening := codec.opening():
            self._outbox.put(opening)
        await self._wait(codec.patience)
        if codec.is_settled or not self._ended.done():
            codec.check_started(host, codec.patience)
        if self._said.message or self._said.code or self._said.type:
            self._greeted.clear()
            await self._wait(_LAST_WORD)
        if self._ended.done():
            raise _refused(host, self._ended.result(), self._said)
        self._has_opened = True
        self._talking = self._task(self._microphone.run())

    async def _wait(self, limit: float) -> None:
        """Until something is said or the end, `limit` seconds at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await self._greeted.wait()

    def send(self, text: str) -> str:
        if self._ended.done() or not self._is_reporting:
            return "the connection is not open"
        if not self._codec.streams and _ASKS_FORMAT.search(text) and "format" in text:
            self._microphone.hold(_FORMAT_ANSWER)
        else:
            self._microphone.send_part()
        leaving, events = self._codec.write(text)
        for event in events:
            # Behind what is being decided now: its consequences must not overtake it.
            self._loop.call_soon(self._tell, event)
        return next((reason for one in leaving if (reason := self._outbox.put(one))), "")

    def _tell(self, event: str) -> None:
        self._report(lambda: self._heard.on_text(event, translated=self._codec.translates))

    def stats(self) -> LineStats:
        queued = self.queue.queued
        return LineStats(
            rtt=self._pulse.rtt,
            buffer=queued,
            codec=self._answers.form.name,
            bytes_sent=self._outbox.bytes_sent,
            bytes_received=self._received,
            last_packet_at=self._last_at,
            receive=JitterStats(depth=queued),
        )

    async def close(self, *, hang_up: bool) -> None:
        if hang_up and not self._ended.done() and (goodbye := self._codec.goodbye()):
            self._microphone.send_part()
            self._outbox.put(goodbye)
        self._is_reporting = False
        if hang_up and not self._ended.done():
            await self._outbox.emptied(_SEND_OFF)
        tasks = [task for task in (*self._serving, self._pinging, self._talking) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._socket.close()

    async def _read(self) -> None:
        socket = self._socket.socket
        while True:
            message = await socket.receive()
            now = self._last_at = self._clock()
            match message.type:
                case aiohttp.WSMsgType.TEXT | aiohttp.WSMsgType.BINARY:
                    self._pulse.heard(now)
                    await self._take(message.data)
                case aiohttp.WSMsgType.PING:
                    self._pulse.heard(now)
                    with contextlib.suppress(aiohttp.ClientError, OSError):
                        await socket.pong(message.data)
                case aiohttp.WSMsgType.PONG:
                    self._pulse.ponged(bytes(message.data), now)
                case _:
                    self._end(self._why(message))
                    return

    async def _take(self, data: str | bytes) -> None:
        """Sound first: it is wanted at once, and what the session makes of the event may be to flush it."""
        text = data if isinstance(data, str) else data.decode("utf-8", "replace")
        self._received += len(data)
        await self._take_events(self._codec.read(text))
        if self._codec.is_settled:
            self._greeted.set()
        if self._codec.end is not None:
            self._end(_closed(self._codec.end))

    async def _take_events(self, events: Sequence[str]) -> None:
        async with self._in_order:  # a long piece of sound is decoded bit by bit, and its end must not overtake it
            for event in events:
                await self._answers.read(event)
                self._tell(event)

    async def _watch(self) -> None:
        """Ping, and end the line when nothing comes back."""
        pulse, socket = self._pulse, self._socket.socket
        while True:
            now = self._clock()
            await self._take_events(self._codec.passed())
            pulse.look(now)
            if (quiet := self._socket.quiet_for()) is not None and pulse.rtt is not None:
                pulse.heard(now - quiet)
            if (silent := pulse.dead_since(now)) is not None:
                self._end(Closing(f"nothing came from the service for {silent:.1f} s", "line_lost", "", True))
                return
            if pulse.ping_is_due(now) and (self._pinging is None or self._pinging.done()):
                # A socket that is full takes no ping either; not waiting for it keeps this watch awake.
                self._pinging = self._task(_ping(socket, pulse.pinged(now)))
            await asyncio.sleep(LOOK_EVERY)

    def _why(self, message: aiohttp.WSMessage) -> Closing:
        socket = self._socket.socket
        if message.type is aiohttp.WSMsgType.ERROR and socket.close_code == 1009:
            most = f"{LARGEST_MESSAGE // 2**20} MiB"
            return Closing(f"the service sent a message of more than {most}", "message_too_large", "", False)
        if self._codec.end is not None:
            return _closed(self._codec.end)
        if message.type is aiohttp.WSMsgType.ERROR and isinstance(message.data, aiohttp.WebSocketError):
            return Closing("the service sent what is no WebSocket message", "broken_message", "", True)
        reason = message.extra if message.type is aiohttp.WSMsgType.CLOSE and isinstance(message.extra, str) else ""
        is_recent = self._clock() - self._said_at < _CLOSES_UPON
        said = (self._said.code or self._said.type or "") if is_recent else ""
        words = (self._said.message or "") if is_recent else ""
        return closing(socket.close_code, reason, said=said, said_words=words, secrets=self._secrets)

    def _end(self, why: Closing) -> None:
        if self._ended.done():
            return
        self._ended.set_result(why)
        self._greeted.set()
        if self._talking is not None:
            self._talking.cancel()
        if self._has_opened:
            self._report(lambda: self._heard.on_closed(why.reason, why.code))

    def _failed(self, error: Exception) -> None:
        """Something that serves the line raised what it should not: the line is lost, and a new one may work."""
        traceback.print_exception(error, file=sys.stderr)
        self._end(
            Closing(f"an unexpected error: {without_secrets(sentence(error), self._secrets)}", "line_lost", "", True)
        )

    def _session_said(self, now: InForce) -> None:
        self._said = SaidError()
        self._microphone.use(now.input or self._microphone.form)
        if now.turns_are_ours is not None and not self._codec.streams:
            self._microphone.turns_are_ours = now.turns_are_ours

    def _error_said(self, error: SaidError) -> None:
        self._said, self._said_at = error, self._clock()
        if (error.event_id or "").startswith(EVENT_ID):
            self._microphone.refused(error.message or error.code or "it does not say why")
        else:
            self._microphone.go_on()

    def _note(self, text: str, code: str) -> None:
        self._report(lambda: self._heard.on_noted(text, code))

    def _mark(self, mark: Mark) -> None:
        """From the audio thread: what the queue has to say goes to the loop."""
        with contextlib.suppress(RuntimeError):  # the loop is gone, and so is whoever wanted to know
            self._loop.call_soon_threadsafe(self._pass_on, mark)

    def _pass_on(self, mark: Mark) -> None:
        match mark:
            case Played(item_id, seconds, at, moving):
                self._report(lambda: self._heard.on_played(item_id, seconds, at, moving))
            case Emptied() if not self.queue.queued:
                self._report(self._heard.on_emptied)

    def _report(self, report: Callable[[], None]) -> None:
        if self._is_reporting:
            report()

    def _task(self, work: Coroutine[object, object, object]) -> asyncio.Task[object]:
        return spawn(work, self._failed)


def _closed(end: tuple[str, str]) -> Closing:
    """The end of a Live session, which the service has explained."""
    code, reason = end
    return Closing(reason, code, "", True)


async def _ping(socket: aiohttp.ClientWebSocketResponse, token: bytes) -> None:
    with contextlib.suppress(aiohttp.ClientError, OSError):
        await socket.ping(token)


def _refused(host: str, why: Closing, said: SaidError) -> SignallingError:
    """The service opened the WebSocket only to say no."""
    told = said.message or ""
    return SignallingError(
        f"{host} ended the session at once: {why.reason}" + (f" ({told})" if told and told not in why.reason else ""),
        hint=why.hint,
        retryable=why.retryable,
        code=why.code,
    )
