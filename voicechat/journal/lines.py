"""The lines of `session.jsonl`: one JSON object each, whatever happened, in the order in which it happened.

    {"tape": 1, "started_at": "2026-11-21T10:00:00+00:00", "start": {...}}      the first line
    {"t": 1.2, "dir": "in", "event": {...}}                                     a wire event, or a local one
    {"t": 1.2, "at": 5031.25, "input": {"type": "TalkPressed", ...}}            an input of the core
    {"t": 1.2, "effect": {"type": "OpenMic", ...}}                              what the core decided upon it

`t` counts from the start of the session, for readers. `at` is the very number the core was given: a re-run must compare
the same floats. A server event is written once, as the wire event; its input line only says when the core met it
(`Received` and the connection), and the two kinds come in the same order. Where the service speaks another protocol
(GPT-Live), the wire event stands there as it came, and the input line has the event that was made of it.

Sound is not in here: base64 audio is replaced by its length, which is all that the core ever looks at.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import msgspec

from voicechat.core import effects as do, events as on
from voicechat.core.effects import Effect
from voicechat.core.events import Event
from voicechat.core.policy import TurnPolicy
from voicechat.core.remembering import begun
from voicechat.core.state import Choices, State, Turn, Wishes
from voicechat.errors import TapeError
from voicechat.journal.entry import Entry
from voicechat.protocol.client_events import CLIENT_EVENTS
from voicechat.protocol.codec import decode_server
from voicechat.protocol.wire import MalformedFrame, WireEvent, number_within

VERSION = 3
"""2: flushes name generations; tapes of version 1 are compared without what they could not say. 3: client events stand
under their names on the wire."""
EFFECTS_BEFORE = {
    "UpdateSession": "session.update",
    "ClearInput": "input_audio_buffer.clear",
    "CommitInput": "input_audio_buffer.commit",
    "CreateItem": "conversation.item.create",
    "RememberItem": "conversation.item.create",
    "AnswerCall": "conversation.item.create",
    "CreateResponse": "response.create",
    "CancelResponse": "response.cancel",
    "ClearOutputAudio": "output_audio_buffer.clear",
    "TruncateItem": "conversation.item.truncate",
}
"""How tapes before version 3 call client events."""
AUDIO_TYPES = (
    "input_audio_buffer.append",
    "session.input_audio_buffer.append",
    "session.input_audio.append",
    "session.output_audio.fixture.play",
    "response.output_audio.delta",
    "response.audio.delta",
    "session.output_audio.delta",
)
"""Events that carry sound at their top level, in `audio` or `delta`."""
NO_NUMBERS = ("nan", "inf", "-inf")
_ELIDED = re.compile(r"<(\d{1,8}) bytes of base64>")
_INPUTS: dict[str, type] = {kind.__name__: kind for kind in get_args(Event)}


@dataclass(frozen=True, slots=True)
class Start:
    """What the core started from; with the inputs it says everything that a re-run needs."""

    wishes: Wishes
    choices: Choices
    policy: TurnPolicy
    turns: tuple[Turn, ...] = ()
    """Of an earlier talk, from which this one went on."""

    def state(self) -> State:
        """The state before the first input."""
        return begun(self.wishes, self.choices, self.turns)


def first_line(started_at: str, start: Start | None, about: Mapping[str, Any]) -> dict[str, Any]:
    """`started_at` is an ISO 8601 moment; `about` what else is worth knowing, without secrets."""
    began = {} if start is None else {"start": msgspec.to_builtins(start)}
    return {"tape": VERSION, "started_at": started_at, **about, **began}


def event_line(entry: Entry) -> dict[str, Any]:
    """A wire event or a local one."""
    event = entry.event if entry.dir == "local" else without_audio(entry.event)
    line: dict[str, Any] = {"t": entry.t, "dir": entry.dir, "event": event}
    if entry.notes:
        line["notes"] = list(entry.notes)
    return line


def input_line(event: Event, now: float, t: float) -> dict[str, Any]:
    """An input of the core, met at `now` on the session's clock."""
    if isinstance(event, on.Received):
        told: dict[str, Any] = {"connection": event.connection}
        if event.translated is not None:
            told["event"] = without_audio(event.translated)
    else:
        told = fields_of(event)
    return {"t": round(t, 6), "at": now, "input": {"type": type(event).__name__} | finite(told)}


def effect_line(effect: Effect, t: float) -> dict[str, Any]:
    """One thing that the core decided."""
    return {"t": round(t, 6), "effect": effect_as_plain(effect)}


def effect_as_plain(effect: Effect) -> dict[str, Any]:
    """The effect as JSON has it, so that one of today can be compared with one off a tape."""
    if isinstance(effect, WireEvent):
        event: dict[str, Any] = msgspec.to_builtins(effect)
        return event
    plain = {"type": type(effect).__name__} | fields_of(effect)
    if isinstance(effect, do.SendByHand):
        plain["text"] = f"<{len(effect.text)} characters>"  # the event itself is the next line of the tape
    return plain


