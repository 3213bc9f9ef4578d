"""MCP servers of the configuration: local ones, started here, and remote ones, which the service itself calls.

    [mcp.files]                                # local: runs on this machine
    command = ["python", "server.py"]
    pass_env = ["FILES_ROOT"]                  # variables it may see beside the harmless ones
    time_limit = 20

    [mcp.docs]                                 # remote: the service calls it
    url = "https://docs.example.com/mcp"
    authorization_env = "DOCS_TOKEN"           # variable that holds the token
    require_approval = "always"                # always | never
    allowed_tools = ["search"]

Tokens are named, never written: they stay out of the file, of what is shown and of every log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

import msgspec

from voicechat.errors import ConfigError
from voicechat.tools.policy import APPROVALS, FIELDS, problem_in
from voicechat.tools.tool import fits_as_name

LOCAL = ("command", "pass_env", "env", "cwd", *FIELDS)
REMOTE = ("url", "authorization_env", "require_approval", "allowed_tools", "description")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
Table = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server that is started here and speaks over its standard input and output."""

    name: str
    command: tuple[str, ...]
    pass_env: tuple[str, ...] = ()
    env: Mapping[str, str] | None = None
    cwd: str = ""
    rule: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class RemoteServer:
    """A server that the service calls; `authorization_env` names the variable with its token."""

    name: str
    url: str
    authorization_env: str = ""
    require_approval: str = "always"
    allowed_tools: tuple[str, ...] = ()
    description: str = ""

    def definition(self, token: str) -> dict[str, Any]:
        """What the session says of it (GA). `token` is a placeholder: see `secrets`."""
        told: dict[str, Any] = {"type": "mcp", "server_label": self.name, "server_url": self.url}
        told["require_approval"] = self.require_approval
        if token:
            told["authorization"] = token
        if self.allowed_tools:
            told["allowed_tools"] = list(self.allowed_tools)
        if self.description:
            told["server_description"] = self.description
        return told


def servers_of(table: Table) -> tuple[tuple[LocalServer, ...], tuple[RemoteServer, ...]]:
    """Raises ConfigError for the first entry that is none."""
    local: list[LocalServer] = []
    remote: list[RemoteServer] = []
    for name, entry in table.items():
        if problem := entry_problem(name, entry):
            raise ConfigError(f"[mcp.{name}] {problem}", hint='for example command = ["python", "server.py"]')
        rest = {key: value for key, value in entry.items() if key not in FIELDS}
        if "command" in entry:
            rule = {key: entry[key] for key in FIELDS if key in entry}
            local.append(msgspec.convert({"name": name, "rule": rule, **rest}, LocalServer))
        else:
            remote.append(msgspec.convert({"name": name, **rest}, RemoteServer))
    return tuple(local), tuple(remote)


def entry_problem(name: str, entry: object) -> str:
    """Why this is no MCP server; empty if it is one."""
    if not fits_as_name(name):
        return "has a name that services refuse: letters, digits, _ and - only"
    if not isinstance(entry, Mapping):
        return "must be a table"
    if ("command" in entry) == ("url" in entry):
        return "needs either command (a server on this machine) or url (one that the service calls)"
    known = LOCAL if "command" in entry else REMOTE
    for key in entry:
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            return f"has no key {key!r}{f', did you mean {near[0]}?' if near else ': ' + ', '.join(known)}"
    for key in ("command", "pass_env", "allowed_tools"):
        if key in entry and not _is_texts(entry[key]):
            return f"{key} must be a list of texts"
    for key in ("url", "authorization_env", "description", "cwd"):
        if not isinstance(entry.get(key, ""), str):
            return f"{key} must be a text"
    return _local_problem(entry) if "command" in entry else _remote_problem(entry)


def _local_problem(entry: Mapping[str, Any]) -> str:
    env = entry.get("env", {})
    if not entry["command"]:
        return "command is empty"
    if not isinstance(env, Mapping) or not all(isinstance(value, str) for value in env.values()):
        return "env must be a table of texts"
    return problem_in({key: entry[key] for key in FIELDS if key in entry})


def _remote_problem(entry: Mapping[str, Any]) -> str:
    address = urlsplit(entry["url"])
    if address.scheme not in ("https", "http") or not address.hostname:
        return f"url {entry['url']!r} is no address"
    if address.username or address.password:
        return "url holds a password: name a variable in authorization_env instead"
    if entry.get("authorization_env") and address.scheme == "http" and address.hostname not in LOOPBACK:
        return "would send its token unencrypted: use https"
    approval = entry.get("require_approval", "always")
    return "" if approval in APPROVALS and approval != "ask" else "require_approval is always or never"


def _is_texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
