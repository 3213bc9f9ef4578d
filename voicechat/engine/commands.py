"""Commands from clients become user events, checked by name and field. Nothing else can be commanded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args

import msgspec

from voicechat.core.events import TextEntered, UserEvent

COMMANDS: dict[str, type] = {event.__name__: event for event in get_args(UserEvent)}
LONGEST_TEXT = 32_000
"""Characters of one typed message."""


def user_event(name: str, args: Mapping[str, Any]) -> UserEvent | str:
    """The event, or the reason why this is none."""
    kind = COMMANDS.get(name)
    if kind is None:
        return f"{name!r} is not a command"
    known = {field.name for field in fields(kind)}
    if unknown := set(args) - known:
        return f"{name} has no field {sorted(unknown)[0]!r}"
    try:
        event: UserEvent = msgspec.convert(dict(args), kind)
    except msgspec.ValidationError as error:
        return f"{name}: {error}"
    if isinstance(event, TextEntered) and len(event.text) > LONGEST_TEXT:
        return f"a message may have {LONGEST_TEXT} characters"
    return event
