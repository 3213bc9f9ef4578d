"""What may run, for how long, and how much it may say: rules by tool name, from the tools' file and the configuration.

In the configuration:

    [tools]
    files = ["my_tools.py"]
    approval = "ask"          # ask | always | never, for every tool
    time_limit = 10           # seconds
    largest = 16000           # characters of a result

    [tools.get_weather]
    approval = "always"

In the tools' own file: `VOICECHAT = {"get_weather": {"approval": "always"}, "*": {"time_limit": 5}}`. What names a tool
beats what is meant for all, and the configuration beats the file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a configuration is checked before the core is there
    from voicechat.core.events import ToolPolicy

Rules = Mapping[str, Mapping[str, Any]]
"""Tool name (`*`: all) -> approval, time_limit, largest."""
EVERY = "*"
ALL = "all"
"""What `--allow-tools` says for every tool."""
APPROVALS: Mapping[str, ToolPolicy] = {"ask": "ask", "always": "always", "never": "never"}
RANGES = {"time_limit": (0.1, 600.0), "largest": (100, 200_000)}


@dataclass(frozen=True, slots=True)
class Rule:
    """How one tool may be used."""

    approval: ToolPolicy = "ask"
    time_limit: float = 10.0
    """Seconds."""
    largest: int = 16_000
    """Characters of a result; the model pays for them, and a voice cannot read out more anyway."""


FIELDS = ("approval", "time_limit", "largest")


def problem_in(entry: object) -> str:
    """Why this is no rule; empty if it is one."""
    if not isinstance(entry, Mapping):
        return 'must be a table, such as {approval = "always"}'
    for name, value in entry.items():
        if name not in FIELDS:
            near = get_close_matches(str(name), FIELDS, n=1)
            return f"{name!r} is not known{f', did you mean {near[0]}?' if near else ': ' + ', '.join(FIELDS)}"
        if name == "approval" and value not in APPROVALS:
            return f"approval cannot be {value!r}, only {', '.join(APPROVALS)}"
        if name in RANGES:
            low, high = RANGES[name]
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not low <= value <= high:
                return f"{name} must be a number from {low:g} to {high:g}, not {value!r}"
    return ""


def rule_for(name: str, own: Rules, configured: Rules, allowed: Collection[str] = ()) -> Rule:
    """The rule of one tool. `allowed`: what --allow-tools says; what is never to run stays so unless it is named."""
    rule = Rule()
    for layer in (own.get(EVERY), configured.get(EVERY), own.get(name), configured.get(name)):
        if layer:
            said = {key: layer[key] for key in FIELDS if key in layer}
            rule = replace(rule, **said)
    if name in allowed or (ALL in allowed and rule.approval == "ask"):
        rule = replace(rule, approval="always")
    return rule
