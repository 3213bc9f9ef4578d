"""Taking the loudspeaker out of the microphone: echo, noise and gain, with a fall-back that needs no library.

The canceller is WebRTC's AEC3 (46 dB of echo return loss in a reverberant room, finds delays up to 450 ms by
itself, holds a drift of 200 ppm; other packages reach 1-26 dB). It is fed every block, silence too, with the pair
(what the mic heard, what was handed to the loudspeaker in the same step), so the two stay aligned whatever happens
around them. After a reset it leaks for its first moments, which R7 answers with a longer voice (`cold`).

The echo canceller, at work only while there is something to cancel.

WebRTC's AEC3 is the dearest part of a step, and most of a talk the loudspeaker is silent. Two seconds after its last
sound nothing of it is in the room or in the canceller's buffers, so both directions are left out together: what the
canceller knows of the room and of the delay stays, and to it the silence was merely shorter. Its place is taken by the
same high-pass filter and a delay; without far-end sound the two differ by -137 dB, so nobody hears them change places.

It rests, too, where nothing of the loudspeaker reaches the microphone (headphones, a microphone far away): there it
finds nothing to learn, and presses a voice down as if it were an echo. When one comes up after all it takes over, as
cold as in the first answer; having listened until then would not help (216 loudspeakers switched on in the middle of an
answer: 32 interrupted it with a canceller that had rested, 37 with one that had not).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from voicechat.audio.blocks import BLOCK, BLOCK_SECONDS, SAMPLE_RATE, Block, mean_square, silent_block

FAR_AUDIBLE = 1e-6
"""Mean square (-60 dBFS) above which the loudspeaker counts as audible."""
RESTS_AFTER = 2.0
"""Seconds after the last audible block of the loudspeaker: the latest echo (0.45 s), a long reverberation, and time in
which the canceller lets everything through again."""
_REST_BLOCKS = round(RESTS_AFTER / BLOCK_SECONDS)
_LAG = 384
"""Samples by which the canceller is later than the filter alone."""
_REACH = 0.045
"""Seconds that an echo may come later and still lie within the canceller's filter: 20 dB or more go on being taken."""
_PRIMED_WITH = 2
"""Blocks from before a change that the part which takes over hears first: its filter has settled and its delay is full
when it begins to be heard."""
_RAMP = np.arange(1, BLOCK + 1, dtype=np.float32) / np.float32(BLOCK)


class DelayLine:
    """A signal some samples later, without an allocation a block."""

    def __init__(self, lag: int) -> None:
        """`lag`: samples, less than a block."""
        self._lag = lag
        self._held = np.zeros(lag + BLOCK, np.float32)

    def push(self, block: Block) -> Block:
        """float32[480] as it was `lag` samples ago; a view that the next push overwrites."""
        self._held[: self._lag] = self._held[BLOCK:]
        self._held[self._lag :] = block
        return self._held[:BLOCK]

    def forget(self) -> None:
        """Start from silence."""
        self._held[:] = 0.0


