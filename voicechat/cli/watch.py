"""`voicechat watch`: a second, read-only screen on a talk that runs somewhere else on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voicechat.config.load import load_settings
from voicechat.engine.door import listed, reachable, runtime_dir, sessions
from voicechat.errors import ConfigError, EngineError

WELCOME = (
    "You watch this talk.",
    "What is said appears here. This screen changes nothing of it.",
    "",
    "{vc.events} shows its events, {vc.numbers} its times and tokens.",
)
"""What stands in the place of the invitation to talk."""


def watch_command(flags: Mapping[str, Any], config: Path | None, session: int) -> int:
    """Show a running talk until the user leaves or it ends. Raises EngineError where there is none."""
    from msgspec.structs import replace

    from voicechat.cli.chat import ui_options
    from voicechat.engine.attach import WatchedEngine
    from voicechat.ui.app import run_app
    from voicechat.ui.options import Spectator, WelcomeFacts

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        hint = "print its events as lines: voicechat ctl events"
        raise ConfigError("watch shows a talk on a terminal", hint=hint)
    settings = load_settings(flags, os.environ, config)
    engine = WatchedEngine(*place_of(session))
    engine.connect()
    spectator = Spectator("WATCHING", "you only watch this talk")
    options = replace(ui_options(settings, os.environ), spectator=spectator, welcome=WelcomeFacts(instead=WELCOME))
    return run_app(engine, options)


def place_of(session: int) -> tuple[str, int]:
    """Folder and number of the talk to watch. Raises EngineError, ConfigError."""
    try:
        folder = runtime_dir()
    except OSError as error:
        raise EngineError(f"{error.filename}: {error.strerror}") from error
    if session and session not in sessions(folder):
        raise ConfigError(f"there is no talk {session}", hint="`voicechat ctl sessions` lists them")
    if session:
        return folder, session
    talks = reachable(folder)
    try:
        if not talks:
            raise EngineError("no talk is running", hint="start one with: voicechat")
        if len(talks) > 1:
            found = f"{len(talks)} talks are running, newest first:{listed(folder, talks)}"
            raise ConfigError(found, hint=f"voicechat watch --session {next(iter(talks))}")
        return folder, next(iter(talks))
    finally:
        for door in talks.values():
            door.close()
