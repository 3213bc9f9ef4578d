"""What was said in the talk from which a new one goes on, from its tape."""

from __future__ import annotations

from voicechat.config.locations import tapes_dir, tapes_root
from voicechat.config.settings import Settings
from voicechat.core.continuing import turns_of
from voicechat.core.state import Turn
from voicechat.core.turn_viewing import turn_views
from voicechat.errors import TapeError
from voicechat.journal.history import find_tape
from voicechat.journal.rerun import last_state
from voicechat.journal.tape import read_tape


def turns_before(settings: Settings, now: float) -> tuple[Turn, ...]:
    """The turns of `--continue`, over at `now`; none without it. Raises TapeError for a tape that cannot be told."""
    if not settings.continue_from:
        return ()
    tape = read_tape(find_tape(settings.continue_from, (tapes_root(settings.record), tapes_dir())))
    if tape.head.get("redacted") is True:
        raise TapeError(f"{tape.folder.name} was redacted: nobody knows what was said", hint="continue another tape")
    past = last_state(tape)
    return () if past is None else turns_of(turn_views(past.state, past.now), now)
