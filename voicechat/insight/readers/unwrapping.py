"""Events out of JSON values, whatever they are wrapped in.

A wrapper adds a time and a direction, under one of many names; the event is inside as an object or as a string of JSON.
Some put the name of the event beside its body. What has the shape of an event is one, wherever it stands.

Bytes to text, also where a file went through the wrong encoding on its way.

Logs come out of consoles and phones: UTF-8 with and without a mark, UTF-16 from PowerShell, GBK from Chinese Windows,
and UTF-8 that somebody read as GBK or Windows-1252 and saved again. The last kind is mended run by run of foreign
letters, and only where the result is flawless UTF-8, which text that was right in the first place never is.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from voicechat.insight.readers.narration import (
    SURE,
    WireDirection,
    direction_of,
    is_event,
    is_name,
    is_refusal,
    is_response,
)
from voicechat.insight.readers.talk import ROLES, turn_of_item
from voicechat.insight.readers.timing import time_of

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_SAMPLE = 1 << 20
"""Bytes at the start of a file that its encoding is told from."""
_FOREIGN = re.compile(r"[^\x00-\x7f]{2,}")
LONG = 8
"""Letters of a run in which a byte may have been lost on the way."""
_UNMENDED = 2_000_000
"""Characters beyond which a run is left as it is."""


def encoding_of(sample: bytes) -> str:
    """The encoding of a file that begins with `sample`."""
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return name
    head = sample[:4096]
    if head and head.count(0) > len(head) // 4:
        return "utf-16-le" if head[1::2].count(0) > head[0::2].count(0) else "utf-16-be"
    cut = sample[:_SAMPLE]
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(cut)
        return "utf-8"
    except UnicodeDecodeError:
        pass
    try:
        codecs.getincrementaldecoder("gb18030")().decode(cut)
        return "gb18030"
    except UnicodeDecodeError:
        return "utf-8"


def mended(line: str) -> str:
    """A line with the letters it had before it was read in the wrong encoding."""
    if line.isascii() or len(line) > _UNMENDED:
        return line
    return _FOREIGN.sub(lambda run: _original(run[0]), line)


def _original(run: str) -> str:
    for raw in (_as_windows(run), _as_gbk(run)):
        if raw is None:
            continue
        text = raw.decode("utf-8", "replace")
        lost = text.count("\ufffd") - run.count("\ufffd")
        if lost <= (len(text) // 8 if len(run) >= LONG else 0) and len(text) < len(run):
            return text
    return run


def _as_windows(run: str) -> bytes | None:
    """The bytes of a run that was read as Windows-1252, whose five holes most programs fill as Latin-1 does."""
    out = bytearray()
    for mark in run:
        try:
            out += mark.encode("cp1252")
        except UnicodeEncodeError:
            if ord(mark) > 255:
                return None
            out.append(ord(mark))
    return bytes(out)


def _as_gbk(run: str) -> bytes | None:
    try:
        return run.encode("gb18030")
    except UnicodeEncodeError:
        return None


DEEPEST = 8
LONGEST_STRING = 2_000_000
TIMES = tuple(
    """
    t time timestamp ts @timestamp datetime date created created_at secondsFromStart time_in_call_secs at when
    receivedAt sentAt
    """.split()
)
DIRECTIONS = ("dir", "direction", "source", "from", "sender", "side", "origin", "role", "kind", "type", "way", "flow")
BODIES = ("event", "data", "message", "payload", "body", "params", "content", "frame", "msg", "raw", "json", "detail")
SENTENCES = ("error", "err", "text", "line", "log", "exc_info", "exception", "stack", "fullEvent", "fullPayload")
"""Fields that may hold an event, or words about one."""
NAMES = tuple(
    """
    type event event_type eventType event_name eventName name message msg action topic
    """.split()
)
MERE_BODIES = ("data", "payload", "body", "fullEvent", "fullPayload", "raw")
STREAMS = tuple(
    """
    session_id sessionId connection_id connectionId conn_id callSid call_sid streamSid socket_id job_id
    """.split()
)
"""What tells several sessions in one log apart."""
_OUT = tuple(
    """
    out outgoing outbound send sent sending client tx up upstream request > -> → >>
    """.split()
)
_IN = tuple(
    """
    in incoming inbound receive received recv server rx down downstream response < <- ← <<
    """.split()
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
        t = around.t if around.t is not None else time_within(value, None)
        yield Found(value, t, direction_of(str(value["type"]), around.dir), around.stream)
        return
    inside = _Around(time_within(value, around.t), _direction(value) or around.dir, _stream(value) or around.stream)
    if (bare := _bare(value)) is not None:
        yield Found(bare, inside.t, "in", inside.stream)
        return
    if (turn := turn_of_item(value, is_line=depth == 0 and around.t is not None)) is not None:
        yield Found(turn, inside.t, "local", inside.stream)
        return
    named = _named(value, inside)
    if named is not None:
        yield named
        return
    bodies = [name for name in (*BODIES, *SENTENCES) if isinstance(value.get(name), Mapping | list | str)]
    others = [name for name, part in value.items() if name not in bodies and isinstance(part, Mapping | list)]
    is_speech = value.get("role") in ROLES
    for name in (*bodies, *others):
        if not (is_speech and isinstance(value[name], str)):
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
    known = (*NAMES, *(field for field, name in value.items() if isinstance(name, str) and name in SURE))
    for field in known:
        name = value.get(field)
        if not (is_name(name) or (name == "error" and field != "type")):
            continue
        body = _body(value, field)
        if body.get("type", name) != name:
            continue  # another event is inside; the name is a channel or a topic
        if name == "response.done" and "response" not in body and isinstance(body.get("status"), str):
            body = {**body, "response": _flat_response(body)}
        return Found({**body, "type": name}, around.t, direction_of(str(name), around.dir), around.stream)
    return None


def _flat_response(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """A structured log writes the end of a response in fields of its own: status, reason, error_code ..."""
    code, message = body.get("error_code", body.get("code")), body.get("error_message", body.get("message"))
    details = {"reason": body.get("reason"), "error": {"code": code, "message": message} if code or message else None}
    told = {name: part for name, part in details.items() if part is not None}
    return {"id": body.get("response_id", body.get("id", "")), "status": body["status"], "status_details": told}


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
    inside: list[Mapping[str, Any]] = [part for part in value.values() if isinstance(part, Mapping)]
    if named_by not in NAMES and len(inside) == 1:
        return inside[0]
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
