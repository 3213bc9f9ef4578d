"""On which line of a TOML text each key stands: `tomllib` reads the values and forgets where they were. Pure.

A scanner, not a second parser: it is asked only about texts that `tomllib` took, so it has to find where a value ends
and need not know what it is. Strings (all four kinds), comments, arrays over several lines, inline tables, quoted and
dotted keys are told apart; keys inside inline tables are found on the line of the table's own key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

Keys: TypeAlias = tuple[str, ...]
"""`profiles.work.model` as ("profiles", "work", "model")."""

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)+")
_KEY = re.compile(r"""[ \t]*(?:"((?:\\.|[^"\\\n])*)"|'([^'\n]*)'|([A-Za-z0-9_-]+))[ \t]*""")
_VALUE_PART = re.compile(
    r'"""(?:\\.|[^\\])*?"""+'  # multi-line strings may end in up to five quotes
    r"|'''.*?'''+"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[\[\]{}\n]"
    r"""|[^\[\]{}\n"'#]+""",
    re.DOTALL,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", '"': '"', "\\": "\\"}


def key_lines(text: str) -> dict[Keys, int]:
    """Every table and key -> its line, the first being 1. A text that is no TOML gives what was found before that."""
    lines: dict[Keys, int] = {}
    table: Keys = ()
    at = _after_blank(text, 0)
    while at < len(text):
        line = text.count("\n", 0, at) + 1
        if text[at] == "[":
            at += 2 if text.startswith("[[", at) else 1
            table, at = _dotted(text, at)
            for length in range(1, len(table) + 1):
                lines.setdefault(table[:length], line)
            at = _end_of_line(text, at)
        else:
            name, at = _dotted(text, at)
            if not name or not text.startswith("=", at):
                return lines
            for length in range(1, len(name) + 1):  # a.b = 1 makes the table a as well
                lines.setdefault(table + name[:length], line)
            at = _after_value(text, at + 1)
        at = _after_blank(text, at)
    return lines


def line_of(lines: Mapping[Keys, int], keys: Keys) -> int:
    """The line of a key, or of the nearest table around it; 0 where there is none."""
    for length in range(len(keys), 0, -1):
        if keys[:length] in lines:
            return lines[keys[:length]]
    return 0


def _after_blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _dotted(text: str, at: int) -> tuple[Keys, int]:
    names: list[str] = []
    while match := _KEY.match(text, at):
        basic, literal, bare = match.groups()
        names.append(_unescaped(basic) if basic is not None else literal if literal is not None else bare)
        at = match.end()
        if not text.startswith(".", at):
            break
        at += 1
    return tuple(names), at


def _unescaped(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        code = match[1]
        return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPES.get(code, code)

    return re.sub(r"\\(u[0-9A-Fa-f]{4}|U000[0-9A-Fa-f]{5}|U0010[0-9A-Fa-f]{4}|.)", one, text)


def _after_value(text: str, at: int) -> int:
    """Behind the value that begins at `at`: the end of the line on which its last bracket is closed."""
    depth = 0
    while match := _VALUE_PART.match(text, at):
        part = match[0]
        if part == "\n" and depth <= 0:
            return at
        depth += (part in ("[", "{")) - (part in ("]", "}"))
        at = match.end()
    return len(text)
