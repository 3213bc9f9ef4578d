"""The containers of the talk screen. They have no lines of their own, so they cost next to nothing in a frame."""

from __future__ import annotations

from textual.containers import Container, Horizontal

from voicechat.ui.paint import Backdrop


class Area(Container, Backdrop):
    """A part of the screen."""


class SideBySide(Horizontal, Backdrop):
    """The same with its children in one row."""
