"""Sessions of other people's clients, and how their clients would have logged them: JSON, console text, reprs.

A session is a file of `sessions`: first what a diagnosis must call it, then rows of time, direction and
event. A local event of the type `says` is a sentence that the client prints; formats of events only leave it out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.insight.session_log import Row

BEGAN = datetime(2026, 11, 20, 9, 30, 0, tzinfo=UTC)
EPOCH = BEGAN.timestamp()
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_EPOCH = 1_576_800_000
_SESSIONS = Path(__file__).parent / "sessions"
Writer = Callable[[list[Row]], bytes]


@dataclass(frozen=True, slots=True)
class Session:
    """What happened, and what a diagnosis must call it; `code` empty: healthy."""

    name: str
    code: str
    lines: tuple[Row, ...]
    needs_words: bool = False
    needs_times: bool = False

    def rows(self) -> list[Row]:
        return list(self.lines)


def foreign_session(name: str) -> Session:
    """A session by the name of its file."""
    head, *rows = map(json.loads, (_SESSIONS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines())
    return Session(name.replace("-", " "), lines=tuple((row["t"], row["dir"], row["event"]) for row in rows), **head)


_ALL = [foreign_session(file.stem) for file in sorted(_SESSIONS.iterdir())]
HEALTHY = tuple(one for one in _ALL if not one.code)
BROKEN = tuple(one for one in _ALL if one.code)


def plain() -> list[Row]:
    """Three turns in which nothing is wrong."""
    return foreign_session("plain-talk").rows()


def _events(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row[1] != "local"]


def _with_ids(rows: list[Row]) -> list[Row]:
    """Every server event gets an id as OpenAI makes them, which begins with the second it was made in."""
    out: list[Row] = []
    for number, (t, way, event) in enumerate(rows):
        if way == "in" and "event_id" not in event:
            made, second = "", int(EPOCH + t) - _ID_EPOCH
            for _ in range(5):
                made, second = _DIGITS[second % 62] + made, second // 62
            event = {**event, "event_id": f"event_{made}{number:016d}"}
        out.append((t, way, event))
    return out


def _stamp(form: str) -> Callable[[float], str]:
    """Formats a time; `%f` are milliseconds."""

    def stamped(t: float) -> str:
        moment = BEGAN + timedelta(seconds=t)
        return moment.strftime(form.replace("%f", f"{moment.microsecond // 1000:03d}"))

    return stamped


def _iso(t: float) -> str:
    return (BEGAN + timedelta(seconds=t)).isoformat()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def bare_jsonl(rows: list[Row]) -> bytes:
    """Events a line each, no times, no directions."""
    return "\n".join(_json(event) for _, _, event in _events(_with_ids(rows))).encode()


def wrapped_jsonl(rows: list[Row]) -> bytes:
    """`{"t", "dir", "event"}`, as a wrapper of its own makes them."""
    return "\n".join(_json({"t": t, "dir": way, "event": event}) for t, way, event in _events(rows)).encode()


def json_array(rows: list[Row]) -> bytes:
    """An export of a page: one array, indented."""
    source = {"in": "server", "out": "client"}
    listed = [{"time": _iso(t), "source": source[way], "event": event} for t, way, event in _events(rows)]
    return json.dumps(listed, indent=2).encode()


def newest_first(rows: list[Row]) -> bytes:
    """The newer console: events with a clock time each, the newest one first."""
    stamp = _stamp("%I:%M:%S %p")
    listed = [{**event, "timestamp": stamp(t)} for t, _, event in _events(_with_ids(rows))]
    return json.dumps(listed[::-1], indent=1).encode()


def har(rows: list[Row]) -> bytes:
    """A browser's network log."""
    kinds = {"in": "receive", "out": "send"}
    messages = [
        {"type": kinds[way], "time": EPOCH + t, "opcode": 1, "data": _json(event)} for t, way, event in _events(rows)
    ]
    entry = {"request": {"url": "wss://api.example.com/v1/realtime"}, "_webSocketMessages": messages}
    return json.dumps({"log": {"version": "1.2", "entries": [entry]}}).encode()


@dataclass(frozen=True, slots=True)
class Printed:
    """A client that prints a line an event, and sentences between them; all three parts begin with the same head."""

    head: Callable[[float], str]
    sent: str
    """Before an event that is sent; may name its `{type}`."""
    received: str
    event: Callable[[Mapping[str, Any]], str]
    says: str = "{}"
    """What a sentence stands in."""
    has_ids: bool = False
    encoding: str = "utf-8"

    def __call__(self, rows: list[Row]) -> bytes:
        lines = []
        for t, way, event in _with_ids(rows) if self.has_ids else rows:
            if event["type"] == "says":
                lines.append(self.head(t) + self.says.format(event["words"]))
            elif way != "local":
                before = self.sent if way == "out" else self.received
                lines.append(self.head(t) + before.format(type=event["type"]) + self.event(event))
        return "\n".join(lines).encode(self.encoding)


