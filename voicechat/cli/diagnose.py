"""`voicechat diagnose FILE...`: what went wrong in a session, from a tape or from anybody's log."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from voicechat import exit_codes
from voicechat.diagnose.report import Report, as_plain, diagnose, in_words
from voicechat.errors import TapeError
from voicechat.recording.tape import EVENTS_FILE
from voicechat.ui.sanitise import clean

FOUND = exit_codes.FAILED_TURN


def diagnose_command(files: Sequence[str], *, as_json: bool) -> int:
    """Exit 0: every log is healthy. 1: something was found. 2: a file cannot be read."""
    reports: list[Report] = []
    unread = False
    for name in files or ["-"]:
        try:
            reports.append(report_of(name))
        except TapeError as error:
            unread = True
            print(f"voicechat: {error}", file=sys.stderr)
    if as_json:
        told = [as_plain(report) for report in reports]
        print(json.dumps(told[0] if len(told) == 1 else {"files": told}, ensure_ascii=False))
    else:
        print("\n\n".join(clean(in_words(report)) for report in reports))
    if unread:
        return exit_codes.USAGE
    return exit_codes.DONE if all(report.is_healthy for report in reports) else FOUND


def report_of(name: str) -> Report:
    """Raises TapeError for a file that cannot be read."""
    if name == "-":
        return diagnose(io.BytesIO(sys.stdin.buffer.read()), "standard input")
    path = Path(name)
    try:
        with (path / EVENTS_FILE if path.is_dir() else path).open("rb") as stream:
            return diagnose(stream, name)
    except OSError as error:
        raise TapeError(
            f"cannot read {name}: {error.strerror}", hint="give a log, the folder of a tape, or -"
        ) from error
