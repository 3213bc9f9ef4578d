"""What the audio path noticed, as frozen records in the past tense; one of the families of `events`.

Times are seconds on the session's monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class AssistantHeard:
    """The loudspeaker is playing something other than silence."""


@dataclass(frozen=True, slots=True)
class AssistantFellSilent:
    """The loudspeaker plays silence; its last audible sample left at `last_audible_at`."""

    last_audible_at: float


@dataclass(frozen=True, slots=True)
class PlaybackEmptied:
    """The playback queue of this connection is empty (WebSocket: the client owns the queue)."""

    connection: int | None = None
    """None: of the present one, as tapes of version 1 have it."""


@dataclass(frozen=True, slots=True)
class PlaybackMoved:
    """By `at`, so many seconds of an item of this connection had left for the loudspeaker (WebSocket: only the client
    knows). `moving`: and it went on."""

    connection: int
    item_id: str
    played: float
    at: float
    moving: bool = True


@dataclass(frozen=True, slots=True)
class VoiceBegan:
    """Local voice, measured after echo cancellation and upstream of the mic gate."""

    began_at: float


@dataclass(frozen=True, slots=True)
class VoiceEnded:
    """`ended_at` is the last voiced moment; `voiced` the seconds of voice in between."""

    ended_at: float
    voiced: float
    near_end: bool = False
    """Whether it is surely the user's: the loudspeaker's echo does not explain how loud it was."""


@dataclass(frozen=True, slots=True)
class BargeInHappened:
    """The audio callback granted a barge-in from facts the core had set, and has silenced the loudspeaker."""

    voice_began_at: float


@dataclass(frozen=True, slots=True)
class PlaybackFlushed:
    """The loudspeaker fell silent, and sound of generations up to `through` is dropped. Told of every flush: also of
    those that the reader thread (stop key) and the audio callback (barge-in) applied ahead of the core."""

    through: int


@dataclass(frozen=True, slots=True)
class PlaybackDucked:
    """The audio callback turned the loudspeaker down for a voice that may become an interruption, or up again."""

    ducked: bool


@dataclass(frozen=True, slots=True)
class MicClosed:
    """The thread that reads keys has closed the gate ahead of the core (mute, R5)."""


@dataclass(frozen=True, slots=True)
class UplinkDrained:
    """The last sample queued before the mic closed has left (R6: then the commit may go)."""


@dataclass(frozen=True, slots=True)
class MicFlat:
    """Bit-exact zeros for `seconds` from an open mic (R26)."""

    seconds: float
    cure: str = ""
    """What helps on this system."""


@dataclass(frozen=True, slots=True)
class MicLive:
    """Sound comes in again after `MicFlat`."""


@dataclass(frozen=True, slots=True)
class MicFileEnded:
    """A sound file stands in for the microphone and has ended. No rule cares; scripts do."""


@dataclass(frozen=True, slots=True)
class DeviceOpened:
    mic: str
    speaker: str
    echo: str = ""
    """What cancels echo: `AEC3`, or why nothing does."""
    detector: str = ""
    hears_over_playback: bool | None = None
    """As in `EchoChanged`; None: as before."""
    why: str = ""
    """What brought these devices about, where nobody chose them: one is there again, the default changed."""


@dataclass(frozen=True, slots=True)
class DeviceLost:
    """No callback for 500 ms, or the stream ended; the audio side reopens by itself (R26)."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class DeviceMissing:
    """There is no microphone or no loudspeaker to open. The talk goes on in text."""

    reason: str
    hint: str = ""
    part: Literal["microphone", "loudspeaker"] = "microphone"


@dataclass(frozen=True, slots=True)
class EchoChanged:
    """Echo is treated in another way from now on, on the same devices; in the words of `DeviceOpened`."""

    echo: str
    hears_over_playback: bool = True
    """Whether talking over the assistant can be noticed; without it the talk is half duplex, whatever was chosen."""


@dataclass(frozen=True, slots=True)
class SelfEchoHeard:
    """The loudspeaker, not the user, sets off the voice detection (or would). Comes once per situation."""

    level_db: float
    """The echo in the microphone against what was played, dB."""
    delay: float
    """Seconds from the loudspeaker's sample to its return."""
    cancelled_db: float
    """How much of it is taken out, dB."""
    mode: Literal["cancelled", "headphones", "shut"]
    """How the loudspeaker should have been kept apart: by the canceller, by headphones, by shutting the mic."""


@dataclass(frozen=True, slots=True)
class SoundNoted:
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
