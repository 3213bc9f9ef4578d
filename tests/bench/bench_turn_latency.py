"""End of speech to first sound over WebRTC, with the real engine and the turn detection of a preset.

    python -m tests.bench.bench_turn_latency [--rounds N] [--preset quick]

The questions are spoken by the engine's own voice. The end of speech is the last sample above the noise that left the
client's microphone track; the first sound is the first 20 ms frame above -40 dB that its jitter buffer gave out.
Targets: a median of 600 ms and a p95 of 700 ms at most with 500 ms of silence (`balanced`), a median of 450 ms with the
200 ms of `quick`. The server runs as a process of its own.
"""

from __future__ import annotations

import asyncio
import os
import time

import numpy as np
from numpy.typing import NDArray

from tests.bench.bars import Figure, Statistic, judge, options
from tests.bench.voices import local, trimmed
from tests.support.realtime_call import FRAME, RealtimeCall, realtime_call
from voicechat.audio.blocks import to_int16
from voicechat.core.policy import PRESETS
from voicechat.local_server.spawn import start_local_server

QUESTIONS = (
    "What time is it?",
    "What is twelve times seven?",
    "Tell me a joke.",
    "What can you do?",
    "How many miles are ten kilometers?",
    "Please flip a coin.",
)
BARS: dict[str, dict[Statistic, float]] = {"balanced": {"median": 600.0, "p95": 700.0}, "quick": {"median": 450.0}}
"""Milliseconds from the end of speech to the first sound."""


def session(preset: str) -> dict[str, object]:
    silence = next(known.silence_duration for name, known in PRESETS.items() if name == preset)
    turns = {"type": "server_vad", "silence_duration_ms": round(1000 * silence)}
    return {
        "type": "realtime",
        "audio": {"input": {"transcription": {"model": "local"}, "turn_detection": turns}},
    }


def question(text: str) -> NDArray[np.int16]:
    """A spoken question at 48 kHz that ends with its last audible sample."""
    spoken = to_int16(trimmed(local(text)))
    return np.pad(spoken, (0, -len(spoken) % FRAME))


async def turn(call: RealtimeCall, pcm: NDArray[np.int16]) -> dict[str, float]:
    """Ask, wait for the first sound, let the answer end; milliseconds from the end of speech."""
    after, loud_before = len(call.events), len(call.loud_at)
    call.say(pcm)
    async with asyncio.timeout(len(pcm) / 48_000 + 20):
        while len(call.loud_at) == loud_before:  # noqa: ASYNC110 - the sound is found by a pull, nothing reports it
            await asyncio.sleep(0.005)
    ended = call.said_until + FRAME / 48_000
    await call.until("output_audio_buffer.stopped", after=after, timeout=30)
    moments = {
        "speech_stopped": call.time_of("input_audio_buffer.speech_stopped", after),
        "transcript": call.time_of("conversation.item.input_audio_transcription.completed", after),
        "response.created": call.time_of("response.created", after),
        "buffer.started": call.time_of("output_audio_buffer.started", after),
        "first sound": call.loud_at[loud_before],
    }
    return {name: 1000 * (at - ended) for name, at in moments.items()}


async def main(rounds: int, preset: str) -> int:
    clips = [question(text) for text in QUESTIONS]  # before the call: a loop that loads a voice sends in bursts
    began = time.monotonic()
    server = await start_local_server(os.environ, brain_url="none")
    print(f"server listens after {time.monotonic() - began:.2f} s")
    try:
        async with realtime_call(server.base_url, session(preset)) as call:
            print(f"session created after {time.monotonic() - began:.2f} s")
            results = []
            for number in range(rounds):
                results.append(await turn(call, clips[number % len(clips)]))
                await asyncio.sleep(0.3)
            heard = [e["transcript"] for e in call.find("conversation.item.input_audio_transcription.completed")]
    finally:
        await server.stop()
    print(f"heard: {heard}")
    figures = [Figure(name, [one[name] for one in results], "ms") for name in results[0]]
    first = [one["first sound"] for one in results]
    figures += [Figure(f"first sound, {kind}", first, "ms", kind, bar) for kind, bar in BARS[preset].items()]
    return judge(f"after the end of speech, local server, {preset}", figures)


if __name__ == "__main__":
    given = options(__doc__, rounds=12, preset="balanced")
    raise SystemExit(asyncio.run(main(given.rounds, given.preset)))
