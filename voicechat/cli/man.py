"""`voicechat man`: the man page of the whole program, from the command tree and the topics of `explain`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

from voicechat import __version__, exit_codes
from voicechat.cli.help import COMMAND_PANELS, OPTIONS, by_panel, option_panels
from voicechat.cli.topics import TOPICS


def man_command() -> int:
    """The page on stdout; on a terminal, how to read it on stderr."""
    for line in _lines():
        print(line, flush=line.startswith(".SH"))
    if sys.stdout.isatty():
        print("to read it: voicechat man | man -l -", file=sys.stderr)
    return exit_codes.DONE


def man_page() -> str:
    """Section 1 of the manual, for `man -l -`, groff and mandoc."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield f'.TH VOICECHAT 1 "" "voicechat {__version__}" "User commands"'
    yield ".SH NAME"
    from typer.main import get_command

    from voicechat.cli.main import app

    root: Any = get_command(app)
    yield f"voicechat \\- {_text(_summary(root.help)).rstrip('.').lower()}"
    yield from (".SH SYNOPSIS", ".B voicechat", ".RI [ options ]", ".br", ".B voicechat", '.IR command " [" options ]')
    yield ".SH DESCRIPTION"
    yield _text(root.help)
    yield "Without a command it talks on the screen, as"
    yield ".B voicechat chat"
    yield "does, with these options:"
    yield from _options(root)
    yield ".SH COMMANDS"
    for panel, commands in by_panel(root.commands.values(), COMMAND_PANELS, "Commands"):
        for command in commands:
            yield from _command(command, panel, ())
    for topic in TOPICS.values():
        yield f".SH {_text(topic.title).upper()}"
        yield from (".nf", *(_text(line) for line in topic.text().strip("\n").splitlines()), ".fi")
    yield from (
        ".SH SEE ALSO",
        ".BR man (1),",
        "and",
        ".BR voicechat",
        "explain NAME for every event, field and error.",
    )


def _command(command: Any, panel: str, above: tuple[str, ...]) -> Iterator[str]:
    """A command, or a group with its commands."""
    path = (*above, command.name)
    arguments = " ".join(one.metavar or one.name.upper() for one in command.params if one.param_type_name == "argument")
    yield f'.SS "{_text(" ".join(("voicechat", *path, arguments)).rstrip())}"'
    paragraphs = re.split(r"\n\s*\n", (command.help or "").strip())
    for number, paragraph in enumerate(paragraphs):
        if number:
            yield ".PP"
        yield _text(" ".join(paragraph.split()))
    if command.name == "ctl" and not above:
        from voicechat.cli.ctl import HELP

        yield from (".PP", ".nf", *(_text(line) for line in HELP.splitlines() if line.startswith("  ")), ".fi")
    for inner in getattr(command, "commands", {}).values():
        yield from _command(inner, panel, path)
    if not hasattr(command, "commands"):
        arguments_told = [one for one in command.params if one.param_type_name == "argument" and one.help]
        for one in arguments_told:
            yield from (".TP", f".I {_text(one.metavar or one.name)}", _text(one.help))
        yield from _options(command, brief=command.name == "chat")


def _options(command: Any, *, brief: bool = False) -> Iterator[str]:
    """By panel; those of a talk are told once, at the top."""
    if brief:
        yield from (".PP", "The options stand above.")
        return
    for panel, options in option_panels(one for one in command.params if one.param_type_name == "option"):
        if panel != OPTIONS:
            yield from (".PP", f"{_text(panel)}:")
        for one in options:
            names = ", ".join([*one.opts, *one.secondary_opts])
            value = "" if one.is_flag else f" {one.metavar or 'VALUE'}"
            yield from (".TP", f".B {_text(names)}\\fI{_text(value)}\\fR" if value else f".B {_text(names)}")
            yield _text(one.help or "")


def _summary(text: str | None) -> str:
    return " ".join((text or "").split("\n\n")[0].split())


def _text(text: str) -> str:
    """Nothing in it commands troff: backslashes, hyphens that must stay minus signs, dots and quotes at the start."""
    text = (
        text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq").replace("`", "\\(ga").replace("^", "\\(ha")
    )
    text = text.replace("~", "\\(ti").replace("→", "\\(->").replace("…", "...").replace("“", '"').replace("”", '"')
    return f"\\&{text}" if text[:1] in (".", "'") else text
