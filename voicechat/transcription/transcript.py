"""What was written down so far, out of the events of a session. Pure: events in, passages out.

The words of an item come when they come: before its commit, long after the next item's, twice, or never. Items stand
in the order of the recording, and every time is in seconds of the recording.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from voicechat.insight.metrics.prices import Tokens, Usage
from voicechat.protocol.items import Usage as WireUsage
from voicechat.protocol.server_events import (
    ConversationItemInputAudioTranscriptionCompleted as Completed,
    ConversationItemInputAudioTranscriptionDelta as Delta,
    ConversationItemInputAudioTranscriptionFailed as Failed,
    ConversationItemInputAudioTranscriptionSegment as Segment,
    ConversationItemInputAudioTranscriptionUpdated as Updated,
    InputAudioBufferCommitted as Committed,
    InputAudioBufferSpeechStarted as SpeechStarted,
    InputAudioBufferSpeechStopped as SpeechStopped,
    ServerEvent,
)

_SHORTEST = 0.2
"""Seconds that a passage lasts at least: a subtitle without length is not shown."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Something that was said. Times are seconds of the recording."""

    start: float
    end: float
    text: str
    speaker: str = ""


@dataclass(slots=True)
class Entry:
    """What is known of one item."""

    item_id: str
    start: float | None = None
    end: float | None = None
    texts: dict[int, str] = field(default_factory=dict)
    """Final words by content index."""
    deltas: str = ""
    segments: dict[str, Passage] = field(default_factory=dict)
    """Within the item, by id."""
    is_done: bool = False
    problem: str = ""
    is_claimed: bool = False
    """It is one of the stretches that we committed."""

    @property
    def text(self) -> str:
        """The words, as final as they are."""
        final = " ".join(self.texts[index].strip() for index in sorted(self.texts))
        return final if self.is_done else self.deltas.strip()


