"""The first sentence is made while the server still waits, without anybody noticing but by the clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import numpy as np
import pytest

from tests.local_server.dialogue_talk import Talk
from voicechat.local_server.brain import Output, Say, Turn
from voicechat.local_server.brain.partner import Partner
from voicechat.local_server.session import Rehearsal
from voicechat.local_server.sound_formats import Samples

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Voice:
    def __init__(self) -> None:
        self.said: list[str] = []

    def __call__(self, sentence: str, speed: float) -> Samples:
        self.said.append(sentence)
        return np.full(len(sentence), speed, np.float32)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as threads:
        yield threads


async def answer(brain: Partner, turn: Turn) -> str:
    return " ".join([output.text async for output in brain.answer(turn) if isinstance(output, Say)])


async def test_a_rehearsed_sentence_is_not_made_twice(pool: ThreadPoolExecutor) -> None:
    voice, partner = Voice(), Partner()
    rehearsal = Rehearsal(partner, voice, pool)
    turn = Turn("What is twelve times seven?", NOON)
    rehearsal.prepare(turn, 1.0)
    said = await answer(partner, turn)
    assert len(await rehearsal.sound_of(said, 1.0)) == len(said)
    assert voice.said == [said]


async def test_another_answer_or_pace_is_made_anew(pool: ThreadPoolExecutor) -> None:
    voice = Voice()
    rehearsal = Rehearsal(Partner(), voice, pool)
    rehearsal.prepare(Turn("What is twelve times seven?", NOON), 1.0)
    assert (await rehearsal.sound_of("Something else.", 1.0)).size
    assert voice.said[-1] == "Something else."


async def test_a_chat_server_is_never_asked_in_rehearsal(pool: ThreadPoolExecutor) -> None:
    class Remote:
        label = "remote"

        async def answer(self, turn: Turn) -> AsyncIterator[Output]:
            yield Say("I was asked.")

    voice = Voice()
    Rehearsal(Remote(), voice, pool).prepare(Turn("Hello.", NOON), 1.0)
    assert not voice.said


def test_a_turn_is_likely_only_while_it_is_open_and_will_be_answered() -> None:
    talk = Talk()
    talk.voice(1.0)
    talk.silence(0.25)
    item_id = talk.dialogue.wants_partial()
    assert item_id is None  # no captions were asked for
    talk.listen()
    talk.voice(1.0)
    wanted = talk.dialogue.wants_partial()
    assert wanted
    turn = talk.dialogue.likely_turn(wanted.item_id, "What time is it?")
    assert turn and turn.text == "What time is it?" and turn.by_voice
    assert talk.dialogue.likely_turn(wanted.item_id, "") is None
    talk.silence(0.25)
    talk.recognise("What time is it?")
    talk.silence(0.4)
    assert talk.dialogue.likely_turn(wanted.item_id, "What time is it?") is None
