"""The folder in which tapes lie: which there are, and room for the next one.

What is removed is a tape of ours that nobody writes, the oldest first, and of it only the files we made.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from voicechat.journal.locks import is_locked
from voicechat.journal.tape import ABOUT_FILE, AUDIO_FILE, EVENTS_FILE

OURS = (EVENTS_FILE, AUDIO_FILE, ABOUT_FILE)
_NAME = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_[0-9a-f]{4}")
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes, and seconds of age; 0 for a whole folder or an age without a limit."""

    largest: int = 2 * 2**30
    """Of each file of one tape. An hour's talk has some 10 MB of events and 350 MB of sound."""
    folder: int = 0
    age: float = 0.0


def tapes_in(root: Path) -> list[Path]:
    """Folders of tapes below `root`, the newest first; those that were renamed too."""
    with contextlib.suppress(OSError):
        found = [folder for folder in root.iterdir() if (folder / EVENTS_FILE).is_file()]
        return sorted(found, key=_written_at, reverse=True)
    return []


def is_in_use(folder: Path) -> bool:
    """Whether a talk writes this tape now."""
    return is_locked(folder / EVENTS_FILE)


def size_of(folder: Path) -> int:
    """Bytes of the files we made."""
    return sum(_size(folder / name) for name in OURS)


def make_room(root: Path, limits: Limits) -> tuple[Path, ...]:
    """Remove what is older than the limit, then the oldest until the folder is small enough. Returns what went.

    Tapes that somebody renamed are theirs: they count, and stay.
    """
    if not limits.folder and not limits.age:
        return ()
    tapes = tapes_in(root)
    left = sum(map(size_of, tapes))
    gone: list[Path] = []
    for folder in reversed(tapes):
        if not _NAME.fullmatch(folder.name) or is_in_use(folder):
            continue
        is_old = limits.age > 0 and time.time() - _written_at(folder) > limits.age
        if is_old or 0 < limits.folder < left:
            left -= size_of(folder)
            remove(folder)
            gone.append(folder)
    return tuple(gone)


def remove(folder: Path) -> None:
    """Take a tape off the disk; what else lies in its folder stays, and the folder with it."""
    _unlink(folder / name for name in OURS)
    with contextlib.suppress(OSError):
        folder.rmdir()


def _unlink(files: Iterable[Path]) -> None:
    for file in files:
        with contextlib.suppress(OSError):
            file.unlink()


def _size(file: Path) -> int:
    with contextlib.suppress(OSError):
        return file.stat().st_size
    return 0


def _written_at(folder: Path) -> float:
    with contextlib.suppress(OSError):
        return (folder / EVENTS_FILE).stat().st_mtime
    return 0.0
