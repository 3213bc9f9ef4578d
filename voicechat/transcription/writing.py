"""One recording, written down: read, sent, listened to, and gone on with in a new session where one was lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from voicechat.audio.blocks import SAMPLE_RATE
from voicechat.errors import SignallingError
from voicechat.insight.metrics.prices import Price, cost_of, price_of
from voicechat.insight.metrics.usage import Usage
from voicechat.protocol.client_events import InputAudioBufferClear, InputAudioBufferCommit
from voicechat.protocol.codec import encode
from voicechat.transcription.agreement import Agreement
from voicechat.transcription.formats import Result
from voicechat.transcription.hearing import Hearing, Lost
from voicechat.transcription.minutes import Minutes, Passage
from voicechat.transcription.pieces import Cutter, Piece
from voicechat.transcription.service import Service
from voicechat.transcription.sound import Pcm, Recording, duration, read_sound
from voicechat.transcription.wish import SILENCE, Agreed, Commits

_BATCH = SAMPLE_RATE // 2
"""Samples that are decoded in one go, on a thread."""
_MOST_SESSIONS = 20
_FRUITLESS = 2
"""Sessions in a row that were lost without having written anything down."""
_MOST_PENDING = 12
"""Items whose words are awaited; more sound waits, or a slow service would be drowned in it."""
_SHORTEST = SAMPLE_RATE // 8
"""Samples: services refuse to make an item of less than 0.1 s."""
_TAIL = SILENCE + 1.0
"""Seconds of silence behind a recording, by which the service's turn detection knows that the last words were said."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is."""

    sent: float = 0.0
    """Seconds of the recording."""
    total: float | None = None
    partial: str = ""
    """What is being heard, as far as the service tells it before it is sure."""


