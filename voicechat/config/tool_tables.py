"""`[tools]` and `[mcp.NAME]` of a configuration file, checked where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from voicechat.config.key_lines import Keys
from voicechat.config.load import Document, LineError
from voicechat.config.settings import resolve_path

FILES = "files"
EVERY = "*"


def tool_entries(document: Document, section: Mapping[str, Any], prefix: Keys) -> Iterator[tuple[str, Any, Keys]]:
    """(setting, value, where it stands) of what a section says of tools. Raises LineError for what is no rule."""
    table = section.get("tools")
    if isinstance(table, dict):
        yield from _tools(document, table, (*prefix, "tools"))
    if "mcp" in section:
        yield "mcp", _servers(document, section["mcp"], (*prefix, "mcp")), (*prefix, "mcp")


def _tools(document: Document, table: Mapping[str, Any], keys: Keys) -> Iterator[tuple[str, Any, Keys]]:
    from voicechat.tools.policy import problem_in  # who has no tools need not pay for them

    rules: dict[str, Any] = {}
    every = {name: value for name, value in table.items() if name != FILES and not isinstance(value, dict)}
    for name, value in every.items():
        if problem := problem_in({name: value}):
            raise LineError(document, (*keys, name), f": {problem}", "[tools] has files, approval, time_limit, largest")
    if every:
        rules[EVERY] = every
    for name, value in table.items():
        if isinstance(value, dict):
            if problem := problem_in(value):
                raise LineError(document, (*keys, name), f": {problem}", 'for example approval = "always"')
            rules[name] = value
    if FILES in table:
        yield "tools", _files(document, table[FILES], (*keys, FILES)), (*keys, FILES)
    if rules:
        yield "tool_rules", rules, keys


def _files(document: Document, value: object, keys: Keys) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise LineError(document, keys, "must be a list of files", 'files = ["my_tools.py"]')
    return tuple(resolve_path(name, document.path.parent) for name in names)


def _servers(document: Document, table: object, keys: Keys) -> dict[str, Any]:
    from voicechat.tools.mcp_config import entry_problem

    if not isinstance(table, dict):
        raise LineError(document, keys, "must be tables", '[mcp.files] and then command = ["python", "server.py"]')
    servers: dict[str, Any] = {}
    for name, entry in table.items():
        if problem := entry_problem(name, entry):
            raise LineError(document, (*keys, name), problem, 'command = ["python", "server.py"], or url = "https://…"')
        cwd = {"cwd": resolve_path(entry["cwd"], document.path.parent)} if "cwd" in entry else {}
        servers[name] = {**entry, **cwd}
    return servers
