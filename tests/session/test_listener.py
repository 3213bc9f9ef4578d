"""What comes over a line: in order, bounded, and with a word about what took long."""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.core import events as on
from voicechat.session.happenings import Happening
from voicechat.session.perform import MOST_EARLY, SLOW_FRAME, Listener

EVENT = '{"type": "input_audio_buffer.committed", "item_id": "i"}'


def listener(times: Iterator[float]) -> tuple[Listener, list[on.Event], list[Happening]]:
    told: list[on.Event] = []
    seen: list[Happening] = []
    return Listener(1, told.append, seen.append, lambda: next(times), lambda text: text), told, seen


def test_a_frame_that_took_long_to_read_says_so_and_counts_all_the_same() -> None:
    for took, notes in ((SLOW_FRAME, ()), (0.0634, ("took 63 ms to read",))):
        line, told, seen = listener(iter((0.0, took, 2.0)))
        line.release()
        line.on_text(EVENT)
        assert [(one.notes, one.event["item_id"]) for one in seen] == [(notes, "i")]
        assert [one.notes for one in told if isinstance(one, on.Received)] == [notes]


def test_a_server_that_floods_a_line_before_it_is_open_loses_it_and_not_our_memory() -> None:
    line, told, _ = listener(iter([0.0] * 3 * MOST_EARLY))
    for _ in range(MOST_EARLY + 500):
        line.on_text(EVENT)
    assert told == []
    line.release()
    assert len(told) == MOST_EARLY + 1
    assert told[-1] == on.LineLost(1, "more than 5,000 events came before the line was open")
