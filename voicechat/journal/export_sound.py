"""The sound of a tape for others: one side of it, small enough for a page, and as levels for a picture.

A tape's `audio.wav` has two channels of 16 bit: you left, the assistant right. Files are read in pieces, so an hour of
talk needs no more memory than a minute.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import numpy.typing as npt

from voicechat.errors import TapeError

Side = Literal["you", "assistant"]
Pcm = npt.NDArray[np.int16]
SIDES: tuple[Side, Side] = ("you", "assistant")
PIECE = 48_000
"""Frames read at once."""
OPUS_RATE = 48_000
OPUS_FRAME = 960
OPUS_BITS = 32_000
"""Bits a second for both sides together: speech that still sounds like the talk."""
OPUS_OPTIONS = {"application": "voip", "vbr": "constrained", "compression_level": "3"}
QUIETEST, LOUDEST = -52.0, -10.0
"""dBFS drawn as nothing and as a full wave, as in the timeline."""


@dataclass(frozen=True, slots=True)
class Levels:
    """How loud each side was: 0 to 8 for each step of `step` seconds, the loudest sample counts."""

    step: float
    you: tuple[int, ...]
    assistant: tuple[int, ...]


def write_side(source: Path, side: Side, out: BinaryIO) -> None:
    """One side as a WAV file of one channel. Raises TapeError for a file that is no sound of a tape."""
    with opened(source) as recorded, wave.open(out, "wb") as made:
        made.setnchannels(1)
        made.setsampwidth(2)
        made.setframerate(recorded.getframerate())
        for piece in pieces(recorded):
            made.writeframes(piece[:, SIDES.index(side)].astype("<i2").tobytes())


def levels(source: Path, step: float = 0.05) -> Levels:
    """Both sides as heights. Raises TapeError for a file that is no sound of a tape."""
    loudest: list[npt.NDArray[np.int32]] = []
    with opened(source) as recorded:
        count = max(1, round(recorded.getframerate() * step))
        for piece in pieces(recorded, count * 1_000):
            missing = -len(piece) % count
            whole = np.pad(np.abs(piece.astype(np.int32)), ((0, missing), (0, 0)))
            loudest.append(whole.reshape(-1, count, 2).max(axis=1))
    peaks = np.concatenate(loudest) if loudest else np.zeros((0, 2), dtype=np.int32)
    decibels = 20 * np.log10(np.maximum(peaks, 1) / 32_768)
    heights = np.clip(np.rint((decibels - QUIETEST) / (LOUDEST - QUIETEST) * 8), 0, 8).astype(int)
    return Levels(step, tuple(map(int, heights[:, 0])), tuple(map(int, heights[:, 1])))


def as_opus(source: Path) -> bytes:
    """Both sides as Opus in WebM, which every browser plays and can seek in.

    Raises TapeError for a file that is no sound of a tape, and ImportError or OSError where Opus cannot be made here.
    """
    import av
    from av.error import FFmpegError

    out = io.BytesIO()
    try:
        with opened(source) as recorded, av.open(out, "w", format="webm") as container:
            stream = container.add_stream("libopus", rate=OPUS_RATE, layout="stereo", options=OPUS_OPTIONS)
            stream.bit_rate = OPUS_BITS
            at = 0
            for piece in _at_opus_rate(recorded):
                frame = av.AudioFrame.from_ndarray(piece.reshape(1, -1), format="s16", layout="stereo")
                frame.sample_rate, frame.pts, frame.time_base = OPUS_RATE, at, Fraction(1, OPUS_RATE)
                at += len(piece)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    except FFmpegError as error:
        raise OSError(f"no Opus can be made here: {error}") from error
    return out.getvalue()


def _at_opus_rate(recorded: wave.Wave_read) -> Iterator[Pcm]:
    """Frames of 20 ms at 48 kHz. A tape has 24 or 48 kHz; samples in between lie on the line between two."""
    rate = recorded.getframerate()
    rest = np.zeros((0, 2), dtype=np.int16)
    last = np.zeros((1, 2), dtype=np.int16)
    for piece in pieces(recorded):
        if rate * 2 == OPUS_RATE:
            before = np.concatenate((last, piece[:-1])).astype(np.int32)
            doubled = np.empty((len(piece) * 2, 2), dtype=np.int16)
            doubled[0::2], doubled[1::2] = (before + piece) // 2, piece
            last, piece = piece[-1:], doubled
        elif rate != OPUS_RATE:
            raise OSError(f"a rate of {rate} is none of a tape")
        rest = np.concatenate((rest, piece))
        whole = len(rest) // OPUS_FRAME * OPUS_FRAME
        for start in range(0, whole, OPUS_FRAME):
            yield np.ascontiguousarray(rest[start : start + OPUS_FRAME])
        rest = rest[whole:]
    if len(rest):
        yield np.ascontiguousarray(np.pad(rest, ((0, OPUS_FRAME - len(rest)), (0, 0))))


@contextmanager
def opened(source: Path) -> Iterator[wave.Wave_read]:
    """The sound of a tape. Raises TapeError for anything else."""
    try:
        recorded = wave.open(str(source), "rb")
    except (OSError, EOFError, wave.Error) as error:
        raise TapeError(f"{source} cannot be read as sound: {error}", hint="export something else of it") from error
    with recorded:
        if recorded.getnchannels() != 2 or recorded.getsampwidth() != 2:
            raise TapeError(f"{source} is not the sound of a tape", hint="two channels of 16 bit are expected")
        yield recorded


def pieces(recorded: wave.Wave_read, count: int = PIECE) -> Iterator[Pcm]:
    """(frames, 2) int16, in order. A file whose header promises more than there is simply ends."""
    while raw := recorded.readframes(count):
        yield np.frombuffer(raw[: len(raw) // 4 * 4], "<i2").astype(np.int16).reshape(-1, 2)
