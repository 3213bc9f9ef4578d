"""In a real terminal (a pty): a true hold, nothing hostile on the wire, and a terminal left as it was found."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.terminal import Terminal

pytestmark = [pytest.mark.pty, pytest.mark.skipif(sys.platform == "win32", reason="needs a pty")]


class Session:
    """The demo screen in a terminal, and what it told its engine."""

    def __init__(self, terminal: Terminal, log: Path) -> None:
        self.terminal, self._log = terminal, log

    @property
    def told(self) -> list[str]:
        """Lines of the engine's log, its start left out."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [line for line in lines if line != "started"]

    def until_told(self, *lines: str) -> None:
        """Wait until the engine was told exactly this."""
        self.terminal.until(lambda: self.told == list(lines), f"{lines}, told so far {self.told}")


def start(tmp_path: Path, scene: str, *, kitty: bool) -> Session:
    log = tmp_path / "told.log"
    arguments = ["-m", "tests.support.demo_screen", scene, "--still", "--log", str(log)]
    return Session(Terminal([sys.executable, *arguments], kitty=kitty), log)


@pytest.fixture
def kitty(tmp_path: Path) -> Iterator[Session]:
    session = start(tmp_path, "ptt", kitty=True)
    with session.terminal:
        session.terminal.until_written("true hold")
        yield session


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Session]:
    session = start(tmp_path, "ptt", kitty=False)
    with session.terminal:
        session.terminal.until_written("hold Space to speak")
        session.terminal.until_written("end guessed")
        yield session


def test_space_held_is_a_true_hold_where_the_terminal_speaks_the_protocol(kitty: Session) -> None:
    kitty.terminal.press_space()
    for _ in range(5):
        kitty.terminal.repeat_space()
    kitty.until_told("TalkPressed(source='key', lease=None)")
    kitty.terminal.release_space()
    kitty.until_told("TalkPressed(source='key', lease=None)", "TalkReleased(source='key', inferred=False)")


def test_press_and_release_in_one_read_arrive_in_order(kitty: Session) -> None:
    kitty.terminal.type(b"\x1b[32;;32u\x1b[32;1:3u")
    kitty.until_told("TalkPressed(source='key', lease=None)", "TalkReleased(source='key', inferred=False)")


def test_the_window_losing_the_keyboard_ends_the_hold(kitty: Session) -> None:
    kitty.terminal.press_space()
    kitty.terminal.type(b"\x1b[O")
    kitty.until_told("TalkPressed(source='key', lease=None)", "FocusLost()")


def test_a_hold_is_guessed_from_repeats_where_it_does_not(plain: Session) -> None:
    for _ in range(6):
        plain.terminal.press_space()
    plain.until_told("TalkPressed(source='key', lease=None)", "TalkReleased(source='key', inferred=True)")


def test_the_mouse_on_the_badge_is_a_true_hold_in_every_terminal(plain: Session) -> None:
    plain.terminal.type(b"\x1b[<0;8;33M")
    plain.until_told("TalkPressed(source='mouse', lease=None)")
    plain.terminal.type(b"\x1b[<32;60;3M\x1b[<0;60;3m")
    plain.until_told("TalkPressed(source='mouse', lease=None)", "TalkReleased(source='mouse', inferred=False)")


def test_pasted_text_presses_no_keys(plain: Session) -> None:
    plain.terminal.type(b"\x1b[200~hi \x1b[A mqq\x1b[201~b")
    plain.until_told("BargeInChosen(enabled=False)")


def test_d_shows_the_devices_and_enter_chooses_one_while_space_goes_on_talking(plain: Session) -> None:
    asked, chosen = "DevicesAsked(shown=True)", "DevicesChosen(mic='Blue Yeti', speaker='')"
    plain.terminal.type(b"d")
    plain.terminal.until_written("Blue Yeti")
    plain.terminal.type(b"\x1b[B\x1b[B\r")
    plain.until_told(asked, chosen)
    plain.terminal.type(b"\x1b")
    plain.until_told(asked, chosen, "DevicesAsked(shown=False)")


def test_q_pasted_twice_without_brackets_needs_no_more_than_that(plain: Session) -> None:
    plain.terminal.type(b"qq")
    assert plain.terminal.wait() == 0


LEFT = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1004l", b"\x1b[?2004l", b"\x1b[?1000l")
"""Alternate screen, hidden cursor, focus reports, bracketed paste, mouse: all off again."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT], ids=lambda number: number.name)
def test_a_signal_closes_the_engine_and_restores_the_terminal(kitty: Session, number: signal.Signals) -> None:
    kitty.terminal.kill(number)
    assert kitty.terminal.wait() == 130
    assert kitty.told == ["closed"]
    assert kitty.terminal.keyboard_flags == 0
    after = kitty.terminal.written
    assert all(sequence in after[after.rindex(b"\x1b[?1049h") :] for sequence in LEFT)


def test_ctrl_q_restores_the_terminal_too(kitty: Session) -> None:
    kitty.terminal.type(b"\x1b[113;5u")
    assert kitty.terminal.wait() == 0
    assert kitty.terminal.keyboard_flags == 0
    assert LEFT[0] in kitty.terminal.written


def test_a_closed_window_leaves_no_process_behind(tmp_path: Path) -> None:
    session = start(tmp_path, "held", kitty=True)
    with session.terminal:
        session.terminal.until_written("ON AIR")
        session.terminal.hang_up()
        session.terminal.wait()
        assert session.told[-1] == "closed"


_OURS = re.compile(
    rb"\x1b\[(?:[\d;:]*m|[\d;]*H|\?[\d;]+[hl]|\?\d+\$p|[<>=][\d;]*u|\?u|c|22;2t|23;2t|[012]?[JK]|\d*[ABCD])"
    rb"|\x1b\]22;default\x07|\x1b\]2;[ -~\xe2\x97\x8f\xc2\xb7]*\x07"
)


def test_no_hostile_string_reaches_the_terminal(tmp_path: Path) -> None:
    session = start(tmp_path, "hostile", kitty=True)
    with session.terminal:
        session.terminal.until_written("end of hostilities")
        session.terminal.type(b"\x1b[12~")
        session.terminal.until_written("EVENTS")
        session.terminal.type(b"\x1b[13u")
        session.terminal.until_written("Esc closes")
        session.terminal.kill(signal.SIGTERM)
        session.terminal.wait()
        rest = _OURS.sub(b"", session.terminal.written)
    assert b"\x1b" not in rest
    assert b"52;c" not in session.terminal.written.replace(b"\\x1b]52;c", b"").replace(b"u001b]52;c", b"")
    shown = rest.decode()
    assert not [c for c in shown if 0x7F <= ord(c) <= 0x9F or c in "\u202e\u2066\u200e"]
