"""Daylight on a light terminal, lamplight otherwise, and no byte of the answer is ever taken for a key."""

from __future__ import annotations

import os
import sys
import time

import pytest

from tests.support.each import each
from voicechat.ui.terminal_colors import CAP, TerminalQuestion, hint, is_light_color, may_ask

WHITE = b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\"

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
    with TerminalQuestion({"COLORFGBG": "0;15"}, wanted=True) as colors:
        assert colors.is_light() is True
    assert time.monotonic() - began < CAP, "nobody was waited for"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pty")
def test_ctrl_c_as_the_question_goes_out_leaves_the_terminal_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    import termios

    user, terminal = os.openpty()

    def interrupted(descriptor: int, data: bytes) -> int:
        raise KeyboardInterrupt

    with open(terminal, encoding="utf-8") as stdin, open(user, encoding="utf-8"):
        before = termios.tcgetattr(terminal)
        for stream in ("stdin", "stdout"):
            monkeypatch.setattr(sys, stream, stdin)
        monkeypatch.setattr(os, "write", interrupted)
        with pytest.raises(KeyboardInterrupt), TerminalQuestion({"TERM": "xterm"}):
            pass
        assert termios.tcgetattr(terminal) == before
