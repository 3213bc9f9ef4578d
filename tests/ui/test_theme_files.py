"""Themes are files; a broken one is named with its reason and never stops the start."""

from __future__ import annotations

from pathlib import Path

from textual import events
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from tests.support.command import environ_for, voicechat
from tests.support.each import each
from tests.support.screen import showing, text, until
from voicechat.ui.app import VoiceChatApp
from voicechat.ui.options import UiOptions
from voicechat.ui.theme_files import app_color_defaults, load_themes, read_theme
from voicechat.ui.widgets.transcript import Transcript


@each(
    ("content", "reason"),
    [
        ("colors = 3", "[colors] and [voicechat] must be tables"),
        ("[colors]\nsecondary = '#fff'", "[colors] has no primary"),
        ("[colors]\nprimary = 'very red'", "primary = 'very red' is not a colour"),
        ("[colors]\nprimary = '#fff'\npirmary = '#fff'", "'pirmary', perhaps primary"),
        ("[colors]\nprimary = '#fff'\n[voicechat]\nyuo = '#fff'", "'yuo', perhaps you"),
        ("drak = true\n[colors]\nprimary = '#fff'", "unknown setting 'drak', perhaps dark"),
        ("dark = true\n[colors]\n\nprimary = = 3", "is not TOML: Invalid value (at line 4"),
        ("[colors]\nprimary = '#fff'\n[voicechat]\nyou = 3", "you = 3 is not a colour"),
        ("dark = 1\nx = 2\n[colors]\nprimary = 'reddish'\n[voicechat]\nyou = '#12345'", "'x'|reddish|#12345"),
    ],
)
def test_a_broken_theme_says_why(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(content)
    result = read_theme(path)
    assert isinstance(result, list) and len(result) == len(reason.split("|"))
    assert all(part in said for part, said in zip(reason.split("|"), result, strict=True))


@each("content", [b"\xff\xfe", b"[" * 20_000, b"a" * 100_000, b"x=" + b"[" * 5_000])
def test_no_file_whatever_stops_the_others(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd.toml").write_bytes(content)
    (tmp_path / "fine.toml").write_text("[colors]\nprimary = '#123456'")
    (tmp_path / "folder.toml").mkdir(exist_ok=True)
    loaded, failed = load_themes(tmp_path)
    assert "fine" in {theme.name for theme, _ in loaded}
    assert {failure.path.name for failure in failed} == {"odd.toml", "folder.toml"}


def test_both_of_our_themes_load_and_the_users_folder_adds_and_replaces(tmp_path: Path) -> None:
    loaded, failed = load_themes()
    assert {theme.name for theme, _ in loaded} >= {"lamplight", "daylight"} and failed == []
    (tmp_path / "mine.toml").write_text("[colors]\nprimary = '#123456'")
    (tmp_path / "lamplight.toml").write_text("[colors]\nprimary = '#654321'")
    primaries = {theme.name: theme.primary for theme, _ in load_themes(tmp_path)[0]}
    assert primaries["mine"] == "#123456"
    assert primaries["lamplight"] == "#654321"


@each("name", sorted(BUILTIN_THEMES))
def test_every_stock_theme_gets_all_our_colours(name: str) -> None:
    defaults = app_color_defaults(BUILTIN_THEMES[name].to_color_system().generate())
    assert all(Color.parse(value) for value in defaults.values())


async def test_a_missing_theme_and_a_broken_file_are_told_and_lamplight_is_used(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("[colors]")
    options = UiOptions(theme="nightfall", user_themes_dir=tmp_path)
    async with showing("welcome", (100, 36), options) as (app, _, _pilot):
        assert app.theme == "lamplight"
        assert "theme nightfall: no such theme" in text(app)
        assert "theme broken: [colors] has no primary" in text(app)


async def test_edited_theme_is_applied_at_once_and_a_mistake_keeps_the_last_good_one(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text("[colors]\nprimary = '#123456'\nbackground = '#101010'")
    options = UiOptions(theme="mine", user_themes_dir=tmp_path)
    async with showing("talk", (120, 36), options) as (app, _, pilot):
        assert app.theme_variables["background"] == "#101010"
        mine.write_text("[colors]\nprimary = '#123456'\nbackground = '#202030' ")
        app.post_message(events.AppFocus())
        await until(pilot, lambda: app.theme_variables["background"] == "#202030")
        await until(pilot, lambda: paper(app) == "#202030")
        mine.write_text("[colors]\nprimary = '#123456'\nbackgruond = '#303040'")
        app.post_message(events.AppFocus())
        told = app.talk.query_one(Transcript).whole_text
        await until(pilot, lambda: "perhaps background (mine.toml)" in told())
        assert app.talk.notice.startswith("theme mine: ")
        assert paper(app) == "#202030"


async def test_a_new_theme_file_can_be_chosen_in_the_palette(tmp_path: Path) -> None:
    async with showing("talk", (120, 36), UiOptions(user_themes_dir=tmp_path)) as (app, _, pilot):
        (tmp_path / "fresh.toml").write_text("[colors]\nprimary = '#123456'")
        app.post_message(events.AppFocus())
        await until(pilot, lambda: "fresh" in app.available_themes)
        app.action_change_theme()
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press(*"fresh", "enter")
        await until(pilot, lambda: app.theme == "fresh")


def paper(app: VoiceChatApp) -> str:
    """The background of an empty cell of the transcript."""
    segment = next(iter(app.screen._compositor.render_strips()[3]))
    assert segment.style and segment.style.bgcolor and segment.style.bgcolor.triplet
    return segment.style.bgcolor.triplet.hex


async def test_the_command_lists_themes_with_where_they_come_from(tmp_path: Path) -> None:
    themes = tmp_path / "config" / "themes"
    themes.mkdir(parents=True)
    (themes / "mine.toml").write_text("[colors]\nprimary = '#123456'")
    (themes / "bad.toml").write_text("[colors]\nprimry = '#123456'")
    ran = await voicechat("themes", environ=environ_for(tmp_path))
    assert ran.code == 0
    assert f"mine             dark   {themes / 'mine.toml'}" in ran.out
    assert "daylight         light  comes with voicechat" in ran.out
    assert "bad.toml: unknown colour 'primry', perhaps primary" in ran.err
