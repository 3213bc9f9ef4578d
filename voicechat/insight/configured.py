"""What is known of the session's configuration: what was sent, what is in force, in either dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from voicechat.insight.facts import Said
from voicechat.insight.findings import Evidence
from voicechat.protocol.dialects import Dialect, detect_dialect
from voicechat.protocol.session_dialects import GA_PATHS


class Unknown:
    """The type of `UNKNOWN`: nobody said."""


UNKNOWN: Final = Unknown()
_FLAT = {path: name for name, path in GA_PATHS.items()}


def value_at(session: Mapping[str, Any], *path: str) -> Any:
    """The value at a GA path, also where a beta session keeps it; `UNKNOWN` if nothing is said there."""
    here: Any = session
    for name in path:
        if not isinstance(here, Mapping) or name not in here:
            break
        here = here[name]
    else:
        return here
    return session.get(_FLAT.get(path, path[-1]), UNKNOWN)


@dataclass(slots=True)
class Configured:
    """The sessions the client asked for and the one the service confirmed."""

    in_force: Mapping[str, Any] = field(default_factory=dict)
    """Of `session.created` or `session.updated`, whichever came last."""
    created: Evidence | None = None
    at_creation: Mapping[str, Any] = field(default_factory=dict)
    updated: Evidence | None = None
    """The first `session.updated`."""
    pending: Said | None = None
    """A `session.update` neither confirmed nor refused."""
    first_sent: Said | None = None
    last_sent: Said | None = None
    by_handshake: bool = False
    """The configuration travelled with the offer, so it was in force from the first moment."""

    @property
    def dialect(self) -> Dialect | None:
        """What the service speaks."""
        return detect_dialect(self.in_force) if self.in_force else None

    def value(self, *path: str) -> Any:
        """As it is, or as it will be once a pending update is confirmed."""
        if self.pending is not None:
            session = self.pending.event.get("session")
            wished = value_at(session, *path) if isinstance(session, Mapping) else UNKNOWN
            if wished is not UNKNOWN:
                return wished
        return value_at(self.in_force, *path)

    @property
    def is_transcription(self) -> bool:
        """A session that only writes down what is said: nobody answers in it."""
        if self.value("type") == "transcription":
            return True
        return str(self.in_force.get("object", "")).endswith("transcription_session")

    @property
    def turn_detection(self) -> Any:
        """A mapping, None (turns are the client's) or `UNKNOWN`."""
        return self.value("audio", "input", "turn_detection")

    @property
    def turns_are_theirs(self) -> bool:
        """The server is known to detect turns."""
        return isinstance(self.turn_detection, Mapping)

    def vad(self, name: str) -> Any:
        """A field of the turn detection; `UNKNOWN` if it is off or does not say."""
        detection = self.turn_detection
        return detection.get(name, UNKNOWN) if isinstance(detection, Mapping) else UNKNOWN

    @property
    def server_replies(self) -> bool:
        """The server creates answers by itself: turns are its own and `create_response` is not false."""
        return self.turns_are_theirs and self.vad("create_response") is not False

    @property
    def transcription(self) -> Any:
        """A mapping, None (off) or `UNKNOWN`. A full configuration that leaves it out has it off."""
        value = self.value("audio", "input", "transcription")
        if value is UNKNOWN and isinstance(self.in_force.get("audio"), Mapping):
            return None if isinstance(self.in_force["audio"].get("input"), Mapping) else UNKNOWN
        return value
