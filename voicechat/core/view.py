"""What the screen needs to know, as plain records. Derived from `State`, never stored in it.

`view(state, now, policy)` is pure; the engine sends its result at most 20 times a second, latest wins, equal parts
redraw nothing. Every duration is seconds. Turns travel apart (`turn_views`), only when they changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

MicState = Literal[
    "held",  # push-to-talk is down
    "latched",
    "tail",  # released, the last words are leaving
    "hands-free",  # open mic
    "remote",  # opened by the control socket
    "flat",  # open, but only bit-exact zeros come in
    "too-loud",
    "muted",
    "paused",  # hands-free, paused with Space
    "barge-in-ready",  # closed to the line, listening for a barge-in
    "half-duplex",  # closed while the assistant speaks
    "restoring",  # reopening after the last sound
    "idle",  # push-to-talk, not pressed
    "thinking",  # push-to-talk, not pressed, the assistant thinks
    "no-line",  # not connected yet
    "keeping",  # speech is kept until the line is up
    "budget-spent",  # nothing more is asked until the user goes on
    "configuring",  # R21: waiting for session.updated
    "line-lost",
    "device-lost",
    "no-microphone",
    "unfocused",  # the window lost the keyboard during a hold
    "ended",
    "unknown",  # the engine does not respond; made by the screen
]
ReplyState = Literal[
    "ready",
    "listening",
    "waiting",  # your turn was sent or is being recognised
    "thinking",
    "speaking",
    "finishing",  # everything received, still sounding
    "finished",
    "cut",
    "stopped",
    "cancelled-at-birth",
    "failed",
    "incomplete",
    "no-answer",
    "no-session",
]
Lamp = Literal["yes", "waiting", "no", "broken"]


class MicView(Struct, frozen=True):
    state: MicState = "no-line"
    is_on_air: bool = False
    """Samples of the microphone leave this machine."""
    reason: str = "not connected"
    """R4's word for a closed mic: muted by you, assistant speaking, push-to-talk idle, reopening, not connected,
    configuring, device lost, no microphone. Empty when open."""
    seconds: float = 0.0
    """In this state, or being sent."""
    remaining: float | None = None
    """Until it changes by itself: reopening, latch, lease."""
    name: str = ""
    speaker: str = ""
    echo: str = ""
    detail: str = ""
    """Why there is no microphone, which device was lost."""
    hint: str = ""
    turn_mode: Literal["hands-free", "push-to-talk", "transcribe"] = "hands-free"
    barge_in: bool = True
    translates_to: str = ""
    """The language of a translation session (an ISO code); empty in every other session."""
    muted: bool = False
    speaks_while_closed: bool = False
    """You are speaking although you closed the microphone: by a mute, a pause, or push-to-talk that is not pressed."""
    volume: float = 1.0
    deafened: bool = False
    lamps: tuple[Lamp, Lamp, Lamp] = ("no", "no", "no")
    """mic (sound reaches us), sent (packets leave us), heard (the server reacted)."""


class ReplyView(Struct, frozen=True):
    state: ReplyState = "no-session"
    seconds: float = 0.0
    detail: str = ""
    """The running tool, the failure, who cut it."""
    last_latency: float | None = None
    unheard: bool = False
    """Its sound reaches no loudspeaker: there is none, or it is off."""


class ConnectionView(Struct, frozen=True):
    phase: Literal["idle", "connecting", "open", "lost", "refused", "ended"] = "idle"
    seconds: float = 0.0
    """In this phase."""
    provider: str = ""
    model: str = ""
    voice: str = ""
    transport: str = "WebRTC"
    steps: tuple[tuple[str, float], ...] = ()
    attempts: int = 0
    next_try_in: float | None = None
    reason: str = ""
    hint: str = ""
    session_seconds: float = 0.0
    session_limit: float | None = None
    """Seconds after which the service ends a line; None where it sets no limit."""
    receive_fallback: str = ""
    dialect: Literal["ga", "beta", "xai"] = "ga"
    """How the service spells its events; what is written by hand has to follow."""
    why: str = ""
    """Why this transport and not the one that was asked for first."""
    lost_for: float | None = None
    """Seconds since the line of this talk was lost; None while it is up, and before the first."""
    rolls_over: bool = False
    """It is missing because a session ended by its longest time (R28)."""
    ends_in: float | None = None
    """Seconds until the service ends this session, once the user was told of it."""


class ToolAsk(Struct, frozen=True):
    """A call of a tool that waits for the user's word."""

    call_id: str
    name: str
    arguments: str = ""
    """JSON as the model wrote it, bounded; the transcript has the rest."""
    cut: int = 0
    """Characters left out at the end."""
    server: str = ""
    """The MCP server that the service itself would call; empty: it runs on this machine."""


