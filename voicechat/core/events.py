"""Everything that can happen to a conversation, as frozen records in the past tense.

Four families: what the *user* did (in `user_events`, which the screen imports without the rest), what the *audio* path
noticed, what the *line* did, and what rules *announce* to each other inside one step. All times are seconds on the
session's monotonic clock; a field ending in `_at` is such a time. A record with a tag stands under it in the event
list. Wire events arrive wrapped in `Received`, so that the answers of an old connection can be told from today's.

What happens to the tools of a talk, and what the rules tell each other about calls. A part of `events`.

What rules announce to each other, handled in the same step; the last family of `events`.

What the audio path noticed, as frozen records in the past tense; one of the families of `events`.

Times are seconds on the session's monotonic clock.

What work beside the talk has to say (R24): a part of `events`.

The conversation rule alone hears these. They add words beneath a turn, or a note; no rule makes sound, an answer or
anything else for the service out of them, which a property test holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct, field

from voicechat.core.user_events import (
    AgainPressed as AgainPressed,
    BargeInChosen as BargeInChosen,
    DeafenChosen as DeafenChosen,
    EndAsked as EndAsked,
    FocusLost as FocusLost,
    GoOnChosen as GoOnChosen,
    ItemDeletionAsked as ItemDeletionAsked,
    ItemRetrievalAsked as ItemRetrievalAsked,
    ItemTextEntered as ItemTextEntered,
    ItemTruncationAsked as ItemTruncationAsked,
    MuteChosen as MuteChosen,
    NewAsked as NewAsked,
    PauseToggled as PauseToggled,
    PresetChosen as PresetChosen,
    RawEventEntered as RawEventEntered,
    SettingChosen as SettingChosen,
    SettingUndone as SettingUndone,
    StopPressed as StopPressed,
    TalkPressed as TalkPressed,
    TalkRejoined as TalkRejoined,
    TalkReleased as TalkReleased,
    TalkSource as TalkSource,
    TalkTapped as TalkTapped,
    TextEntered as TextEntered,
    ToolAllowed as ToolAllowed,
    ToolDenied as ToolDenied,
    TurnModeChosen as TurnModeChosen,
    UserEvent as UserEvent,
    VolumeChosen as VolumeChosen,
)

if TYPE_CHECKING:
    from voicechat.protocol.server_events import ServerEvent


class TurnTranslated(Struct, frozen=True, tag="translation"):
    """What a turn (by its key) means in the other language, as far as it was heard.

    An empty `text` says that nothing will be shown, and `why`. When it turns out that more of an answer was heard, it
    is told once more.
    """

    key: str
    text: str
    why: Literal["", "same", "failed", "dropped"] = ""
    """The words are in that language already; it could not be done; there was no time for it."""


class SideNoted(Struct, frozen=True, tag="side.noted"):
    """Something about work beside the talk that the user should read."""

    text: str
    code: str = ""
    level: Literal["info", "warning", "error"] = "warning"


class AssistantHeard(Struct, frozen=True, tag="assistant.audible"):
    """The loudspeaker became audible: it plays something other than silence (R1)."""


class AssistantFellSilent(Struct, frozen=True, tag="assistant.silent"):
    """100 ms without an audible sample. Not the end of the answer: it may become audible again (R2)."""

    last_audible_at: float
    """When the last audible block was handed to the device; reopening the mic counts from here."""


class PlaybackEmptied(Struct, frozen=True):
    """The playback queue of this connection is empty (WebSocket: the client owns the queue)."""

    connection: int | None = None
    """None: of the present one, as tapes of version 1 have it."""


class PlaybackMoved(Struct, frozen=True):
    """By `at`, so many seconds of an item of this connection had left for the loudspeaker (WebSocket: only the client
    knows). `moving`: and it went on."""

    connection: int
    item_id: str
    played: float
    at: float
    moving: bool = True


class VoiceBegan(Struct, frozen=True, tag="voice.began"):
    """Local voice, measured after echo cancellation and upstream of the mic gate."""

    began_at: float
    """A little before it could be told from a noise."""


class VoiceEnded(Struct, frozen=True, tag="voice.ended"):
    """The voice has been gone for the release time; `voiced`: seconds from the first to the last voiced moment."""

    ended_at: float
    voiced: float
    near_end: bool = False
    """Whether it is surely the user's: the loudspeaker's echo does not explain how loud it was."""


class BargeInHappened(Struct, frozen=True, tag="barge_in.happened"):
    """The audio callback granted a barge-in from facts the core had set, and has silenced the loudspeaker."""

    voice_began_at: float


class PlaybackFlushed(Struct, frozen=True, tag="playback.flush_applied"):
    """The loudspeaker fell silent, and sound of generations up to `through` is dropped. Told of every flush: also of
    those that the reader thread (stop key) and the audio callback (barge-in) applied ahead of the core."""

    through: int


class PlaybackDucked(Struct, frozen=True, tag="playback.ducked"):
    """The audio callback turned the loudspeaker down by 12 dB for a voice that may become an interruption, or up again
    (R7)."""

    ducked: bool


class MicClosed(Struct, frozen=True, tag="mic.close_applied"):
    """The thread that reads keys has closed the gate ahead of the core (mute, R5)."""


class UplinkDrained(Struct, frozen=True, tag="mic.drained"):
    """The last sample queued before the mic closed has left (R6: then the commit may go)."""

    left: float = 0.0
    """Seconds of sound that still wait (a sound server that stalled, kept words). Above 0, the end is told later."""


class MicFlat(Struct, frozen=True, tag="mic.flat"):
    """Bit-exact zeros for `seconds` from an open mic: a missing permission or a mute switch (R26)."""

    seconds: float
    cure: str = ""
    """What helps on this system."""


class MicLive(Struct, frozen=True, tag="mic.live"):
    """Sound comes in again after `MicFlat`."""


class MicFileEnded(Struct, frozen=True, tag="mic.file_ended"):
    """A sound file stands in for the microphone and has ended. No rule cares; scripts do."""


class DeviceOpened(Struct, frozen=True, tag="device.opened"):
    mic: str
    speaker: str
    echo: str = ""
    """What cancels echo: `AEC3`, or why nothing does."""
    detector: str = ""
    hears_over_playback: bool | None = None
    """As in `EchoChanged`; None: as before."""
    why: str = ""
    """What brought these devices about, where nobody chose them: one is there again, the default changed."""


class DeviceLost(Struct, frozen=True, tag="device.lost"):
    """No callback for 500 ms, or the stream ended; the audio side reopens by itself (R26)."""

    name: str
    reason: str


class DeviceMissing(Struct, frozen=True, tag="device.missing"):
    """There is no microphone or no loudspeaker to open. The talk goes on in text."""

    reason: str
    hint: str = ""
    part: Literal["microphone", "loudspeaker"] = "microphone"


class EchoChanged(Struct, frozen=True, tag="echo.changed"):
    """Echo is treated in another way from now on, on the same devices; in the words of `DeviceOpened`."""

    echo: str
    hears_over_playback: bool = True
    """Whether talking over the assistant can be noticed; without it the talk is half duplex, whatever was chosen."""


class SelfEchoHeard(Struct, frozen=True, tag="echo.self_heard"):
    """The loudspeaker, not the user, sets off the voice detection (or would). Comes once per set of devices."""

    level_db: float
    """The echo in the microphone against what was played, dB."""
    delay: float
    """Seconds from handing a sample to the loudspeaker to its return."""
    cancelled_db: float
    """How much of it is taken out, dB; 0 where nothing is."""
    mode: Literal["cancelled", "headphones", "shut"]
    """How the loudspeaker should have been kept apart: by the canceller, by headphones, by shutting the mic."""


class SoundNoted(Struct, frozen=True):
    """Something about a device that the user should read: what is the case, then the next step."""

    text: str
    level: Literal["info", "warning", "error"] = "warning"
    code: str = "sound"


AudioEvent = (
    AssistantHeard
    | AssistantFellSilent
    | PlaybackEmptied
    | PlaybackMoved
    | VoiceBegan
    | VoiceEnded
    | BargeInHappened
    | PlaybackFlushed
    | PlaybackDucked
    | MicClosed
    | UplinkDrained
    | MicFlat
    | MicLive
    | MicFileEnded
    | DeviceOpened
    | DeviceLost
    | DeviceMissing
    | EchoChanged
    | SelfEchoHeard
    | SoundNoted
)


Interrupter = Literal["you", "barge-in", "push-to-talk", "server", "line", "device"]


class ReplyWanted(Struct, frozen=True):
    """Somebody may want an answer to `item_id` (empty: to the conversation as it stands)."""

    item_id: str = ""
    why: Literal["transcript", "push-to-talk", "local", "text", "tool", "greeting", "again"] = "text"


class AnswerAskedByHand(Struct, frozen=True):
    """A `response.create` written by hand is on its way; the answer it brings has the one slot (R12)."""

    event_id: str


class AnswerInterrupted(Struct, frozen=True, tag="answer.interrupted"):
    """The running answer ends here. `pre_roll` seconds before now are the user's and must reach the server."""

    by: Interrupter
    pre_roll: float = 0.0


