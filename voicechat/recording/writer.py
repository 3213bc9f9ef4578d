"""Appends lines to a tape while the talk goes on, on a thread of its own: the disk may be slow, the talk may not.

Lines are encoded where they happen and written within `EVERY` seconds in whole lines, so a process that is killed loses
less than the last second and leaves a tape that can be read. When the disk is full or gone, or the tape has its full
size, the tape ends and says why; nothing else does.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

EVERY = 0.25
"""Seconds between writes."""
MOST_WAITING = 100_000
"""Lines that a disk may be behind before the tape is given up."""
CLOSING = 1.0
"""Seconds the last write may take."""


class LineWriter:
    """`write` from one thread, `close` once. `on_stop` is called on the writer's thread, with the reason."""

    def __init__(self, file: Path, on_stop: Callable[[str], None], *, most: int) -> None:
        """Creates `file`, readable for its owner alone, of at most `most` bytes. Raises OSError."""
        self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._encoder = msgspec.json.Encoder(enc_hook=str)
        self._waiting: deque[bytes] = deque()
        self._left = most
        self._on_stop = on_stop
        self._wake = threading.Event()
        self._is_closed = False
        self._has_stopped = False
        self._thread = threading.Thread(target=self._run, name="tape", daemon=True)
        self._thread.start()

    def write(self, line: Mapping[str, Any]) -> None:
        """Queue one line; it is on the disk within `EVERY` seconds. After the tape has ended nothing happens."""
        if self._has_stopped:
            return
        self._waiting.append(self._encoder.encode(line) + b"\n")

    def close(self) -> None:
        """Write what waits and close the file; waits `CLOSING` seconds at most."""
        self._is_closed = True
        self._wake.set()
        self._thread.join(CLOSING)

    def _run(self) -> None:
        try:
            while not self._is_closed and not self._has_stopped:
                self._wake.wait(EVERY)
                self._drain()
            if not self._has_stopped:
                self._drain()
        finally:
            os.close(self._descriptor)

    def _drain(self) -> None:
        lines: list[bytes] = []
        while self._waiting:
            lines.append(self._waiting.popleft())
        raw = b"".join(lines)
        if len(raw) > self._left:
            self._stop("it has reached its full size")
        elif len(lines) > MOST_WAITING:
            self._stop("the disk is too slow")
        elif raw:
            self._left -= len(raw)
            self._put(raw)

    def _put(self, raw: bytes) -> None:
        try:
            while raw:
                raw = raw[os.write(self._descriptor, raw) :]
        except OSError as error:
            self._stop(error.strerror or "the disk does not take it")

    def _stop(self, reason: str) -> None:
        self._has_stopped = True
        self._waiting.clear()
        self._on_stop(reason)
