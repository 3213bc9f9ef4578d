"""Everything that a tape or a log tells of a session, read once: what can be exported, compared and reported.

A log of somebody else's client is read by the readers of `diagnose`; it has fewer facts and the same shape.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from voicechat.config.settings import Settings
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import State
from voicechat.engine.link import EventRow, Finding
from voicechat.insight.metrics.ledger import Figures
from voicechat.journal.index import Film
from voicechat.journal.redaction import Guarded
from voicechat.journal.source import Source, open_source
from voicechat.journal.story import Story, story_told
from voicechat.ui.history import History


@dataclass(frozen=True, slots=True)
class PastTalk:
    """One session, over. Times are session time, seconds."""

    source: Source
    story: Story
    rows: tuple[EventRow, ...]
    """Every event, as the event list shows it; a row's `seq` is its place."""
    history: History
    """The lanes of the timeline, without levels."""
    findings: tuple[Finding, ...]
    figures: Figures
    state: State
    """How it ended."""
    policy: TurnPolicy
    now: float
    """The end, on the clock the core was given."""
    length: float
    problem: str
    """Why it could only be read in part; empty: it was read whole."""

    @property
    def audio_file(self) -> Path | None:
        """The sound, where it was recorded and may be shown."""
        return self.source.audio_file


def read_talk(path: Path, *, redact: bool = False) -> PastTalk:
    """A tape's folder, its `session.jsonl`, or a log. With `redact` no word and no sound is in what comes.

    Raises TapeError for what cannot be read at all.
    """
    source = open_source(path)
    film = Film(Guarded.of(source, words=not redact), Settings())
    film.develop(math.inf)
    shot = film.shot(film.length)
    # Some checks look at words: of a redacted session they would say what is not so.
    findings = read_talk(path).findings if redact else tuple(film.findings_at(math.inf).values())
    numbers = film.numbers_at(math.inf)
    started_at = source.head.get("started_at")
    began = started_at if isinstance(started_at, str) else ""
    return PastTalk(
        source=film.source,
        story=story_told(source.name, began, shot.state, shot.now, film.zero),
        rows=tuple(film.rows),
        history=history_of(film),
        findings=findings,
        figures=numbers.figures if numbers is not None else Figures(),
        state=shot.state,
        policy=shot.policy,
        now=shot.now,
        length=film.length,
        problem=film.problem,
    )


def history_of(film: Film) -> History:
    """The timeline's lanes as they stood at the end."""
    history = History()
    for row in film.rows:
        history.take_row(row)
    for span in film.mic:
        history.take_mic(span.t, is_open=span.is_open, reason=span.reason)
    history.now = max(history.now, film.length)
    return history
