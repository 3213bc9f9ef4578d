"""Everything that a tape or a log tells of a session, read once: what can be exported, compared and reported.

A log of another client is read by the readers of `diagnose`; it has fewer facts and the same shape. The transcript is
not kept on the tape: the core makes it once more from the events. It is exported as Markdown, plain text or subtitles.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from voicechat.config.otlp import EXTRA
from voicechat.config.settings import Settings
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import State, Turn
from voicechat.core.viewing import split
from voicechat.errors import require_extra
from voicechat.insight.metrics.ledger import Figures
from voicechat.insight.records import Finding
from voicechat.journal.entry import Entry
from voicechat.journal.index import Film
from voicechat.journal.redaction import ABOUT_TAPE, RedactedSource
from voicechat.journal.rerun import last_state
from voicechat.journal.source import Source, open_source
from voicechat.journal.tape import Tape
from voicechat.transcription.formats import Result, rendered
from voicechat.transcription.transcript import Passage
from voicechat.ui.history import History

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """One turn at the end of its session. Times are session time, seconds."""

    turn: Turn
    t: float
    until: float
    heard: int
    """Characters of its text that were heard; all of them unless an answer was cut."""

    @property
    def cut_by(self) -> str:
        return self.turn.cut.by if self.turn.cut is not None else ""

    @property
    def said(self) -> str:
        """What was heard."""
        return self.turn.text[: self.heard]

    @property
    def unheard(self) -> str:
        """What was made and never heard."""
        return self.turn.text[self.heard :]


@dataclass(frozen=True, slots=True)
class Transcript:
    """A whole session."""

    title: str
    started_at: str
    provider: str
    model: str
    voice: str
    length: float
    lines: tuple[TranscriptLine, ...]


def transcript_of(tape: Tape) -> Transcript:
    """Raises TapeError for a tape that cannot be read or run."""
    past = last_state(tape)
    if past is None:
        return Transcript(tape.folder.name, tape.started_at, "", "", "", 0.0, ())
    return transcript_from(tape.folder.name, tape.started_at, past.state, past.now, past.now - past.t)


def transcript_from(title: str, started_at: str, state: State, now: float, zero: float) -> Transcript:
    """The transcript of a session that ended in this state at `now`; times count from `zero` on the same clock."""
    rate = state.conversation.chars_per_second
    lines = tuple(line_of(turn, now, zero, rate) for turn in state.conversation.turns if _is_worth_telling(turn))
    wishes = state.wishes
    length = max((line.until for line in lines), default=now - zero)
    return Transcript(title, started_at, wishes.provider, wishes.model, wishes.voice, length, lines)


def line_of(turn: Turn, now: float, zero: float, rate: float) -> TranscriptLine:
    """One turn at the end of its session, in session time; `rate` characters a second where nothing is known."""
    began = turn.at if turn.first_sound_at is None else turn.first_sound_at
    if turn.who == "you":
        began = min(began, turn.at)
    heard = split(turn, now, rate) if turn.cut is not None else len(turn.text)
    return TranscriptLine(
        turn,
        t=max(0.0, round(began - zero, 3)),
        until=max(0.0, round(_end_of(turn, began, heard / rate) - zero, 3)),
        heard=heard,
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


SHORTEST_SUBTITLE = 0.8
"""Seconds; what flashes by cannot be read."""
NOTHING = "…"
"""Stands for speech of which no words came."""
NAMES = {"you": "You", "assistant": "Assistant", "tool": "Tool", "note": "Note"}


def as_markdown(transcript: Transcript) -> str:
    """For a wiki or an issue: the unheard part of a cut answer is struck out."""
    head = [f"# {transcript.title}", "", _about(transcript), ""]
    return "\n".join([*head, *(_markdown_line(line) for line in transcript.lines)]).rstrip() + "\n"


def as_text(transcript: Transcript) -> str:
    """For reading anywhere: the unheard part stands in brackets."""
    return (
        "\n".join([f"{transcript.title} · {_about(transcript)}", "", *(_text_line(line) for line in transcript.lines)])
        + "\n"
    )


def as_subtitles(transcript: Transcript) -> str:
    """SubRip: both sides, where they were heard; notes and tools are not."""
    spoken = tuple(
        Passage(line.t, max(line.until, line.t + SHORTEST_SUBTITLE), line.said, NAMES[line.turn.who])
        for line in transcript.lines
        if line.turn.who in ("you", "assistant") and line.said.strip()
    )
    return rendered(Result("", spoken), "srt")


def clock(seconds: float) -> str:
    """`1:02`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _about(transcript: Transcript) -> str:
    parts = (
        transcript.started_at,
        " ".join(part for part in (transcript.provider, transcript.model, transcript.voice) if part),
    )
    return " · ".join(part for part in (*parts, f"{clock(transcript.length)} min") if part)


