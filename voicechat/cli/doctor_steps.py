"""The doctor's round: what is looked at, in which order, and a word on stderr when a look takes over a second."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from voicechat.cli.doctor_engine import engine_checks, local_checks
from voicechat.cli.doctor_looks import Check
from voicechat.cli.doctor_machine import config_checks, python_checks, terminal_checks
from voicechat.cli.doctor_network import key_checks, network_checks, provider_checks
from voicechat.cli.doctor_sound import sound_checks
from voicechat.config.settings import Settings
from voicechat.errors import ConfigError
from voicechat.exit_codes import AUDIO, CONNECTION, ENGINE_DIED, FAILED_TURN, USAGE

SECTIONS = ("python", "config", "terminal", "engine", "sound", "key", "network", "service")
PATIENCE = 1.0
"""Seconds after which a look that goes on is told."""


@dataclass(frozen=True, slots=True)
class Step:
    """One look."""

    name: str
    doing: str
    look: Callable[[], list[Check]]
    code: int
    """The process status when what it finds is bad."""


def steps_for(
    settings: Settings,
    environ: Mapping[str, str],
    config: Path | None,
    problem: ConfigError | None,
    secrets: list[str],
    *,
    online: bool,
) -> list[Step]:
    """Everything there is to look at. A key that is found is put into `secrets`, so that no sentence repeats it."""

    def key() -> list[Check]:
        found, value = key_checks(settings, environ)
        secrets.extend(filter(None, [value]))
        return found

    def service() -> list[Check]:
        if not secrets and online:
            key()
        return provider_checks(settings, environ, secrets[-1] if secrets else "", online=online)

    def engine() -> list[Check]:
        return [*engine_checks(environ), *local_checks(settings, environ)]

    return [
        Step("python", "looking at the packages", python_checks, FAILED_TURN),
        Step("config", "reading the configuration", lambda: config_checks(config, problem), USAGE),
        Step("terminal", "asking the terminal", lambda: terminal_checks(environ), FAILED_TURN),
        Step("engine", "starting the engine", engine, ENGINE_DIED),
        Step("sound", "looking for microphones and loudspeakers", lambda: sound_checks(settings), AUDIO),
        Step("key", "looking for the key", key, USAGE),
        Step("network", "trying the way to the service", lambda: network_checks(settings), CONNECTION),
        Step("service", "asking the service", service, CONNECTION),
    ]


def looked_at(step: Step, narration: TextIO) -> list[Check]:
    """What a step finds; after a second it says on `narration` what it is doing, and takes that back on a terminal."""
    told = threading.Event()

    def tell() -> None:
        told.set()
        narration.write(f"… {step.doing}" if narration.isatty() else f"{step.doing}\n")
        narration.flush()

    timer = threading.Timer(PATIENCE, tell)
    timer.daemon = True
    timer.start()
    try:
        return step.look()
    finally:
        timer.cancel()
        timer.join()
        if told.is_set() and narration.isatty():
            narration.write("\r\x1b[K")
            narration.flush()
