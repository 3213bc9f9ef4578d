"""`voicechat replay TAPE`: the screen fed from a tape; with `--check`, the core run over it again and compared.

`voicechat replay TAPE`: the screen of a talk, fed from its tape.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from voicechat import exit_codes
from voicechat.cli.printing import print_json
from voicechat.cli.tapes import tape_named
from voicechat.config.load import load_settings
from voicechat.errors import ConfigError, TapeError
from voicechat.journal.replay import ReplayEngine
from voicechat.journal.rerun import Checked, Difference, check
from voicechat.journal.source import Source, open_source
from voicechat.journal.speaker import NoSpeaker, PlayerProcess, Speaker
from voicechat.journal.tape import Tape, read_tape
from voicechat.ui.sanitise import clean


def show_replay(
    path: Path, flags: Mapping[str, Any], config: Path | None, *, speed: float = 1.0, at: float = 0.0
) -> int:
    """Show a tape, or anybody's log, until the user leaves.

    Raises TapeError for what cannot be read, ConfigError where there is no screen to show it on.
    """
    from msgspec.structs import replace

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


DIFFERS = exit_codes.FAILED_TURN


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    tape: str
    check: bool
    as_json: bool
    speed: float
    at: float
    """Session time to begin at, seconds."""


def replay_command(flags: Mapping[str, Any], config: Path | None, options: ReplayOptions) -> int:
    """Exit 0; with --check 1 where a decision differs. Raises TapeError for what is no tape or cannot be run (2)."""
    path = tape_named(options.tape, config)
    if options.check:
        return check_command(read_tape(path), as_json=options.as_json)
    return show_replay(path, flags, config, speed=options.speed, at=options.at)


def check_command(tape: Tape, *, as_json: bool) -> int:
    checked = check(tape)
    if as_json:
        plain = asdict(checked)
        plain |= {"first": plain.pop("difference"), "differences": int(checked.difference is not None)}
        print_json(plain)
    else:
        print("\n".join(in_words(checked)))
    return exit_codes.DONE if checked.difference is None else DIFFERS


def in_words(checked: Checked) -> list[str]:
    inputs, effects = counted(checked.inputs, "input"), counted(checked.effects, "effect")
    if checked.difference is None:
        cut = "; the tape is cut off in the middle of the last input, which was left out" if checked.is_cut else ""
        return [f"0 differences: {inputs} run again, {effects} compared{cut}"]
    found = checked.difference
    return [
        f"the core decides otherwise at line {found.line}, {found.t:.3f} s "
        f"(the {effects} before it, upon {counted(checked.inputs - 1, 'input')}, are the same)",
        f"  input     {told(found.input)}",
        *sides(found),
    ]


def sides(found: Difference) -> list[str]:
    """Both decisions, effect by effect: what is the same once, what differs by its side."""
    lines: list[str] = []
    for number in range(max(len(found.recorded), len(found.now))):
        was = found.recorded[number] if number < len(found.recorded) else None
        now = found.now[number] if number < len(found.now) else None
        if was == now and was is not None:
            lines.append(f"  both      {told(was)}")
            continue
        lines.append(f"  recorded  {told(was) if was is not None else '(nothing)'}")
        lines.append(f"  now       {told(now) if now is not None else '(nothing)'}")
    return lines


def told(plain: Mapping[str, Any]) -> str:
    """`conversation.item.create item={...} event_id="..."`, fit for a terminal."""
    values = {name: json.dumps(value, ensure_ascii=False) for name, value in plain.items() if name != "type"}
    fields = " ".join(f"{name}={value}" for name, value in values.items())
    return clean(f"{plain.get('type', '?')} {fields}".strip(), one_line=True)


def counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
