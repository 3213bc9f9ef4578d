"""The echo canceller, at work only while there is something to cancel.

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
