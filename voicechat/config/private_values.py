"""The environment of our own processes: headers, query and ICE servers of the user may be secrets, and travel in it.

The engine's hello leaves them out (`settings.PRIVATE`); they go to it in its environment, in the variables that a user
could set as well. A value `env:NAME` stands for a variable, so that neither a file nor a shell's history has to hold
the secret itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from voicechat.config.settings import PRIVATE, Settings
from voicechat.errors import ConfigError

FROM_ENVIRONMENT = "env:"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
"""A header's name (RFC 9110, token)."""
_ICE = re.compile(r"(stuns?|turns?):(?:[^:@\s]+:[^@\s]+@)?(?:\[[0-9a-fA-F:]+\]|[^:?\[\]\s@]+)(?::\d{1,5})?(?:\?\S*)?")
_LONGEST = 16_384


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"VOICECHAT_{name.upper()}"


def private_environ(settings: Settings) -> dict[str, str]:
    """What the engine's environment needs beside the client's own, to know the private values."""
    found: dict[str, str] = {}
    for name in PRIVATE:
        value = getattr(settings, name)
        found[variable(name)] = json.dumps(value) if isinstance(value, Mapping) else " ".join(value)
    return found


def with_private(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """Settings from a hello with what was left out of it, from the environment that came with it."""
    own: dict[str, Any] = {}
    for name in PRIVATE:
        text = environ.get(variable(name), "")
        own[name] = tuple(text.split()) if name == "ice_servers" else _object(text)
    return replace(settings, **own)


def filled(table: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Names and values with every `env:NAME` looked up. Raises ConfigError for a variable that is not set."""
    found: dict[str, str] = {}
    for name, value in table.items():
        if value.startswith(FROM_ENVIRONMENT):
            wanted = value.removeprefix(FROM_ENVIRONMENT)
            if not environ.get(wanted, "").strip():
                raise ConfigError(f"{name} is to come from {wanted}, which is not set", hint=f"export {wanted}=...")
            value = environ[wanted].strip()
        found[name] = value
    return found


def from_options(given: Sequence[str], option: str) -> dict[str, str]:
    """`NAME=VALUE` as often as it was given. Raises ConfigError that quotes no value."""
    found: dict[str, str] = {}
    for text in given:
        name, is_there, value = text.partition("=")
        if not is_there or not name.strip():
            raise ConfigError(f"{option} needs NAME=VALUE", hint=f"for example {option} X-Team=voice, or =env:VARIABLE")
        found[name.strip()] = value.strip()
    return found


def why_not_private(settings: Settings) -> ConfigError | None:
    """What is wrong with headers, query or ICE servers; no value is quoted."""
    for name, value in settings.headers.items():
        if not _NAME.fullmatch(name):
            return ConfigError(f"headers: {name[:40]!r} cannot be the name of a header", hint="for example X-Team")
        if not value.isascii() or not value.isprintable() or len(value) > _LONGEST:
            return ConfigError(f"headers: the value of {name} has characters that no header has", hint="copy it again")
    for name, value in settings.query.items():
        if not name or len(name) + len(value) > _LONGEST:
            return ConfigError("query: a name is empty or a value too long", hint='for example api-version = "1"')
    for number, address in enumerate(settings.ice_servers, 1):
        if not _ICE.fullmatch(address):
            return ConfigError(
                f"ice_servers: number {number} is no STUN or TURN server",
                hint="write stun:host:port or turn:user:password@host:port",
            )
    return None


def _object(text: str) -> dict[str, str]:
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}
