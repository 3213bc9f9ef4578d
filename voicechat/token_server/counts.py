"""What happened at a token server, in numbers only: no address, no token, no word of anybody."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counts:
    """Everything since the start, and what of it was told already."""

    minted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """Refusals by their code."""
    failed: Counter[str] = field(default_factory=Counter)
    """Failures of the service behind us, by the code that the client got."""
    turned_away: int = 0
    """Connections beyond the number that is served at once."""
    _told: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)

    def as_plain(self, bursts: int, clients: int) -> dict[str, object]:
        """For `GET /stats`."""
        return {
            "minted": self.minted,
            "refused": dict(sorted(self.refused.items())),
            "failed": dict(sorted(self.failed.items())),
            "turned_away": self.turned_away,
            "bursts": bursts,
            "clients": clients,
        }

    def line(self, bursts: int, clients: int) -> str:
        """Everything in one line, for stderr."""
        refused = ", ".join(f"{name} {count}" for name, count in sorted(self.refused.items())) or "none"
        failed = ", ".join(f"{name} {count}" for name, count in sorted(self.failed.items())) or "none"
        return (
            f"minted {self.minted} · refused: {refused} · upstream failures: {failed} · "
            f"bursts {bursts} · clients {clients} · connections turned away {self.turned_away}"
        )

    def has_news(self, bursts: int) -> bool:
        """Whether anything happened since this was last asked."""
        now = (self.minted, self.refused.total(), self.failed.total(), self.turned_away, bursts)
        before, self._told = self._told, now
        return now != before