class Transcript:
    """The items of one session, which begins at `start` seconds of the recording."""

    def __init__(self, start: float = 0.0) -> None:
        self.start = start
        self.base = start
        """Where in the recording the session's clock is zero: earlier than `start` where silence came first."""
        self.usage = Usage()
        self._entries: dict[str, Entry] = {}
        self._order: list[str] = []
        self._claims: list[tuple[float, float]] = []
        """Stretches that we committed and that no item was named for yet."""

    def claim(self, start: float, end: float) -> None:
        """We commit this stretch (seconds of the recording); the next item that is named is it."""
        self._claims.append((start, end))

    def unclaim(self) -> None:
        """The service refused the oldest commit that was not answered."""
        del self._claims[:1]

    @property
    def claims(self) -> int:
        """Commits that were not answered yet."""
        return len(self._claims)

    def take(self, event: ServerEvent) -> Entry | None:
        """The item that changed by this event, if one did."""
        match event:
            case SpeechStarted(item_id=str(item_id), audio_start_ms=start):
                entry = self._entry(item_id)
                entry.start = self._time(start)
                return entry
            case SpeechStopped(item_id=str(item_id), audio_end_ms=end):
                entry = self._entry(item_id)
                entry.end = self._time(end)
                return entry
            case Committed(item_id=str(item_id), previous_item_id=previous):
                return self._committed(item_id, previous)
            case Delta() | Updated() | Completed() | Segment() | Failed():
                return self._words(event)
        return None

    def _words(self, event: Delta | Updated | Completed | Segment | Failed) -> Entry | None:
        if event.item_id is None:
            return None
        entry = self._entry(event.item_id)
        if isinstance(event, Completed | Failed):
            self._give_claim(entry)
        match event:
            case Delta(delta=piece) if not entry.is_done:
                entry.deltas += piece
            case Updated(transcript=text) if not entry.is_done:
                entry.deltas = text
            case Completed(content_index=index, transcript=text, usage=usage):
                if usage is not None and index not in entry.texts:
                    self.usage += _usage(usage)
                entry.texts[index] = text
                entry.is_done, entry.problem = True, ""
            case Segment(start=start, end=end, text=text, speaker=speaker):
                name = event.id or f"{start}"
                entry.segments[name] = Passage(start or 0.0, end or start or 0.0, text.strip(), speaker or "")
            case Failed(error=error) if not entry.is_done:
                entry.is_done = True
                entry.problem = error.message or error.code or "the service does not say why"
        return entry

    def _committed(self, item_id: str, previous: str | None) -> Entry:
        entry = self._entry(item_id)
        self._give_claim(entry)
        if previous in self._entries and previous != item_id:
            self._order.remove(item_id)
            self._order.insert(self._order.index(previous) + 1, item_id)
        return entry

    def _give_claim(self, entry: Entry) -> None:
        """The first that is heard of an item, its words or its commit, says that it is the oldest stretch."""
        if self._claims and not entry.is_claimed:
            entry.start, entry.end = self._claims.pop(0)
            entry.is_claimed = True

    def _entry(self, item_id: str) -> Entry:
        if item_id not in self._entries:
            self._entries[item_id] = Entry(item_id)
            self._order.append(item_id)
        return self._entries[item_id]

    def _time(self, milliseconds: int | None) -> float | None:
        return None if milliseconds is None else max(0.0, milliseconds / 1000.0 + self.base)

    @property
    def entries(self) -> list[Entry]:
        """In the order of the recording."""
        return [self._entries[item_id] for item_id in self._order]

    @property
    def pending(self) -> int:
        """Items whose words are still to come, and commits that were not answered."""
        return self.claims + sum(not entry.is_done for entry in self._entries.values())

    @property
    def is_in_speech(self) -> bool:
        """The service hears a voice that has not ended."""
        return any(entry.end is None and entry.start is not None and not entry.is_done for entry in self.entries)

    @property
    def problems(self) -> list[str]:
        """One sentence for each item without words."""
        return [
            f"no words for {clock(entry.start)} to {clock(entry.end)}: {entry.problem}"
            for entry in self.entries
            if entry.problem
        ]

    def done_until(self) -> float:
        """Seconds of the recording before which nothing is missing any more; a new session goes on from there."""
        until = self.start
        for entry in self.entries:
            if not entry.is_done:
                break
            until = max(until, entry.end or until)
        return until

    def passages(self, *, until_gap: bool = False) -> list[Passage]:
        """Everything that is final, by segment where the service gave them; or only what nothing will come before."""
        made: list[Passage] = []
        for entry in self.entries:
            if until_gap and not entry.is_done:
                break
            if not entry.is_done or entry.problem:
                continue
            start = entry.start if entry.start is not None else (made[-1].end if made else self.start)
            if entry.segments:
                made += _of_segments(entry, start)
            elif entry.text:
                end = entry.end if entry.end is not None else start
                made.append(Passage(start, max(end, start + _SHORTEST), entry.text))
        return made


def _of_segments(entry: Entry, start: float) -> list[Passage]:
    found = sorted(entry.segments.values(), key=lambda one: (one.start, one.end))
    return [
        Passage(start + one.start, start + max(one.end, one.start + _SHORTEST), one.text, one.speaker)
        for one in found
        if one.text
    ]


def clock(seconds: float | None) -> str:
    """Seconds as m:ss, for a sentence."""
    return "?" if seconds is None else f"{int(seconds // 60)}:{int(seconds % 60):02d}"


def _usage(wire: WireUsage) -> Usage:
    """A transcription bills time or tokens."""
    if wire.type == "duration" or (wire.seconds and not wire.total_tokens):
        return Usage(seconds=max(0.0, wire.seconds or 0.0))
    details = wire.input_token_details
    audio = max(0, (details.audio_tokens if details else None) or 0)
    text = max(0, (wire.input_tokens or 0) - audio)
    return Usage(input=Tokens(text=text, audio=audio), output=Tokens(text=max(0, wire.output_tokens or 0)))
