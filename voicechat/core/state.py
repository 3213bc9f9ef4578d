"""The state of one conversation: a frozen record of slices, each changed only by its own rule.

Slices store facts ("the last audible sample left at 2.1"), never verdicts that would have to be kept in step. What the
screen shows is derived in `view.py`; deadlines are derived in each rule.

The transcript's records hold facts too: what was said, by whom, and how much of it was heard.

Calls of tools that are answered here, as facts. A part of the state; changed by `rules/tools.py` alone.

What the user asked of a talk: the wishes it begins with, and the choices that may change while talking.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

from voicechat.core.events import Interrupter, TalkSource, ToolOffer
from voicechat.core.policy import TurnMode, TurnPolicy
from voicechat.protocol.items import Item


class Cut(Struct, frozen=True):
    """R10: where an answer was cut, and by whom."""

    by: Interrupter
    heard: float
    """Seconds of it that were audible."""
    estimated: bool = True


class Part(Struct, frozen=True):
    """One piece of a turn's text, by the ids of the wire: finals replace the deltas of their own part only."""

    item_id: str = ""
    output_index: int = 0
    content_index: int = 0
    text: str = ""
    spoken: bool | None = None
    """It is the transcript of sound, so it is shown as the sound is heard (R10). None: nobody has said so far."""
    final: bool = False


class Turn(Struct, frozen=True):
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


class Conversation(Struct, frozen=True):
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


class Wishes(Struct, frozen=True):
    """What the user asked of the session, before any server had a say."""

    session: dict[str, Any] = field(default_factory=dict)
    """The whole configuration in the GA dialect, turn detection included."""
    greeting: str = ""
    """Ask for a first answer with these instructions once the configuration is in force (R13)."""
    dialect: Literal["auto", "ga", "beta", "xai"] = "auto"
    provider: str = "local"
    model: str = ""
    voice: str = ""
    session_limit: float | None = None
    """Seconds a session may last, where the service does not say it itself (R28)."""
    transport: Literal["auto", "webrtc", "websocket"] = "auto"
    """auto: WebRTC, and WebSocket where that cannot connect (R27)."""
    is_loopback: bool = False
    """The service runs on this machine: it is asked again every second at least (R27)."""
    tools: tuple[ToolOffer, ...] = ()
    """What can be run here; their definitions stand in `session`."""
    prefixes_ids: bool = False
    """Items of ours have ids with the API's prefixes (`msg_`, `fc_`, `fco_`): some services refuse any other. Old tapes
    have none."""


class Choices(Struct, frozen=True):
    """What the user may switch while talking."""

    turn_mode: TurnMode = "hands-free"
    """push-to-talk: the mic is open only while held. transcribe: open mic, and nobody answers (R13 never asks)."""
    barge_in: bool = True
    """Talking over the assistant cuts in (R7). Off: half duplex."""
    local_detection: bool = False
    """Hands-free with turn detection of our own (null on the wire), for servers that have none (R17)."""
    policy: TurnPolicy | None = None
    """The numbers of a preset, or of a single option, chosen while talking; None: those of the start (R23)."""

    @property
    def turns_are_ours(self) -> bool:
        """Turn detection is null on the wire: we commit (R17-R19)."""
        return self.turn_mode == "push-to-talk" or self.local_detection

    @property
    def is_open_mic(self) -> bool:
        """The mic is open without a key."""
        return self.turn_mode != "push-to-talk"

    @property
    def only_writes(self) -> bool:
        """What is said is written down and not answered."""
        return self.turn_mode == "transcribe"


class ToolCall(Struct, frozen=True):
    """One call that is answered here, or one of the service's own that it wants allowed."""

    call_id: str
    """Of an approval: the id of the request."""
    name: str
    arguments: str = ""
    """JSON, as the model wrote it."""
    kind: Literal["function", "approval"] = "function"
    server: str = ""
    """Label of the MCP server, of approvals."""
    response_id: str = ""
    stage: Literal["asked", "running", "finished"] = "asked"
    since: float = 0.0
    """When it got there."""
    output: str = ""
    failed: str = ""
    seconds: float | None = None
    """How long it ran; None if it never did."""
    asks: bool = True
    """An answer to its output is wanted (R13)."""

    @property
    def allowance(self) -> str:
        """What `always` remembers: a tool of a server is not one of the same name here."""
        return f"{self.server}/{self.name}" if self.kind == "approval" else self.name


class Tools(Struct, frozen=True):
    """Calls of tools, from the end of the answer that made them until their outputs have left."""

    seen: tuple[tuple[str, Item], ...] = ()
    """(response id, call) of the running answer, for services that leave `response.done.output` empty."""
    calls: tuple[ToolCall, ...] = ()
    """In the order in which the model made them."""
    always: tuple[str, ...] = ()
    """What may run unasked for the rest of the talk."""
    are_all: bool = True
    """Nothing that could be run here is still on its way."""
    sent: int = 0
    """Counts outputs; numbers their items."""


