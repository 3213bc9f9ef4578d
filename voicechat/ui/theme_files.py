"""Themes are TOML files; the file's stem is the theme's name, and a broken one is a value with a reason.

Looked for in the package (an installed wheel), else in the checkout beside it, then in the user's folder, which may
replace one of ours. A theme gives Textual's eleven colours and, if it likes, our own; what it leaves out is derived. A
file with a mistake is not used at all (a screen in half of somebody's colours helps nobody), and each mistake is told
with its line and the nearest name that is known.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from textual.app import App
from textual.color import Color, ColorParseError
from textual.theme import Theme

DEFAULT = "lamplight"
LOOK_EVERY = 2.0


class ThemeChoice:
    """The themes of one app.

    Which themes the screen has, which it wears, and what happens when the user edits a file of his.

    The folder is looked at every two seconds and when the window gets the keyboard (a directory and a few sizes: 0.05
    ms). A file that has become wrong keeps its last good colours; its mistakes are told once.
    """

    def __init__(self, app: App[int], user_dir: Path | None) -> None:
        self._app = app
        self._user_dir = user_dir
        self._seen = user_files(user_dir)
        self._loaded: dict[str, Theme] = {}
        self._told: set[str] = set()

    def adopt(self, wanted: str) -> list[str]:
        """Register all and wear `wanted`; what went wrong, in words."""
        troubles = self._load()
        name = wanted or DEFAULT
        if name in self._app.available_themes:
            self._app.theme = name
            return troubles
        if DEFAULT in self._app.available_themes:
            self._app.theme = DEFAULT
        return [*troubles, f"theme {name}: no such theme; {self._app.theme} is used"]

    def look_again(self) -> list[str]:
        """Take over what has changed in the user's folder; new mistakes, in words."""
        seen = user_files(self._user_dir)
        if seen == self._seen:
            return []
        self._seen = seen
        worn = self._app.theme
        before = self._loaded.get(worn)
        troubles = self._load()
        if worn in self._loaded and self._loaded[worn] != before:
            self._app.mutate_reactive(App.theme)
        return troubles

    def _load(self) -> list[str]:
        loaded, failed = load_themes(self._user_dir)
        for theme in loaded:
            if self._loaded.get(theme.name) != theme:
                self._app.register_theme(theme)
                self._loaded[theme.name] = theme
        told = {str(failure) for failure in failed}
        news = [str(failure) for failure in failed if str(failure) not in self._told]
        self._told = told
        return news


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
TOP_LEVEL = ("name", "dark", "luminosity_spread", "text_alpha", "colors", "voicechat")
LARGEST = 64_000
"""Bytes; a theme has fifty lines."""
MOST_PROBLEMS = 5
"""Mistakes of one file that are told at once."""


@dataclass(frozen=True, slots=True)
class ThemeFailure:
    """One mistake in a theme file, which is therefore not used."""

    path: Path
    reason: str
    line: int = 0
    """Counted from 1; 0: no particular one."""

    def __str__(self) -> str:
        where = f"{self.path.name}, line {self.line}" if self.line else self.path.name
        return f"theme {self.path.stem}: {self.reason} ({where})"


def load_themes(user_dir: Path | None = None) -> tuple[list[Theme], list[ThemeFailure]]:
    """All usable themes, the user's last, and what is wrong with the files that are none."""
    sources, failed = theme_sources(user_dir)
    return [theme for theme, _ in sources], failed


def theme_sources(user_dir: Path | None = None) -> tuple[list[tuple[Theme, Path]], list[ThemeFailure]]:
    """As `load_themes`, each theme with the file it comes from."""
    loaded: dict[str, tuple[Theme, Path]] = {}
    failed: list[ThemeFailure] = []
    for path in _files(user_dir):
        result = read_theme(path)
        if isinstance(result, Theme):
            loaded[result.name] = (result, path)
        else:
            failed += result
    return list(loaded.values()), failed


