"""Every error of the command line ends in a command to copy, and that command works."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from voicechat.cli.commands import ROOT
from voicechat.cli.edge import with_command
from voicechat.cli.main import commands_in, run_cli

CASES = (
    "nonsense",
    "--nonsense",
    "run --nonsense",
    "run --turns many",
    "run --json --script",
    "run --script x.toml --text hi",
    "run --check-script",
    "run --mic none",
    "run --text",
    "--theme lamplight run --text hi",
    "config",
    "config nonsense",
    "config check --nonsense",
    "config check /nowhere.toml",
    "session check /nowhere.json",
    "export",
    "export nowhere",
    "export nowhere --format nonsense",
    "export nowhere --side you",
    "export nowhere --format wav --redact",
    "replay nowhere",
    "diff nowhere",
    "diff nowhere nowhere",
    "diagnose /nowhere.log",
    "diagnose nowhere",
    "diagnose --min-confidence 2",
    "doctor nonsense",
    "history --rm nowhere",
    "explain nonsnse",
    "completion tcsh",
    "transcribe",
    "transcribe /nowhere.wav --format nonsense",
    "--provider nonsense run",
    "run --text hi --provider nonsense",
    "run --text hi --provider openai",
    "run --text hi --session /nowhere.json",
    "token-server",
    "tap",
)
PROGRAMS = re.compile(r"voicechat(?: [\w./:=<>'\"-]+)*")


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, no configuration and no tapes of the machine's user."""
    for name in ("CONFIG", "STATE", "RUNTIME"):
        monkeypatch.setenv(f"VOICECHAT_{name}_DIR", str(tmp_path / name))
    for name in ("OPENAI_API_KEY", "VOICECHAT_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("line", CASES)
def test_an_error_names_a_command_or_an_option_that_exists(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(line.split()) == 2
    told = capsys.readouterr().err
    named = [words for words in PROGRAMS.findall(told.replace("voicechat: ", "")) if words != "voicechat"]
    assert named, told
    commands = {one.name: one for one in ROOT.commands}
    for words in (shlex.split(one.replace("'", "").replace('"', "")) for one in named):
        assert words[1] in commands or words[1].startswith("--"), told
        if words[1] in commands:
            known = {spelled for one in commands[words[1]].parameters for spelled in one.spellings} | {"--help"}
            inner = commands[words[1]].commands
            assert not [word for word in words[2:] if word.startswith("--") and word not in known and not inner], told


def test_an_option_before_the_command_is_told_where_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["--voice", "my voice", "run"]) == 2
    assert "voicechat run --voice 'my voice'" in capsys.readouterr().err
    assert run_cli(["--theme", "lamplight", "run"]) == 2
    assert "--theme is not an option of run; its options: voicechat run --help" in capsys.readouterr().err


def test_a_command_in_the_sentence_is_enough() -> None:
    assert with_command("voicechat: no tape\n  voicechat history lists them") == (
        "voicechat: no tape\n  voicechat history lists them"
    )
    assert with_command("voicechat: not a number", "run") == "voicechat: not a number\n  try: voicechat run --help"


def test_the_help_that_is_named_is_that_of_the_command_that_was_given() -> None:
    assert commands_in(["config", "check", "--nonsense"]) == "config check"
    assert commands_in(["config", "nonsense"]) == "config"
    assert commands_in(["run", "history"]) == "run"
    assert commands_in(["nonsense"]) == ""


def test_slow_commands_speak_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_cli(["export", "nowhere"])
    assert "Reading the tape ..." not in capsys.readouterr().err
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    run_cli(["export", "nowhere"])
    assert capsys.readouterr().err.startswith("Reading the tape ...\n")
    run_cli(["export", "--help"])
    assert "Reading" not in capsys.readouterr().err
