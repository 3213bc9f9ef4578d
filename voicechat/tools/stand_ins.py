"""Stand-ins for secrets: the session that is kept, shown and recorded holds these, only the line gets the secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_MARK = "voicechat-secret:{name}:{number}"


class StandIns:
    """Secrets of this talk, each with the text that stands for it everywhere but on the wire."""

    def __init__(self) -> None:
        self._secrets: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"StandIns({len(self._secrets)})"

    def stand_in(self, name: str, secret: str) -> str:
        """The text to use instead of a secret."""
        mark = _MARK.format(name=name, number=len(self._secrets) + 1)
        self._secrets[mark] = secret
        return mark

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        return tuple(self._secrets.values())

    def revealed(self, text: str) -> str:
        """A client event (JSON) as it goes out."""
        for mark, secret in self._secrets.items():
            if mark in text:
                text = text.replace(json.dumps(mark), json.dumps(secret))
        return text

    def revealed_session(self, session: Mapping[str, Any]) -> dict[str, Any]:
        """A session as it goes out; the same object where there is nothing to reveal."""
        if not self._secrets or "tools" not in session:
            return dict(session)
        tools: list[Any] = json.loads(self.revealed(json.dumps(session["tools"])))
        return {**session, "tools": tools}