Transport = Literal["auto", "WebRTC", "WebSocket"]
Phase = Literal["idle", "connecting", "open", "lost", "refused", "ended"]


class Connection(Struct, frozen=True):
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
    """Tries since the line was wanted or lost, this one included."""
    failures: int = 0
    """Losses and failed tries without a line that stayed; the waits grow with them (R27)."""
    retry_at: float | None = None
    receive_fallback: str = ""
    asks: Transport = "auto"
    """The transport that this talk asks for: the fall-back, once it has worked."""
    tries: Transport = "auto"
    """The transport of this attempt."""
    carries: dict[str, Any] = field(default_factory=dict)
    """The session that went into the handshake of this attempt, where the handshake takes one."""
    turns_carried: tuple[bool, bool, bool] | None = None
    """How turns are taken in it; what is chosen while connecting differs, and goes out when the line is up."""
    why: str = ""
    """Why this transport and not the one that was asked for first."""
    handshake: str = ""
    lost_at: float | None = None
    """Since when a line that was up is missing; None while it is up, and before the first."""
    rolls_over: bool = False
    """The line is missing because a session ended by its longest time (R28)."""
    told: str = ""
    """The class of failure that the user was told of last, while no line is up."""
    refusal: str = ""
    """What the service said it would not go on for: the code of its last fatal error on this line."""
    refusal_words: str = ""
    refused_at: float | None = None
    unix_offset: float | None = None
    """The wall clock minus ours."""


class Change(Struct, frozen=True):
    """A setting that the user changed while talking, and how things were before."""

    path: str
    """GA, without `session.`; `preset` for a whole preset."""
    session: dict[str, Any]
    choices: Choices


class Configuration(Struct, frozen=True):
    dialect: Literal["ga", "beta", "xai"] = "ga"
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
    turns_confirmed: tuple[bool, bool, bool] | None = None
    """The same, as the service last agreed to."""
    changed: tuple[Change, ...] = ()
    """Chosen and not sent yet; they go out together at `due_at`."""
    due_at: float | None = None
    asked: tuple[Change, ...] = ()
    """What the update on its way changes, where the user changed it while talking."""
    undoable: tuple[Change, ...] = ()
    """Oldest first."""
    refusals: tuple[tuple[str, str], ...] = ()
    """(path, why) of choices that did not come into force, until they are chosen again."""


class Microphone(Struct, frozen=True):
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
    hears_over_playback: bool = True
    """Whether a voice is noticed while the loudspeaker plays. Without it barge-in by voice cannot be, though wished."""
    missing: str = ""
    missing_hint: str = ""
    lost_at: float | None = None
    lost_reason: str = ""
    unsent: tuple[float, float] | None = None
    """Begin and end of speech that the assistant's sound kept from being sent, and that may still go first."""
    flat_since: float | None = None
    told_flat: tuple[str, ...] = ()
    is_told_flat: bool = False
    """Whether the user was warned of the present silence, and is owed the word that it is over."""
    volume: float = 1.0
    deafened: bool = False
    detector: str = ""
    unmuted_at: float | None = None
    """Sound of before this moment is never sent (R5)."""
    kept: tuple[tuple[float, float], ...] = ()
    """(from, until) of what was said for a line that is not up before the user muted: it goes out, the rest never."""
    keep_from: float | None = None
    """Sound since this moment is the user's and goes first when the mic opens (pre-roll of a press or a grant)."""
    late: float = 0.0
    """Seconds by which the sound of this opening may leave later than it was spoken: so much went first."""
    leaving_until: float | None = None
    """Closed, and sound of before still waits for the transport: when it will have left at the latest. None: it has."""


class Talk(Struct, frozen=True):
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


class ItemSound(Struct, frozen=True):
    """The sound of one item that came as events (WebSocket): how much, and how much of it was played (R8)."""

    item_id: str
    response_id: str = ""
    received: float = 0.0
    """Seconds."""
    played: float | None = None
    """Seconds that had left for the loudspeaker by `played_at`; None while the line has not said."""
    played_at: float = 0.0
    moving: bool = False


