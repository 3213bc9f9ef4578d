"""`latency = low | balanced | high`: how much sound waits in the device, and how often we are asked for more.

Less waiting means a quicker answer and a quicker stop, but every pause of the machine longer than what waits is heard
as a gap. Measured on PulseAudio null sinks (two shared cores), from writing a chirp to reading it back, capture side
included:

| latency  | blocks | device | round trip | for                                                        |
|----------|--------|--------|------------|------------------------------------------------------------|
| low      | 10 ms  | 10 ms  | 30 ms      | raw cards, CoreAudio, WASAPI; a sound server gives 20 ms   |
| balanced | 10 ms  | 20 ms  | 30 ms      | nearly everybody: no gaps under a redrawing screen         |
| high     | 20 ms  | 60 ms  | 80 ms      | busy or virtual machines: least CPU                        |

Real cards add 5 to 20 ms of converters and bus, Bluetooth 150 to 300 ms, whatever is asked for here. The echo canceller
finds delays up to 450 ms by itself.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Buffering:
    """What is asked of the device."""

    device: float
    """Seconds that wait in the device."""
    block: float
    """Seconds of one callback; whole blocks of the path."""

    @property
    def late_after(self) -> float:
        """Seconds between two callbacks after which the device had nothing left to play."""
        return self.device + 2.0 * self.block

    @property
    def least_lead(self) -> float:
        """Seconds that wait for the loudspeaker when it asks for more; less is a stream that began out of step.

        A raw card has `device` seconds left then, PulseAudio tells of 5 ms more.
        """
        return self.device - 0.3 * self.block


BUFFERING = {
    "low": Buffering(device=0.01, block=0.01),
    "balanced": Buffering(device=0.02, block=0.01),
    "high": Buffering(device=0.06, block=0.02),
}
"""By the name of the setting."""
BALANCED = BUFFERING["balanced"]
