"""The end of a hold, told by the terminal or guessed from key repeat."""

from __future__ import annotations

from voicechat.core.events import FocusLost, TalkPressed, TalkRejoined, TalkReleased, TalkTapped, UserEvent
from voicechat.ui.hold import HoldDetector, HoldTiming, is_remote

PRESS, RELEASE, GUESSED = TalkPressed(), TalkReleased(), TalkReleased(inferred=True)


def run(detector: HoldDetector, presses: list[float], until: float) -> list[tuple[float, UserEvent]]:
    """Feed press bytes at these times, ticking at every deadline in between."""
    told: list[tuple[float, UserEvent]] = []
    for at in [*presses, until]:
        while (due := detector.deadline()) is not None and due < at:
            told += [(round(due, 3), event) for event in detector.tick(due)]
        if at != until:
            told += [(round(at, 3), event) for event in detector.press(at)]
    return told


def hold(start: float, seconds: float, delay: float, interval: float) -> list[float]:
    """Times of the bytes a terminal sends for a key held so long."""
    times, at = [start], start + delay
    while at < start + seconds:
        times.append(at)
        at += interval
    return times


def test_a_hold_is_released_shortly_after_its_last_repeat() -> None:
    presses = hold(0.0, 3.0, 0.5, 0.033)
    told = run(HoldDetector(), presses, 5.0)
    assert [event for _, event in told] == [PRESS, GUESSED]
    assert 0.17 < told[1][0] - presses[-1] < 0.19


def test_the_slow_repeat_of_macos_is_no_release() -> None:
    told = run(HoldDetector(), hold(0.0, 3.0, 0.375, 0.09), 5.0)
    assert [event for _, event in told] == [PRESS, GUESSED]
    assert told[1][0] > 2.9


def test_a_repeat_that_was_late_takes_the_release_back() -> None:
    presses = hold(0.0, 2.0, 0.5, 0.033)
    late = presses[-1] + 0.3
    told = run(HoldDetector(), [*presses, late, late + 0.033, late + 0.066], late + 2)
    assert [event for _, event in told] == [PRESS, GUESSED, TalkRejoined(), GUESSED]


def test_a_press_without_a_repeat_is_a_tap_after_0_8_seconds_and_the_next_one_a_press() -> None:
    told = run(HoldDetector(), [0.0, 2.0], 4.0)
    assert told == [(0.0, PRESS), (0.8, TalkTapped()), (2.0, PRESS), (2.8, TalkTapped())]


def test_a_spent_press_swallows_its_own_repeats() -> None:
    detector = HoldDetector()
    assert detector.press(0.0, talks=False) == ()
    assert run(detector, hold(0.5, 1.0, 0.033, 0.033), 1.6) == []
    assert run(detector, [3.0], 3.1) == [(3.0, PRESS)]


def test_the_gap_is_remembered_for_the_next_hold() -> None:
    detector = HoldDetector()
    run(detector, hold(0.0, 3.0, 0.4, 0.092), 5.0)
    told = run(detector, hold(10.0, 0.45, 0.4, 0.092), 12.0)
    assert [event for _, event in told] == [PRESS, GUESSED]
    assert told[1][0] - 10.4 > 0.3


def test_over_ssh_clumps_of_repeats_are_one_hold() -> None:
    detector = HoldDetector(HoldTiming.over_network())
    clumps = [0.0, *(0.6 + 0.3 * n + k * 0.005 for n in range(8) for k in range(9))]
    told = run(detector, clumps, 5.0)
    assert [event for _, event in told] == [PRESS, GUESSED]
    assert is_remote({"SSH_CONNECTION": "x"}) and not is_remote({"TERM": "xterm"})


def test_a_true_release_ends_the_hold_and_nothing_is_guessed() -> None:
    detector = HoldDetector()
    detector.has_release = True
    assert detector.press(0.0) == (PRESS,)
    assert detector.deadline() is None
    assert detector.press(0.5) == ()
    assert detector.release(2.0) == (RELEASE,)
    assert detector.release(2.1) == ()


def test_losing_the_keyboard_ends_a_hold_and_only_a_hold() -> None:
    detector = HoldDetector()
    assert detector.focus_lost() == ()
    detector.press(0.0)
    assert detector.focus_lost() == (FocusLost(),)
    assert detector.deadline() is None