class Writing:
    """One recording on its way. `result` may be asked for at any time, also after `run` was cancelled."""

    def __init__(
        self,
        recording: Recording,
        service: Service,
        agreed: Agreed,
        *,
        prices: dict[str, Price] | None = None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._recording = recording
        self._service = service
        self._agreed = agreed
        self._prices = prices
        self._changed = changed
        self._passages: list[Passage] = []
        self._problems: list[str] = []
        self._usage = Usage()
        self._minutes = Minutes()
        self._is_complete = False
        self._total: float | None = None
        self._sent = 0.0
        self._partial = ""
        self.has_connected = False

    @property
    def progress(self) -> Progress:
        return Progress(self._sent, self._total, self._partial)

    def result(self) -> Result:
        """What is written down by now."""
        usage = self._usage + self._minutes.usage
        transcription = self._model()
        price = price_of(transcription, self._prices)
        has_usage = bool(usage.total or usage.seconds)
        return Result(
            name=self._recording.name,
            passages=(*self._passages, *self._minutes.passages()),
            duration=self._sent,
            model=transcription,
            language=self._service.settings.language,
            seconds_billed=usage.seconds,
            tokens=usage.total,
            usd=round(cost_of(usage, price).usd, 6) if price and has_usage else None,
            problems=(*self._problems, *self._minutes.problems),
            is_complete=self._is_complete,
        )

    def _model(self) -> str:
        return self._service.settings.transcription_model or self._service.provider.transcription_model

    async def run(self) -> None:
        """Raises SignallingError where no session could be had at all, AudioDeviceError for what is no sound."""
        self._total = await asyncio.to_thread(duration, self._recording)
        # An unreadable file is told before anybody is called.
        await asyncio.to_thread(lambda: next(read_sound(self._recording), None))
        fruitless = 0
        for _ in range(_MOST_SESSIONS):
            start = self._minutes.start
            try:
                await self._session(start)
                self._is_complete = not self._minutes.problems
                return
            except Lost as lost:
                self._turn_page()
                fruitless = fruitless + 1 if self._minutes.start <= start else 0
                if not lost.retryable or fruitless >= _FRUITLESS:
                    self._problems.append(f"the session was lost: {lost.message}")
                    return
        self._problems.append("too many sessions were lost")

    def _turn_page(self) -> None:
        """Keep what a lost session has written without a gap; the next one goes on behind it."""
        until = self._minutes.done_until()
        self._passages += [one for one in self._minutes.passages() if one.start < until]
        self._problems += self._minutes.problems
        self._usage += self._minutes.usage
        self._minutes = Minutes(until)

    async def _session(self, start: float) -> None:
        try:
            carrier = await self._service.open(self._agreed)
        except SignallingError as error:
            if not self.has_connected:
                raise
            raise Lost(error.message, retryable=False) from error
        self.has_connected = True
        hearing = Hearing(
            carrier, Agreement(self._agreed.session, self._service.dialect), self._minutes, changed=self._heard
        )
        try:
            await hearing.agree()
            self._problems += [one for one in hearing.agreement.remarks if one not in self._problems]
            with contextlib.closing(read_sound(self._recording, start)) as sound:
                if self._agreed.commits.by == "server":
                    await self._stream(hearing, sound, start)
                else:
                    await self._piecewise(hearing, sound, start)
        finally:
            await hearing.close()

    async def _stream(self, hearing: Hearing, sound: Iterator[Pcm], start: float) -> None:
        """Everything as it is; the service finds the turns. Our own look for a voice tells when it should be done."""
        look, voice_until = Cutter(Commits("vad")), 0.0
        while (batch := await _next(sound)) is not None:
            await self._room(hearing)
            await hearing.carrier.sound(batch)
            # The session's clock began with the line, over WebRTC before the recording did.
            self._minutes.base = start - hearing.carrier.lead
            self._advance(len(batch))
            voice_until = max([voice_until, *(piece.end for piece in look.feed(batch))])
        voice_until = max([voice_until, *(piece.end for piece in look.finish())])
        await hearing.carrier.sound(np.zeros(round(_TAIL * SAMPLE_RATE), np.int16))
        await hearing.carrier.drained()
        await hearing.settle(start + voice_until if voice_until else 0.0)

    async def _piecewise(self, hearing: Hearing, sound: Iterator[Pcm], start: float) -> None:
        """Items that we cut; what has no voice in it is never sent."""
        cutter = Cutter(self._agreed.commits)
        while (batch := await _next(sound)) is not None:
            for piece in cutter.feed(batch):
                await self._commit(hearing, piece, start)
            self._advance(len(batch))
        for piece in cutter.finish():
            await self._commit(hearing, piece, start)
        await hearing.settle(0.0, asks=False)

    async def _commit(self, hearing: Hearing, piece: Piece, start: float) -> None:
        await self._room(hearing)
        if self._service.is_call:  # silence has flowed since the last commit
            await hearing.carrier.say(encode(InputAudioBufferClear(), hearing.agreement.dialect))
        missing = max(0, _SHORTEST - len(piece.samples))
        await hearing.carrier.sound(np.pad(piece.samples, (0, missing)))
        await hearing.carrier.drained()
        number = hearing.claimed(start + piece.start, start + piece.end)
        await hearing.carrier.say(encode(InputAudioBufferCommit(event_id=number), hearing.agreement.dialect))

    async def _room(self, hearing: Hearing) -> None:
        await hearing.until(lambda: self._minutes.pending <= _MOST_PENDING)

    def _advance(self, samples: int) -> None:
        self._sent += samples / SAMPLE_RATE
        self._changed()

    def _heard(self, partial: str) -> None:
        self._partial = partial
        self._changed()


async def _next(sound: Iterator[Pcm]) -> Pcm | None:
    """The next half second, decoded on a thread; cancelled, it waits for the thread, which still holds the file."""
    reading = asyncio.ensure_future(asyncio.to_thread(_batch, sound))
    try:
        return await asyncio.shield(reading)
    except asyncio.CancelledError:
        await asyncio.wait({reading})
        raise


def _batch(sound: Iterator[Pcm]) -> Pcm | None:
    """The next half second or more; None at the end."""
    pieces, size = [], 0
    for piece in sound:
        pieces.append(piece)
        size += len(piece)
        if size >= _BATCH:
            break
    return np.concatenate(pieces) if pieces else None