class TalkBegan(Struct, frozen=True):
    """A press was accepted; what the server has heard before is not part of this turn (R6)."""


class TalkEnded(Struct, frozen=True):
    """The last sample of a push-to-talk turn has left. `spoken` seconds lay between press and release (R18)."""

    spoken: float


class TalkDropped(Struct, frozen=True):
    """A push-to-talk turn is given up: muted, or never heard by a server."""


class FalseAlarm(Struct, frozen=True):
    """R11: the barge-in granted at `granted_at` was noise."""

    granted_at: float


class LineReleased(Struct, frozen=True):
    """R30: whatever ran is ended, the line may go. `anew`: and a new one is wanted."""

    anew: bool = False


class TurnsRemembered(Struct, frozen=True):
    """R27: these turns of the old line were given to the new one as text items: (key of the turn, id of the item)."""

    items: tuple[tuple[str, str], ...]


class TurnSpoken(Struct, frozen=True):
    """A push-to-talk turn or a locally detected segment was committed; the server will name its item."""

    by: Literal["push-to-talk", "local"]


class ConfigurationInForce(Struct, frozen=True):
    """R21: user audio may flow from now on."""


class Noticed(Struct, frozen=True, tag="notice"):
    """Something the user should read: what happened, then the next step. Repeats collapse."""

    level: Literal["info", "warning", "error"]
    text: str
    code: str = ""