class Canceller:
    """The microphone without the loudspeaker, high-passed, 430 samples late whoever does it."""

    def __init__(self) -> None:
        """Raises ImportError or OSError where the package has no build for this system."""
        from pywebrtc_audio import AudioProcessor

        self.far_heard = 0.0
        """Seconds of audible loudspeaker since the canceller began to learn this room (R7)."""
        self._aec = AudioProcessor(sample_rate=SAMPLE_RATE, echo_cancellation=True, high_pass_filter=True)
        self._filter = AudioProcessor(sample_rate=SAMPLE_RATE, high_pass_filter=True)
        self._late = DelayLine(_LAG)
        self._before = np.zeros((_PRIMED_WITH, BLOCK), np.float32)
        self._silence = silent_block()
        self._silent_blocks = _REST_BLOCKS
        self._is_free = False
        self._works = False
        """Whether the canceller was heard in the block before, or else the filter."""

    def set_free(self, on: bool) -> None:
        """Whether no echo reaches the microphone. When one comes up, what counts as warm begins anew."""
        if self._is_free and not on:
            self.far_heard = 0.0
        self._is_free = on

    def process(self, mic: Block, far: Block) -> Block:
        """float32[480] of both, of one step; valid until the next."""
        if mean_square(far) > FAR_AUDIBLE:
            self.far_heard += BLOCK_SECONDS
            self._silent_blocks = 0
        else:
            self._silent_blocks += 1
        works = self._silent_blocks < _REST_BLOCKS and not self._is_free
        voice = self._heard_by(mic, far, works=works) if works == self._works else self._changed(mic, far, works=works)
        self._before[:-1] = self._before[1:]
        self._before[-1] = mic
        return voice

    def _heard_by(self, mic: Block, far: Block, *, works: bool) -> Block:
        """One step of the canceller, or of what stands in for it."""
        if works:
            cancelled: Block = self._aec.process(mic, far)
            return cancelled
        return self._late.push(self._filter.process(mic))

    def _changed(self, mic: Block, far: Block, *, works: bool) -> Block:
        """The block in which one fades into the other."""
        for block in self._before:
            self._heard_by(block, self._silence, works=works)
        old, new = (self._heard_by(mic, far, works=part) for part in (self._works, works))
        self._works = works
        faded: Block = old + (new - old) * _RAMP
        return faded

    def follow(self, moved: float) -> None:
        """The echo comes so many seconds later (negative: sooner) than it did.

        Left alone the canceller finds it again after 2 to 5 s; when it forgets the old one, after 0.5 s.
        """
        self.far_heard = 0.0
        if 0.0 <= moved <= _REACH:
            return
        self._aec.reset()
        for block in self._before:
            self._aec.process(block, self._silence)

    def reset(self) -> None:
        """Forget the room and the delay; takes 2 ms."""
        self._aec.reset()
        self._filter.reset()
        self._late.forget()
        self._before[:] = 0.0
        self._silent_blocks = _REST_BLOCKS
        self._works = self._is_free = False
        self.far_heard = 0.0


_MAX_GAIN_DB = 24.0
"""Most the gain control may add; more would lift the rest of the echo to the level of a voice."""
_NOISE_LEVEL = 1
"""12 dB of noise suppression: quieter rooms without the watery sound of the stronger steps."""
_NOISE_LAG = 335
"""Samples by which the suppressor is late; the voice it did not touch waits as long, so that the two can be mixed."""
_MUTED_AFTER_FAR = 0.15
"""Seconds the half-duplex fall-back stays shut after the loudspeaker: device latency and the first reverberation."""


@dataclass(frozen=True, slots=True)
class Processing:
    """What is wished of the microphone's sound; each part can be switched while talking."""

    echo: bool = True
    """Take the loudspeaker out of the microphone."""
    noise: bool = True
    """Suppress steady noise."""
    gain: bool = True
    """Bring every talker to about the same level."""
    headphones: bool = False
    """The loudspeaker cannot reach the microphone: no echo cancelling is needed, and talking over it is safe."""


_EVERYTHING = Processing()
_NO_ECHO = Processing(echo=False, noise=False, gain=False)
_NOTHING = replace(_NO_ECHO, headphones=True)

HEADPHONES = "headphones: echo cancelling off"
HALF_DUPLEX = "echo cancelling off: half duplex"
NO_CANCELLER = "no echo canceller here: half duplex"


