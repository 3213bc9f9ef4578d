"""The real local server in this process, on a real port, with senses that are quick and always right."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicechat.local_server.faults import read_fault
from voicechat.local_server.server import Server
from voicechat.local_server.session import House, Senses


def loud_is_voice(frame: NDArray[np.float32]) -> float:
    """A detector without a model."""
    return 0.95 if float(np.abs(frame).max()) > 0.1 else 0.02


@dataclass
class AlwaysHears:
    """A recogniser for which every sound with voice in it says the same."""

    words: str

    def transcribe(self, pcm: NDArray[np.float32]) -> str:
        return self.words if np.abs(pcm).max(initial=0.0) > 0.05 else ""


class Hums:
    """A voice that hums 440 Hz for 50 ms a letter."""

    def speak(self, text: str, speed: float = 1.0) -> Iterator[NDArray[np.float32]]:
        length = int(24_000 * 0.05 * len(text) / speed)
        yield (0.3 * np.sin(2 * np.pi * 440 * np.arange(length) / 24_000)).astype(np.float32)


@asynccontextmanager
async def local_server(words: str = "What is twelve times seven?", fault: str = "") -> AsyncIterator[Server]:
    """A server that listens; every utterance is heard as `words`, the practice partner answers."""

    def load() -> Senses:
        return Senses(lambda: loud_is_voice, AlwaysHears(words).transcribe, Hums().speak)

    server = Server(House(load, brain_url="none", fault=read_fault(fault)))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
