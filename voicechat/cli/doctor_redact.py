"""What a report must not hold when it is pasted in public: keys, names of the user and of private computers. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from voicechat.cli.doctor_looks import Check

_LOOKS_SECRET = re.compile(r"\b(?:sk|ek|rk|pk|key|tok)[-_][A-Za-z0-9_\-*.]{6,}")
_IN_ADDRESS = re.compile(r"(?<=://)[^/\s@]+@")
_SHORTEST_NAME = 3
"""A shorter name of a user or computer is part of too many words."""


@dataclass(frozen=True, slots=True)
class Redactor:
    """What stands for what."""

    secrets: tuple[str, ...] = ()
    home: str = ""
    user: str = ""
    hosts: tuple[str, ...] = ()
    """This computer's names, and the host of a service that only this user knows."""

    def text(self, text: str) -> str:
        """`text` without any of it."""
        for secret in self.secrets:
            if len(secret) >= _SHORTEST_NAME:
                text = text.replace(secret, "[key]")
        text = _IN_ADDRESS.sub("[user]@", _LOOKS_SECRET.sub("[key]", text))
        if len(self.home) > 1:
            text = text.replace(self.home, "~")
        for host in sorted(self.hosts, key=len, reverse=True):
            text = _word(host, "[host]", text)
        return _word(self.user, "[user]", text)

    def checks(self, checks: Iterable[Check]) -> list[Check]:
        """The same for every sentence of a report."""
        return [replace(each, text=self.text(each.text), cure=self.text(each.cure)) for each in checks]


def _word(name: str, instead: str, text: str) -> str:
    if len(name) < _SHORTEST_NAME or name.lower() in ("localhost", "root", "local"):
        return text
    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", instead, text, flags=re.IGNORECASE)
