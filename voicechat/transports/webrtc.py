"""The line over WebRTC: one handshake, one peer, and a plain end.

A `WebRtcLine` carries one call at a time and may be opened again after `close()`; each call is a new peer, because
aiortc knows no ICE restart and a new connection takes 40 to 60 ms anyway.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import aiohttp
import numpy as np
from numpy.typing import NDArray

from voicechat.audio.jitter_buffer import FRAME
from voicechat.audio.send_pace import Uplink, Waiting
from voicechat.errors import SignallingError
from voicechat.failures import by_name
from voicechat.line import LineListener, LineStats
from voicechat.rtc.peer import Peer
from voicechat.tasks import spawn
from voicechat.transports.line_codec import LineCodec, line_codec
from voicechat.transports.probing import call_service
from voicechat.transports.signalling import CallAnswer, hang_up
from voicechat.transports.target import LineOpened, LineTarget

_FULL, _PART = "full_message", "partial_message"
_LONGEST = 16 * 1024 * 1024
"""Characters of base64 that are kept for one message; more is dropped."""
_MOST_PARTS = 65_536
_MOST_UNFINISHED = 8
"""Messages whose parts are kept at the same time; the oldest gives way."""


class Unwrapper:
    """One channel's messages, put together.

    Messages of the data channel that come wrapped, and in parts: speaches keeps each below 1 KiB.

    `{"type": "full_message", "id", "data"}` holds one event in base64; `{"type": "partial_message", "id", "data",
    "fragment_index", "total_fragments"}` holds a piece of that base64. No event of the protocol has these names, so
    they are understood whoever sends them, and everything else passes as it is.
    """

    def __init__(self) -> None:
        self._parts: dict[str, dict[int, str]] = {}

    def take(self, text: str) -> str | None:
        """The event in `text`; None while parts of it are missing. What cannot be unwrapped is passed on unchanged."""
        if f'"{_FULL}"' not in text[:400] and f'"{_PART}"' not in text[:400]:
            return text
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return text
        kind, data = (found.get("type"), found.get("data")) if isinstance(found, dict) else (None, None)
        if not isinstance(data, str) or kind not in (_FULL, _PART):
            return text
        if kind == _FULL:
            return _plain(data, text)
        return self._add(found, data, text)

    def _add(self, found: dict[str, object], data: str, text: str) -> str | None:
        name, index, total = found.get("id"), found.get("fragment_index"), found.get("total_fragments")
        if not (isinstance(name, str) and isinstance(index, int) and isinstance(total, int)):
            return text
        if not 0 <= index < total <= _MOST_PARTS:
            return text
        parts = self._parts.setdefault(name, {})
        parts[index] = data
        while len(self._parts) > _MOST_UNFINISHED or sum(map(len, parts.values())) > _LONGEST:
            oldest = next(iter(self._parts))
            del self._parts[oldest]
            if oldest == name:
                return None
        if len(parts) < total:
            return None
        del self._parts[name]
        return _plain("".join(parts.get(number, "") for number in range(total)), text)


def _plain(data: str, text: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return text


_LEAST_FOR_MEDIA = 2.0
"""Seconds for ICE and the rest even after a slow handshake: a lost first packet alone costs half of one."""
_NO_PATH_AFTER = 2.5
"""Seconds after the answer within which a packet must have gone there and back: ICE tries four times until then, and
who has no way for UDP has no use for more (R27: the first word through WebSocket within five seconds)."""
_LOOK_EVERY = 0.1
"""Seconds between two looks for turns that have ended."""
_LABEL = "oai-events"
"""Some servers accept no other name for the channel."""


class WebRtcLine:
    """The session's line over WebRTC. `pull` and `flush` may come from the audio thread, the rest from the loop."""

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
        self._peer: Peer | None = None
        self._http: aiohttp.ClientSession | None = None
        self._target: LineTarget | None = None
        self._call: CallAnswer | None = None
        self._codec: LineCodec | None = None
        self._ending_turns: asyncio.Task[None] | None = None

    async def open(self, target: LineTarget) -> LineOpened:
        """Call the service; returns when events can be sent. Raises SignallingError, with nothing left open."""
        await self.close(hang_up=False)
        self._target = target
        try:
            return await self._connect(target)
        except BaseException:
            await self.close(hang_up=True)
            raise

    def send(self, text: str) -> str:
        """Queue one client event; returns why it could not be sent, or an empty string."""
        peer, codec = self._peer, self._codec
        if peer is None or codec is None:
            return "the connection is not open"
        leaving, events = codec.write(text)
        loop = asyncio.get_running_loop()
        for event in events:
            # Behind what is being decided now: its consequences must not overtake it.
            loop.call_soon(self._tell, codec, event)
        return next((reason for one in leaving if (reason := peer.send(one))), "")

    def _tell(self, codec: LineCodec, event: str) -> None:
        if self._codec is codec:
            self._heard.on_text(event, translated=codec.translates)

    async def _end_turns(self, codec: LineCodec) -> None:
        """Some services do not say when a turn is over; it is looked for."""
        while self._codec is codec:
            for event in codec.passed():
                self._tell(codec, event)
            await asyncio.sleep(_LOOK_EVERY)

    def pull(self, now: float, samples: int = FRAME) -> NDArray[np.int16]:
        """The next `samples` of remote sound, mono, 48 kHz; silence while not connected."""
        peer = self._peer
        return peer.receive.pull(now, samples) if peer is not None else np.zeros(samples, np.int16)

    newest = 0
    """A stream without names."""

    def flush(self, through: int | None = None) -> None:
        """Drop remote sound that is buffered here. Safe from any thread."""
        if (peer := self._peer) is not None:
            peer.receive.flush()

    def stats(self) -> LineStats:
        """How the line is doing; zeros while none is open."""
        return self._peer.stats() if self._peer is not None else LineStats()

    async def close(self, *, hang_up: bool) -> None:
        """End the call, and tell the service so when `hang_up`. Any number of times; nothing is reported for it."""
        peer, http, call = self._peer, self._http, self._call
        self._peer, self._http, self._call, self._codec = None, None, None, None
        if self._ending_turns is not None:
            self._ending_turns.cancel()
        try:
            if peer is not None:
                await peer.close()
            if hang_up and http is not None and call is not None:
                await self._tell_service(http, call)
        finally:
            if http is not None:
                await http.close()

    async def _connect(self, target: LineTarget) -> LineOpened:
        began = self._clock()
        codec = self._codec = line_codec("webrtc", target, self._heard, self._clock)
        self._ending_turns = spawn(self._end_turns(codec)) if codec.translates else None
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        peer = self._peer = self._new_peer(target, codec, opened)
        offer = await peer.offer()
        offered = self._clock()
        self._http = aiohttp.ClientSession()
        answer = self._call = await call_service(self._http, target, offer)
        answered = self._clock()
        left = max(_LEAST_FOR_MEDIA, target.connect_timeout - (answered - began))
        try:
            async with asyncio.timeout(left):
                await peer.accept_answer(answer.sdp)
                await asyncio.wait({opened}, timeout=min(left, _NO_PATH_AFTER))
                if not opened.done() and peer.milestones.found_path_at is None:
                    raise _no_media(peer.why_not_open(), target)
                await opened
        except TimeoutError as error:
            if peer.milestones.opened_at is None:
                raise _no_media(peer.why_not_open(), target) from error
        codec.check_started(urlsplit(target.base_url).netloc, left)
        return LineOpened(
            call_id=answer.call_id,
            steps=_steps(peer, began, offered, answered),
            handshake=answer.handshake,
            configured=answer.configured,
            why=answer.why,
        )

    def _new_peer(self, target: LineTarget, codec: LineCodec, opened: asyncio.Future[None]) -> Peer:
        def on_open() -> None:
            if codec.is_settled and not opened.done():  # a Live session is open once the service has started it
                opened.set_result(None)

        def on_closed(reason: str) -> None:
            if not opened.done():
                is_late = peer.milestones.opened_at is not None
                opened.set_exception(_left(target) if is_late else _no_media(reason, target))
            elif codec.end is None:  # else it was told when the service said so
                self._heard.on_closed(reason)

        unwrapper = Unwrapper()

        def on_message(text: str) -> None:
            if (event := unwrapper.take(text)) is None:
                return
            had_ended = codec.end is not None
            for made in codec.read(event):
                self._tell(codec, made)
            if not opened.done() and codec.is_settled:
                opened.set_result(None)
            elif codec.end is not None and not had_ended:
                code, reason = codec.end
                self._heard.on_closed(reason, code)

        peer = Peer(
            role="client",
            uplink=self._uplink,
            on_message=on_message,
            on_open=on_open,
            on_closed=on_closed,
            label=_LABEL,
            ice_servers=target.ice_servers,
            waiting=self._waiting,
            clock=self._clock,
        )
        return peer

    async def _tell_service(self, http: aiohttp.ClientSession, call: CallAnswer) -> None:
        if self._target is not None:
            await hang_up(http, self._target, call)


def _no_media(reason: str, target: LineTarget) -> SignallingError:
    """The handshake went well and the line did not come up."""
    return SignallingError(
        reason,
        hint=f"a firewall may block UDP to {target.base_url}; the WebSocket transport needs none",
        retryable=True,
        code="no_media",
    )


def _left(target: LineTarget) -> SignallingError:
    """The channel was open, and the service closed it before it had started the session."""
    host, failure = urlsplit(target.base_url).netloc, by_name("line lost")
    message = f"{host} closed the connection before the session had started"
    return SignallingError(message, hint="try again in a moment", retryable=True, code=failure.codes[0])


def _steps(peer: Peer, began: float, offered: float, answered: float) -> tuple[tuple[str, float], ...]:
    """Seconds of each step. ICE may have begun while the answer was on its way, hence never below zero."""
    reached = peer.milestones
    path = max(answered, reached.found_path_at or answered)
    secure = max(path, reached.encrypted_at or path)
    channel = max(secure, reached.opened_at or secure)
    return (
        ("offer", offered - began),
        ("signalling", answered - offered),
        ("ice", path - answered),
        ("dtls", secure - path),
        ("channel", channel - secure),
    )
