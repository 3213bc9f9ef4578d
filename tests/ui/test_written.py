"""Written answers: Markdown is laid out, hostile text is inert, and `y` copies the source."""

from __future__ import annotations

import time

from hypothesis import example, given, strategies as st
from msgspec.structs import replace
from rich.cells import cell_len

from tests.support.each import each
from tests.support.scenes import WRITTEN
from tests.support.screen import at_rest, lines, showing, text, until
from voicechat.core.view import TurnView
from voicechat.ui.options import UiOptions
from voicechat.ui.paint import Palette
from voicechat.ui.sanitise import clean
from voicechat.ui.widgets.markdown import markdown_content
from voicechat.ui.widgets.turn import Turn

COLORS = dict.fromkeys(("foreground", "background", "surface", "quiet", "assistant"), "#888888")
PALETTE = Palette(COLORS, ascii_only=False, mono=False)


def rows_of(text: str, width: int = 60) -> list[str]:
    return [row.rstrip() for row in markdown_content(clean(text), PALETTE, width).plain.split("\n")]


LAID_OUT = {
    "**bold** and *slanted*, ~~gone~~": ["bold and slanted, gone"],
    "2 * 3 * 4 and snake_case_name, **never closed": ["2 * 3 * 4 and snake_case_name, **never closed"],
    "one line\nand another": ["one line", "and another"],
    "<b>HTML</b> &amp; <script>": ["<b>HTML</b> &amp; <script>"],
    "[@click=app.quit]free[/]": ["[@click=app.quit]free[/]"],
    "see [the *manual*](https://x.org/Rust_(lang))": ["see the manual (https://x.org/Rust_(lang))"],
    "[x](javascript:alert(1))": ["[x](javascript:alert(1))"],
    "![a](http://x.org/y)": ["!a (http://x.org/y)"],
    "```python\nif x:\n\t**y** = [1](2)\n\n# no title\n```": [
        "python",
        "if x:",
        "    **y** = [1](2)",
        "",
        "# no title",
    ],
    "~~~\na\n```\nb": ["code", "a", "```", "b"],
    "a | b\nc | d": ["a | b", "c | d"],
}


@each(("source", "rows"), LAID_OUT.items())
def test_what_is_shown_of_a_source(source: str, rows: list[str]) -> None:
    assert rows_of(source) == rows


MARKS = st.sampled_from(
    ["*", "**", "_", "`", "```", "\n", "\n```\n", "# ", "- ", "1. ", "> ", "|", "\n|-|-|\n", "[a](b)", "~~", "\\", "\t",
     "  ", "word", "窓際", "👨‍👩‍👧", "🇯🇵", "✔️", "e\u0301", "नि", "\x1b[2J", "\u202e", "<b>"]
)  # fmt: skip
TEXTS = st.lists(MARKS | st.text(max_size=5), max_size=40).map("".join)


@given(TEXTS, st.integers(8, 92))
@example(WRITTEN, 8)
@example(WRITTEN, 60)
def test_no_row_is_wider_than_the_screen(text: str, width: int) -> None:
    assert all(cell_len(row) <= width for row in rows_of(text, width))


MANY = {"*": 15_000, "**a ": 4_000, "[": 15_000, "`a": 8_000, "|a": 8_000, "> ": 8_000, "- ": 8_000, "_a": 8_000,
        "\\": 15_000, "**a \n": 3_000}  # fmt: skip


@each(("mark", "count"), MANY.items())
def test_hostile_marks_cost_no_more_than_their_length(mark: str, count: int) -> None:
    began = time.process_time()
    rows_of(mark * count)
    assert time.process_time() - began < 1.5, "a hundred times what it takes"


CODE = "Try this:\n\n```python\nif x:\n\treturn **y**\n```\nThat is *all*."
ANSWER = TurnView("a", "assistant", 3, CODE, written=True)


async def test_a_whole_written_answer_is_shown_in_blocks_and_copied_as_its_source() -> None:
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        engine.say(replace(ANSWER, partial=True))
        await until(pilot, lambda: "```python" in text(app))
        engine.say(ANSWER)
        await until(pilot, lambda: "That is all." in text(app))
        assert "```" not in text(app) and "return **y**" in text(app)
        await pilot.press("y")
        assert app.clipboard == CODE


async def test_a_spoken_and_an_interrupted_answer_stay_plain() -> None:
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        engine.say(replace(ANSWER, written=False))
        await until(pilot, lambda: "▌" not in lines(app)[6] and "*all*" in text(app))
        assert "```python" in text(app)
        engine.say(replace(ANSWER, cut_by="you", cut_at=2.0))
        await until(pilot, lambda: "you stopped it at 2.0 s" in text(app))
        assert "```python" in text(app)


async def test_blocks_are_right_at_every_size_and_in_ascii() -> None:
    async with showing("ptt", (120, 36), UiOptions(ascii=True, theme="daylight")) as (app, engine, pilot):
        engine.say(replace(ANSWER, text=WRITTEN))
        for size in ((60, 16), (80, 24), (120, 36), (180, 50)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda: "HTML" in text(app))
            await at_rest(pilot)
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
