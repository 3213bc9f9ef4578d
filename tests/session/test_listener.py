"""What comes over a line: in order, bounded, and with a word about what took long."""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.core import events as on
from voicechat.session.happenings import Happening
from voicechat.session.perform import MAX_EVENTS_BEFORE_OPEN, SLOW_FRAME, Listener

EVENT = '{"type": "input_audio_buffer.committed", "item_id": "i"}'


def listener(times: Iterator[float]) -> tuple[Listener, list[on.Event], list[Happening]]:
    told: list[on.Event] = []
    seen: list[Happening] = []
    return Listener(1, told.append, seen.append, lambda: next(times), lambda text: text), told, seen


def test_frame_read_in_over_50_ms_is_noted_and_processed() -> None:
    for took, notes in ((SLOW_FRAME, ()), (0.0634, ("took 63 ms to read",))):
        line, told, seen = listener(iter((0.0, took, 2.0)))
        line.release()
        line.on_text(EVENT)
        assert [(one.notes, one.event["item_id"]) for one in seen] == [(notes, "i")]
        assert [one.notes for one in told if isinstance(one, on.Received)] == [notes]


def test_flood_before_the_connection_is_open_loses_the_connection() -> None:
    line, told, _ = listener(iter([0.0] * 3 * MAX_EVENTS_BEFORE_OPEN))
    for _ in range(MAX_EVENTS_BEFORE_OPEN + 500):
        line.on_text(EVENT)
    assert told == []
    line.release()
    assert len(told) == MAX_EVENTS_BEFORE_OPEN + 1
    assert told[-1] == on.LineLost(1, "more than 5,000 events came before the line was open")
