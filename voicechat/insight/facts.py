"""What the session model keeps of answers, of what you said, and of refusals.

What is known of the session's configuration: what was sent, what is in force, in either dialect.

What a log can be a witness of: which events it prints at all, and whether it is ours. Somebody else's log may print
three kinds of events out of forty: that one is missing means something only where it would have been printed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from voicechat.insight.records import Evidence, Record
from voicechat.protocol.dialects import DialectName, detect_dialect
from voicechat.protocol.session_dialects import GA_PATHS


class Unknown:
    """The type of `UNKNOWN`: nobody said."""


UNKNOWN: Final = Unknown()
_FLAT = {path: name for name, path in GA_PATHS.items()}


def value_at(session: Mapping[str, Any], *path: str) -> Any:
    """The value at a GA path, also where a beta session keeps it; `UNKNOWN` if nothing is said there."""
    here: Any = session
    for name in path:
        if not isinstance(here, Mapping) or name not in here:
            break
        here = here[name]
    else:
        return here
    return session.get(_FLAT.get(path, path[-1]), UNKNOWN)


@dataclass(slots=True)
class Configured:
    """The sessions the client asked for and the one the service confirmed."""

    in_force: Mapping[str, Any] = field(default_factory=dict)
    """Of `session.created` or `session.updated`, whichever came last."""
    created: Evidence | None = None
    at_creation: Mapping[str, Any] = field(default_factory=dict)
    updated: Evidence | None = None
    """The first `session.updated`."""
    pending: Said | None = None
    """A `session.update` neither confirmed nor refused."""
    first_sent: Said | None = None
    last_sent: Said | None = None
    is_wished: bool = False
    """What is in force was confirmed without being printed, so it is what was asked for; it need not be all."""
    by_handshake: bool = False
    """The configuration travelled with the offer, so it was in force from the first moment."""

    @property
    def dialect(self) -> DialectName | None:
        """What the service speaks."""
        return detect_dialect(self.in_force) if self.in_force else None

    def value(self, *path: str) -> Any:
        """As it is, or as it will be once a pending update is confirmed."""
        if self.pending is not None:
            session = self.pending.event.get("session")
            wished = value_at(session, *path) if isinstance(session, Mapping) else UNKNOWN
            if wished is not UNKNOWN:
                return wished
        return value_at(self.in_force, *path)

    @property
    def is_transcription(self) -> bool:
        """A session that only writes down what is said: nobody answers in it."""
        if self.value("type") == "transcription":
            return True
        return str(self.in_force.get("object", "")).endswith("transcription_session")

    @property
    def turn_detection(self) -> Any:
        """A mapping, None (turns are the client's) or `UNKNOWN`."""
        return self.value("audio", "input", "turn_detection")

    @property
    def turns_are_theirs(self) -> bool:
        """The server is known to detect turns."""
        return isinstance(self.turn_detection, Mapping)

    def vad(self, name: str) -> Any:
        """A field of the turn detection; `UNKNOWN` if it is off or does not say."""
        detection = self.turn_detection
        return detection.get(name, UNKNOWN) if isinstance(detection, Mapping) else UNKNOWN

    @property
    def server_replies(self) -> bool:
        """The server creates answers by itself: turns are its own and `create_response` is not false."""
        return self.turns_are_theirs and self.vad("create_response") is not False

    @property
    def transcription(self) -> Any:
        """A mapping, None (off) or `UNKNOWN`. A full configuration that leaves it out has it off."""
        value = self.value("audio", "input", "transcription")
        if value is UNKNOWN and not self.is_wished and isinstance(self.in_force.get("audio"), Mapping):
            return None if isinstance(self.in_force["audio"].get("input"), Mapping) else UNKNOWN
        return value


WORD = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]|[^\W_]+")
"""A word, or a letter of a script without spaces."""
LONGEST_ANSWER = 4_000
"""Characters of an answer that are kept, to know its words when they come back as an echo."""


