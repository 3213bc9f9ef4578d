"""R7, decided where it cannot come late: in the audio callback, from facts that the conversation's core has set.

A cough is not an interruption, and nobody interrupts a first syllable. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BargeInFacts:
    """The assistant may be interrupted, under these conditions. All are seconds."""

    min_playback: float
    """The answer must have been audible for so long."""
    min_voice: float
    """The voice must have lasted for so long."""
    cold_extra: float
    """Added to `min_voice` while the echo canceller is cold."""
    cold_for: float
    """So much far-end sound makes the canceller warm."""
    duck_after: float
    """From so much voice on, the loudspeaker is turned down while we are not sure yet."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What speaks for and against a voice over the assistant, in one moment."""

    playback: float
    """Seconds of this answer that were audible, 0 when none is running."""
    lasted: float
    """Seconds of the voice, what led into it included."""
    sure_for: float
    """Seconds of it since the detector was sure."""
    is_cold: bool = False
    """The canceller is cold, or was when the voice began: its leaks sound like voices."""
    is_doubtful: bool = False
    """The echo alone explains how loud the microphone was during this voice."""
    may_be_echo: bool = False
    """Nothing cancels the echo, or nothing has for long enough: what the echo explains is no voice at all."""


def is_granted(facts: BargeInFacts, heard: Heard) -> bool:
    """Whether the voice has earned the floor.

    A voice that stands out of the echo counts from its first sound. One that may be a leak must be sure for longer,
    and over a cold canceller (or none) it must stand out: whoever speaks softly does so as soon as the loudspeaker has
    been turned down for it.
    """
    if heard.playback <= 0.0 or heard.lasted <= 0.0 or not _reached(heard.playback, facts.min_playback):
        return False
    if heard.is_doubtful and (heard.is_cold or heard.may_be_echo):
        return False
    if heard.is_cold or heard.is_doubtful:
        return _reached(heard.sure_for, facts.min_voice + facts.cold_extra)
    return _reached(heard.lasted, facts.min_voice)


def should_duck(facts: BargeInFacts, *, heard: float, voice_lasted: float) -> bool:
    """Whether to turn down for a voice that may become an interruption."""
    return heard > 0.0 and voice_lasted > 0.0 and _reached(voice_lasted, facts.duck_after)


def _reached(seconds: float, needed: float) -> bool:
    """Times are sums of 10 ms steps; a rounding error must not cost a block."""
    return seconds >= needed - 1e-6
