"""What the engine has to say, written by a thread of its own.

A client that was stopped (Ctrl+Z) reads nothing and its pipe fills within seconds; if the loop wrote, it would stand
still with it, and the dead man's switch could not close the microphone. Snapshots and numbers are skipped while the
pipe is slow (latest wins), event batches only when megabytes wait; transcript turns, acks and the goodbye always stay.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque

from voicechat.engine.link import Batch, FromEngine, Numbers, Snapshot, pack

SLOW = 256 * 1024
"""Bytes waiting from which snapshots are skipped."""
STUCK = 16 * 1024 * 1024
"""Bytes waiting from which event batches are skipped too."""


class Outbox:
    """Frames for one file descriptor. `post` never blocks and may be called from any thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._write, name="link-writer", daemon=True)
        self._thread.start()

    def post(self, message: FromEngine) -> None:
        with self._changed:
            skipped = (isinstance(message, Snapshot | Numbers) and self._size > SLOW) or (
                isinstance(message, Batch) and self._size > STUCK
            )
            if skipped or self._is_closed:
                return
            frame = pack(message)
            self._waiting.append(frame)
            self._size += len(frame)
            self._changed.notify()

    def close(self, patience: float) -> None:
        """Write what waits, for `patience` seconds at most; afterwards nothing is taken any more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(timeout=patience)

    def _write(self) -> None:
        while (frame := self._next()) is not None:
            data = memoryview(frame)
            with contextlib.suppress(OSError):  # the client is gone; the reader thread ends the engine
                while data:
                    data = data[os.write(self._descriptor, data) :]

    def _next(self) -> bytes | None:
        with self._changed:
            while not self._waiting:
                if self._is_closed:
                    return None
                self._changed.wait()
            frame = self._waiting.popleft()
            self._size -= len(frame)
            return frame
