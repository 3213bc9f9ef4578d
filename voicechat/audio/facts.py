"""What the sound path reports: facts, each with the time it happened (`at`, seconds on the caller's clock).

The path decides little and reports everything; whoever owns the conversation turns these into its own events. They are
posted from the audio thread, so whoever receives them must only queue them.
"""

from __future__ import annotations

from dataclasses import dataclass


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


@dataclass(frozen=True, slots=True)
class BargeInHappened:
    """R7 was fulfilled and the loudspeaker has been silenced already, without asking anybody."""

    at: float
    voice_began_at: float
    heard: float
    """Seconds of this answer between its first audible sample and the cut."""


@dataclass(frozen=True, slots=True)
class PlaybackFlushed:
    """The loudspeaker was silenced; what still arrives is dropped until playback is resumed (R8)."""

    at: float


@dataclass(frozen=True, slots=True)
class UplinkDrained:
    """The last sample queued before the mic closed has left; a commit may follow it (R6)."""

    at: float


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


@dataclass(frozen=True, slots=True)
class DeviceProblem:
    """A microphone or loudspeaker could not be used; the talk goes on without it."""

    at: float
    reason: str
    hint: str
    """The command or setting that cures it."""


AudioFact = (
    AssistantHeard
    | AssistantFellSilent
    | VoiceBegan
    | VoiceEnded
    | BargeInHappened
    | PlaybackFlushed
    | UplinkDrained
    | MicFlat
    | MicLive
    | MicFileEnded
    | StreamLost
    | StreamRestored
    | DeviceProblem
)
"""Every fact; match on it."""
