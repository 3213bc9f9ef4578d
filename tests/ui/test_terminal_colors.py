"""Daylight on a light terminal, lamplight otherwise, and no byte of the answer is ever taken for a key."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from tests.support.each import each
from tests.support.terminal import Terminal
from voicechat.ui.terminal_colors import CAP, TerminalColors, hint, is_light_color, may_ask

WHITE = b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\"
DAYLIGHT, LAMPLIGHT = b"48;2;251;248;242", b"48;2;16;22;28"

ANSWERS = {
    WHITE: True,
    b"\x1b]11;rgb:ff/ff/ff\x07": True,
    b"\x1b]11;rgb:f/f/f\x07": True,
    b"\x1b]11;rgba:fdfd/f6f6/e3e3/ffff\x07": True,
    b"\x1b]11;#fdf6e3\x07": True,
    b"\x1b]11;rgb:0000/0000/0000\x1b\\": False,
    b"\x1b]11;rgb:0000/2b2b/3636\x1b\\": False,
    b"\x1b]11;rgba:0000/0000/0000/0000\x07": False,
    b"typed before\x1b]11;rgb:ff/ff/ff\x07\x1b[?62c": True,
    b"\x1b]11;rgb:gg/ff/ff\x07": None,
    b"\x1b]11;rgb:ff/ff\x07": None,
    b"\x1b]11;?\x07": None,
    b"\x1b]11;nonsense\x07": None,
    b"\x1b]10;rgb:ff/ff/ff\x07": None,
    b"\x1b]11;rgb:fffff/0/0\x07": None,
    b"\x1b[?62;22c": None,
    b"": None,
}


@each(("answer", "is_light"), ANSWERS.items())
def test_every_form_of_the_answer_is_read(answer: bytes, is_light: bool | None) -> None:
    assert is_light_color(answer) is is_light


@each(
    ("value", "is_light"),
    [("0;15", True), ("15;0", False), ("0;default;7", True), ("", None), ("15", None), (";x", None)],
)
def test_the_environment_is_a_hint(value: str, is_light: bool | None) -> None:
    assert hint({"COLORFGBG": value}) is is_light


UNASKED: list[dict[str, str]] = [
    {"TERM": "dumb"}, {"TERM": "linux"}, {"TERM": "screen-256color"}, {"TERM": "xterm", "STY": "1.pts"}, {},
    {"TERM": "xterm", "CI": "1"}, {"TERM": "xterm", "TEXTUAL_DRIVER": "x:Y"},
]  # fmt: skip


@each("environ", UNASKED)
def test_terminal_that_would_print_the_question_is_not_asked(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert not may_ask(environ)


def test_without_a_terminal_only_the_hint_speaks() -> None:
    began = time.monotonic()
    with TerminalColors({"COLORFGBG": "0;15"}, wanted=True) as colors:
        assert colors.is_light() is True
    assert time.monotonic() - began < CAP, "nobody was waited for"


def demo(log: Path, background: bytes, *, late: float = 0.0, loading: float = 0.0, **environ: str) -> Terminal:
    argv = [sys.executable, "-m", "tests.support.demo_screen", "ptt", "--still"]
    argv += ["--log", str(log), "--loading", str(loading)]
    return Terminal(argv, kitty=False, background=background, late=late, environ=environ)


needs_pty = pytest.mark.skipif(sys.platform == "win32", reason="needs a pty")


@needs_pty
@pytest.mark.pty
@pytest.mark.parametrize(
    ("background", "paper"),
    [(WHITE, DAYLIGHT), (b"", LAMPLIGHT)],
    ids=["white", "silent"],
)
def test_screen_uses_the_theme_that_the_terminal_background_asks_for(
    tmp_path: Path, background: bytes, paper: bytes
) -> None:
    with demo(tmp_path / "log", background) as terminal:
        terminal.until_written("hold Space to speak")
        assert terminal.written.count(b"\x1b]11;?") == 1
        terminal.until(lambda: paper in terminal.written, repr(paper))
        terminal.type(b"qq")
        assert terminal.wait() == 0
        assert terminal.echoes
    assert (tmp_path / "log").read_text().splitlines() == ["started", "closed"]


@needs_pty
@pytest.mark.pty
@pytest.mark.parametrize("late", [0.15, 1.0])
def test_a_late_answer_is_swallowed_whenever_it_comes(tmp_path: Path, late: float) -> None:
    with demo(tmp_path / "log", WHITE, late=late) as terminal:
        terminal.until_written("hold Space to speak")
        terminal.until(lambda: terminal.late_answers == 2, "the colour and the fence behind it")
        terminal.type(b"m")
        terminal.until(lambda: "MuteChosen" in (tmp_path / "log").read_text(), "the key behind the answer")
        terminal.type(b"qq")
        assert terminal.wait() == 0
        assert terminal.echoes
        written = terminal.written
    assert (tmp_path / "log").read_text().splitlines() == ["started", "MuteChosen(muted=True)", "closed"]
    assert b"rgb:ffff" not in written, "the terminal did not echo it either"


@needs_pty
@pytest.mark.pty
def test_an_answer_that_comes_while_the_screen_is_loaded_costs_nothing_and_counts(tmp_path: Path) -> None:
    with demo(tmp_path / "log", WHITE, late=0.2, loading=0.5) as terminal:
        terminal.until(lambda: DAYLIGHT in terminal.written, "daylight")
        terminal.type(b"qq")
        assert terminal.wait() == 0


@needs_pty
@pytest.mark.pty
def test_ctrl_c_while_it_waits_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    with demo(tmp_path / "log", WHITE, loading=30) as terminal:
        terminal.until_written("\x1b]11;?")
        terminal.until(lambda: not terminal.echoes, "echo off")
        terminal.type(b"\x03")
        terminal.wait()
        assert terminal.echoes
