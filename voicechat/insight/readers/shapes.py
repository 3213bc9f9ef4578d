"""The quick way to an event in its wrapper, for logs of a million lines that are all wrapped alike.

How to unwrap one object is found out by `unwrapping`; objects with the same keys are then read with the same plan, as
long as what the plan finds is an event without doubt. Everything else goes the long way again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from voicechat.insight.readers.naming import CLIENT, SERVER, WireDirection, direction_of
from voicechat.insight.readers.timing import time_of
from voicechat.insight.readers.unwrapping import (
    BODIES,
    DIRECTION_WORDS,
    DIRECTIONS,
    MERE_BODIES,
    NAMES,
    STREAMS,
    TIMES,
    Found,
)

MOST_SHAPES = 64
_WRAPPING = frozenset((*TIMES, *MERE_BODIES, "dir", "direction"))
_decoder = msgspec.json.Decoder()
_SURE = (CLIENT | SERVER) - {"error"}
_MERE_BODIES = frozenset(MERE_BODIES)


@dataclass(frozen=True, slots=True)
class _Plan:
    body: str
    time: str
    direction: str
    names: tuple[str, ...]


class Shapes:
    """Remembers how objects with these keys were read."""

    def __init__(self) -> None:
        self._plans: dict[tuple[str, ...], _Plan] = {}

    def quickly(self, value: Any) -> Found | None:
        """The event of an object whose like was read before; None: read it the long way."""
        if type(value) is not dict:
            return None
        if (way := bare_event(value)) is not None:
            return Found(value, None, way)
        plan = self._plans.get(tuple(value))
        if plan is None:
            return None
        event = value[plan.body]
        if type(event) is not dict:
            event = _inside(event)
        if type(event) is not dict or not _is_sure(event.get("type")) or not _MERE_BODIES.isdisjoint(event):
            return None
        for name in plan.names:
            said = value[name]
            if isinstance(said, str) and (said in _SURE or "." in said):
                return None
        t = time_of(value[plan.time]) if plan.time else None
        told = value[plan.direction] if plan.direction else None
        if told == "local":
            return None
        said_way = (
            DIRECTION_WORDS.get(told) or DIRECTION_WORDS.get(told.strip().lower()) if isinstance(told, str) else None
        )
        return Found(event, t, direction_of(event["type"], said_way)) if t is not None or not plan.time else None

    def learn(self, value: Any, found: Found) -> None:
        """The long way led to this event of that object."""
        if type(value) is not dict or len(self._plans) >= MOST_SHAPES or tuple(value) in self._plans:
            return
        body = next((name for name, part in value.items() if part is found.event), "")
        if not body:
            body = next((name for name in BODIES if _inside(value.get(name)) == found.event), "")
        if not body or not value.keys().isdisjoint(STREAMS):
            return
        time = next((name for name in TIMES if name in value), "")
        direction = next((name for name in DIRECTIONS if _is_way(value.get(name))), "")
        names = tuple(name for name in NAMES if name in value and name not in (body, time, direction))
        self._plans[tuple(value)] = _Plan(body, time, direction, names)


def bare_event(value: Any) -> WireDirection | None:
    """The direction of an object that is an event without doubt, with nothing wrapped around it."""
    if type(value) is dict and _is_sure(value.get("type")) and _WRAPPING.isdisjoint(value):
        return direction_of(value["type"], None)
    return None


def _inside(part: Any) -> Any:
    """The event itself, also where it is wrapped as a string of JSON."""
    if type(part) is str and part[:1] == "{":
        try:
            return _decoder.decode(part)
        except (msgspec.DecodeError, RecursionError):
            return None
    return part


def _is_sure(kind: object) -> bool:
    """Whether that is the name of an event without doubt; services were seen to send lists here."""
    return isinstance(kind, str) and kind in _SURE


def _is_way(said: object) -> bool:
    return isinstance(said, str) and said.strip().lower() in DIRECTION_WORDS
