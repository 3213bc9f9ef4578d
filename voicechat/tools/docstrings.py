"""What a docstring says of a function and of each argument, in the three usual styles (Google, Sphinx, NumPy)."""

from __future__ import annotations

import inspect
import re

_SECTION = re.compile(
    r"(args|arguments|params|parameters|returns?|yields?|raises|examples?|notes?|attributes|see also|warnings?|todo)"
    r":?\s*$",
    re.IGNORECASE,
)
_ARGUMENTS = ("args", "arguments", "params", "parameters")
_GOOGLE = re.compile(r"\*{0,2}(\w+)\s*+(?:\([^)]*\)\s*+)?:\s*(.*)$")
_NUMPY = re.compile(r"\*{0,2}(\w+(?:\s*,\s*\w+)*)\s*(?::.*)?$")
_SPHINX = re.compile(r":(?:param|parameter|arg|argument|key)\s+(?:[^:]*?\s)?\*{0,2}(\w+)\s*:\s*(.*)$")
_SPHINX_OTHER = re.compile(r":\w++[^:]*:")


def read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """(what the function does, argument -> what it is). Whatever fits no style is part of the description."""
    lines = inspect.cleandoc(text).splitlines()
    about: list[str] = []
    arguments: dict[str, str] = {}
    place = 0
    while place < len(lines):
        line = lines[place]
        if found := _SPHINX.match(line.strip()):
            words, place = _more(lines, place + 1, _indent(line))
            arguments[found[1]] = _joined(found[2], *words)
        elif _SPHINX_OTHER.match(line.strip()):
            _, place = _more(lines, place + 1, _indent(line))
        elif section := _section_at(lines, place):
            body, place = _body(lines, place, is_numpy=section.endswith("-"))
            if section.rstrip("-") in _ARGUMENTS:
                arguments |= _numpy(body) if section.endswith("-") else _google(body)
        else:
            about.append(line)
            place += 1
    return "\n".join(about).strip(), arguments


def _section_at(lines: list[str], place: int) -> str:
    """The section that begins here, in small letters, with a dash behind it in NumPy's style; empty for none."""
    found = _SECTION.match(lines[place])
    if found is None:
        return ""
    below = lines[place + 1] if place + 1 < len(lines) else ""
    if len(below) > 2 and not below.strip("-"):
        return f"{found[1].lower()}-"
    return found[1].lower() if lines[place].rstrip().endswith(":") and (not below or _indent(below)) else ""


def _body(lines: list[str], place: int, *, is_numpy: bool) -> tuple[list[str], int]:
    """The lines of a section without its title, and where it ends."""
    place += 2 if is_numpy else 1
    body: list[str] = []
    while place < len(lines):
        line = lines[place]
        if is_numpy and _section_at(lines, place):
            break
        if not is_numpy and line.strip() and not _indent(line):
            break
        body.append(line)
        place += 1
    return body, place


def _google(body: list[str]) -> dict[str, str]:
    told = [line for line in body if line.strip()]
    first = min((_indent(line) for line in told), default=0)
    arguments: dict[str, str] = {}
    name = ""
    for line in told:
        found = _GOOGLE.match(line.strip()) if _indent(line) == first else None
        if found:
            name = found[1]
            arguments[name] = found[2].strip()
        elif name:
            arguments[name] = _joined(arguments[name], line)
    return arguments


def _numpy(body: list[str]) -> dict[str, str]:
    arguments: dict[str, str] = {}
    names: list[str] = []
    for line in body:
        if not line.strip():
            continue
        if not _indent(line):
            found = _NUMPY.match(line.strip())
            names = [name.strip() for name in found[1].split(",")] if found else []
            arguments |= dict.fromkeys(names, "")
        else:
            arguments |= {name: _joined(arguments[name], line) for name in names}
    return arguments


def _more(lines: list[str], place: int, indent: int) -> tuple[list[str], int]:
    """Lines that go on with what stands above: indented deeper, no blank line between."""
    more: list[str] = []
    while place < len(lines) and lines[place].strip() and _indent(lines[place]) > indent:
        more.append(lines[place])
        place += 1
    return more, place


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _joined(*words: str) -> str:
    return " ".join(" ".join(words).split())
