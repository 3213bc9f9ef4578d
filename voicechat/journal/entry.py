"""The one record of what happened in a session: an event, its place, its time, and what a line of a list says of it.

Whatever looks at a session takes entries: the event list, the checks, the metrics, the tape, the screen, a script.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

Direction = Literal["in", "out", "local"]
TRANSLATED = ("translated",)
"""The tag of events that were made here of what another protocol said: what really came or left stands beside them."""
LONGEST_ID = 128
MOST_FIELDS = 3
LONGEST_VALUE = 40
DEEPEST = 6
TELLING = ("model", "voice", "turn_detection.type", "id")
"""What tells sessions apart, most telling first."""
_BLANKS = re.compile(r"\s")


class Entry(Struct, frozen=True):
    """One event: a wire event as on the wire, a local one with a `type` such as `mic.closed`."""

    seq: int
    """Its number in the session, from 0."""
    t: float
    """Session time in seconds."""
    dir: Direction
    event: dict[str, Any]
    """Moments that a local one names (`began_at`) are session time too."""
    size: int = 0
    """Bytes on the wire; 0 for local events."""
    notes: tuple[str, ...] = ()
    """What the decoder had to mend."""
    tags: tuple[str, ...] = ()
    """What the type alone does not say: `mine` (typed by the user), `unknown`, `harmless`, `audio`, `tool`."""
    added: float | None = None
    """Seconds that a tap has kept it before it was passed on."""

    @property
    def type(self) -> str:
        """As on the wire, whatever the dialect."""
        name = self.event.get("type")
        return name if isinstance(name, str) else "unknown"


def in_session_time(event: Mapping[str, Any], started_at: float) -> dict[str, Any]:
    """Our own events name moments of a monotonic clock (`began_at`); readers have session time only."""
    return {
        name: round(value - started_at, 6) if name.endswith("_at") and isinstance(value, int | float) else value
        for name, value in event.items()
    }


def refs_of(event: Mapping[str, Any]) -> tuple[str, str, str]:
    """The response, item and call an event names, at the top or in its `response` or `item`; empty where none."""
    response, item = _part(event, "response"), _part(event, "item")
    return (
        _id(event.get("response_id")) or _id(response.get("id")),
        _id(event.get("item_id")) or _id(item.get("id")),
        _id(event.get("call_id")) or _id(item.get("call_id")),
    )


def _part(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = event.get(name)
    return value if isinstance(value, Mapping) else {}


def _id(value: object) -> str:
    return value[:LONGEST_ID] if isinstance(value, str) else ""


def summary_of(entry: Entry) -> str:
    """One line that says the most of an event, and what the decoder had to mend."""
    return summary(entry.event) + ("  ⚠ " + "; ".join(entry.notes) if entry.notes else "")


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
