"""In a real terminal (a pty): true holds, its colours, nothing hostile on the wire, and left as it was found."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path

import pytest

from tests.support.screen import showing, text, until
from tests.support.tapes import call_tape
from tests.support.terminal import Terminal
from voicechat.engine.link import TapeShown

pytestmark = [pytest.mark.pty, pytest.mark.skipif(sys.platform == "win32", reason="needs a pty")]


class Session:
    """The demo screen in a terminal, and what it told its engine."""

    def __init__(self, terminal: Terminal, log: Path) -> None:
        self.terminal, self._log = terminal, log
        self._heard = 0

    @property
    def told(self) -> list[str]:
        """Lines of the engine's log, its start left out."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [line for line in lines if line != "started"]

    def until_told(self, *lines: str) -> None:
        """Wait until the engine was told exactly this since the last time."""
        self.terminal.until(
            lambda: self.told[self._heard :] == list(lines), f"{lines}, told so far {self.told[self._heard :]}"
        )
        self._heard += len(lines)

    def assert_restored(self) -> None:
        """The terminal is as it was found."""
        assert self.terminal.keyboard_flags == 0
        written = self.terminal.written
        assert all(sequence in written[written.rindex(b"\x1b[?1049h") :] for sequence in LEFT)


LEFT = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1004l", b"\x1b[?2004l", b"\x1b[?1000l")
"""Alternate screen, hidden cursor, focus reports, bracketed paste, mouse: all off again."""
PRESSED = "TalkPressed(source='key', lease=None)"
RELEASED = "TalkReleased(source='key', inferred=False)"


def start(tmp_path: Path, scene: str, *, kitty: bool) -> Session:
    log = tmp_path / "told.log"
    arguments = ["-m", "tests.ui.demo_screen", scene, "--still", "--log", str(log)]
    return Session(Terminal([sys.executable, *arguments], kitty=kitty), log)


def test_kitty_terminal_has_true_holds_and_ctrl_q_restores_it(tmp_path: Path) -> None:
    session = start(tmp_path, "ptt", kitty=True)
    with session.terminal as terminal:
        terminal.until_written("release of Space noticed at once")
        terminal.press_space()
        for _ in range(5):
            terminal.repeat_space()
        session.until_told(PRESSED)
        terminal.release_space()
        session.until_told(RELEASED)
        terminal.type(b"\x1b[32;;32u\x1b[32;1:3u")  # press and release in one read
        session.until_told(PRESSED, RELEASED)
        terminal.press_space()
        terminal.type(b"\x1b[O")  # the window loses the keyboard
        session.until_told(PRESSED, "FocusLost()")
        terminal.type(b"\x1b[I\x1b[113;5u")
        assert terminal.wait() == 0
        session.assert_restored()


def test_plain_terminal_guesses_holds_knows_the_mouse_and_pastes_no_keys(tmp_path: Path) -> None:
    session = start(tmp_path, "ptt", kitty=False)
    with session.terminal as terminal:
        terminal.until_written("push-to-talk: hold Space")
        terminal.until_written("noticed ≈0.2 s late")
        for _ in range(6):
            terminal.press_space()
        session.until_told(PRESSED, "TalkReleased(source='key', inferred=True)")
        terminal.type(b"\x1b[<0;8;33M")  # the left button goes down on the badge
        session.until_told("TalkPressed(source='mouse', lease=None)")
        terminal.type(b"\x1b[<32;60;3M\x1b[<0;60;3m")
        session.until_told("TalkReleased(source='mouse', inferred=False)")
        terminal.type(b"\x1b[200~hi \x1b[A mqq\x1b[201~b")
        session.until_told("BargeInChosen(enabled=False)")
        terminal.type(b"d")
        terminal.until_written("Blue Yeti")
        terminal.type(b"\x1b[B\x1b[B\r")
        session.until_told("DevicesAsked(shown=True)", "DevicesChosen(mic='Blue Yeti', speaker='')")
        terminal.type(b"\x1b")
        session.until_told("DevicesAsked(shown=False)")
        terminal.type(b"qq")  # as text that is pasted without brackets
        assert terminal.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT], ids=lambda number: number.name)
def test_a_signal_closes_the_engine_and_restores_the_terminal(tmp_path: Path, number: signal.Signals) -> None:
    session = start(tmp_path, "ptt", kitty=True)
    with session.terminal as terminal:
        terminal.until_written("release of Space noticed at once")
        terminal.kill(number)
        assert terminal.wait() == 130
        assert session.told == ["closed"]
        session.assert_restored()


def test_a_closed_window_leaves_no_process_behind(tmp_path: Path) -> None:
    session = start(tmp_path, "held", kitty=True)
    with session.terminal as terminal:
        terminal.until_written("ON AIR")
        terminal.hang_up()
        terminal.wait()
        assert session.told[-1] == "closed"


