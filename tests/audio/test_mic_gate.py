"""What leaves the machine, and what does not."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tests.support.nearly import nearly
from tests.support.speech import Sound
from voicechat.audio.mic_gate import MEMORY, MicGate


def numbered(number: int) -> Sound:
    """A block that can be recognised: every sample is its number."""
    return np.full(480, number / 32767, dtype=np.float32)


class Mic:
    """Feeds numbered blocks, one every 10 ms."""

    def __init__(self, gate: MicGate) -> None:
        self.gate = gate
        self.number = 0

    def hears(self, blocks: int, *, is_silent: bool = False) -> None:
        for _ in range(blocks):
            self.number += 1
            self.gate.push(numbered(self.number), is_silent=is_silent)


def sent(gate: MicGate, frames: int) -> list[int]:
    """Numbers of the blocks in the next frames; 0 for silence."""
    return [int(half[0]) for _ in range(frames) for half in gate.pull().reshape(2, 480)]


@pytest.fixture
def gate() -> MicGate:
    return MicGate()


@pytest.fixture
def mic(gate: MicGate) -> Mic:
    return Mic(gate)


def test_a_gate_that_was_never_opened_sends_silence(gate: MicGate, mic: Mic) -> None:
    mic.hears(50)
    assert sent(gate, 25) == [0] * 50


def test_an_open_mic_sends_what_it_hears_in_order(gate: MicGate, mic: Mic) -> None:
    gate.open(0.0)
    mic.hears(6)
    assert sent(gate, 3) == [1, 2, 3, 4, 5, 6]


def test_a_press_sends_the_300_ms_before_it_first(gate: MicGate, mic: Mic) -> None:
    mic.hears(100)
    gate.open(0.3)
    mic.hears(4)
    assert sent(gate, 17) == list(range(71, 105))


def test_ten_seconds_kept_without_a_line_are_all_sent(gate: MicGate, mic: Mic) -> None:
    mic.hears(1500)
    gate.open(10.0)
    assert gate.backlog == pytest.approx(10.0)
    assert sent(gate, 1) == [501, 502]


def test_no_more_than_the_memory_is_kept(gate: MicGate, mic: Mic) -> None:
    mic.hears(2000)
    gate.open(60.0)
    assert gate.backlog == pytest.approx(MEMORY)


def test_reopening_at_once_does_not_send_the_same_words_twice(gate: MicGate, mic: Mic) -> None:
    mic.hears(10)
    gate.open(0.1)
    mic.hears(2)
    gate.close()
    mic.hears(4)
    gate.open(0.3)
    mic.hears(2)
    assert sent(gate, 9) == list(range(1, 19))


def test_what_was_said_before_the_close_still_leaves_and_then_it_is_silent(gate: MicGate, mic: Mic) -> None:
    gate.open(0.0)
    mic.hears(5)
    gate.close()
    mic.hears(10)
    assert sent(gate, 5) == [1, 2, 3, 4, 5, 0, 0, 0, 0, 0]


def test_the_drain_is_told_once_when_the_last_sample_has_left(gate: MicGate, mic: Mic) -> None:
    gate.open(0.0)
    mic.hears(4)
    gate.close()
    assert gate.drained() is None
    sent(gate, 1)
    assert gate.drained() is None
    sent(gate, 1)
    assert gate.drained() == 0.0
    assert gate.drained() is None


def test_a_close_with_sound_that_waits_tells_once_how_much_and_then_the_drain(gate: MicGate, mic: Mic) -> None:
    gate.open(0.0)
    mic.hears(50)
    gate.close()
    assert [gate.drained(), gate.drained()] == [nearly(0.5), None]
    sent(gate, 25)
    assert [gate.drained(), gate.drained()] == [0.0, None]


def test_the_drain_of_one_turn_is_told_although_the_next_press_came_already(gate: MicGate, mic: Mic) -> None:
    gate.open(0.0)
    mic.hears(4)
    gate.close()
    gate.open(0.0)
    mic.hears(4)
    sent(gate, 1)
    assert gate.drained() is None
    sent(gate, 1)
    assert gate.drained() == 0.0


def test_a_mute_takes_back_what_has_not_left_yet(gate: MicGate, mic: Mic) -> None:
    mic.hears(100)
    gate.open(0.3)
    gate.close(drop=True)
    assert sent(gate, 20) == [0] * 40
    assert gate.drained() == 0.0


def test_a_pre_roll_is_caught_up_in_the_next_pause(gate: MicGate, mic: Mic) -> None:
    mic.hears(30)
    gate.open(0.3)
    for _ in range(20):
        mic.hears(2)
        assert 0 not in sent(gate, 1)
    assert gate.backlog == pytest.approx(0.3)
    for _ in range(40):
        mic.hears(2, is_silent=True)
        sent(gate, 1)
    assert gate.backlog <= 0.02


def test_catching_up_skips_only_silence(gate: MicGate, mic: Mic) -> None:
    mic.hears(30, is_silent=True)
    gate.open(0.3)
    mic.hears(20)
    mic.hears(60, is_silent=True)
    mic.hears(20)
    heard = sent(gate, 60)
    voiced = [*range(1, 51), *range(111, 131)]
    assert [number for number in heard if number in voiced] == voiced
    assert gate.skipped > 0


def test_a_block_pushed_while_the_uplink_seeks_a_pause_raises_nothing(gate: MicGate, mic: Mic) -> None:
    class Silence:
        """The audio thread takes in a block just when the line's thread asks."""

        def __bool__(self) -> bool:
            mic.hears(1)
            return True

    gate.open(0.0)
    for _ in range(12):
        gate.push(numbered(0), is_silent=cast(bool, Silence()))
    assert sent(gate, 1) == [0, 0]
    mic.hears(1)
    assert mic.number in sent(gate, 60)