ToolPolicy = Literal["ask", "always", "never"]
"""Whether a tool runs only when the user allows the call, at once, or not at all."""


class ToolOffer(Struct, frozen=True):
    """A tool that can be run here, by the name the model calls it."""

    name: str
    policy: ToolPolicy = "ask"


class ToolsOffered(Struct, frozen=True, tag="tools.offered"):
    """What can be run here from now on, and all of it: `definitions` is what the session says of it (GA)."""

    offers: tuple[ToolOffer, ...]
    definitions: tuple[dict[str, Any], ...] = ()
    are_all: bool = True
    """False: more are on their way (a server that is still starting)."""


class ToolsNoted(Struct, frozen=True):
    """Something about the tools that the user should read."""

    text: str
    level: Literal["info", "warning", "error"] = "warning"


class ToolFinished(Struct, frozen=True, tag="tool.finished"):
    """A call that was run has ended. `output` goes to the model; `failed` says why it did not work, for the user."""

    call_id: str
    output: str
    failed: str = ""


class ToolsCalled(Struct, frozen=True):
    """An answer ended with calls of these ids that are answered here; the reply waits for all of them (R13)."""

    call_ids: tuple[str, ...]


class ToolMoved(Struct, frozen=True, tag="tool.moved"):
    """A call waits for the user's word, runs, or will never be answered (`dropped`, and why)."""

    call_id: str
    stage: Literal["asked", "running", "dropped"]
    why: str = ""


class ToolAnswered(Struct, frozen=True):
    """The output of a call has left as `item_id`. `asks`: an answer to it is wanted, once all are there (R13)."""

    call_id: str
    item_id: str
    output: str = ""
    failed: str = ""
    seconds: float | None = None
    """How long it ran; None if it never did."""
    asks: bool = True


