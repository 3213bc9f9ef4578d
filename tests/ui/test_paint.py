"""How often the screen repaints, and what: a terminal over a slow connection sees only what has changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace
from textual.geometry import Region
from textual.screen import Screen
from textual.widget import Widget

from tests.support.scenes import FREE, OPEN, PTT
from tests.support.screen import at_rest, lines, showing, text, until
from voicechat.core.view import ReplyView, TurnView, View, counts_anew
from voicechat.engine.link import Meters, Snapshot, Turns
from voicechat.ui.pace import is_urgent, still_connection, unhurried
from voicechat.ui.widgets.deck import Deck
from voicechat.ui.widgets.header_line import HeaderLine


@pytest.fixture
def dirty(monkeypatch: pytest.MonkeyPatch) -> Callable[[type[Widget]], list[Region]]:
    """The rows of a kind of widget that were given to the compositor."""
    seen: list[tuple[Widget, Region]] = []
    refresh = Widget.refresh

    def watched(self: Widget, *regions: Region, **how: bool) -> Widget:
        seen.extend((self, region) for region in regions or (self.size.region,))
        return refresh(self, *regions, **how)

    monkeypatch.setattr(Widget, "refresh", watched)
    return lambda kind: [region for widget, region in seen if isinstance(widget, kind)]


async def test_a_clock_that_reads_the_same_is_not_painted_again(dirty: Callable[[type[Widget]], list[Region]]) -> None:
    async with showing("held", (120, 36)) as (app, engine, pilot):
        engine.deliver(Snapshot(View(FREE, connection=OPEN), Meters(input=-20), t=100.0))
        await until(pilot, lambda: "1:40" in text(app) and "−20 dB" in text(app))
        before = len(dirty(HeaderLine))
        for tenth in range(1, 6):
            clocks = replace(OPEN, session_seconds=OPEN.session_seconds + tenth / 10)
            engine.deliver(Snapshot(View(FREE, connection=clocks), Meters(input=-20 - tenth), t=100 + tenth / 10))
            await until(pilot, lambda tenth=tenth: f"−{20 + tenth} dB" in text(app))  # type: ignore[misc]
        assert len(dirty(HeaderLine)) == before
        engine.deliver(Snapshot(View(FREE, connection=OPEN), Meters(input=-20), t=101.0))
        await until(pilot, lambda: "1:41" in lines(app)[0])


async def test_a_moving_meter_repaints_its_row_alone(dirty: Callable[[type[Widget]], list[Region]]) -> None:
    async with showing("held", (120, 36)) as (app, engine, pilot):
        engine.show(View(FREE, connection=OPEN), Meters(input=-20))
        await until(pilot, lambda: "−20 dB" in text(app))
        before = len(dirty(Deck))
        engine.show(View(FREE, connection=OPEN), Meters(input=-50))
        await until(pilot, lambda: "−50 dB" in text(app))
        assert {region.y for region in dirty(Deck)[before:]} == {1}


async def test_words_that_fit_into_the_row_lay_nothing_out_and_longer_ones_do(monkeypatch: pytest.MonkeyPatch) -> None:
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        engine.deliver(Turns((TurnView("a9", "assistant", text="so", partial=True),), ("a9",)))
        await until(pilot, lambda: "so" in text(app))
        laid_out = 0
        lay_out = Screen._refresh_layout

        def counted(screen: Screen[object], *args: object, **how: object) -> None:
            nonlocal laid_out
            laid_out += 1
            lay_out(screen, *args, **how)  # type: ignore[arg-type]

        await at_rest(pilot)
        monkeypatch.setattr(Screen, "_refresh_layout", counted)
        engine.deliver(Turns((TurnView("a9", "assistant", text="so it goes", partial=True),)))
        await until(pilot, lambda: "so it goes" in text(app))
        assert laid_out == 0
        engine.deliver(Turns((TurnView("a9", "assistant", text="so it goes " * 30 + "on", partial=True),)))
        await until(pilot, lambda: "on▌" in text(app))
        assert laid_out > 0


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
