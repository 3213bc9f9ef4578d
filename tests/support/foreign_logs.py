"""One session written down the way many clients write it: as wrapped JSON, console text, phone logs, reprs.

A session is rows of `session_log` (seconds, direction, event), plus rows of `says`: what the client prints about
itself. Each writer gives the bytes of a file. Formats that hold events only leave the sentences out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.session_log import Row

BEGAN = datetime(2026, 11, 20, 9, 30, 0, tzinfo=UTC)
EPOCH = BEGAN.timestamp()
SAYS = "says"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_EPOCH = 1_576_800_000


def says(t: float, words: str) -> Row:
    """A sentence that the client prints."""
    return (t, "local", {"type": SAYS, "words": words})


def words_of(row: Row) -> str | None:
    """The sentence of a row, None for an event."""
    return row[2]["words"] if row[2]["type"] == SAYS else None


def events_of(rows: Iterable[Row]) -> list[Row]:
    """Without what the client says, and without our own local events."""
    return [row for row in rows if row[1] != "local"]


def with_ids(rows: Iterable[Row]) -> list[Row]:
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


def _moment(t: float) -> datetime:
    return BEGAN + timedelta(seconds=t)


def _clock(t: float) -> str:
    return _moment(t).strftime("%H:%M:%S.%f")[:-3]


def _json(event: Mapping[str, Any]) -> str:
    return json.dumps(event, ensure_ascii=False)


def bare_jsonl(rows: list[Row]) -> bytes:
    """Events a line each, no times, no directions."""
    return "\n".join(_json(event) for _, _, event in events_of(with_ids(rows))).encode()


def wrapped_jsonl(rows: list[Row]) -> bytes:
    """`{"t", "dir", "event"}`, as a wrapper of its own makes them."""
    lines = [{"t": t, "dir": way, "event": event} for t, way, event in events_of(rows)]
    return "\n".join(_json(line) for line in lines).encode()


def relay_jsonl(rows: list[Row]) -> bytes:
    """A relay's log: ISO times, words for directions, the event as a string of JSON; sentences beside it."""
    out = []
    for row in rows:
        t, way, event = row
        stamp = _moment(t).isoformat().replace("+00:00", "Z")
        if (said := words_of(row)) is not None:
            out.append(_json({"timestamp": stamp, "level": "info", "message": said}))
        elif way != "local":
            word = "sent" if way == "out" else "received"
            out.append(_json({"timestamp": stamp, "direction": word, "data": _json(event)}))
    return "\n".join(out).encode()


def json_array(rows: list[Row]) -> bytes:
    """An export of a page: one array, indented."""
    listed = [
        {"time": _moment(t).isoformat(), "source": "client" if way == "out" else "server", "event": event}
        for t, way, event in events_of(rows)
    ]
    return json.dumps(listed, indent=2).encode()


def newest_first(rows: list[Row]) -> bytes:
    """The newer console: events with a clock time each, the newest one first."""
    listed = [{**event, "timestamp": _moment(t).strftime("%I:%M:%S %p")} for t, _, event in events_of(with_ids(rows))]
    return json.dumps(listed[::-1], indent=1).encode()


def har(rows: list[Row]) -> bytes:
    """A browser's network log."""
    messages = [
        {"type": "send" if way == "out" else "receive", "time": EPOCH + t, "opcode": 1, "data": _json(event)}
        for t, way, event in events_of(rows)
    ]
    entry = {"request": {"url": "wss://api.example.com/v1/realtime"}, "_webSocketMessages": messages}
    return json.dumps({"log": {"version": "1.2", "entries": [entry]}}).encode()


def console(rows: list[Row]) -> bytes:
    """A browser's console, copied: file and line behind each message."""
    out = []
    for row in rows:
        t, way, event = row
        if (said := words_of(row)) is not None:
            out.append(f"{_clock(t)} client.js:88 [voice] {said}")
        elif way != "local":
            arrow = "⬆️ send" if way == "out" else "⬇️ recv"
            out.append(f"{_clock(t)} client.js:{120 if way == 'out' else 133} {arrow} {event['type']} {_json(event)}")
    return "\n".join(out).encode()


def inspected(value: Any, indent: int = 0) -> str:
    """As Node prints objects: bare keys, single quotes, many lines."""
    pad = "  " * (indent + 1)
    if isinstance(value, Mapping):
        if not value:
            return "{}"
        inner = ",\n".join(f"{pad}{key}: {inspected(part, indent + 1)}" for key, part in value.items())
        return "{\n" + inner + "\n" + "  " * indent + "}"
    if isinstance(value, list):
        return "[]" if not value else "[ " + ", ".join(inspected(part, indent + 1) for part in value) + " ]"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return json.dumps(value)


def node(rows: list[Row]) -> bytes:
    """A server in Node: `Received event: NAME {` and the object over many lines, no times."""
    out = []
    for row in with_ids(rows):
        _, way, event = row
        if (said := words_of(row)) is not None:
            out.append(said)
        elif way != "local":
            verb = "Sending event" if way == "out" else "Received event"
            out.append(f"{verb}: {event['type']} {inspected(event)}")
    return "\n".join(out).encode()


