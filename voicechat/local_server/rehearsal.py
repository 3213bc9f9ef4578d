"""Makes the first sentence of the likely answer while the server still waits to see whether the user goes on speaking.

The words are known 200 ms into the silence that ends a turn after 500 ms, and the built-in guide is quick and
deterministic, so a copy of it can be asked what it would say, and that can be spoken into a drawer. If the user does go
on, or the answer turns out otherwise, the drawer is thrown away. It takes the voice's 25 ms (150 on a busy machine) out
of every answer. A chat server is never rehearsed with: it would be asked twice.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeAlias

from voicechat.local_server.brain.base import Brain, Say, Turn
from voicechat.local_server.brain.guide import Guide
from voicechat.local_server.resample import Samples
from voicechat.local_server.speech.sentences import split_sentences

Speak: TypeAlias = Callable[[str, float], Samples]
"""Makes one sentence (text, speed) into 24 kHz sound; runs on a thread."""


class Rehearsal:
    """The drawer of one session; holds one sentence."""

    def __init__(self, brain: Brain, speak: Speak, pool: Executor) -> None:
        self._brain = brain if isinstance(brain, Guide) else None
        self._speak = speak
        self._pool = pool
        self._drawer: tuple[str, float, asyncio.Future[Samples]] | None = None

    async def prepare(self, turn: Turn, speed: float) -> None:
        """Begin to speak the first sentence of what would be answered now; does not wait for the sound."""
        if self._brain is None:
            return
        # The guide remembers what it was told and throws dice; a copy does both without consequences.
        answer = copy.deepcopy(self._brain).answer(turn)
        text = ""
        async for output in answer:
            text = output.text if isinstance(output, Say) else ""
            break
        for sentence in split_sentences(text)[:1]:
            self._drawer = (sentence, speed, self._made(sentence, speed))

    async def sound_of(self, sentence: str, speed: float) -> Samples:
        """A sentence as sound: out of the drawer if it lies there or is on its way, else made now."""
        drawer, self._drawer = self._drawer, None
        if drawer and drawer[:2] == (sentence, speed):
            return await drawer[2]
        return await self._made(sentence, speed)

    def _made(self, sentence: str, speed: float) -> asyncio.Future[Samples]:
        return asyncio.get_running_loop().run_in_executor(self._pool, self._speak, sentence, speed)
