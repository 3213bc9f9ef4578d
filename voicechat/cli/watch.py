"""`voicechat watch`: a second, read-only screen on a talk that runs somewhere else on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voicechat.config.load import load_settings
from voicechat.engine.door import chosen, runtime_dir
from voicechat.errors import ConfigError

WELCOME = (
    "You watch this talk.",
    "What is said appears here. This screen changes nothing of it.",
    "",
    "{vc.events} shows its events, {vc.numbers} its times and tokens.",
)
"""What stands in the place of the invitation to talk."""


def watch_command(flags: Mapping[str, Any], config: Path | None, session: int) -> int:
    """Show a running talk until the user leaves or it ends. Raises SignallingError where there is none."""
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
    """Folder and number of the talk to watch. Raises SignallingError, ConfigError."""
    number, door = chosen(session, "voicechat watch --session {}")
    door.close()
    return runtime_dir(), number
