"""The playback queue: what was played is known to the sample, a flush is final, and a slow service does not stutter."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from voicechat.audio.stream_queue import Emptied, Mark, Played, StreamQueue

BLOCK = 480


def loud(seconds: float) -> NDArray[np.int16]:
    return np.full(round(48_000 * seconds), 1_000, np.int16)


class Loudspeaker:
    """Pulls 10 ms at a time and keeps what it got, and what the queue told."""

    def __init__(self, limit: float = 600.0) -> None:
        self.marks: list[Mark] = []
        self.queue = StreamQueue(self.marks.append, limit)
        self.now = 100.0

    def play(self, seconds: float) -> NDArray[np.int16]:
        blocks = [np.zeros(0, np.int16)]
        for _ in range(round(seconds * 100)):
            blocks.append(self.queue.pull(self.now, BLOCK))
            self.now += 0.01
        return np.concatenate(blocks)

    def clock(self) -> list[Played]:
        return [mark for mark in self.marks if isinstance(mark, Played)]

    def last_clock(self) -> tuple[str, float, float, bool]:
        """Item, seconds played, since when the speaker runs, whether it goes on."""
        last = self.clock()[-1]
        return last.item_id, round(last.seconds, 3), round(last.at - 100.0, 3), last.moving

    def times_emptied(self) -> int:
        return sum(isinstance(mark, Emptied) for mark in self.marks)


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
        for mark in speaker.clock():
            assert 0.0 <= mark.seconds <= came[mark.item_id] / 48_000 + 1e-9


def test_sound_is_played_in_order_to_the_last_sample_and_each_item_has_its_own_clock() -> None:
    speaker = Loudspeaker()
    for item, first, last in (("a", 1, 3_000), ("a", 3_001, 5_000), ("b", 5_001, 29_000)):
        speaker.queue.add(1, item, np.arange(first, last + 1).astype(np.int16))
        if last == 5_000:
            speaker.queue.end(1, "a")
    heard = speaker.play(0.5)
    assert heard[heard != 0].tolist() == list(range(1, heard[-1] + 1))
    assert max(mark.seconds for mark in speaker.clock() if mark.item_id == "a") == pytest.approx(5_000 / 48_000)
    speaker.queue.end(1, "b")
    speaker.play(0.2)
    assert speaker.last_clock() == ("b", 0.5, 0.604, False)


def test_running_empty_is_reported_once_and_only_after_sound() -> None:
    speaker = Loudspeaker()
    speaker.play(0.1)
    assert speaker.marks == []
    for times, item in enumerate("ab", start=1):
        speaker.queue.add(1, item, loud(0.1))
        speaker.queue.end(1, item)
        speaker.play(0.3)
        assert speaker.times_emptied() == times


def test_a_flush_is_at_once_and_late_sound_of_the_same_response_is_never_played() -> None:
    speaker = Loudspeaker()
    speaker.queue.add(1, "a", loud(1.0))
    assert speaker.play(0.2).any()
    speaker.queue.flush()
    assert speaker.last_clock() == ("a", 0.2, 0.19, False)
    speaker.queue.begin(2)
    speaker.queue.flush()  # one that was only announced
    for response, item in ((1, "a"), (2, "b")):
        speaker.queue.add(response, item, loud(1.0))
        assert not speaker.play(0.5).any() and speaker.queue.is_dead(response)
    assert speaker.queue.queued == pytest.approx(0.0, abs=0.01)
    speaker.queue.add(3, "c", loud(0.1))
    assert speaker.play(0.1).any()


def test_the_clock_is_told_ten_times_a_second_and_is_never_ahead_of_what_left() -> None:
    speaker = Loudspeaker()
    speaker.queue.add(1, "a", loud(2.0))
    speaker.play(1.0)
    assert 10 <= len(speaker.clock()) <= 12 and all(mark.moving for mark in speaker.clock())
    assert all(mark.seconds == pytest.approx(mark.at - 100.0) for mark in speaker.clock())


def test_neither_a_short_response_nor_a_whole_one_waits_for_the_cushion() -> None:
    for seconds in (0.01, 3.0):
        speaker = Loudspeaker()
        speaker.play(0.5)
        speaker.queue.add(1, "a", loud(seconds))
        if seconds < 1.0:
            speaker.queue.end(1, "a")
        assert speaker.play(0.01).all()
