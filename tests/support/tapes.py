"""Tapes made without an engine: what a conversation through the real `step` would have left behind."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from tests.support.script import Moment
from voicechat.core.events import Received
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import State
from voicechat.protocol.wire import MalformedFrame, UnknownEvent
from voicechat.recording.lines import Start, effect_line, first_line, happening_line, input_line
from voicechat.recording.tape import EVENTS_FILE, Tape, read_tape
from voicechat.session.happenings import Happening

STARTED_AT = "2026-11-21T10:00:00+00:00"


def on_the_wire(event: object) -> dict[str, Any]:
    """A server event as it came."""
    if isinstance(event, UnknownEvent):
        return {"type": event.type, **event.payload}
    if isinstance(event, MalformedFrame):
        return {"type": "malformed", "reason": event.reason}
    whole: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(event))
    return {name: value for name, value in whole.items() if value is not None}


def tape_of(moments: Iterable[Moment], begin: State, policy: TurnPolicy, folder: Path) -> Tape:
    """The tape of a conversation that began as `begin`, which may hold wishes and choices only."""
    lines = [first_line(STARTED_AT, Start(begin.wishes, begin.choices, policy), {"app": "test"})]
    for moment in moments:
        if isinstance(moment.event, Received):
            lines.append(happening_line(Happening(moment.now, "in", on_the_wire(moment.event.event)), 0.0))
        lines.append(input_line(moment.event, moment.now, moment.now))
        lines += [effect_line(effect, moment.now) for effect in moment.result.effects]
    write_lines(folder / EVENTS_FILE, lines)
    return read_tape(folder)


def write_lines(file: Path, lines: Iterable[dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
