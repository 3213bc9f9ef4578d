"""The assistant's sound over a WebSocket: clocks of what was played, flushes, and services that misbehave."""

from __future__ import annotations

import asyncio
import json
import time

import numpy as np
import pytest

from tests.support.peers import eventually, loudness
from tests.support.service import GREETING, created, delta, finished
from tests.transports.socket_talk import Looks, hum, talking
from voicechat.audio.stream_queue import StreamQueue
from voicechat.transports import upgrade


async def test_an_answer_is_played_and_its_clock_is_told() -> None:
    async with talking() as talk:
        assert await talk.heard.text() == GREETING
        await talk.server.speak(hum(880, 1.0))
        await talk.text("response.done")
        assert talk.line.stats().buffer == pytest.approx(1.0, abs=0.02)
        await talk.play(0.5)
        await eventually(lambda: talk.heard.played)
        assert talk.heard.times_emptied == 0
        await talk.play(0.7)
        await asyncio.wait_for(talk.heard.emptied.wait(), 5)
        item, seconds, moving = talk.heard.played[-1]
        assert (item, moving) == ("item_1", False) and seconds == pytest.approx(1.0, abs=0.005)


async def test_after_a_flush_nothing_of_that_answer_is_heard_however_late_it_comes() -> None:
    async with talking() as talk:
        await talk.server.say(created(), delta(b"\x10\x27" * 24_000))
        await talk.text("audio.delta")
        assert loudness(await talk.play(0.2)) > 5_000
        talk.line.flush()
        await talk.server.say(delta(b"\x10\x27" * 24_000), finished(), created("resp_2"))
        await talk.text("resp_2")
        assert not (await talk.play(0.5)).any()
        await talk.server.say(delta(b"\x10\x27" * 2_400, response="resp_2", item="item_2"), finished("resp_2"))
        await talk.text("response.done")
        assert loudness((await talk.play(0.1))[:4_000]) > 5_000


async def test_emptied_is_not_told_when_more_has_come_meanwhile() -> None:
    looks = Looks()
    async with talking(waiting=looks) as talk:
        await talk.server.say(created(), delta(b"\x10\x27" * 4_800))
        await talk.text("audio.delta")
        at = time.monotonic()
        for n in range(30):
            talk.line.pull(at + n / 100, 480)
        # Still in the same turn of the loop: more comes before the news is passed on.
        assert talk.line._open is not None
        talk.line._open.queue.add(1, "item_1", np.full(4_800, 5, np.int16))
        await looks.later()
        assert talk.heard.times_emptied == 0


# services that misbehave


async def test_garbage_in_the_sound_is_left_out_told_once_and_never_ends_the_line() -> None:
    async with talking() as talk:
        piece = {"type": "response.output_audio.delta", "response_id": "r", "item_id": "i"}
        for bad in ("%%%=", "A", 7, None, {"x": 1}, "not base64 at all!"):
            await talk.server.say(json.dumps(piece | {"delta": bad}))
        await talk.server.say("not json", "[1, 2]", '"text"', "", "{" * 50_000, '{"type": 5, "delta": 6}')
        await talk.server.socket.send_bytes(b"\xff\xfe\x00")
        await talk.server.say(delta(b"\x10\x27" * 4_801 + b"\x10", response="r", item="i"), finished("r"))
        await talk.text("response.done")
        assert loudness((await talk.play(0.15))[:9_000]) > 5_000
        assert [code for _, code in talk.heard.notes] == ["bad_sound"] and talk.heard.ends.empty()


@pytest.mark.parametrize("kind", ["response.output_audio.delta", "response.audio.delta"], ids=["ga", "beta"])
async def test_odd_byte_counts_make_no_noise(kind: str) -> None:
    async with talking() as talk:
        data = np.full(24_000, 9_000, "<i2").tobytes()
        cuts = [data[at : at + 333] for at in range(0, len(data), 333)]
        await talk.server.say(created(), *(delta(piece, kind=kind) for piece in cuts), finished())
        await talk.text("response.done")
        steady = (await talk.play(0.9))[4_800:40_000]
        assert np.abs(steady.astype(int) - 9_000).max() < 30


async def test_a_message_beyond_all_measure_ends_the_line_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrade, "LARGEST_MESSAGE", 100_000)
    async with talking() as talk:
        await talk.server.say(delta(bytes(200_000)))
        assert "a message of more than" in await talk.heard.end() and talk.heard.codes == ["message_too_large"]


async def test_an_endless_answer_is_cut_and_the_user_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StreamQueue.__init__, "__defaults__", (3.0,))
    async with talking() as talk:
        await talk.server.say(created(), *[delta(b"\x10\x27" * 24_000)] * 8, finished())
        await talk.text("response.done")
        assert talk.line.stats().buffer == pytest.approx(3.0, abs=0.6)
        assert [code for _, code in talk.heard.notes] == ["long_answer"]


async def test_a_service_that_names_no_response_is_played_and_can_be_silenced() -> None:
    async with talking() as talk:
        bare = json.loads(delta(b"\x10\x27" * 4_800))
        del bare["response_id"]
        await talk.server.say(json.dumps(bare))
        await talk.text("audio.delta")
        assert loudness(await talk.play(0.1)) > 4_000
        talk.line.flush()
        await talk.server.say(json.dumps(bare))
        await talk.text("audio.delta")
        assert not (await talk.play(0.3)).any()
