"""A simulated terminal: a pty with a child in it, that speaks the kitty keyboard protocol if it is told to.

It answers the queries that a terminal answers and keeps every byte that was written to it, so that tests can say what
reached the terminal and in which state it was left.
"""

from __future__ import annotations

import os
import re
import select
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import pytest

if sys.platform == "win32":
    pytest.skip("a terminal of our own needs a pty", allow_module_level=True)
else:
    import fcntl
    import pty
    import termios

PATIENCE = 40.0
"""Seconds after which what was waited for is missing: a command starts in one, beside a busy suite in fifteen."""
_QUERY = re.compile(
    rb"\x1b\[(?:>(?P<push>\d+)u|<(?P<pop>\d*)u|=(?P<set>\d+);\du|(?P<ask>\?u)|(?P<attributes>0?c))"
    rb"|(?P<color>\x1b\]11;\?(?:\x07|\x1b\\))"
)


class Terminal:
    """`with Terminal([...]) as t:`; the child is dead at the end, whatever happened."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        kitty: bool,
        size: tuple[int, int] = (120, 36),
        background: bytes = b"",
        late: float = 0.0,
        environ: Mapping[str, str] | None = None,
        on_written: Callable[[bytes], None] | None = None,
    ) -> None:
        """`on_written` gets what is written, from a thread; then nothing of it is kept here."""
        self._kitty = kitty
        self._background = background
        """What is answered to the question for the background colour; empty: nothing, as many terminals do."""
        self._late = late
        """Seconds by which that answer, and the fence behind it, are late."""
        self.late_answers = 0
        """How many of those have come."""
        self._seen = bytearray()
        self._keep = on_written or self._seen.extend
        self.came = threading.Event()
        """Something was written; whoever waits for it clears it."""
        self._flags = [0]
        self.status: int | None = None
        """Exit status as `waitpid` tells it, once known."""
        environment = _environment({"TERM": "xterm-256color", "COLORTERM": "truecolor"} | dict(environ or {}))
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT):
                signal.signal(number, signal.SIG_DFL)  # whoever runs the tests in the background ignores some of them
            os.execve(argv[0], list(argv), environment)
        self.resize(*size)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child if it has not ended, and the terminal with it."""
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()
        self._reader.join(1)
        os.close(self._fd)

    # what the child wrote
    @property
    def written(self) -> bytes:
        return bytes(self._seen)

    def written_since(self, count: int) -> bytes:
        """What came behind the first `count` bytes."""
        return bytes(self._seen[count:])

    @property
    def keyboard_flags(self) -> int:
        """Flags of the kitty protocol in force."""
        return self._flags[-1]

    def until(self, is_true: Callable[[], bool], what: str = "") -> None:
        ends = time.monotonic() + PATIENCE
        while not is_true():
            assert time.monotonic() < ends, f"it never came: {what}\n{self.written[-2000:]!r}"
            time.sleep(0.005)

    def until_written(self, text: str) -> None:
        self.until(lambda: text.encode() in self._seen, text)

    def _read(self) -> None:
        pending = b""
        while True:
            try:
                ready, _, _ = select.select([self._fd], [], [], 1)
                data = os.read(self._fd, 65536) if ready else b""
            except OSError:
                return
            if ready and not data:
                return
            self._keep(data)
            self.came.set()
            pending = self._answer(pending + data)

    def _answer(self, data: bytes) -> bytes:
        """Do what the queries ask; the rest that may be half a query."""
        end = 0
        for match in _QUERY.finditer(data):
            end = match.end()
            if match["color"] is not None:
                self._type_late(self._background)
            elif match["attributes"] is not None:
                self._type_late(b"\x1b[?62;22c")
                self._late = 0.0
            elif self._kitty:
                self._keyboard(match)
        return data[end:][-32:]

    def _type_late(self, data: bytes) -> None:
        if self._late:

            def answer() -> None:
                self.type(data)
                self.late_answers += 1

            threading.Timer(self._late, answer).start()
        elif data:
            self.type(data)

    @property
    def echoes(self) -> bool:
        """What is typed is printed by the terminal itself, as a shell expects."""
        return bool(termios.tcgetattr(self._fd)[3] & termios.ECHO)

    def _keyboard(self, match: re.Match[bytes]) -> None:
        if match["push"]:
            self._flags.append(int(match["push"]))
        elif match["pop"] is not None:
            del self._flags[1:]
        elif match["set"]:
            self._flags[-1] |= int(match["set"])
        elif match["ask"]:
            self.type(b"\x1b[?%du" % self.keyboard_flags)

    # what the user does
    def type(self, data: bytes) -> None:
        os.write(self._fd, data)

    def press_space(self) -> None:
        self.type(b"\x1b[32;;32u" if self.keyboard_flags & 8 else b" ")

    def repeat_space(self) -> None:
        self.type(b"\x1b[32;1:2;32u" if self.keyboard_flags & 2 else b" ")

    def release_space(self) -> None:
        """Space comes up; a terminal without the protocol says nothing."""
        if self.keyboard_flags & 2:
            self.type(b"\x1b[32;1:3u")

    def resize(self, columns: int, rows: int) -> None:
        """The window gets another size; the child gets SIGWINCH."""
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    # the end
    def hang_up(self) -> None:
        """The window is closed: the terminal is gone and the child gets SIGHUP."""
        os.close(self._fd)
        self._fd = os.open(os.devnull, os.O_RDWR)

    def kill(self, number: int) -> None:
        os.kill(self.pid, number)

    def is_gone(self) -> bool:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = status if pid else None
        return self.status is not None

    def wait(self) -> int:
        """The exit code, once there is one."""
        self.until(self.is_gone, "the end of the child")
        assert self.status is not None
        self._reader.join(1)  # its last words may still be on the way
        return os.waitstatus_to_exitcode(self.status)


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    hidden = ["TMUX", "STY", "CI", "COLORFGBG", "NO_COLOR", "SSH_CONNECTION", "SSH_TTY", "TEXTUAL_DRIVER"]
    hidden += ["TEXTUAL_DISABLE_KITTY_KEY", "COLUMNS", "LINES"]
    return {name: value for name, value in os.environ.items() if name not in hidden} | dict(more)
