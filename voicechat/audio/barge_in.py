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


def is_granted(facts: BargeInFacts, *, heard: float, voice_lasted: float, is_cold: bool) -> bool:
    """Whether the voice has earned the floor. `heard`: seconds of this answer, 0 when none is running."""
    needed = facts.min_voice + (facts.cold_extra if is_cold else 0.0)
    return heard > 0.0 and _reached(heard, facts.min_playback) and _reached(voice_lasted, needed)


def should_duck(facts: BargeInFacts, *, heard: float, voice_lasted: float) -> bool:
    """Whether to turn down for a voice that may become an interruption."""
    return heard > 0.0 and voice_lasted > 0.0 and _reached(voice_lasted, facts.duck_after)


def _reached(seconds: float, needed: float) -> bool:
    """Times are sums of 10 ms steps; a rounding error must not cost a block."""
    return seconds >= needed - 1e-6
