"""Everything that can happen to a conversation, as frozen records in the past tense.

Four families: what the *user* did (in `user_events`, which the screen imports without the rest), what the *audio* path
noticed, what the *line* did, and what rules *announce* to each other inside one step. All times are seconds on the
session's monotonic clock; a field ending in `_at` is such a time. Wire events arrive wrapped in `Received`, so that the
answers of an old connection can be told from today's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from voicechat.core.announcements import (
    AnswerAskedByHand as AnswerAskedByHand,
    AnswerInterrupted as AnswerInterrupted,
    ConfigurationInForce as ConfigurationInForce,
    FalseAlarm as FalseAlarm,
    Interrupter as Interrupter,
    LineReleased as LineReleased,
    Noticed as Noticed,
    ReplyWanted as ReplyWanted,
    TalkBegan as TalkBegan,
    TalkDropped as TalkDropped,
    TalkEnded as TalkEnded,
    TurnSpoken as TurnSpoken,
    TurnsRemembered as TurnsRemembered,
)
from voicechat.core.audio_events import (
    AssistantFellSilent as AssistantFellSilent,
    AssistantHeard as AssistantHeard,
    AudioEvent as AudioEvent,
    BargeInHappened as BargeInHappened,
    DeviceLost as DeviceLost,
    DeviceMissing as DeviceMissing,
    DeviceOpened as DeviceOpened,
    EchoChanged as EchoChanged,
    MicClosed as MicClosed,
    MicFileEnded as MicFileEnded,
    MicFlat as MicFlat,
    MicLive as MicLive,
    PlaybackDucked as PlaybackDucked,
    PlaybackEmptied as PlaybackEmptied,
    PlaybackFlushed as PlaybackFlushed,
    PlaybackMoved as PlaybackMoved,
    SelfEchoHeard as SelfEchoHeard,
    SoundNoted as SoundNoted,
    UplinkDrained as UplinkDrained,
    VoiceBegan as VoiceBegan,
    VoiceEnded as VoiceEnded,
)
from voicechat.core.side_events import (
    SideNoted as SideNoted,
    TurnTranslated as TurnTranslated,
)
from voicechat.core.tool_events import (
    ToolAnswered as ToolAnswered,
    ToolFinished as ToolFinished,
    ToolMoved as ToolMoved,
    ToolOffer as ToolOffer,
    ToolPolicy as ToolPolicy,
    ToolsCalled as ToolsCalled,
    ToolsNoted as ToolsNoted,
    ToolsOffered as ToolsOffered,
)
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

if TYPE_CHECKING:  # scripts share this vocabulary and must not pay for the wire's at their start
    from voicechat.protocol.server_events import ServerEvent


# time
@dataclass(frozen=True, slots=True)
class TimePassed:
    """A derived deadline was reached; `now` says which. A stale timer cannot exist."""


# the client
@dataclass(frozen=True, slots=True)
class AttendanceChanged:
    """The client stopped (or went on) showing signs of life; an unattended mic is closed (dead man's switch)."""

    attended: bool


# the money
@dataclass(frozen=True, slots=True)
class BudgetNear:
    """US dollars: most of the budget is spent."""

    spent: float
    budget: float


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """US dollars. `stops`: nothing more may be asked until the user goes on."""

    spent: float
    budget: float
    stops: bool = True


@dataclass(frozen=True, slots=True)
class BudgetBlind:
    """There is a budget in US dollars, and no price for what is used: it cannot be kept."""

    budget: float
    model: str


# the line
@dataclass(frozen=True, slots=True)
class ConnectWanted:
    """Start the session: the first event of every conversation."""


@dataclass(frozen=True, slots=True)
class LineStep:
    """One step of connecting is done: offer, signalling, ice, dtls, channel."""

    connection: int
    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class LineOpened:
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
    dialect: Literal["", "ga", "beta"] = ""
    """What this service is known to speak, until its session says otherwise; empty where nothing is known."""


@dataclass(frozen=True, slots=True)
class LineNoted:
    """Something about the service that the user should read, whether or not a line opens."""

    connection: int
    text: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class LineFailed:
    """No line could be opened."""

    connection: int
    message: str
    hint: str = ""
    retryable: bool = False
    status: int | None = None
    code: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class LineLost:
    """The line is gone: told by an adapter, or announced by a rule that gives it up (`rolls_over`)."""

    connection: int
    reason: str
    code: str = ""
    """What `failures` knows of the reason, such as `close 1008`."""
    rolls_over: bool = False
    """R28: the session's longest time; a new one takes its place at once."""


@dataclass(frozen=True, slots=True)
class SendRefused:
    """A client event could not leave (closed channel, too large)."""

    connection: int
    type: str
    reason: str
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """A server event on the data channel of one connection. Bad messages arrive too, as events."""

    connection: int
    event: ServerEvent
    notes: tuple[str, ...] = field(default=())
    translated: dict[str, Any] | None = field(default=None, repr=False)
    """The event as it was made here of what another protocol said; None for one that came as it is."""


LineEvent = ConnectWanted | LineStep | LineNoted | LineOpened | LineFailed | LineLost | SendRefused | Received
Announcement = (
    ReplyWanted
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
