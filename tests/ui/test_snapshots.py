"""The screens as they were last looked at: SVG pictures of the states that matter, small and large.

A picture that differs is written beside its sample as `.new.svg`. After looking at it, take it over with
`VOICECHAT_TAKE_SNAPSHOTS=1 python -m pytest tests/ui/test_snapshots.py`. Samples are compressed (`.svgz`, which
browsers open). Another Textual may paint otherwise, so its version is kept.
"""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import pytest
import textual

from tests.support.screen import at_rest, showing
from voicechat.ui.options import UiOptions

FOLDER = Path(__file__).parent / "snapshots"
STATES = ("welcome", "connecting", "line-lost", "held", "half", "numbers", "settings")
"""Empty, connecting, an error, on air, the assistant speaking, numbers, settings."""
PICTURES = [(state, size, "lamplight") for state in STATES for size in ((80, 24), (180, 50))]
PICTURES += [("held", (120, 36), "lamplight"), ("held", (120, 36), "daylight")]
"""A theme is a table of colours, so one picture each compares it."""
KEYS = {"numbers": ("f7",), "settings": ("f4",)}


def settled(svg: str) -> str:
    """Textual numbers its pictures anew each time."""
    number = re.search(r"terminal-(\d+)-", svg)
    return svg.replace(number[1], "0") if number else svg


async def picture(state: str, size: tuple[int, int], theme: str) -> str:
    async with showing(state, size, UiOptions(theme=theme)) as (app, _, pilot):
        await pilot.press(*KEYS.get(state, ()))
        view = app.talk.numbers_view
        view.clock = lambda: view.came_at  # what goes on while the numbers are shown goes on
        view.fill()
        await at_rest(pilot)
        return settled(app.export_screenshot(title="voicechat"))


@pytest.mark.parametrize(("state", "size", "theme"), PICTURES)
async def test_the_screen_looks_as_it_was_last_looked_at(state: str, size: tuple[int, int], theme: str) -> None:
    now = await picture(state, size, theme)
    version = FOLDER / "textual-version.txt"
    sample = FOLDER / f"{state}-{size[0]}x{size[1]}-{theme}.svgz"
    if os.environ.get("VOICECHAT_TAKE_SNAPSHOTS"):
        FOLDER.mkdir(exist_ok=True)
        version.write_text(textual.__version__)
        sample.write_bytes(gzip.compress(now.encode(), mtime=0))
    if version.read_text() != textual.__version__:
        pytest.skip("the samples were painted by another Textual")
    before = gzip.decompress(sample.read_bytes()).decode()
    if now != before:
        sample.with_suffix(".new.svg").write_text(now)
    assert now == before, f"look at {sample.with_suffix('.new.svg').name} beside {sample.name}"
