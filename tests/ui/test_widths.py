"""No character, however wide, moves a column: every row of every widget is exactly as wide as its place."""

from __future__ import annotations

from typing import TypeVar

import pytest
from msgspec import Struct, structs
from rich.cells import cell_len
from textual.pilot import Pilot
from textual.widget import Widget

from tests.support.event_rows import row as event_row
from tests.support.scenes import TALK, all_scenes
from tests.support.screen import at_rest, change, lines, showing, text, until
from voicechat.core.view import TurnView, View
from voicechat.engine.link import Meters
from voicechat.ui.app import VoiceChatApp
from voicechat.ui.options import UiOptions
from voicechat.ui.sanitise import cleaned

WIDE = {
    "han": "窓際の席を二人でお願いします",
    "hangul": "한국어 ᄒ",
    "zwj": "👨‍👩‍👧‍👦 👩🏽‍🚀 end",
    "flags": "🇯🇵🇩🇪 🏴",
    "vs16": "✔️ ❤️ 1️⃣ ☎️",
    "combining": "e\u0301e\u0302\u0323 न\u093f ก\u0e33 a" + "\u0300" * 30,
    "rtl": "שלום مرحبا",
    "tabs": "a\tb\tc",
    "zero": "\u200d\ufe0f\u200c",
    "fullwidth": "ＡＢＣ！",
}
SIZES = [(80, 24), (100, 30), (120, 36), (150, 40), (180, 50), (250, 70), (60, 16), (59, 15), (30, 8), (80, 24)]
KEYS = [(), ("f2",), ("escape", "d"), ("escape", "question_mark"), ("escape", "i")]
Record = TypeVar("Record", bound=Struct)


def filled(record: Record, words: str, *names: str) -> Record:
    """The record with these fields holding `words`."""
    known = record.__struct_fields__
    return structs.replace(record, **{name: words for name in names if name in known})


def view_of(words: str) -> View:
    view = all_scenes()["talk"].view
    return View(
        filled(view.mic, words, "name", "speaker", "echo", "detail", "hint"),
        filled(view.reply, words, "detail"),
        filled(view.connection, words, "voice", "model", "provider", "reason"),
    )


def turns_of(words: str) -> tuple[TurnView, ...]:
    long = f"{words} " * 12
    kinds = [filled(turn, long, "text", *(name for name in ("rest", "detail") if getattr(turn, name))) for turn in TALK]
    source = f"# {words}\n- {long}\n```{words}\n{long}\n```\n|{words}|b|\n|-|-|\n|a|{words}|"
    marked = TurnView("w", "assistant", 300, source, written=True)
    return (*kinds, marked)


def check(app: VoiceChatApp) -> None:
    """Every row of the screen, and every row that a widget gives for itself."""
    for row in app.screen._compositor.render_strips():
        joined = "".join(segment.text for segment in row)
        assert row.cell_length == app.size.width == cell_len(joined), ascii(joined)
    for widget in app.screen.walk_children(Widget):
        if widget.display and widget.region and not widget.is_container:
            for strip in widget.render_lines(widget.size.region):
                assert strip.cell_length == sum(cell_len(segment.text) for segment in strip)


@pytest.mark.parametrize(("names", "ascii_only"), [(list(WIDE), False), (["zwj", "tabs"], True)])
async def test_columns_stay_where_they_are_at_every_size(names: list[str], ascii_only: bool) -> None:
    async with showing("talk", (120, 36), UiOptions(ascii=ascii_only)) as (app, engine, pilot):
        for name in names:
            words = WIDE[name]
            engine.show(view_of(words), Meters(input=-14, output=-60, threshold=-38))
            engine.say(*turns_of(words))
            engine.log(*(event_row(n, n * 0.1, "in", f"x.{words}", words, 9, a=words) for n in range(5)))
            await until(pilot, lambda name=name: app.view == cleaned(view_of(WIDE[name])))  # type: ignore[misc]
            for size in SIZES[list(WIDE).index(name) % 5 :: 5]:  # each size meets some words, and all words some sizes
                await pilot.resize_terminal(*size)
                await at_rest(pilot)
                check(app)
            for keys in KEYS[list(WIDE).index(name) % 3 :: 3]:  # and each pane some of them
                await pilot.press(*keys)
                await at_rest(pilot)
                check(app)
            await pilot.press("escape")


async def test_a_screen_made_tiny_and_large_again_is_what_it_was() -> None:
    async with showing("talk", (120, 36)) as (app, _, pilot):
        before = await settled(app, pilot)
        for size in ((60, 16), (59, 15), (20, 5), (10, 3), (1, 1), (250, 70), (120, 36)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda rows=size[1]: len(lines(app)) == rows)  # type: ignore[misc]
            await at_rest(pilot)
        assert await settled(app, pilot) == before


async def settled(app: VoiceChatApp, pilot: Pilot[int]) -> list[str]:
    """The rows that tell, without the ribbon, which moves."""
    await at_rest(pilot)
    return [line for line in lines(app) if "▎" in line]


async def test_without_colours_every_state_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with showing("held", (120, 36)) as stage:
        app = stage[0]
        for scene in ("held", "muted", "barge-in-ready", "line-lost", "no-mic", "interrupted", "written"):
            await change(stage, scene)
            check(app)
            for segment in (segment for strip in app.screen._compositor.render_strips() for segment in strip):
                for color in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                    assert color is None or color.triplet is None or len(set(color.triplet)) == 1, (segment, color)
            assert any(word in text(app) for word in ("ON AIR", "MUTED", "MIC READY", "MIC CLOSED", "NO MICROPHONE"))
