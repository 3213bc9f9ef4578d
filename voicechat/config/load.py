"""Flags beat the environment, the environment beats the profile, and the profile beats the rest of the file.

Every wrong value is a ConfigError that names its place (file and line, variable or option), what is allowed and the
nearest known name. `load` also tells where each value came from; `survey` finds everything that is wrong with a file.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import shlex
import stat
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec

from voicechat.config.key_lines import Keys, key_lines, line_of
from voicechat.config.locations import config_file
from voicechat.config.providers import why_impossible
from voicechat.config.secrets import from_options, why_not_private
from voicechat.config.settings import PRIVATE, PRIVATE_SECTIONS, TABLE, Settings
from voicechat.errors import ConfigError

MAX_FILE = 256 * 1024
SECRET_SETTINGS = ("api_key_command", *PRIVATE)
"""Settings for whose sake a file should be its owner's alone."""
_LINE = re.compile(r"at line (\d+)")


class LineError(ConfigError):
    """Something in a configuration file that is wrong: `line` (0: unknown) and the dotted `key` tell where."""

    def __init__(self, document: Document, keys: Keys, reason: str, hint: str = "") -> None:
        self.line, self.key = document.line(keys), ".".join(keys)
        self.reason = reason.removeprefix(": ")
        joint = "" if reason.startswith(":") else " "
        super().__init__(f"{document.place(keys)}{joint}{reason}", hint=hint)


@dataclass
class Document:
    path: Path
    table: Mapping[str, Any] = field(default_factory=dict)
    text: str = field(default="", repr=False)

    @cached_property
    def lines(self) -> Mapping[Keys, int]:
        """Found when somebody asks: a start that goes well never does."""
        return key_lines(self.text)

    def line(self, keys: Keys) -> int:
        return line_of(self.lines, keys)

    def place(self, keys: Keys) -> str:
        """`/home/me/config.toml:12: profiles.work.model`."""
        line = self.line(keys)
        return f"{self.path}:{line}: {'.'.join(keys)}" if line else f"{self.path}: {'.'.join(keys)}"

    def beside(self, text: str) -> str:
        """A path written in this file is meant beside it; nothing and `default` are no paths."""
        path = Path(text).expanduser()
        return text if text in ("", "default") or path.is_absolute() else str(self.path.parent / path)

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


