"""Turns what a client's function returned, mostly JSON, into words."""

from __future__ import annotations

import json
from collections.abc import Mapping

from voicechat.local_server.brain.base import ToolOutput
from voicechat.local_server.brain.words import listed

_LONGEST = 600
_MOST_ITEMS = 8
_DEEPEST = 3


def spoken_result(output: ToolOutput) -> str:
    """One or more sentences that say the result, at most 600 characters."""
    name = output.name.replace("_", " ") or "the function"
    try:
        value: object = json.loads(output.output)
    except (ValueError, RecursionError):
        value = output.output.strip()
    text = _in_words(value, 0)[:_LONGEST].strip()
    return f"{name[:1].upper()}{name[1:]} says: {text}." if text else f"{name[:1].upper()}{name[1:]} is done."


def _in_words(value: object, depth: int) -> str:
    if value is None or depth > _DEEPEST:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        parts = [
            (str(key).replace("_", " "), _in_words(part, depth + 1)) for key, part in list(value.items())[:_MOST_ITEMS]
        ]
        return ", ".join(f"{key} {part}" for key, part in parts if part)
    if isinstance(value, list):
        return listed([word for word in (_in_words(part, depth + 1) for part in value[:_MOST_ITEMS]) if word])
    return str(value).strip().rstrip(".")
