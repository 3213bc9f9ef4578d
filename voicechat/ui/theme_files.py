"""Themes are TOML files; the file's stem is the theme's name, and a broken one is a value with a reason.

Looked for in the package (an installed wheel), else in the checkout beside it, then in the user's folder, which may
replace one of ours. A theme gives Textual's eleven colours and, if it likes, our own; what it leaves out is derived.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from textual.color import Color, ColorParseError
from textual.theme import Theme

TEXTUAL_COLORS = (
    "primary",
    "secondary",
    "accent",
    "foreground",
    "background",
    "surface",
    "panel",
    "boost",
    "success",
    "warning",
    "error",
)
APP_COLORS = (
    "you",
    "assistant",
    "tool",
    "quiet",
    "rule",
    "unheard",
    "mic-live",
    "on-mic-live",
    "live-wash",
    "mic-closed",
    "level-low",
    "level-mid",
    "level-high",
    "threshold",
    "cursor-line",
    "key",
)


@dataclass(frozen=True, slots=True)
class ThemeFailure:
    """A theme file that could not be used."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"theme {self.path.stem}: {self.reason}"


def load_themes(user_dir: Path | None = None) -> tuple[list[Theme], list[ThemeFailure]]:
    """All usable themes, the user's last, and the files that are none."""
    loaded: dict[str, Theme] = {}
    failed: list[ThemeFailure] = []
    for path in _files(user_dir):
        result = read_theme(path)
        if isinstance(result, Theme):
            loaded[result.name] = result
        else:
            failed.append(result)
    return list(loaded.values()), failed


def _files(user_dir: Path | None) -> Iterator[Path]:
    package = Path(__file__).parent.parent
    ours = next((d for d in (package / "themes", package.parent / "themes") if d.is_dir()), None)
    for folder in (ours, user_dir):
        if folder is not None and folder.is_dir():
            yield from sorted(folder.glob("*.toml"))


def read_theme(path: Path) -> Theme | ThemeFailure:
    """One file as a theme."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        return ThemeFailure(path, f"cannot be read: {error}")
    except tomllib.TOMLDecodeError as error:
        return ThemeFailure(path, f"is not TOML: {error}")
    colors, app_colors = table.get("colors", {}), table.get("voicechat", {})
    if not isinstance(colors, dict) or not isinstance(app_colors, dict):
        return ThemeFailure(path, "[colors] and [voicechat] must be tables")
    if reason := _refusal(colors, app_colors):
        return ThemeFailure(path, reason)
    theme = Theme(name=path.stem, primary=str(colors["primary"]), dark=bool(table.get("dark", True)))
    for name, value in colors.items():
        setattr(theme, name, str(value))
    theme.luminosity_spread = _share(table.get("luminosity_spread"), 0.15)
    theme.text_alpha = _share(table.get("text_alpha"), 0.95)
    theme.variables = {name: str(value) for name, value in app_colors.items()}
    return theme


def _refusal(colors: Mapping[str, object], app_colors: Mapping[str, object]) -> str:
    if "primary" not in colors:
        return "[colors] has no primary"
    for table, known in ((colors, TEXTUAL_COLORS), (app_colors, APP_COLORS)):
        for name, value in table.items():
            if name not in known:
                return f"unknown colour {name!r}"
            if not isinstance(value, str) or not _is_color(value):
                return f"{name} = {value!r} is not a colour"
    return ""


def _is_color(value: str) -> bool:
    try:
        Color.parse(value)
    except ColorParseError:
        return False
    return True


def _share(value: object, default: float) -> float:
    """A number from 0 to 1, else the default: a detail is no reason to refuse a theme."""
    return float(value) if isinstance(value, int | float) and 0 <= value <= 1 else default


def app_color_defaults(variables: Mapping[str, str]) -> dict[str, str]:
    """Our own colours derived from Textual's, for stock themes and sparse files.

    Two voices must stay apart: you = secondary, assistant = primary; ON AIR is the error colour.
    """

    def mixed(a: str, b: str, share: float) -> str:
        return _color(variables, a).blend(_color(variables, b), share).hex

    live = _color(variables, "error")
    return {
        "you": _color(variables, "secondary").hex,
        "assistant": _color(variables, "primary").hex,
        "tool": _color(variables, "accent").hex,
        "quiet": mixed("background", "foreground", 0.68),
        "rule": mixed("background", "foreground", 0.25),
        "unheard": mixed("background", "foreground", 0.55),
        "mic-live": live.hex,
        "on-mic-live": "#000000" if live.brightness > 0.45 else "#ffffff",
        "live-wash": _color(variables, "background").blend(live, 0.2).hex,
        "mic-closed": mixed("background", "foreground", 0.68),
        "level-low": mixed("background", "success", 0.5),
        "level-mid": _color(variables, "success").hex,
        "level-high": live.hex,
        "threshold": _color(variables, "warning").hex,
        "cursor-line": mixed("background", "primary", 0.25),
        "key": _color(variables, "foreground").hex,
    }


def _color(variables: Mapping[str, str], name: str) -> Color:
    """A theme's colour; an ANSI theme's names have no shade of their own and count as plain light or dark."""
    try:
        color = Color.parse(variables.get(name, "#888888"))
    except ColorParseError:
        return Color.parse("#888888")
    return Color.parse("#101010") if color.ansi == -1 and name == "background" else color