@dataclass(slots=True)
class Answer:
    """One response. `asked` is our `response.create`; None: the server answered by itself."""

    id: str
    created: Evidence
    asked: Evidence | None = None
    is_aside: bool = False
    """Out of band (`conversation: none`): it neither speaks nor counts as the active one."""
    is_queued: bool = False
    """It was created while another one was running or audible, so its sound had to wait."""
    first_output: Evidence | None = None
    first_sound: Evidence | None = None
    cancel: Evidence | None = None
    """Our `response.cancel`."""
    speech: Evidence | None = None
    """The first `speech_started` while it was made or played."""
    done: Evidence | None = None
    status: str = ""
    reason: str = ""
    calls: int = 0
    """Function calls it made."""
    words: str = ""
    is_implied: bool = False
    """Its beginning is not in the log: it was first seen by a delta, an item or its end."""
    after_tool: Evidence | None = None
    """The newest tool output it was to speak about."""
    output_items: int | None = None
    """In `response.done`; None where the log leaves them out."""
    audio_seconds: float = 0.0
    """Sound it brought over a WebSocket, as far as the log holds it (16 bit, 24 kHz)."""

    @property
    def is_active(self) -> bool:
        return self.done is None


@dataclass(slots=True)
class Segment:
    """One piece of your speech, from the server's `speech_started` (or our commit) to its transcript."""

    item: str
    started: Evidence | None = None
    start_ms: float | None = None
    stopped: Evidence | None = None
    end_ms: float | None = None
    committed: Evidence | None = None
    after: Answer | None = None
    """Where the log does not tell when it began: the answer before its transcript."""
    over_answer: Answer | None = None
    """The answer that was audible when it began."""
    transcript: str | None = None
    transcribed: Evidence | None = None
    failed: Evidence | None = None
    answer: Answer | None = None
    """The answer that followed it."""

    @property
    def length(self) -> float | None:
        """Seconds, on the clock of the input audio where it is known."""
        if self.start_ms is not None and self.end_ms is not None:
            return (self.end_ms - self.start_ms) / 1000
        if self.started is None or self.stopped is None or self.started.t is None or self.stopped.t is None:
            return None
        return self.stopped.t - self.started.t

    @property
    def is_empty(self) -> bool:
        """A transcript came, and holds neither letter nor digit of any script (R13)."""
        return self.transcript is not None and not any(mark.isalnum() for mark in self.transcript)


@dataclass(slots=True)
class Said:
    """A client event that may still be refused."""

    at: Evidence
    type: str
    event: Mapping[str, Any]
    is_answered: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A refusal or breakdown, whatever event told it: `error`, a failed response, a line that could not be opened."""

    at: Evidence
    told_by: str
    code: str = ""
    kind: str = ""
    """`error.type`."""
    message: str = ""
    param: str = ""
    status: int | None = None
    """HTTP, of a handshake."""
    said: Said | None = None
    """The client event it answers, as far as that is known."""

    @property
    def names(self) -> tuple[str, str]:
        """Services put the telling word into `code` or into `type`."""
        return self.code, self.kind


@dataclass(slots=True)
class Playback:
    """What is known of the loudspeaker and of the server's playout."""

    audible: Evidence | None = None
    """Since when the loudspeaker is heard; None: silent, or nobody told."""
    playing: Evidence | None = None
    """Since when the server plays (`output_audio_buffer.started`)."""
    ended: Evidence | None = None
    """The last end of sound, told by either."""
    began: Evidence | None = None
    """The first sound of the answer that plays or was played last."""
    is_told_locally: bool = False
    """Our own ears report; they beat what the server says of its playout."""


@dataclass(slots=True)
class Mic:
    """The gate, as far as the client tells it."""

    is_open: bool | None = None
    changed: Evidence | None = None
    closed_for_answer: Evidence | None = None
    """It was closed because the assistant speaks, and nobody else has a reason to keep it closed."""
    reopened_after: Evidence | None = None
    """The `closed_for_answer` that this opening ended."""
    is_opened_by_key: bool = False
    is_held_by_user: bool = False
    """Muted, paused, push-to-talk: it is the user's to open."""


