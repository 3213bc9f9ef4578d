"""Written answers: marks become looks, code stays as it is, and what is copied is the source."""

from __future__ import annotations

import time
from dataclasses import replace

from hypothesis import example, given, strategies as st
from rich.cells import cell_len

from tests.support.each import each
from tests.support.scenes import WRITTEN
from tests.support.screen import at_rest, lines, showing, text, until
from voicechat.core.view import TurnView
from voicechat.ui.options import UiOptions
from voicechat.ui.sanitise import clean
from voicechat.ui.widgets.blocks import Piece, Table, Written, blocks, is_marked_up, laid_out
from voicechat.ui.widgets.turn import Turn


def shown(text: str, width: int = 60) -> list[str]:
    return ["".join(cell.text for cell in row.cells).rstrip() for row in laid_out(text, width)]


def looks(text: str) -> list[tuple[str, str]]:
    (line,) = blocks(text)
    assert isinstance(line, Written)
    return [(piece.text, piece.look) for piece in line.pieces]


INLINE = {
    "**bold** and *slanted*": [("bold", "b"), (" and ", ""), ("slanted", "i")],
    "__bold__ and _slanted_": [("bold", "b"), (" and ", ""), ("slanted", "i")],
    "**bold and *both***": [("bold and ", "b"), ("both", "bi")],
    "***both***, **not** this***": [("both", "bi"), (", ", ""), ("not", "b"), (" this***", "")],
    "`a*b*c` stays": [("a*b*c", "c"), (" stays", "")],
    "``a`b``": [("a`b", "c")],
    "~~gone~~": [("gone", "s")],
    "2 * 3 * 4 and snake_case_name": [("2 * 3 * 4 and snake_case_name", "")],
    r"\*not\* slanted": [("*", ""), ("not", ""), ("*", ""), (" slanted", "")],
    "**never closed": [("**never closed", "")],
    "# Title #": [("Title", "h")],
    "#no title": [("#no title", "")],
    "<b>HTML</b> &amp; <script>": [("<b>HTML</b> &amp; <script>", "")],
    "[@click=app.quit]free[/]": [("[@click=app.quit]free[/]", "")],
}


@each(("source", "pieces"), INLINE.items())
def test_marks_within_a_line(source: str, pieces: list[tuple[str, str]]) -> None:
    assert looks(source) == pieces


def test_a_link_is_its_label_with_the_address_behind_it() -> None:
    assert shown("see [the manual](https://example.org/a)") == ["see the manual (https://example.org/a)"]
    assert shown("[Rust](https://x.org/Rust_(lang)) is") == ["Rust (https://x.org/Rust_(lang)) is"]
    assert shown("[Rust](https://x.org/Rust_(lang is") == ["[Rust](https://x.org/Rust_(lang is"]


def test_code_is_kept_verbatim_with_its_language() -> None:
    source = "```python\nif x:\n    **y** = [1](2)\n\n# no title\n```\nafter"
    assert shown(source) == ["│ python", "│ if x:", "│     **y** = [1](2)", "│", "│ # no title", "after"]


def test_wide_code_goes_on_in_the_next_row_and_is_not_changed() -> None:
    line = "x" * 30 + " " + "y" * 30
    rows = shown(f"```\n{line}\n```", 40)
    assert rows == ["│ code", "│ " + line[:37], "│›" + line[37:]]


def test_a_fence_that_is_never_closed_goes_to_the_end() -> None:
    assert shown("~~~\na\n```\nb") == ["│ code", "│ a", "│ ```", "│ b"]


def test_lists_hang_and_nest() -> None:
    source = "- one two three four\n  - inner\n10. ten"
    assert shown(source, 12) == ["• one two", "  three four", "  • inner", "10. ten"]


