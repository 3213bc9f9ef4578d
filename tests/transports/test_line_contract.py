"""What every line promises over WebRTC and WebSocket: real sockets on loopback with a real service behind them."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import numpy as np
import pytest
from aiohttp import web

from tests.support.peers import FRAME, Pcm, eventually, loudness, pitch, silence, tone
from tests.support.service import Handler, Heard, RealServer, SocketServer, always, listening
from voicechat.engine.ports import Line
from voicechat.errors import SignallingError
from voicechat.transports.target import LineOpened, LineTarget
from voicechat.transports.webrtc import WebRtcLine
from voicechat.transports.websocket import WebSocketLine

KEY = "sk-contract-secret"
TARGET = LineTarget(
    base_url="http://127.0.0.1:1", key=KEY, model="m", session={"type": "realtime"}, handshake="multipart"
)


class Rig(ABC):
    """A line, and the hands on its far end."""

    heard: Heard
    line: Line
    target: LineTarget

    @abstractmethod
    async def open(self) -> LineOpened: ...
    @abstractmethod
    async def far_text(self) -> str:
        """The next client event that arrives over there."""

    @abstractmethod
    async def say(self, text: str) -> None: ...
    @abstractmethod
    async def speak(self, pcm: Pcm) -> None: ...
    @abstractmethod
    async def hear(self, seconds: float) -> Pcm:
        """So much of what the near end says, beginning anywhere."""

    @abstractmethod
    async def drop(self) -> None:
        """The far end goes away."""

    @abstractmethod
    def refusing(self) -> None:
        """From now on the far end takes no calls."""

    async def listen(self, seconds: float) -> Pcm:
        """What the loudspeaker would play."""
        frames = []
        for _ in range(round(seconds / 0.02)):
            await asyncio.sleep(0.02)
            frames.append(self.line.pull(time.monotonic()))
        return np.concatenate(frames)


@dataclass
class Door:
    """What answers at an address; it may change its mind."""

    handler: Handler

    async def answer(self, request: web.Request) -> web.StreamResponse:
        return await self.handler(request)

    def refuse(self) -> None:
        self.handler, _ = always(401, '{"error": {"message": "Incorrect API key: sk-contract-secret"}}')


class OverWebRtc(Rig):
    def __init__(self, server: RealServer, door: Door, url: str) -> None:
        self.heard, self._server, self._door = Heard(), server, door
        self._speech: list[Pcm] = []
        server.uplink = self._next
        self._line = WebRtcLine(uplink=tone(440), heard=self.heard)
        self.line = self._line
        self.target = replace(TARGET, base_url=url)

    def _next(self) -> Pcm:
        return self._speech.pop(0) if self._speech else silence()

    async def open(self) -> LineOpened:
        return await self._line.open(self.target)

    async def far_text(self) -> str:
        return await asyncio.wait_for(self._server.calls[-1].texts.get(), 5)

    async def say(self, text: str) -> None:
        await eventually(lambda: self._server.calls[-1].opened.is_set())
        assert self._server.calls[-1].peer.send(text) == ""

    async def speak(self, pcm: Pcm) -> None:
        self._speech += list(pcm.reshape(-1, FRAME))

    async def hear(self, seconds: float) -> Pcm:
        heard = await self._server.calls[-1].listen(lambda pcm: pcm.size >= (seconds + 0.5) * 48_000)
        return heard[-round(seconds * 48_000) :]

    async def drop(self) -> None:
        await self._server.calls[-1].peer.close()

    def refusing(self) -> None:
        self._door.refuse()


class OverWebSocket(Rig):
    def __init__(self, server: SocketServer, door: Door, url: str) -> None:
        self.heard, self._server, self._door = Heard(), server, door
        self._line = WebSocketLine(uplink=tone(440), heard=self.heard)
        self.line = self._line
        self.target = replace(TARGET, base_url=url)

    async def open(self) -> LineOpened:
        opened = await self._line.open(self.target)
        assert "session.created" in await self.heard.text()
        return opened

    async def far_text(self) -> str:
        return await asyncio.wait_for(self._server.texts.get(), 5)

    async def say(self, text: str) -> None:
        await self._server.say(text)

    async def speak(self, pcm: Pcm) -> None:
        await self._server.speak(pcm)
        while "response.done" not in await self.heard.text():
            pass

    async def hear(self, seconds: float) -> Pcm:
        wanted = round(seconds * 48_000)
        await eventually(lambda: self._server.heard().size > wanted + 4_800)
        return self._server.heard()[-wanted:]

    async def drop(self) -> None:
        await self._server.socket.close(code=1011, message=b"")

    def refusing(self) -> None:
        self._door.refuse()


@pytest.fixture(params=["WebRTC", "WebSocket"])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    async with made(str(request.param)) as one:
        yield one
        await one.line.close(hang_up=False)


@asynccontextmanager
async def made(kind: str) -> AsyncIterator[Rig]:
    if kind == "WebRTC":
        calls = RealServer()
        door = Door(calls.handle)
        async with listening(door.answer) as url:
            yield OverWebRtc(calls, door, url)
            await asyncio.gather(*(call.peer.close() for call in calls.calls))
    else:
        sockets = SocketServer()
        door = Door(sockets.handle)
        async with listening(door.answer) as url:
            yield OverWebSocket(sockets, door, url)
            sockets.may_end.set()


def hum(hertz: float, seconds: float) -> Pcm:
    make = tone(hertz)
    return np.concatenate([make() for _ in range(round(seconds * 50))])


async def test_events_go_both_ways_and_keep_their_order(rig: Rig) -> None:
    await rig.open()
    for number in range(20):
        assert rig.line.send(f'{{"type": "test.ours", "number": {number}}}') == ""
    assert [await rig.far_text() for _ in range(20)] == [f'{{"type": "test.ours", "number": {n}}}' for n in range(20)]
    for number in range(20):
        await rig.say(f'{{"type": "test.theirs", "number": {number}}}')
    got = [await rig.heard.text() for _ in range(20)]
    assert got == [f'{{"type": "test.theirs", "number": {n}}}' for n in range(20)]


async def test_sound_goes_both_ways_at_its_own_pitch(rig: Rig) -> None:
    await rig.open()
    assert pitch(await rig.hear(0.5)) == pytest.approx(440, abs=4)
    await rig.speak(hum(880, 1.6))
    assert pitch((await rig.listen(1.4))[-24_000:]) == pytest.approx(880, abs=4)


async def test_a_pull_gives_what_was_asked_for_whether_or_not_there_is_a_line(rig: Rig) -> None:
    assert rig.line.pull(0.0, 480).shape == (480,) and not rig.line.pull(0.0, 480).any()
    await rig.open()
    for samples in (480, 960, 1):
        pulled = rig.line.pull(time.monotonic(), samples)
        assert pulled.dtype == np.int16 and pulled.shape == (samples,)
    await rig.line.close(hang_up=True)
    assert not rig.line.pull(1.0, 960).any()


async def test_a_flush_silences_what_waits_to_be_played(rig: Rig) -> None:
    await rig.open()
    await rig.speak(hum(880, 0.3))
    await rig.listen(0.16)
    rig.line.flush()
    await asyncio.sleep(0.4)
    rig.line.flush()
    # What is on its way to the loudspeaker may fade out, and the network may bring a last packet.
    assert loudness((await rig.listen(0.4))[9_600:]) < 30


async def test_a_message_nobody_could_take_is_refused_and_the_line_goes_on(rig: Rig) -> None:
    await rig.open()
    assert "at most" in rig.line.send("x" * 17_000_000)
    assert rig.line.send('{"type": "test.after"}') == ""
    assert await rig.far_text() == '{"type": "test.after"}'


async def test_a_lost_line_is_told_once_and_with_a_reason(rig: Rig) -> None:
    await rig.open()
    await rig.drop()
    assert await rig.heard.end()
    await rig.line.close(hang_up=False)
    await rig.line.close(hang_up=True)
    assert rig.heard.ends.empty()


async def test_our_own_end_is_not_reported_may_be_said_twice_and_the_line_opened_again(rig: Rig) -> None:
    assert rig.line.send("{}") == "the connection is not open"
    await rig.open()
    await rig.speak(hum(880, 1.0))
    await rig.line.close(hang_up=True)
    await rig.line.close(hang_up=True)
    assert rig.line.send("{}") == "the connection is not open"
    await rig.open()
    assert rig.line.send('{"type": "test.again"}') == ""
    assert await rig.far_text() == '{"type": "test.again"}'
    await rig.drop()
    assert await rig.heard.end()  # of the second line; what the first one told would have come before it
    assert rig.heard.ends.empty()


async def test_a_refusal_has_a_sentence_a_next_step_and_no_key(rig: Rig) -> None:
    rig.refusing()
    with pytest.raises(SignallingError) as refusal:
        await rig.open()
    assert refusal.value.status == 401 and refusal.value.hint and not refusal.value.retryable
    assert KEY not in f"{refusal.value} {refusal.value.hint} {refusal.value!r}"
    assert rig.line.send("{}") == "the connection is not open"


async def test_the_figures_say_what_carries_the_sound_and_are_empty_without_a_line(rig: Rig) -> None:
    assert rig.line.stats().codec == "" and rig.line.stats().bytes_sent == 0
    await rig.open()
    await rig.speak(hum(880, 1.0))
    await rig.listen(0.6)
    assert rig.line.stats().codec
    await rig.line.close(hang_up=True)
    assert rig.line.stats().codec == ""
