"""What the sound path reports: facts, each with the time it happened (`at`, seconds on the caller's clock).

The path decides little and reports everything; whoever owns the conversation turns these into its own events. They are
posted from the audio thread, so whoever receives them must only queue them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class AssistantHeard:
    """The loudspeaker became audible: it plays something other than silence (R1)."""

    at: float


@dataclass(frozen=True, slots=True)
class AssistantFellSilent:
    """100 ms without an audible sample. Not the end of the answer: it may become audible again (R2)."""

    at: float
    last_audible_at: float
    """When the last audible block was handed to the device; reopening the mic counts from here."""


@dataclass(frozen=True, slots=True)
class VoiceBegan:
    """Somebody speaks near the microphone, measured after echo cancellation and upstream of the gate."""

    at: float
    began_at: float
    """When the voice began, which is a little before we could be sure of it."""


@dataclass(frozen=True, slots=True)
class VoiceEnded:
    """The voice has been gone for the release time."""

    at: float
    ended_at: float
    duration: float
    """Seconds from the first to the last voiced moment."""
    near_end: bool = False
    """Whether it is surely the user: the echo of the loudspeaker does not explain how loud it was."""


@dataclass(frozen=True, slots=True)
class BargeInHappened:
    """R7 was fulfilled and the loudspeaker has been silenced already, without asking anybody."""

    at: float
    voice_began_at: float
    heard: float
    """Seconds of this answer between its first audible sample and the cut."""


@dataclass(frozen=True, slots=True)
class PlaybackFlushed:
    """The loudspeaker was silenced; what still arrives of generations up to `through` is dropped (R8)."""

    at: float
    through: int


@dataclass(frozen=True, slots=True)
class PlaybackDucked:
    """The loudspeaker was turned down by 12 dB for a voice that may become an interruption, or up again (R7)."""

    at: float
    ducked: bool


@dataclass(frozen=True, slots=True)
class MicClosed:
    """The gate was closed ahead of the core's word: a mute key is obeyed by the thread that reads it (R5)."""

    at: float


@dataclass(frozen=True, slots=True)
class UplinkDrained:
    """The last sample queued before the mic closed has left; a commit may follow it (R6)."""

    at: float
    left: float = 0.0
    """Seconds of sound that still wait for the transport. Above 0, this is told at the closing, and the end follows."""


@dataclass(frozen=True, slots=True)
class MicFlat:
    """An open microphone delivers bit-exact zeros: a missing permission or a mute switch (R26)."""

    at: float
    duration: float


@dataclass(frozen=True, slots=True)
class MicLive:
    """A microphone that was flat delivers sound again."""

    at: float


@dataclass(frozen=True, slots=True)
class MicFileEnded:
    """The sound file that stands in for a microphone has been played to its end; silence follows."""

    at: float


@dataclass(frozen=True, slots=True)
class ProcessingChanged:
    """The microphone is processed in another way from this block on; a canceller begins cold."""

    at: float
    words: str
    """What becomes of the echo, for people."""
    hears_over_playback: bool
    """Whether talking over the assistant can be noticed at all; without it the talk is half duplex."""


@dataclass(frozen=True, slots=True)
class ScriptBegan:
    """The scripted microphone speaks from here on; `at` is the moment of its first sample."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class ScriptEnded:
    """The scripted microphone has said it to its end."""

    at: float
    label: str


EchoMode = Literal["cancelled", "headphones", "shut"]
"""How the loudspeaker is kept from being taken for a voice: by the canceller, because headphones are worn, or by
shutting the microphone while it plays."""


@dataclass(frozen=True, slots=True)
class SelfEcho:
    """The assistant's own sound reaches the microphone and is, or would be, taken for a voice. Once per situation."""

    at: float
    level_db: float
    """The echo against what was played, dB."""
    delay: float
    """Seconds from handing a sample to the loudspeaker to its return."""
    cancelled_db: float
    """How much of it is taken out, dB; 0 where nothing is."""
    mode: EchoMode


@dataclass(frozen=True, slots=True)
class StreamLost:
    """The sound device stopped calling us; it is being reopened (R26)."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class StreamRestored:
    """Sound runs again, perhaps on other devices."""

    at: float
    name: str
    """The microphone now in use, "none" without one; the path knows the loudspeaker's name."""
    why: str = ""
    """What happened, for people, where it was not a loss: a device is there again, the default changed, a wish."""


@dataclass(frozen=True, slots=True)
class DeviceProblem:
    """A microphone or loudspeaker could not be used; the talk goes on without it."""

    at: float
    reason: str
    hint: str
    """The command or setting that cures it."""


@dataclass(frozen=True, slots=True)
class DeviceHint:
    """Something about a device that is worth a sentence; the sound runs. Once per device, or per failed wish."""

    at: float
    reason: str
    hint: str


AudioFact = (
    AssistantHeard
    | AssistantFellSilent
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
    | ScriptBegan
    | ScriptEnded
    | ProcessingChanged
    | SelfEcho
    | StreamLost
    | StreamRestored
    | DeviceProblem
    | DeviceHint
)
"""Every fact; match on it."""
