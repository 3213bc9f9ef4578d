"""The voice under the assistant's own echo, as it was before the canceller pressed it down.

In double talk AEC3 keeps the echo away at the price of the voice: 10 to 19 dB of it go in the first 300 ms, which are
the first word. What has been said is past, though, and can be looked at again without hurry: from the seconds before
the voice the way from loudspeaker to microphone is found by least squares, and what the loudspeaker played is
subtracted along that way. A linear subtraction takes out 15 to 30 dB of echo and nothing of the voice.

Nothing is computed until a microphone opens into an echo. The audio thread only copies blocks into a ring; the line's
thread computes, once some 30 ms, then half a millisecond a frame until the canceller has recovered.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicechat.audio.blocks import BLOCK, SAMPLE_RATE, Block, Frame, energy_db, mean_square, to_int16
from voicechat.audio.echo import FAR_AUDIBLE

_Samples = NDArray[np.float32]
_Spectrum = NDArray[np.complex128]

RECOVERY_BLOCKS = 40
"""Blocks of silence from the loudspeaker after which the canceller lets everything through again."""
_MEMORY = 640
"""Blocks kept: what is learnt from, the longest pre-roll in an echo, and air for a slow connection."""
_LEARN_BLOCKS = 350
"""3.5 s to learn from."""
_LEARN_LEAST = 80
"""With less of the answer heard than this there is nothing to learn from."""
_GUARD_BLOCKS = 10
"""Between what is learnt from and what is restored: the voice may have begun before anybody noticed."""
_AIR_BLOCKS = 30
"""Sent before the voice where its beginning was found (R7)."""
_LEAD_IN_BLOCKS = 8
"""Restored before that beginning, for soft first sounds; what lies before is better cancelled."""
_LONGEST_BLOCKS = 200
"""Nothing is restored longer than this after the opening."""
_RATE = 16_000
"""The way is learnt up to 8 kHz: nine times less work, and recognisers hear no more."""
_DECIMATION = SAMPLE_RATE // _RATE
_TAPS = 6_400
"""0.4 s at 16 kHz: device latency, the air, and the room."""
_ROUNDS = 10
_LOW_PASS_HZ, _LOW_PASS_REACH = 7_600.0, 240
_LAG = 766
"""Samples at 48 kHz by which the canceller and the noise suppressor are late; restored blocks are put beside theirs."""
_SPAN = 32_768
"""Samples of one fast convolution at 48 kHz ..."""
_VALID_BLOCKS = (_SPAN - _TAPS * _DECIMATION - _LAG - _LOW_PASS_REACH) // BLOCK
"""... and how many blocks of it are right."""
_WORTH_DB = 8.0
"""Echo that must go for a restored block to be better than a cancelled one ..."""
_QUIET_DB = -52.0
"""... unless what is left of it is inaudible anyway, dBFS."""
_STANDS_OUT_DB = 9.0
"""dB above what is left of the echo, and above the noise, at which a restored block holds the voice."""


class DuplexMemory:
    """The last seconds of raw microphone and loudspeaker, block by block. One thread writes, others may read."""

    def __init__(self) -> None:
        self.newest = 0
        """Number of the newest block; the first has number 1, as in the mic gate."""
        self.last_loud = -_MEMORY
        """Number of the newest block in which the loudspeaker was audible."""
        self._mic = np.zeros((_MEMORY, BLOCK), np.float32)
        self._far = np.zeros((_MEMORY, BLOCK), np.float32)

    @property
    def is_in_echo(self) -> bool:
        """Whether the loudspeaker was audible lately, so that the canceller may be pressing a voice down."""
        return self.newest - self.last_loud < RECOVERY_BLOCKS

    def push(self, mic: Block, far: Block) -> None:
        """Keep float32[480] of each: what was heard, and what was handed to the loudspeaker in the same step."""
        row = (self.newest + 1) % _MEMORY
        self._mic[row], self._far[row] = mic, far
        self.newest += 1
        if mean_square(far) > FAR_AUDIBLE:
            self.last_loud = self.newest

    def forget(self) -> None:
        """The device was reopened: what was heard before was heard in another room."""
        self._mic[:] = 0.0
        self._far[:] = 0.0

    def mic(self, first: int, count: int) -> _Samples:
        """`count` blocks from number `first` on, as one array; zeros where nothing is (any more)."""
        return self._read(self._mic, first, count)

    def far(self, first: int, count: int) -> _Samples:
        """The same of the loudspeaker."""
        return self._read(self._far, first, count)

    def _read(self, ring: _Samples, first: int, count: int) -> _Samples:
        numbers = np.arange(first, first + count)
        known = (numbers >= max(1, self.newest - _MEMORY + 2)) & (numbers <= self.newest)
        return np.where(known[:, None], ring[numbers % _MEMORY], np.float32(0.0)).reshape(-1)


@dataclass(frozen=True, slots=True)
class EchoWay:
    """How the loudspeaker reaches the microphone, learnt from one stretch."""

    taps: _Samples
    """6400 samples at 16 kHz."""
    taken_db: float
    """How much of the echo it takes out, measured where it was learnt."""
    left_db: float
    """Level of what it leaves, dBFS."""
    floor_db: float
    """Level of the quietest tenth of what it leaves: the noise of the room, dBFS."""

    @property
    def is_good(self) -> bool:
        """Whether subtracting beats cancelling."""
        return self.taken_db >= _WORTH_DB or self.left_db <= _QUIET_DB


class _Stretch:
    """One stretch of loudspeaker, and how taps that are applied to it are scored. 16 kHz."""

    def __init__(self, far: _Samples) -> None:
        self._length = len(far)
        self._size = 1 << (len(far) + _TAPS - 1).bit_length()
        self._spectrum = np.fft.rfft(far, self._size)
        power = np.abs(self._spectrum) ** 2
        self.least = float(power.mean()) * 1e-4 + 1e-9
        """Keeps bands in which nothing was played from being explained."""
        correlation = np.fft.irfft(power, self._size)[: 2 * _TAPS] * np.hanning(4 * _TAPS)[2 * _TAPS :]
        folded = 2.0 * np.fft.rfft(correlation, 4 * _TAPS).real - correlation[0]
        self._shape = 1.0 / (np.maximum(folded, 0.0) + self.least)

    def echo(self, taps: _Samples) -> _Samples:
        """What the loudspeaker sounds like through `taps`; zero while the past is not known."""
        whole = np.fft.irfft(np.fft.rfft(taps, self._size) * self._spectrum, self._size)
        out = np.asarray(whole[: self._length], np.float32)
        out[:_TAPS] = 0.0
        return out

    def correlated(self, signal: _Samples) -> _Samples:
        """The transpose of `echo`."""
        whole = np.fft.irfft(np.fft.rfft(signal, self._size) * np.conj(self._spectrum), self._size)
        return np.asarray(whole[:_TAPS], np.float32)

    def whitened(self, taps: _Samples) -> _Samples:
        """As if all bands had been played equally loud: makes the search for the taps ten times shorter."""
        return np.asarray(np.fft.irfft(np.fft.rfft(taps, 4 * _TAPS) * self._shape, 4 * _TAPS)[:_TAPS], np.float32)


def learn(mic: _Samples, far: _Samples) -> EchoWay:
    """The way that explains `mic` by `far` best (float32 at 48 kHz, of one length), by conjugate gradients.

    What was heard while no echo could be, before the answer or long after its sound, teaches nothing: it is what the
    user said, for one thing, the very question that is being answered.
    """
    may_be_echo = _follows_sound(far)
    mic = (mic.reshape(-1, BLOCK) * may_be_echo[:, None]).reshape(-1)
    heard, stretch = _to_low_rate(mic), _Stretch(_to_low_rate(far))
    heard[:_TAPS] = 0.0
    taps = np.zeros(_TAPS, np.float32)
    rest = stretch.correlated(heard)
    towards = step = stretch.whitened(rest)
    gain = float(rest @ step)
    for _ in range(_ROUNDS):
        echoed = stretch.correlated(stretch.echo(towards))
        pushed = np.asarray(echoed + np.float32(stretch.least) * towards, np.float32)
        along = gain / max(float(towards @ pushed), 1e-20)
        taps = taps + np.float32(along) * towards
        rest = np.asarray(rest - np.float32(along) * pushed, np.float32)
        step = stretch.whitened(rest)
        gain, before = float(rest @ step), gain
        towards = step + np.float32(gain / max(before, 1e-20)) * towards
    left = (heard - stretch.echo(taps))[_TAPS:]
    before_db, left_db = energy_db(mean_square(heard[_TAPS:])), energy_db(mean_square(left))
    levels = _levels(left, BLOCK // _DECIMATION)
    levels = levels[may_be_echo[len(may_be_echo) - len(levels) :]]
    floor_db = float(np.percentile(levels, 10)) if len(levels) else left_db
    return EchoWay(taps, before_db - left_db, left_db, floor_db)


def _follows_sound(far: _Samples) -> NDArray[np.bool_]:
    """For each block whether the loudspeaker was audible in it, or so shortly before that its echo may still come."""
    audible = np.mean(far.reshape(-1, BLOCK) ** 2, axis=1) > FAR_AUDIBLE
    reach = _TAPS * _DECIMATION // BLOCK + 1
    return np.convolve(audible, np.ones(reach), "full")[: len(audible)] > 0.5


class NearVoice:
    """What was said from one block on, without the echo. Made and asked by the line's thread."""

    def __init__(self, memory: DuplexMemory, first: int, gain: float) -> None:
        """Look back to block `first`. `gain` (linear) is what the gain control adds to the cancelled sound."""
        self._memory = memory
        self._gain = np.float32(gain)
        self._last = memory.newest + _LONGEST_BLOCKS
        self._ready: dict[int, _Samples] = {}
        learnt_from = first - _GUARD_BLOCKS - _LEARN_BLOCKS
        far = memory.far(learnt_from, _LEARN_BLOCKS)
        loud = int(np.count_nonzero(np.mean(far.reshape(-1, BLOCK) ** 2, axis=1) > FAR_AUDIBLE))
        way = learn(memory.mic(learnt_from, _LEARN_BLOCKS), far) if loud >= _LEARN_LEAST else None
        self.way = way if way is not None and way.is_good else None
        self.began: int | None = None
        """The block in which the voice is found to begin; None where it is not found, or not looked for."""
        self._from = self._last
        if self.way is not None:
            self._voice, self._echo = _filters(self.way)
            self._find(first, self.way)

    @property
    def air(self) -> int:
        """The block from which on sending is enough; 0 when all that was asked for should be sent."""
        return max(0, self.began - _AIR_BLOCKS) if self.began is not None else 0

    def block(self, number: int, cancelled: Frame) -> Frame:
        """The better one for block `number`: `cancelled`, or the restored one, with a fade where they change."""
        last = min(self._last, self._memory.last_loud + RECOVERY_BLOCKS)
        if self.way is None or number < self._from or number > last:
            return cancelled
        if number not in self._ready:
            self._restore(number)
        restored = to_int16(self._ready.pop(number) * self._gain)
        if number not in (self._from, last):
            return restored
        share = np.linspace(0.0, 1.0, BLOCK, dtype=np.float32)
        share = share if number == self._from else share[::-1]
        faded: Frame = np.rint(restored * share + cancelled * (1.0 - share)).astype(np.int16)
        return faded

    def is_over(self, number: int) -> bool:
        """Whether from this block on the cancelled sound is as good."""
        return self.way is None or number > min(self._last, self._memory.last_loud + RECOVERY_BLOCKS)

    def _find(self, first: int, way: EchoWay) -> None:
        """Where the voice begins: what is restored stands out of what is left of the echo, and of the noise."""
        voice_db, left_db = [], []
        for start in range(first, self._memory.newest + 1, _VALID_BLOCKS):
            voice, echo = self._restore(start)
            voice_db += [float(level) for level in _levels(voice, BLOCK)]
            left_db += [float(level) - way.taken_db for level in _levels(echo, BLOCK)]
        loud = np.array(voice_db) > np.maximum(np.array(left_db), way.floor_db) + _STANDS_OUT_DB
        lasting = np.convolve(loud, np.ones(6), "full")[5:] >= 4
        if (lasting & loud).any():
            self.began = first + int(np.argmax(lasting & loud))
            self._from = max(first, self.began - _LEAD_IN_BLOCKS)
        else:
            self._from = self._memory.last_loud + 1

    def _restore(self, number: int) -> tuple[_Samples, _Samples]:
        """Make the blocks from `number` on that are there and fit into one convolution: the voice, and the echo."""
        count = min(_VALID_BLOCKS, self._memory.newest - number + 1)
        blocks = _SPAN // BLOCK
        first = number + count - blocks
        mic = np.fft.rfft(self._memory.mic(first, blocks), _SPAN)
        far = np.fft.rfft(self._memory.far(first, blocks), _SPAN)
        here = slice((blocks - count) * BLOCK, blocks * BLOCK)
        echo = np.fft.irfft(far * self._echo, _SPAN)[here].astype(np.float32)
        voice = np.fft.irfft(mic * self._voice, _SPAN)[here].astype(np.float32) - echo
        for index in range(count):
            self._ready[number + index] = voice[index * BLOCK : (index + 1) * BLOCK]
        return voice, echo


