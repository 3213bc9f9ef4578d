"""What is painted again, and what is not: a terminal over a slow line sees only what has changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from textual.geometry import Region
from textual.screen import Screen
from textual.widget import Widget

from tests.support.screen import at_rest, lines, showing, text, until
from tests.support.talk_views import FREE, OPEN
from voicechat.core.view import TurnView, View
from voicechat.engine.link import Meters, Turns
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
        engine.show(View(FREE, connection=replace(OPEN, session_seconds=100.0)), Meters(input=-20))
        await until(pilot, lambda: "1:40" in text(app) and "−20 dB" in text(app))
        before = len(dirty(HeaderLine))
        for tenth in range(1, 6):
            engine.show(
                View(FREE, connection=replace(OPEN, session_seconds=100 + tenth / 10)), Meters(input=-20 - tenth)
            )
            await until(pilot, lambda tenth=tenth: f"−{20 + tenth} dB" in text(app))  # type: ignore[misc]
        assert len(dirty(HeaderLine)) == before
        engine.show(View(FREE, connection=replace(OPEN, session_seconds=101.0)), Meters(input=-20))
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
