"""A first form of every client event, ready to be changed and sent, in the spelling of a dialect.

Kept small: one wrong field costs a whole `session.update`, so a template holds what cannot be left out and one example.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

from voicechat.protocol.client_events import (
    ClientEvent,
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemRetrieve,
    ConversationItemTruncate,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    OutputAudioBufferClear,
    ResponseCancel,
    ResponseCreate,
    SessionClose,
    SessionInputAudioBufferAppend,
    SessionUpdate,
)
from voicechat.protocol.codec import encode
from voicechat.protocol.dialects import DialectName
from voicechat.protocol.items import ContentPart, Item
from voicechat.protocol.session_dialects import DIALECTS
from voicechat.protocol.wire import JsonValue, type_of

_TRANSCRIPTION: dict[str, JsonValue] = {
    "type": "transcription",
    "audio": {"input": {"transcription": {"model": "gpt-transcribe"}}},
}
_SILENCE = "AAAA"
"""Two samples: an append has to hold some sound."""
ANY_ITEM = "item_…"
"""Stands where the id of an item belongs."""


@dataclass(frozen=True, slots=True)
class Template:
    """One event to begin with."""

    type: str
    """As the dialect spells it."""
    text: str
    """JSON over several lines."""
    answered_by: str
    """What a service says when it has taken the event; empty where nothing comes."""


_EXAMPLES: tuple[tuple[ClientEvent, str], ...] = (
    (SessionUpdate(session={"type": "realtime", "instructions": "Answer in one sentence."}), "session.updated"),
    (ResponseCreate(), "response.created … response.done"),
    (
        ConversationItemCreate(
            item=Item(type="message", role="user", content=(ContentPart(type="input_text", text="Hello"),))
        ),
        "conversation.item.added",
    ),
    (ConversationItemDelete(item_id=ANY_ITEM), "conversation.item.deleted"),
    (ConversationItemTruncate(item_id=ANY_ITEM, content_index=0, audio_end_ms=1500), "conversation.item.truncated"),
    (ConversationItemRetrieve(item_id=ANY_ITEM), "conversation.item.retrieved"),
    (ResponseCancel(), "response.done, cancelled"),
    (InputAudioBufferCommit(), "input_audio_buffer.committed"),
    (InputAudioBufferClear(), "input_audio_buffer.cleared"),
    (OutputAudioBufferClear(), "output_audio_buffer.cleared"),
    (InputAudioBufferAppend(audio=_SILENCE), ""),
    (SessionInputAudioBufferAppend(audio=_SILENCE), ""),
    (SessionClose(), "session.closed"),
)


@lru_cache(maxsize=3)
def templates(dialect: DialectName) -> tuple[Template, ...]:
    """All client events of a dialect, the most useful first."""
    made = [
        _template(event, answer, dialect) for event, answer in _EXAMPLES if DIALECTS[dialect].event_name(type_of(event))
    ]
    if dialect == "beta":
        made.append(_template(SessionUpdate(session=_TRANSCRIPTION), "transcription_session.updated", dialect))
    return tuple(made)


def _template(event: ClientEvent, answered_by: str, dialect: DialectName) -> Template:
    frame: dict[str, JsonValue] = json.loads(encode(event, dialect))
    if dialect == "beta":
        answered_by = answered_by.replace("conversation.item.added", "conversation.item.created")
    return Template(str(frame["type"]), json.dumps(frame, indent=2, ensure_ascii=False), answered_by)