def _filters(way: EchoWay) -> tuple[_Spectrum, _Spectrum]:
    """For one convolution at 48 kHz: the low-pass that the voice goes through, and the echo's way behind it."""
    offsets = np.arange(-_LOW_PASS_REACH, _LOW_PASS_REACH + 1)
    low_pass = np.sinc(2 * _LOW_PASS_HZ / SAMPLE_RATE * offsets) * np.hamming(len(offsets))
    delayed = np.zeros(_SPAN)
    delayed[_LAG + offsets] = low_pass / low_pass.sum()
    voice = np.fft.rfft(delayed)
    taps = np.zeros(_TAPS * _DECIMATION // 2 + 1, np.complex128)
    taps[: _TAPS // 2] = np.fft.rfft(way.taps)[:-1]
    return voice, np.fft.rfft(np.fft.irfft(taps, _TAPS * _DECIMATION), _SPAN) * voice


def _levels(sound: _Samples, block: int) -> _Samples:
    """dBFS of every `block` samples."""
    power = np.mean(np.square(sound[: len(sound) // block * block].reshape(-1, block)), axis=1)
    return np.asarray(10.0 * np.log10(power + 1e-10), np.float32)


def _to_low_rate(sound: _Samples) -> _Samples:
    """48 kHz to 16 kHz, all at once."""
    size = len(sound) // _DECIMATION
    return np.asarray(np.fft.irfft(np.fft.rfft(sound)[: size // 2 + 1], size) / _DECIMATION, np.float32)