def read_document(path: Path, option: str = "--config", largest: int = MAX_FILE) -> Document:
    """The TOML document at `path`, which an option names. Raises ConfigError with the line of a syntax error."""
    try:
        if path.stat().st_size > largest:
            raise ConfigError(f"{path} is larger than {largest // 1024} kB", hint="is this the right file?")
        text = path.read_text(encoding="utf-8")
        return Document(path, tomllib.loads(text), text)
    except tomllib.TOMLDecodeError as error:
        line = found[1] if (found := _LINE.search(str(error))) else text.rstrip().count("\n") + 1
        raise ConfigError(
            f"{path}:{line} is not valid TOML: {error}", hint=f"mend that line, or try {option} FILE"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text", hint="save it as UTF-8") from error
    except RecursionError as error:
        raise ConfigError(f"{path} nests its values too deeply", hint="is this the right file?") from error
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", hint=f"check {option}") from error


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


TRUE = ("1", "true", "yes", "on")
FALSE = ("0", "false", "no", "off")
WORDS = {
    str: "text in quotes",
    bool: "true or false",
    float: "a number",
    tuple: "a list of texts",
    dict: "a table of names and texts",
}
Prices = dict[str, dict[str, float]]
PRICES_HINT = 'for example [prices."gpt-realtime-2.1"] and then audio_out = 64.0'
SERVICE = ("provider", "base_url", "resource")
"""Settings that say who gets the key."""
COMMAND = "api_key_command"
Report = Callable[[ConfigError], None]
"""What becomes of an error in the file: it is raised, or put beside the others."""


def raised(error: ConfigError) -> None:
    raise error


@dataclass(frozen=True, slots=True)
class Value:
    """What a layer says about one setting, and where."""

    value: Any
    keys: Keys = ()
    """Where in the file; empty for a variable or an option."""
    place: str = ""


Layer = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings of this run, and why they are what they are."""

    settings: Settings
    values: Mapping[str, Value]
    """What was said, by setting; what nobody spoke of has its default."""
    profile: str = ""
    document: Document | None = field(default=None, repr=False)

    def source(self, name: str) -> str:
        """Where a value came from: `--model`, `VOICECHAT_MODEL`, `profile work (FILE:12)`, `FILE:3` or `default`."""
        said = self.values.get(name)
        if said is None:
            return "default"
        if said.place or self.document is None:
            return said.place
        where = f"{self.document.path}:{self.document.line(said.keys)}"
        return f"profile {self.profile} ({where})" if said.keys[:1] == ("profiles",) else where


def load_settings(flags: Mapping[str, Any], environ: Mapping[str, str], file: Path | None = None) -> Settings:
    """The settings of this run. `flags` holds only what was given; `file` None means the usual place, if it exists.

    Raises ConfigError for anything that is not a setting or has a value that is not allowed.
    """
    return load(flags, environ, file).settings


def load(flags: Mapping[str, Any], environ: Mapping[str, str], file: Path | None = None) -> Loaded:
    """The same with the source of every value. Raises ConfigError."""
    path = file or config_file()
    document = read_document(path) if file is not None or path.exists() else None
    profile = ""
    if document is not None:
        profile = str(flags.get("profile") or environ.get("VOICECHAT_PROFILE") or document.table.get("profile", ""))
    elif flags.get("profile"):
        raise ConfigError(f"there is no configuration file, so no profile {flags['profile']!r}", hint=f"create {path}")
    layers, keys, prices, remarks = file_layers(document, profile) if document else ([], {}, {}, ())
    above: list[Layer] = [from_environment(environ), from_flags(flags)]
    values, unused = merged(layers, above)
    settings = finish(values, keys, prices, str(path) if document else "", remarks + unused)
    return Loaded(settings, values, profile, document)


def file_layers(document: Document, profile: str) -> tuple[list[Layer], dict[str, str], Prices, tuple[str, ...]]:
    """(layers, key bindings, prices, remarks) of a file: its top level, then the chosen `[profiles.NAME]`."""
    prices = price_table(document)
    sections: list[tuple[Mapping[str, Any], Keys]] = [(document.table, ())]
    if profile:
        sections.append((document.profile(profile), ("profiles", profile)))
    layers = [section_layer(document, section, prefix) for section, prefix in sections]
    keys: dict[str, str] = {}
    for section, _ in sections:
        keys |= section.get("keys", {})
    return layers, keys, prices, mode_remarks(document.path, document.table)


def section_layer(document: Document, section: Mapping[str, Any], prefix: Keys, report: Report = raised) -> Layer:
    """The settings of the top level or of a profile."""
    if problem := shape_problem(document, section, prefix):
        report(problem)
    layer: Layer = {}
    for keys, value in entries(section, prefix):
        try:
            name, said = setting_of(document, keys, value)
            layer[name] = said
        except ConfigError as error:
            report(error)
    try:
        layer |= {name: Value(value, keys) for name, value, keys in tool_entries(document, section, prefix)}
    except ConfigError as error:
        report(error)
    return layer


def setting_of(document: Document, keys: Keys, value: Any) -> tuple[str, Value]:
    """One entry of a file as a setting; paths are meant beside the file. Raises LineError."""
    try:
        name = known_name(keys[-1], "")
        if name == COMMAND and isinstance(value, list) and all(isinstance(word, str) for word in value):
            value = shlex.join(value)
        checked = check(name, value, "")
    except ConfigError as error:
        raise LineError(document, keys, error.message.strip(), error.hint) from error
    if (paths := TABLE[name].paths) == "all" or (paths and checked.lower().endswith(".wav")):
        checked = tuple(map(document.beside, checked)) if isinstance(checked, tuple) else document.beside(checked)
    return name, Value(checked, keys)


def merged(layers: list[Layer], above: list[Layer]) -> tuple[dict[str, Value], tuple[str, ...]]:
    """(values, remarks) of the file's layers and those above them.

    A command of the file belongs to the service that the file names beside it (OpenAI where it names none): another
    service, chosen for one run, does not get that service's key.
    """
    values: dict[str, Value] = {}
    owner: tuple[str, ...] = ()
    for layer in layers:
        values |= layer
        if COMMAND in layer:
            owner = service_of(values)
    for layer in above:
        values |= layer
    command = values.get(COMMAND)
    if command is None or not command.keys or service_of(values) == owner:
        return values, ()
    if owner == service_of({}) and service_of(values) == service_of({"provider": Value("openai")}):
        return values, ()
    del values[COMMAND]
    if service_of(values)[0] == "local":
        return values, ()
    return values, (f"api_key_command belongs to another service ({owner[0] or 'openai'}) and was not run",)


def service_of(values: Mapping[str, Value]) -> tuple[str, ...]:
    """Who gets the key, as far as these values say it."""
    return tuple(str(values[name].value) if name in values else "" for name in SERVICE)


def finish(values: dict[str, Value], keys: dict[str, str], prices: Prices, source: str, remarks: Any = ()) -> Settings:
    """What follows from what was said: an address without a provider is a custom one."""
    given = frozenset(values)
    base_url = values.get("base_url")
    if base_url is not None and base_url.value and "provider" not in values:
        values["provider"] = Value("custom", place="base_url was given")
    plain = {name: said.value for name, said in values.items()}
    settings = Settings(**plain, keys=keys, prices=prices, given=given, source=source, remarks=tuple(remarks))
    if (error := why_impossible(settings) or why_not_private(settings)) is not None:
        raise error
    return settings


def price_table(document: Document, report: Report = raised) -> Prices:
    """`[prices."MODEL"]` as written, without what is reported."""
    table = document.table.get("prices", {})
    if not isinstance(table, dict):
        report(LineError(document, ("prices",), "must be tables", PRICES_HINT))
        return {}
    prices: Prices = {}
    for model, figures in table.items():
        if (problem := price_problem(document, model, figures)) is None:
            prices[model] = {name: float(value) for name, value in figures.items()}
        else:
            report(problem)
    return prices


def price_problem(document: Document, model: str, figures: object) -> ConfigError | None:
    """The first thing that is wrong with the prices of a model."""
    from voicechat.insight.metrics.prices import read_prices  # most users have none, and every start would pay for it

    # Unquoted, the dots of a model's name make tables in tables.
    if isinstance(figures, dict) and any(isinstance(value, dict) for value in figures.values()):
        return LineError(document, ("prices", model), ": a model name with dots needs quotes", PRICES_HINT)
    for one in [{name: value} for name, value in figures.items()] if isinstance(figures, dict) else [figures]:
        if problems := read_prices({model: one})[1]:
            where = document.line(("prices", model, *(one if isinstance(one, dict) else ())))
            return ConfigError(f"{document.path}:{where}: {problems[0]}", hint=PRICES_HINT)
    return None


def from_environment(environ: Mapping[str, str]) -> Layer:
    """`VOICECHAT_<SETTING>` for every setting; other VOICECHAT_ variables are somebody else's business."""
    values: Layer = {}
    for name in TABLE:
        variable = f"VOICECHAT_{name.upper()}"
        if variable in environ and environ[variable] != "":
            text = from_text(name, environ[variable], variable)
            values[name] = Value(check(name, text, variable), place=variable)
    return values


def from_flags(flags: Mapping[str, Any]) -> Layer:
    values: Layer = {}
    for name, value in flags.items():
        if value is not None and value != [] and name in TABLE:
            options = TABLE[name].options
            place = options[-1] if value is False else options[0]
            if TABLE[name].kind is dict and isinstance(value, list):
                value = from_options(value, place)
            values[name] = Value(check(name, value, place), place=place)
    return values


def checked(settings: Settings) -> Settings:
    """Settings that a program made. Raises ConfigError for the first value that is not allowed."""
    own = {name: check(name, getattr(settings, name), name) for name in TABLE if name in settings.given}
    return replace(settings, **own)


def from_text(name: str, text: str, place: str) -> Any:
    """A value out of the environment, where everything is text."""
    kind = TABLE[name].kind
    if kind is bool:
        if text.lower() in TRUE + FALSE:
            return text.lower() in TRUE
        raise ConfigError(f"{place}={text} is not yes or no", hint=f"allowed: {', '.join(TRUE + FALSE)}")
    if kind is float:
        try:
            return float(text)
        except ValueError as error:
            raise ConfigError(f"{place}={text} is not a number", hint=TABLE[name].about) from error
    if kind is tuple:
        return [part for part in text.replace(",", " ").split() if part]
    if kind is dict:
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{place} is not a JSON object", hint='for example {"X-Team": "voice"}') from error
    return text


def known_name(name: str, place: str) -> str:
    """The setting that `name` means. Raises ConfigError with the nearest known one."""
    plain = name.replace("-", "_")
    if plain in TABLE:
        return plain
    near = get_close_matches(plain, TABLE, n=1)
    hint = f"did you mean {near[0]}?" if near else f"settings: {', '.join(sorted(TABLE))}"
    if "key" in plain and ("api" in plain or plain == "key") and not get_close_matches(plain, [COMMAND], cutoff=0.85):
        hint = "keys never live in files: set VOICECHAT_API_KEY or OPENAI_API_KEY in the environment"
    raise ConfigError(f"{place} is not a setting", hint=hint)


def check(name: str, value: Any, place: str) -> Any:
    """`value` if this setting may have it. Raises ConfigError otherwise."""
    try:
        found = msgspec.convert(value, type_of(name))
    except (msgspec.ValidationError, OverflowError) as error:
        raise refused(name, value, place) from error
    if name.endswith("_url") and not _is_address(found):
        raise ConfigError(f"{place} is no address: {found[:200]!r}", hint=TABLE[name].about)
    return found


@cache
def type_of(name: str) -> Any:
    """What a value of this setting must be, for msgspec."""
    setting = TABLE[name]
    word: Any = Literal[setting.choices] if setting.choices else str
    if setting.kind is float:
        return Annotated[float, msgspec.Meta(ge=setting.low, le=setting.high)]
    return {str: word, bool: bool, tuple: tuple[word, ...], dict: dict[str, str]}[setting.kind]


def refused(name: str, value: Any, place: str) -> ConfigError:
    """Why a setting cannot have this value; what may be a secret is not repeated."""
    setting = TABLE[name]
    for one in value if isinstance(value, list | tuple) else (value,):
        if setting.choices and isinstance(one, str) and one not in setting.choices:
            near = get_close_matches(one, setting.choices, n=1)
            meant = f"did you mean {near[0]}? " if near else ""
            return ConfigError(f"{place} cannot be {one!r}", hint=f"{meant}allowed: {', '.join(setting.choices)}")
    if setting.kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            return ConfigError(f"{place} = {value} is no number that can be used", hint=setting.about)
        with contextlib.suppress(OverflowError):
            hint = f"allowed: {setting.low:g} to {setting.high:g} ({setting.about})"
            return ConfigError(f"{place} = {float(value)} is out of range", hint=hint)
    shown = f", not {value!r}" if setting.kind in (str, bool, float) and name != COMMAND else ""
    return ConfigError(f"{place} must be {WORDS[setting.kind]}{shown}", hint=setting.about)


def _is_address(url: str) -> bool:
    """Whether the parts of an address can be told apart; which of them there must be is asked where it is used."""
    try:
        parts = urlsplit(url)
        return parts.port is None or bool(parts.netloc)
    except ValueError:
        return False


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
    return tuple(map(document.beside, names))


def _servers(document: Document, table: object, keys: Keys) -> dict[str, Any]:
    from voicechat.tools.mcp_config import entry_problem

    if not isinstance(table, dict):
        raise LineError(document, keys, "must be tables", '[mcp.files] and then command = ["python", "server.py"]')
    servers: dict[str, Any] = {}
    for name, entry in table.items():
        if problem := entry_problem(name, entry):
            raise LineError(document, (*keys, name), problem, 'command = ["python", "server.py"], or url = "https://…"')
        cwd = {"cwd": document.beside(entry["cwd"])} if "cwd" in entry else {}
        servers[name] = {**entry, **cwd}
    return servers


_PLACE = re.compile(r".*?:(\d+)(?::| is) ")


@dataclass(frozen=True, slots=True)
class Survey:
    wrong: tuple[ConfigError, ...] = ()
    """By line; see `place_of`."""
    remarks: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()


def survey(path: Path) -> Survey:
    """Look at the top level and at every profile. A file that cannot be read is one thing that is wrong."""
    try:
        document = read_document(path)
    except ConfigError as error:
        return Survey(wrong=(error,))
    profiles = document.table.get("profiles", {})
    names = tuple(profiles) if isinstance(profiles, dict) else ()
    found = list(_errors(document))
    remarks: tuple[str, ...] = ()
    try:
        remarks = mode_remarks(path, document.table)
    except ConfigError as error:
        found.append(error)
    return Survey(tuple(sorted(found, key=lambda error: place_of(error)[0])), remarks, names)


def _errors(document: Document) -> Iterator[ConfigError]:
    profiles = document.table.get("profiles", {})
    sections: list[tuple[str, Mapping[str, Any], Keys]] = [("", document.table, ())]
    if not isinstance(profiles, dict):
        yield LineError(document, ("profiles",), "must be tables", 'write [profiles.work] and then model = "..."')
        profiles = {}
    for name, section in profiles.items():
        if isinstance(section, dict):
            sections.append((name, section, ("profiles", name)))
        else:
            yield LineError(document, ("profiles", name), "must be a table", f"write [profiles.{name}]")
    chosen = document.table.get("profile", "")
    if chosen and chosen not in profiles:
        known = ", ".join(sorted(profiles)) or "none"
        yield LineError(document, ("profile",), f"is {chosen!r}, which is no profile", f"profiles here: {known}")
    found: list[ConfigError] = []
    for _, section, prefix in sections:
        section_layer(document, section, prefix, found.append)
    is_whole = not found
    price_table(document, found.append)
    yield from found
    if is_whole:
        yield from _together(document, [name for name, _, _ in sections])


def _together(document: Document, profiles: list[str]) -> Iterator[ConfigError]:
    """What is wrong only in company, such as `provider = "custom"` without an address; once, not for each profile."""
    said: set[str] = set()
    for profile in profiles:
        try:
            layers, keys, prices, _ = file_layers(document, profile)
            finish(merged(layers, [])[0], keys, prices, "")
        except ConfigError as error:
            if error.message not in said:
                said.add(error.message)
                where: Keys = ("profiles", profile, "provider") if profile else ("provider",)
                is_placed = isinstance(error, LineError)
                yield error if is_placed else LineError(document, where, f": {error.message}", error.hint)


def place_of(error: ConfigError) -> tuple[int, str]:
    """(line, key) of what is wrong with a file; 0 and empty where there is none to point at."""
    if isinstance(error, LineError):
        return error.line, error.key
    return int(found[1]) if (found := _PLACE.match(error.message)) else 0, ""
