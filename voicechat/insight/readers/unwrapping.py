"""Events out of JSON values, whatever they are wrapped in.

A wrapper adds a time and a direction, under one of many names; the event is inside as an object or as a string of JSON.
Some put the name of the event beside its body. What has the shape of an event is one, wherever it stands.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from voicechat.insight.readers.naming import (
    WireDirection,
    direction_of,
    is_event,
    is_name,
    is_refusal,
    is_response,
)
from voicechat.insight.readers.timing import time_of

DEEPEST = 8
LONGEST_STRING = 2_000_000
TIMES = (
    "t",
    "time",
    "timestamp",
    "ts",
    "@timestamp",
    "datetime",
    "date",
    "created",
    "at",
    "when",
    "receivedAt",
    "sentAt",
)
DIRECTIONS = ("dir", "direction", "source", "from", "sender", "side", "origin", "role", "kind", "type", "way", "flow")
BODIES = ("event", "data", "message", "payload", "body", "params", "content", "frame", "msg", "raw", "json", "detail")
SENTENCES = ("error", "err", "text", "line", "log", "exc_info", "exception", "stack", "fullEvent", "fullPayload")
"""Fields that may hold an event, or words about one."""
NAMES = (
    "type",
    "event",
    "event_type",
    "eventType",
    "event_name",
    "eventName",
    "name",
    "message",
    "msg",
    "action",
    "topic",
)
MERE_BODIES = ("data", "payload", "body", "fullEvent", "fullPayload", "raw")
STREAMS = (
    "session_id",
    "sessionId",
    "connection_id",
    "connectionId",
    "conn_id",
    "callSid",
    "call_sid",
    "streamSid",
    "socket_id",
    "job_id",
)
"""What tells several sessions in one log apart."""
_OUT = (
    "out",
    "outgoing",
    "outbound",
    "send",
    "sent",
    "sending",
    "client",
    "tx",
    "up",
    "upstream",
    "request",
    ">",
    "->",
    "→",
    ">>",
)
_IN = (
    "in",
    "incoming",
    "inbound",
    "receive",
    "received",
    "recv",
    "server",
    "rx",
    "down",
    "downstream",
    "response",
    "<",
    "<-",
    "←",
    "<<",
)
DIRECTION_WORDS: Mapping[str, WireDirection] = {**dict.fromkeys(_OUT, "out"), **dict.fromkeys(_IN, "in")}


class Found(msgspec.Struct, gc=False):
    """One event out of a log."""

    event: Mapping[str, Any]
    t: float | None
    """As the log tells it: seconds of any clock."""
    dir: Literal["in", "out", "local"]
    stream: str = ""
    """The session or connection that the wrapper names."""


@dataclass(slots=True)
class Told:
    """A sentence that a wrapper held instead of an event; it may have one printed in it."""

    text: str
    t: float | None
    stream: str = ""


@dataclass(frozen=True, slots=True)
class _Around:
    """What the wrappers said so far."""

    t: float | None = None
    dir: WireDirection | None = None
    stream: str = ""


def unwrapped(value: Any, t: float | None = None, told: WireDirection | None = None) -> Iterator[Found | Told]:
    """Every event in a value, in order, and the sentences it was told in."""
    yield from _walk(value, _Around(t, told), 0)


def _walk(value: Any, around: _Around, depth: int) -> Iterator[Found | Told]:
    if depth > DEEPEST:
        return
    if isinstance(value, Mapping):
        yield from _walk_object(value, around, depth)
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item, around, depth + 1)
    elif isinstance(value, str):
        yield from _walk_text(value, around, depth)


def _walk_object(value: Mapping[str, Any], around: _Around, depth: int) -> Iterator[Found | Told]:
    if value.get("dir") == "local" and isinstance(value.get("event"), Mapping):
        yield Found(value["event"], time_of(value.get("t")), "local")
        return
    if is_event(value) and not _is_mere_label(value):
        yield _found(value, around)
        return
    inside = _Around(time_within(value, around.t), _direction(value) or around.dir, _stream(value) or around.stream)
    if (bare := _bare(value)) is not None:
        yield Found(bare, inside.t, "in", inside.stream)
        return
    named = _named(value, inside)
    if named is not None:
        yield named
        return
    bodies = [name for name in (*BODIES, *SENTENCES) if isinstance(value.get(name), Mapping | list | str)]
    others = [name for name, part in value.items() if name not in bodies and isinstance(part, Mapping | list)]
    for name in (*bodies, *others):
        yield from _walk(value[name], inside, depth + 1)


def _walk_text(text: str, around: _Around, depth: int) -> Iterator[Found | Told]:
    if len(text) > LONGEST_STRING:
        return
    if text.lstrip()[:1] in ("{", "["):
        try:
            inner = json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            yield from _walk(inner, around, depth + 1)
            return
    if text:
        yield Told(text, around.t, around.stream)


def _found(event: Mapping[str, Any], around: _Around) -> Found:
    t = around.t if around.t is not None else time_within(event, None)
    return Found(event, t, direction_of(str(event["type"]), around.dir), around.stream)


def _bare(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The event of an object that is only the inside of one."""
    if is_refusal(value):
        return {"type": "error", "error": value}
    if is_response(value):
        return {"type": "response.done", "response": value}
    if value.get("type") == "failed" and isinstance(value.get("error"), Mapping):
        return {"type": "response.done", "response": {"status": "failed", "status_details": value}}
    return None


def _is_mere_label(value: Mapping[str, Any]) -> bool:
    """`{"type": "response.done", "data": {...}}`: the fields of the event are one level deeper."""
    return any(isinstance(value.get(name), Mapping | str) for name in MERE_BODIES) and not any(
        name in value for name in ("event_id", "response", "session", "item", "item_id", "response_id", "delta")
    )


def _named(value: Mapping[str, Any], around: _Around) -> Found | None:
    """The name of the event in one field, its fields in another one or beside it."""
    for field in NAMES:
        name = value.get(field)
        if not (is_name(name) or (name == "error" and field != "type")):
            continue
        body = _body(value, field)
        if body.get("type", name) != name:
            continue  # another event is inside; the name is a channel or a topic
        return Found({**body, "type": name}, around.t, direction_of(str(name), around.dir), around.stream)
    return None


def _body(value: Mapping[str, Any], named_by: str) -> Mapping[str, Any]:
    for field in BODIES:
        inner = value.get(field)
        if isinstance(inner, str) and field != named_by and inner.lstrip().startswith("{"):
            try:
                inner = json.loads(inner)
            except (ValueError, RecursionError):
                continue
        if isinstance(inner, Mapping):
            return inner
    return {name: part for name, part in value.items() if name != named_by}


def time_within(value: Mapping[str, Any], otherwise: float | None = None) -> float | None:
    """The time that a wrapper tells, under one of its many names."""
    for name in TIMES:
        if name in value and (t := time_of(value[name])) is not None:
            return t
    return otherwise


def _stream(value: Mapping[str, Any]) -> str:
    for name in STREAMS:
        said = value.get(name)
        if isinstance(said, str | int) and said != "":
            return str(said)[:64]
    return ""


def _direction(value: Mapping[str, Any]) -> WireDirection | None:
    for name in DIRECTIONS:
        said = value.get(name)
        if isinstance(said, str) and (way := DIRECTION_WORDS.get(said.strip().lower())) is not None:
            return way
    return None
