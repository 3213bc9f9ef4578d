"""One transcription session as it runs: what the service says goes into the transcript, and when it is done is known.

A service is done when it has answered a question that was asked behind the last sample, and owes no words. The question
is the configuration once more: every service answers that, and it changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping

from voicechat.errors import SignallingError
from voicechat.failures import is_about_account
from voicechat.protocol.client_events import InputAudioBufferCommit, SessionUpdate
from voicechat.protocol.codec import Decoded, decode_server, encode
from voicechat.protocol.dialects import DialectName, detect_dialect
from voicechat.protocol.server_events import ServerError, ServerEvent, SessionCreated, SessionUpdated
from voicechat.protocol.session_config import without
from voicechat.protocol.wire import JsonValue
from voicechat.transcription.carriers import Carrier
from voicechat.transcription.transcript import Transcript
from voicechat.transports.refusals import Closing, one_line

GREETING_LIMIT = 2.0
"""Seconds in which a service may greet; then it is asked all the same."""
ANSWER_LIMIT = 5.0
"""Seconds until a configuration that nobody answered counts as taken."""
_MOST_UPDATES = 6
_ASKED = "agree-"
_BETA_WORDS = ("session.modalities", "session.input_audio_", "session.turn_detection", "session.voice")
_NEEDED = ("type", "model", "transcription", "input", "audio", "format", "input_audio_transcription")


class Negotiation:
    """One session's configuration on its way.

    The dialect is the one that the service turns out to speak. Pure.

    The configuration is sent when the service has greeted, and nothing is said before it is in force. A refused field
    is left out (R22), a refused spelling is tried in the other dialect once; a session that will not listen ends the
    attempt.
    """

    def __init__(self, session: Mapping[str, JsonValue], dialect: DialectName | None) -> None:
        self.session = dict(session)
        self.dialect: DialectName = dialect or "ga"
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

    def _spoken(self, raw: Mapping[str, JsonValue] | None, session: Mapping[str, JsonValue]) -> DialectName:
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


_COMMIT = "commit-"
_QUESTION = "done-1"
_QUIET = 0.3
"""Seconds in which nothing may come any more when everything is there."""
_DOUBT = 6.0
"""Seconds without a word after which a voice that only we heard was none."""
_ENDLESS = 3.0
"""Seconds of silence after which a turn that the service does not end is committed by us."""
_PATIENCE = 60.0
"""Seconds without any event in which awaited words may still come."""
_OPEN_END = 1.5
"""Seconds by which the service's end of the last turn may lie before ours."""


class SessionLost(Exception):
    """The session ended before the recording did."""

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = retryable


class TranscriptionSession:
    """Reads the events of one session. `close` it in any case."""

    def __init__(
        self,
        carrier: Carrier,
        negotiation: Negotiation,
        transcript: Transcript,
        *,
        changed: Callable[[str], None] = lambda partial: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.carrier = carrier
        self.negotiation = negotiation
        self._transcript = transcript
        self._changed = changed
        self._clock = clock
        self._lost: BaseException | None = None
        self._news = asyncio.Event()
        self._heard_at = clock()
        self._is_answered = False
        self._commits = 0
        self._said = ""
        self._reading = asyncio.get_running_loop().create_task(self._read())
        self._reading.add_done_callback(self._ended)

    async def agree(self) -> None:
        """Until the configuration is in force, or nobody answered. Raises SignallingError, SessionLost."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GREETING_LIMIT):
                await self.until(lambda: self.negotiation.has_asked)
        if not self.negotiation.has_asked:
            await self.carrier.say(self.negotiation.ask())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_LIMIT):
                await self.until(lambda: self.negotiation.is_settled)

    def claimed(self, start: float, end: float) -> str:
        """We commit this stretch of the recording: the id for the event."""
        self._transcript.claim(start, end)
        self._commits += 1
        return f"{_COMMIT}{self._commits}"

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Return when it is so. Raises what ended the session."""
        while True:
            self._news.clear()
            if self._lost is not None:
                raise self._lost
            if is_so():
                return
            await self._news.wait()

    async def settle(self, voice_until: float, *, asks: bool = True) -> None:
        """Until the service owes nothing. `voice_until`: where in the recording we heard the last voice, 0: nowhere."""
        self._is_answered = not asks
        if asks:
            await self.carrier.say(self.negotiation.ask(_QUESTION))
        asked_at = self._clock()
        has_committed = False
        while True:
            if self._lost is not None:
                raise self._lost
            quiet = self._clock() - max(self._heard_at, asked_at)
            answered = self._is_answered or quiet > ANSWER_LIMIT
            if quiet >= _PATIENCE:
                raise SessionLost(f"the last words did not come within {_PATIENCE:.0f} s", retryable=False)
            if answered and not self._transcript.pending:
                is_covered = self._covers(voice_until)
                if quiet >= (_QUIET if is_covered else _DOUBT):
                    return
            if answered and self._transcript.is_in_speech and quiet >= _ENDLESS and asks and not has_committed:
                has_committed = True
                await self.carrier.say(encode(InputAudioBufferCommit(), self.negotiation.dialect))
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), _QUIET)

    def _covers(self, until: float) -> bool:
        ends = [entry.end for entry in self._transcript.entries if entry.end is not None]
        return not until or max(ends, default=0.0) >= until - _OPEN_END

    async def close(self) -> None:
        """Stop listening and end the session."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self.carrier.close()

    async def _read(self) -> None:
        while True:
            said = await self.carrier.next()
            self._heard_at = self._clock()
            if isinstance(said, Closing):
                raise SessionLost(said.reason, retryable=said.retryable and not is_about_account(self._said))
            await self._take(decode_server(said))
            self._news.set()

    def _ended(self, reading: asyncio.Task[None]) -> None:
        """Reading has no caller; whoever waits for the session is told why there is no more of it."""
        if not reading.cancelled():
            self._lost = reading.exception()
            self._news.set()

    async def _take(self, decoded: Decoded[ServerEvent]) -> None:
        event = decoded.event
        if not self.negotiation.is_settled and (answer := self.negotiation.take(decoded)):
            await self.carrier.say(answer)
        if isinstance(event, SessionUpdated):
            self._is_answered = True
        if isinstance(event, ServerError):
            self._refused(event)
        if (entry := self._transcript.take(event)) is not None:
            self._changed("" if entry.is_done else entry.text)

    def _refused(self, event: ServerError) -> None:
        """An error is about one of our events, or the reason for an end that comes at once."""
        error = event.error
        given = error.event_id or ""
        self._said = error.code or error.type or ""
        if given == _QUESTION:
            self._is_answered = True
        elif given.startswith(_COMMIT) or (self._said == "input_audio_buffer_commit_empty" and self._transcript.claims):
            self._transcript.unclaim()
        elif is_about_account(self._said):
            raise SessionLost(one_line(error.message or self._said), retryable=False)
