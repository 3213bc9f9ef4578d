"""`voicechat doctor`: is everything here that a talk needs? Today it looks at the sound.

Without an option it tells what can be known in silence. `--loopback` plays and listens for twelve seconds and ends
with one line: talking over the assistant works here, works with care, or does not, and why. stdout is the answer,
stderr tells what is going on meanwhile.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from rich.live import Live

from voicechat.cli.chat import needs_ascii
from voicechat.cli.doctor_looks import Check, Page, worst
from voicechat.cli.doctor_loopback import (
    MARKS,
    Loopback,
    Tell,
    lines,
    planned,
    quiet_libraries,
    refuse_files,
    run_loopback,
)
from voicechat.cli.doctor_sound import sound_checks
from voicechat.config.load import load_settings
from voicechat.config.settings import Settings
from voicechat.exit_codes import AUDIO, DONE

_NOTICE = 2.0
"""Seconds between saying that it will be loud and being loud."""


@dataclass(frozen=True, slots=True)
class DoctorOptions:
    """How it was asked."""

    loopback: bool = False
    as_json: bool = False
    seconds: float = 12.0
    at_once: bool = False
    """Begin without the moment in which one may still say no."""


def doctor_command(flags: Mapping[str, Any], options: DoctorOptions, config: Path | None = None) -> int:
    """The process status: 0 when sound works (perhaps with care), 4 when it does not. Raises ConfigError."""
    settings = load_settings(flags, os.environ, config)
    ascii_only = settings.ascii or needs_ascii(os.environ)
    if options.loopback:
        return _loopback(settings, options, ascii_only)
    with quiet_libraries():
        checks = sound_checks(settings)
    if options.as_json:
        _print_json({"checks": [asdict(check) for check in checks]})
    else:
        page = Page(sys.stdout, ascii_only=ascii_only)
        page.checks(checks)
        page.say("voicechat doctor --loopback plays and listens, and says whether talking over the assistant works.")
    return AUDIO if worst(checks) == "bad" else DONE


def _loopback(settings: Settings, options: DoctorOptions, ascii_only: bool) -> int:
    refuse_files(settings)
    with quiet_libraries() as narration:
        page = Page(narration, ascii_only=ascii_only)
        page.say(
            f"For {options.seconds:.0f} s this plays four chirps and a voice, and listens. Please stay quiet. "
            "Nothing is kept and nothing leaves this machine; Ctrl+C stops it."
        )
        page.say("")
        began = time.monotonic()
        plan = planned(options.seconds)
        if narration.isatty() and not options.at_once:
            time.sleep(max(0.0, _NOTICE - (time.monotonic() - began)))
        result = _watched(page, narration, lambda tell: run_loopback(settings, plan, tell))
    if options.as_json:
        _print_json({"loopback": result.as_json()})
    else:
        _show(result, Page(sys.stdout, ascii_only=ascii_only))
    return AUDIO if result.verdict.grade == "fails" else DONE


def _watched(page: Page, narration: TextIO, act: Callable[[Tell], Loopback]) -> Loopback:
    """Run it with one line that is redrawn, or with a line for each new step where nothing can be redrawn."""
    if not narration.isatty():
        said: list[str] = []

        def tell_once(doing: str, share: float, left: float) -> None:
            if doing not in said:
                said.append(doing)
                page.say(doing)

        return act(tell_once)
    with Live(console=page.console, auto_refresh=False, transient=True) as live:
        return act(lambda doing, share, left: live.update(page.progress(doing, share, left), refresh=True))


def _show(result: Loopback, page: Page) -> None:
    page.checks(lines(result))
    more = [Check("also", MARKS[result.verdict.grade], each.why, each.cure) for each in result.verdict.findings[1:]]
    page.verdict(MARKS[result.verdict.grade], result.verdict.line, more)


def _print_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False))
