"""What became of the packets of a line: the counters of the receive buffer, for the screen and for benchmarks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JitterStats:
    """What became of the packets since the start."""

    played: int = 0
    """Packets decoded."""
    fec: int = 0
    """Holes repaired from what the next packet carried."""
    concealed: int = 0
    """Frames (20 ms) of sound that was invented."""
    stretched: int = 0
    """Times that the sound was made shorter or longer."""
    dropped: int = 0
    """Packets thrown away unplayed: by a flush, from a backlog of more than a second, of a sender that was replaced."""
    late: int = 0
    """Packets that came after their place had been played or filled."""
    repeated: int = 0
    """Packets that came once more."""
    silence: int = 0
    """Blocks without anything to play, comfort noise included."""
    invented: float = 0.0
    """Seconds of concealment."""
    heard: float = 0.0
    """Seconds of sound: received, repaired and invented."""
    expanded: float = 0.0
    """Seconds put in by stretching."""
    accelerated: float = 0.0
    """Seconds taken out by stretching."""
    depth: float = 0.0
    """Seconds that a sound stays in here now, its own 20 ms included; 0 while nothing plays."""
    target: float = 0.0
    """What `depth` should be."""
