"""`voicechat serve --replay TAPE`: a server that answers as the one on the tape did, for the tests of any client."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from voicechat.errors import TapeError
from voicechat.journal.server_side import scripts_of
from voicechat.journal.source import open_source
from voicechat.local_server.house import House, load_senses
from voicechat.local_server.played_session import PlayHouse


@dataclass(frozen=True, slots=True)
class ReplayServing:
    """What is played. `speed` 1 is as fast as it was; `by_time`: without waiting for what the client does."""

    tape: Path
    speed: float = 1.0
    by_time: bool = False


def house_of(wanted: ReplayServing) -> House:
    """Raises TapeError for a tape without a session."""
    from voicechat.journal.tape_sound import SoundFile

    source = open_source(wanted.tape)
    sound = None
    if source.audio_file is not None:
        try:
            sound = SoundFile(source.audio_file)
        except TapeError as error:
            print(f"voicechat: {error}", file=sys.stderr)
    scripts = scripts_of(source, sound)
    return PlayHouse(load_senses, scripts=scripts, speed=wanted.speed, by_time=wanted.by_time)


def words_of(wanted: ReplayServing) -> str:
    """What a reader of stderr should know."""
    how = "at the recorded times" if wanted.by_time else "upon what the client does"
    pace = "" if wanted.speed == 1.0 else f", {wanted.speed:g} times as fast"
    return f"It plays the server's side of {wanted.tape.name}, {how}{pace}."
