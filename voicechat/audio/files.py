"""Sound files in the place of devices: a WAV that speaks into the path, and a WAV that keeps what was played.

The reader is our own: the standard library's `wave` knows neither float nor, before Python 3.12, the "extensible"
header that most 24-bit files carry. Files of programs that were killed or that stream (a data length of 0 or
0xFFFFFFFF) are read as far as they go.
"""

from __future__ import annotations

import struct
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from voicechat.audio.blocks import BLOCK, SAMPLE_RATE, Block, Frame, to_float, to_int16
from voicechat.audio.sound_format import Resampler
from voicechat.errors import AudioDeviceError

LARGEST_FILE = 512 * 2**20
"""Bytes; a file is held in memory, so that reading it can never stall the sound."""
_CHANNELS = range(1, 33)
_RATES = range(1_000, 400_000)
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_PIECE = 480_000
"""Samples converted at a time; bounds the memory of a conversion."""
_HINT = "Give a WAV file with 8, 16, 24 or 32 bit integers or floats; ffmpeg -i yours out.wav makes one."


class _Format(NamedTuple):
    is_float: bool
    channels: int
    rate: int
    bits: int


class WavMic:
    """A WAV file heard as if it were a microphone: mono, 48 kHz, in real time as it is read; silence after its end.

    Raises AudioDeviceError (one sentence and a way out) for whatever cannot be read as a WAV.
    """

    def __init__(self, path: Path | str) -> None:
        self.name = Path(path).name
        self._samples = read_wav(Path(path))
        self._position = 0

    waits = True
    """Its beginning is for the line: it waits until the mic is opened."""

    @property
    def duration(self) -> float:
        """Seconds of sound in the file."""
        return len(self._samples) / SAMPLE_RATE

    @property
    def finished(self) -> bool:
        """Whether everything in the file has been read."""
        return self._position >= len(self._samples)

    def read(self) -> Block:
        """The next 10 ms, float32[480]."""
        block = np.zeros(BLOCK, dtype=np.float32)
        piece = self._samples[self._position : self._position + BLOCK]
        block[: len(piece)] = to_float(piece)
        self._position += len(piece)
        return block

    def hear(self, out: Block) -> None:
        """A recording hears no loudspeaker."""


