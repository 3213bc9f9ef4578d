"""Files as reports: a tape with its sound, any log, a stereo recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from voicechat.errors import TapeError
from voicechat.insight.readers.log import Reading, read_log
from voicechat.insight.records import Finding, Record
from voicechat.insight.report import Report, diagnose, with_quotes, with_sound
from voicechat.insight.two_tracks import FRAME, Story, TurnTaking, disagreements, sound_findings, story_of, turn_taking
from voicechat.journal.tape import AUDIO_FILE, EVENTS_FILE
from voicechat.ui.sanitise import clean

LOGS = {".jsonl", ".json", ".log", ".txt", ".har", ".ndjson"}
"""Endings of the files that are read out of a folder."""
STEREO = "give a 16-bit stereo WAV, user left, assistant right; ffmpeg -i yours -c:a pcm_s16le out.wav makes 16 bits"


def report_of(
    name: str,
    least: float = 0.0,
    *,
    told: Callable[[int], None] = lambda events: None,
    also: Callable[[Record, Reading], None] | None = None,
    note: Callable[[str], object] = lambda note: None,
) -> Report:
    """One log or tape, diagnosed; for `told` and `also` see `diagnose`. `note` gets what was left out of it.

    Raises TapeError for a file that cannot be read.
    """
    path = Path(name)
    try:
        with path.open("rb") as stream:
            report = diagnose(stream, name, least=least, told=told, also=also)
            if report.causes and stream.seekable():
                stream.seek(0)
                report = with_quotes(report, stream)
        audio = path.with_name(AUDIO_FILE)
        if path.name != EVENTS_FILE or not audio.is_file():
            return report
        try:
            return with_sound(report, sound_of(audio), least, _story(path))
        except TapeError as error:
            note(f"{error.message}; its events are judged without it")
            return report
    except OSError as error:
        hint = "give a log, a tape, or -; list your tapes: voicechat history"
        raise TapeError(f"cannot read {clean(name)}: {error.strerror}", hint=hint) from error


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
