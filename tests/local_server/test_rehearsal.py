"""The first sentence is made while the server still waits, and nobody notices but by the clock."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from tests.local_server.dialogue_talk import Talk
from tests.support.local_server import AlwaysHears, loud_is_voice
from tests.support.peers import eventually
from voicechat.local_server.brain import Brain, Output, Say, Turn
from voicechat.local_server.brain.partner import Partner
from voicechat.local_server.session import Senses, Session
from voicechat.local_server.session_config import fresh_config
from voicechat.local_server.sound import Samples

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
QUESTION = "What is twelve times seven?"


class Voice:
    def __init__(self) -> None:
        self.said: list[str] = []

    def speak(self, text: str, speed: float = 1.0) -> Iterator[Samples]:
        self.said.append(text)
        yield np.full(2_400, 0.1, np.float32)


class Remote:
    label = "remote"

    async def answer(self, turn: Turn) -> AsyncIterator[Output]:
        yield Say("I was asked.")


class Line:
    def __init__(self) -> None:
        self.types: list[str] = []

    def send(self, text: str) -> None:
        self.types.append(json.loads(text)["type"])

    def hang_up(self, code: int, reason: str) -> None: ...


@pytest.mark.parametrize(
    ("brain", "ahead"), [(Partner(), ["12 times 7 is 84."]), (Remote(), [])], ids=["partner", "remote"]
)
async def test_first_sentence_is_made_in_the_pause_and_only_once(brain: Brain, ahead: list[str]) -> None:
    voice, line = Voice(), Line()
    senses = Senses(lambda: loud_is_voice, AlwaysHears(QUESTION).transcribe, voice.speak)
    session = Session(line, senses, brain, "webrtc", fresh_config("m", "sess"))
    session.start()

    async def hear(level: float, frames: int) -> None:
        for _ in range(frames):
            session.exchange(np.full(960, int(level * 32767), np.int16))

    await hear(0.5, 50)
    await hear(0.0, 14)
    await eventually(lambda: len(session._tasks) == 1)  # the recognition has ended
    await eventually(lambda: voice.said == ahead)
    await hear(0.0, 30)
    await eventually(lambda: session.dialogue.responses.has_spoken)
    await session.close()
    assert len(voice.said) == 1 and "response.created" in line.types


def test_a_turn_is_likely_only_while_it_is_open_and_will_be_answered() -> None:
    talk = Talk()
    talk.voice(1.0)
    talk.silence(0.25)
    assert talk.dialogue.listening.wants_partial() is None, "no captions were asked for"
    talk.listen()
    talk.voice(1.0)
    wanted: Any = talk.dialogue.listening.wants_partial()
    turn = talk.dialogue.likely_turn(wanted.item_id, "What time is it?")
    assert turn and turn.text == "What time is it?" and turn.by_voice
    assert talk.dialogue.likely_turn(wanted.item_id, "") is None
    talk.silence(0.25)
    talk.recognise("What time is it?")
    talk.silence(0.4)
    assert talk.dialogue.likely_turn(wanted.item_id, "What time is it?") is None