def test_a_small_table_has_columns_and_a_wide_one_stays_as_written() -> None:
    source = "| a | bb |\n|---|---:|\n| 窓際 | 7 |\n| x |"
    assert shown(source) == ["a    │ bb", "─────┼───", "窓際 │  7", "x    │"]
    assert shown(source, 7)[0] == "| a |"
    assert isinstance(blocks(source)[0], Table)


def test_a_sentence_with_a_bar_is_no_table() -> None:
    assert shown("a | b\nc | d") == ["a | b", "c | d"]


@each("text", ["Plain words.", "It is 2 + 3, isn't it?", "窓際の席"])
def test_most_answers_need_no_blocks(text: str) -> None:
    assert not is_marked_up(text)


MARKS = st.sampled_from(
    ["*", "**", "_", "`", "```", "\n", "\n```\n", "# ", "- ", "1. ", "> ", "|", "\n|-|-|\n", "[a](b)", "~~", "\\", "\t",
     "  ", "word", "窓際", "👨‍👩‍👧", "🇯🇵", "✔️", "e\u0301", "नि", "\x1b[2J", "\u202e", "<b>"]
)  # fmt: skip
TEXTS = st.lists(MARKS | st.text(max_size=5), max_size=40).map("".join)


def pieces_of(text: str) -> list[Piece]:
    found: list[Piece] = []
    for block in blocks(text):
        if isinstance(block, Table):
            found += [piece for row in block.rows for cell in row for piece in cell]
        else:
            found += [*block.lead, *block.pieces]
    return found


@given(TEXTS)
def test_every_piece_is_the_source_where_it_says(text: str) -> None:
    text = clean(text)
    for piece in pieces_of(text):
        assert piece.at < 0 or text[piece.at : piece.at + len(piece.text)] == piece.text


@given(TEXTS, st.integers(8, 92))
@example(WRITTEN, 8)
@example(WRITTEN, 60)
def test_no_row_is_wider_than_the_screen(text: str, width: int) -> None:
    for row in laid_out(clean(text), width):
        assert sum(cell.width for cell in row.cells) <= width
        assert all(cell_len(cell.text) == cell.width for cell in row.cells)


@given(TEXTS)
def test_no_word_is_lost(text: str) -> None:
    text = clean(text)
    seen = {
        cell.at + n for row in laid_out(text, 40) for cell in row.cells if cell.at >= 0 for n in range(len(cell.text))
    }
    fences = {n for n, c in enumerate(text) if c in "`~*_#>|-+\\[]()! \t\n:.)" or c.isdigit()}
    rest = {n for n in range(len(text)) if n not in seen and n not in fences}
    languages = {
        n
        for n in rest
        if "```" in text[text.rfind("\n", 0, n) + 1 : n] or "~~~" in text[text.rfind("\n", 0, n) + 1 : n]
    }
    is_table = any(isinstance(block, Table) for block in blocks(text))
    assert is_table or rest <= languages


MANY = {"*": 60_000, "**a ": 15_000, "[": 60_000, "`a": 30_000, "|a": 30_000, "> ": 30_000, "- ": 30_000, "_a": 30_000,
        "\\": 60_000, "**a \n": 12_000}  # fmt: skip


@each(("mark", "count"), MANY.items())
def test_hostile_marks_cost_no_more_than_their_length(mark: str, count: int) -> None:
    began = time.process_time()
    blocks(mark * count)
    assert time.process_time() - began < 5, "a hundred times what it takes"


CODE = "Try this:\n\n```python\nif x:\n\treturn **y**\n```\nThat is *all*."
ANSWER = TurnView("a", "assistant", 3, CODE, written=True)


async def test_a_whole_written_answer_is_shown_in_blocks_and_copied_as_its_source() -> None:
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        engine.say(replace(ANSWER, partial=True))
        await until(pilot, lambda: "```python" in text(app))
        engine.say(ANSWER)
        await until(pilot, lambda: "│ python" in text(app))
        shown = text(app)
        assert "```" not in shown and "return **y**" in shown and "That is all." in shown
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
