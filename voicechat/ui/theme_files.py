"""Themes are TOML files; the file's stem is the theme's name, and a broken one is a value with a reason.

Looked for in the package (an installed wheel), else in the checkout beside it, then in the user's folder, which may
replace one of ours. A theme gives Textual's eleven colours and, if it likes, our own; what it leaves out is derived. A
file with a mistake is not used at all.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from textual.app import App
from textual.color import Color, ColorParseError
from textual.theme import Theme

DEFAULT = "lamplight"
LOOK_EVERY = 2.0
"""Seconds between two looks at the user's folder (a directory and a few sizes: 0.05 ms)."""
TEXTUAL_COLORS = (
    "primary", "secondary", "accent", "foreground", "background", "surface", "panel", "boost", "success", "warning",
    "error",
)  # fmt: skip
TOP_LEVEL = ("name", "dark", "luminosity_spread", "text_alpha", "colors", "voicechat")
LARGEST = 64_000
"""Bytes; a theme has fifty lines."""
MOST_PROBLEMS = 5
"""Mistakes of one file that are reported at once."""


class ThemeFailure(NamedTuple):
    """One mistake in a theme file, which is therefore not used."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"theme {self.path.stem}: {self.reason} ({self.path.name})"


class ThemeChoice:
    """The themes of one app. A file that has become wrong keeps its last good colours; its mistakes are reported once.

    The user's folder is looked at every two seconds, and when the window gets the keyboard.
    """

    def __init__(self, app: App[int], user_dir: Path | None) -> None:
        self._app = app
        self._user_dir = user_dir
        self._seen = user_files(user_dir)
        self._loaded: dict[str, Theme] = {}
        self._reported: set[str] = set()

    def adopt(self, wanted: str) -> list[str]:
        """Register all and use `wanted`; what went wrong, in words."""
        failures = self._load()
        name = wanted or DEFAULT
        if name not in self._app.available_themes:
            if DEFAULT in self._app.available_themes:
                self._app.theme = DEFAULT
            return [*failures, f"theme {name}: no such theme; {self._app.theme} is used"]
        self._app.theme = name
        return failures

    def look_again(self) -> list[str]:
        """Take over what has changed in the user's folder; new mistakes, in words."""
        seen = user_files(self._user_dir)
        if seen == self._seen:
            return []
        self._seen = seen
        before = self._loaded.get(self._app.theme)
        failures = self._load()
        if self._loaded.get(self._app.theme) != before:
            self._app.mutate_reactive(App.theme)
        return failures

    def _load(self) -> list[str]:
        loaded, failed = load_themes(self._user_dir)
        for theme, _ in loaded:
            if self._loaded.get(theme.name) != theme:
                self._app.register_theme(theme)
                self._loaded[theme.name] = theme
        before, self._reported = self._reported, {str(failure) for failure in failed}
        return [str(failure) for failure in failed if str(failure) not in before]


def load_themes(user_dir: Path | None = None) -> tuple[list[tuple[Theme, Path]], list[ThemeFailure]]:
    """All usable themes with their files, the user's last, and what is wrong with the files that are none."""
    loaded: dict[str, tuple[Theme, Path]] = {}
    failed: list[ThemeFailure] = []
    package = Path(__file__).parent.parent
    ours = next((d for d in (package / "themes", package.parent / "themes") if d.is_dir()), None)
    for folder in (ours, user_dir):
        for path in sorted(folder.glob("*.toml")) if folder is not None else ():
            result = read_theme(path)
            if isinstance(result, Theme):
                loaded[result.name] = (result, path)
            else:
                failed += [ThemeFailure(path, reason) for reason in result]
    return list(loaded.values()), failed


def user_files(user_dir: Path | None) -> list[tuple[str, int, int]]:
    """What tells that the user's folder has changed: names, times (ns) and sizes."""
    found = []
    for path in sorted(user_dir.glob("*.toml")) if user_dir is not None else ():
        try:
            about = path.stat()
        except OSError:
            continue
        found.append((path.name, about.st_mtime_ns, about.st_size))
    return found


def read_theme(path: Path) -> Theme | list[str]:
    """One file as a theme, or everything that is wrong with it."""
    try:
        if path.stat().st_size > LARGEST:
            return [f"is larger than {LARGEST // 1000} kB"]
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        return [f"cannot be read: {error}"]
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return [f"is not TOML: {error}"]
    colors, app_colors = table.get("colors", {}), table.get("voicechat", {})
    if not isinstance(colors, dict) or not isinstance(app_colors, dict):
        return ["[colors] and [voicechat] must be tables"]
    problems = [*_unknown("setting", table, TOP_LEVEL), *_wrong_colors(colors, TEXTUAL_COLORS)]
    problems += _wrong_colors(app_colors, tuple(app_color_defaults({})))
    if "primary" not in colors:
        problems.append("[colors] has no primary")
    if problems:
        return problems[:MOST_PROBLEMS]
    return Theme(
        name=path.stem,
        dark=bool(table.get("dark", True)),
        luminosity_spread=_share(table.get("luminosity_spread"), 0.15),
        text_alpha=_share(table.get("text_alpha"), 0.95),
        variables=app_colors,
        **colors,
    )


def _unknown(what: str, values: Mapping[str, object], known: tuple[str, ...]) -> Iterator[str]:
    from difflib import get_close_matches

    for name in values.keys() - set(known):
        close = get_close_matches(name, known, 1)
        yield f"unknown {what} {name!r}" + (f", perhaps {close[0]}" if close else "")


def _wrong_colors(values: Mapping[str, object], known: tuple[str, ...]) -> Iterator[str]:
    yield from _unknown("colour", values, known)
    for name in known:
        if name in values and not _is_color(values[name]):
            yield f"{name} = {values[name]!r:.40} is not a colour"


def _is_color(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(Color.parse(value))
    except ColorParseError:
        return False


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
        "live-wash": mixed("background", "error", 0.2),
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
