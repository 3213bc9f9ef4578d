"""Themes are files; a broken one is named with its reason and never stops the start."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from tests.support.screen import showing, text
from voicechat.ui.options import UiOptions
from voicechat.ui.theme_files import APP_COLORS, ThemeFailure, app_color_defaults, load_themes, read_theme


def test_both_of_our_themes_load() -> None:
    loaded, failed = load_themes()
    assert {theme.name for theme in loaded} >= {"lamplight", "daylight"}
    assert failed == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("colors = 3", "[colors] and [voicechat] must be tables"),
        ("[colors]\nsecondary = '#fff'", "[colors] has no primary"),
        ("[colors]\nprimary = 'very red'", "primary = 'very red' is not a colour"),
        ("[colors]\nprimary = '#fff'\npirmary = '#fff'", "unknown colour 'pirmary'"),
        ("[colors]\nprimary = '#fff'\n[voicechat]\nyou = 3", "you = 3 is not a colour"),
        ("not toml", "is not TOML"),
    ],
)
def test_a_broken_theme_says_why(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(content)
    result = read_theme(path)
    assert isinstance(result, ThemeFailure)
    assert reason in str(result) and "mine" in str(result)


def test_the_users_folder_adds_and_replaces(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[colors]\nprimary = '#123456'")
    (tmp_path / "lamplight.toml").write_text("[colors]\nprimary = '#654321'")
    primaries = {theme.name: theme.primary for theme in load_themes(tmp_path)[0]}
    assert primaries["mine"] == "#123456"
    assert primaries["lamplight"] == "#654321"


@pytest.mark.parametrize("name", sorted(BUILTIN_THEMES))
def test_every_stock_theme_gets_all_our_colours(name: str) -> None:
    defaults = app_color_defaults(BUILTIN_THEMES[name].to_color_system().generate())
    assert set(defaults) == set(APP_COLORS)
    assert all(Color.parse(value) for value in defaults.values())


async def test_a_stock_theme_paints_the_screen() -> None:
    async with showing("held", options=UiOptions(theme="nord")) as (app, _, _pilot):
        assert app.theme == "nord"
        assert "ON AIR" in text(app)


async def test_a_missing_theme_and_a_broken_file_are_told_and_lamplight_is_used(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("[colors]")
    options = UiOptions(theme="nightfall", user_themes_dir=tmp_path)
    async with showing("welcome", (100, 36), options) as (app, _, _pilot):
        assert app.theme == "lamplight"
        assert "theme nightfall: no such theme" in text(app)
        assert "theme broken: [colors] has no primary" in text(app)