def read_wav(path: Path) -> Frame:
    """The file as int16 mono at 48 kHz. Raises AudioDeviceError for whatever cannot be read as a WAV."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise AudioDeviceError(f"{path.name} is larger than 512 MB", hint="Cut it into shorter files.")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise AudioDeviceError(f"cannot read {path.name}: {reason}", hint=_HINT) from error
    try:
        form, data = _parse(content)
    except ValueError as error:
        raise AudioDeviceError(f"{path.name} is not a usable WAV file: {error}", hint=_HINT) from error
    return _to_path_format(form, data)


def _parse(content: bytes) -> tuple[_Format, memoryview]:
    """Walk the RIFF chunks. Raises ValueError with the reason."""
    if len(content) < 12 or content[:4] not in (b"RIFF", b"RF64") or content[8:12] != b"WAVE":
        raise ValueError("it does not begin with a RIFF/WAVE header")
    form: _Format | None = None
    position = 12
    while position + 8 <= len(content):
        name = content[position : position + 4]
        (size,) = struct.unpack_from("<I", content, position + 4)
        body = memoryview(content)[position + 8 : position + 8 + size]
        if name == b"fmt ":
            form = _parse_format(body)
        elif name == b"data":
            if form is None:
                raise ValueError("its sound comes before its format")
            return form, memoryview(content)[position + 8 :] if size in (0, 0xFFFFFFFF) else body
        position += 8 + size + size % 2
    raise ValueError("it holds no sound" if form is not None else "it has no format header")


def _parse_format(body: memoryview) -> _Format:
    if len(body) < 16:
        raise ValueError("its format header is cut short")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if tag == _EXTENSIBLE and len(body) >= 26:
        (tag,) = struct.unpack_from("<H", body, 24)
    if tag not in (_PCM, _FLOAT):
        raise ValueError(f"its sound is compressed (format {tag})")
    if bits not in ((32, 64) if tag == _FLOAT else (8, 16, 24, 32)):
        raise ValueError(f"{bits} bits a sample are not supported")
    if channels not in _CHANNELS or rate not in _RATES:
        raise ValueError(f"{channels} channels at {rate} Hz make no sense")
    return _Format(tag == _FLOAT, channels, rate, bits)


def _to_path_format(form: _Format, data: memoryview) -> Frame:
    stride = form.channels * form.bits // 8
    resampler = Resampler(form.rate, SAMPLE_RATE)
    pieces: list[Frame] = []
    whole = len(data) // stride * stride
    for start in range(0, whole, _PIECE * stride):
        values = _decode(form, data[start : min(start + _PIECE * stride, whole)])
        mono = values.reshape(-1, form.channels).mean(axis=1, dtype=np.float32)
        pieces.append(to_int16(resampler.convert(mono)))
    pieces.append(to_int16(resampler.finish()))
    return np.concatenate(pieces)


def _decode(form: _Format, data: memoryview) -> npt.NDArray[np.float32]:
    """Interleaved samples as float32; floats that are not numbers become silence."""
    if form.is_float:
        values = np.frombuffer(data, dtype="<f8" if form.bits == 64 else "<f4")
        finite = np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=-1.0)
        samples: npt.NDArray[np.float32] = finite.clip(-1.0, 1.0).astype(np.float32)
        return samples
    if form.bits == 8:
        return (np.frombuffer(data, dtype=np.uint8).astype(np.float32) - 128.0) / 128.0
    if form.bits == 24:
        wide = np.zeros((len(data) // 3, 4), dtype=np.uint8)
        wide[:, 1:] = np.frombuffer(data, dtype=np.uint8).reshape(-1, 3)
        return wide.view("<i4").reshape(-1).astype(np.float32) / 2.0**31
    return np.frombuffer(data, dtype=f"<i{form.bits // 8}").astype(np.float32) / 2.0 ** (form.bits - 1)


_HEADER_BYTES = 44
_WRITE_EVERY = 0.1
"""Seconds between writes: the audio thread never waits for a disk."""
_HEADER_EVERY = 1.0
"""Seconds between headers, so that the file is readable when we are killed."""
_LARGEST_DATA = 0xFFFFFFFF - _HEADER_BYTES


class WavSpeaker:
    """Keeps what the loudspeaker plays as 48 kHz 16-bit mono WAV. `write` only queues; a thread of its own writes.

    Raises AudioDeviceError where the file cannot be created. A disk that fills up later ends the file, not the
    talk; `problem` says so.
    """

    def __init__(self, path: Path | str) -> None:
        self.name = Path(path).name
        self.problem = ""
        self._queue: deque[bytes] = deque()
        self._written = 0
        self._done = threading.Event()
        try:
            self._file: BinaryIO = Path(path).open("wb")
            self._file.write(_header(0))
            self._file.flush()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise AudioDeviceError(
                f"cannot write {self.name}: {reason}", hint="Give a file in a folder you may write to."
            ) from error
        self._thread = threading.Thread(target=self._keep_writing, name="wav-speaker", daemon=True)
        self._thread.start()

    def write(self, block: Block) -> None:
        """Queue float32[480]; never blocks."""
        if not self.problem:
            self._queue.append(to_int16(block).astype("<i2").tobytes())

    def close(self) -> None:
        """Write what is queued and the final header. Safe to call twice."""
        self._done.set()
        self._thread.join(timeout=2.0)

    def _keep_writing(self) -> None:
        rounds = 0
        try:
            with self._file:
                while not self._done.wait(_WRITE_EVERY):
                    rounds += 1
                    self._write_out(with_header=rounds % round(_HEADER_EVERY / _WRITE_EVERY) == 0)
                self._write_out(with_header=True)
        except OSError as error:
            self.problem = f"{self.name} is incomplete: {error.strerror or error}"
            self._queue.clear()

    def _write_out(self, *, with_header: bool) -> None:
        pieces = []
        with suppress(IndexError):
            while True:
                pieces.append(self._queue.popleft())
        data = b"".join(pieces)[: _LARGEST_DATA - self._written]
        self._file.write(data)
        self._written += len(data)
        if with_header:
            self._file.seek(0)
            self._file.write(_header(self._written))
            self._file.seek(0, 2)
        self._file.flush()


def _header(data_bytes: int) -> bytes:
    """A canonical 44-byte header: PCM, mono, 48 kHz, 16 bit."""
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36 + data_bytes,
        b"WAVE",
        b"fmt ",
        16,
        _PCM,
        1,
        SAMPLE_RATE,
        SAMPLE_RATE * 2,
        2,
        16,
        b"data",
        data_bytes,
    )
