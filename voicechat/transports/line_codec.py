"""What one API says on a line, and what the session hears of it: a line has a codec and knows no API by name.

A line passes every text of the service through `read` before anything looks at it, and every client event through
`write` before it leaves. `RealtimeCodec` leaves both as they are. `LiveCodec` puts a GPT-Live session into the words of
the Realtime API (`protocol.live`): what really crosses the wire is shown through the listener, and what was made of it
is told as if a Realtime service had said it, marked as translated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from voicechat.errors import SignallingError
from voicechat.failures import failure_of
from voicechat.line import LineListener
from voicechat.protocol.json_text import read_json
from voicechat.protocol.live import Commands, LiveSession, Media, live_session
from voicechat.transports.refusals import one_line
from voicechat.transports.target import LineTarget

_CLOSE = '{"type":"session.close"}'
_FIRST_WORD = 1.5
"""Seconds that a Realtime service has to greet before the line counts as open all the same: some refuse by closing."""


class RealtimeCodec:
    """The Realtime API and its translation sessions: nothing is changed, and the channel is open when it is there."""

    translates = False
    """Whether `read` makes other texts of what comes."""
    streams = False
    """Whether the service wants sound that never pauses, whoever detects the turns."""
    patience = _FIRST_WORD
    is_settled = True
    end: tuple[str, str] | None = None

    def __init__(self, target: LineTarget, heard: LineListener) -> None:
        is_translation = target.api == "translation"
        self.append = "session.input_audio_buffer.append" if is_translation else "input_audio_buffer.append"
        self._goodbye = _CLOSE if is_translation else ""
        self._heard = heard

    def check_started(self, host: str, waited: float) -> None:
        """Nothing to check."""

    def opening(self) -> str:
        """Nothing: the service speaks first."""
        return ""

    def goodbye(self) -> str:
        """The last text, where the API has one."""
        if self._goodbye:
            self._heard.on_sent(self._goodbye)
        return self._goodbye

    def read(self, text: str) -> Sequence[str]:
        """The text itself."""
        return (text,)

    def passed(self) -> Sequence[str]:
        """Nothing: the service says itself when a turn is over."""
        return ()

    def write(self, text: str) -> tuple[Sequence[str], Sequence[str]]:
        """The text itself."""
        return (text,), ()


class LiveCodec:
    """Both directions of one GPT-Live session. Used on the event loop; `clock` in seconds."""

    translates = True
    streams = True
    append = "session.input_audio.append"

    def __init__(self, media: Media, target: LineTarget, heard: LineListener, clock: Callable[[], float]) -> None:
        session = target.session or {}
        self.patience = target.connect_timeout
        """Seconds that the service has to start the session."""
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

    def goodbye(self) -> str:
        """The last text, which ends the session at the service."""
        self._heard.on_sent(_CLOSE)
        return _CLOSE

    def read(self, text: str) -> Sequence[str]:
        """What one text of the service amounts to, as texts of the Realtime API."""
        self._heard.on_received(text)
        event = read_json(text).tree
        made = self._live.received(event, self._clock()) if isinstance(event, dict) else ()
        return [json.dumps(one) for one in made]

    def passed(self) -> Sequence[str]:
        """The turns that have ended by now; ask every tenth of a second."""
        return [json.dumps(one) for one in self._live.passed(self._clock())]

    def write(self, text: str) -> tuple[Sequence[str], Sequence[str]]:
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


LineCodec: TypeAlias = RealtimeCodec | LiveCodec


def line_codec(media: Media, target: LineTarget, heard: LineListener, clock: Callable[[], float]) -> LineCodec:
    """The codec of the API that `target` speaks, over this media path."""
    return LiveCodec(media, target, heard, clock) if target.api == "live" else RealtimeCodec(target, heard)


def offer_of(session: Mapping[str, Any], sdp: str) -> dict[str, object]:
    """The body that begins a Live session over WebRTC."""
    return {"session": live_session(session, "webrtc"), "transport": {"type": "webrtc", "sdp": sdp}}
