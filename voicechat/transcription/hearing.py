"""One transcription session as it runs: what the service says goes into the minutes, and when it is done is known.

A service is done when it has answered a question that was asked behind the last sample, and owes no words. The question
is the configuration once more: every service answers that, and it changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from voicechat.failures import is_about_account
from voicechat.protocol.client_events import InputAudioBufferCommit
from voicechat.protocol.codec import Decoded, decode_server, encode
from voicechat.protocol.server_events import ServerError, ServerEvent, SessionUpdated
from voicechat.transcription.agreement import ANSWER_LIMIT, GREETING_LIMIT, Agreement
from voicechat.transcription.carriers import Carrier
from voicechat.transcription.minutes import Minutes
from voicechat.transports.close_codes import Closing
from voicechat.transports.refusals import one_line

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


class Lost(Exception):
    """The session ended before the recording did."""

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = retryable


class Hearing:
    """Reads the events of one session. `close` it in any case."""

    def __init__(
        self,
        carrier: Carrier,
        agreement: Agreement,
        minutes: Minutes,
        *,
        changed: Callable[[str], None] = lambda partial: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.carrier = carrier
        self.agreement = agreement
        self._minutes = minutes
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
        """Until the configuration is in force, or nobody answered. Raises SignallingError, Lost."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GREETING_LIMIT):
                await self.until(lambda: self.agreement.has_asked)
        if not self.agreement.has_asked:
            await self.carrier.say(self.agreement.ask())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_LIMIT):
                await self.until(lambda: self.agreement.is_settled)

    def claimed(self, start: float, end: float) -> str:
        """We commit this stretch of the recording: the id for the event."""
        self._minutes.claim(start, end)
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
            await self.carrier.say(self.agreement.ask(_QUESTION))
        asked_at = self._clock()
        has_committed = False
        while True:
            if self._lost is not None:
                raise self._lost
            quiet = self._clock() - max(self._heard_at, asked_at)
            answered = self._is_answered or quiet > ANSWER_LIMIT
            if quiet >= _PATIENCE:
                raise Lost(f"the last words did not come within {_PATIENCE:.0f} s", retryable=False)
            if answered and not self._minutes.pending:
                is_covered = self._covers(voice_until)
                if quiet >= (_QUIET if is_covered else _DOUBT):
                    return
            if answered and self._minutes.is_in_speech and quiet >= _ENDLESS and asks and not has_committed:
                has_committed = True
                await self.carrier.say(encode(InputAudioBufferCommit(), self.agreement.dialect))
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), _QUIET)

    def _covers(self, until: float) -> bool:
        ends = [entry.end for entry in self._minutes.entries if entry.end is not None]
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
                raise Lost(said.reason, retryable=said.retryable and not is_about_account(self._said))
            await self._take(decode_server(said))
            self._news.set()

    def _ended(self, reading: asyncio.Task[None]) -> None:
        """Reading has no caller; whoever waits for the session is told why there is no more of it."""
        if not reading.cancelled():
            self._lost = reading.exception()
            self._news.set()

    async def _take(self, decoded: Decoded[ServerEvent]) -> None:
        event = decoded.event
        if not self.agreement.is_settled and (answer := self.agreement.take(decoded)):
            await self.carrier.say(answer)
        if isinstance(event, SessionUpdated):
            self._is_answered = True
        if isinstance(event, ServerError):
            self._refused(event)
        if (entry := self._minutes.take(event)) is not None:
            self._changed("" if entry.is_done else entry.text)

    def _refused(self, event: ServerError) -> None:
        """An error is about one of our events, or the reason for an end that comes at once."""
        error = event.error
        given = error.event_id or ""
        self._said = error.code or error.type or ""
        if given == _QUESTION:
            self._is_answered = True
        elif given.startswith(_COMMIT) or (self._said == "input_audio_buffer_commit_empty" and self._minutes.claims):
            self._minutes.unclaim()
        elif is_about_account(self._said):
            raise Lost(one_line(error.message or self._said), retryable=False)