# time
class TimePassed(Struct, frozen=True):
    """A derived deadline was reached; `now` says which. A stale timer cannot exist."""


# the client
class AttendanceChanged(Struct, frozen=True, tag="attendance.changed"):
    """The client stopped (or went on) showing signs of life; an unattended mic is closed (dead man's switch)."""

    attended: bool


# the money
class BudgetNear(Struct, frozen=True, tag="budget.near"):
    """US dollars: most of the budget is spent."""

    spent: float
    budget: float


class BudgetSpent(Struct, frozen=True, tag="budget.spent"):
    """US dollars. `stops`: nothing more may be asked until the user goes on."""

    spent: float
    budget: float
    stops: bool = True


class BudgetBlind(Struct, frozen=True, tag="budget.blind"):
    """There is a budget in US dollars, and no price for what is used: it cannot be kept."""

    budget: float
    model: str


# the line
class ConnectWanted(Struct, frozen=True, tag="connect.wanted"):
    """Start the session: the first event of every conversation."""


class LineStep(Struct, frozen=True, tag="line.step"):
    """One step of connecting is done: offer, signalling, ice, dtls, channel."""

    connection: int
    name: str
    seconds: float


class LineOpened(Struct, frozen=True, tag="line.opened"):
    """The data channel is open. `configured`: the session configuration travelled in the handshake."""

    connection: int
    transport: Literal["WebRTC", "WebSocket"] = "WebRTC"
    call_id: str = ""
    configured: bool = False
    receive_fallback: str = ""
    """Why the stock receive path is in use, if it is."""
    why: str = ""
    """Why this transport or handshake and not the one that was asked for first; shown."""
    handshake: str = ""
    """The handshake that worked."""
    unix_time: float | None = None
    """The wall clock as the line opened: services say in its terms when a session ends (R28)."""
    dialect: Literal["", "ga", "beta", "xai"] = ""
    """What this service is known to speak, until its session says otherwise; empty where nothing is known."""


class LineNoted(Struct, frozen=True):
    """Something about the service that the user should read, whether or not a line opens."""

    connection: int
    text: str
    code: str = ""


class LineFailed(Struct, frozen=True, tag="line.failed"):
    """No line could be opened."""

    connection: int
    message: str
    hint: str = ""
    retryable: bool = False
    status: int | None = None
    code: str = ""
    retry_after: float | None = None


class LineLost(Struct, frozen=True, tag="line.lost"):
    """The line is gone: told by an adapter, or announced by a rule that gives it up (`rolls_over`)."""

    connection: int
    reason: str
    code: str = ""
    """What `failures` knows of the reason, such as `close 1008`."""
    rolls_over: bool = False
    """R28: the session's longest time; a new one takes its place at once."""


class SendRefused(Struct, frozen=True, tag="send.refused"):
    """A client event could not leave (closed channel, too large)."""

    connection: int
    client_event: str
    """Its type."""
    reason: str
    event_id: str = ""


class Received(Struct, frozen=True):
    """A server event on the data channel of one connection. Bad messages arrive too, as events."""

    connection: int
    event: ServerEvent
    notes: tuple[str, ...] = field(default=())
    translated: dict[str, Any] | None = None
    """The event as it was made here of what another protocol said; None for one that came as it is."""


LineEvent = ConnectWanted | LineStep | LineNoted | LineOpened | LineFailed | LineLost | SendRefused | Received
Announcement = (
    ReplyWanted
    | ConnectWanted
    | ToolsCalled
    | ToolMoved
    | ToolAnswered
    | AnswerAskedByHand
    | AnswerInterrupted
    | TalkBegan
    | TalkEnded
    | TalkDropped
    | FalseAlarm
    | LineReleased
    | TurnsRemembered
    | TurnSpoken
    | LineLost
    | ConfigurationInForce
    | Noticed
)
MoneyEvent = BudgetNear | BudgetSpent | BudgetBlind
ToolEvent = ToolsOffered | ToolsNoted | ToolFinished
SideEvent = TurnTranslated | SideNoted
Event = TimePassed | UserEvent | AudioEvent | LineEvent | AttendanceChanged | MoneyEvent | ToolEvent | SideEvent
AnyEvent = Event | Announcement