def test_a_mic_that_has_nothing_ready_is_counted_but_not_before_the_first_sound(gate: MicGate, mic: Mic) -> None:
    gate.open(0.0)
    sent(gate, 3)
    assert gate.underruns == 0
    mic.hears(2)
    sent(gate, 2)
    assert gate.underruns == 1


def test_a_line_that_never_pulls_costs_no_more_than_the_memory(gate: MicGate, mic: Mic) -> None:
    gate.open(0.0)
    mic.hears(3000)
    assert gate.backlog == pytest.approx(MEMORY)


actions = st.lists(
    st.one_of(
        st.tuples(st.just("hear"), st.integers(1, 40)),
        st.tuples(st.just("open"), st.integers(0, 60)),
        st.tuples(st.just("close"), st.booleans()),
        st.tuples(st.just("pull"), st.integers(1, 20)),
    ),
    max_size=60,
)


@given(actions)
def test_nothing_leaves_that_was_not_allowed_to_and_no_sound_twice(script: list[tuple[str, int]]) -> None:
    gate = MicGate()
    mic = Mic(gate)
    allowed: set[int] = set()
    silent: set[int] = set()
    left: list[int] = []
    for action, amount in script:
        match action:
            case "hear":
                first = mic.number + 1
                mic.hears(amount, is_silent=amount % 3 == 0)
                silent.update(range(first, mic.number + 1) if amount % 3 == 0 else ())
                if gate.is_open:
                    allowed.update(range(first, mic.number + 1))
            case "open":
                if not gate.is_open:
                    allowed.update(range(max(1, mic.number - amount + 1), mic.number + 1))
                gate.open(amount / 100)
            case "close":
                gate.close(drop=bool(amount))
                if not amount:
                    continue
                assert sent(gate, 1) == [0, 0]
            case _:
                left.extend(number for number in sent(gate, amount) if number)
    assert set(left) <= allowed
    assert left == sorted(left)
    sounds = [number for number in left if number not in silent]
    assert len(sounds) == len(set(sounds))


def test_a_soft_consonant_right_before_a_sound_is_never_skipped(gate: MicGate, mic: Mic) -> None:
    mic.hears(30)
    gate.open(0.3)
    mic.hears(20, is_silent=True)
    mic.hears(20)
    heard = sent(gate, 40)
    assert [number for number in heard if 43 <= number <= 70] == list(range(43, 71))


def test_a_heard_block_is_in_a_packet_within_30_ms(gate: MicGate, mic: Mic) -> None:
    gate.open(0.0)
    waited = []
    for block in range(1, 6_001):
        mic.hears(1, is_silent=block % 200 > 150)
        if block % 2 == 0:
            waited += [block - number for number in sent(gate, 1) if number]
    assert max(waited) * 0.01 <= 0.03
