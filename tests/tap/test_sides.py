"""Levels of both sides, and a flood that is shown later than it is passed on."""

from __future__ import annotations

import asyncio
import base64

import numpy as np

from voicechat.audio.opus import OpusEncoder
from voicechat.tap.calls import parameters_of, with_parameters
from voicechat.tap.session import MOST_BYTES, DeferredWork, Side

TONE = (8_000 * np.sin(2 * np.pi * 400 * np.arange(24_000) / 24_000)).astype("<i2")


def test_a_response_that_comes_at_once_sounds_for_as_long_as_it_is_or_until_it_is_cut_off() -> None:
    side = Side()
    side.base64(base64.b64encode(TONE.tobytes()).decode(), 10.0)
    assert (side.look(10.5) or -99) > -20 and (side.look(10.99) or -99) > -20
    assert side.look(11.5) is None
    side.base64(base64.b64encode(TONE.tobytes()).decode(), 20.0)
    side.cut(20.2)
    assert side.look(20.6) is None
    for nonsense in ("no base64 at all!", None):
        side.base64(nonsense, 21.0)
    assert side.look(21.1) is None


def test_an_opus_packet_has_a_level() -> None:
    side, encoder = Side(), OpusEncoder()
    tone = (8_000 * np.sin(2 * np.pi * 400 * np.arange(960) / 48_000)).astype(np.int16)
    for number in range(5):
        side.packet(encoder.encode(tone), 1.0 + number / 50)
    assert (side.look(1.1) or -99) > -30
    side.packet(b"", 1.2)


async def test_work_that_may_wait_is_done_in_order_and_lets_others_in_between() -> None:
    now, done = [0.0], list[str]()
    later = DeferredWork(lambda: now[0])

    def slow(name: str) -> None:
        done.append(name)
        now[0] += 0.01

    for name in "abc":
        later.do(lambda name=name: slow(name))  # type: ignore[misc]  # bound here
    asyncio.get_running_loop().call_soon(lambda: done.append("other"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert done == ["a", "other", "b", "c"]


async def test_what_no_memory_is_left_for_is_counted_and_not_kept() -> None:
    later = DeferredWork()
    later.do(lambda: None, MOST_BYTES)
    later.do(lambda: None, 1)
    later.finish()
    assert later.skipped == 1


def test_what_a_side_says_of_its_opus_reaches_the_other() -> None:
    text = "m=audio 9 X 96\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 minptime=10\r\na=rtpmap:0 PCMU/8000\r\n"
    assert parameters_of(text) == "minptime=10"
    assert "a=fmtp:96 stereo=1\r\n" in with_parameters(text, "stereo=1") and with_parameters(text, "") == text
    assert "minptime" not in with_parameters(text, "stereo=1")
