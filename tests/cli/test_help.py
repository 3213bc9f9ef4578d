"""`--help` as people expect it: panels, the ten most used first, whole sentences, nothing heavy loaded."""

from __future__ import annotations

from typer.testing import CliRunner

from voicechat.cli import options
from voicechat.cli.help import OPTION_PANELS, by_panel, first_sentence
from voicechat.cli.main import app


def sections(*words: str) -> dict[str, list[str]]:
    """The lines of a help text by the title they stand under."""
    found: dict[str, list[str]] = {}
    title = ""
    for line in CliRunner().invoke(app, [*words, "--help"], terminal_width=100).output.splitlines():
        if line.endswith(":") and not line.startswith(" "):
            title = line.rstrip(":")
        elif title and line.strip():
            found.setdefault(title, []).append(line)
    return found


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


def test_every_shared_option_has_a_panel_and_panels_keep_their_order() -> None:
    shown = list(sections("chat"))
    assert shown == [name for name in OPTION_PANELS if name in shown]
    assert {"Session", "Sound", "Connection", "Money", "Recording", "Screen"} <= set(shown)
    assert set(options.MOST_USED) <= set(options.TALK)


def test_commands_stand_before_options_in_panels_with_whole_sentences() -> None:
    shown = sections()
    assert list(shown)[:2] == ["Talk", "Recordings"]
    assert "chat" in named(shown["Talk"]) and "export" in named(shown["Recordings"])
    assert not any(line.endswith("...") for lines in shown.values() for line in lines if "NAME" not in line)


def test_a_panel_of_another_name_comes_last() -> None:
    class Thing:
        def __init__(self, panel: str | None) -> None:
            self.rich_help_panel = panel

    things = [Thing("Extra"), Thing(None), Thing("B"), Thing("A")]
    assert [name for name, _ in by_panel(things, ("Usual", "A", "B"), "Usual")] == ["Usual", "A", "B", "Extra"]


def test_first_sentence_of_a_docstring() -> None:
    assert first_sentence("Do this: a, b.\n\n    More.") == "Do this: a, b"
    assert first_sentence("Do this. Then that.") == "Do this"