def dart(value: Any) -> str:
    """As Dart prints maps: no quotes at all."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {dart(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(dart(part) for part in value) + "]"
    return {True: "true", False: "false", None: "null"}.get(value, str(value)) if not isinstance(value, str) else value


def logcat_gbk(rows: list[Row]) -> bytes:
    """A Flutter client on Android, its words Chinese, its log saved as GBK."""
    out = []
    for row in rows:
        t, way, event = row
        head = _moment(t).strftime("%m-%d %H:%M:%S.%f")[:-3] + "  4021  4077 I flutter : "
        if (said := words_of(row)) is not None:
            out.append(head + said)
        elif way != "local":
            out.append(head + ("发送事件: " if way == "out" else "收到事件: ") + dart(event))
    return "\n".join(out).encode("gb18030")


def python_repr(rows: list[Row]) -> bytes:
    """Python's logging, events as dicts."""
    out = []
    for row in rows:
        t, way, event = row
        head = _moment(t).strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]
        if (said := words_of(row)) is not None:
            out.append(f"{head} - INFO voice.client - {said}")
        elif way != "local":
            out.append(f"{head} - DEBUG voice.client - {'sent' if way == 'out' else 'received'} {event!r}")
    return "\n".join(out).encode()


def websockets_debug(rows: list[Row]) -> bytes:
    """The `websockets` package at level DEBUG, with long messages whole."""
    out = []
    for row in rows:
        t, way, event = row
        head = _moment(t).strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]
        if (said := words_of(row)) is not None:
            out.append(f"{head} INFO main {said}")
        elif way != "local":
            text = json.dumps(event)
            out.append(
                f"{head} DEBUG websockets.client {'>' if way == 'out' else '<'} TEXT '{text}' [{len(text)} bytes]"
            )
    return "\n".join(out).encode()


def _model(name: str, value: Mapping[str, Any]) -> str:
    parts = []
    for key, part in value.items():
        parts.append(
            f"{key}={_model(key.title().replace('_', ''), part) if isinstance(part, Mapping) and part else repr(part)}"
        )
    return f"{name}({', '.join(parts)})"


def pydantic(rows: list[Row]) -> bytes:
    """The Python package's events as their reprs."""
    out = []
    for row in with_ids(rows):
        t, way, event = row
        if (said := words_of(row)) is not None:
            out.append(f"[{_clock(t)}] {said}")
        elif way != "local":
            name = "".join(part.title().replace("_", "") for part in event["type"].split(".")) + "Event"
            out.append(f"[{_clock(t)}] {'->' if way == 'out' else '<-'} {_model(name, event)}")
    return "\n".join(out).encode()


def swift(value: Any) -> str:
    """As Swift prints dictionaries."""
    if isinstance(value, Mapping):
        return "[" + (", ".join(f'"{key}": {swift(part)}' for key, part in value.items()) or ":") + "]"
    if isinstance(value, list):
        return "[" + ", ".join(swift(part) for part in value) + "]"
    return (
        {None: "nil"}.get(value, json.dumps(value, ensure_ascii=False))
        if not isinstance(value, bool)
        else str(value).lower()
    )


def swift_prints(rows: list[Row]) -> bytes:
    """An iOS client's prints, through the unified log."""
    out = []
    for row in rows:
        t, way, event = row
        head = _moment(t).strftime("%Y-%m-%d %H:%M:%S.%f+0000") + " VoiceApp[612:9045] "
        if (said := words_of(row)) is not None:
            out.append(head + said)
        elif way != "local":
            out.append(head + ("📤 " if way == "out" else "📥 ") + swift(event))
    return "\n".join(out).encode()


def java(value: Any) -> str:
    """As Java and Kotlin print maps."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}={java(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(java(part) for part in value) + "]"
    return {True: "true", False: "false", None: "null"}.get(value, str(value)) if not isinstance(value, str) else value


def kotlin(rows: list[Row]) -> bytes:
    """An Android client's logcat with Kotlin maps."""
    out = []
    for row in rows:
        t, way, event = row
        head = _moment(t).strftime("%m-%d %H:%M:%S.%f")[:-3] + " 7301-7355 RealtimeClient com.example.voice  D  "
        if (said := words_of(row)) is not None:
            out.append(head + said)
        elif way != "local":
            out.append(head + ("sending " if way == "out" else "received ") + java(event))
    return "\n".join(out).encode()


def double_encoded(rows: list[Row]) -> bytes:
    """UTF-8 that was read as Windows-1252 and saved again."""
    return "".join(_as_windows(one) for one in console(rows)).encode()


def _as_windows(one: int) -> str:
    """A byte as Windows-1252 shows it; its five holes as most programs fill them."""
    try:
        return bytes([one]).decode("cp1252")
    except UnicodeDecodeError:
        return chr(one)


Writer = Callable[[list[Row]], bytes]
EVENTS_ONLY: dict[str, Writer] = {
    "bare_jsonl": bare_jsonl,
    "wrapped_jsonl": wrapped_jsonl,
    "json_array": json_array,
    "newest_first": newest_first,
    "har": har,
}
WITH_WORDS: dict[str, Writer] = {
    "relay_jsonl": relay_jsonl,
    "console": console,
    "node": node,
    "logcat_gbk": logcat_gbk,
    "python_repr": python_repr,
    "websockets_debug": websockets_debug,
    "pydantic": pydantic,
    "swift_prints": swift_prints,
    "kotlin": kotlin,
}
WRITERS = EVENTS_ONLY | WITH_WORDS
UNTIMED = frozenset({"bare_jsonl", "node"})


def all_written(rows: list[Row], *, needs_words: bool, needs_times: bool = False) -> Iterator[tuple[str, bytes]]:
    """The session in every format that can hold what tells of its trouble."""
    for name, write in (WITH_WORDS if needs_words else WRITERS).items():
        if not (needs_times and (name in UNTIMED or name == "newest_first")):
            yield name, write(rows)
