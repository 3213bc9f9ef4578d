"""One recording, written down: read, sent, listened to, and gone on with in a new session where one was lost.

Where to cut a recording into items: at pauses, and never in a word unless somebody speaks without one. Pure.

The level of the sound decides, against the quietest stretch of the last seconds: recordings have noise floors of every
height, and a cut wants the quietest place near, not a verdict about voices.

Many recordings, a few at a time: results in the order of the inputs, failures kept apart, nothing lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from voicechat.audio.blocks import SAMPLE_RATE
from voicechat.errors import ConfigError, EngineError, SignallingError, VoiceChatError
from voicechat.insight.metrics.prices import Price, Usage, cost_of, price_of
from voicechat.protocol.client_events import InputAudioBufferClear, InputAudioBufferCommit
from voicechat.protocol.codec import encode
from voicechat.transcription.carriers import Service
from voicechat.transcription.formats import Result
from voicechat.transcription.options import SILENCE, Commits, ResolvedOptions
from voicechat.transcription.session import Negotiation, SessionLost, TranscriptionSession
from voicechat.transcription.sound import Pcm, Recording, duration, read_sound
from voicechat.transcription.transcript import Passage, Transcript

STEP = 960
"""Samples (20 ms) that are judged together."""
STEP_SECONDS = STEP / SAMPLE_RATE
LONGEST_SPOKEN = 30.0
"""Seconds of an item that ends at a pause of the speaker."""
LONGEST_WHOLE = 300.0
"""Seconds of an item that is a whole recording: no service takes a longer one for sure."""
_ABOVE_FLOOR_DB = 10.0
_QUIETEST_DB, _LOUDEST_FLOOR_DB = -60.0, -40.0
"""dBFS between which a noise floor is believed; below the first nothing is a voice."""
_FLOOR_WINDOW = 500
"""Steps (10 s) whose quietest tenth is the floor."""
_MARGIN = 0.3
"""Seconds of quiet that are kept before a voice and behind it: the first consonant is quiet, too."""
_LEAST_VOICE = 0.08
"""Seconds: less is a click."""
_GAP = 0.2
"""Seconds over which the quietest place for a forced cut is looked for."""


@dataclass(frozen=True, slots=True)
class AudioSegment:
    """A stretch of the recording that becomes one item."""

    start: float
    """Seconds from where the cutter began."""
    samples: Pcm = field(repr=False)

    @property
    def end(self) -> float:
        return self.start + len(self.samples) / SAMPLE_RATE


class Segmenter:
    """Takes sound in pieces of any length and gives back items; what has no voice in it is left out."""

    def __init__(self, commits: Commits) -> None:
        self._longest = {"vad": LONGEST_SPOKEN, "whole": LONGEST_WHOLE}.get(commits.by, commits.seconds)
        self._at_pauses = commits.by == "vad"
        self._rest = np.zeros(0, np.int16)
        self._kept: list[Pcm] = []
        self._levels: list[float] = []
        self._history: list[float] = []
        self._floor = _QUIETEST_DB
        self._position = 0
        """Steps before the first that is kept."""

    def feed(self, samples: Pcm) -> list[AudioSegment]:
        """The items that are complete by now."""
        self._rest = np.concatenate([self._rest, samples])
        count = len(self._rest) // STEP
        steps = self._rest[: count * STEP].reshape(count, STEP)
        self._rest = self._rest[count * STEP :]
        made: list[AudioSegment] = []
        for step in steps:
            self._take(step)
            if (cut := self._cut()) > 0:
                made += self._cut_off(cut)
        return made

    def finish(self) -> list[AudioSegment]:
        """The last items."""
        if len(self._rest):
            self._take(np.pad(self._rest, (0, STEP - len(self._rest))))
            self._rest = np.zeros(0, np.int16)
        return self._cut_off(len(self._kept))

    def _take(self, step: Pcm) -> None:
        power = float(np.mean(np.square(step.astype(np.float32) / 32768.0)))
        self._levels.append(10.0 * float(np.log10(power + 1e-10)))
        self._history.append(self._levels[-1])
        if len(self._history) > _FLOOR_WINDOW:
            del self._history[: _FLOOR_WINDOW // 5]
        if len(self._history) % 10 == 1:
            self._floor = min(max(float(np.percentile(self._history, 10)), _QUIETEST_DB), _LOUDEST_FLOOR_DB)
        self._kept.append(step)

    def _cut(self) -> int:
        """Steps that make an item now; 0: not yet."""
        count, quiet = len(self._kept), _steps(SILENCE)
        voice = self._floor + _ABOVE_FLOOR_DB
        if self._at_pauses and count > quiet and max(self._levels[-quiet:]) <= voice:
            is_silence = max(self._levels) <= voice
            return count - _steps(_MARGIN if is_silence else SILENCE - _MARGIN)
        return self._quietest(count // 2, count) if count >= round(self._longest / STEP_SECONDS) else 0

    def _quietest(self, first: int, last: int) -> int:
        """The middle of the quietest stretch; the later one of two that are equal, so that items are long."""
        width = _steps(_GAP)
        means = np.convolve(self._levels[first:last], np.ones(width) / width, "valid")
        best = len(means) - 1 - int(np.argmin(np.round(means[::-1], 1)))
        return first + best + width // 2

    def _cut_off(self, count: int) -> list[AudioSegment]:
        """The first `count` steps as an item, without the quiet at its ends."""
        loud = np.flatnonzero(np.array(self._levels[:count]) > self._floor + _ABOVE_FLOOR_DB)
        made: list[AudioSegment] = []
        if len(loud) * STEP_SECONDS >= _LEAST_VOICE:
            first = max(0, int(loud[0]) - _steps(_MARGIN))
            last = min(count, int(loud[-1]) + 1 + _steps(_MARGIN))
            made.append(AudioSegment((self._position + first) * STEP_SECONDS, np.concatenate(self._kept[first:last])))
        self._position += count
        del self._kept[:count], self._levels[:count]
        return made


def _steps(seconds: float) -> int:
    return round(seconds / STEP_SECONDS)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one recording."""

    recording: Recording
    result: Result
    error: VoiceChatError | None = None
    """Why there is no result at all."""
    was_interrupted: bool = False

    @property
    def is_good(self) -> bool:
        return self.error is None and self.result.is_complete


