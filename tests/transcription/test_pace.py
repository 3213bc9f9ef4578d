"""`--realtime`: a recording leaves as slowly as it was spoken; without it as fast as the service reads."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import numpy as np
import pytest

from tests.transcription.scribe import Scribe
from voicechat.transcription.carriers import SocketCarrier
from voicechat.transports.target import LineTarget


@dataclass
class Clock:
    """Time passes by waiting alone, and waiting takes none."""

    now: float = 100.0
    waits: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


async def sent(monkeypatch: pytest.MonkeyPatch, *, realtime: bool) -> tuple[Clock, Scribe]:
    """Three seconds of sound in pieces of half a second, over a real socket."""
    clock, scribe = Clock(), Scribe()
    async with scribe.serving() as url:
        target = LineTarget(base_url=url, key="", model="")
        carrier = await SocketCarrier.open(target, realtime=realtime, clock=clock)
        with monkeypatch.context() as patched:
            patched.setattr("voicechat.transcription.carriers.asyncio.sleep", clock.sleep)
            for _ in range(6):
                await carrier.sound(np.ones(24_000, np.int16))
        await carrier.say('{"type":"session.update","session":{}}')
        async with asyncio.timeout(5):
            while "session.updated" not in str(await carrier.next()):
                pass
        await carrier.close()
    return clock, scribe


async def test_in_real_time_a_second_of_sound_takes_a_second_else_nothing_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for realtime, seconds in ((True, 3.0), (False, 0.0)):
        clock, scribe = await sent(monkeypatch, realtime=realtime)
        assert clock.now - 100.0 == pytest.approx(seconds, abs=0.01)
        assert max(clock.waits, default=0.0) <= 0.21, "never further ahead than one message"
        assert scribe.heard[0] == pytest.approx(3.0, abs=0.05)
