"""Reading a tape: tolerant of what a crash leaves (half a last line) and of what a newer version adds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from voicechat.errors import TapeError
from voicechat.journal.lines import VERSION
from voicechat.protocol.wire import number_within

EVENTS_FILE = "session.jsonl"
AUDIO_FILE = "audio.wav"
ABOUT_FILE = "about.json"
ENDED = "tape.ended"
"""The local event that stands last on a tape that was not cut off."""
LONGEST_LINE = 16 * 1024 * 1024

LONGEST_SESSION = 100 * 86_400.0
"""Seconds; a line that claims more has no time."""

Kind = Literal["event", "input", "effect"]
_decoder = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, slots=True)
class TapeLine:
    """One line of a tape."""

    line: int
    """Its number in the file, from 1."""
    t: float
    """Session time, seconds."""
    kind: Kind
    dir: Literal["in", "out", "local"]
    """Of an event; inputs and effects are local."""
    data: dict[str, Any]
    """The event, the input or the effect."""
    at: float | None = None
    """An input's moment on the session's own clock."""


@dataclass(frozen=True, slots=True)
class Tape:
    """One recorded session: its folder, its first line, and how to walk through the rest."""

    folder: Path
    head: dict[str, Any]

    @property
    def events_file(self) -> Path:
        return self.folder / EVENTS_FILE

    @property
    def audio_file(self) -> Path | None:
        """The sound, where it was recorded."""
        path = self.folder / AUDIO_FILE
        return path if path.exists() else None

    @property
    def started_at(self) -> str:
        """ISO 8601; empty if the tape does not say."""
        said = self.head.get("started_at")
        return said if isinstance(said, str) else ""

    def entries(self) -> Iterator[TapeLine]:
        """Every line after the first that can be read, in order. Raises TapeError if the file is gone."""
        for number, told in read_lines(self.events_file):
            if number > 1 and (entry := entry_of(number, told)) is not None:
                yield entry


def read_tape(path: Path) -> Tape:
    """The tape in a folder, or of a `session.jsonl`. Raises TapeError, with the next step, for anything else."""
    folder = path if path.is_dir() else path.parent
    file = folder / EVENTS_FILE if path.is_dir() else path
    first = next(read_lines(file), None)
    if first is None or "tape" not in first[1]:
        raise TapeError(
            f"{path} is not a tape", hint="a tape is a folder made by --record; `voicechat history` lists them"
        )
    version = first[1]["tape"]
    if not isinstance(version, int) or version > VERSION:
        raise TapeError(f"{path} was made by a newer voicechat (tape {version})", hint="update voicechat")
    return Tape(folder, first[1])


def read_lines(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(number, object) of every line that is a JSON object. Raises TapeError for a file that cannot be read."""
    try:
        with file.open("rb") as stream:
            number = 0
            while raw := stream.readline(LONGEST_LINE):
                number += 1
                try:
                    yield number, _decoder.decode(raw)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    continue  # half a line is what a crash leaves, and the rest of the tape is worth reading
    except OSError as error:
        raise TapeError(f"cannot read {file}: {error.strerror}", hint="is this the folder of a tape?") from error


def entry_of(number: int, told: dict[str, Any]) -> TapeLine | None:
    """One line, or None for one of a kind that this version does not know."""
    seconds = number_within(told.get("t"), 0.0, LONGEST_SESSION) or 0.0
    moment = number_within(told.get("at"), -1e12, 1e12)
    for kind in ("event", "input", "effect"):
        data = told.get(kind)
        if isinstance(data, dict):
            said = told.get("dir")
            direction = said if said in ("in", "out") else "local"
            return TapeLine(number, seconds, kind, direction, data, moment)  # type: ignore[arg-type]  # checked here
    return None