class Playback(Struct, frozen=True):
    """What the loudspeaker does, and what the server says it does (R1, R2)."""

    audible_since: float | None = None
    """Start of the present answer's sound; None while nothing plays."""
    first_audible_at: float | None = None
    """First sound of the newest generation that was audible; a pause in it, however long, does not change that."""
    is_audible: bool = False
    last_audible_at: float | None = None
    started_at: float | None = None
    """output_audio_buffer.started without stopped or cleared yet."""
    ended_at: float | None = None
    """First of R2's ends."""
    generation: int = 0
    """Of the sound that arrives: counts up with each response of this talk."""
    flushed_through: int = -1
    """The newest generation whose sound was flushed and is dropped wherever it still arrives (R8)."""
    begun_at: float | None = None
    """First sound or `started` of what keeps the mic closed (R1); None when R2 has reopened it."""
    heard_at: float | None = None
    """Start of the present stretch of sound, without a pause."""
    emptied_at: float | None = None
    """The queue ran empty and nothing was added since (WebSocket)."""
    response_id: str = ""
    """Whose sound the server says it plays."""
    items: tuple[ItemSound, ...] = ()
    """The items whose sound came last over this connection, oldest first: those that may be truncated (R8)."""
    expected_since: float | None = None
    """Sound of the present generation was announced or has arrived, and nothing was audible yet."""
    judged_generation: int = 0
    """The newest generation that was audible, or whose silence was reported."""

    @property
    def is_flushed(self) -> bool:
        """Whether the sound that arrives now is dropped."""
        return self.generation <= self.flushed_through


class Voice(Struct, frozen=True):
    """Local voice activity after echo cancellation."""

    began_at: float | None = None
    ended_at: float | None = None
    granted_at: float | None = None
    allowed: bool = False
    """What the audio callback was told last: it may grant by itself."""
    grants: int = 0
    false_alarms: int = 0


class Responses(Struct, frozen=True):
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
    missing_why: str = ""
    """Why it did not come, or what became of one that stalled."""
    expected_at: float | None = None
    """Speech was committed that the service is to answer by itself, and no response was created yet."""
    moved_at: float | None = None
    """The last event of the active response."""
    stalled_at: float | None = None
    """Nothing of the active response came for `stall_limit`; None again when something does."""
    creates: int = 0
    retried: bool = False
    busy_since: float | None = None
    """The service said that another response runs; we wait for its end (R15)."""
    cancelled_at: float | None = None
    instructions: str = ""
    """For the wanted answer alone: the greeting (R13)."""
    sends: int = 0
    """Wire events of this slice so far; numbers their event ids."""


class ReplyGate(Struct, frozen=True):
    """R13: which items may be answered, when the client decides."""

    waiting: tuple[tuple[str, float], ...] = ()
    """(item id, committed_at) without a transcript yet."""
    answered: tuple[str, ...] = ()
    calls: tuple[tuple[str, ...], ...] = ()
    """Of each answer that called tools, the calls whose outputs are still missing."""
    held: str = ""
    """The last of some outputs, which came while the user had the turn: the answer to that turn knows them."""
    unanswered: tuple[str, ...] = ()
    """Items without a transcript: they wait for the user's `again`."""
    again_at: float = -1.0
    """When that was pressed last."""
    greeted: bool = False
    server_replies: bool = False
    """Transcription was refused or never came: from the next turn on the server replies."""


class Segment(Struct, frozen=True):
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
    was_kept: bool = False
    """It holds what was said while no line was up, which leaves as late as it waited (R27)."""


class Budget(Struct, frozen=True):
    """The user's budget, once it was spent."""

    amount: float = 0.0
    """US dollars."""
    spent_at: float | None = None
    """Nothing is asked since then; None again when the user goes on."""


class Typing(Struct, frozen=True):
    """Typed text on its way."""

    kept: tuple[str, ...] = ()
    """Typed while no line was up; sent when the configuration is in force."""
    sent: int = 0
    """Counts typed items; numbers their ids."""


class Hands(Struct, frozen=True):
    """What the user sent by hand."""

    sent: int = 0
    """Wire events so far; numbers their event ids."""
    mine: tuple[tuple[str, str], ...] = ()
    """(event id, type) of the newest of them, so that a refusal can be told to whom it concerns."""


class Renewal(Struct, frozen=True):
    """R28: the end of the session that the user was told of."""

    told_for: int = 0
    """The line whose end was told."""


class Resumption(Struct, frozen=True):
    """R27: what the new session was told of the conversation."""

    connection: int = 0
    items: tuple[tuple[str, str], ...] = ()
    """(key of the turn, id of the item) on this line."""
    refused: int = 0
    """Items of them that the service did not take."""
    is_due: bool = False
    """The talk goes on from an earlier one, which the first line is to be told."""
    again_from: float | None = None
    """What the user said since then went to a line that was dead or dying, and is said again to the next one."""


class State(Struct, frozen=True):
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
    hands: Hands = field(default_factory=Hands)
    tools: Tools = field(default_factory=Tools)
    budget: Budget = field(default_factory=Budget)
    renewal: Renewal = field(default_factory=Renewal)
    resumption: Resumption = field(default_factory=Resumption)
    conversation: Conversation = field(default_factory=Conversation)
