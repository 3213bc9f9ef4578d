"""A GPT-Live session behind a line: Live's words on the wire, the Realtime API's inside (`protocol.live`).

A line with a codec passes every text of the service through `read` before anything looks at it, and every client event
through `write` before it leaves. What really crosses the wire is shown through the listener; what was made of it is
told as if a Realtime service had said it, marked as translated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from voicechat.errors import SignallingError
from voicechat.failures import failure_of
from voicechat.protocol.json_text import read_json
from voicechat.protocol.live import Commands, LiveSession, Media, live_session
from voicechat.transports.refusals import one_line

SESSIONS = "live/sessions"
"""Where Live sessions are, below the base URL."""


class LiveListener(Protocol):
    """How a line with a codec reports."""

    def on_received(self, text: str) -> None:
        """A text of the service, as it came."""

    def on_sent(self, text: str) -> None:
        """A text to the service, as it left."""

    def on_text(self, text: str, *, translated: bool = False) -> None:
        """An event for the session; `translated`: it was made here of what came."""

    def on_noted(self, text: str, code: str) -> None:
        """Something the user should know, in one sentence."""


class LiveCodec:
    """Both directions of one line. Used on the event loop; `clock` in seconds."""

    def __init__(
        self, media: Media, session: Mapping[str, Any], heard: LiveListener, clock: Callable[[], float]
    ) -> None:
        self._live = LiveSession(media, asked=session)
        self._asked = session
        self._heard = heard
        self._clock = clock
        self._noted: set[str] = set()

    @property
    def end(self) -> tuple[str, str] | None:
        """Why the service closed the session: a code of the table of failures and a sentence; None while it has not."""
        return self._live.end

    @property
    def is_settled(self) -> bool:
        """Whether the service has started the session, refused it or closed it: until then nothing may be sent."""
        return bool(self._live.session or self._live.refusal or self._live.end)

    def check_started(self, host: str, waited: float) -> None:
        """Raises SignallingError where the session has not started within `waited` seconds, with the reason."""
        live, words = self._live, ""
        if live.end is not None:
            code, message = live.end[0], f"{host} started no session: {live.end[1]}"
        elif live.session:
            return
        elif live.refusal is not None:
            code, words = live.refusal
            message = f"{host} refused the session: {one_line(words or code or 'it does not say why')}"
        else:
            code, message = "timeout", f"{host} took the connection and started no session within {waited:.0f} s"
        failure = failure_of(code, None, words)
        raise SignallingError(message, hint=failure.cure, code=code, retryable=not failure.is_fatal)

    def opening(self) -> str:
        """The first text on a WebSocket."""
        text = json.dumps(self._live.start(self._asked))
        self._heard.on_sent(text)
        return text

    def read(self, text: str) -> list[str]:
        """What one text of the service amounts to, as texts of the Realtime API."""
        self._heard.on_received(text)
        event = read_json(text).tree
        made = self._live.received(event, self._clock()) if isinstance(event, dict) else ()
        return [json.dumps(one) for one in made]

    def passed(self) -> list[str]:
        """The turns that have ended by now; ask every tenth of a second."""
        return [json.dumps(one) for one in self._live.passed(self._clock())]

    def write(self, text: str) -> tuple[list[str], list[str]]:
        """The texts that one client event becomes, and those of the service that it amounts to at once."""
        event = json.loads(text)
        made = self._live.sent(event, self._clock()) if isinstance(event, dict) else Commands()
        if made.reason and made.reason not in self._noted:
            self._noted.add(made.reason)
            self._heard.on_noted(f"{made.reason}.", "live_cannot")
        leaving = [json.dumps(command) for command in made.commands]
        for command in leaving:
            self._heard.on_sent(command)
        return leaving, [json.dumps(one) for one in made.events]


def offer_of(session: Mapping[str, Any], sdp: str) -> dict[str, object]:
    """The body that begins a Live session over WebRTC."""
    return {"session": live_session(session, "webrtc"), "transport": {"type": "webrtc", "sdp": sdp}}
