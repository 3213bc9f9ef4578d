"""Times as logs write them."""

from __future__ import annotations

import pytest

from tests.support.each import each
from voicechat.diagnose.readers.timing import Clock, second_of_id, time_in, time_of, unit_of


@each(
    "line",
    ["2026-01-01T00:00:05.250Z x", "2026-01-01 00:00:05,250 x", "[2026-01-01 01:00:05.250+01:00] x"],
)
def test_dates_of_any_spelling_are_the_same_moment(line: str) -> None:
    found = time_in(line)
    assert found is not None and found[0] == pytest.approx(1767225605.25)


def test_clock_times_count_from_midnight_and_go_on_over_it() -> None:
    clock = Clock()
    told = [clock.tell(found[0]) for line in ("23:59:59.500 a", "00:00:00.250 b") if (found := time_in(line))]
    assert told == [0.0, 0.75]


def test_numbers_may_be_seconds_milliseconds_or_microseconds() -> None:
    assert {time_of(1767225605), time_of(1767225605000), time_of("1767225605000000")} == {1767225605.0}
    assert time_of(12.5) == 12.5 and time_of(True) is None and time_of("soon") is None


def test_an_id_tells_the_second_it_was_made_in() -> None:
    first, later = second_of_id("event_CZ100AAAAAAAAAAAAAAA1"), second_of_id("resp_CZ103AAAAAAAAAAAAAAA1")
    assert first is not None and later is not None and later - first == 3
    assert second_of_id("event_1") is None and second_of_id("event_zzzzzAAAAAAAAAAAAAAA1") is None


@each(
    ("times", "unit"),
    [
        ([(0.0, None), (140.0, None), (310.0, None), (480.0, None)], 1e-3),
        ([(0.0, None), (0.14, None), (0.31, None), (0.48, None)], 1.0),
        ([(0.0, 1.7e9), (900.0, 1.7e9 + 1), (2100.0, 1.7e9 + 2), (3900.0, 1.7e9 + 4)], 1e-3),
        ([(0.0, 1.7e9), (1.0, 1.7e9 + 1), (30.0, 1.7e9 + 30), (90.0, 1.7e9 + 90)], 1.0),
        ([(1.8e9, None), (1.8e9 + 60, None), (1.8e9 + 120, None), (1.8e9 + 180, None)], 1.0),
        ([(5.0, None)], 1.0),
    ],
)
def test_the_unit_of_bare_numbers_is_told_by_ids_or_by_the_steps(
    times: list[tuple[float | None, float | None]], unit: float
) -> None:
    assert unit_of(times) == unit
