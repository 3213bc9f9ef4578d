"""What `--help` prints, of the whole program and of each command: made from the table of commands, without Typer."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from voicechat.cli.commands import COMMAND_PANELS, EPILOG, ROOT, Command, Parameter, by_panel

NARROWEST, WIDEST = 50, 98
"""Columns of a help text."""
OPTION_COLUMN = 26
"""Columns before the sentence of an option, so that panels stand in line."""
MOST_BEFORE = 30
"""Columns before a sentence; what is longer has a line of its own."""


def help_text(path: Sequence[Command]) -> str:
    """The help of the last command of a path from the root on."""
    command = path[-1]
    width = max(min(shutil.get_terminal_size().columns - 2, WIDEST), NARROWEST)
    lines = [*_wrapped(_usage(path), width, f"Usage: {' '.join(one.name for one in path)} "), ""]
    lines += _paragraphs(command.about, width)
    for title, rows in _sections(command):
        lines += ["", f"{title}:", *columns(rows, width)]
    if command is ROOT:
        lines += ["", *_wrapped(EPILOG, width, "  ", "  ")]
    return "\n".join(lines)


def first_sentence(text: str) -> str:
    """Of an explanation, without its full stop."""
    return text.partition("\n\n")[0].partition(". ")[0].rstrip(".")


def _usage(path: Sequence[Command]) -> str:
    if path[-1].commands:
        return "[OPTIONS] COMMAND [ARGS]..."
    arguments = [one for one in path[-1].own if not one.is_option]
    return " ".join(["[OPTIONS]", *(f"{{{one.metavar}}}" if one.is_required else one.metavar for one in arguments)])


def _sections(command: Command) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    column = max((len(one.name) for one in command.commands), default=0)
    for panel in (*COMMAND_PANELS, ""):
        if some := [one for one in command.commands if one.panel == panel]:
            yield panel or "Commands", [(one.name.ljust(column), first_sentence(one.about)) for one in some]
    if arguments := [one for one in command.own if not one.is_option]:
        yield "Arguments", [(one.metavar, _about(one)) for one in arguments]
    for panel, options in by_panel(command):
        yield panel, [(_spelled(one).ljust(OPTION_COLUMN), _about(one)) for one in options]


def _spelled(option: Parameter) -> str:
    """`-o, --out FILE`, `--echo / --no-echo`."""
    names = ", ".join(sorted(option.spellings, key=len))
    value = f"<{'|'.join(option.choices)}>" if option.choices else option.metavar
    return " / ".join(filter(None, (names, option.negative))) if option.is_flag else f"{names} {value}"


def _about(one: Parameter) -> str:
    """Its sentence, then default and range."""
    extra = []
    if one.is_required:
        extra.append("required")
    elif not one.is_flag and one.default not in (None, ""):
        extra.append(f"default: {one.default}")
    if one.low is not None and one.is_option:
        extra.append(f"{one.low:g}<=x<={one.high:.0f}" if one.high is not None else f"x>={one.low:g}")
    return "  ".join(filter(None, (one.about, f"[{'; '.join(extra)}]" if extra else "")))


def columns(rows: Iterable[tuple[str, str]], width: int, most: int = MOST_BEFORE) -> Iterator[str]:
    """Names and, beside them, what each is, wrapped; a name of more than `most` columns has a line of its own."""
    rows = list(rows)
    column = min(max((len(first) for first, _ in rows), default=0), most) + 2
    for first, second in rows:
        lines = textwrap.wrap(second, max(width - column - 2, 10)) or [""]
        if len(first) > column - 2:
            yield f"  {first}"
        else:
            yield f"  {first:<{column}}{lines.pop(0)}".rstrip()
        yield from (f"  {'':<{column}}{line}" for line in lines)


def _paragraphs(text: str, width: int) -> Iterator[str]:
    for number, paragraph in enumerate(re.split(r"\n\n", text)):
        yield from ([""] if number else [])
        yield from _wrapped(paragraph, width, "  ", "  ")


def _wrapped(text: str, width: int, first: str, then: str = "") -> list[str]:
    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=then or " " * len(first))
