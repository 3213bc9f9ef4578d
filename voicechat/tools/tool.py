"""One tool that can be run here, wherever it comes from."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from voicechat.tools.policy import Rule

Invoke = Callable[[dict[str, Any]], Awaitable[object]]
"""Run it with checked arguments. May raise anything; a `ToolError` is told in its own words."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ToolError(Exception):
    """What went wrong, in words meant for the model."""


@dataclass(frozen=True, slots=True)
class Tool:
    """Its definition, how it may be used, and how it is run."""

    name: str
    description: str
    parameters: dict[str, Any]
    """JSON Schema."""
    rule: Rule
    invoke: Invoke
    origin: str = ""
    """The file or the MCP server, for sentences."""

    @property
    def definition(self) -> dict[str, Any]:
        """What the session says of it (GA and beta alike)."""
        told = {"type": "function", "name": self.name, "description": self.description, "parameters": self.parameters}
        return {key: value for key, value in told.items() if value != ""}


def fits_as_name(name: str) -> bool:
    """Services take letters, digits, `_` and `-`, at most 64."""
    return _NAME.fullmatch(name) is not None
