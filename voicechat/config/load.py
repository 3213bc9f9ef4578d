"""Flags beat the environment, the environment beats the file, and the file's profile beats the rest of the file.

Every wrong value is a ConfigError that names its place, what is allowed and the nearest known name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from voicechat.config.locations import config_file
from voicechat.config.settings import PRIVATE_SECTIONS, TABLE, Settings, kind_of, resolve_path
from voicechat.errors import ConfigError

MAX_FILE = 256 * 1024
TRUE = ("1", "true", "yes", "on")
FALSE = ("0", "false", "no", "off")
Prices = dict[str, dict[str, float]]
PRICES_HINT = 'for example [prices."gpt-realtime-2.1"] and then audio_out = 64.0'


def load_settings(flags: Mapping[str, Any], environ: Mapping[str, str], file: Path | None = None) -> Settings:
    """The settings of this run. `flags` holds only what was given; `file` None means the usual place, if it exists.

    Raises ConfigError for anything that is not a setting or has a value that is not allowed.
    """
    values: dict[str, Any] = {}
    keys: dict[str, str] = {}
    prices: Prices = {}
    path = file or config_file()
    if file is not None or path.exists():
        document = read_file(path)
        profile = flags.get("profile") or environ.get("VOICECHAT_PROFILE") or document.get("profile", "")
        values, keys = from_document(document, path, str(profile))
        prices = price_table(document.get("prices", {}), path)
    elif flags.get("profile"):
        raise ConfigError(f"there is no configuration file, so no profile {flags['profile']!r}", hint=f"create {path}")
    values |= from_environment(environ)
    values |= from_flags(flags)
    return finish(values, keys, prices, str(path) if path.exists() else "")


def finish(values: dict[str, Any], keys: dict[str, str], prices: Prices, source: str) -> Settings:
    """What follows from what was said: an address without a provider is a custom one."""
    given = frozenset(values)
    if values.get("base_url") and "provider" not in values:
        values["provider"] = "custom"
    if values.get("provider") == "custom" and not values.get("base_url"):
        raise ConfigError("provider custom needs an address", hint="add --base-url https://host/v1")
    return Settings(**values, keys=keys, prices=prices, given=given, source=source)


def read_file(path: Path) -> dict[str, Any]:
    """The TOML document at `path`. Raises ConfigError with the line of a syntax error."""
    try:
        if path.stat().st_size > MAX_FILE:
            raise ConfigError(f"{path} is larger than {MAX_FILE // 1024} kB", hint="is this the right file?")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}", hint="mend that line, or try --config FILE") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text", hint="save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", hint="check --config") from error


def from_document(document: Mapping[str, Any], path: Path, profile: str) -> tuple[dict[str, Any], dict[str, str]]:
    """(values, keys) of a file: its top level, `[devices]`, `[keys]`, then the chosen `[profiles.NAME]`."""
    values = dict(section_values(document, path, ""))
    keys = key_table(document.get("keys", {}), path)
    profiles = document.get("profiles", {})
    if not isinstance(profiles, dict):
        raise ConfigError(f"{path}: profiles must be tables", hint='write [profiles.work] and then model = "..."')
    if profile:
        if not isinstance(profiles.get(profile), dict):
            known = ", ".join(sorted(profiles)) or "none"
            raise ConfigError(f"{path}: there is no profile {profile!r}", hint=f"profiles in this file: {known}")
        values |= dict(section_values(profiles[profile], path, f"profiles.{profile}."))
        keys |= key_table(profiles[profile].get("keys", {}), path)
    return values, keys


def section_values(section: Mapping[str, Any], path: Path, prefix: str) -> Iterator[tuple[str, Any]]:
    devices = section.get("devices", {})
    if not isinstance(devices, dict):
        raise ConfigError(f"{path}: {prefix}devices must be a table", hint='write [devices] and then mic = "..."')
    flat = {f"devices.{name}": value for name, value in devices.items()}
    flat |= {name: value for name, value in section.items() if name not in PRIVATE_SECTIONS and name != "profile"}
    for place, value in flat.items():
        name = known_name(place.removeprefix("devices."), f"{path}: {prefix}{place}")
        checked = check(name, value, f"{path}: {prefix}{place}")
        if name == "session" or (name in ("mic", "speaker") and str(checked).lower().endswith(".wav")):
            checked = resolve_path(checked, path.parent)
        yield name, checked


def key_table(table: object, path: Path) -> dict[str, str]:
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise ConfigError(f"{path}: [keys] holds binding ids and key names", hint='for example "vc.mute" = "f6"')
    return dict(table)


def price_table(table: object, path: Path) -> Prices:
    """`[prices."MODEL"]` as written. Raises ConfigError for the first entry that is none."""
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: prices must be tables", hint=PRICES_HINT)
    if not table:
        return {}
    from voicechat.numbers.prices import read_prices  # most users have none, and every start would pay for it

    for model, figures in table.items():
        # Unquoted, the dots of a model's name make tables in tables.
        if isinstance(figures, dict) and any(isinstance(value, dict) for value in figures.values()):
            raise ConfigError(f"{path}: prices.{model}: a model name with dots needs quotes", hint=PRICES_HINT)
    _, problems = read_prices(table)
    if problems:
        raise ConfigError(f"{path}: {problems[0]}", hint=PRICES_HINT)
    return {model: {name: float(value) for name, value in figures.items()} for model, figures in table.items()}


def from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """`VOICECHAT_<SETTING>` for every setting; other VOICECHAT_ variables are somebody else's business."""
    values: dict[str, Any] = {}
    for name in TABLE:
        variable = f"VOICECHAT_{name.upper()}"
        if variable in environ and environ[variable] != "":
            values[name] = check(name, from_text(name, environ[variable], variable), variable)
    return values


