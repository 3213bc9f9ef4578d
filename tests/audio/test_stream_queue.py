"""The playback queue: what was played is known to the sample, a flush is final, and a slow service does not stutter."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from voicechat.audio.stream_queue import Emptied, Mark, Played, StreamQueue

BLOCK = 480


def ramp(samples: int, start: int = 1) -> NDArray[np.int16]:
    return (start + np.arange(samples)).astype(np.int16)


def loud(seconds: float) -> NDArray[np.int16]:
    return np.full(round(48_000 * seconds), 1_000, np.int16)


class Loudspeaker:
    """Pulls 10 ms at a time and keeps what it got, and what the queue told."""

    def __init__(self, limit: float = 600.0) -> None:
        self.marks: list[Mark] = []
        self.queue = StreamQueue(self.marks.append, limit)
        self.now = 100.0

    def play(self, seconds: float) -> NDArray[np.int16]:
        blocks = []
        for _ in range(round(seconds * 100)):
            blocks.append(self.queue.pull(self.now, BLOCK))
            self.now += 0.01
        return np.concatenate(blocks) if blocks else np.zeros(0, np.int16)

    def last_clock(self) -> tuple[str, float, float, bool]:
        """Item, seconds played, since when the speaker runs, whether it goes on."""
        last = [mark for mark in self.marks if isinstance(mark, Played)][-1]
        return last.item_id, round(last.seconds, 3), round(last.at - 100.0, 3), last.moving

    def times_emptied(self) -> int:
        return sum(isinstance(mark, Emptied) for mark in self.marks)


def test_what_came_is_played_in_order_and_to_the_last_sample() -> None:
    speaker = Loudspeaker()
    speaker.queue.add(1, "a", ramp(3_000))
    speaker.queue.add(1, "a", ramp(2_000, 3_001))
    speaker.queue.end(1, "a")
    heard = speaker.play(0.2)
    assert heard[heard != 0].tolist() == list(range(1, 5_001))
    assert speaker.last_clock() == ("a", 0.104, 0.104, False)


def test_running_empty_is_told_once_and_only_after_sound() -> None:
    speaker = Loudspeaker()
    speaker.play(0.1)
    assert speaker.marks == []
    speaker.queue.add(1, "a", loud(0.1))
    speaker.queue.end(1, "a")
    speaker.play(0.3)
    assert speaker.times_emptied() == 1
    speaker.queue.add(1, "b", loud(0.1))
    speaker.play(0.3)
    assert speaker.times_emptied() == 2


def test_a_flush_is_at_once_and_what_comes_late_of_the_same_answer_is_never_played() -> None:
    speaker = Loudspeaker()
    speaker.queue.add(1, "a", loud(1.0))
    assert speaker.play(0.2).any()
    speaker.queue.flush()
    assert speaker.last_clock() == ("a", 0.2, 0.19, False)
    speaker.queue.add(1, "a", loud(1.0))
    assert not speaker.play(0.5).any()
    assert speaker.queue.queued == pytest.approx(0.0, abs=0.01)
    speaker.queue.add(2, "b", loud(0.1))
    assert speaker.play(0.1).any()


def test_an_answer_that_was_only_announced_is_flushed_too() -> None:
    speaker = Loudspeaker()
    speaker.queue.begin(1)
    speaker.queue.flush()
    speaker.queue.add(1, "a", loud(0.5))
    assert not speaker.play(0.5).any() and speaker.queue.is_dead(1)


def test_each_item_has_its_own_clock() -> None:
    speaker = Loudspeaker()
    speaker.queue.add(1, "a", loud(0.25))
    speaker.queue.end(1, "a")
    speaker.queue.add(2, "b", loud(1.0))
    speaker.play(0.5)
    told = [mark for mark in speaker.marks if isinstance(mark, Played)]
    assert max(mark.seconds for mark in told if mark.item_id == "a") == pytest.approx(0.25)
    speaker.queue.flush()
    assert speaker.last_clock() == ("b", 0.25, 0.49, False)


def test_the_clock_is_told_ten_times_a_second_and_is_never_ahead_of_what_left() -> None:
    speaker = Loudspeaker()
    speaker.queue.add(1, "a", loud(2.0))
    speaker.play(1.0)
    told = [mark for mark in speaker.marks if isinstance(mark, Played)]
    assert 10 <= len(told) <= 12 and all(mark.moving for mark in told)
    assert all(mark.seconds == pytest.approx(mark.at - 100.0) for mark in told)


def test_small_live_pieces_start_after_a_cushion_and_play_unbroken() -> None:
    speaker = Loudspeaker()
    heard = []
    for turn in range(200):
        if turn % 2 == 0 and turn % 10 != 8:  # 20 ms each 20 ms, every fifth late
            for _ in range(2 if turn % 10 == 0 and turn else 1):
                speaker.queue.add(1, "a", loud(0.02))
        heard.append(speaker.play(0.01))
    assert not heard[0].any()
    later = np.concatenate(heard[100:])
    assert np.count_nonzero(later) == later.size


def test_a_short_answer_is_not_held_back_by_the_cushion() -> None:
    speaker = Loudspeaker()
    speaker.queue.add(1, "a", loud(0.01))
    speaker.queue.end(1, "a")
    assert speaker.play(0.01).any()


def test_a_whole_answer_at_once_begins_with_the_next_block() -> None:
    speaker = Loudspeaker()
    speaker.play(0.5)
    speaker.queue.add(1, "a", loud(3.0))
    assert speaker.play(0.01).all()


def test_an_endless_answer_does_not_eat_the_memory() -> None:
    speaker = Loudspeaker(limit=2.0)
    took = [speaker.queue.add(1, "a", loud(0.5)) for _ in range(10)]
    assert took == [True] * 4 + [False] * 6 and speaker.queue.is_full
    speaker.play(1.0)
    assert speaker.queue.add(1, "a", loud(0.5)) and speaker.queue.queued == pytest.approx(1.5, abs=0.02)


def test_a_flush_from_another_thread_never_lets_old_sound_through() -> None:
    speaker = Loudspeaker()
    stop = threading.Event()
    dead_through = [0]
    too_late: list[tuple[int, int]] = []

    def pull() -> None:
        while not stop.is_set():
            dead = dead_through[0]  # read before the block is taken: these were flushed for certain
            block = speaker.queue.pull(0.0, BLOCK)
            too_late.extend((dead, int(value)) for value in np.unique(block[block != 0]) if value <= dead)

    puller = threading.Thread(target=pull)
    puller.start()
    for answer in range(1, 200):
        speaker.queue.add(answer, f"i{answer}", np.full(4_800, answer, np.int16))
        if answer % 2:
            speaker.queue.flush()
            dead_through[0] = answer
            speaker.queue.add(answer, f"i{answer}", np.full(4_800, answer, np.int16))
    stop.set()
    puller.join()
    assert not too_late


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("add"), st.integers(1, 5), st.integers(0, 4_000)),
            st.tuples(st.just("pull"), st.integers(1, 30), st.just(0)),
            st.tuples(st.just("flush"), st.just(0), st.just(0)),
            st.tuples(st.just("end"), st.integers(1, 5), st.just(0)),
        ),
        max_size=60,
    )
)
def test_never_more_is_played_of_an_item_than_came_of_it(steps: list[tuple[str, int, int]]) -> None:
    speaker = Loudspeaker()
    came: dict[str, int] = {}
    for kind, number, samples in steps:
        match kind:
            case "add":
                came[f"i{number}"] = came.get(f"i{number}", 0) + samples
                speaker.queue.add(number, f"i{number}", loud(samples / 48_000))
            case "pull":
                speaker.play(number / 100)
            case "flush":
                speaker.queue.flush()
            case _:
                speaker.queue.end(number, f"i{number}")
        assert speaker.queue.queued >= 0.0
        for mark in speaker.marks:
            if isinstance(mark, Played):
                assert 0.0 <= mark.seconds <= came[mark.item_id] / 48_000 + 1e-9
