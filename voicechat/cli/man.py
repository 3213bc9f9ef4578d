"""`voicechat man`: the man page of the whole program, from the table of commands and the topics of `explain`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from voicechat import __version__, exit_codes
from voicechat.cli.commands import HELP, OPTIONS, ROOT, Command, by_panel
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
    yield from (".SH NAME", f"voicechat \\- {_text(ROOT.about).rstrip('.').lower()}")
    yield from (".SH SYNOPSIS", ".B voicechat", ".RI [ options ]", ".br", ".B voicechat", '.IR command " [" options ]')
    yield from (".SH DESCRIPTION", _text(ROOT.about), "Without a command it talks on the screen, as")
    yield from (".B voicechat chat", "does, with these options:", *_options(ROOT), ".SH COMMANDS")
    for command in ROOT.commands:
        yield from _command(command, ())
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


def _command(command: Command, above: tuple[str, ...]) -> Iterator[str]:
    """A command, or a group with its commands. The options of a talk are told once, at the top."""
    path = (*above, command.name)
    arguments = [one for one in command.own if not one.is_option]
    yield f'.SS "{_text(" ".join(("voicechat", *path, *(one.metavar for one in arguments))))}"'
    for number, paragraph in enumerate(command.about.split("\n\n")):
        yield from ([".PP"] if number else [])
        yield _text(paragraph)
    if path == ("ctl",):
        from voicechat.cli.ctl import HELP as VERBS

        yield from (".PP", ".nf", *(_text(line) for line in VERBS.splitlines() if line.startswith("  ")), ".fi")
    for inner in command.commands:
        yield from _command(inner, path)
    if not command.commands:
        for one in arguments:
            yield from (".TP", f".I {_text(one.metavar)}", _text(one.about)) if one.about else ()
        yield from (".PP", "The options stand above.") if path == ("chat",) else _options(command)


def _options(command: Command) -> Iterator[str]:
    for panel, options in by_panel(command):
        if panel != OPTIONS:
            yield from (".PP", f"{_text(panel)}:")
        for one in options:
            if one is HELP:
                continue
            names = _text(", ".join(filter(None, (*one.spellings, one.negative))))
            value = "" if one.is_flag else f"\\fI {_text(one.metavar or '|'.join(one.choices))}\\fR"
            yield from (".TP", f".B {names}{value}", _text(one.about))


def _text(text: str) -> str:
    """Nothing in it commands troff: backslashes, hyphens that must stay minus signs, dots and quotes at the start."""
    text = (
        text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq").replace("`", "\\(ga").replace("^", "\\(ha")
    )
    text = text.replace("~", "\\(ti").replace("→", "\\(->").replace("…", "...").replace("“", '"').replace("”", '"')
    return f"\\&{text}" if text[:1] in (".", "'") else text