def effect_of_today(plain: dict[str, Any]) -> dict[str, Any]:
    """An effect off a tape of version 1 or 2 as it is written today."""
    event = plain.get("event") if plain.get("type") == "ChangeItem" else None
    if isinstance(event, dict):
        return event | {"event_id": plain.get("event_id")}
    kind = EFFECTS_BEFORE.get(str(plain.get("type")))
    if kind is None:
        return plain
    fields = {name: value or None for name, value in plain.items() if name not in ("dialect", "heard")}
    if (heard := number_within(plain.get("heard"), 0.0, 1e9)) is not None:
        fields["audio_end_ms"] = int(heard * 1000)
    try:
        event = msgspec.convert(fields | {"type": kind}, CLIENT_EVENTS[kind])
    except msgspec.ValidationError:
        return plain
    return msgspec.json.decode(msgspec.json.encode(event), type=dict[str, Any])


def finite(fields: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no word for what is no number; its name stands for it, and is read as one."""
    return {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in fields.items()
    }


def fields_of(record: Event | Effect) -> dict[str, Any]:
    """A record's fields as JSON has them. One called `type` must not hide the name of the record."""
    fields: dict[str, Any] = msgspec.to_builtins(record)
    if record.__struct_config__.tag is not None:
        del fields["type"]
    return {"type_" if name == "type" else name: value for name, value in fields.items()}


def start_of(line: Mapping[str, Any]) -> Start:
    """The start out of a tape's first line. Raises TapeError when it is not there or of another shape."""
    if line.get("start") is None:
        hint = "its events can be looked at; one that was begun with --record can be run again"
        raise TapeError("the tape begins in the middle of its talk, so the core cannot be run over it again", hint=hint)
    try:
        return msgspec.convert(line.get("start"), Start)
    except msgspec.ValidationError as error:
        raise TapeError(
            f"the tape does not say how its session started: {error}",
            hint="its events can be looked at, but the core cannot be run over them again",
        ) from error


def input_of(told: Mapping[str, Any], wire: Mapping[str, Any] | None) -> Event:
    """The core's input out of its line; `wire` is the server event that a `Received` stands for.

    Raises TapeError for an input that this version does not know.
    """
    name = told.get("type")
    kind = _INPUTS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise TapeError(f"the tape has an input {name!r} that this version does not know", hint="update voicechat")
    if kind is on.Received:
        translated = told.get("event")
        if isinstance(translated, Mapping):
            connection = int(number_within(told.get("connection"), 0, 1e9) or 0)
            return on.Received(connection, server_event(translated), (), dict(translated))
        if wire is None:
            raise TapeError("a server event is missing on the tape", hint="it was cut or edited")
        return on.Received(int(number_within(told.get("connection"), 0, 1e9) or 0), server_event(wire))
    before = {"type_": "client_event"}  # so `SendRefused` had it on tapes before version 3
    fields = {before.get(key, key): value for key, value in told.items() if key != "type"}
    try:
        has_names = any(value in NO_NUMBERS for value in fields.values() if isinstance(value, str))
        event: Event = msgspec.convert(fields, kind, strict=not has_names)
    except msgspec.ValidationError as error:
        raise TapeError(
            f"the tape's input {name} cannot be read: {error}", hint="it was edited, or is newer"
        ) from error
    return event


def is_wire_event(told: Mapping[str, Any]) -> bool:
    """Whether an input is the next wire event of the tape, and not one that was made of it here."""
    return told.get("type") == "Received" and "event" not in told


def server_event(wire: Mapping[str, Any]) -> Any:
    """The event of the protocol out of its JSON; sound has its length again, and silence in it."""
    if wire.get("type") == "malformed":
        return MalformedFrame(reason=str(wire.get("reason", "")))
    return decode_server(msgspec.json.encode(with_audio(wire))).event


def without_audio(event: dict[str, Any]) -> dict[str, Any]:
    """The event with base64 sound replaced by its length."""
    kind = event.get("type")
    if kind in AUDIO_TYPES:
        name = "audio" if "audio" in event else "delta"
        sound = event.get(name)
        return event | {name: f"<{len(sound)} bytes of base64>"} if isinstance(sound, str) else event
    item = event.get("item")
    if isinstance(item, dict) and isinstance(item.get("content"), list):
        return event | {"item": item | {"content": [_part_without_audio(part) for part in item["content"]]}}
    return event


def with_audio(event: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `without_audio` as far as the core can tell: as much base64 as there was."""
    whole = dict(event)
    for name in ("audio", "delta"):
        said = whole.get(name)
        if isinstance(said, str) and (elided := _ELIDED.fullmatch(said)):
            whole[name] = "A" * int(elided[1])
    return whole


def _part_without_audio(part: Any) -> Any:
    if isinstance(part, dict) and isinstance(part.get("audio"), str):
        return part | {"audio": f"<{len(part['audio'])} bytes of base64>"}
    return part