def user_files(user_dir: Path | None) -> tuple[tuple[str, int, int], ...]:
    """What tells that the user's folder has changed: names, times (ns) and sizes. Cheap enough to ask every 2 s."""
    if user_dir is None or not user_dir.is_dir():
        return ()
    found = []
    for path in sorted(user_dir.glob("*.toml")):
        try:
            about = path.stat()
        except OSError:
            continue
        found.append((path.name, about.st_mtime_ns, about.st_size))
    return tuple(found)


def _files(user_dir: Path | None) -> Iterator[Path]:
    package = Path(__file__).parent.parent
    ours = next((d for d in (package / "themes", package.parent / "themes") if d.is_dir()), None)
    for folder in (ours, user_dir):
        if folder is not None and folder.is_dir():
            yield from sorted(folder.glob("*.toml"))


def read_theme(path: Path) -> Theme | list[ThemeFailure]:
    """One file as a theme, or everything that is wrong with it."""
    try:
        if path.stat().st_size > LARGEST:
            return [ThemeFailure(path, f"is larger than {LARGEST // 1000} kB")]
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        return [ThemeFailure(path, f"cannot be read: {error}")]
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        line = re.search(r"at line (\d+)", str(error))
        return [ThemeFailure(path, f"is not TOML: {error}", int(line[1]) if line else 0)]
    colors, app_colors = table.get("colors", {}), table.get("voicechat", {})
    if not isinstance(colors, dict) or not isinstance(app_colors, dict):
        return [ThemeFailure(path, "[colors] and [voicechat] must be tables")]
    problems = list(_problems(path, text, table))
    return problems[:MOST_PROBLEMS] if problems else _theme(path, table, colors, app_colors)


def _theme(
    path: Path, table: Mapping[str, object], colors: Mapping[str, object], app_colors: Mapping[str, object]
) -> Theme:
    theme = Theme(name=path.stem, primary=str(colors["primary"]), dark=bool(table.get("dark", True)))
    for name, value in colors.items():
        setattr(theme, name, str(value))
    theme.luminosity_spread = _share(table.get("luminosity_spread"), 0.15)
    theme.text_alpha = _share(table.get("text_alpha"), 0.95)
    theme.variables = {name: str(value) for name, value in app_colors.items()}
    return theme


def _problems(path: Path, text: str, table: Mapping[str, object]) -> Iterator[ThemeFailure]:
    for name in table:
        if name not in TOP_LEVEL:
            yield ThemeFailure(path, f"unknown setting {name!r}{_nearest(name, TOP_LEVEL)}", _line_of(text, "", name))
    colors = table.get("colors", {})
    if isinstance(colors, dict) and "primary" not in colors:
        yield ThemeFailure(path, "[colors] has no primary", _line_of(text, "colors", ""))
    for section, known in (("colors", TEXTUAL_COLORS), ("voicechat", APP_COLORS)):
        values = table.get(section, {})
        for name, value in values.items() if isinstance(values, dict) else ():
            line = _line_of(text, section, name)
            if name not in known:
                yield ThemeFailure(path, f"unknown colour {name!r}{_nearest(name, known)}", line)
            elif not isinstance(value, str) or not _is_color(value):
                yield ThemeFailure(path, f"{name} = {value!r:.40} is not a colour", line)


def _nearest(name: str, known: tuple[str, ...]) -> str:
    from difflib import get_close_matches  # only a mistake needs it

    close = get_close_matches(name, known, 1)
    return f", perhaps {close[0]}" if close else ""


def _line_of(text: str, section: str, name: str) -> int:
    """Where a key stands: TOML's reader does not tell. 0 when it is written in a way this does not find."""
    now = ""
    for number, line in enumerate(text.splitlines(), 1):
        if (header := re.match(r"\s*\[\s*[\"']?([\w-]+)[\"']?\s*\]", line)) is not None:
            now = header[1]
            if now == section and not name:
                return number
        elif now == section and name and re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=", line):
            return number
    return 0


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
