"""The WebSocket line in a translation session: its own address, its own names, one stream of sound."""

from __future__ import annotations

import asyncio
import base64
import json

import numpy as np

from tests.support.peers import Pcm, eventually
from tests.support.service import SocketServer
from tests.transports.socket_talk import hum, talking


def piece(pcm: Pcm, **form: object) -> str:
    audio = base64.b64encode(pcm.astype("<i2").tobytes()).decode()
    return json.dumps({"type": "session.output_audio.delta", "delta": audio, **form})


def tone(rate: int, seconds: float) -> Pcm:
    return (9_000 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)).astype(np.int16)


def pitch(pcm: Pcm) -> float:
    """Hertz of the loudest tone, of sound at 48 kHz."""
    heard = np.flatnonzero(pcm)
    sound = pcm[heard[0] : heard[-1]].astype(np.float64)
    return float(np.argmax(np.abs(np.fft.rfft(sound))) * 48_000 / len(sound))


async def test_the_address_and_the_names_are_those_of_translations_and_it_says_goodbye() -> None:
    server = SocketServer()
    async with talking(server, uplink=lambda: hum(200, 0.02), translates=True, chunk=0.2) as talk:
        assert server.seen[0].path.startswith("/v1/realtime/translations")
        await eventually(lambda: server.order.count("session.input_audio_buffer.append") >= 2)
        assert set(server.order) == {"session.input_audio_buffer.append"}
        await talk.line.close(hang_up=True)
        await asyncio.wait_for(server.closed.wait(), 5)
        assert server.order[-1] == "session.close" and '{"type":"session.close"}' in talk.heard.shown


async def test_its_sound_is_played_at_the_rate_and_in_the_channels_it_names() -> None:
    async with talking(translates=True, chunk=0.2) as talk:
        for pcm, form in (
            (tone(24_000, 0.5), {}),
            (tone(24_000, 0.5), {"sample_rate": 24_000, "channels": 1}),
            (tone(16_000, 0.5), {"sample_rate": 16_000, "channels": 1}),
            (np.repeat(tone(24_000, 0.5), 2), {"sample_rate": 24_000, "channels": 2}),
        ):
            await talk.server.say(piece(pcm, **form), '{"type":"session.output_transcript.delta","delta":"x"}')
            await talk.text("output_transcript")
            played = await talk.play(0.8)
            assert abs(pitch(played) - 440) < 8, form


async def test_after_a_flush_the_stream_goes_on_with_what_comes_next() -> None:
    async with talking(translates=True, chunk=0.2) as talk:
        await talk.server.say(piece(tone(24_000, 3.0)), '{"type":"session.output_transcript.delta","delta":"x"}')
        await talk.text("output_transcript")
        assert (await talk.play(0.5)).any()
        talk.line.flush()
        assert not (await talk.play(0.5)).any()
        await talk.server.say(piece(tone(24_000, 0.5)), '{"type":"session.output_transcript.delta","delta":"y"}')
        await talk.text("output_transcript")
        assert (await talk.play(0.5)).any()


async def test_odd_pieces_of_sound_end_nothing() -> None:
    odd: list[dict[str, object]] = [
        {"delta": "?", "sample_rate": 24_000},
        {"delta": "AAAA", "sample_rate": "fast", "channels": [2]},
        {"delta": "AAAA", "sample_rate": -1, "channels": 9},
        {"delta": None},
        {},
    ]
    async with talking(translates=True, chunk=0.2) as talk:
        for one in odd:
            await talk.server.say(json.dumps({"type": "session.output_audio.delta", **one}))
        await talk.server.say(piece(tone(24_000, 0.5)), '{"type":"session.output_transcript.delta","delta":"x"}')
        await talk.text("output_transcript")
        assert (await talk.play(0.6)).any()