class View(Struct, frozen=True):
    mic: MicView = MicView()
    reply: ReplyView = ReplyView()
    connection: ConnectionView = ConnectionView()
    refused: tuple[str, ...] = ()
    completed: int = 0
    spent_budget: float | None = None
    """US dollars: this budget is spent, and nothing more is asked until the user goes on."""
    has_all_tools: bool = True
    """False: a server with more of them is still starting."""
    asked: tuple[ToolAsk, ...] = ()
    """Oldest first."""


class TurnView(Struct, frozen=True):
    """One transcript entry as the screen shows it."""

    key: str
    who: Literal["you", "assistant", "tool", "note"]
    at: float = 0.0
    """When it began, on the clock of the events: seconds."""
    text: str = ""
    """You, notes: everything. Assistant: the part that was or is audible."""
    rest: str = ""
    """Assistant: generated but not (yet) heard. Struck through when `cut_by` is set, hidden while sounding."""
    partial: bool = False
    """Still growing."""
    typed: bool = False
    written: bool = False
    """Assistant: words to be read, not heard; they may hold code and lists."""
    unheard: bool = False
    """Assistant: spoken in full while there was no loudspeaker, or while it was off."""
    committed: bool = False
    failed: str = ""
    vad: Literal["", "started", "stopped"] = ""
    """Server VAD markers: ◆ speech_started, ◇ speech_stopped."""
    spoken: float | None = None
    latency: float | None = None
    cut_by: Literal["", "you", "barge-in", "push-to-talk", "server", "line", "device"] = ""
    cut_at: float = 0.0
    cut_is_estimate: bool = False
    false_alarm: bool = False
    level: Literal["info", "warning", "error"] = "info"
    detail: str = ""
    count: int = 1
    stage: Literal["", "asked", "running"] = ""
    """Tools: it waits for your word, or runs on this machine."""
    item_id: str = ""
    """The service's (first) item of this turn; empty where it has none."""
    call_id: str = ""
    """Tools: the service's name for the call."""
    translation: str | None = None
    """`text` in the language of `--translate`. Empty: nothing to show; None: not (yet) translated."""


def as_line(turn: TurnView) -> dict[str, Any]:
    """One line of the transcript; what nobody heard stands apart."""
    line: dict[str, Any] = {"who": turn.who, "text": turn.text}
    if turn.cut_by:
        line |= {"cut_by": turn.cut_by, "cut_at_s": round(turn.cut_at, 2), "unheard": turn.rest}
    elif turn.rest:
        line["text"] = turn.text + turn.rest
    if turn.detail:
        line["detail"] = turn.detail
    if turn.translation:
        line["translation"] = turn.translation
    return line


CUT_WORDS = {
    "you": "you stopped it",
    "barge-in": "you cut in",
    "push-to-talk": "you cut in",
    "server": "the server stopped it",
    "line": "connection lost",
    "device": "no sound device",
}
"""Who cut an answer short (`TurnView.cut_by`), in words behind which a time may stand."""
ENDS = {"mic_live": "mic_flat", "device_back": "device_lost", "line_back": "line_lost"}
"""Codes of notes (`TurnView.detail`) that tell that a trouble is over, and the code that told of it."""


def still_wrong(turns: Sequence[TurnView]) -> list[TurnView]:
    """Of the notes among these turns, oldest first, the troubles that are not over.

    A note that came again stands behind what came since, so a trouble is over when a note of its end stands behind it.
    """
    over: set[str] = set()
    found: list[TurnView] = []
    for note in (turn for turn in reversed(turns) if turn.who == "note"):
        if note.detail in ENDS:
            over.add(ENDS[note.detail])
        elif note.level != "info" and note.detail not in over:
            found.append(note)
    return found[::-1]


def counts_anew(before: TurnView | None, now: TurnView) -> bool:
    """Whether a turn differs in more than how far its words have come, which run twenty times a second."""
    if before is None or now.who == "note":
        return True
    return replace(now, text=before.text, rest=before.rest, spoken=before.spoken) != before
