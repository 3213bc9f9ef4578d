"""`voicechat watch`: a second, read-only screen on a talk that runs somewhere else on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voicechat.config.load import load_settings
from voicechat.config.runtime_dir import runtime_dir, sessions
from voicechat.errors import ConfigError, EngineError


def watch_command(flags: Mapping[str, Any], config: Path | None, session: int) -> int:
    """Show a running talk until the user leaves or it ends. Raises EngineError where there is none."""
    from dataclasses import replace

    from voicechat.cli.chat import ui_options
    from voicechat.engine.attach import WatchedEngine
    from voicechat.ui.app import run_app
    from voicechat.ui.options import Spectator

    settings = load_settings(flags, os.environ, config)
    engine = WatchedEngine(*place_of(session))
    engine.connect()
    spectator = Spectator("WATCHING", "you only watch this talk")
    return run_app(engine, replace(ui_options(settings, os.environ), spectator=spectator))


def place_of(session: int) -> tuple[str, int]:
    """Folder and number of the talk to watch. Raises EngineError, ConfigError."""
    try:
        folder = runtime_dir()
    except OSError as error:
        raise EngineError(f"{error.filename}: {error.strerror}") from error
    running = sessions(folder)
    if session and session not in running:
        raise ConfigError(f"there is no talk {session}", hint="`voicechat ctl sessions` lists them")
    if not running:
        raise EngineError("no talk is running", hint="start one with: voicechat")
    return folder, session or running[0]
