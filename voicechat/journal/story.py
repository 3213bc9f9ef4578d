"""A session as it reads: who said what and when, what was heard of it, and what tools did.

The transcript is not kept on the tape; it is what the core made of the events, so the core makes it once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from voicechat.core.state import State, Turn
from voicechat.core.turn_viewing import split
from voicechat.journal.rerun import last_state
from voicechat.journal.tape import Tape

ABOUT_TAPE = "tape_"
"""How the codes of notes begin that tell of the tape itself."""
Who = Literal["you", "assistant", "tool", "note"]


@dataclass(frozen=True, slots=True)
class Line:
    """One turn. Times are session time, seconds."""

    who: Who
    t: float
    until: float
    text: str
    """All of it; of a tool its name."""
    heard: int
    """Characters of `text` that were heard; all of them unless an answer was cut."""
    detail: str = ""
    """Of a tool: arguments and result. Of a note: its code."""
    cut_by: str = ""
    latency: float | None = None
    typed: bool = False
    failed: str = ""
    item_id: str = ""
    response_id: str = ""
    cut_at: float = 0.0
    """Seconds of a cut answer that were heard."""
    level: str = "info"
    """Of a note."""
    translation: str = ""
    """Of what was heard, in the language of `--translate`."""

    @property
    def said(self) -> str:
        """What was heard."""
        return self.text[: self.heard]

    @property
    def unheard(self) -> str:
        """What was made and never heard."""
        return self.text[self.heard :]


@dataclass(frozen=True, slots=True)
class Story:
    """A whole session."""

    title: str
    started_at: str
    provider: str
    model: str
    voice: str
    length: float
    lines: tuple[Line, ...]


def story_of(tape: Tape) -> Story:
    """Raises TapeError for a tape that cannot be read or run."""
    past = last_state(tape)
    if past is None:
        return Story(tape.folder.name, tape.started_at, "", "", "", 0.0, ())
    return story_told(tape.folder.name, tape.started_at, past.state, past.now, past.now - past.t)


def story_told(title: str, started_at: str, state: State, now: float, zero: float) -> Story:
    """The story of a session that ended in this state at `now`; `zero` is the moment on that clock that times count
    from."""
    rate = state.conversation.chars_per_second
    lines = tuple(line_of(turn, now, zero, rate) for turn in state.conversation.turns if _is_worth_telling(turn))
    wishes = state.wishes
    length = max((line.until for line in lines), default=now - zero)
    return Story(title, started_at, wishes.provider, wishes.model, wishes.voice, length, lines)


def line_of(turn: Turn, now: float, zero: float, rate: float) -> Line:
    """One turn at the end of its session, in session time; `rate` characters a second where nothing is known."""
    began = turn.at if turn.first_sound_at is None else turn.first_sound_at
    if turn.who == "you":
        began = min(began, turn.at)
    heard = split(turn, now, rate) if turn.cut is not None else len(turn.text)
    return Line(
        who=turn.who,
        t=max(0.0, round(began - zero, 3)),
        until=max(0.0, round(_end_of(turn, began, heard / rate) - zero, 3)),
        text=turn.text,
        heard=heard,
        detail=turn.detail,
        cut_by=turn.cut.by if turn.cut is not None else "",
        latency=turn.latency,
        typed=turn.typed,
        failed=turn.failed,
        item_id=turn.item_id,
        response_id=turn.response_id,
        cut_at=round(turn.cut.heard, 2) if turn.cut is not None else 0.0,
        level=turn.level,
        translation=turn.translation or "",
    )


def _end_of(turn: Turn, began: float, spoken: float) -> float:
    """The end of its sound where that is known, else as long as its words take."""
    known = turn.complete_at if turn.who == "tool" else turn.last_sound_at
    return began + spoken if known is None else max(began, known)


def _is_worth_telling(turn: Turn) -> bool:
    """Words, a failure, or speech of yours of which nothing was understood; not where the tape lies."""
    if turn.who == "note" and turn.detail.startswith(ABOUT_TAPE):
        return False
    return bool(turn.text or turn.failed) or (turn.who == "you" and turn.committed)
