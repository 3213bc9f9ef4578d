"""`voicechat history`: which tapes there are, the newest first."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path

from voicechat import exit_codes
from voicechat.cli.printing import columns, print_json, say
from voicechat.cli.tapes import shelves, tape_named
from voicechat.errors import TapeError
from voicechat.journal.tape import EVENTS_FILE
from voicechat.journal.tapes import Listed, is_in_use, listed, remove, tapes_in
from voicechat.ui.sanitise import clean


@dataclass(frozen=True, slots=True)
class HistoryOptions:
    folder: Path | None
    """List this folder instead of ours."""
    most: int
    as_json: bool
    remove: tuple[str, ...]
    """Tapes to take off the disk."""


def history_command(options: HistoryOptions, config: Path | None) -> int:
    """Raises TapeError for a tape to be removed that is not there, or that a talk writes now."""
    if options.remove:
        return remove_tapes(options.remove, config)
    roots = (options.folder,) if options.folder is not None else shelves(config)
    found = sorted((folder for root in roots for folder in tapes_in(root)), key=written_at, reverse=True)
    shown = found[: options.most] if options.most else found
    tapes = [one for folder in shown if (one := readable(folder)) is not None]
    if options.as_json:
        print_json({"tapes": [as_plain(one) for one in tapes], "left_out": len(found) - len(shown)})
        return exit_codes.DONE
    if not tapes:
        say(f"no tapes in {roots[0]}; record one: voicechat --record default")
        return exit_codes.DONE
    for line in table(tapes, shutil.get_terminal_size().columns):
        print(line)
    if len(found) > len(shown):
        say(f"{len(found) - len(shown)} older ones; list all: voicechat history --most 0")
    return exit_codes.DONE


def remove_tapes(names: Sequence[str], config: Path | None) -> int:
    folders = [tape_named(name, config) for name in names]
    for folder in folders:
        if not (folder / EVENTS_FILE).is_file():
            raise TapeError(f"{folder} is not the folder of a tape", hint="`voicechat history` lists them")
        if is_in_use(folder):
            raise TapeError(f"{folder.name} is being recorded", hint="end that talk first: voicechat ctl end")
    for folder in folders:
        remove(folder)
        print(f"removed {clean(str(folder), one_line=True)}")
    return exit_codes.DONE


def readable(folder: Path) -> Listed | None:
    try:
        return listed(folder)
    except TapeError as error:
        say(error.message)
        return None


def table(tapes: Sequence[Listed], width: int) -> list[str]:
    """Of each tape when, how long, turns, size, model, what is special; the first words; where it lies."""
    rows = [
        (
            moment(tape.started_at),
            duration(tape.length),
            f"{tape.turns} turn{'s' if tape.turns != 1 else ' '}",
            size(tape.size),
            (tape.model or tape.provider)[:24],
            remarks(tape),
        )
        for tape in tapes
    ]
    lines: list[str] = []
    for tape, line in zip(tapes, columns(rows, right=(1, 2, 3)), strict=True):
        lines.append(line)
        if words := clean(tape.first_words, one_line=True):
            lines.append(f"  “{words[: max(width, 40) - 4]}”")
        lines.append(f"  {clean(str(tape.folder), one_line=True)}")
    return lines


def remarks(tape: Listed) -> str:
    """What is special about a tape; nothing for most."""
    told = [tape.state] if tape.state != "whole" else []
    told += ["redacted"] if tape.redacted else []
    told += [] if tape.has_sound else ["no sound"]
    told += [] if tape.can_run else ["begun mid-talk"]
    return ", ".join(told)


def moment(iso: str) -> str:
    """`2026-11-21 10:00`, in local time as it was told."""
    try:
        return f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M}"
    except ValueError:
        return "?"


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"


def as_plain(tape: Listed) -> dict[str, object]:
    plain = {one.name: getattr(tape, one.name) for one in fields(Listed)}
    return plain | {"folder": str(tape.folder), "length": round(tape.length, 3)}


def written_at(folder: Path) -> float:
    try:
        return (folder / EVENTS_FILE).stat().st_mtime
    except OSError:
        return 0.0
