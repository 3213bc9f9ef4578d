"""Where to call and what came of it: the records that a line is opened with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

Handshake = Literal["multipart", "sdp"]
"""multipart: offer and session configuration in one request, with a standard key. sdp: the offer alone, as
application/sdp, the model in the query; for ephemeral keys and for services that know no more."""


@dataclass(frozen=True, slots=True)
class LineTarget:
    """One service, ready to be called. The key never shows in a repr."""

    base_url: str
    key: str = field(repr=False)
    model: str
    handshake: Handshake = "multipart"
    session: Mapping[str, object] | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    ice_servers: tuple[str, ...] = ()
    connect_timeout: float = 10.0
    """Seconds for everything from the offer to the open channel."""
    path: str = "realtime/calls"
    """Below the base URL; `realtime` for services that still take an SDP at the beta address."""


@dataclass(frozen=True, slots=True)
class LineOpened:
    """A line is open."""

    call_id: str
    """The service's name for the call, needed to hang up; empty where it gave none."""
    steps: tuple[tuple[str, float], ...]
    """Seconds that each step took: offer, signalling, ice, dtls, channel."""


class LineListener(Protocol):
    """How a line reports. Called on the event loop; not after `close()`."""

    def on_text(self, text: str) -> None: ...
    def on_closed(self, reason: str) -> None: ...
