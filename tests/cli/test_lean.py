"""Options are built for the command that is used, and nobody can tell."""

from __future__ import annotations

from typer.main import get_command
from typer.testing import CliRunner

from voicechat.cli.main import app, lean

RUN = CliRunner()


def shown(*words: str) -> str:
    """What the lean command line prints."""
    return RUN.invoke(lean(app, words), [*words]).output


def test_every_help_reads_as_that_of_the_whole_command_line() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert len(commands) >= 20
    for words in [("--help",), ("nonsense",), ("config", "check", "--help"), *((name, "--help") for name in commands)]:
        assert shown(*words) == RUN.invoke(app, [*words]).output


def test_the_whole_command_line_stays_whole() -> None:
    before = shown("serve", "--help")
    assert "--brain-url" in before
    shown("--help")
    assert shown("serve", "--help") == before


def test_only_the_named_command_has_its_options() -> None:
    light = get_command(lean(app, ("serve", "--help"))).commands  # type: ignore[attr-defined]
    assert len(light["serve"].params) > 5
    assert all(not command.params for name, command in light.items() if name not in ("serve", "config", "session"))
