"""What `voicechat config init|show|check|path` do: the configuration file, and why the settings are what they are.

stdout is data, stderr tells; nothing that may be secret is printed.
"""

from __future__ import annotations

import json
import os
import shlex
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicechat.cli.printing import note, print_json
from voicechat.config.load import LineError, Loaded, load, place_of, read_document, shape_problem, survey
from voicechat.config.locations import config_file
from voicechat.config.private_file import replacing
from voicechat.config.providers import provider_of
from voicechat.config.settings import PRIVATE, TABLE, Setting
from voicechat.errors import ConfigError
from voicechat.exit_codes import DONE, USAGE
from voicechat.ui.sanitise import clean

_WIDTH = 100
TOP = """\
# Configuration of voicechat. Flags beat the environment (VOICECHAT_<SETTING>), the environment beats
# the profile, the profile beats the rest of this file. Take away a # to set something.
#   voicechat config check   says what is wrong here      voicechat config show   says what holds and why
# An API key never stands here: it comes from the environment, from api_key_command, or from the keyring.
"""
BOTTOM = """\

# ---- Your own keys on the keyboard: a binding's id and the key (`?` on the screen lists them)
# [keys]
# "vc.mute" = "f6"

# ---- Your own prices, in US dollars for a million tokens
# [prices."gpt-realtime-2.1"]
# audio_out = 64.0

# ---- Profiles: the same settings for another occasion, chosen with --profile NAME or `profile = "NAME"` at the top
# [profiles.work]
# provider = "openai"
# voice = "cedar"
"""
HIDDEN = "[hidden]"
OF_PROVIDER = ("base_url", "model", "voice", "transcription_model", "handshake", "dialect", "transport", "auth_style")
"""Settings that a provider fills in where nobody else did."""


def template() -> str:
    """The commented file that `config init` writes: every setting, from the settings table itself."""
    return TOP + "\n".join(_template_lines()) + "\n" + BOTTOM


def _template_lines() -> Iterator[str]:
    yield ""
    yield '# profile = ""'
    for name, setting in TABLE.items():
        if setting.heading:
            yield from ("", f"# ---- {setting.heading}")
        about = f"{setting.about[0].upper()}{setting.about[1:]}"
        if setting.high:
            about += f" ({setting.low:g} to {setting.high:g})"
        yield ""
        yield from (f"# {line}" for line in textwrap.wrap(f"{about}.", _WIDTH))
        if setting.choices:
            yield from (f"#   {line}" for line in textwrap.wrap("one of: " + ", ".join(setting.choices), _WIDTH - 2))
        yield f"# {name} = {_default_text(setting)}"


def _default_text(setting: Setting) -> str:
    """The default of a setting as TOML writes it; an example where the default cannot be written."""
    if setting.kind is dict:
        return '{ "X-Example" = "value" }'
    if setting.kind is bool:
        return "true" if setting.default is None or setting.default else "false"
    return json.dumps(setting.default, ensure_ascii=False)


def path_command(config: Path | None) -> int:
    """The path on stdout; whether anything is there on stderr."""
    path = config or config_file()
    print(path)
    if not path.exists():
        note("there is no such file yet; voicechat config init writes one")
    return DONE


def init_command(config: Path | None, *, force: bool) -> int:
    """Write the commented file, private to the user. Raises ConfigError when one is there, or it cannot be written."""
    path = config or config_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not force:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
        with replacing(path) as file:
            file.write(template().encode())
    except OSError as error:
        if isinstance(error, FileExistsError) and path.exists():
            hint = "check it: voicechat config check, or replace it: voicechat config init --force"
            raise ConfigError(f"{path} is there already", hint=hint) from error
        hint = "choose another place: voicechat config init --config FILE"
        raise ConfigError(f"cannot write {path}: {error.strerror or error}", hint=hint) from error
    print(path)
    note("every setting is in it, commented out; voicechat config check says whether your changes are right")
    return DONE


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    value: Any
    source: str


