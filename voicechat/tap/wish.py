"""What the user asked of a tap; it travels to the tap's process beside the settings."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class TapWish:
    """The service's base URL, where to listen, and where tapes go (empty: nowhere)."""

    upstream: str
    port: int = 8765
    record: str = ""

    def plain(self) -> dict[str, Any]:
        """For the link."""
        return asdict(self)


def wish_of(plain: object) -> TapWish:
    """The inverse of `plain`; what is missing has its default."""
    told = plain if isinstance(plain, dict) else {}
    known = {name: told[name] for name in ("upstream", "port", "record") if name in told}
    return TapWish(**{"upstream": "", **known})
