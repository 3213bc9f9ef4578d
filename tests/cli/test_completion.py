"""The Tab key offers commands, options and values; the shells' functions get them in their own form."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from voicechat.cli import completion
from voicechat.cli.completion import SCRIPTS, candidates, completion_command, formatted, split_line
from voicechat.errors import ConfigError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of a user with a profile, a tape and known devices; nothing is looked up in the background."""
    monkeypatch.setenv("VOICECHAT_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("VOICECHAT_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text('[profiles.work]\nvoice = "cedar"\n')
    (tmp_path / "state" / "tapes" / "monday").mkdir(parents=True)
    names = {"inputs": ["USB: Headset"], "outputs": ["Speaker\x1b[2J"]}
    (tmp_path / "state" / "device-names.json").write_text(json.dumps(names))
    return tmp_path


def offered(*words: str) -> list[str]:
    """Candidates for the last word."""
    return [value for value, _ in candidates(words)]


@pytest.mark.parametrize(
    ("words", "among"),
    [
        (("",), "doctor"),
        (("ru",), "run"),
        (("help", "tr"), "transcribe"),
        (("--the",), "--theme"),
        (("run", "--scr"), "--script-example"),
        (("--theme", "da"), "daylight"),
        (("--theme=da",), "--theme=daylight"),
        (("run", "--provider", "op"), "openai"),
        (("--voice", "ma"), "marin"),
        (("--provider", "openai", "--model", "gpt-realtime"), "gpt-realtime-2.1"),
        (("--transport", "web"), "webrtc"),
        (("--mic", ""), "USB: Headset"),
        (("--profile", ""), "work"),
        (("--continue", ""), "monday"),
        (("export", "la"), "last"),
        (("export", "last", "--format", "s"), "srt"),
        (("explain", "scri"), "scripts"),
        (("explain", "response.do"), "response.done"),
        (("config", "ch"), "check"),
        (("ctl", "st"), "status"),
        (("serve", "--fault", "cl"), "closes-after"),
        (("doctor", "so"), "sound"),
        (("--config", "x"), ":files"),
        (("--record", ""), ":folders"),
        (("--mic", "talk.wa"), ":files"),
        (("config", "check", ""), ":files"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else None,
)
def test_what_is_offered(words: tuple[str, ...], among: str) -> None:
    found = offered(*words)
    assert among in found
    assert among.startswith(":") or all(value.startswith(words[-1]) for value in found)


def test_a_service_of_its_own_offers_its_own_voice_and_model() -> None:
    assert offered("--provider", "stepfun", "--model", "") == ["step-audio-2"]


@pytest.mark.parametrize("words", [("nonsense", "x"), ("ctl", "say", "x"), ("--greet", "h"), ("--nonsense", "x")])
def test_nothing_is_offered_where_nothing_fits(words: tuple[str, ...]) -> None:
    assert offered(*words) == []


def test_old_lists_of_devices_are_renewed_in_the_background(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[str, ...]] = []
    monkeypatch.setattr(subprocess, "Popen", lambda program, **_: started.append(program))
    assert "USB: Headset" in offered("--mic", "")
    assert not started
    (home / "state" / "device-names.json").unlink()
    assert offered("--speaker", "") == ["default", "none"]
    assert started[0][-2:] == ("devices", "--json")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("voicechat ", [""]),
        ("voicechat ru", ["ru"]),
        ("voicechat --mic 'Echo g", ["--mic", "Echo g"]),
        ('voicechat --mic "a b" ', ["--mic", "a b", ""]),
        ("voicechat --theme=la", ["--theme=la"]),
        ("", [""]),
    ],
)
def test_a_bash_line_is_split_up_to_the_cursor(line: str, words: list[str]) -> None:
    assert split_line(line) == words


def test_bash_gets_what_stands_behind_its_word_break_with_blanks_escaped() -> None:
    assert list(formatted([("--mic=My Mic", "")], "bash", "--mic=M", " =:")) == ["My\\ Mic"]
    assert list(formatted([("My Mic", "")], "bash", "My M", "")) == ["My Mic"]


def test_zsh_and_fish_get_descriptions() -> None:
    assert list(formatted([("USB: x", "a mic")], "zsh", "")) == ["USB\\: x:a mic"]
    assert list(formatted([("USB: x", "a mic")], "fish", "")) == ["USB: x\ta mic"]


def test_names_from_outside_command_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert completion.complete(["--speaker", ""], {"_VOICECHAT_COMPLETE": "fish"}) == 0
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("shell", SCRIPTS)
def test_a_script_is_valid_for_its_shell(shell: str, tmp_path: Path) -> None:
    if not (program := shutil.which(shell)):
        pytest.skip(f"no {shell} here")
    script = tmp_path / "script"
    script.write_text(SCRIPTS[shell])
    assert subprocess.run([program, "-n", str(script)], capture_output=True).returncode == 0


def test_installing_twice_adds_one_line_to_the_start_file(tmp_path: Path) -> None:
    (tmp_path / ".bashrc").write_text("alias x=y")
    for _ in range(2):
        assert completion_command("bash", install=True, environ={"HOME": str(tmp_path)}) == 0
    lines = (tmp_path / ".bashrc").read_text().splitlines()
    assert lines[0] == "alias x=y" and len(lines) == 2
    assert (tmp_path / ".local/share/voicechat/completion.bash").read_text() == SCRIPTS["bash"]


def test_fish_needs_no_line_in_its_configuration(tmp_path: Path) -> None:
    assert completion_command("", install=True, environ={"HOME": str(tmp_path), "SHELL": "/usr/bin/fish"}) == 0
    assert (tmp_path / ".config/fish/completions/voicechat.fish").read_text() == SCRIPTS["fish"]


@pytest.mark.parametrize("environ", [{}, {"SHELL": "/bin/tcsh"}])
def test_an_unknown_shell_is_refused_with_a_command_that_works(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        completion_command("", install=False, environ=environ)
    assert "voicechat completion bash" in caught.value.hint
