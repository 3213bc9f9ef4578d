"""The transcript's records: what was said, by whom, and how much of it was heard. A part of the state.

They hold facts; how a turn looks is derived in `turn_viewing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from voicechat.core.events import Interrupter


@dataclass(frozen=True, slots=True)
class Cut:
    """R10: where an answer was cut, and by whom."""

    by: Interrupter
    heard: float
    """Seconds of it that were audible."""
    estimated: bool = True


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a turn's text, by the ids of the wire: finals replace the deltas of their own part only."""

    item_id: str = ""
    output_index: int = 0
    content_index: int = 0
    text: str = ""
    spoken: bool | None = None
    """It is the transcript of sound, so it is shown as the sound is heard (R10). None: nobody has said so far."""
    final: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """One entry of the transcript. An answer (one response) is one turn, however many items and parts it has."""

    key: str
    """Unique in the conversation, whatever ids the servers hand out."""
    who: Literal["you", "assistant", "tool", "note"]
    at: float
    """Session time of its start."""
    connection: int = 0
    """Which line it came over; ids mean nothing beyond it (R27)."""
    item_id: str = ""
    previous_item_id: str = ""
    """What the server put before it (R25); empty where it did not say."""
    response_id: str = ""
    answers: tuple[str, ...] = ()
    """Answers and their tools: the items they were asked for; empty where the service answered by itself."""
    call_id: str = ""
    parts: tuple[Part, ...] = ()
    text: str = ""
    """The parts joined; tools: the name."""
    final: bool = False
    typed: bool = False
    committed: bool = False
    failed: str = ""
    """Why there is no transcript, or why the answer failed."""
    speech_began_ms: int | None = None
    speech_ended_ms: int | None = None
    spoken: float | None = None
    """Length of the user's speech in seconds, as the server saw it."""
    first_sound_at: float | None = None
    last_sound_at: float | None = None
    """The user's: as the local detector saw it, else when the server said so. An answer's: end of its last stretch."""
    sounding_since: float | None = None
    """Start of the present stretch of sound."""
    heard: float = 0.0
    """Seconds that were audible before `sounding_since`."""
    pace: float | None = None
    """Narrow characters a second, fixed at the first sound: a later lesson must not move this answer's marks."""
    latency: float | None = None
    """Seconds from the user's last sound to the first answer sound, less the wait for tool approval; tools: how
    long the call took."""
    done_at: float | None = None
    """response.done, or the tool's output."""
    complete_at: float | None = None
    """Done, and its sound has ended."""
    cut: Cut | None = None
    unheard: bool = False
    """Its sound went on without a device, and has not gone on since there is one again."""
    false_alarm: bool = False
    detail: str = ""
    """Tools: arguments and result; notes: the code."""
    level: Literal["info", "warning", "error"] = "info"
    count: int = 1
    transcript_at: float | None = None
    stage: Literal["", "asked", "running"] = ""
    """Tools: it waits for the user's word, or runs here."""
    asked_at: float | None = None
    """Tools: when approval was asked for; `decided_at`: given, denied or dropped."""
    decided_at: float | None = None
    translation: str | None = None
    """What was heard of it, in the language of `--translate`. Empty: nothing to show; None: not (yet) asked for."""

    @property
    def sounding(self) -> bool:
        return self.sounding_since is not None

    @property
    def done(self) -> bool:
        return self.done_at is not None


@dataclass(frozen=True, slots=True)
class Conversation:
    turns: tuple[Turn, ...] = ()
    """In display order (R25)."""
    chars_per_second: float = 15.0
    """Learned from finished answers; splits an interrupted answer into heard and unheard. Narrow characters."""
    last_user_sound_at: float | None = None
    """When the local detector last heard the user's voice end."""
    talk_began_at: float | None = None
    """The last accepted press of push-to-talk."""
    started_at: float | None = None
    """When the first line opened: the zero of the clock on the screen."""
    completed: int = 0
    told: tuple[str, ...] = ()
    """Codes of notices that are told once a session."""
    made: int = 0
    """Turns ever made: the next key."""
    side_responses: tuple[str, ...] = ()
    """Answers outside the conversation (`conversation: "none"`), which never enter the list."""
    conversation_named: bool = False
    """This line's answers name their conversation, so one that does not is a side answer."""
