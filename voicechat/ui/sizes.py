"""Size classes of the screen: one place for the breakpoints."""

from __future__ import annotations

from typing import Literal

SizeClass = Literal["tiny", "compact", "normal", "wide"]
SIZE_CLASSES: tuple[SizeClass, ...] = ("tiny", "compact", "normal", "wide")


def size_class(width: int, height: int) -> SizeClass:
    """Below 60x16 only the deck and the last turn fit; a glance column needs 150x40."""
    if width < 60 or height < 16:
        return "tiny"
    if width < 100 or height < 30:
        return "compact"
    return "wide" if width >= 150 and height >= 40 else "normal"
