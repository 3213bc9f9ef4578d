"""`audio.wav`: left what was really sent to the service, right what the loudspeaker played, on the session's own clock.

24 kHz, 16 bit: sample n was heard at `started_at + n / 24 000`. While the mic is closed silence is sent, so a muted
microphone is on no tape. The threads of sound only append to two bounded deques; everything else happens on the tape's
thread. The header is brought up to date with every write, so the file can be played whatever happens to us.
"""

from __future__ import annotations

import os
import struct
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from voicechat.audio.blocks import SAMPLE_RATE, Block, Frame, to_int16
from voicechat.journal.writer import FULL, Stopped, put

GAP = round(0.1 * SAMPLE_RATE)
"""Samples; what comes so late begins anew at its own moment, what comes so early is left out. Bursts are shorter."""
DRIFT = round(0.008 * SAMPLE_RATE)
"""Samples from which the clocks are brought together in the next silence, and twice that in the middle of sound."""
_SETTLING = 32
"""Blocks over which it is judged how late they come."""

Samples = npt.NDArray[np.int16]


class Track:
    """`add` what passed, `take` what lies next on the tape. Positions are samples from the start of the session.

    One channel of a tape's sound: blocks with the moments at which they passed, laid on one line of time.

    A device's clock is not the session's, it delivers in bursts, and it vanishes and comes back. So blocks are laid
    end to end as long as they come about when they should; where none came there is silence, and where the two clocks
    have grown apart a little is put in or left out, in a silence if there is one. No sample lies more than 20 ms
    beside its moment.
    """

    def __init__(self, begin: int = 0) -> None:
        """`begin`: where the first `take` begins."""
        self._waiting: deque[Samples] = deque()
        self._taken = begin
        self._end = begin
        self._lates: deque[int] = deque(maxlen=_SETTLING)
        self._is_loose = True
        """Nothing lies right before what comes next, so that begins at its own moment."""

    def add(self, position: int, samples: Samples) -> None:
        """What passed from `position` on, int16 at 48 kHz."""
        late = position - self._end
        if self._is_loose or abs(late) > GAP:
            self._shift(late, samples)
            return
        self._lates.append(late)
        mean = sum(self._lates) // len(self._lates)
        limit = DRIFT if not samples.any() else 2 * DRIFT
        if len(self._lates) < _SETTLING or abs(mean) < limit:
            self._append(samples)
        else:
            self._shift(mean, samples)

    def take(self, count: int) -> Samples:
        """The next `count` samples; silence where nothing has come."""
        parts: list[Samples] = []
        missing = count
        while missing and self._waiting:
            first = self._waiting.popleft()
            if len(first) > missing:
                self._waiting.appendleft(first[missing:])
                first = first[:missing]
            parts.append(first)
            missing -= len(first)
        if missing:
            self._is_loose = True
            parts.append(np.zeros(missing, dtype=np.int16))
        self._taken += count
        self._end = max(self._end, self._taken)
        return np.concatenate(parts) if len(parts) > 1 else parts[0]

    def _shift(self, by: int, samples: Samples) -> None:
        """Lay a block `by` samples later than the end, or, where that is negative, without its first samples."""
        self._lates.clear()
        self._is_loose = False
        if by > 0:
            self._append(np.zeros(by, dtype=np.int16))
        self._append(samples[max(0, -by) :])

    def _append(self, samples: Samples) -> None:
        if len(samples):
            self._waiting.append(samples)
            self._end += len(samples)


RATE = SAMPLE_RATE // 2
"""Samples a second on the tape: what the services themselves work with."""
BEHIND = 0.3
"""Seconds after which a moment is written, so that both sides of it have come."""
MOST_WAITING = 1_500
"""Blocks and frames that may wait: 15 s of a disk that hangs."""
PIECE = SAMPLE_RATE // 2
"""Samples written at a time: a process that was stopped for an hour has an hour of silence to write."""
HEADER = 44
LARGEST = 0xFFFFFFFF - HEADER
"""Bytes that a WAV file can say it has."""
_TAPS = 31


