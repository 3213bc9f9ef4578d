"""Appends to a tape while the talk goes on, on a thread of its own: the disk may be slow, the talk may not.

Lines are encoded where they happen and written within `EVERY` seconds in whole lines, so a process that is killed loses
less than the last second and leaves a tape that can be read. When the disk is full or gone, or the tape has its full
size, the tape ends and says why; nothing else does.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from voicechat.journal.locks import lock

EVERY = 0.25
"""Seconds between writes."""
MOST_WAITING = 100_000
"""Lines that a disk may be behind before the tape is given up."""
CLOSING = 1.0
"""Seconds the last write may take."""
TOO_SLOW = "the disk is too slow"
FULL = "it has reached its full size"
GONE = "its folder is gone"


class Stopped(Exception):
    """A file of the tape cannot go on; the message says why."""


class TapeFile(Protocol):
    """A file that grows. Raises OSError or Stopped when it cannot."""

    def flush(self, *, last: bool) -> None:
        """Put what came since the last time on the disk; `last`: everything, nothing more will come."""
        ...

    def close(self) -> None: ...


class TapeThread:
    """Flushes the files of one tape, until `close` or until one of them cannot go on."""

    def __init__(self, files: Sequence[TapeFile], on_stop: Callable[[str], None]) -> None:
        """`on_stop` is called once, on this thread, with the reason; after a `close` it is not called."""
        self._files = files
        self._on_stop = on_stop
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tape", daemon=True)
        self._thread.start()

    def close(self) -> bool:
        """Write what waits and close the files, within `CLOSING` seconds. False: the disk did not take it in time."""
        self._closing.set()
        self._thread.join(CLOSING)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            is_last = False
            while not is_last:
                is_last = self._closing.wait(EVERY)
                for file in self._files:
                    file.flush(last=is_last)
        except Stopped as stopped:
            self._on_stop(str(stopped))
        except OSError as error:
            self._on_stop(error.strerror or "the disk does not take it")
        except Exception as error:  # the edge of the thread: a recording that stops says why
            self._on_stop(f"{type(error).__name__}: {error}")
        finally:
            for file in self._files:
                file.close()


class LineFile:
    """`session.jsonl`, line by line. `write` belongs to one thread, `flush` to another."""

    def __init__(self, file: Path, *, most: int, conceal: Callable[[bytes], bytes] = lambda raw: raw) -> None:
        """Creates `file`, readable for its owner alone, of at most `most` bytes. `conceal` takes secrets out of a line.

        The file stays locked while it is open, so that nobody takes it for a finished tape. Raises OSError.
        """
        self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        lock(self._descriptor)
        self._encoder = msgspec.json.Encoder(enc_hook=str)
        self._conceal = conceal
        self._waiting: deque[bytes] = deque(maxlen=MOST_WAITING)
        self._left = most

    def write(self, line: Mapping[str, Any]) -> None:
        """Queue one line. What has no form in JSON leaves a line that says so."""
        try:
            raw = self._encoder.encode(line)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raw = self._encoder.encode({"t": line.get("t"), "lost": type(error).__name__})
        self._waiting.append(self._conceal(raw) + b"\n")

    def flush(self, *, last: bool) -> None:
        if len(self._waiting) == MOST_WAITING:
            raise Stopped(TOO_SLOW)
        lines: list[bytes] = []
        while self._waiting:
            lines.append(self._waiting.popleft())
        raw = b"".join(lines)
        if len(raw) > self._left:
            raise Stopped(FULL)
        self._left -= len(raw)
        put(self._descriptor, raw)
        if not os.fstat(self._descriptor).st_nlink:
            raise Stopped(GONE)

    def close(self) -> None:
        self._waiting.clear()
        os.close(self._descriptor)


def put(descriptor: int, raw: bytes) -> None:
    """Write all of it. Raises OSError."""
    view = memoryview(raw)
    while view:
        view = view[os.write(descriptor, view) :]
