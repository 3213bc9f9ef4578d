"""Live captions of a microphone: each passage when it is final, and what is being said just now."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from voicechat.audio.echo import Processing, make_processor
from voicechat.audio.open import open_audio
from voicechat.audio.path import AudioPath
from voicechat.core.events import AudioEvent, VoiceBegan, VoiceEnded
from voicechat.errors import AudioDeviceError
from voicechat.insight.metrics.prices import Usage
from voicechat.protocol.client_events import InputAudioBufferCommit
from voicechat.protocol.codec import encode
from voicechat.transcription.carriers import Service
from voicechat.transcription.options import SILENCE, ResolvedOptions
from voicechat.transcription.session import Negotiation, SessionLost, TranscriptionSession
from voicechat.transcription.transcript import Passage, Transcript

_LAST_WORDS = 4.0
"""Seconds in which words that were said before the end may still come."""
_LOOK_EVERY = 0.1
_CHECK_SPOKEN = 0.25
"""Seconds of voice that make an item where we divide the sound: less was a click."""
_LONGEST = 30.0
_FRUITLESS = 3


class Captions:
    """The microphone of the settings, written down until `stop` or so many seconds."""

    def __init__(
        self,
        service: Service,
        resolved: ResolvedOptions,
        *,
        final: Callable[[Passage], None],
        partial: Callable[[str], None] = lambda text: None,
        ready: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        """`final` and `partial` get what is heard; `ready` is called when the microphone opens, each time."""
        self._service = service
        self._resolved = resolved
        self._final = final
        self._partial = partial
        self._ready = ready
        self._say = say
        self.usage = Usage()
        self.lasted = 0.0
        """Seconds since the microphone was there."""
        self._stopped = asyncio.Event()
        self._began_at = time.monotonic()
        self._told = 0
        self.passages: list[Passage] = []
        self._speaks = False
        settings = service.settings
        # Nothing is played, so there is no echo to cancel.
        sound = Processing(echo=False, noise=settings.noise_suppression, gain=settings.gain_control, headphones=True)
        self._path = AudioPath(self._noticed, processor=make_processor(sound))

    def _noticed(self, event: AudioEvent) -> None:
        """From the audio thread."""
        match event:
            case VoiceBegan():
                self._speaks = True
            case VoiceEnded():
                self._speaks = False

    def stop(self) -> None:
        """End it; what was said before is still waited for, a moment."""
        self._stopped.set()

    async def run(self, seconds: float = 0.0) -> None:
        """Raises AudioDeviceError without a microphone, SignallingError and SessionLost without a connection."""
        audio = await asyncio.to_thread(open_audio, self._path, self._service.settings.mic, "none")
        await asyncio.to_thread(audio.start)
        try:
            if audio.mic_name == "none":
                reason, _, hint = audio.problem.partition("\n")
                raise AudioDeviceError(reason or "there is no microphone", hint=hint or "voicechat devices lists them")
            self._began_at = time.monotonic()
            if seconds:
                asyncio.get_running_loop().call_later(seconds, self.stop)
            fruitless = 0
            while not self._stopped.is_set():
                before = len(self.passages)
                try:
                    await self._session()
                except SessionLost as lost:
                    fruitless = fruitless + 1 if len(self.passages) == before else 0
                    if not lost.retryable or fruitless >= _FRUITLESS or self._stopped.is_set():
                        raise
                    self._say(f"voicechat: {lost.message}; a new session goes on")
        finally:
            await asyncio.to_thread(audio.close)

    async def _session(self) -> None:
        """One session, until the end or until it is lost."""
        transcript = Transcript()
        carrier = await self._service.open_live(self._resolved, self._path.pull, self._waiting)
        negotiation = Negotiation(self._resolved.session, self._service.dialect)
        session = TranscriptionSession(
            carrier, negotiation, transcript, changed=lambda text: self._heard(transcript, text)
        )
        self._told = 0
        try:
            await session.agree()
            for remark in negotiation.remarks:
                self._say(f"voicechat: {remark}")
            # The session's clock runs from now on, or with a call from a little earlier: captions are told by our own.
            transcript.start = transcript.base = time.monotonic() - self._began_at
            self._path.open_mic(0.0)
            self._ready()
            await self._listen(session, transcript)
        finally:
            self._path.close_mic(drop=True)
            self._heard(transcript, "")
            self.usage += transcript.usage
            self.lasted = time.monotonic() - self._began_at
            await session.close()

    async def _listen(self, session: TranscriptionSession, transcript: Transcript) -> None:
        cuts = _Cuts()
        while not self._stopped.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), _LOOK_EVERY)
            await session.until(lambda: True)
            if self._resolved.commits.by != "server":
                now = time.monotonic() - self._began_at
                if span := cuts.look(now, speaks=self._speaks):
                    await self._commit(session, *span)
        self._path.close_mic()
        now = time.monotonic() - self._began_at
        if self._resolved.commits.by != "server" and (span := cuts.look(now, speaks=False, is_over=True)):
            await self._commit(session, *span)
        elif transcript.is_in_speech:
            await session.carrier.say(encode(InputAudioBufferCommit(), session.negotiation.dialect))
        with contextlib.suppress(TimeoutError, SessionLost):
            async with asyncio.timeout(_LAST_WORDS):
                await session.until(lambda: not transcript.pending)

    async def _commit(self, session: TranscriptionSession, start: float, end: float) -> None:
        number = session.claimed(start, end)
        await session.carrier.say(encode(InputAudioBufferCommit(event_id=number), session.negotiation.dialect))

    def _heard(self, transcript: Transcript, text: str) -> None:
        passages = transcript.passages(until_gap=True)
        for passage in passages[self._told :]:
            self.passages.append(passage)
            self._final(passage)
        self._told = max(self._told, len(passages))
        self._partial(text)

    def _waiting(self) -> float | None:
        now = self._path.snapshot()
        return now.backlog if now.gate_open else None


class _Cuts:
    """Where the sound of a microphone is committed by us: in the silence behind a voice. Pure."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._last = 0.0

    def look(self, now: float, *, speaks: bool, is_over: bool = False) -> tuple[float, float] | None:
        """A stretch that ends now."""
        if speaks:
            self._began = now if self._began is None else self._began
            self._last = now
        began = self._began
        if began is None:
            return None
        is_long = self._last - began >= _CHECK_SPOKEN
        if is_over or now - self._last >= SILENCE or now - began >= _LONGEST:
            self._began = None
            return (max(0.0, began - _CHECK_SPOKEN), now) if is_long or is_over else None
        return None
