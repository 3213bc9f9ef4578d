"""What leaves the machine, and what does not."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tests.support.each import each
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


def test_reopening_at_once_does_not_send_the_same_words_twice(gate: MicGate, mic: Mic) -> None:
    mic.hears(10)
    gate.open(0.1)
    mic.hears(2)
    gate.close()
    mic.hears(4)
    gate.open(0.3)
    mic.hears(2)
    assert sent(gate, 9) == list(range(1, 19))


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


def test_a_heard_block_is_in_a_packet_within_30_ms(gate: MicGate, mic: Mic) -> None:
    gate.open(0.0)
    waited = []
    for block in range(1, 6_001):
        mic.hears(1, is_silent=block % 200 > 150)
        if block % 2 == 0:
            waited += [block - number for number in sent(gate, 1) if number]
    assert max(waited) * 0.01 <= 0.03


def test_only_an_open_mic_sends_and_a_press_sends_300_ms_before_it_first(gate: MicGate, mic: Mic) -> None:
    mic.hears(100)
    assert sent(gate, 25) == [0] * 50
    gate.open(0.3)
    mic.hears(4)
    gate.close()
    mic.hears(10)
    assert sent(gate, 18) == [*range(71, 105), 0, 0]


@each(("heard", "pre_roll", "waits"), [(1_500, 10.0, 10.0), (2_000, 60.0, MEMORY)])
def test_what_is_kept_without_a_connection_is_sent_as_far_as_the_memory_goes(
    heard: int, pre_roll: float, waits: float
) -> None:
    mic = Mic(MicGate())
    mic.hears(heard)
    mic.gate.open(pre_roll)
    assert mic.gate.backlog == pytest.approx(waits)
    first = heard - round(waits * 100) + 1
    assert sent(mic.gate, 1) == [first, first + 1]
    mic.hears(3_000)
    assert mic.gate.backlog == pytest.approx(MEMORY)


@pytest.mark.parametrize("is_pressed_again", [False, True])
def test_a_drain_is_reported_once_when_the_last_sample_has_left(
    gate: MicGate, mic: Mic, is_pressed_again: bool
) -> None:
    gate.open(0.0)
    mic.hears(4)
    gate.close()
    if is_pressed_again:
        gate.open(0.0)
        mic.hears(4)
    drained = [gate.drained()]
    for _ in range(2):
        sent(gate, 1)
        drained.append(gate.drained())
    assert [*drained, gate.drained()] == [None, None, 0.0, None]


def test_a_close_with_sound_that_waits_tells_once_how_much_and_then_the_drain(gate: MicGate, mic: Mic) -> None:
    gate.open(0.0)
    mic.hears(50)
    gate.close()
    assert [gate.drained(), gate.drained()] == [nearly(0.5), None]
    sent(gate, 25)
    assert [gate.drained(), gate.drained()] == [0.0, None]


def test_catching_up_skips_silence_but_no_soft_consonant_right_before_a_sound(gate: MicGate, mic: Mic) -> None:
    mic.hears(30)
    gate.open(0.3)
    mic.hears(20)
    mic.hears(60, is_silent=True)
    mic.hears(20)
    heard = [number for number in sent(gate, 65) if number]
    assert [number for number in heard if number <= 50 or number > 102] == [*range(1, 51), *range(103, 131)]
    assert gate.skipped > 0