class SoundFile:
    """A file of a tape (see `writer.TapeFile`). `sent` and `played` may be called from any thread, each from one."""

    def __init__(
        self, file: Path, *, started_at: float, clock: Callable[[], float], most: int, hum: bool = False
    ) -> None:
        """`started_at` on `clock` is the zero of the tape. `hum`: only how loud it was is kept (see `hummed`).

        Raises OSError.
        """
        self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._started_at = started_at
        self._clock = clock
        self._left = min(most, LARGEST)
        self._hum = hum
        self._sent: deque[tuple[float, Frame]] = deque(maxlen=MOST_WAITING)
        self._played: deque[tuple[float, Block]] = deque(maxlen=MOST_WAITING)
        self._tracks = (Track(), Track())
        self._halvers = (Halver(), Halver())
        self._taken = 0
        self._written = 0
        put(self._descriptor, header(0))

    def sent(self, at: float, frame: Frame) -> None:
        """int16 at 48 kHz, which leaves for the service at `at`. The array must not be changed afterwards."""
        self._sent.append((at, frame))

    def played(self, at: float, block: Block) -> None:
        """float32 at 48 kHz, which goes to the loudspeaker at `at`. The array must not be changed afterwards."""
        self._played.append((at, block))

    def flush(self, *, last: bool) -> None:
        sent, played = self._tracks
        while self._sent:
            at, frame = self._sent.popleft()
            sent.add(self._position(at), frame)
        while self._played:
            at, block = self._played.popleft()
            played.add(self._position(at), to_int16(block))
        until = self._position(self._clock() - (0.0 if last else BEHIND))
        pieces: list[bytes] = []
        while (count := min(PIECE, until - self._taken) // 2 * 2) > 0:
            pieces.append(self._next(count))
            if len(pieces) == 30:
                self._put(b"".join(pieces))
                pieces.clear()
        self._put(b"".join(pieces))

    def close(self) -> None:
        self._sent.clear()
        self._played.clear()
        os.close(self._descriptor)

    def _position(self, at: float) -> int:
        return round((at - self._started_at) * SAMPLE_RATE)

    def _next(self, count: int) -> bytes:
        self._taken += count
        sides = [halver.halved(track.take(count)) for halver, track in zip(self._halvers, self._tracks, strict=True)]
        if self._hum:
            sides = [hummed(side, self._taken // 2) for side in sides]
        return np.column_stack(sides).astype("<i2").tobytes()

    def _put(self, raw: bytes) -> None:
        if len(raw) > self._left:
            raise Stopped(FULL)
        if not raw:
            return
        self._left -= len(raw)
        put(self._descriptor, raw)
        self._written += len(raw)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        put(self._descriptor, header(self._written))
        os.lseek(self._descriptor, 0, os.SEEK_END)


class Halver:
    """48 kHz to 24 kHz, piece by piece: a low pass at 11 kHz, then every other sample. 0.3 ms late."""

    def __init__(self) -> None:
        self._before = np.zeros(_TAPS - 1, dtype=np.float32)

    def halved(self, samples: Samples) -> Samples:
        """Half as many samples; the number must be even."""
        whole = np.concatenate((self._before, samples), dtype=np.float32)
        self._before = whole[-(_TAPS - 1) :]
        if not whole.any():
            return np.zeros(len(samples) // 2, dtype=np.int16)
        # Only the samples that stay are computed: even and odd taps, each over every other sample.
        low = np.correlate(whole[::2], _EVEN, "valid")
        low += np.correlate(whole[1::2], _ODD, "valid")[: len(low)]
        rounded: Samples = np.clip(np.rint(low), -32_768, 32_767).astype(np.int16)
        return rounded


def _low_pass() -> npt.NDArray[np.float32]:
    """A windowed sinc of unity gain."""
    at = np.arange(_TAPS) - (_TAPS - 1) / 2
    taps = np.sinc(at * 11_000 / (SAMPLE_RATE / 2)) * np.blackman(_TAPS)
    made: npt.NDArray[np.float32] = (taps / taps.sum()).astype(np.float32)
    return made


_EVEN, _ODD = _low_pass()[::2].copy(), _low_pass()[1::2].copy()
_BEAT = RATE // 50
"""Samples of one level of `hummed`: 20 ms."""


def hummed(samples: Samples, until: int) -> Samples:
    """A hum of 200 Hz, as loud as the sound was every 20 ms: who spoke when can be heard, and not a word of it.

    `until` is the position of the end, so that the hum goes on smoothly from piece to piece.
    """
    if not samples.any():
        return samples
    at = np.arange(until - len(samples), until)
    levels = np.zeros(len(samples), dtype=np.float32)
    for first in range(0, len(samples), _BEAT):
        part = samples[first : first + _BEAT].astype(np.float32)
        levels[first : first + _BEAT] = np.sqrt(2.0 * np.mean(part * part))
    hum = levels * np.sin(at * (2 * np.pi * 200 / RATE))
    made: Samples = np.clip(hum, -32_768, 32_767).astype(np.int16)
    return made


def header(data: int) -> bytes:
    """44 bytes: PCM, stereo, 24 kHz, 16 bit, so many bytes of sound."""
    form = struct.pack("<HHIIHH", 1, 2, RATE, RATE * 4, 4, 16)
    return b"RIFF" + struct.pack("<I", 36 + data) + b"WAVEfmt \x10\0\0\0" + form + b"data" + struct.pack("<I", data)