_OURS = re.compile(
    rb"\x1b\[(?:[\d;:]*m|[\d;]*H|\?[\d;]+[hl]|\?\d+\$p|[<>=][\d;]*u|\?u|c|22;2t|23;2t|[012]?[JK]|\d*[ABCD])"
    rb"|\x1b\]22;default\x07|\x1b\]2;[ -~\xe2\x97\x8f\xc2\xb7]*\x07"
)


def test_no_hostile_string_reaches_the_terminal_and_sigterm_restores_it(tmp_path: Path) -> None:
    session = start(tmp_path, "hostile", kitty=True)
    with session.terminal as terminal:
        terminal.until_written("end of hostilities")
        terminal.type(b"\x1b[12~")
        terminal.until_written("EVENTS")
        terminal.type(b"\x1b[13u")
        terminal.until_written("Esc closes")
        terminal.kill(signal.SIGTERM)
        assert terminal.wait() == 130
        assert session.told == ["closed"]
        session.assert_restored()
        rest = _OURS.sub(b"", terminal.written)
    assert b"\x1b" not in rest
    assert b"52;c" not in terminal.written.replace(b"\\x1b]52;c", b"").replace(b"u001b]52;c", b"")
    shown = rest.decode()
    assert not [c for c in shown if 0x7F <= ord(c) <= 0x9F or c in "\u202e\u2066\u200e"]


WHITE = b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\"
DAYLIGHT, LAMPLIGHT = b"48;2;251;248;242", b"48;2;16;22;28"


def demo(log: Path, background: bytes, *, late: float = 0.0, loading: float = 0.0, **environ: str) -> Terminal:
    argv = [sys.executable, "-m", "tests.ui.demo_screen", "ptt", "--still"]
    argv += ["--log", str(log), "--loading", str(loading)]
    return Terminal(argv, kitty=False, background=background, late=late, environ=environ)


@pytest.mark.parametrize(
    ("background", "paper"),
    [(WHITE, DAYLIGHT), (b"", LAMPLIGHT)],
    ids=["white", "silent"],
)
def test_screen_uses_the_theme_that_the_terminal_background_asks_for(
    tmp_path: Path, background: bytes, paper: bytes
) -> None:
    with demo(tmp_path / "log", background) as terminal:
        terminal.until_written("push-to-talk: hold Space")
        assert terminal.written.count(b"\x1b]11;?") == 1
        terminal.until(lambda: paper in terminal.written, repr(paper))
        terminal.type(b"qq")
        assert terminal.wait() == 0
        assert terminal.echoes
    assert (tmp_path / "log").read_text().splitlines() == ["started", "closed"]


@pytest.mark.parametrize("late", [0.15, 1.0])
def test_a_late_answer_is_swallowed_whenever_it_comes(tmp_path: Path, late: float) -> None:
    with demo(tmp_path / "log", WHITE, late=late) as terminal:
        terminal.until_written("push-to-talk: hold Space")
        terminal.until(lambda: terminal.late_answers == 2, "the colour and the fence behind it")
        terminal.type(b"m")
        terminal.until(lambda: "MuteChosen" in (tmp_path / "log").read_text(), "the key behind the answer")
        terminal.type(b"qq")
        assert terminal.wait() == 0
        assert terminal.echoes
        written = terminal.written
    assert (tmp_path / "log").read_text().splitlines() == ["started", "MuteChosen(muted=True)", "closed"]
    assert b"rgb:ffff" not in written, "the terminal did not echo it either"


def test_an_answer_that_comes_while_the_screen_is_loaded_costs_nothing_and_counts(tmp_path: Path) -> None:
    with demo(tmp_path / "log", WHITE, late=0.2, loading=0.5) as terminal:
        terminal.until(lambda: DAYLIGHT in terminal.written, "daylight")
        terminal.type(b"qq")
        assert terminal.wait() == 0


def test_ctrl_c_while_it_waits_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    with demo(tmp_path / "log", WHITE, loading=30) as terminal:
        terminal.until_written("\x1b]11;?")
        terminal.until(lambda: not terminal.echoes, "echo off")
        terminal.type(b"\x03")
        terminal.wait()
        assert terminal.echoes


async def test_the_newest_recording_becomes_a_page_and_a_bad_one_a_sentence(tmp_path: Path) -> None:
    folder = call_tape(tmp_path / "talk")
    async with showing("held") as (app, engine, pilot):
        app.action_export_recording()
        await until(pilot, lambda: "nothing is recorded" in text(app))
        engine.deliver(TapeShown(str(folder)))
        engine.deliver(TapeShown())
        await until(pilot, lambda: app.recording == str(folder))
        app.action_export_recording()
        await until(pilot, lambda: "A page of the recording" in text(app))
        engine.deliver(TapeShown(str(tmp_path / "gone")))
        await until(pilot, lambda: app.recording.endswith("gone"))
        app.action_export_recording()
        await until(pilot, lambda: "was not exported" in text(app))
    assert "<audio" in (tmp_path / "talk.html").read_text()
