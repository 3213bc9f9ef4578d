"""Everything that is wrong with a configuration file, not only the first thing: for `voicechat config check`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicechat.config.key_lines import Keys
from voicechat.config.load import (
    Document,
    LineError,
    entries,
    file_layers,
    finish,
    merged,
    mode_remarks,
    price_table,
    read_document,
    setting_of,
    shape_problem,
)
from voicechat.config.tool_tables import tool_entries
from voicechat.errors import ConfigError

_PLACE = re.compile(r".*?:(\d+)(?::| is) ")


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing to mend."""

    file: str
    line: int
    """0 where not connected to point at."""
    key: str
    reason: str
    """The whole sentence, place included."""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Survey:
    """What became of looking at a file."""

    wrong: tuple[Wrong, ...] = ()
    remarks: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()


def survey(path: Path) -> Survey:
    """Look at the top level and at every profile. A file that cannot be read is one thing that is wrong."""
    try:
        document = read_document(path)
    except ConfigError as error:
        return Survey(wrong=(_wrong(path, error),))
    profiles = document.table.get("profiles", {})
    names = tuple(profiles) if isinstance(profiles, dict) else ()
    found = [_wrong(path, error) for error in _errors(document)]
    remarks: tuple[str, ...] = ()
    try:
        remarks = mode_remarks(path, document.table)
    except ConfigError as error:
        found.append(_wrong(path, error))
    return Survey(tuple(sorted(found, key=lambda wrong: wrong.line)), remarks, names)


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
    is_whole = True
    for _, section, prefix in sections:
        for error in _section_errors(document, section, prefix):
            is_whole = False
            yield error
    yield from _price_errors(document)
    if is_whole:
        yield from _together(document, [name for name, _, _ in sections])


def _section_errors(document: Document, section: Mapping[str, Any], prefix: Keys) -> Iterator[ConfigError]:
    if problem := shape_problem(document, section, prefix):
        yield problem
    for keys, value in entries(section, prefix):
        try:
            setting_of(document, keys, value)
        except ConfigError as error:
            yield error
    try:
        list(tool_entries(document, section, prefix))
    except ConfigError as error:
        yield error


def _price_errors(document: Document) -> Iterator[ConfigError]:
    prices = document.table.get("prices", {})
    tables = [{model: figures} for model, figures in prices.items()] if isinstance(prices, dict) else [prices]
    for table in tables:
        try:
            price_table(table, document)
        except ConfigError as error:
            yield error


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
                yield (
                    error
                    if isinstance(error, LineError)
                    else LineError(document, where, f": {error.message}", error.hint)
                )


def _wrong(path: Path, error: ConfigError) -> Wrong:
    if isinstance(error, LineError):
        return Wrong(str(error.file), error.line, error.key, error.message, error.hint)
    line = int(found[1]) if (found := _PLACE.match(error.message)) else 0
    return Wrong(str(path), line, "", error.message, error.hint)