@dataclass(slots=True)
class Memory:
    """The last event of each kind that checks ask for."""

    marks: dict[str, Evidence] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Evidence | None:
        return self.marks.get(name)

    def newest(self, *names: str) -> Evidence | None:
        """The latest of several kinds."""
        seen = [mark for name in names if (mark := self.marks.get(name)) is not None]
        return max(seen, key=lambda mark: mark.seq, default=None)


RARELY_HANDLED = frozenset({"rate_limits.updated", "conversation.created", "response.content_part.added"})
"""Nobody writes a handler for these: where they are printed, everything is."""
SELDOM_HANDLED = RARELY_HANDLED.union(
    """
    conversation.item.added conversation.item.created conversation.item.done response.content_part.done
    response.output_item.added response.output_item.done response.output_audio.done
    response.output_audio_transcript.done
    """.split()
)
OF_LIVE = frozenset(
    """
    session.start session.started session.closed session.close session.input_audio.append session.output_audio.delta
    session.input_transcript.delta session.output_transcript.delta session.delegation.created session.usage.updated
    session.commentary.append session.thinking.append session.instructions.append response.event response.item.create
    """.split()
)
"""Events of GPT-Live (`/v1/live/sessions`), none of which the Realtime API has."""
MANY = 3
SERVER_KINDS = 4
"""So many kinds of server events, and answers would be among them."""
ASKED_KINDS = 2
"""The same, where the log shows that an answer was asked for."""


class Witness:
    """Fed with every record of a session, in order."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.is_ours = False
        """Our own engine tells of keys, gates and lines too, so that what it does not tell of did not happen."""
        self.narrates = False
        """A client that speaks of itself in sentences."""
        self.tells_turns = False
        """The conversation is told in words: who spoke when, and not whether it was heard."""

    def take(self, record: Record) -> None:
        """One more record of the log."""
        if record.type not in self.seen:
            self.seen.add(record.type)
        if record.dir == "local" and record.event:
            if "told" in record.event:
                self.narrates = True
            else:
                self.is_ours = True
        elif "told" in record.event:
            self.tells_turns = True

    @property
    def is_live(self) -> bool:
        """It is a session of GPT-Live: no items, turns or VAD events, and a session that is fixed at its start."""
        return not self.seen.isdisjoint(OF_LIVE)

    @property
    def prints_everything(self) -> bool:
        """Whole traffic, not the lines of some handlers."""
        if self.is_ours or not self.seen.isdisjoint(RARELY_HANDLED):
            return True
        return len(self.seen & SELDOM_HANDLED) >= MANY

    def prints(self, *names: str) -> bool:
        """Whether one of these events would stand in this log if it had happened."""
        return self.prints_everything or not self.seen.isdisjoint(names)

    @property
    def has_answers(self) -> bool:
        """Whether any line of an answer stands in it."""
        return self.is_live or any(name.startswith("response.") and name not in CLIENTS for name in self.seen)

    @property
    def prints_answers(self) -> bool:
        """Whether an answer would have left any line in it."""
        if self.prints_everything or self.has_answers:
            return True
        least = ASKED_KINDS if "response.create" in self.seen else SERVER_KINDS
        return sum("." in name and name not in CLIENTS for name in self.seen) >= least

    @property
    def prints_sent(self) -> bool:
        """Whether what the client sends stands in it."""
        return self.is_ours or not self.seen.isdisjoint(CLIENTS)


CLIENTS = frozenset(
    """
    session.update response.create response.cancel conversation.item.create conversation.item.truncate
    conversation.item.delete input_audio_buffer.append input_audio_buffer.commit input_audio_buffer.clear
    output_audio_buffer.clear
    """.split()
)
