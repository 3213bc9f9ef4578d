"""One valid sample of every wire event, in both dialects where both have it; nothing in them is from a real talk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from voicechat.protocol.codec import ClientFrame, Decoded, decode_client, decode_server
from voicechat.protocol.server_events import ServerEvent
from voicechat.protocol.wire import JsonValue

_FILE = Path(__file__).parent.parent / "protocol" / "data" / "events.json"


@dataclass(frozen=True, slots=True)
class Sample:
    """An event as it stands on the wire."""

    type: str
    """GA type."""
    beta_type: str | None
    sender: str
    """client or server."""
    schema: str | None
    """Module and class of the openai package that describes the GA form."""
    ga: dict[str, JsonValue]
    beta: dict[str, JsonValue] | None

    def decoded(self, wire: dict[str, JsonValue] | None = None) -> Decoded[ServerEvent] | Decoded[ClientFrame]:
        """Read as its receiver would read it; the GA form unless another is given."""
        text = json.dumps(self.ga if wire is None else wire)
        return decode_server(text) if self.sender == "server" else decode_client(text)


def wire_samples() -> list[Sample]:
    """All samples, in the order of the protocol reference."""
    return [
        Sample(row["type"], row["beta_type"], row["from"], row["schema"], row["ga"], row.get("beta"))
        for row in json.loads(_FILE.read_text())
    ]


def sample(event_type: str) -> dict[str, JsonValue]:
    """The GA form of the first sample of a type; a fresh copy that a test may spoil."""
    for found in wire_samples():
        if found.type == event_type:
            return found.ga
    raise KeyError(event_type)
