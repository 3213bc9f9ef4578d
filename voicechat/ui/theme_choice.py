"""Which themes the screen has, which it wears, and what happens when the user edits a file of his.

The folder is looked at every two seconds and when the window gets the keyboard (a directory and a few sizes: 0.05 ms).
A file that has become wrong keeps its last good colours; its mistakes are told once.
"""

from __future__ import annotations

from pathlib import Path

from textual.app import App
from textual.theme import Theme

from voicechat.ui.theme_files import load_themes, user_files

DEFAULT = "lamplight"
LOOK_EVERY = 2.0


class ThemeChoice:
    """The themes of one app."""

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
