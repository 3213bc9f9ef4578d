"""Many recordings, a few at a time: results in the order of the inputs, failures kept apart, nothing lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from voicechat.errors import ConfigError, EngineError, SignallingError, VoiceChatError
from voicechat.insight.metrics.prices import Price
from voicechat.transcription.formats import Result
from voicechat.transcription.service import Service
from voicechat.transcription.sound import Recording
from voicechat.transcription.wish import Agreed
from voicechat.transcription.writing import Progress, Writing


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
        agreed: Agreed,
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
            Writing(one, service, agreed, prices=dict(prices or {}), changed=partial(self._tell, index))
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
