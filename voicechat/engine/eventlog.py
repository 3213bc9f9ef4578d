"""Happenings become rows for the screen: a summary, a size, a payload with audio elided and nothing huge.

What the inspector filters and follows by: the ids an event carries, and what its type alone does not say.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from voicechat.core.rules.server_errors import HARMLESS
from voicechat.engine.link import Batch, EventRow
from voicechat.journal.entry import Happening, in_session_time
from voicechat.journal.lines import AUDIO_TYPES
from voicechat.protocol.client_events import CLIENT_EVENTS
from voicechat.protocol.dialects import ga_name
from voicechat.protocol.event_shapes import LIVE_COMMANDS
from voicechat.protocol.live import EVENTS
from voicechat.protocol.server_events import SERVER_EVENTS

LONGEST_ID = 128
_TOOL_ITEMS = ("function_call", "function_call_output", "mcp_call", "mcp_list_tools", "mcp_approval_request")


def refs_of(event: Mapping[str, Any]) -> tuple[str, str, str]:
    """The response, item and call an event names, at the top or in its `response` or `item`; empty where none."""
    response, item = _part(event, "response"), _part(event, "item")
    return (
        _id(event.get("response_id")) or _id(response.get("id")),
        _id(event.get("item_id")) or _id(item.get("id")),
        _id(event.get("call_id")) or _id(item.get("call_id")),
    )


def tags_of(happening: Happening) -> tuple[str, ...]:
    """`audio`, `tool`, `harmless`, `unknown`, and the ones the session gave it."""
    event, name = happening.event, str(happening.event.get("type", ""))
    tags = list(happening.tags)
    if name in AUDIO_TYPES:
        tags.append("audio")
    if _part(event, "item").get("type") in _TOOL_ITEMS:
        tags.append("tool")
    code = _part(event, "error").get("code")
    if name == "error" and isinstance(code, str) and code in HARMLESS:
        tags.append("harmless")
    known, live = (SERVER_EVENTS, EVENTS) if happening.dir == "in" else (CLIENT_EVENTS, LIVE_COMMANDS)
    if happening.dir != "local" and ga_name(name) not in known and name not in live:
        tags.append("unknown")
    return tuple(tags)


def _part(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = event.get(name)
    return value if isinstance(value, Mapping) else {}


def _id(value: object) -> str:
    return value[:LONGEST_ID] if isinstance(value, str) else ""


LONG_TEXT = 2_000
"""Longest string kept inside a payload."""
BATCH_LIMIT = 2_000
"""Rows that may wait for the next tick; older ones are dropped and counted (the tape keeps everything)."""
MOST_FIELDS = 3
LONGEST_VALUE = 40
DEEPEST = 6
TELLING = ("model", "voice", "turn_detection.type", "id")
"""What tells sessions apart, most telling first."""
AUDIO_FIELDS = ("audio", "delta")
_BLANKS = re.compile(r"\s")


class EventLog:
    """Rows since the last tick, and a ring of recent ones for clients that come late."""

    def __init__(self, keep: int = 2_000) -> None:
        self._started_at = 0.0
        self._seq = 0
        self._dropped = 0
        self._new: deque[EventRow] = deque(maxlen=BATCH_LIMIT)
        self.recent: deque[EventRow] = deque(maxlen=keep)

    @property
    def newest(self) -> int:
        """The number of the newest row."""
        return self._seq - 1

    def start_at(self, at: float) -> None:
        """The moment that rows count from."""
        self._started_at = at

    def watch(self, happening: Happening) -> None:
        self._seq += 1
        row = row_of(happening, self.newest, self._started_at)
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


def row_of(happening: Happening, seq: int, started_at: float) -> EventRow:
    event = in_session_time(happening.event, started_at) if happening.dir == "local" else happening.event
    name = event.get("type")
    shown = elided(event, is_audio=isinstance(name, str) and "audio" in name)
    return EventRow(
        seq=seq,
        t=round(happening.at - started_at, 6),
        dir=happening.dir,
        type=name if isinstance(name, str) else "unknown",
        summary=summary(event) + ("  ⚠ " + "; ".join(happening.notes) if happening.notes else ""),
        size=happening.size,
        payload=msgspec.json.encode(shown).decode("utf-8", "replace"),
        refs=refs_of(event),
        tags=tags_of(happening),
        added=happening.added,
    )


def elided(value: Any, *, is_audio: bool, depth: int = 0) -> Any:
    """`value` with base64 audio and very long strings replaced by their length, and no deeper than a screen shows."""
    if depth > 40:
        return "<deeper>"
    if isinstance(value, Mapping):
        return {
            str(key): f"<{len(item)} bytes of base64>"
            if key in AUDIO_FIELDS and isinstance(item, str) and is_audio and is_base64(item)
            else elided(item, is_audio=is_audio or key == "content", depth=depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, str):
        return value if len(value) <= LONG_TEXT else f"{value[:LONG_TEXT]}… <{len(value)} characters>"
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [elided(item, is_audio=is_audio, depth=depth + 1) for item in value[:500]]
    return value


def is_base64(text: str) -> bool:
    """Long enough and without blanks: a transcript delta is neither."""
    return len(text) > 200 and not any(mark in text[:200] for mark in " .,;!?\n")


def summary(event: Mapping[str, Any]) -> str:
    """One line that says the most: an error's message, a delta, a transcript, a status, an id."""
    delta = event.get("delta")
    if isinstance(delta, str) and not is_base64(delta):
        return _BLANKS.sub(" ", delta[:200])  # its blanks at the edges join it to the next one
    for tell in (error_of, text_of, response_of, item_of, session_of, span_of, rest_of):
        if line := tell(event):
            return " ".join(line.split())[:200]
    return ""