class VoiceProcessor(Protocol):
    """Turns what the microphone heard into what the near talker said."""

    processing: Processing
    """What was asked for."""
    name: str
    """For people: which parts are at work, or why none is."""
    words: str
    """For people: what becomes of the echo, in a few words."""
    reason: str
    """Why this is not what was asked for; empty when it is."""
    cancels_echo: bool
    """Whether the loudspeaker is taken out of the microphone."""
    hears_over_playback: bool
    """Whether a voice passes while the loudspeaker plays, so that talking over it can be noticed."""
    voice: Block
    """float32[480] of the newest step, until the next: the same moment with its noise, and everything of the voice."""

    @property
    def gain_db(self) -> float:
        """What the gain control adds at present, dB."""
        ...

    def process(self, mic: Block, far: Block) -> Block:
        """float32[480] from the mic and the float32[480] handed to the loudspeaker in this step; valid until the next.

        The noise is suppressed in it, for meters and detectors; what is sent of a voice is `voice`.
        """
        ...

    def is_cold(self, cold_for: float) -> bool:
        """Whether the canceller has seen less than `cold_for` seconds of far-end sound since its reset (R7)."""
        ...

    def trust_mic(self, on: bool) -> None:
        """Nothing of the loudspeaker was found in the microphone (or `on` is False: something was).

        A canceller that waits for an echo takes a voice for it, so it is passed by as long as there is none.
        """
        ...

    def follow_echo(self, moved: float) -> None:
        """The echo comes so many seconds later (negative: sooner) than it did."""
        ...

    def reset(self) -> None:
        """Forget the room and the delay: the device was reopened."""
        ...


class WebRtcProcessor:
    """AEC3, noise suppression and gain control of the WebRTC project, each switchable.

    Raises ImportError or OSError where the package has no build for this system; `make_processor` handles that.
    """

    reason = ""
    hears_over_playback = True

    def __init__(self, processing: Processing) -> None:
        from pywebrtc_audio import AudioProcessor, GainController, NoiseSuppressor

        self.processing = processing
        self.cancels_echo = processing.echo and not processing.headphones
        parts = (("echo", self.cancels_echo), ("noise", processing.noise), ("gain", processing.gain))
        self.name = "webrtc " + "+".join(part for part, wanted in parts if wanted)
        self.words = "AEC3" if self.cancels_echo else HEADPHONES
        self._canceller = Canceller() if self.cancels_echo else None
        self._filter = None if self.cancels_echo else AudioProcessor(sample_rate=SAMPLE_RATE, high_pass_filter=True)
        self._leveller = GainController(sample_rate=SAMPLE_RATE, max_gain_db=_MAX_GAIN_DB) if processing.gain else None
        self._suppressor = NoiseSuppressor(sample_rate=SAMPLE_RATE, level=_NOISE_LEVEL) if processing.noise else None
        self._late = DelayLine(_NOISE_LAG)
        self.voice = silent_block()

    @property
    def gain_db(self) -> float:
        """0 without gain control."""
        return float(self._leveller.gain_db) if self._leveller is not None else 0.0

    def process(self, mic: Block, far: Block) -> Block:
        """One step; about 0.15 ms of CPU with all parts on, half of that while the loudspeaker has long been silent."""
        voice = self._near(mic, far)
        if self._leveller is not None:
            voice = self._leveller.process(voice)
        if self._suppressor is None:
            self.voice = voice
            return voice
        clean: Block = self._suppressor.process(voice)
        self.voice = self._late.push(voice)
        return clean

    def _near(self, mic: Block, far: Block) -> Block:
        if self._canceller is not None:
            return self._canceller.process(mic, far)
        filtered: Block = self._filter.process(mic) if self._filter is not None else mic
        return filtered

    def is_cold(self, cold_for: float) -> bool:
        """A processor without a canceller (headphones) has nothing that could be cold."""
        return self._canceller is not None and self._canceller.far_heard < cold_for

    def trust_mic(self, on: bool) -> None:
        """See `VoiceProcessor.trust_mic`."""
        if self._canceller is not None:
            self._canceller.set_free(on)

    def follow_echo(self, moved: float) -> None:
        """The canceller learns anew where it must; gain and noise stay as they are."""
        if self._canceller is not None:
            self._canceller.follow(moved)

    def reset(self) -> None:
        """Takes 2 ms; the canceller starts cold again."""
        for part in (self._canceller, self._filter, self._leveller, self._suppressor):
            if part is not None:
                part.reset()
        self._late.forget()


