"""One talk's tape: a private folder with its lines, its sound, and a file that says what made it."""

from __future__ import annotations

import json
import os
import platform
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from voicechat import __version__
from voicechat.core.effects import Effect
from voicechat.core.events import Event
from voicechat.errors import TapeError
from voicechat.journal.entry import Entry
from voicechat.journal.lines import Start, effect_line, event_line, first_line, input_line
from voicechat.journal.redact import concealer, redacted
from voicechat.journal.sound_file import SoundFile
from voicechat.journal.tape import ABOUT_FILE, AUDIO_FILE, ENDED, EVENTS_FILE
from voicechat.journal.tapes import Limits, make_room
from voicechat.journal.writer import LineFile, TapeThread


@dataclass(frozen=True, slots=True)
class TapeWish:
    """What kind of tape the user wants."""

    redact: bool = False
    """Words are masked, and of the sound only its loudness is kept."""
    sound: bool = True
    limits: Limits = field(default_factory=Limits)


class Recorder:
    """`watch` gets every entry, `record` every input of the core with what was decided upon it; `sound`, if it is
    recorded, what was sent and what was played."""

    def __init__(
        self,
        root: Path,
        start: Start | None,
        about: Mapping[str, Any],
        *,
        started_at: float,
        clock: Callable[[], float],
        now: datetime,
        on_stop: Callable[[str], None],
        wish: TapeWish | None = None,
        hidden: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """Begin a tape below `root`. `started_at` on `clock` is the zero of session time, `now` the same moment of the
        day. `start` None: the talk was under way already, so the core cannot be run over this tape. `on_stop` is
        called on the tape's thread when the tape ends by itself, with the reason. `hidden`: secrets, which are on no
        line. Raises TapeError where no tape can be made.
        """
        self._started_at = started_at
        self._clock = clock
        self._wish = wish or TapeWish()
        self.folder = root / f"{now:%Y-%m-%d_%H-%M-%S}_{secrets.token_hex(2)}"
        conceal = concealer(hidden)
        limits = self._wish.limits
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            make_room(root, limits)
            self.folder.mkdir(mode=0o700)
            told = {**what_made_it(), **about}
            private_bytes(self.folder / ABOUT_FILE, conceal(as_json(redacted(told) if self._wish.redact else told)))
            self._lines = LineFile(self.folder / EVENTS_FILE, most=limits.largest, conceal=conceal)
            self.sound = self._sound_file() if self._wish.sound else None
        except OSError as error:
            raise TapeError(
                f"no tape can be made in {root}: {error.strerror}", hint="choose another --record"
            ) from error
        files = (self._lines,) if self.sound is None else (self._lines, self.sound)
        head = {"app": __version__} | ({"redacted": True} if self._wish.redact else {})
        self._write(first_line(now.isoformat(timespec="milliseconds"), start, head))
        self._thread = TapeThread(files, on_stop)

    def watch(self, entry: Entry) -> None:
        """A wire event or a local one."""
        self._write(event_line(entry))

    def record(self, now: float, event: Event, effects: tuple[Effect, ...]) -> None:
        """An input of the core, and what it decided."""
        t = now - self._started_at
        self._write(input_line(event, now, t))
        for effect in effects:
            self._write(effect_line(effect, t))

    def close(self) -> bool:
        """The tape is whole and on the disk afterwards; False if the disk did not take it in time."""
        t = round(self._clock() - self._started_at, 6)
        self._write({"t": t, "dir": "local", "event": {"type": ENDED}})
        return self._thread.close()

    def _write(self, line: Mapping[str, Any]) -> None:
        self._lines.write(redacted(line) if self._wish.redact else line)

    def _sound_file(self) -> SoundFile:
        return SoundFile(
            self.folder / AUDIO_FILE,
            started_at=self._started_at,
            clock=self._clock,
            most=self._wish.limits.largest,
            hum=self._wish.redact,
        )


def what_made_it() -> dict[str, str]:
    """Versions, for whoever reads the tape elsewhere."""
    return {
        "voicechat": __version__,
        "python": platform.python_version(),
        "platform": f"{sys.platform} {platform.release()}",
    }


def as_json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, indent=2, default=str, ensure_ascii=False).encode() + b"\n"


def private_bytes(file: Path, raw: bytes) -> None:
    """Write a file that only its owner can read. Raises OSError."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(raw)
