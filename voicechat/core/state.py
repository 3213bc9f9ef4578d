"""The state of one conversation: a frozen record of slices, each changed only by its own rule.

Slices store facts ("the last audible sample left at 2.1"), never verdicts that would have to be kept in step. What the
screen shows is derived in `view.py`; deadlines are derived in each rule.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from voicechat.core.events import Interrupter, TalkSource
from voicechat.core.policy import TurnMode

Phase = Literal["idle", "connecting", "open", "lost", "refused", "ended"]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked of the session, before any server had a say."""

    session: dict[str, Any] = field(default_factory=dict)
    """The whole configuration in the GA dialect, turn detection included."""
    greeting: str = ""
    """Ask for a first answer with these instructions once the configuration is in force (R13)."""
    dialect: Literal["auto", "ga", "beta"] = "auto"
    provider: str = "local"
    model: str = ""
    voice: str = ""
    session_limit: float | None = None


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user may switch while talking."""

    turn_mode: TurnMode = "hands-free"
    """hands-free: the mic is open whenever it may be. push-to-talk: only while the user holds it open."""
    barge_in: bool = True
    """Talking over the assistant cuts in (R7). Off: half duplex."""
    local_detection: bool = False
    """Hands-free with turn detection of our own (null on the wire), for servers that have none (R17)."""

    @property
    def turns_are_ours(self) -> bool:
        """Turn detection is null on the wire: we commit (R17-R19)."""
        return self.turn_mode == "push-to-talk" or self.local_detection


@dataclass(frozen=True, slots=True)
class Connection:
    phase: Phase = "idle"
    number: int = 0
    """Counts connections; answers of an older number are recorded, never obeyed."""
    since: float = 0.0
    opened_at: float | None = None
    transport: Literal["WebRTC", "WebSocket"] = "WebRTC"
    call_id: str = ""
    steps: tuple[tuple[str, float], ...] = ()
    reason: str = ""
    hint: str = ""
    attempts: int = 0
    retry_at: float | None = None
    receive_fallback: str = ""


@dataclass(frozen=True, slots=True)
class Configuration:
    dialect: Literal["ga", "beta"] = "ga"
    dialect_switched: bool = False
    asked_at: float | None = None
    """A session.update left and is unanswered since."""
    event_id: str = ""
    in_force_at: float | None = None
    sent: dict[str, Any] = field(default_factory=dict)
    effective: dict[str, Any] = field(default_factory=dict)
    """What session.created/updated returned: the panes show this (R22)."""
    refused: tuple[str, ...] = ()
    expires_at: float | None = None
    updates: int = 0
    created_at: float | None = None
    """session.created was seen: its session tells the dialect."""
    turns_asked: tuple[bool, bool, bool] | None = None
    """How turns are taken, as last asked for: (they are ours, the client decides on answers, the server interrupts)."""


@dataclass(frozen=True, slots=True)
class Microphone:
    is_open: bool = False
    """The last thing we told the audio path; only rules/microphone.py changes it."""
    changed_at: float = 0.0
    muted: bool = False
    paused: bool = False
    unattended: bool = False
    """The client shows no sign of life; closed with the reason `not connected`."""
    name: str = ""
    speaker: str = ""
    echo: str = ""
    missing: str = ""
    missing_hint: str = ""
    lost_at: float | None = None
    lost_reason: str = ""
    flat_since: float | None = None
    told_flat: tuple[str, ...] = ()
    volume: float = 1.0
    deafened: bool = False
    detector: str = ""
    unmuted_at: float | None = None
    """Sound of before this moment is never sent (R5)."""
    keep_from: float | None = None
    """Sound since this moment is the user's and goes first when the mic opens (pre-roll of a press or a grant)."""


@dataclass(frozen=True, slots=True)
class Talk:
    """Push-to-talk as facts: when it went down, came up, and who did it."""

    pressed_at: float | None = None
    source: TalkSource = "key"
    lease_until: float | None = None
    released_at: float | None = None
    inferred: bool = False
    latched_at: float | None = None
    last_voice_at: float | None = None
    pre_roll_wait_since: float | None = None
    """Ours on WebRTC: the clear has left and its answer is awaited before the pre-roll may go (R6)."""
    drained_at: float | None = None
    """The last sample of the tail has left."""
    opened_at: float | None = None
    focus_lost_at: float | None = None


