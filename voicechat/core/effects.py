"""Everything the core may ask for, as frozen records in the imperative. Each class is constructed in one rule file.

`session.perform` hands each to a port; a failure comes back as an event. Effects of one step are carried out in order.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

from voicechat.protocol.client_events import (
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemRetrieve,
    ConversationItemTruncate,
)
from voicechat.protocol.items import Item

ItemEvent = ConversationItemCreate | ConversationItemDelete | ConversationItemRetrieve | ConversationItemTruncate


# audio path
class OpenMic(Struct, frozen=True):
    """Send captured audio, beginning `pre_roll` seconds before now."""

    pre_roll: float = 0.0
    again: bool = False
    """Also what was sent already: that was another line, and it is gone (R27)."""


class SendKept(Struct, frozen=True):
    """Send what was said from `since` to `until` seconds before now; the mic stays as it is (a mute came after it)."""

    since: float
    until: float


class CloseMic(Struct, frozen=True):
    """Send silence; the track keeps running (R30). `drop`: what is queued does not leave either (a mute)."""

    drop: bool = False


class SilencePlayback(Struct, frozen=True):
    """Flush the loudspeaker at once and drop what still comes of generations up to `through` (R8)."""

    through: int


class BeginPlayback(Struct, frozen=True):
    """Sound that arrives from now on is of this generation: the number of the response, counted over the talk."""

    generation: int


class AllowBargeIn(Struct, frozen=True):
    """Tell the audio callback whether it may flush by itself when R7 is met (it decides faster than the loop)."""

    allowed: bool


class SetVolume(Struct, frozen=True):
    volume: float
    deafened: bool = False


# line
class Connect(Struct, frozen=True):
    """Open a line. `session` is the configuration in the GA dialect, for the handshake or the first session.update."""

    connection: int
    session: dict[str, Any]
    transport: Literal["auto", "WebRTC", "WebSocket"] = "auto"
    """auto: as configured. Named: what the core fell back to, or stays with for this talk (R27)."""


class HangUp(Struct, frozen=True):
    """Close the line; at the service too, where it can be told (R30)."""

    connection: int


class UpdateSession(Struct, frozen=True):
    """session.update with a configuration in the GA dialect; `dialect` names the spelling to send."""

    session: dict[str, Any]
    event_id: str
    dialect: str = "ga"


class ClearInput(Struct, frozen=True):
    event_id: str = ""


class CommitInput(Struct, frozen=True):
    event_id: str = ""


class CreateItem(Struct, frozen=True):
    item: Item
    event_id: str = ""
    previous_item_id: str | None = None


class RememberItem(Struct, frozen=True):
    """Tell a new session what was said in the old one."""

    item: Item
    event_id: str


class CreateResponse(Struct, frozen=True):
    event_id: str
    response: dict[str, Any] | None = field(default=None)


class CancelResponse(Struct, frozen=True):
    response_id: str = ""
    event_id: str = ""


class ClearOutputAudio(Struct, frozen=True):
    """WebRTC: the server drops what it has not sent yet."""

    event_id: str = ""


class TruncateItem(Struct, frozen=True):
    """WebSocket: `heard` seconds were really played."""

    item_id: str
    heard: float
    event_id: str = ""


class SendByHand(Struct, frozen=True):
    """A client event as the user wrote it, in the dialect in use; only `event_id` may have been added."""

    text: str
    type: str
    event_id: str


class ChangeItem(Struct, frozen=True):
    """What the user does to one item of the conversation by hand."""

    event: ItemEvent
    event_id: str


class AnswerCall(Struct, frozen=True):
    """The output of a function, or the user's word on a call the service would make itself."""

    item: Item
    event_id: str


class OpenDevices(Struct, frozen=True):
    """Look for the wished microphone and loudspeaker again."""


# tools
class RunTool(Struct, frozen=True):
    """Run one call of a tool; what comes of it is told as `ToolFinished`, in any order. `arguments`: JSON."""

    call_id: str
    name: str
    arguments: str


class DropTools(Struct, frozen=True):
    """Nobody waits for what is running any more."""


AudioEffect = OpenDevices | OpenMic | SendKept | CloseMic | SilencePlayback | BeginPlayback | AllowBargeIn | SetVolume
ComposedEffect = (
    UpdateSession
    | ClearInput
    | CommitInput
    | CreateItem
    | RememberItem
    | CreateResponse
    | CancelResponse
    | ClearOutputAudio
    | TruncateItem
    | ChangeItem
    | AnswerCall
)
"""Wire effects that become client events here; what was written by hand is one already."""
WireEffect = ComposedEffect | SendByHand
LineEffect = Connect | HangUp | WireEffect
ToolEffect = RunTool | DropTools
Effect = AudioEffect | LineEffect | ToolEffect