def from_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: check(name, value, "--" + name.replace("_", "-"))
        for name, value in flags.items()
        if value is not None and name in TABLE
    }


def from_text(name: str, text: str, place: str) -> Any:
    """A value out of the environment, where everything is text."""
    kind = kind_of(name)
    if kind is bool:
        if text.lower() in TRUE + FALSE:
            return text.lower() in TRUE
        raise ConfigError(f"{place}={text} is not yes or no", hint=f"allowed: {', '.join(TRUE + FALSE)}")
    if kind is float:
        try:
            return float(text)
        except ValueError as error:
            raise ConfigError(f"{place}={text} is not a number", hint=TABLE[name].metadata["about"]) from error
    return text


def known_name(name: str, place: str) -> str:
    plain = name.replace("-", "_")
    if plain in TABLE:
        return plain
    near = get_close_matches(plain, TABLE, n=1)
    hint = f"did you mean {near[0]}?" if near else f"settings: {', '.join(sorted(TABLE))}"
    if "key" in plain and ("api" in plain or plain == "key"):
        hint = "keys never live in files: set VOICECHAT_API_KEY or OPENAI_API_KEY in the environment"
    raise ConfigError(f"{place} is not a setting", hint=hint)


def check(name: str, value: Any, place: str) -> Any:
    """`value` if this setting may have it. Raises ConfigError otherwise."""
    about, choices = TABLE[name].metadata["about"], TABLE[name].metadata["choices"]
    kind = kind_of(name)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind):
        raise ConfigError(f"{place} must be {WORDS[kind]}, not {value!r}", hint=about)
    if choices and value not in choices:
        near = get_close_matches(str(value), choices, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise ConfigError(f"{place} cannot be {value!r}", hint=f"{meant}allowed: {', '.join(choices)}")
    low, high = TABLE[name].metadata["range"]
    if high and isinstance(value, float) and not low <= value <= high:
        raise ConfigError(f"{place} = {value} is out of range", hint=f"allowed: {low:g} to {high:g} ({about})")
    return value


WORDS = {str: "text in quotes", bool: "true or false", float: "a number"}
