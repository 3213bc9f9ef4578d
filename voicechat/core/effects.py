"""Everything the core may ask for, as frozen records in the imperative. Each class is constructed in one rule file, but
for client events about items: each of four rules has its own.

`session.perform` hands each to a port; a failure comes back as an event. Effects of one step are carried out in order.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from voicechat.protocol.client_events import (
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemRetrieve,
    ConversationItemTruncate,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    OutputAudioBufferClear,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
)

BY_HAND = "hand-"
"""How the ids of client events begin that the user sends by hand."""


# audio path
class OpenMic(Struct, frozen=True, tag="mic.opened"):
    """Send captured audio, beginning `pre_roll` seconds before now."""

    pre_roll: float = 0.0
    again: bool = False
    """Also what was sent already: that was another line, and it is gone (R27)."""


class SendKept(Struct, frozen=True):
    """Send what was said from `since` to `until` seconds before now; the mic stays as it is (a mute came after it)."""

    since: float
    until: float


class CloseMic(Struct, frozen=True, tag="mic.closed"):
    """Send silence; the track keeps running (R30). `drop`: what is queued does not leave either (a mute)."""

    drop: bool = False


class SilencePlayback(Struct, frozen=True, tag="playback.flushed"):
    """Flush the loudspeaker at once and drop what still comes of generations up to `through` (R8)."""

    through: int


class BeginPlayback(Struct, frozen=True, tag="playback.began"):
    """Sound that arrives from now on is of this generation: the number of the response, counted over the talk."""

    generation: int


class AllowBargeIn(Struct, frozen=True):
    """Tell the audio callback whether it may flush by itself when R7 is met (it decides faster than the loop)."""

    allowed: bool


class SetVolume(Struct, frozen=True):
    volume: float
    deafened: bool = False


# line
class Connect(Struct, frozen=True, tag="line.connecting"):
    """Open a line. `session` is the configuration in the GA dialect, for the handshake or the first session.update."""

    connection: int
    session: dict[str, Any]
    transport: Literal["auto", "WebRTC", "WebSocket"] = "auto"
    """auto: as configured. Named: what the core fell back to, or stays with for this talk (R27)."""


class HangUp(Struct, frozen=True, tag="line.hanging_up"):
    """Close the line; at the service too, where it can be told (R30)."""

    connection: int


class SendByHand(Struct, frozen=True):
    """A client event as the user wrote it, in the dialect in use; only `event_id` may have been added."""

    text: str
    type: str
    event_id: str


class OpenDevices(Struct, frozen=True):
    """Look for the wished microphone and loudspeaker again."""


# tools
class RunTool(Struct, frozen=True, tag="tool.run"):
    """Run one call of a tool; what comes of it is told as `ToolFinished`, in any order. `arguments`: JSON."""

    call_id: str
    name: str
    arguments: str


class DropTools(Struct, frozen=True, tag="tools.dropped"):
    """Nobody waits for what is running any more."""


AudioEffect = OpenDevices | OpenMic | SendKept | CloseMic | SilencePlayback | BeginPlayback | AllowBargeIn | SetVolume
ItemEvent = ConversationItemCreate | ConversationItemDelete | ConversationItemRetrieve | ConversationItemTruncate
WireEffect = (
    SessionUpdate
    | InputAudioBufferClear
    | InputAudioBufferCommit
    | OutputAudioBufferClear
    | ItemEvent
    | ResponseCreate
    | ResponseCancel
    | SendByHand
)
"""Client events, each an effect as it is, in GA form: the codec spells it in the dialect in use."""
LineEffect = Connect | HangUp | WireEffect
ToolEffect = RunTool | DropTools
Effect = AudioEffect | LineEffect | ToolEffect
