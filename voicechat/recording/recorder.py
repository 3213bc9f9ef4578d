"""One talk's tape: a private folder, its lines, and a file that says what made it."""

from __future__ import annotations

import json
import os
import platform
import secrets
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from voicechat import __version__
from voicechat.core.effects import Effect
from voicechat.core.events import Event
from voicechat.errors import TapeError
from voicechat.recording.lines import Start, effect_line, first_line, happening_line, input_line
from voicechat.recording.tape import ABOUT_FILE, EVENTS_FILE
from voicechat.recording.writer import LineWriter
from voicechat.session.happenings import Happening

LARGEST = 1024 * 1024 * 1024
"""Bytes of one tape's lines; a talk of an hour has some ten million."""


class Recorder:
    """`watch` gets every happening, `record` every input of the core with what was decided upon it."""

    def __init__(
        self,
        root: Path,
        start: Start | None,
        about: Mapping[str, Any],
        *,
        started_at: float,
        now: datetime,
        on_stop: Callable[[str], None],
    ) -> None:
        """Begin a tape below `root`. `started_at` is the zero of session time on the session's clock, `now` the same
        moment of the day. `start` None: the talk was under way already, so the core cannot be run over this tape.
        Raises TapeError where no tape can be made.
        """
        self._started_at = started_at
        self.folder = root / f"{now:%Y-%m-%d_%H-%M-%S}_{secrets.token_hex(2)}"
        try:
            self.folder.mkdir(mode=0o700, parents=True)
            private_text(self.folder / ABOUT_FILE, json.dumps({**what_made_it(), **about}, indent=2, default=str))
            self._writer = LineWriter(self.folder / EVENTS_FILE, on_stop, most=LARGEST)
        except OSError as error:
            raise TapeError(
                f"no tape can be made in {root}: {error.strerror}", hint="choose another --record"
            ) from error
        self._writer.write(first_line(now.isoformat(timespec="milliseconds"), start, {"app": __version__}))

    def watch(self, happening: Happening) -> None:
        """A wire event or a local one."""
        self._writer.write(happening_line(happening, self._started_at))

    def record(self, now: float, event: Event, effects: tuple[Effect, ...]) -> None:
        """An input of the core, and what it decided."""
        t = now - self._started_at
        self._writer.write(input_line(event, now, t))
        for effect in effects:
            self._writer.write(effect_line(effect, t))

    def close(self) -> None:
        """The tape is whole and on the disk afterwards."""
        self._writer.close()


def what_made_it() -> dict[str, str]:
    """Versions, for whoever reads the tape elsewhere."""
    return {
        "voicechat": __version__,
        "python": platform.python_version(),
        "platform": f"{sys.platform} {platform.release()}",
    }


def private_text(file: Path, text: str) -> None:
    """Write a file that only its owner can read. Raises OSError."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text + "\n")
