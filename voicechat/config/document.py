"""The configuration file as read: its tables, and the line of each key for the sentences that complain about one."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from voicechat.config.key_lines import Keys, key_lines, line_of
from voicechat.config.settings import PRIVATE_SECTIONS
from voicechat.errors import ConfigError

MAX_FILE = 256 * 1024
SECRET_SETTINGS = ("api_key_command", "headers", "query", "ice_servers")
"""Settings for whose sake a file should be its owner's alone."""
_LINE = re.compile(r"at line (\d+)")


class LineError(ConfigError):
    """Something in a configuration file that is wrong: `line` (0: unknown) and the dotted `key` tell where."""

    def __init__(self, document: Document, keys: Keys, reason: str, hint: str = "") -> None:
        self.file, self.line, self.key = document.path, document.line(keys), ".".join(keys)
        self.reason = reason.removeprefix(": ")
        joint = "" if reason.startswith(":") else " "
        super().__init__(f"{document.place(keys)}{joint}{reason}", hint=hint)


@dataclass
class Document:
    """A file's tables."""

    path: Path
    table: Mapping[str, Any] = field(default_factory=dict)
    text: str = field(default="", repr=False)

    @cached_property
    def lines(self) -> Mapping[Keys, int]:
        """Found when somebody asks: a start that goes well never does."""
        return key_lines(self.text)

    def line(self, keys: Keys) -> int:
        """The line of a key, 0 where there is none."""
        return line_of(self.lines, keys)

    def place(self, keys: Keys) -> str:
        """`/home/me/config.toml:12: profiles.work.model`."""
        line = self.line(keys)
        return f"{self.path}:{line}: {'.'.join(keys)}" if line else f"{self.path}: {'.'.join(keys)}"

    def profile(self, name: str) -> Mapping[str, Any]:
        """The table of a profile. Raises ConfigError that names those there are."""
        profiles = self.table.get("profiles", {})
        if not isinstance(profiles, dict):
            raise LineError(self, ("profiles",), "must be tables", 'write [profiles.work] and then model = "..."')
        if not isinstance(profiles.get(name), dict):
            known = ", ".join(sorted(profiles)) or "none"
            raise ConfigError(f"{self.path}: there is no profile {name!r}", hint=f"profiles in this file: {known}")
        found: Mapping[str, Any] = profiles[name]
        return found


def read_document(path: Path) -> Document:
    """The TOML document at `path`. Raises ConfigError with the line of a syntax error."""
    try:
        if path.stat().st_size > MAX_FILE:
            raise ConfigError(f"{path} is larger than {MAX_FILE // 1024} kB", hint="is this the right file?")
        text = path.read_text(encoding="utf-8")
        return Document(path, tomllib.loads(text), text)
    except tomllib.TOMLDecodeError as error:
        line = found[1] if (found := _LINE.search(str(error))) else text.rstrip().count("\n") + 1
        raise ConfigError(
            f"{path}:{line} is not valid TOML: {error}", hint="mend that line, or try --config FILE"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text", hint="save it as UTF-8") from error
    except RecursionError as error:
        raise ConfigError(f"{path} nests its values too deeply", hint="is this the right file?") from error
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", hint="check --config") from error


def entries(section: Mapping[str, Any], prefix: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """(keys, value) of everything in a section that should be a setting; `[devices]` is only a place to put some."""
    devices = section.get("devices")
    if isinstance(devices, dict):
        for name, value in devices.items():
            yield (*prefix, "devices", name), value
    for name, value in section.items():
        if name == "tools" and isinstance(value, dict):
            continue  # a table with rules, read by `tool_tables`; as a list it is the setting itself
        if name not in PRIVATE_SECTIONS and (name != "profile" or prefix):
            yield (*prefix, name), value


def shape_problem(document: Document, section: Mapping[str, Any], prefix: Keys = ()) -> LineError | None:
    """What is wrong with the tables that are no settings; None where nothing is."""
    if not isinstance(section.get("devices", {}), dict):
        return LineError(document, (*prefix, "devices"), "must be a table", 'write [devices] and then mic = "..."')
    keys = section.get("keys", {})
    if not isinstance(keys, dict) or not all(isinstance(value, str) for value in keys.values()):
        hint = 'for example "vc.mute" = "f6"'
        return LineError(document, (*prefix, "keys"), ": [keys] holds binding ids and key names", hint)
    return None


def mode_remarks(path: Path, table: Mapping[str, Any]) -> tuple[str, ...]:
    """What is doubtful about who may read the file, a sentence each.

    Raises ConfigError for a file with a command in it that anybody on this computer may change.
    """
    if os.name != "posix":
        return ()
    profiles = table.get("profiles", {})
    sections = [table, *(p for p in (profiles.values() if isinstance(profiles, dict) else ()) if isinstance(p, dict))]
    found = [name for name in SECRET_SETTINGS if any(section.get(name) for section in sections)]
    if not found:
        return ()
    try:
        mode = path.stat().st_mode
    except OSError:
        return ()
    cure = f"chmod 600 {path}"
    if "api_key_command" in found and mode & stat.S_IWOTH:
        raise ConfigError(f"{path} holds a command to run, and everybody may change it", hint=cure)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        return (f"{path} holds {', '.join(found)} and others may read it: {cure}",)
    return ()
