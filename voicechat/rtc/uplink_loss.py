"""What the other side loses of ours, and what our encoder should make of it.

RTCP reports come about once a second and cover some fifty packets each, so a single one says little: five per cent of
loss show as anything between none and twelve. The figure therefore rises quickly and falls slowly, and the encoder is
moved between a few steps only, each of which is left at a lower loss than it was entered.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

_RISE, _FALL = 0.5, 0.1
"""Weight of a report that is worse, or better, than what is believed."""
_LEAVE = 0.6
"""A step is left below this share of the loss from which it is taken."""


@dataclass(frozen=True, slots=True)
class Protection:
    """What the encoder is told."""

    from_loss: float
    """Share of lost packets from which this is taken."""
    expected_loss: int
    """Per cent: decides how much of the rate goes into error correction. Below 10 libopus may leave it out."""
    bitrate: int
    """Bits per second."""


STEPS = (
    Protection(0.0, 10, 28_000),
    Protection(0.03, 15, 32_000),
    Protection(0.08, 25, 32_000),
    Protection(0.16, 40, 32_000),
)


class UplinkLoss:
    """Follows the reports of the other side."""

    def __init__(self) -> None:
        self._step = 1
        self.share = STEPS[self._step].from_loss
        """Loss believed, 0 to 1. A call begins protected: the first words come before the first report."""

    @property
    def protection(self) -> Protection:
        """What fits the loss that is believed."""
        return STEPS[self._step]

    def reported(self, share: float) -> None:
        """One report: the share of packets lost since the one before, 0 to 1; what is outside is limited."""
        share = min(1.0, max(0.0, share))
        self.share += (share - self.share) * (_RISE if share > self.share else _FALL)
        while self._step + 1 < len(STEPS) and self.share >= STEPS[self._step + 1].from_loss:
            self._step += 1
        while self._step and self.share < _LEAVE * STEPS[self._step].from_loss:
            self._step -= 1
