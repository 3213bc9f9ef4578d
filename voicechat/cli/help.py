"""How `--help` looks: options and commands in panels, in the order people look for them.

Typer groups by `rich_help_panel` too, but draws it by rich, whose import takes longer than all the rest of a `--help`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

OPTIONS = "Options"
"""The panel of options that name none: a command's own, and the ten most used."""
SESSION, SOUND, CONNECTION, TOOLS = "Session", "Sound", "Connection", "Tools"
TRANSLATION, RECORDING, MONEY, SCREEN = "Translation", "Recording", "Money", "Screen"
CONFIGURATION = "Configuration and help"
OPTION_PANELS = (
    OPTIONS, SESSION, SOUND, CONNECTION, TOOLS, TRANSLATION, RECORDING, MONEY, SCREEN, CONFIGURATION
)  # fmt: skip
TALK, TAPES, DEBUGGING, SERVERS, REFERENCE = "Talk", "Recordings", "Find out what is wrong", "Servers", "Setup and help"
COMMAND_PANELS = (TALK, TAPES, DEBUGGING, SERVERS, REFERENCE)
WIDEST = 100
"""Columns of a help text on a wide terminal."""
OPTION_COLUMN = 26
"""Columns before the sentence of an option, so that panels stand in line."""


def by_panel(things: Iterable[Any], order: Sequence[str], usual: str) -> list[tuple[str, list[Any]]]:
    """Options or commands by the panel each names, panels in `order`; those of a name not in it come last."""
    panels: dict[str, list[Any]] = {}
    for thing in things:
        panels.setdefault(getattr(thing, "rich_help_panel", None) or usual, []).append(thing)
    known = [name for name in order if name in panels]
    return [(name, panels[name]) for name in (*known, *(name for name in panels if name not in order))]


def option_panels(options: Iterable[Any]) -> list[tuple[str, list[Any]]]:
    """The options of a command by panel; `--help` goes where there is company for it."""
    options = list(options)
    plain = [one for one in options if getattr(one, "name", "") != "help"]
    last = [one for one in options if getattr(one, "name", "") == "help"]
    panels = by_panel(plain, OPTION_PANELS, OPTIONS)
    if last and panels and panels[-1][0] == CONFIGURATION:
        panels[-1][1].extend(last)
    elif last:
        panels = panels or [(OPTIONS, [])]
        panels[0][1].extend(last)
    return panels


def write_options(command: Any, ctx: Any, formatter: Any) -> None:
    """Arguments first, then a section for each panel of options."""
    parameters = command.get_params(ctx)
    rows = {one: one.get_help_record(ctx) for one in parameters}
    arguments = [row for one, row in rows.items() if row and one.param_type_name == "argument"]
    if arguments:
        with formatter.section("Arguments"):
            formatter.write_dl(arguments)
    for name, options in option_panels(one for one in parameters if one.param_type_name == "option"):
        if shown := [rows[one] for one in options if rows[one]]:
            with formatter.section(name):
                formatter.write_dl([(row[0].ljust(OPTION_COLUMN), row[1]) for row in shown])


class Command(TyperCommand):
    """A command whose `--help` has panels."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        write_options(self, ctx, formatter)


class Group(TyperGroup):
    """A group whose `--help` shows commands first, in panels, and whole sentences."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        self.format_commands(ctx, formatter)
        write_options(self, ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        commands = [cast(Any, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        column = max(len(one.name) for one in commands)
        for name, some in by_panel((one for one in commands if not one.hidden), COMMAND_PANELS, "Commands"):
            with formatter.section(name):
                formatter.write_dl([(one.name.ljust(column), first_sentence(one.help or "")) for one in some])


def first_sentence(text: str) -> str:
    """Of a docstring, without its full stop."""
    paragraph = " ".join(text.strip().split("\n\n")[0].split())
    return paragraph.partition(". ")[0].rstrip(".")


class App(typer.Typer):
    """A Typer application without rich, with panels, and with `-h`."""

    def __init__(self, **settings: Any) -> None:
        about: dict[str, Any] = {
            "cls": Group,
            "rich_markup_mode": None,
            "pretty_exceptions_enable": False,
            "add_completion": False,
            "no_args_is_help": True,
            "context_settings": {"help_option_names": ["-h", "--help"], "max_content_width": WIDEST},
        }
        super().__init__(**(about | settings))

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Any], Any]:
        """As Typer's; `rich_help_panel` names the panel of the command."""
        settings.setdefault("cls", Command)
        return super().command(name, **settings)