@dataclass(frozen=True, slots=True)
class Playback:
    """What the loudspeaker does, and what the server says it does (R1, R2)."""

    audible_since: float | None = None
    """Start of the present answer's sound; None while nothing plays."""
    is_audible: bool = False
    last_audible_at: float | None = None
    started_at: float | None = None
    """output_audio_buffer.started without stopped or cleared yet."""
    ended_at: float | None = None
    """First of R2's ends."""
    far_end_heard: float = 0.0
    """Seconds of loudspeaker sound since the canceller started: it is cold at first (R7)."""
    silenced_at: float | None = None
    """We flushed; late audio is dropped until the next answer begins."""
    begun_at: float | None = None
    """First sound or `started` of what keeps the mic closed (R1); None when R2 has reopened it."""
    heard_at: float | None = None
    """Start of the present stretch of sound, without a pause."""
    emptied_at: float | None = None
    """The queue ran empty and nothing was added since (WebSocket)."""
    response_id: str = ""
    """Whose sound the server says it plays."""
    item_id: str = ""
    """The item whose sound came last over this connection (WebSocket): the one that may be truncated (R8)."""
    received: float = 0.0
    """Seconds of sound received of that item."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Local voice activity after echo cancellation."""

    began_at: float | None = None
    ended_at: float | None = None
    far_end_heard: float = 0.0
    """What the canceller had heard when this voice began (R7): the leak of a cold one may outlast its warming up."""
    ducked: bool = False
    granted_at: float | None = None
    grant_confirmed: bool = False
    allowed: bool = False
    """What the audio callback was told last: it may grant by itself."""
    grants: int = 0
    false_alarms: int = 0


@dataclass(frozen=True, slots=True)
class Responses:
    """The one response slot (R12)."""

    active_id: str = ""
    asked_at: float | None = None
    """response.create left and no response.created came yet."""
    asked_for: tuple[str, ...] = ()
    event_id: str = ""
    wanted: tuple[str, ...] = ()
    """Item ids (or "" for the conversation) that still want an answer."""
    created_at: float | None = None
    done_at: float | None = None
    first_delta_at: float | None = None
    cancelled_by: Interrupter | None = None
    last_id: str = ""
    last_status: str = ""
    last_reason: str = ""
    last_error: str = ""
    last_ended_by: Interrupter | None = None
    missing_since: float | None = None
    """An answer was asked for and did not come (R15)."""
    creates: int = 0
    retried: bool = False
    busy_since: float | None = None
    """The service said that another response runs; we wait for its end (R15)."""
    cancelled_at: float | None = None
    instructions: str = ""
    """For the wanted answer alone: the greeting (R13)."""
    sends: int = 0
    """Wire events of this slice so far; numbers their event ids."""


@dataclass(frozen=True, slots=True)
class ReplyGate:
    """R13: which items may be answered, when the client decides."""

    waiting: tuple[tuple[str, float], ...] = ()
    """(item id, committed_at) without a transcript yet."""
    answered: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    """Tool calls whose outputs are still missing."""
    unanswered: tuple[str, ...] = ()
    """Items without a transcript: they wait for the user's `again`."""
    greeted: bool = False
    server_replies: bool = False
    """Transcription was refused or never came: from the next turn on the server replies."""


@dataclass(frozen=True, slots=True)
class Segment:
    """R17, R18: what our own turn detection has collected since the last commit."""

    voiced: float = 0.0
    began_at: float | None = None
    ended_at: float | None = None
    awaiting_item: bool = False
    awaited_by: Literal["", "push-to-talk", "local"] = ""
    sends: int = 0
    """Wire events of this slice so far; numbers their event ids."""
    stopped_at: float | None = None
    """speech_stopped without committed yet (R19's quirk)."""


@dataclass(frozen=True, slots=True)
class Typing:
    """Typed text on its way."""

    kept: tuple[str, ...] = ()
    """Typed while no line was up; sent when the configuration is in force."""
    sent: int = 0
    """Counts typed items; numbers their ids."""


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
    spoken: bool = False
    """It is the transcript of sound, so it is shown as the sound is heard (R10)."""
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
    """Seconds from the user's last sound to the first answer sound; tools: how long the call took."""
    done_at: float | None = None
    """response.done, or the tool's output."""
    complete_at: float | None = None
    """Done, and its sound has ended."""
    cut: Cut | None = None
    false_alarm: bool = False
    detail: str = ""
    """Tools: arguments and result; notes: the code."""
    level: Literal["info", "warning", "error"] = "info"
    count: int = 1
    transcript_at: float | None = None

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


@dataclass(frozen=True, slots=True)
class State:
    wishes: Wishes = field(default_factory=Wishes)
    choices: Choices = field(default_factory=Choices)
    connection: Connection = field(default_factory=Connection)
    configuration: Configuration = field(default_factory=Configuration)
    microphone: Microphone = field(default_factory=Microphone)
    talk: Talk = field(default_factory=Talk)
    playback: Playback = field(default_factory=Playback)
    voice: Voice = field(default_factory=Voice)
    responses: Responses = field(default_factory=Responses)
    gate: ReplyGate = field(default_factory=ReplyGate)
    segment: Segment = field(default_factory=Segment)
    typing: Typing = field(default_factory=Typing)
    conversation: Conversation = field(default_factory=Conversation)
