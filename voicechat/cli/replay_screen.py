"""`voicechat replay TAPE`: the screen of a talk, fed from its tape."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voicechat.config.load import load_settings
from voicechat.errors import ConfigError, TapeError
from voicechat.journal.replay import ReplayEngine
from voicechat.journal.source import Source, open_source
from voicechat.journal.speaker import NoSpeaker, PlayerProcess, Speaker


def show_replay(
    path: Path, flags: Mapping[str, Any], config: Path | None, *, speed: float = 1.0, at: float = 0.0
) -> int:
    """Show a tape, or anybody's log, until the user leaves.

    Raises TapeError for what cannot be read, ConfigError where there is no screen to show it on.
    """
    from dataclasses import replace

    from voicechat.cli.chat import ui_options
    from voicechat.ui.app import run_screen
    from voicechat.ui.options import Spectator
    from voicechat.ui.viewers import ReplayApp

    settings = load_settings(flags, os.environ, config)
    source = open_source(path)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError(
            "a replay is shown on a terminal", hint="`voicechat export TAPE --format txt` writes its words"
        )
    sound, speaker = sound_of(source)
    engine = ReplayEngine(source, settings, speaker, sound, speed=speed, at=at)
    spectator = Spectator("REPLAY", "this is a replay")
    return run_screen(ReplayApp(engine, replace(ui_options(settings, os.environ), spectator=spectator)))


def sound_of(source: Source) -> tuple[Any, Speaker]:
    """The recorded sound and what plays it; without one, the reason."""
    if source.audio_file is None:
        return None, NoSpeaker("no sound was recorded")
    from voicechat.journal.tape_sound import SoundFile

    try:
        sound = SoundFile(source.audio_file)
    except TapeError as error:
        return None, NoSpeaker(error.message)
    return sound, PlayerProcess(source.audio_file)
