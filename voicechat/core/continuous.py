"""A translation session seen by the rules: what it has not, and what becomes of wishes it cannot fulfil.

It has no items, no responses and no turns. Rules that wait for these never hear of any; what the user could ask for
with a key is answered with one sentence here, before any rule makes an event of it that the service would refuse (R20).

The transcript of a translation session: what was said, and its translation growing beneath it (PROTOCOL 2.8).

The service sends pieces of both texts and never says that anything is complete. So a passage ends where nothing more
came for a while, or with a sentence once it is long. Both sides have passages of their own: a translation trails what
it translates by seconds, and the pieces do not say which words they belong to.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec.structs import replace

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
from voicechat.core.state import Conversation, Part, State, Turn
from voicechat.core.transcript import added, changed, next_key
from voicechat.protocol.session_dialects import get_path

PAUSE = 2.0
"""Seconds without a piece after which a passage is over. Longer than the gaps in which a speaker breathes."""
LONG = 240
"""Characters from which on the end of a sentence ends a passage."""
LONGEST = 800
"""Characters from which on any space does."""
LOOKED_AT = 8
"""Entries from the end among which an open passage stands."""
_ENDS = ".!?…。！？"
Side = Literal["you", "assistant"]


def grown(state: State, who: Side, delta: str, now: float) -> Conversation:
    """One more piece of what was said, or of its translation."""
    conversation, connection = state.conversation, state.connection.number
    index = _open(conversation, who, connection)
    if index is None:
        text = delta.lstrip()
        if not text:
            return conversation
        turn = Turn(next_key(conversation), who, now, connection, parts=(Part(),))
        conversation, index = added(conversation, turn)
    else:
        text = conversation.turns[index].text + delta
    turn = replace(conversation.turns[index], parts=(Part(text=text),), text=text, transcript_at=now)
    conversation = changed(conversation, index, turn)
    return _ended(conversation, index, now) if _is_long(text) else conversation


def paused(state: State, now: float) -> Conversation:
    """The passages to which nothing was added for so long are over."""
    conversation = state.conversation
    for who in ("you", "assistant"):
        due = _due(conversation, who, state.connection.number)
        if due is not None and due[1] <= now:
            conversation = _ended(conversation, due[0], now)
    return conversation


def closed(state: State, now: float) -> Conversation:
    """The line is gone: nothing will be added any more."""
    conversation = state.conversation
    for who in ("you", "assistant"):
        index = _open(conversation, who, state.connection.number)
        conversation = conversation if index is None else _ended(conversation, index, now)
    return conversation


def pause_due(state: State) -> float | None:
    """When the next passage is over, if nothing comes."""
    found = (_due(state.conversation, who, state.connection.number) for who in ("you", "assistant"))
    return min((due[1] for due in found if due is not None), default=None)


def _due(conversation: Conversation, who: str, connection: int) -> tuple[int, float] | None:
    index = _open(conversation, who, connection)
    at = None if index is None else conversation.turns[index].transcript_at
    return None if index is None or at is None else (index, at + PAUSE)


def _open(conversation: Conversation, who: str, connection: int) -> int | None:
    """The passage of one side that still grows."""
    turns = conversation.turns
    for index in range(len(turns) - 1, max(-1, len(turns) - 1 - LOOKED_AT), -1):
        turn = turns[index]
        if turn.who == who:
            is_open = turn.connection == connection and not turn.final and turn.cut is None
            return index if is_open else None
    return None


def _is_long(text: str) -> bool:
    if len(text) >= LONGEST:
        return text[-1].isspace()
    return len(text) >= LONG and text.rstrip()[-1:] in _ENDS


def _ended(conversation: Conversation, index: int, now: float) -> Conversation:
    turn = conversation.turns[index]
    text = turn.text.rstrip()
    turn = replace(turn, text=text, parts=(Part(text=text, final=True),), final=True)
    if turn.who == "assistant":
        turn = replace(turn, done_at=now, complete_at=now)
        conversation = replace(conversation, completed=conversation.completed + 1)
    return changed(conversation, index, turn)


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
