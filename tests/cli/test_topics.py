"""`explain TOPIC` and the man page say what the program does, because they are made from its tables."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.support.command import here
from voicechat.cli.commands import ROOT
from voicechat.cli.main import run_cli
from voicechat.cli.man import man_page
from voicechat.cli.topics import ALIASES, TOPICS, page
from voicechat.config.settings import TABLE
from voicechat.insight.explain.lookup import table
from voicechat.scripting.expected import CRITERIA
from voicechat.scripting.reading import ACTS
from voicechat.ui.bindings import ACTIONS


@pytest.mark.parametrize("name", TOPICS)
def test_a_topic_has_text_of_at_most_120_columns(name: str) -> None:
    text = page(name)
    assert text is not None and len(text.splitlines()) > 4
    assert max(map(len, text.splitlines())) <= 120


def test_no_topic_hides_an_event_a_field_or_an_error() -> None:
    assert not {*TOPICS, *ALIASES} & set(table())
    assert all(target in TOPICS for target in ALIASES.values())


def test_every_key_setting_act_and_criterion_is_told_with_a_sentence() -> None:
    keys, scripts, settings = page("keys") or "", page("script") or "", page("config") or ""
    assert all(f" {action.id}\n" in keys for action in ACTIONS)
    assert all(f"\n  {name} " in settings for name in TABLE)
    for name in (*ACTS, *CRITERIA):
        assert any(line.split()[:1] == [name] and len(line.split()) > 2 for line in scripts.splitlines()), name


def test_a_topic_is_found_by_another_word_and_by_a_near_one() -> None:
    assert here("explain", "sound").out == here("explain", "audio").out
    missed = here("explain", "scrpts")
    assert missed.code == 2 and "try: voicechat explain scripts" in missed.err


def test_the_man_page_has_every_command_and_every_option() -> None:
    text = man_page().replace("\\-", "-")
    assert text.splitlines()[1:3] == [".SH NAME", "voicechat - " + text.splitlines()[2].partition(" - ")[2]]
    for command in ROOT.commands:
        assert f"voicechat {command.name}" in text
        assert not [one.name for one in command.parameters if one.is_option and one.spellings[0] not in text]
    assert "EXIT STATUSES" in text.upper()


def test_groff_has_nothing_to_say_against_the_man_page() -> None:
    if not (groff := shutil.which("groff")):
        pytest.skip("no groff here")
    done = subprocess.run([groff, "-man", "-ww", "-z", "-Tutf8"], input=man_page(), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["help", "run"], "--script-example"),
        (["help"], "Setup and help"),
        (["--show-completion", "fish"], "complete --c"),
    ],
)
def test_what_people_try_by_habit_works(words: list[str], shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(words) == 0
    assert shown in capsys.readouterr().out
