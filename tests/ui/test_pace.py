"""How often the screen repaints, and when it does so at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.talk_views import FREE, OPEN, PTT
from voicechat.core.view import ReplyView, TurnView, View, counts_anew
from voicechat.ui.pace import Circumstances, is_urgent, unhurried
from voicechat.ui.screens.slices import still_connection


@pytest.mark.parametrize(
    ("now", "rate"),
    [
        (Circumstances(), 12),
        (Circumstances(remote=True), 6),
        (Circumstances(calm=True), 4),
        (Circumstances(away=True), 2),
        (Circumstances(away=True, remote=True), 2),
    ],
)
def test_the_pace_follows_the_circumstances(now: Circumstances, rate: float) -> None:
    assert now.rate == rate


def test_what_the_user_must_see_at_once_is_urgent_and_figures_are_not() -> None:
    view = View(PTT, ReplyView("ready"), OPEN)
    assert is_urgent(view, replace(view, mic=FREE))
    assert is_urgent(view, replace(view, reply=ReplyView("speaking")))
    assert is_urgent(view, replace(view, connection=replace(OPEN, phase="lost")))
    assert not is_urgent(view, replace(view, mic=replace(PTT, seconds=3.0), reply=ReplyView("ready", 2.0)))


def test_a_clock_that_is_shown_in_seconds_makes_a_new_state_once_a_second() -> None:
    def at(seconds: float) -> View:
        line = replace(OPEN, seconds=seconds, session_seconds=seconds)
        return unhurried(View(replace(FREE, seconds=seconds), ReplyView("ready", seconds), line))

    assert at(4.0) == at(4.9)
    assert at(4.9) != at(5.0)


def test_a_clock_that_is_shown_in_tenths_keeps_them() -> None:
    view = View(
        replace(PTT, state="held", seconds=1.4), ReplyView("speaking", 2.3), replace(OPEN, phase="lost", seconds=3.7)
    )
    assert unhurried(view) == replace(view, connection=replace(view.connection, session_seconds=252.0))


def test_words_that_come_further_count_no_turn_anew_and_everything_else_does() -> None:
    turn = TurnView("1", "assistant", text="Hel", rest="lo", partial=True, spoken=0.2)
    assert not counts_anew(turn, replace(turn, text="Hello", rest="", spoken=0.4))
    assert counts_anew(None, turn)
    assert counts_anew(turn, replace(turn, partial=False))
    assert counts_anew(turn, replace(turn, latency=0.4))
    note = TurnView("2", "note", text="a")
    assert counts_anew(note, replace(note, text="b"))


def test_widgets_without_a_clock_see_the_same_line_for_as_long_as_it_holds() -> None:
    later = replace(OPEN, seconds=9.0, session_seconds=300.0)
    assert still_connection(OPEN) == still_connection(later)
    assert still_connection(OPEN) != still_connection(replace(OPEN, phase="lost"))
