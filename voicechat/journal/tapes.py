"""What lies on a shelf of tapes: of each when, how long, with whom, and how it begins."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from voicechat.errors import TapeError
from voicechat.journal.locks import is_locked
from voicechat.journal.tape import ABOUT_FILE, AUDIO_FILE, ENDED, EVENTS_FILE, Tape, read_tape

OURS = (EVENTS_FILE, AUDIO_FILE, ABOUT_FILE)
_NAME = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_[0-9a-f]{4}")
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes, and seconds of age; 0 for a whole folder or an age without a limit.

    The folder in which tapes lie: which there are, and room for the next one.

    What is removed is a tape of ours that nobody writes, the oldest first, and of it only the files we made.
    """

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


LAST = "last"
"""As a tape: the newest."""
FIRST_WORDS = 80
"""Characters of how a talk begins."""
_TAIL = 64 * 1024
_HEARD = b"input_audio_transcription.completed"
_TYPED = b'"type":"TextEntered"'
_ANSWERED = b'"type":"response.done"'


@dataclass(frozen=True, slots=True)
class Listed:
    """One tape in a list."""

    folder: Path
    started_at: str
    """ISO 8601."""
    length: float
    """Seconds."""
    provider: str
    model: str
    turns: int
    """Of the user, spoken or typed."""
    answers: int
    size: int
    """Bytes, sound included."""
    first_words: str
    has_sound: bool
    can_run: bool
    """It says how its session started, so the core can be run over it."""
    redacted: bool
    state: str
    """`whole`, `cut off` (a crash ended it) or `running`."""


def listed(folder: Path) -> Listed:
    """Raises TapeError for a folder that holds no tape of ours."""
    tape = read_tape(folder)
    turns, answers, first = _turns(tape.events_file)
    length, is_whole = _end(tape.events_file)
    wishes = _wishes(tape)
    return Listed(
        folder=tape.folder,
        started_at=tape.started_at,
        length=length,
        provider=str(wishes.get("provider", "")),
        model=str(wishes.get("model", "")),
        turns=turns,
        answers=answers,
        size=size_of(tape.folder),
        first_words=first,
        has_sound=tape.audio_file is not None,
        can_run="start" in tape.head,
        redacted=tape.head.get("redacted") is True,
        state="running" if is_in_use(tape.folder) else "whole" if is_whole else "cut off",
    )


def _turns(file: Path) -> tuple[int, int, str]:
    """(turns of the user, answers, the first words). Only lines that matter are decoded: a tape may have a million."""
    turns = answers = 0
    first = ""
    try:
        with file.open("rb") as stream:
            for raw in stream:
                if _ANSWERED in raw:
                    answers += 1
                elif _HEARD in raw or _TYPED in raw:
                    words = _words(raw)
                    turns += bool(words)
                    first = first or words
    except OSError as error:
        raise TapeError(f"cannot read {file}: {error.strerror}", hint="is this the folder of a tape?") from error
    return turns, answers, first[:FIRST_WORDS]


def _words(raw: bytes) -> str:
    """What the user said or wrote; empty for a line that is about something else, or broken."""
    try:
        line = msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    event, entered = line.get("event"), line.get("input")
    said: object = None
    if isinstance(event, dict) and line.get("dir") == "in" and str(event.get("type", "")).encode().endswith(_HEARD):
        said = event.get("transcript")
    elif isinstance(entered, dict) and entered.get("type") == "TextEntered":
        said = entered.get("text")
    return " ".join(said.split()) if isinstance(said, str) else ""


def _end(file: Path) -> tuple[float, bool]:
    """(session time of the last line, whether the tape was ended and not cut off)."""
    try:
        with file.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - _TAIL))
            lines = stream.read().splitlines()
    except OSError:
        return 0.0, False
    for raw in reversed(lines):
        try:
            line = msgspec.json.decode(raw, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        t, event = line.get("t"), line.get("event")
        is_end = isinstance(event, dict) and event.get("type") == ENDED
        return (float(t) if isinstance(t, int | float) else 0.0), is_end
    return 0.0, False


def _wishes(tape: Tape) -> Mapping[str, Any]:
    """Provider and model: as the core was told, or as `about.json` has them."""
    start = tape.head.get("start")
    if isinstance(start, dict) and isinstance(start.get("wishes"), dict):
        wishes: dict[str, Any] = start["wishes"]
        return wishes
    try:
        return msgspec.json.decode((tape.folder / ABOUT_FILE).read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}


def find_tape(name: str, roots: tuple[Path, ...]) -> Path:
    """What a word means: a path, the name of a tape in one of these folders, or `last`. Raises TapeError."""
    path = Path(name).expanduser()
    if path.exists():
        return path
    if name == LAST:
        found = newest(roots)
        if found is None:
            raise TapeError("there is no tape yet", hint="voicechat --record default makes one")
        return found
    for root in roots:
        if (root / name / EVENTS_FILE).is_file():
            return root / name
    raise TapeError(f"there is no tape {name}", hint="`voicechat history` lists them; the newest is called last")


def newest(roots: tuple[Path, ...]) -> Path | None:
    """The tape that was written last."""
    found = [folder for root in roots for folder in tapes_in(root)[:1]]
    return max(found, key=lambda folder: (folder / EVENTS_FILE).stat().st_mtime, default=None)
