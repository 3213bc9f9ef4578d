"""A translation session seen by the rules: what it has not, and what becomes of wishes it cannot fulfil.

It has no items, no responses and no turns. Rules that wait for these never hear of any; what the user could ask for
with a key is answered with one sentence here, before any rule makes an event of it that the service would refuse (R20).
"""

from __future__ import annotations

from typing import Any

from voicechat.core.events import (
    AnyEvent,
    BargeInChosen,
    ItemDeletionAsked,
    ItemRetrievalAsked,
    ItemTextEntered,
    ItemTruncationAsked,
    Noticed,
    PresetChosen,
    SettingChosen,
    SettingUndone,
    TalkPressed,
    TalkRejoined,
    TalkTapped,
    TextEntered,
    ToolsOffered,
    TurnModeChosen,
)
from voicechat.core.state import State
from voicechat.protocol.session_dialects import get_path

CODE = "translation_session"
_WORDS = "A translation session takes no {what}; only what is said is translated."


def is_translation(state: State) -> bool:
    """Whether this talk is a translation session."""
    return state.wishes.session.get("type") == "translation"


def target_language(state: State) -> str:
    """What a translation session translates to, as the service says, else as it was wished for; empty elsewhere."""
    if not is_translation(state):
        return ""
    path = ("audio", "output", "language")
    said = get_path(state.configuration.effective, path) or get_path(state.wishes.session, path)
    return said if isinstance(said, str) else ""


def why_not(state: State, event: AnyEvent) -> Noticed | None:
    """What the user is told instead of an event that means nothing in a translation session."""
    if not is_translation(state):
        return None
    match event:
        case TextEntered() | ItemTextEntered():
            return _told("typed text")
        case TalkPressed() | TalkTapped() | TalkRejoined() | TurnModeChosen():
            return _told("turns: the mic is open until you mute it")
        case BargeInChosen() | PresetChosen() | SettingChosen() | SettingUndone():
            return _told("settings while it runs")
        case ItemDeletionAsked() | ItemTruncationAsked() | ItemRetrievalAsked():
            return _told("changes to its items, because it has none")
        case ToolsOffered():
            return _told("tools")
        case _:
            return None


def only_audio(session: dict[str, Any]) -> dict[str, Any]:
    """The session as it is wished for: type and model say at the door what it is, only `audio` can be asked for."""
    return {name: session[name] for name in ("type", "model", "audio") if name in session}


def _told(what: str) -> Noticed:
    return Noticed("info", _WORDS.format(what=what), CODE)
