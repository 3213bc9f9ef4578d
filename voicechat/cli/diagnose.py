"""`voicechat diagnose FILE...`: what went wrong in a session, from a tape or from anybody's log."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from voicechat import exit_codes
from voicechat.cli.diagnose_words import Words
from voicechat.errors import TapeError
from voicechat.insight.findings import Finding
from voicechat.insight.readers.log import Reading, read_log
from voicechat.insight.report import Report, as_plain, diagnose, of_sound, with_quotes, with_sound
from voicechat.insight.sound_against_events import Story, disagreements, story_of
from voicechat.insight.two_tracks import FRAME, TurnTaking, sound_findings, turn_taking
from voicechat.journal.tape import AUDIO_FILE, EVENTS_FILE
from voicechat.ui.sanitise import clean

FOUND = exit_codes.FAILED_TURN
LOGS = {".jsonl", ".json", ".log", ".txt", ".har", ".ndjson"}
"""Endings of the files that are read out of a folder."""
STEREO = "give a 16-bit stereo WAV, user left, assistant right; ffmpeg -i yours -c:a pcm_s16le out.wav makes 16 bits"
QUIET = 1.0
"""Seconds after which the reader says how far it is."""
EVERY = 0.5


def diagnose_command(
    files: Sequence[str], *, as_json: bool, min_confidence: float = 0.0, sounds: Sequence[str] = ()
) -> int:
    """Exit 0: every log is healthy. 1: something was found or not understood, or there was too little to judge.

    2: a file cannot be read, or nothing was given to read.
    """
    if not 0.0 <= min_confidence <= 1.0:
        print("voicechat: --min-confidence goes from 0 to 1, such as 0.8", file=sys.stderr)
        return exit_codes.USAGE
    reports: list[Report] = []
    unread = False
    logs = files or ([] if sounds else ["-"])
    for name, is_sound in (*((name, False) for name in logs), *((name, True) for name in sounds)):
        try:
            if is_sound:
                reports.append(of_sound(name, sound_of(Path(name)), min_confidence))
            else:
                reports += [report_of(path, min_confidence) for path in logs_in(name)]
        except TapeError as error:
            unread = True
            print(f"voicechat: {error}", file=sys.stderr)
    if as_json:
        told = [as_plain(report) for report in reports]
        print(json.dumps(told[0] if len(told) == 1 else {"files": told}, ensure_ascii=False))
    elif reports:
        words = Words(shutil.get_terminal_size((80, 24)).columns, is_coloured=_has_colours())
        print("\n\n".join(words.of(report) for report in reports))
    if unread:
        return exit_codes.USAGE
    return exit_codes.DONE if all(report.is_healthy for report in reports) else FOUND


def sound_of(path: Path) -> TurnTaking:
    """Turn taking in a 16-bit stereo WAV, the user left, the assistant right. Raises TapeError for any other file."""
    from voicechat.journal.tape_sound import SoundFile

    try:
        sound = SoundFile(path)
    except TapeError as error:
        why = error.__cause__.strerror if isinstance(error.__cause__, OSError) else error.__cause__
        raise TapeError(f"cannot read {clean(str(path))}: {why}", hint=STEREO) from error
    if sound.channels != 2:
        raise TapeError(f"{clean(str(path))} has one channel", hint=STEREO)
    return turn_taking(*sound.levels(0.0, sound.length, every=FRAME))


def sound_report(tape: Path) -> tuple[list[Finding], TurnTaking]:
    """What is wrong with a tape's sound, alone and against its events; and who spoke when.

    Raises TapeError for a tape without readable sound.
    """
    heard = sound_of(tape / AUDIO_FILE)
    return sound_findings(heard) + disagreements(heard, _story(tape / EVENTS_FILE)), heard


def _story(events: Path) -> Story:
    with events.open("rb") as stream:
        return story_of(read_log(stream, Reading()))


def logs_in(name: str) -> list[str]:
    """A file is itself, a tape its events, a folder all tapes and logs in it. Raises TapeError for an empty folder."""
    path = Path(name)
    if name == "-" or not path.is_dir():
        return [name]
    if (path / EVENTS_FILE).exists():
        return [str(path / EVENTS_FILE)]
    inside = sorted(path.iterdir())
    tapes = [str(one / EVENTS_FILE) for one in inside if (one / EVENTS_FILE).is_file()]
    logs = [str(one) for one in inside if one.is_file() and one.suffix.lower() in LOGS]
    if not tapes and not logs:
        raise TapeError(
            f"there is neither a tape nor a log in {clean(name)}", hint="give a log, or the folder of a tape"
        )
    return tapes + logs


def report_of(name: str, least: float = 0.0) -> Report:
    """Raises TapeError for a file that cannot be read."""
    if name == "-":
        pasted = _pasted()
        report = diagnose(io.BytesIO(pasted), "standard input", least=least, told=_teller("standard input"))
        return with_quotes(report, io.BytesIO(pasted))
    try:
        with Path(name).open("rb") as stream:
            report = diagnose(stream, name, least=least, told=_teller(name))
            if report.causes and stream.seekable():
                stream.seek(0)
                report = with_quotes(report, stream)
        return _with_audio(report, Path(name).parent / AUDIO_FILE, least) if Path(name).name == EVENTS_FILE else report
    except OSError as error:
        hint = "give a log, the folder of a tape, or -"
        raise TapeError(f"cannot read {clean(name)}: {error.strerror}", hint=hint) from error


def _with_audio(report: Report, audio: Path, least: float) -> Report:
    """A tape's report with its audio in it; without a file, or with an unreadable one, the events stand alone."""
    if not audio.is_file():
        return report
    try:
        return with_sound(report, sound_of(audio), least, _story(audio.with_name(EVENTS_FILE)))
    except TapeError as error:
        print(f"voicechat: {error.message}; its events are judged without it", file=sys.stderr)
        return report


def _pasted() -> bytes:
    if sys.stdin.isatty():
        ends = "Ctrl+Z and Enter" if os.name == "nt" else "Ctrl+D"
        print(f"Paste the log, and end with {ends} on a line of its own.", file=sys.stderr, flush=True)
    return sys.stdin.buffer.read()


def _teller(name: str) -> Callable[[int], None]:
    """Says on stderr how far the reading is, once it takes a while."""
    began = last = time.monotonic()
    is_screen = sys.stderr.isatty()

    def tell(events: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - began < QUIET or now - last < EVERY or (not is_screen and now - last < 10 * EVERY):
            return
        last = now
        print(f"{clean(name)}: {events:,} events so far", end="\r" if is_screen else "\n", file=sys.stderr, flush=True)

    return tell


def _has_colours() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
