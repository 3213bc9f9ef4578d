"""Coming to an agreement about a transcription session, in the dialect that the service turns out to speak. Pure.

The configuration is sent when the service has greeted, and nothing is said before it is in force. A refused field is
left out (R22), a refused spelling is tried in the other dialect once; a session that will not listen ends the attempt.
"""

from __future__ import annotations

from collections.abc import Mapping

from voicechat.errors import SignallingError
from voicechat.failures import is_about_account
from voicechat.protocol.client_events import SessionUpdate
from voicechat.protocol.codec import Decoded, encode
from voicechat.protocol.dialects import Dialect, detect_dialect
from voicechat.protocol.server_events import ServerError, ServerEvent, SessionCreated, SessionUpdated
from voicechat.protocol.session_config import without
from voicechat.protocol.wire import JsonValue
from voicechat.transports.refusals import one_line

GREETING_LIMIT = 2.0
"""Seconds in which a service may greet; then it is asked all the same."""
ANSWER_LIMIT = 5.0
"""Seconds until a configuration that nobody answered counts as taken."""
_MOST_UPDATES = 6
_ASKED = "agree-"
_BETA_WORDS = ("session.modalities", "session.input_audio_", "session.turn_detection", "session.voice")
_NEEDED = ("type", "model", "transcription", "input", "audio", "format", "input_audio_transcription")


class Agreement:
    """One session's configuration on its way."""

    def __init__(self, session: Mapping[str, JsonValue], dialect: Dialect | None) -> None:
        self.session = dict(session)
        self.dialect: Dialect = dialect or "ga"
        self.remarks: list[str] = []
        self.is_settled = False
        self._is_given = dialect is not None
        self._has_switched = False
        self._count = 0

    @property
    def has_asked(self) -> bool:
        """Whether the configuration was sent."""
        return self._count > 0

    def take(self, decoded: Decoded[ServerEvent]) -> str:
        """What to say to this event; empty: nothing. Raises SignallingError for a session that cannot be had."""
        match decoded.event:
            case SessionCreated(session=session):
                if not self._is_given:
                    self.dialect = self._spoken(decoded.raw, session)
                return self.ask() if not self._count else ""
            case SessionUpdated() if self._count:
                self.is_settled = True
            case ServerError(error=error):
                if is_about_account(error.code or "") or is_about_account(error.type or ""):
                    raise SignallingError(one_line(error.message or str(error.code)), code=error.code or "")
                is_ours = (error.event_id or _ASKED).startswith(_ASKED) and self._count > 0
                if is_ours and not self.is_settled:
                    return self._refused(error.param or "", one_line(error.message or error.code or "no reason given"))
        return ""

    def ask(self, event_id: str = "") -> str:
        """The configuration as an event; with an id of its own it is a question that only wants its answer."""
        if not event_id:
            self._count += 1
        return encode(SessionUpdate(session=self.session, event_id=event_id or f"{_ASKED}{self._count}"), self.dialect)

    def _spoken(self, raw: Mapping[str, JsonValue] | None, session: Mapping[str, JsonValue]) -> Dialect:
        kind = str(raw.get("type")) if raw else ""
        return "beta" if kind.startswith("transcription_session.") else detect_dialect(session) or self.dialect

    def _refused(self, path: str, said: str) -> str:
        if self._count >= _MOST_UPDATES:
            raise SignallingError(f"the service takes no transcription session: {said}", hint="try another --model")
        is_spelling = path == "session.type" or (self.dialect == "ga" and path in ("session", "session.audio"))
        if (is_spelling or (self.dialect == "beta" and path.startswith(_BETA_WORDS))) and not self._has_switched:
            self._has_switched = True
            self.dialect = "beta" if self.dialect == "ga" else "ga"
            return self.ask()
        rest = without(self.session, path) if path else self.session
        if rest == self.session or path.rpartition(".")[2] in _NEEDED:
            raise SignallingError(
                f"the service takes no such transcription session: {said}",
                hint="try another --model; --dialect beta is for older services",
                code="refused",
            )
        self.session = rest
        self.remarks.append(f"{path} was left out, because the service refused it: {said}")
        return self.ask()