class Batch:
    """Writes recordings down. `ended` is called with the number of each as soon as it is done, `finished` once for each
    in order, when all before it are."""

    def __init__(
        self,
        recordings: Sequence[Recording],
        service: Service,
        resolved: ResolvedOptions,
        *,
        jobs: int = 1,
        prices: Mapping[str, Price] | None = None,
        finished: Callable[[Outcome], None] = lambda outcome: None,
        changed: Callable[[int, Progress], None] = lambda index, progress: None,
        ended: Callable[[int], None] = lambda index: None,
    ) -> None:
        self._recordings = recordings
        self._service = service
        self._finished = finished
        self._changed = changed
        self._ended = ended
        self._writings = [
            Writing(one, service, resolved, prices=dict(prices or {}), changed=partial(self._tell, index))
            for index, one in enumerate(recordings)
        ]
        self._slots = asyncio.Semaphore(max(1, jobs))
        self._outcomes: dict[int, Outcome] = {}
        self._told = 0
        self._no_line: SignallingError | ConfigError | EngineError | None = None

    @property
    def no_line(self) -> VoiceChatError | None:
        """Why there was never a session; None once there was one."""
        return None if any(one.has_connected for one in self._writings) else self._no_line

    @property
    def outcomes(self) -> list[Outcome]:
        return [self._outcomes[index] for index in sorted(self._outcomes)]

    async def run(self) -> None:
        """Until all are done. When cancelled, what is written down by then counts as finished."""
        tasks = [asyncio.ensure_future(self._one(index)) for index in range(len(self._writings))]
        try:
            await asyncio.gather(*tasks)
        except asyncio.CancelledError:
            # They were cancelled with us; a second time would end their closing of lines half way.
            await asyncio.gather(*tasks, return_exceptions=True)
            for index in range(len(self._writings)):
                if index not in self._outcomes:
                    self._end(index, None, was_interrupted=True)
            raise

    async def _one(self, index: int) -> None:
        async with self._slots:
            if self._no_line is not None and self.no_line is not None:
                self._end(index, self._no_line)
                return
            try:
                await self._writings[index].run()
            except (SignallingError, ConfigError, EngineError) as error:
                self._no_line = error
                self._end(index, error)
            except VoiceChatError as error:
                self._end(index, error)
            else:
                self._end(index, None)

    def _end(self, index: int, error: VoiceChatError | None, *, was_interrupted: bool = False) -> None:
        result = self._writings[index].result()
        self._outcomes[index] = Outcome(self._recordings[index], result, error, was_interrupted)
        self._ended(index)
        while self._told in self._outcomes:
            self._told += 1
            self._finished(self._outcomes[self._told - 1])

    def _tell(self, index: int) -> None:
        self._changed(index, self._writings[index].progress)


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
        resolved: ResolvedOptions,
        *,
        prices: dict[str, Price] | None = None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._recording = recording
        self._service = service
        self._resolved = resolved
        self._prices = prices
        self._changed = changed
        self._passages: list[Passage] = []
        self._problems: list[str] = []
        self._usage = Usage()
        self._transcript = Transcript()
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
        usage = self._usage + self._transcript.usage
        transcription = self._model()
        price = price_of(transcription, self._prices)
        has_usage = bool(usage.total or usage.seconds)
        return Result(
            name=self._recording.name,
            passages=(*self._passages, *self._transcript.passages()),
            duration=self._sent,
            model=transcription,
            language=self._service.settings.language,
            seconds_billed=usage.seconds,
            tokens=usage.total,
            usd=round(cost_of(usage, price).usd, 6) if price and has_usage else None,
            problems=(*self._problems, *self._transcript.problems),
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
            start = self._transcript.start
            try:
                await self._session(start)
                self._is_complete = not self._transcript.problems
                return
            except SessionLost as lost:
                self._turn_page()
                fruitless = fruitless + 1 if self._transcript.start <= start else 0
                if not lost.retryable or fruitless >= _FRUITLESS:
                    self._problems.append(f"the session was lost: {lost.message}")
                    return
        self._problems.append("too many sessions were lost")

    def _turn_page(self) -> None:
        """Keep what a lost session has written without a gap; the next one goes on behind it."""
        until = self._transcript.done_until()
        self._passages += [one for one in self._transcript.passages() if one.start < until]
        self._problems += self._transcript.problems
        self._usage += self._transcript.usage
        self._transcript = Transcript(until)

    async def _session(self, start: float) -> None:
        try:
            carrier = await self._service.open(self._resolved)
        except SignallingError as error:
            if not self.has_connected:
                raise
            raise SessionLost(error.message, retryable=False) from error
        self.has_connected = True
        session = TranscriptionSession(
            carrier, Negotiation(self._resolved.session, self._service.dialect), self._transcript, changed=self._heard
        )
        try:
            await session.agree()
            self._problems += [one for one in session.negotiation.remarks if one not in self._problems]
            with contextlib.closing(read_sound(self._recording, start)) as sound:
                if self._resolved.commits.by == "server":
                    await self._stream(session, sound, start)
                else:
                    await self._piecewise(session, sound, start)
        finally:
            await session.close()

    async def _stream(self, session: TranscriptionSession, sound: Iterator[Pcm], start: float) -> None:
        """Everything as it is; the service finds the turns. Our own look for a voice tells when it should be done."""
        look, voice_until = Segmenter(Commits("vad")), 0.0
        while (batch := await _next(sound)) is not None:
            await self._room(session)
            await session.carrier.sound(batch)
            # The session's clock began with the line, over WebRTC before the recording did.
            self._transcript.base = start - session.carrier.lead
            self._advance(len(batch))
            voice_until = max([voice_until, *(piece.end for piece in look.feed(batch))])
        voice_until = max([voice_until, *(piece.end for piece in look.finish())])
        await session.carrier.sound(np.zeros(round(_TAIL * SAMPLE_RATE), np.int16))
        await session.carrier.drained()
        await session.settle(start + voice_until if voice_until else 0.0)

    async def _piecewise(self, session: TranscriptionSession, sound: Iterator[Pcm], start: float) -> None:
        """Items that we cut; what has no voice in it is never sent."""
        cutter = Segmenter(self._resolved.commits)
        while (batch := await _next(sound)) is not None:
            for piece in cutter.feed(batch):
                await self._commit(session, piece, start)
            self._advance(len(batch))
        for piece in cutter.finish():
            await self._commit(session, piece, start)
        await session.settle(0.0, asks=False)

    async def _commit(self, session: TranscriptionSession, piece: AudioSegment, start: float) -> None:
        await self._room(session)
        if self._service.is_call:  # silence has flowed since the last commit
            await session.carrier.say(encode(InputAudioBufferClear(), session.negotiation.dialect))
        missing = max(0, _SHORTEST - len(piece.samples))
        await session.carrier.sound(np.pad(piece.samples, (0, missing)))
        await session.carrier.drained()
        number = session.claimed(start + piece.start, start + piece.end)
        await session.carrier.say(encode(InputAudioBufferCommit(event_id=number), session.negotiation.dialect))

    async def _room(self, session: TranscriptionSession) -> None:
        await session.until(lambda: self._transcript.pending <= _MOST_PENDING)

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
