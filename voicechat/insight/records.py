"""One event of a session as the checks read it, wherever it came from: the running engine, a tape, somebody's log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from voicechat.insight.findings import Evidence
from voicechat.protocol.dialects import GA_NAMES
from voicechat.protocol.wire import number_within

Direction = Literal["in", "out", "local"]

TIME_PASSED = "time.passed"
"""A record without an event: so late it is. Checks that wait for something look at it."""
LOG_ENDED = "log.ended"
"""The last record of a finished log: nothing more will come, whatever was waited for."""

NAMED = "(only its name was printed)"
"""A field that marks an event of which a log told little more than its name."""


class Record(msgspec.Struct, gc=False):
    """`t` is None where the log gives no times. `type` is the GA spelling, whatever dialect was spoken."""

    seq: int
    t: float | None
    dir: Direction
    event: Mapping[str, Any]
    type: str
    stream: str = ""
    """Which of several sessions in one log, as the log itself tells them apart."""

    def mark(self, ref: str = "") -> Evidence:
        """This event as evidence."""
        return Evidence(self.seq, self.t, f"{self.type} {ref}" if ref else self.type)


def record_of(seq: int, t: float | None, direction: Direction, event: Mapping[str, Any], stream: str = "") -> Record:
    """A record of an event dict as it was on the wire, or of a local one."""
    name = event.get("type")
    kind = name if isinstance(name, str) else ""
    return Record(seq, t, direction, event, GA_NAMES.get(kind, kind), stream)


def part(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object inside an event; empty if it is not there or is none."""
    value = event.get(name)
    return value if isinstance(value, Mapping) else {}


def text(event: Mapping[str, Any], name: str, longest: int = 200) -> str:
    """A string inside an event, bounded; empty if it is not there or is none."""
    value = event.get(name)
    return value[:longest] if isinstance(value, str) else ""


def number(event: Mapping[str, Any], name: str) -> float | None:
    """A number inside an event; None if it is not there, is none, or is beyond all that is counted or timed."""
    return number_within(event.get(name), -1e15, 1e15)


def elapsed(first: Evidence | None, then: Evidence | None) -> float | None:
    """Seconds between two events; None where one is missing or has no time."""
    if first is None or then is None or first.t is None or then.t is None:
        return None
    return then.t - first.t