def _relay(rows: list[Row]) -> bytes:
    """A relay's log: ISO times, words for directions, the event as a string of JSON; sentences beside it."""
    words = {"in": "received", "out": "sent"}
    out = []
    for t, way, event in rows:
        stamp = _iso(t).replace("+00:00", "Z")
        if event["type"] == "says":
            out.append(_json({"timestamp": stamp, "level": "info", "message": event["words"]}))
        elif way != "local":
            out.append(_json({"timestamp": stamp, "direction": words[way], "data": _json(event)}))
    return "\n".join(out).encode()


def _inspected(value: Any, indent: int = 0) -> str:
    """As Node prints objects: bare keys, single quotes, many lines."""
    pad = "  " * (indent + 1)
    if isinstance(value, Mapping):
        inner = ",\n".join(f"{pad}{key}: {_inspected(part, indent + 1)}" for key, part in value.items())
        return "{\n" + inner + "\n" + "  " * indent + "}" if inner else "{}"
    if isinstance(value, list):
        return "[ " + ", ".join(_inspected(part, indent + 1) for part in value) + " ]" if value else "[]"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return json.dumps(value)


def _unquoted(colon: str) -> Callable[[Any], str]:
    """As Dart, Java and Kotlin print maps: no quotes at all."""

    def printed(value: Any) -> str:
        if isinstance(value, Mapping):
            return "{" + ", ".join(f"{key}{colon}{printed(part)}" for key, part in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(printed, value)) + "]"
        return value if isinstance(value, str) else json.dumps(value)

    return printed


def _swift(value: Any) -> str:
    """As Swift prints dictionaries."""
    if isinstance(value, Mapping):
        return "[" + (", ".join(f'"{key}": {_swift(part)}' for key, part in value.items()) or ":") + "]"
    if isinstance(value, list):
        return "[" + ", ".join(map(_swift, value)) + "]"
    return "nil" if value is None else _json(value)


def _model(event: Mapping[str, Any], name: str = "") -> str:
    """As pydantic prints an event of the Python package."""
    name = name or "".join(part.title().replace("_", "") for part in event["type"].split(".")) + "Event"
    parts = []
    for key, part in event.items():
        nested = isinstance(part, Mapping) and part
        parts.append(f"{key}={_model(part, key.title().replace('_', '')) if nested else repr(part)}")
    return f"{name}({', '.join(parts)})"


def _text_frame(event: Mapping[str, Any]) -> str:
    text = json.dumps(event)
    return f" TEXT '{text}' [{len(text)} bytes]"


_LOGGING = _stamp("%Y-%m-%d %H:%M:%S,%f")
_CONSOLE = Printed(
    _stamp("%H:%M:%S.%f client.js:"), "120 ⬆️ send {type} ", "133 ⬇️ recv {type} ", _json, says="88 [voice] {}"
)
WITH_WORDS: dict[str, Writer] = {
    "relay_jsonl": _relay,
    "console": _CONSOLE,
    "node": Printed(lambda t: "", "Sending event: {type} ", "Received event: {type} ", _inspected, has_ids=True),
    "logcat_gbk": Printed(
        _stamp("%m-%d %H:%M:%S.%f  4021  4077 I flutter : "), "发送事件: ", "收到事件: ", _unquoted(": "),
        encoding="gb18030",
    ),
    "python_repr": Printed(
        _LOGGING, " - DEBUG voice.client - sent ", " - DEBUG voice.client - received ", repr,
        says=" - INFO voice.client - {}",
    ),
    "websockets_debug": Printed(
        _LOGGING, " DEBUG websockets.client >", " DEBUG websockets.client <", _text_frame, says=" INFO main {}"
    ),
    "pydantic": Printed(_stamp("[%H:%M:%S.%f] "), "-> ", "<- ", _model, has_ids=True),
    "swift_prints": Printed(_stamp("%Y-%m-%d %H:%M:%S.%f000+0000 VoiceApp[612:9045] "), "📤 ", "📥 ", _swift),
    "kotlin": Printed(
        _stamp("%m-%d %H:%M:%S.%f 7301-7355 RealtimeClient com.example.voice  D  "), "sending ", "received ",
        _unquoted("="),
    ),
}  # fmt: skip
WRITERS: dict[str, Writer] = {
    "bare_jsonl": bare_jsonl,
    "wrapped_jsonl": wrapped_jsonl,
    "json_array": json_array,
    "newest_first": newest_first,
    "har": har,
    **WITH_WORDS,
}
UNTIMED = frozenset({"bare_jsonl", "node", "newest_first"})
"""Formats without times, or with times of whole seconds."""


def double_encoded(rows: list[Row]) -> bytes:
    """UTF-8 that was read as Windows-1252 and saved again."""
    return "".join(map(_as_windows, _CONSOLE(rows))).encode()


def _as_windows(one: int) -> str:
    """A byte as Windows-1252 shows it; its five holes as most programs fill them."""
    try:
        return bytes([one]).decode("cp1252")
    except UnicodeDecodeError:
        return chr(one)


def all_written(rows: list[Row], *, needs_words: bool, needs_times: bool = False) -> Iterator[tuple[str, bytes]]:
    """The session in every format that can hold what tells of its trouble."""
    for name, write in (WITH_WORDS if needs_words else WRITERS).items():
        if not (needs_times and name in UNTIMED):
            yield name, write(rows)
