"""`voicechat report`: what a bug report needs, put together here and sent nowhere."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicechat import exit_codes
from voicechat.cli.config import check_command
from voicechat.cli.doctor import as_row, redactor, settings_or_defaults
from voicechat.cli.doctor_looks import Redactor
from voicechat.cli.doctor_loopback import quiet_libraries
from voicechat.cli.doctor_steps import looked_at, steps_for
from voicechat.cli.out_file import opened
from voicechat.cli.tapes import tape_named
from voicechat.config.locations import engine_log
from voicechat.config.settings import Settings
from voicechat.errors import ConfigError
from voicechat.journal.bundle import Cleaner, Part, machine_parts, readme, talk_parts, write
from voicechat.journal.secrets_scan import private_values
from voicechat.journal.tapes import LAST


@dataclass(frozen=True, slots=True)
class ReportOptions:
    tape: str
    last: bool
    out: str
    with_words: bool
    with_audio: bool


def report_command(flags: Mapping[str, Any], config: Path | None, options: ReportOptions) -> int:
    """Write the archive and say what is in it. Raises TapeError and ConfigError with the next step."""
    settings, problem = settings_or_defaults(flags, config)
    tape = _tape_of(options, config)
    name = options.out or f"voicechat-report-{time.strftime('%Y-%m-%d_%H-%M-%S')}.zip"
    with opened(name, force=False) as out:
        print("voicechat: looking at this machine (voicechat doctor) …", file=sys.stderr)
        doctor, redact, secrets = _doctor(settings, config, problem)
        cleaner = Cleaner(redact.text, secrets)
        parts = [*machine_parts(doctor, _config_check(config), engine_log(), cleaner)]
        if tape is not None:
            parts += talk_parts(tape, cleaner, words=options.with_words, audio=options.with_audio)
        parts.append(readme(parts, words=options.with_words))
        write(parts, out, secrets)
    _tell(parts, options, has_talk=tape is not None)
    if name != "-":
        print(name)
    return exit_codes.DONE


def _tell(parts: Sequence[Part], options: ReportOptions, *, has_talk: bool) -> None:
    """What is inside, and that it is still here."""
    lines = [f"  {part.name:<20} {part.about}" for part in parts]
    if not has_talk:
        lines.append("  no talk is in it: name a tape, or --last takes the newest")
    elif options.with_audio and not any(part.name.endswith(".wav") for part in parts):
        lines.append("  no sound is in it: none was recorded")
    print("\n".join([*lines, "voicechat: nothing was sent; look into it before you pass it on"]), file=sys.stderr)


def _tape_of(options: ReportOptions, config: Path | None) -> Path | None:
    name = options.tape or (LAST if options.last else "")
    return tape_named(name, config) if name else None


def _doctor(
    settings: Settings, config: Path | None, problem: ConfigError | None
) -> tuple[list[dict[str, str]], Redactor, tuple[str, ...]]:
    """What the doctor says, who redacts it, and every key that came to light."""
    found: list[str] = []
    rows: list[dict[str, str]] = []
    with quiet_libraries() as narration:
        for step in steps_for(settings, os.environ, config, problem, found, online=False):
            checks = redactor(settings, found).checks(looked_at(step, narration))
            rows += [as_row(step.name, one) for one in checks]
    own = [*settings.headers.values(), *settings.query.values()]
    secrets = tuple(dict.fromkeys([*found, *own, *private_values(os.environ)]))
    return rows, redactor(settings, secrets), secrets


def _config_check(config: Path | None) -> Any:
    """What `config check --json` prints; it tells names and lines, not values."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
        check_command(config, as_json=True)
    return json.loads(said.getvalue())
