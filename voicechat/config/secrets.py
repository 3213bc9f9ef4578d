"""API keys: from the environment, from a command, or from the keyring; never from argv or a file, and never printed.

A key that merely lies somewhere spends nothing: it is used only when the user chose a provider. A command belongs to
the provider beside which it stands in the file (`load.py` sees to that), and the keyring has one entry a provider, so
that no key travels to a service it was not meant for. Only the client's own process asks command and keyring; the
engine gets what was found in its environment.

The environment of our own processes: headers, query and ICE servers of the user may be secrets, and travel in it.

The engine's hello leaves them out (`settings.PRIVATE`); they go to it in its environment, in the variables that a user
could set as well. A value `env:NAME` stands for a variable, so that neither a file nor a shell's history has to hold
the secret itself.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from voicechat.config.provider_presets import PROVIDERS
from voicechat.config.settings import PRIVATE, Settings
from voicechat.errors import ConfigError

FROM_ENVIRONMENT = "env:"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
"""A header's name (RFC 9110, token)."""
_ICE = re.compile(r"(stuns?|turns?):(?:[^:@\s]+:[^@\s]+@)?(?:\[[0-9a-fA-F:]+\]|[^:?\[\]\s@]+)(?::\d{1,5})?(?:\?\S*)?")
_LONGEST = 16_384


def variable(name: str) -> str:
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


KEY_VARIABLES = ("VOICECHAT_API_KEY", "OPENAI_API_KEY")
TOKEN_ACCESS = "VOICECHAT_TOKEN_ACCESS"
"""The variable with the access token of a token server; there is no flag and no file for it."""
KEYRING_SERVICE = "voicechat"
COMMAND_LIMIT = 5.0
"""Seconds an `api_key_command` may take."""
KEYRING_LIMIT = 10.0
"""Seconds: a keyring may ask for its password, and one that hangs must not hang us for ever."""
LONGEST_KEY = 16_384


@dataclass(frozen=True, slots=True)
class Key:
    """A key and where it was found. It never shows in a repr."""

    value: str = field(default="", repr=False)
    source: str = ""
    """A variable's name, `api_key_command` or `keyring`; empty where there is no key."""
    why: str = ""
    """Why the keyring could not be asked, for the doctor; empty where it could or was not needed."""


def find_key(environ: Mapping[str, str], provider: str, base_url: str = "") -> tuple[str, str]:
    """(variable name, key) out of the environment for a provider, or two empty strings.

    VOICECHAT_API_KEY is asked first and goes wherever the user sends it, then the variables of the service. A key of
    OpenAI's never travels to somebody else's server: neither to another provider nor to another `base_url`.
    """
    preset = PROVIDERS.get(provider)
    if provider == "local" or preset is None:
        return "", ""
    own = preset.key_variables if belongs(preset.key_hosts, base_url) else ()
    for name in (KEY_VARIABLES[0], *own):
        if key := environ.get(name, "").strip():
            return name, key
    return "", ""


def belongs(domains: tuple[str, ...], base_url: str) -> bool:
    """Whether an address is within these domains; one that was not given is the service's own."""
    try:
        host = (urlsplit(base_url if "://" in base_url else f"//{base_url}").hostname or "").lower()
    except ValueError:
        return False
    return not base_url or not domains or any(host == domain or host.endswith(f".{domain}") for domain in domains)


def obtain_key(settings: Settings, environ: Mapping[str, str], *, needed: bool) -> Key:
    """The key for this run: environment, then `api_key_command`, then keyring. `needed`: the provider wants one.

    A provider that needs none has its keyring left alone: asking takes a tenth of a second or a password. Raises
    ConfigError when the command fails: somebody who names one does not want to talk without it.
    """
    name, value = find_key(environ, settings.provider, settings.base_url)
    if value or settings.provider == "local":
        return Key(value, name)
    if settings.api_key_command:
        return Key(key_of_command(settings.api_key_command, environ), "api_key_command")
    if not needed:
        return Key()
    value, why = ask_keyring(settings.provider)
    return Key(value, "keyring" if value else "", why)


def key_hint(provider: str) -> str:
    """The next step for somebody whose provider needs a key."""
    name = next(iter(PROVIDERS[provider].key_variables), KEY_VARIABLES[0])
    return f"set {name} in the environment, or talk without one: voicechat --provider local"


def with_key(environ: Mapping[str, str], key: Key) -> dict[str, str]:
    """The environment in which the engine finds this key; unchanged where it is in there already."""
    found = dict(environ)
    if key.value and key.source in ("api_key_command", "keyring"):
        found[KEY_VARIABLES[0]] = key.value
    return found


def environ_with_key(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment in which another process finds the key of this run, wherever it is kept.

    Raises ConfigError where the provider needs one and there is none.
    """
    provider = PROVIDERS[settings.provider]
    key = obtain_key(settings, environ, needed=provider.needs_key)
    if provider.needs_key and not key.value:
        raise ConfigError(f"{provider.title} needs an API key", hint=key_hint(settings.provider))
    return with_key(environ, key)


def key_of_command(command: str, environ: Mapping[str, str]) -> str:
    """The first line a command prints. No shell is involved: quotes group words, and nothing else is special.

    Raises ConfigError. What the command printed is never quoted, because it may be half a key.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ConfigError(f"api_key_command cannot be read: {error}", hint=_COMMAND_HINT) from error
    if not words:
        raise ConfigError("api_key_command is empty", hint=_COMMAND_HINT)
    program = words[0]
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environ),
            timeout=COMMAND_LIMIT,
        )
    except subprocess.TimeoutExpired as error:
        hint = "run it once by hand: does it wait for a password?"
        raise ConfigError(f"api_key_command ({program}) took more than {COMMAND_LIMIT:g} s", hint=hint) from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a command"
        raise ConfigError(f"api_key_command cannot run {program}: {why}", hint=_COMMAND_HINT) from error
    if done.returncode:
        hint = "run it by hand to see what it says"
        raise ConfigError(f"api_key_command ({program}) ended with status {done.returncode}", hint=hint)
    lines = done.stdout[:LONGEST_KEY].decode("utf-8", "replace").splitlines()
    if key := (lines[0].strip() if lines else ""):
        return key
    raise ConfigError(f"api_key_command ({program}) printed no key", hint="its first line should be the key alone")


_COMMAND_HINT = 'for example api_key_command = ["pass", "show", "openai/key"] (a program, no shell)'


def ask_keyring(user: str) -> tuple[str, str]:
    """(key, why there is none) of the service `voicechat`; user names are those of the providers."""
    if importlib.util.find_spec("keyring") is None:
        return "", 'the extra is not installed: run pip install ".[keyring]" in the folder of voicechat'
    found: list[tuple[str, str]] = []

    def ask() -> None:
        import keyring

        try:
            found.append(((keyring.get_password(KEYRING_SERVICE, user) or "").strip(), ""))
        except Exception as error:  # backends are plugins and raise what they like; the edge of this thread
            found.append(("", f"the keyring cannot be asked ({type(error).__name__})"))

    asking = threading.Thread(target=ask, name="keyring", daemon=True)
    asking.start()
    asking.join(KEYRING_LIMIT)
    value, why = found[0] if found else ("", f"the keyring did not answer within {KEYRING_LIMIT:g} s")
    return value, why or ("" if value else f"no entry: keyring set {KEYRING_SERVICE} {user}")


def key_lying_about(environ: Mapping[str, str]) -> str:
    """Name of a variable that holds a key, for the welcome card; empty if there is none."""
    return next((name for name in KEY_VARIABLES if environ.get(name, "").strip()), "")
