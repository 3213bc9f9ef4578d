"""What the timeline remembers: levels in ticks of 50 ms, spans and marks by lane, in session time (seconds).

Filled from the events that flow and from the state of the microphone; hours of talk stay small (one byte a tick and
voice), and what is in sight is found by bisection.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from voicechat.journal.entry import Entry, refs_of, summary_of
from voicechat.ui.sanitise import clean

TICK = 0.05
"""Seconds of one level; as often as the engine reports them."""
SILENT = -100
"""dBFS kept for no sound at all."""
HOLD = 4
"""Ticks that one report may stand for."""
KEEP_HOURS = 8
LONGEST_LANE = 20_000
"""Spans or marks a lane keeps; the oldest half goes when it is full."""

Kind = Literal["vad", "open", "closed", "waiting", "generating", "playing", "answer", "silence"]
MarkKind = Literal["started", "stopped", "committed", "cut", "failed", "error"]


@dataclass(slots=True)
class Span:
    kind: Kind
    start: float
    end: float | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    kind: MarkKind
    at: float
    words: str = ""


def _bound(lane: list[Any]) -> None:
    if len(lane) >= LONGEST_LANE:
        del lane[: LONGEST_LANE // 2]


@dataclass(slots=True)
class Lane:
    """Spans that follow each other, oldest first."""

    spans: list[Span] = field(default_factory=list)

    def begin(self, kind: Kind, at: float, words: str = "") -> Span:
        """A new span; one that is still open ends here."""
        self.finish(at)
        _bound(self.spans)
        self.spans.append(Span(kind, at, None, words))
        return self.spans[-1]

    def finish(self, at: float) -> Span | None:
        """End the open span, if there is one."""
        last = self.open
        if last is not None:
            last.end = max(at, last.start)
        return last

    @property
    def open(self) -> Span | None:
        return self.spans[-1] if self.spans and self.spans[-1].end is None else None

    def between(self, start: float, end: float) -> list[Span]:
        """Every span that touches this stretch."""
        first = bisect_left(self.spans, start, key=lambda span: span.start)
        while first > 0 and (self.spans[first - 1].end is None or (self.spans[first - 1].end or 0.0) >= start):
            first -= 1
        return self.spans[first : bisect_right(self.spans, end, key=lambda span: span.start)]


class Levels:
    """The loudest sample of each tick, dBFS, one byte each."""

    def __init__(self) -> None:
        self._levels = array("b")

    def put(self, at: float, level: float | None) -> None:
        """`level` dBFS (None: silence) since the report before; a longer gap than `HOLD` was silent."""
        place = int(at / TICK)
        if place < 0 or place > KEEP_HOURS * 3600 / TICK:
            return
        value = SILENT if level is None else max(SILENT, min(0, round(level)))
        missing = place - len(self._levels) + 1
        if missing > 0:
            self._levels.extend([value if missing <= HOLD else SILENT] * missing)
        self._levels[place] = max(self._levels[place], value)

    def fill(self, start: float, levels: bytes) -> None:
        """Levels from `start` on, one signed byte a tick."""
        place, more = round(start / TICK), array("b", levels)
        if not more or place + len(more) > KEEP_HOURS * 3600 / TICK:
            return
        self._levels.extend([SILENT] * max(0, place - len(self._levels)))
        self._levels[place : place + len(more)] = more

    def loudest(self, start: float, end: float) -> int:
        """dBFS of the loudest tick that begins in [start, end)."""
        first = max(0, int(start / TICK + 0.999))
        last = max(first + 1, int(end / TICK + 0.999))
        return max(self._levels[first:last], default=SILENT)


class History:
    """Every lane. `take_row`, `take_levels` and `take_mic` fill it; `lanes` draws it."""

    def __init__(self) -> None:
        self.you = Levels()
        self.sent = Levels()
        """Your level while it left this machine; what a closed mic heard is only in `you`."""
        self.assistant = Levels()
        self.vad = Lane()
        self.mic = Lane()
        self.reply = Lane()
        self.waits: list[Span] = []
        self.marks: list[Mark] = []
        self.now = 0.0
        self._audio_zero: float | None = None
        self._vad_began_ms: object = None
        self._voice_ended: float | None = None
        self._cut_from: float | None = None
        """When the sound that is heard was told to end."""
        self._silent_at: float | None = None
        """When the loudspeaker fell silent; None while it plays, and before the first answer."""

    def take_levels(self, at: float, you: float | None, assistant: float | None, *, sent: bool) -> None:
        self.now = max(self.now, at)
        self.you.put(at, you)
        if sent:
            self.sent.put(at, you)
        self.assistant.put(at, assistant)

    def fill(self, start: float, you: bytes, assistant: bytes) -> None:
        """Levels of a whole stretch, one signed byte a tick; `take_mic` has told already what of it was sent."""
        self.you.fill(start, you)
        self.assistant.fill(start, assistant)
        first, end = int(start / TICK), int(start / TICK) + len(you)
        for span in self.mic.between(start, start + len(you) * TICK):
            if span.kind == "open":
                began = max(first, int(span.start / TICK))
                until = end if span.end is None else min(end, int(span.end / TICK))
                self.sent.fill(began * TICK, you[began - first : max(0, until - first)])

    def take_mic(self, at: float, *, is_open: bool, reason: str) -> None:
        """The state of the microphone; only a change begins a new span."""
        self.now = max(self.now, at)
        kind: Kind = "open" if is_open else "closed"
        last = self.mic.open
        if last is None or last.kind != kind or last.words != reason:
            self.mic.begin(kind, at, reason)

    def take_row(self, row: Entry) -> None:
        self.now = max(self.now, row.t)
        self._take_of_you(row)
        self._take_of_response(row)
        self._take_local(row)
        if row.type == "error" and "harmless" not in row.tags:
            self._mark("error", row.t, summary_of(row))

    def _take_of_you(self, row: Entry) -> None:
        match row.type:
            case "input_audio_buffer.speech_started":
                self._vad_began_ms = row.event.get("audio_start_ms")
                at = self._audio_time(self._vad_began_ms, row.t)
                self.vad.begin("vad", at)
                self._mark("started", at)
            case "input_audio_buffer.speech_stopped":
                at = self._audio_time(row.event.get("audio_end_ms"), row.t)
                self._move_start(self._audio_time(self._vad_began_ms, at))
                self.vad.finish(at)
                self._mark("stopped", at)
                self._wait_for_answer(row.t)
            case "input_audio_buffer.committed":
                self._mark("committed", row.t)
                self._wait_for_answer(row.t)
            case "response.create" if row.dir == "out":
                self._wait_for_answer(row.t)

    def _move_start(self, at: float) -> None:
        """The end may have shown that the server's clock began earlier than its start had allowed."""
        span = self.vad.open
        if span is not None and at < span.start:
            self.marks = [mark for mark in self.marks if (mark.kind, mark.at) != ("started", span.start)]
            span.start = at
            self._mark("started", at)

    def _take_of_response(self, row: Entry) -> None:
        running = self.reply.open
        match row.type:
            case "response.created":
                self.reply.begin("generating", row.t, name_of(row))
            case "response.done":
                if running is not None and (running.kind, running.words) == ("generating", name_of(row)):
                    self._finish_response(row, running.words, running.start)
            case "output_audio_buffer.stopped" | "output_audio_buffer.cleared":
                if running is not None and running.kind == "playing":
                    self.reply.finish(row.t)
                    if row.type == "output_audio_buffer.cleared":
                        self._mark("cut", row.t, "cut")

    def _finish_response(self, row: Entry, words: str, running_since: float) -> None:
        response = row.event.get("response")
        status = response.get("status") if isinstance(response, Mapping) else ""
        is_heard_out = self._silent_at is not None and running_since <= self._silent_at
        if status == "completed" and not is_heard_out:
            self.reply.begin("playing", row.t, words)
            return
        self.reply.finish(row.t)
        if status in ("failed", "incomplete"):
            self._mark("failed", row.t, str(status))
        elif status == "cancelled":
            self._mark("cut", row.t, "cut")

    def _take_local(self, row: Entry) -> None:
        match row.type:
            case "voice.ended":
                self._voice_ended = _past(row.event.get("ended_at"), row.t)
            case "text.entered":
                self._voice_ended = row.t
                self._wait_for_answer(row.t)
            case "assistant.audible":
                self._cut_from = self._silent_at = None  # a stop before this sound was not of it
                if self._voice_ended is not None and row.t - self._voice_ended < 60.0:
                    self._wait("answer", self._voice_ended, row.t)
                self._voice_ended = None
            case "assistant.silent":
                running, since, self._cut_from = self.reply.open, self._cut_from, None
                if running is not None and running.kind == "playing":
                    self.reply.finish(row.t)
                    if since is not None:
                        self._mark("cut", row.t, "cut")
                at = self._silent_at = _past(row.event.get("last_audible_at"), row.t)
                if since is not None and at - since < 10.0:
                    self._wait("silence", since, max(since, at))
            case "stop.pressed":
                self._cut_from = row.t
            case "barge_in.happened":
                self._cut_from = _past(row.event.get("voice_began_at"), row.t)

    def _wait_for_answer(self, at: float) -> None:
        if self.reply.open is None:
            self.reply.begin("waiting", at)

    def _wait(self, kind: Kind, start: float, end: float) -> None:
        _bound(self.waits)
        self.waits.append(Span(kind, start, end))

    def _mark(self, kind: MarkKind, at: float, words: str = "") -> None:
        _bound(self.marks)
        place = bisect_right(self.marks, at, key=lambda mark: mark.at)
        self.marks.insert(place, Mark(kind, at, words))

    def _audio_time(self, milliseconds: object, arrived: float) -> float:
        """A moment of the server's audio clock in session time.

        The clock's zero is not told; an event cannot arrive before what it tells of, so the earliest zero that any
        event allows is taken, and the distance from the end of the wave to the end of the span is the server's wait.
        """
        if not isinstance(milliseconds, int | float) or isinstance(milliseconds, bool):
            return arrived
        zero = arrived - milliseconds / 1000
        if self._audio_zero is None or zero < self._audio_zero or zero > self._audio_zero + 60.0:
            self._audio_zero = zero
        return max(0.0, self._audio_zero + milliseconds / 1000)


def name_of(row: Entry) -> str:
    """The response of an event: `resp_8`, or the end of a long id."""
    id = clean(refs_of(row.event)[0], one_line=True)
    return id if len(id) <= 10 else "…" + id[-6:]


def _past(at: object, now: float) -> float:
    """A moment that an event names, if it can be one; else when the event came."""
    return float(at) if isinstance(at, int | float) and 0 <= at <= now else now
