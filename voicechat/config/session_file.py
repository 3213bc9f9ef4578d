"""A session configuration as people have it: pasted from a guide, a chat answer or a program, as JSON or TOML.

JSON may hold comments (`//`, `/* */`, `#`), trailing commas and a Markdown fence around it. What the fields mean is the
business of `protocol.session_config`; here it is only about what stands where, so that an error names line and column.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import BinaryIO

from voicechat.errors import ConfigError
from voicechat.protocol.wire import JsonValue

MAX_BYTES = 4 * 1024 * 1024
"""More is not read: a million characters never take more."""
MAX_LENGTH = 1024 * 1024
"""Characters; a real configuration has a few thousand, with long instructions perhaps fifty thousand."""

_FENCE = re.compile(r"\A\s*(```|~~~)[^\n]*\n|^[ \t]*(```|~~~)\s*\Z", re.MULTILINE)
# What never ends (a string, a comment) is one token too: tried again at each quote within, it costs the square of it.
_TOKENS = re.compile(r'("(?:[^"\\\n]|\\.)*+"?)|//[^\n]*|#[^\n]*|/\*.*?\*/|(/\*.*)', re.DOTALL)
_TRAILING_COMMA = re.compile(r'("(?:[^"\\\n]|\\.)*+"?)|,(?=\s*[}\]])', re.DOTALL)
_LONG_KEY = re.compile(r"^[ \t]*+\[{0,2}[ \t]*+(?:[\w\"'-]++[ \t]*+\.[ \t]*+){64}", re.MULTILINE)
"""A dotted TOML key of 64 parts. Python's reader needs the square of its length; a session nests six deep."""
_TOML_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")


def read_session_file(name: str, stdin: BinaryIO | None = None) -> dict[str, JsonValue]:
    """What a file says, or standard input, where it is given and named `-`. Raises ConfigError."""
    try:
        if stdin is not None and name == "-":
            name, content = "standard input", stdin.read(MAX_BYTES + 1)
        else:
            with Path(name).open("rb") as stream:
                content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot read {name}: {error.strerror}", hint="check the name of the file") from error
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{name} is longer than 4 MB", hint="is this the right file?")
    return read_session_text(content.decode("utf-8-sig", "replace"), name)


def read_session_text(text: str, name: str) -> dict[str, JsonValue]:
    """What a file or a pasted text says, for `check_session`.

    `name` is what the user calls it (a file name, "the pasted text"). Raises ConfigError with line and column.
    """
    if len(text) > MAX_LENGTH:
        raise ConfigError(f"{name} is longer than a million characters", hint="is this the right file?")
    bare = text.lstrip("\ufeff")
    # only a fence around the whole: one inside is part of some instructions
    plain = _FENCE.sub(_blank, bare) if bare.lstrip().startswith(("```", "~~~")) else bare
    if not plain.strip():
        raise ConfigError(f"{name} is empty", hint='write at least {"voice": "marin"}')
    config = _read_json(plain, name) if _looks_like_json(plain, name) else _read_toml(plain, name)
    return dict(config)


def _blank(match: re.Match[str]) -> str:
    """Spaces instead of the match, line breaks kept: positions in what is left stay true."""
    return re.sub(r"[^\n]", " ", match[0])


def _looks_like_json(text: str, name: str) -> bool:
    if name.lower().endswith(".toml"):
        return False
    start = _without_comments(text).lstrip()[:1]
    return start == "{" or name.lower().endswith((".json", ".jsonc", ".json5"))


def _without_comments(text: str) -> str:
    return _TOKENS.sub(lambda token: token[1] or token[2] or _blank(token), text)


def _read_json(text: str, name: str) -> dict[str, JsonValue]:
    bare = _TRAILING_COMMA.sub(lambda token: token[1] or " ", _without_comments(text))
    try:
        config = json.loads(bare, object_pairs_hook=_members, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise _at(name, error.lineno, error.colno, error.msg, _json_hint(bare, error.pos)) from error
    except RecursionError as error:
        raise ConfigError(f"{name} is nested too deep to be a session", hint="is this the right file?") from error
    except ValueError as error:
        raise ConfigError(f"{name}: {error}", hint="correct it and try again") from error
    if not isinstance(config, dict):
        raise ConfigError(f"{name} holds no object", hint='a session is written {"voice": "marin", ...}')
    return config


def _members(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    """A name given twice is a mistake in a file that a person wrote, and only one of the two can be meant."""
    members = dict(pairs)
    if len(members) < len(pairs):
        times = Counter(name for name, _ in pairs)
        twice = next(name for name in members if times[name] > 1)
        raise ValueError(f"{json.dumps(twice[:60])} is given twice")
    return members


def _no_number(word: str) -> JsonValue:
    raise ValueError(f"{word} is no number that can be sent")


def _json_hint(text: str, position: int) -> str:
    rest = text[position : position + 20]
    if rest.startswith(("'", "\u2018", "\u201c", "\u201d")):
        return 'names and texts stand in straight double quotes: "voice"'
    if re.match(r"[A-Za-z_]\w*\s*:", rest):
        return 'names stand in double quotes: "voice": "marin"'
    if re.match(r"(True|False|None)\b", rest):
        return "JSON writes true, false and null"
    if rest.startswith('"') and position:
        return "is a comma missing before this?"
    if not rest.strip():
        return "the text ends too early; is a bracket or a quote missing?"
    return "JSON with comments and trailing commas, or TOML"


def _read_toml(text: str, name: str) -> dict[str, JsonValue]:
    if found := _LONG_KEY.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise _at(name, line, 1, "a key of more than 64 parts", "is this the right file?")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _TOML_PLACE.search(str(error))
        what = str(error).split(" (at ")[0]
        line, column = (
            (int(place[1]), int(place[2])) if place else (text.count("\n") + 1, len(text.split("\n")[-1]) + 1)
        )
        why = "" if name.lower().endswith(".toml") else ", since it does not begin with {"
        raise _at(name, line, column, what, f"it was read as TOML{why}") from error
    except (RecursionError, ValueError) as error:
        raise ConfigError(f"{name} cannot be read: {error}", hint="is this the right file?") from error


def _at(name: str, line: int, column: int, what: str, hint: str) -> ConfigError:
    return ConfigError(f"{name}, line {line}, column {column}: {what}", hint=hint)
