"""What other threads may know of the audio path."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AudioSnapshot:
    """How the sound path is right now, for meters that look 12 to 20 times a second. Levels are dBFS, times seconds."""

    in_db: float
    """Level of the processed microphone: what would be sent."""
    in_peak_db: float
    """Peak of the raw microphone."""
    in_clipped: float
    """Share of raw samples at full scale in the last second, 0 to 1."""
    noise_db: float
    out_db: float
    gate_open: bool
    backlog: float
    """Seconds waiting for the line."""
    underruns: int
    late: int
    """Times the device reported a gap or an overflow."""
    restarts: int
    """Times the stream was reopened or kicked."""
    echo_name: str
    detector_name: str
    mic_name: str
    speaker_name: str
    flat_for: float
    """Seconds of bit-exact zeros from the microphone."""
    echo_level_db: float | None = None
    """The echo in the raw microphone against what was played, dB; None while none is found (headphones, silence)."""
    echo_delay: float | None = None
    """Seconds from handing a sample to the loudspeaker to its echo; None while none is found."""
    echo_return_loss_db: float | None = None
    """How much of the echo the canceller takes out, dB, gain control not counted; None while it is not known."""
