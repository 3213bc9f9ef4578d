"""A session as it reads: who said what and when, what was heard of it, and what tools did.

The transcript is not kept on the tape; it is what the core made of the events, so the core makes it once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from voicechat.core.state import Turn
from voicechat.core.turn_viewing import split
from voicechat.recording.rerun import Past, last_state
from voicechat.recording.tape import Tape

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
    turns = past.state.conversation.turns if past is not None else ()
    wishes = past.state.wishes if past is not None else None
    lines = tuple(line_of(turn, past) for turn in turns if past is not None and _is_worth_telling(turn))
    return Story(
        title=tape.folder.name,
        started_at=tape.started_at,
        provider=wishes.provider if wishes is not None else "",
        model=wishes.model if wishes is not None else "",
        voice=wishes.voice if wishes is not None else "",
        length=max((line.until for line in lines), default=past.t if past is not None else 0.0),
        lines=lines,
    )


def line_of(turn: Turn, past: Past) -> Line:
    """One turn at the end of its session, in session time."""
    zero = past.now - past.t
    began = min(at for at in (turn.at, turn.first_sound_at) if at is not None) if turn.who == "you" else turn.at
    if turn.who == "assistant" and turn.first_sound_at is not None:
        began = turn.first_sound_at
    ends = [at for at in (turn.last_sound_at, turn.complete_at if turn.who == "tool" else None) if at is not None]
    rate = past.state.conversation.chars_per_second
    heard = split(turn, past.now, rate) if turn.cut is not None else len(turn.text)
    spoken = len(turn.text[:heard]) / rate if turn.text else 0.0
    return Line(
        who=turn.who,
        t=max(0.0, round(began - zero, 3)),
        until=max(0.0, round(max(ends, default=began + spoken) - zero, 3)),
        text=turn.text,
        heard=heard,
        detail=turn.detail,
        cut_by=turn.cut.by if turn.cut is not None else "",
        latency=turn.latency,
        typed=turn.typed,
        failed=turn.failed,
    )


def _is_worth_telling(turn: Turn) -> bool:
    return bool(turn.text or turn.failed)
