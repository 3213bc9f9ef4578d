"""Any sound file, or the sound of any film, as 48 kHz mono: decoded piece by piece, never held as a whole.

PyAV (FFmpeg) decodes it. What is no sound is one sentence; a file that ends in the middle is read as far as it goes,
and so is one with damaged parts.
"""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from numpy.typing import NDArray

from voicechat.audio.blocks import SAMPLE_RATE
from voicechat.errors import AudioDeviceError

Pcm = NDArray[np.int16]
"""Mono, 48 kHz, int16."""
LARGEST_STDIN = 1024 * 1024 * 1024
"""Bytes; standard input is held in memory, because most formats need to seek."""
_NOTHING_ELSE = {"protocol_whitelist": "none"}
"""A playlist among the files may name others, here or in the net; none of them is opened."""
_HINT = "give a sound or video file: wav, mp3, m4a, ogg, opus, flac, webm, mp4, ..."


@dataclass(frozen=True, slots=True)
class Recording:
    """One input: a file, or what came through standard input."""

    name: str
    """As the user calls it."""
    path: Path | None = None
    content: bytes = b""

    def open(self) -> BinaryIO:
        """Raises OSError."""
        return self.path.open("rb") if self.path is not None else io.BytesIO(self.content)


def duration(recording: Recording) -> float | None:
    """Seconds, as far as the file says it; None where it does not or is none."""
    try:
        with recording.open() as file, av.open(file, "r", options=_NOTHING_ELSE) as container:
            return float(container.duration / av.time_base) if container.duration else None
    except (OSError, ValueError, av.error.FFmpegError):
        return None


def read_sound(recording: Recording, start: float = 0.0) -> Generator[Pcm, None, None]:
    """Pieces of any length, from `start` seconds on. Raises AudioDeviceError with one sentence."""
    skip = round(start * SAMPLE_RATE)
    for piece in _decoded(recording):
        if skip >= len(piece):
            skip -= len(piece)
            continue
        yield piece[skip:]
        skip = 0


def _decoded(recording: Recording) -> Iterator[Pcm]:
    """The file is opened by us: FFmpeg itself would follow whatever address a name spells."""
    got_any = False
    try:
        with recording.open() as file, av.open(file, "r", options=_NOTHING_ELSE) as container:
            if not container.streams.audio:
                raise AudioDeviceError(f"{recording.name} has no sound in it", hint=_HINT)
            resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
            for frame in _frames(container):
                for made in resampler.resample(frame):
                    got_any = True
                    yield made.to_ndarray().reshape(-1).astype(np.int16, copy=False)
            for made in resampler.resample(None) if got_any else ():
                yield made.to_ndarray().reshape(-1).astype(np.int16, copy=False)
    except av.error.FFmpegError as error:  # some are an OSError, some a ValueError, some neither
        if not got_any:
            raise AudioDeviceError(f"cannot read {recording.name} as sound", hint=_HINT) from error
        return
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise AudioDeviceError(f"cannot read {recording.name}: {reason}", hint=_HINT) from error
    except ValueError as error:  # a path with a NUL in it
        raise AudioDeviceError(f"cannot read {recording.name}: {error}", hint=_HINT) from error
    if not got_any:
        raise AudioDeviceError(f"{recording.name} holds no sound", hint=_HINT)


def _frames(container: av.container.InputContainer) -> Iterator[av.AudioFrame]:
    """Decoded frames of the first sound; packets that cannot be decoded are passed over."""
    for packet in container.demux(container.streams.audio[0]):
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            continue
        for frame in frames:
            if isinstance(frame, av.AudioFrame):
                yield frame