class PassThroughProcessor:
    """Everything switched off: for headphones, or for a system that processes by itself."""

    name = "off"
    words = HEADPHONES
    reason = ""
    cancels_echo = False
    hears_over_playback = True
    gain_db = 0.0

    def __init__(self, processing: Processing = _NOTHING) -> None:
        self.processing = processing
        self.voice = silent_block()

    def process(self, mic: Block, far: Block) -> Block:
        """The mic as it is."""
        self.voice = mic.copy()
        return self.voice

    def is_cold(self, cold_for: float) -> bool:
        """Nothing to warm up."""
        return False

    def trust_mic(self, on: bool) -> None:
        """It is trusted already."""

    def follow_echo(self, moved: float) -> None:
        """Nothing is known of an echo."""

    def reset(self) -> None:
        """Nothing to forget."""


class HalfDuplexProcessor:
    """The fall-back without a canceller: the mic passes, except while the loudspeaker is audible.

    Without it the assistant would hear and interrupt itself. Cutting in then works by key, not by voice. `inner` does
    what is left of the wishes: noise and gain.
    """

    cancels_echo = False
    hears_over_playback = False

    def __init__(
        self, reason: str = "", *, processing: Processing = _NO_ECHO, inner: VoiceProcessor | None = None
    ) -> None:
        self.processing = processing
        self.reason = reason
        self.name = "half duplex" if inner is None else f"half duplex, {inner.name}"
        self.words = NO_CANCELLER if reason else HALF_DUPLEX
        self._inner = inner if inner is not None else PassThroughProcessor()
        self._shut_for = 0.0
        self._gain = 1.0
        self.voice = silent_block()

    @property
    def gain_db(self) -> float:
        """That of the gain control inside."""
        return self._inner.gain_db

    def process(self, mic: Block, far: Block) -> Block:
        """The mic, faded to silence within one block while the loudspeaker plays and 150 ms after."""
        if mean_square(far) > FAR_AUDIBLE:
            self._shut_for = _MUTED_AFTER_FAR
        else:
            self._shut_for = max(0.0, self._shut_for - BLOCK_SECONDS)
        target = 0.0 if self._shut_for > 0.0 else 1.0
        ramp = np.linspace(self._gain, target, len(mic), dtype=np.float32)
        self._gain = target
        clean = self._inner.process(mic, far) * ramp
        self.voice = self._inner.voice * ramp
        return clean

    def is_cold(self, cold_for: float) -> bool:
        """Nothing to warm up: there is no canceller."""
        return False

    def trust_mic(self, on: bool) -> None:
        """The mic is shut by the loudspeaker whatever it hears: nobody wished for a canceller, or there is none."""

    def follow_echo(self, moved: float) -> None:
        """What is shut out needs not be known."""

    def reset(self) -> None:
        """Open at once; the loudspeaker has been interrupted."""
        self._inner.reset()
        self._shut_for = 0.0


def make_processor(processing: Processing = _EVERYTHING) -> VoiceProcessor:
    """The processor for these wishes; half duplex where no canceller is wished for or none can be had. Takes 1 ms.

    With headphones a missing package costs only noise and gain, so the mic simply passes.
    """
    if processing.headphones:
        return _without_echo(processing)
    if not processing.echo:
        rest = replace(processing, headphones=True)
        return HalfDuplexProcessor(processing=processing, inner=_without_echo(rest) if rest != _NOTHING else None)
    try:
        return WebRtcProcessor(processing)
    except (ImportError, OSError) as error:
        reason = f"the echo canceller has no build for this system ({error})"
        return HalfDuplexProcessor(reason, processing=processing)


def _without_echo(processing: Processing) -> VoiceProcessor:
    """Noise and gain as wished, where the loudspeaker is kept away in another manner."""
    if not (processing.noise or processing.gain):
        return PassThroughProcessor(processing)
    try:
        return WebRtcProcessor(processing)
    except (ImportError, OSError):
        return PassThroughProcessor(processing)