def show_command(flags: Mapping[str, Any], config: Path | None, *, as_json: bool) -> int:
    """Every setting with its value and source. Raises ConfigError for settings that cannot hold."""
    loaded = load(flags, os.environ, config)
    rows = list(rows_of(loaded))
    if as_json:
        settings = {row.name: {"value": row.value, "source": row.source} for row in rows}
        facts = {"file": loaded.settings.source, "profile": loaded.profile, "settings": settings}
        print_json(facts)
        return DONE
    width = max(len(row.name) for row in rows)
    values = {row.name: _shown(row.value) for row in rows}
    room = min(max(len(value) for value in values.values()), 44)
    for row in rows:
        print(clean(f"{row.name:<{width}}  {values[row.name]:<{room}}  {row.source}".rstrip(), one_line=True))
    note(f"file: {loaded.settings.source or 'none'} · profile: {loaded.profile or 'none'}")
    for remark in loaded.settings.remarks:
        note(remark)
    return DONE


def rows_of(loaded: Loaded) -> Iterator[Row]:
    """The settings in the order of the table. What may be secret is hidden; what is unset says what holds instead."""
    provider = provider_of(loaded.settings)
    for name in TABLE:
        value, source = getattr(loaded.settings, name), loaded.source(name)
        if source == "default" and name in OF_PROVIDER and getattr(provider, name) != value:
            value, source = getattr(provider, name), f"provider {provider.name}"
        if name == "barge_in" and value is None:
            source = f"preset {loaded.settings.preset}"
        if name in PRIVATE and value:
            value = dict.fromkeys(value, HIDDEN) if isinstance(value, Mapping) else [HIDDEN for _ in value]
        yield Row(name, dict(value) if isinstance(value, Mapping) else value, source)


def _shown(value: Any) -> str:
    """A value as the file would have it."""
    if value is None:
        return "unset"
    if isinstance(value, tuple):
        value = list(value)
    return f"{value:g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


def check_command(file: Path | None, config: Path | None = None, *, as_json: bool) -> int:
    """Everything that is wrong, a line and a cure each. Returns 2 when anything is."""
    file = file or config
    path = file or config_file()
    if file is None and not path.exists():
        if as_json:
            print_json({"file": str(path), "exists": False, "errors": [], "remarks": []})
        note(f"there is no {path}: nothing is wrong with it. voicechat config init writes one")
        return DONE
    found = survey(path)
    wrong = sorted([*found.wrong, *key_problems(path)], key=lambda error: place_of(error)[0])
    if as_json:
        facts = {
            "file": str(path),
            "exists": path.exists(),
            "errors": [_as_plain(one, path) for one in wrong],
            "remarks": list(found.remarks),
        }
        print_json(facts)
        return USAGE if wrong else DONE
    for one in wrong:
        print(clean(one.message, one_line=True))
        if one.hint:
            print(clean(f"  {one.hint}", one_line=True))
    for remark in found.remarks:
        note(remark)
    if not wrong:
        count = len(found.profiles)
        profiles = f", {count} profile{'s' if count > 1 else ''}" if count else ""
        print(f"{path}: nothing is wrong{profiles}")
        return DONE
    again = "voicechat config check" + (f" {shlex.quote(str(file))}" if file else "")
    note(f"{len(wrong)} problem{'s' if len(wrong) > 1 else ''} in {path}; then check again: {again}")
    return USAGE


def _as_plain(wrong: ConfigError, path: Path) -> dict[str, Any]:
    line, key = place_of(wrong)
    return {"file": str(path), "line": line, "key": key, "reason": wrong.message, "hint": wrong.hint}


def key_problems(path: Path) -> Iterator[LineError]:
    """What is wrong with the bindings of `[keys]`, which only the screen's own table can tell."""
    from voicechat.ui.bindings import check_keys

    try:
        document = read_document(path)
    except ConfigError:
        return
    profiles = document.table.get("profiles", {})
    sections: list[tuple[tuple[str, ...], Mapping[str, Any]]] = [((), document.table)]
    sections += [(("profiles", name), table) for name, table in profiles.items()] if isinstance(profiles, dict) else []
    for prefix, section in sections:
        if not isinstance(section, dict) or shape_problem(document, section, prefix):
            continue
        _, problems = check_keys(section.get("keys", {}))
        for problem in problems:
            yield LineError(document, (*prefix, "keys", problem.id), f"= {problem.value!r}: {problem.reason}")
