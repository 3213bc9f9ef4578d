"""Whole talks, step by step, as they were read and approved: what each event does, says and shows.

A talk is a file in `talks`: lines of input (JSON: seconds since the event before, its kind, its fields), each followed
by what came of it. `>` is an effect, `!` an announcement, `=` a part of the screen's state that changed, `~` a turn
that did, `?` how long until the rules want to be asked again. A change of behaviour shows here as a difference to read;
`VOICECHAT_TAKE_SNAPSHOTS=1` writes the files anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from tests.support.each import each
from tests.support.random_talk import BEGINNINGS, POLICIES
from tests.support.script import Talk
from voicechat.core import events as on
from voicechat.core.events import Event
from voicechat.core.step import next_deadline
from voicechat.core.view import TurnView
from voicechat.core.viewing import turn_views, view
from voicechat.protocol.codec import decode_server

TALKS = sorted((Path(__file__).parent / "talks").glob("*.txt"))
MOVING = ("seconds", "session_seconds", "next_try_in", "lost_for", "ends_in", "remaining")
"""Fields of the screen's state that move with time alone."""


def event_of(kind: str, fields: dict[str, Any], number: int) -> Event:
    """The input of a line; what the service said came over the present connection."""
    if kind == "said":
        return on.Received(number, decode_server(fields["text"]).event)
    event: Event = msgspec.convert(fields, getattr(on, kind))
    return event


def short(record: object) -> str:
    """A record by its fields that are not the default."""
    if not isinstance(record, Struct):
        return repr(round(record, 6) if isinstance(record, float) else record)
    fields = msgspec.structs.fields(record)
    shown = ((field, getattr(record, field.name)) for field in fields)
    told = (f"{field.name}={short(value)}" for field, value in shown if value != field.default)
    return f"{type(record).__name__}({', '.join(told)})"


def changes(before: Struct, after: Struct, name: str) -> Iterator[str]:
    """Each field that is another one now."""
    for field in after.__struct_fields__:
        now = getattr(after, field)
        if isinstance(now, Struct):
            yield from changes(getattr(before, field), now, field)
        elif field not in MOVING and getattr(before, field) != now:
            yield f"{name}.{field}: {short(now)}"


def turn_lines(before: TurnView | None, turn: TurnView) -> Iterator[str]:
    """A new turn whole, a known one by what changed."""
    return iter([short(turn)]) if before is None else changes(before, turn, turn.key)


def played(text: str) -> list[str]:
    """The talk of a file, played again: its inputs, and what comes of each."""
    inputs = [line for line in text.splitlines() if line.startswith("[")]
    beginning, policy = json.loads(inputs[0])
    talk = Talk(BEGINNINGS[beginning](POLICIES[policy]), POLICIES[policy])
    lines, seen, shown = [inputs[0]], 0, (view(talk.state, talk.now, talk.policy), turn_views(talk.state, talk.now))
    for line in inputs[1:]:
        after, kind, fields = json.loads(line)
        talk.at(talk.now + after).tell(event_of(kind, fields, talk.state.connection.number))
        for moment in talk.moments[seen:]:
            lines.append(line if moment is talk.moments[-1] else f"time passes until {moment.now:.3f}")
            lines += [f"  > {short(effect)}" for effect in moment.result.effects]
            lines += [f"  ! {short(news)}" for news in moment.result.announced]
            now = (view(moment.after, moment.now, talk.policy), turn_views(moment.after, moment.now))
            lines += [f"  = {change}" for change in changes(shown[0], now[0], "view")]
            known = {turn.key: turn for turn in shown[1]}
            lines += [f"  ~ {line}" for turn in now[1] for line in turn_lines(known.get(turn.key), turn)]
            due = next_deadline(moment.after, moment.now, talk.policy)
            lines += [] if due is None else [f"  ? {due - moment.now:.3f}"]
            shown = now
        seen = len(talk.moments)
    return lines


@each("path", TALKS, ids=lambda path: path.stem)
def test_a_talk_goes_as_it_was_approved(path: Path) -> None:
    approved = path.read_text("utf-8")
    lines = played(approved)
    if os.environ.get("VOICECHAT_TAKE_SNAPSHOTS"):
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return
    cause = ""
    for number, (was, now) in enumerate(zip_longest(approved.splitlines(), lines), 1):
        cause = now if now and not now.startswith("  ") else cause
        assert now == was, f"{path.name}:{number}, after {cause}"