def error_of(event: Mapping[str, Any]) -> str:
    error = event.get("error")
    if isinstance(error, Mapping):
        return " · ".join(str(error[name]) for name in ("code", "message", "param") if error.get(name))
    return error if isinstance(error, str) else ""


def text_of(event: Mapping[str, Any]) -> str:
    for name in ("transcript", "text", "delta", "arguments", "reason", "message"):
        value = event.get(name)
        if isinstance(value, str) and value:
            return f"<{len(value)} bytes of base64>" if name == "delta" and is_base64(value) else value
    return ""


def response_of(event: Mapping[str, Any]) -> str:
    response = event.get("response")
    if not isinstance(response, Mapping):
        return ""
    details = response.get("status_details")
    parts = [response.get("status"), response.get("id")]
    if isinstance(details, Mapping):
        parts.insert(1, details.get("reason") or details.get("type"))
        if isinstance(details.get("error"), Mapping):
            parts.insert(2, details["error"].get("code") or details["error"].get("message"))
    return " · ".join(str(part) for part in parts if part)


def item_of(event: Mapping[str, Any]) -> str:
    item = event.get("item")
    if not isinstance(item, Mapping):
        return ""
    return " · ".join(str(item[name]) for name in ("role", "type", "name", "status", "id") if item.get(name))


def session_of(event: Mapping[str, Any]) -> str:
    """What an update asks for; of a whole session the fields that tell sessions apart, in either dialect."""
    session = event.get("session")
    if not isinstance(session, Mapping):
        return ""
    fields = [(path, value) for path, value in leaves(session) if path != "type" and value not in (None, "")]
    if event.get("type") == "session.update":
        asked = [f"{path} {brief(value)}" for path, value in fields]
        return " · ".join(asked[:MOST_FIELDS]) + (f" · {len(asked) - MOST_FIELDS} more" if asked[MOST_FIELDS:] else "")
    told = [next((brief(value) for path, value in fields if path.endswith(end)), "") for end in TELLING]
    return " · ".join(part for part in told if part)


def leaves(value: Mapping[str, Any], path: str = "", depth: int = 0) -> Iterator[tuple[str, object]]:
    """Every value of a document with its path; a summary needs no deep ones."""
    for name, inner in value.items():
        if isinstance(inner, Mapping) and inner and depth < DEEPEST:
            yield from leaves(inner, f"{path}{name}.", depth + 1)
        else:
            yield f"{path}{name}", inner


def brief(value: object) -> str:
    """A value in a few characters."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{len(value)}]"
    told = describe(value)
    return told if len(told) <= LONGEST_VALUE else f"{told[: LONGEST_VALUE - 1]}…"


def span_of(event: Mapping[str, Any]) -> str:
    for name in ("audio_start_ms", "audio_end_ms"):
        if isinstance(event.get(name), int | float):
            of_what = "its audio" if event.get("type") == "conversation.item.truncated" else "the input audio"
            return f"at {event[name] / 1000:.2f} s of {of_what}"
    return ""


def rest_of(event: Mapping[str, Any]) -> str:
    kept = {
        name: value for name, value in event.items() if name not in ("type", "event_id") and value not in (None, "")
    }
    return " ".join(f"{name}={describe(value)}" for name, value in kept.items())


def describe(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return f"{{{len(value)}}}" if isinstance(value, Mapping) else str(value)
