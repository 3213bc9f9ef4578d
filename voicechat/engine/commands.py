"""Commands from clients become acts of the user, checked by name and field. Nothing else can be commanded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, get_args

import msgspec

from voicechat.core.user_events import (
    DevicesChosen,
    ItemTextEntered,
    RawEventEntered,
    SettingChosen,
    TextEntered,
    UserAct,
)
from voicechat.protocol.hand_written import LONGEST as LONGEST_BY_HAND

COMMANDS: dict[str, type] = {event.__name__: event for event in get_args(UserAct)}
LONGEST_TEXT = 32_000
"""Characters of one typed message."""
LONGEST_WISH = 512
"""Characters of a device's name."""
MOST_PARTS = 32
"""Members of a setting's value."""


def user_event(name: str, args: Mapping[str, Any]) -> UserAct | str:
    """The event, or the reason why this is none."""
    kind = COMMANDS.get(name)
    if kind is None:
        return f"{name!r} is not a command"
    known = {field.name for field in fields(kind)}
    if unknown := set(args) - known:
        return f"{name} has no field {sorted(unknown)[0]!r}"
    try:
        event: UserAct = msgspec.convert(dict(args), kind)
    except msgspec.ValidationError as error:
        return f"{name}: {error}"
    if isinstance(event, TextEntered | ItemTextEntered) and len(event.text) > LONGEST_TEXT:
        return f"a message may have {LONGEST_TEXT} characters"
    if isinstance(event, RawEventEntered) and len(event.text) > LONGEST_BY_HAND:
        return f"an event written by hand may have {LONGEST_BY_HAND} characters"
    if isinstance(event, DevicesChosen) and max(len(event.mic), len(event.speaker)) > LONGEST_WISH:
        return f"a device's name may have {LONGEST_WISH} characters"
    if isinstance(event, SettingChosen) and (reason := _too_large(event)):
        return reason
    return event


def _too_large(event: SettingChosen) -> str:
    """A setting is a field, not a document."""
    said = event.value.values() if isinstance(event.value, dict) else event.value
    parts = [said] if isinstance(said, str) else list(said) if isinstance(said, Iterable) else []
    if len(event.path) > LONGEST_WISH or len(parts) > MOST_PARTS:
        return f"a setting has a path of at most {LONGEST_WISH} characters and at most {MOST_PARTS} parts"
    if sum(len(part) for part in parts if isinstance(part, str)) > LONGEST_TEXT:
        return f"a setting may have {LONGEST_TEXT} characters"
    return ""
