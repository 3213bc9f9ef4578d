"""The events of a talk as a screen gets them: sound elided, nothing huge, in bounded batches; and the newest, kept."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from voicechat.core.rules.server_errors import HARMLESS
from voicechat.engine.link import Batch
from voicechat.journal.entry import Entry, is_base64
from voicechat.journal.lines import AUDIO_TYPES
from voicechat.protocol.client_events import CLIENT_EVENTS
from voicechat.protocol.dialects import ga_name
from voicechat.protocol.event_shapes import LIVE_COMMANDS
from voicechat.protocol.live import EVENTS
from voicechat.protocol.server_events import SERVER_EVENTS
from voicechat.protocol.wire import MAX_INTEGER

_TOOL_ITEMS = ("function_call", "function_call_output", "mcp_call", "mcp_list_tools", "mcp_approval_request")
LONG_TEXT = 2_000
"""Longest string kept inside an event."""
BATCH_LIMIT = 2_000
"""Rows that may wait for the next tick; older ones are dropped and counted (the tape keeps everything)."""
AUDIO_FIELDS = ("audio", "delta")


class EventLog:
    """Rows since the last tick, and a ring of recent ones for clients that come late."""

    def __init__(self, keep: int = 2_000) -> None:
        self._dropped = 0
        self._new: deque[Entry] = deque(maxlen=BATCH_LIMIT)
        self.recent: deque[Entry] = deque(maxlen=keep)

    @property
    def newest(self) -> int:
        """The number of the newest row; -1 before the first."""
        return self.recent[-1].seq if self.recent else -1

    def watch(self, entry: Entry) -> None:
        row = row_of(entry)
        if len(self._new) == BATCH_LIMIT:
            self._dropped += 1
        self._new.append(row)
        self.recent.append(row)

    def take(self) -> Batch | None:
        """Everything since the last call; None when nothing happened."""
        if not self._new:
            return None
        batch = Batch(tuple(self._new), self._dropped)
        self._new.clear()
        self._dropped = 0
        return batch


def row_of(entry: Entry) -> Entry:
    """The entry for the link: sound elided, bounded, plain JSON, with all its tags."""
    event = entry.event
    for value in event.values():  # a delta holds nothing else
        if not ((type(value) is str and len(value) < 200) or (type(value) is int and abs(value) <= MAX_INTEGER)):
            event = elided(event, is_audio="audio" in entry.type)
            break
    return msgspec.structs.replace(entry, event=event, tags=tags_of(entry))


def tags_of(entry: Entry) -> tuple[str, ...]:
    """`audio`, `tool`, `harmless`, `unknown`, and the ones the session gave it."""
    event, name = entry.event, entry.type
    tags = list(entry.tags)
    if name in AUDIO_TYPES:
        tags.append("audio")
    item, error = event.get("item"), event.get("error")
    if isinstance(item, dict) and item.get("type") in _TOOL_ITEMS:
        tags.append("tool")
    code = error.get("code") if isinstance(error, dict) else None
    if name == "error" and isinstance(code, str) and code in HARMLESS:
        tags.append("harmless")
    known, live = (SERVER_EVENTS, EVENTS) if entry.dir == "in" else (CLIENT_EVENTS, LIVE_COMMANDS)
    if entry.dir != "local" and ga_name(name) not in known and name not in live:
        tags.append("unknown")
    return tuple(tags)


def elided(value: Any, *, is_audio: bool, depth: int = 0) -> Any:
    """`value` with base64 audio and very long strings replaced by their length, and no deeper than a screen shows.

    What the link or JSON cannot say has a form that they can.
    """
    match value:
        case str():
            return value if len(value) <= LONG_TEXT else f"{value[:LONG_TEXT]}… <{len(value)} characters>"
        case None | bool():
            return value
        case int():
            return value if -(2**63) <= value < 2**64 else str(value)
        case float():
            return value if math.isfinite(value) else None
        case _ if depth > 40:
            return "<deeper>"
        case msgspec.Struct():
            return elided(msgspec.to_builtins(value), is_audio=is_audio, depth=depth)
        case Mapping():
            return {
                str(key): f"<{len(item)} bytes of base64>"
                if key in AUDIO_FIELDS and isinstance(item, str) and is_audio and is_base64(item)
                else elided(item, is_audio=is_audio or key == "content", depth=depth + 1)
                for key, item in value.items()
            }
        case Sequence() if not isinstance(value, bytes):
            return [elided(item, is_audio=is_audio, depth=depth + 1) for item in value[:500]]
        case _:
            return value
