"""`voicechat doctor`: is everything here that a talk needs, and may the answer be pasted into a bug report?

Without an option it tells what can be known in silence: Python, terminal, configuration, engine, sound, network, key.
`--online` shows the key to the service, by something that is free. `--loopback` plays and listens for twelve seconds
and ends with one line: talking over the assistant works here, works with care, or does not, and why. stdout is the
answer, stderr tells what is going on meanwhile.
"""

from __future__ import annotations

import getpass
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

from rich.live import Live

from voicechat.cli.chat import needs_ascii
from voicechat.cli.commands import SECTIONS
from voicechat.cli.doctor_looks import Check, Page, Redactor, worst
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
from voicechat.cli.doctor_steps import Step, looked_at, steps_for
from voicechat.cli.printing import print_json
from voicechat.config.load import load_settings
from voicechat.config.provider_presets import PROVIDERS
from voicechat.config.settings import Settings
from voicechat.errors import ConfigError
from voicechat.exit_codes import AUDIO, DONE

_NOTICE = 2.0
"""Seconds between saying that it will be loud and being loud."""
VERDICTS = {"good": "ok", "care": "warn", "bad": "fail", "fact": "info"}


@dataclass(frozen=True, slots=True)
class DoctorOptions:
    loopback: bool = False
    as_json: bool = False
    seconds: float = 12.0
    at_once: bool = False
    """Begin without the moment in which one may still say no."""
    online: bool = False
    """Show the key to the service."""
    sections: Sequence[str] = ()
    """Look at these only; empty: at everything."""


def doctor_command(flags: Mapping[str, Any], options: DoctorOptions, config: Path | None = None) -> int:
    """The process status: 0 when a talk should work (perhaps with care), else that of the first thing that will not.

    Raises ConfigError for an unknown section, and for `--loopback` with settings that cannot hold.
    """
    if options.loopback:
        settings = load_settings(flags, os.environ, config)
        return _loopback(settings, options, settings.ascii or needs_ascii(os.environ))
    if unknown := [name for name in options.sections if name not in SECTIONS]:
        hint = f"sections: {', '.join(SECTIONS)}; all of them: voicechat doctor"
        raise ConfigError(f"doctor has no section {unknown[0]!r}", hint=hint)
    settings, problem = settings_or_defaults(flags, config)
    secrets: list[str] = []
    steps = steps_for(settings, os.environ, config, problem, secrets, online=options.online)
    chosen = [step for step in steps if not options.sections or step.name in options.sections]
    page = Page(sys.stdout, ascii_only=settings.ascii or needs_ascii(os.environ))
    code, marked, checks = DONE, [], list[tuple[str, Check]]()
    with quiet_libraries() as narration:
        for step in chosen:
            found = redactor(settings, secrets).checks(looked_at(step, narration))
            if worst(found) == "bad" and code == DONE:
                code = step.code
            marked += found
            checks += [(step.name, check) for check in found]
            if not options.as_json:
                page.checks(found)
    if options.as_json:
        print_json({"verdict": VERDICTS[worst(marked)], "checks": [as_row(name, check) for name, check in checks]})
    else:
        _sum_up(page, marked, chosen)
    return code


def settings_or_defaults(flags: Mapping[str, Any], config: Path | None) -> tuple[Settings, ConfigError | None]:
    """The settings, or the defaults and why."""
    try:
        return load_settings(flags, os.environ, config), None
    except ConfigError as error:
        return Settings(), error


def redactor(settings: Settings, secrets: Sequence[str]) -> Redactor:
    """What to hide: the keys found so far, the private values, this user's names, and a service nobody else knows."""
    hosts = {urlsplit(url).hostname or "" for url in (settings.base_url, settings.token_url)}
    known = {urlsplit(provider.base_url).hostname for provider in PROVIDERS.values()} | {"", None, "127.0.0.1", "::1"}
    here = {socket.gethostname(), socket.gethostname().partition(".")[0]}
    private = [*settings.headers.values(), *settings.query.values(), *settings.ice_servers, settings.resource]
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in some containers
        user = ""
    return Redactor((*secrets, *filter(None, private)), str(Path.home()), user, tuple((hosts - known) | here))


def as_row(section: str, check: Check) -> dict[str, str]:
    return {"section": section, **asdict(check), "verdict": VERDICTS[check.mark]}


def _sum_up(page: Page, marked: Sequence[Check], chosen: Sequence[Step]) -> None:
    bad, care = (sum(check.mark == mark for check in marked) for mark in ("bad", "care"))
    if bad:
        page.verdict("bad", f"{bad} thing{'s' if bad > 1 else ''} will keep a talk from working", [])
    elif care:
        page.verdict("care", f"a talk should work; {care} thing{'s' if care > 1 else ''} to know", [])
    else:
        page.verdict("good", "a talk should work", [])
    if any(step.name == "sound" for step in chosen):
        page.say("voicechat doctor --loopback plays and listens, and says whether talking over the assistant works.")


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
        print_json({"loopback": result.as_json()})
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
