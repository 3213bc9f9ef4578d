"""Messages of a client and its service, as events to be shown: decoded, without secrets, never raising."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from voicechat.engine.eventlog import elided
from voicechat.journal.lines import AUDIO_TYPES
from voicechat.journal.redact import concealer

LARGE = 65_536
"""Bytes from which strings are shortened before anything is searched in them."""
HIDDEN = "[hidden]"
_PRIVATE = frozenset("client_secret authorization api_key apikey access_token headers".split())
"""Fields whose value is nobody's business, wherever they stand (an MCP tool has `authorization` and `headers`)."""
_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


class Reader:
    """Reads messages of one session, whose secrets it knows."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self.secrets = list(secrets)
        self._conceal: Callable[[bytes], bytes] = concealer(lambda: self.secrets)

    def event(self, raw: bytes, *, is_text: bool = True) -> dict[str, Any]:
        """The event of one message. What is no JSON object becomes one that says so (`malformed`)."""
        try:
            event = _decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return self._odd(raw, f"no JSON: {error}" if is_text else "binary")
        if not isinstance(event, dict):
            return self._odd(raw, "no JSON object")
        return event if event.get("type") in AUDIO_TYPES else self.concealed(event, len(raw))

    def concealed(self, event: Mapping[str, Any], size: int = 0) -> dict[str, Any]:
        """The event without secrets, whatever their names are."""
        kept = elided(event, is_audio=False) if size > LARGE else event
        without: dict[str, Any] = _decoder.decode(self._conceal(_encoder.encode(_without(kept, 0))))
        return without

    def text(self, said: str) -> str:
        """A text of the other side without secrets."""
        return self._conceal(said.encode("utf-8", "replace")).decode("utf-8", "replace")

    def _odd(self, raw: bytes, reason: str) -> dict[str, Any]:
        return {"type": "malformed", "reason": reason, "bytes": len(raw), "begins": self.text(repr(raw[:80]))}


def _without(value: Any, depth: int) -> Any:
    if depth > 60:
        return "<deeper>"
    if isinstance(value, Mapping):
        return {
            name: _hidden(inner) if isinstance(name, str) and name.lower() in _PRIVATE else _without(inner, depth + 1)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_without(one, depth + 1) for one in value]
    return value


def _hidden(value: Any) -> Any:
    """As little as shows that there was something."""
    if isinstance(value, Mapping):
        return dict.fromkeys(value, HIDDEN)
    return value if value is None else HIDDEN
