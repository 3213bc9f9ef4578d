"""Messages of the data channel that come wrapped, and in parts: speaches keeps each below 1 KiB.

`{"type": "full_message", "id", "data"}` holds one event in base64; `{"type": "partial_message", "id", "data",
"fragment_index", "total_fragments"}` holds a piece of that base64. No event of the protocol has these names, so they
are understood whoever sends them, and everything else passes as it is.
"""

from __future__ import annotations

import base64
import binascii
import json

_FULL, _PART = "full_message", "partial_message"
_LONGEST = 16 * 1024 * 1024
"""Characters of base64 that are kept for one message; more is dropped."""
_MOST_PARTS = 65_536
_MOST_UNFINISHED = 8
"""Messages whose parts are kept at the same time; the oldest gives way."""


class Unwrapper:
    """One channel's messages, put together."""

    def __init__(self) -> None:
        self._parts: dict[str, dict[int, str]] = {}

    def take(self, text: str) -> str | None:
        """The event in `text`; None while parts of it are missing. What cannot be unwrapped is passed on unchanged."""
        if f'"{_FULL}"' not in text[:400] and f'"{_PART}"' not in text[:400]:
            return text
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return text
        kind, data = (found.get("type"), found.get("data")) if isinstance(found, dict) else (None, None)
        if not isinstance(data, str) or kind not in (_FULL, _PART):
            return text
        if kind == _FULL:
            return _plain(data, text)
        return self._add(found, data, text)

    def _add(self, found: dict[str, object], data: str, text: str) -> str | None:
        name, index, total = found.get("id"), found.get("fragment_index"), found.get("total_fragments")
        if not (isinstance(name, str) and isinstance(index, int) and isinstance(total, int)):
            return text
        if not 0 <= index < total <= _MOST_PARTS:
            return text
        parts = self._parts.setdefault(name, {})
        parts[index] = data
        while len(self._parts) > _MOST_UNFINISHED or sum(map(len, parts.values())) > _LONGEST:
            oldest = next(iter(self._parts))
            del self._parts[oldest]
            if oldest == name:
                return None
        if len(parts) < total:
            return None
        del self._parts[name]
        return _plain("".join(parts.get(number, "") for number in range(total)), text)


def _plain(data: str, text: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return text
