"""What can be shown again: a tape of ours, or anybody's log that the readers of `diagnose` understand."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicechat.errors import TapeError
from voicechat.insight.readers.log import Reading, read_log
from voicechat.journal.tape import EVENTS_FILE, TapeLine, entry_of, read_tape

TAIL = 64 * 1024
"""Bytes at the end of a tape in which its last time is looked for."""
LARGEST_LOG = 256 * 1024 * 1024
"""Bytes of a log of somebody else's that is read; its events are kept in memory."""
STEP = 0.05
"""Seconds between events of a log that gives no times."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the lines come from. `length` is session time, seconds; `audio_file` the sound, where it was recorded."""

    name: str
    head: Mapping[str, Any]
    length: float
    file: Path
    audio_file: Path | None = None
    foreign: tuple[TapeLine, ...] = ()
    """The events of a log that is no tape."""

    def entries(self) -> Iterator[TapeLine]:
        """Every line, in order. Raises TapeError if the file is gone."""
        return iter(self.foreign) if self.foreign else read_tape(self.file).entries()


def open_source(path: Path) -> Source:
    """A tape's folder, its `session.jsonl`, or a log. Raises TapeError for what cannot be read as any of them."""
    try:
        tape = read_tape(path)
    except TapeError:
        file = path / EVENTS_FILE if path.is_dir() else path
        if is_tape(file) or not (events := foreign_events(file)):
            raise
        return Source(path.name, {}, events[-1].t, file, None, events)
    return Source(tape.folder.resolve().name, tape.head, last_time(tape.events_file), tape.events_file, tape.audio_file)


def is_tape(file: Path) -> bool:
    """It says so itself, even if it cannot be read further."""
    try:
        with file.open("rb") as stream:
            return stream.read(8) == b'{"tape":'
    except OSError:
        return True  # there is nothing to read: what the reader of tapes says of it is the better sentence


def last_time(file: Path) -> float:
    """Session time of the last line that can be read; 0 for a tape without any."""
    last = 0.0
    with contextlib.suppress(OSError), file.open("rb") as stream:
        stream.seek(0, io.SEEK_END)
        size = stream.tell()
        tail = TAIL
        while True:
            stream.seek(max(0, size - tail))
            for raw in stream.read(tail).splitlines():
                with contextlib.suppress(ValueError, RecursionError):
                    told = json.loads(raw)
                    entry = entry_of(0, told) if isinstance(told, dict) else None
                    last = entry.t if entry is not None else last
            if last > 0 or tail >= size:
                break
            tail *= 16  # one very long line stood there
    return last


def foreign_events(file: Path) -> tuple[TapeLine, ...]:
    """The events of somebody's log with times that never run back; empty where there are none."""
    try:
        with file.open("rb") as stream:
            raw = stream.read(LARGEST_LOG)
    except OSError as error:
        raise TapeError(f"cannot read {file}: {error.strerror}", hint="give the folder of a tape, or a log") from error
    reading = Reading()
    made: list[TapeLine] = []
    t = 0.0
    for record in read_log(io.BytesIO(raw), reading):
        t = max(t, record.t) if record.t is not None else t + STEP
        made.append(TapeLine(reading.line_of(record.seq), t, "event", record.dir, dict(record.event)))
    return tuple(made)
