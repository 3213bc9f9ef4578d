"""`--help` as people expect it: panels, the ten most used first, whole sentences; and every row of the table works."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator

import pytest

from tests.support.command import here
from tests.support.each import each
from voicechat.cli.commands import COMMAND_PANELS, OPTION_PANELS, ROOT, Command, found
from voicechat.cli.help import first_sentence, help_text
from voicechat.cli.quick import help_wanted


def whole(command: Command = ROOT, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command."""
    yield above
    for one in command.commands:
        yield from whole(one, (*above, one.name))


def sections(*words: str) -> dict[str, list[str]]:
    """The lines of a help text by the title they stand under."""
    titled: dict[str, list[str]] = {}
    title = ""
    for line in help_text(found(words)).splitlines():
        if line.endswith(":") and not line.startswith(" "):
            title = line.rstrip(":")
        elif title and line.strip():
            titled.setdefault(title, []).append(line)
    return titled


def named(lines: list[str]) -> list[str]:
    """The first word of each entry."""
    return [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "]


def test_the_ten_most_used_options_stand_first_and_only_there() -> None:
    shown = sections("chat")
    assert named(shown["Options"]) == [
        *("--provider", "--base-url", "--model", "--voice", "--instructions"),
        *("--mic", "--speaker", "--turn-mode", "--tools", "--record"),
    ]
    others = [name for title, lines in shown.items() if title != "Options" for name in named(lines)]
    assert not set(named(shown["Options"])) & set(others)
    assert list(shown) == [name for name in OPTION_PANELS if name in shown] and len(shown) == 10


def test_commands_stand_before_options_in_panels_with_whole_sentences() -> None:
    shown = sections()
    assert list(shown)[:2] == ["Talk", "Recordings"]
    assert "chat" in named(shown["Talk"]) and "export" in named(shown["Recordings"])
    assert not any(line.endswith("...") for panel in COMMAND_PANELS for line in shown[panel])
    assert first_sentence("Do this: a, b.\n\nMore.") == first_sentence("Do this: a, b. Then that.") == "Do this: a, b"


@each("words", whole(), ids=" ".join)
def test_the_parser_shows_the_help_of_every_command(words: tuple[str, ...]) -> None:
    assert here(*words, "--help").out == help_text(found(words)) + "\n"


@each("words", whole(), ids=" ".join)
def test_a_commands_function_takes_what_its_row_names(words: tuple[str, ...]) -> None:
    command = found(words)[-1]
    if command.commands and command is not ROOT:
        return
    module, name = command.place
    loaded = importlib.import_module(module)
    takes = inspect.signature(getattr(loaded, name)).parameters
    own = {one.name for one in command.own} - {"show_version"}
    if "options" in takes:
        own, fields = {"options"}, own
        assert fields <= inspect.signature(getattr(loaded, takes["options"].annotation)).parameters.keys()
    given = (
        own
        | ({"flags"} if command.settings else set())
        | ({"config"} if command.settings or command.has_config else set())
    )
    takes_more = any(one.kind is one.VAR_KEYWORD for one in takes.values())
    named = {one.name: one for one in takes.values() if one.kind is not one.VAR_KEYWORD}
    assert {name for name, one in named.items() if one.default is one.empty} <= given
    assert takes_more or given <= named.keys()


@pytest.mark.parametrize(
    ("words", "path"),
    [
        ("--help", ""),
        ("help", ""),
        ("run -h", "run"),
        ("help debug say", "debug say"),
        ("run --model --help", None),
        ("nonsense --help", None),
        ("run", None),
        ("", None),
    ],
)
def test_a_help_is_shown_without_the_parser_where_nothing_else_is_asked(words: str, path: str | None) -> None:
    shown = help_wanted(words.split())
    assert path == (None if shown is None else " ".join(one.name for one in shown[1:]))
