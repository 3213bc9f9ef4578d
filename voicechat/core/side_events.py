"""What work beside the talk has to say (R24): a part of `events`.

The conversation rule alone hears these. They add words beneath a turn, or a note; no rule makes sound, an answer or
anything else for the service out of them, which a property test holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class TurnTranslated:
    """What a turn (by its key) means in the other language, as far as it was heard.

    An empty `text` says that nothing will be shown, and `why`. When it turns out that more of an answer was heard, it
    is told once more.
    """

    key: str
    text: str
    why: Literal["", "same", "failed", "dropped"] = ""
    """The words are in that language already; it could not be done; there was no time for it."""


@dataclass(frozen=True, slots=True)
class SideNoted:
    """Something about work beside the talk that the user should read."""

    text: str
    code: str = ""
    level: Literal["info", "warning", "error"] = "warning"
