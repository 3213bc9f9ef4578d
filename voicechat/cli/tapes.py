"""Where the tapes of this user lie, and which of them a word on the command line means."""

from __future__ import annotations

import os
from pathlib import Path

from voicechat.config.load import load_settings
from voicechat.config.locations import tapes_dir, tapes_root
from voicechat.journal.tapes import find_tape


def shelves(config: Path | None = None) -> tuple[Path, ...]:
    """The folders in which the user's tapes lie. Raises ConfigError for a configuration that cannot be read."""
    return tuple(dict.fromkeys((tapes_root(load_settings({}, os.environ, config).record), tapes_dir())))


def tape_named(name: str, config: Path | None = None) -> Path:
    """The folder of a tape, or its file. Raises TapeError when nothing of that name is there."""
    return find_tape(name, shelves(config))
