"""A written answer on the screen: blocks when it is whole, and copied as it was written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.scenes import WRITTEN
from tests.support.screen import lines, showing, text, until
from voicechat.core.view import TurnView
from voicechat.ui.options import UiOptions
from voicechat.ui.widgets.turn import Turn

CODE = "Try this:\n\n```python\nif x:\n\treturn **y**\n```\nThat is *all*."
ANSWER = TurnView("a", "assistant", 3, CODE, written=True)


async def test_a_whole_written_answer_is_shown_in_blocks() -> None:
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        engine.say(ANSWER)
        await until(pilot, lambda: "│ python" in text(app))
        shown = text(app)
        assert "```" not in shown and "return **y**" in shown and "That is all." in shown


async def test_while_it_grows_and_when_it_is_spoken_it_is_plain() -> None:
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        engine.say(replace(ANSWER, partial=True))
        await until(pilot, lambda: "```python" in text(app))
        engine.say(replace(ANSWER, written=False))
        await until(pilot, lambda: "▌" not in lines(app)[6] and "*all*" in text(app))
        assert "```python" in text(app)


async def test_y_copies_the_source() -> None:
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        engine.say(ANSWER)
        await until(pilot, lambda: "│ python" in text(app))
        await pilot.press("y")
        assert app.clipboard == CODE


async def test_what_the_mouse_selects_is_the_source_under_it() -> None:
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        engine.say(ANSWER)
        await until(pilot, lambda: "│ python" in text(app))
        turn = app.talk.query_one(Turn)
        rows = [strip.text for strip in turn.render_lines(turn.region.reset_offset)]
        first = next(y for y, row in enumerate(rows) if "if x" in row)
        await pilot.mouse_down(turn, offset=(rows[first].index("if x"), first))
        last = next(y for y, row in enumerate(rows) if "That is" in row)
        await pilot.hover(turn, offset=(rows[last].index("is all") + 2, last))
        await pilot.mouse_up(turn, offset=(rows[last].index("is all") + 2, last))
        assert (app.screen.get_selected_text() or "").startswith("if x:\n\treturn **y**\n```\nThat is")
        marked = [s.text for strip in turn.render_lines(turn.region.reset_offset) for s in strip if s.text == "if x:"]
        assert marked


async def test_a_cut_written_answer_is_plain_and_tells_the_cut() -> None:
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        engine.say(replace(ANSWER, cut_by="you", cut_at=2.0))
        await until(pilot, lambda: "you stopped it at 2.0 s" in text(app))
        assert "```python" in text(app)


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 36), (180, 50)])
async def test_blocks_are_right_at_every_size_and_in_ascii(size: tuple[int, int]) -> None:
    async with showing("ptt", size, UiOptions(ascii=True, theme="daylight")) as (app, engine, pilot):
        engine.say(replace(ANSWER, text=WRITTEN))
        await until(pilot, lambda: "HTML" in text(app))
        turn = app.talk.query_one(Turn)
        strips = turn.render_lines(turn.region.reset_offset)
        assert {strip.cell_length for strip in strips} == {turn.size.width}
        assert turn.size.height == len(strips)
        assert not any(glyph in strip.text for strip in strips for glyph in "│›•┼─▎")


async def test_links_and_markup_are_inert() -> None:
    hostile = "[x](javascript:alert(1)) [@click=app.quit]this[/] \x1b]8;;http://e\x07y\x1b]8;;\x07 **z**"
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        engine.say(replace(ANSWER, text=hostile))
        await until(pilot, lambda: "[@click=app.quit]this[/]" in text(app))
        for strip in app.screen._compositor.render_strips():
            for segment in strip:
                assert segment.style is None or (segment.style.link is None and "@click" not in segment.style.meta)
                assert "\x1b" not in segment.text