def _markdown_line(line: TranscriptLine) -> str:
    said = _escaped(line.said) or NOTHING
    if line.unheard.strip():
        said += f" ~~{_escaped(line.unheard.strip())}~~"
    if line.turn.who == "tool":
        told = f"`{line.turn.text}` {_escaped(line.turn.detail)}{_failed(line)}"
        return f"- `{clock(line.t)}` **{NAMES['tool']}** {told}\n"
    if line.turn.who == "note":
        return f"> `{clock(line.t)}` {said}\n"
    beneath = f"  \n*↳ {_escaped(line.turn.translation)}*" if line.turn.translation else ""
    return f"**{NAMES[line.turn.who]}** `{clock(line.t)}`{_asides(line)}  \n{said}{_failed(line)}{beneath}\n"


def _text_line(line: TranscriptLine) -> str:
    unheard = f" [not heard: {line.unheard.strip()}]" if line.unheard.strip() else ""
    detail = f" {line.turn.detail}" if line.turn.who == "tool" and line.turn.detail else ""
    beneath = f"\n{'':>19}↳ {line.turn.translation}" if line.turn.translation else ""
    told = f"{line.said or NOTHING}{detail}{unheard}{_asides(line)}{_failed(line)}"
    return f"{clock(line.t):>6}  {NAMES[line.turn.who] + ':':<10} {told}{beneath}"


def _asides(line: TranscriptLine) -> str:
    turn = line.turn
    told = ["typed"] if turn.typed else []
    told += [f"cut by {line.cut_by}"] if line.cut_by else []
    told += [f"after {turn.latency:.2f} s"] if turn.latency is not None and turn.who == "assistant" else []
    return f" ({', '.join(told)})" if told else ""


def _failed(line: TranscriptLine) -> str:
    return f" (failed: {line.turn.failed})" if line.turn.failed else ""


def _escaped(text: str) -> str:
    """Words that would be taken for Markdown stay words."""
    return "".join(_marks(text))


def _marks(text: str) -> Iterator[str]:
    for mark in " ".join(text.split()):
        yield f"\\{mark}" if mark in "\\`*_{}[]<>#|~" else mark


@dataclass(frozen=True, slots=True)
class PastTalk:
    """One session, over. Times are session time, seconds."""

    source: Source
    transcript: Transcript
    rows: tuple[Entry, ...]
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
    film = Film(RedactedSource.of(source, words=not redact), Settings())
    film.develop(math.inf)
    shot = film.shot(film.length)
    # Some checks look at words: of a redacted session they would say what is not so.
    findings = read_talk(path).findings if redact else tuple(film.findings_at(math.inf).values())
    numbers = film.numbers_at(math.inf)
    started_at = source.head.get("started_at")
    began = started_at if isinstance(started_at, str) else ""
    return PastTalk(
        source=film.source,
        transcript=transcript_from(source.name, began, shot.state, shot.now, film.zero),
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


def spans_of(talk: PastTalk, *, words: bool) -> Sequence[ReadableSpan]:
    """The spans of a tape or a log; the same ones each time. Raises ConfigError without the extra `otel`."""
    require_extra(*EXTRA)
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from voicechat.journal.spans import SessionSpans, tracer_to

    source = talk.source
    began_at = source.file.stat().st_mtime - talk.length
    with contextlib.suppress(ValueError):
        began_at = datetime.fromisoformat(talk.transcript.started_at).timestamp()
    seed = f"{source.name} {began_at} {talk.length} {len(talk.rows)}"
    spans = InMemorySpanExporter()
    tracer = tracer_to(SimpleSpanProcessor(spans), seed)
    made = SessionSpans(began_at, tracer, "tape", talk.transcript.provider, words=words)
    made.found(talk.findings)
    for entry in source.entries():
        translated = entry.data.get("event") if entry.kind == "input" else None
        if entry.kind == "event":
            made.feed(entry.t, entry.dir, entry.data)
        elif isinstance(translated, dict):  # GPT-Live: what was made of its events
            made.feed(entry.t, "in", translated)
        made.finish_turns(entry.t)
    made.end(talk.length)
    return spans.get_finished_spans()
