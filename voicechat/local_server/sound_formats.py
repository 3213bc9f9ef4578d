"""The three sound formats of the wire, bytes <-> float32 samples: 16-bit PCM at 24 kHz, G.711 u-law and A-law at 8 kHz.

G.711 and the resampler are those of the client (`audio.sound_format`).
"""

from __future__ import annotations

import base64
import binascii

import numpy as np
from numpy.typing import NDArray

from voicechat.audio import sound_format
from voicechat.audio.sound_format import Law, g711_decode, g711_encode
from voicechat.local_server.refusals import invalid

Samples = NDArray[np.float32]

RATES = {"audio/pcm": 24_000, "audio/pcmu": 8_000, "audio/pcma": 8_000}
"""Samples per second of each format, by its GA name."""
_LAWS: dict[str, Law] = {"audio/pcmu": "pcmu", "audio/pcma": "pcma"}
_FULL = 32768.0


class Resampler(sound_format.Resampler):
    """One stream from one rate to another; keeps its filter's memory between blocks."""

    def feed(self, block: Samples) -> Samples:
        """The output that this block completes (float32); its length varies by a sample or two."""
        return self.convert(np.asarray(block, np.float32))


def resampled(samples: Samples, source: int, target: int) -> Samples:
    """A whole sound at once, with what the filter holds back at its end."""
    stream = Resampler(source, target)
    return np.concatenate([stream.feed(samples), stream.finish()])


def decoded_sound(form: str, audio: str, path: str) -> Samples:
    """Base64 of the wire as float samples in [-1, 1] at `RATES[form]`. Raises Refusal for what is no such sound."""
    try:
        data = base64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError):
        raise invalid(path, "it is not valid base64.") from None
    if form in _LAWS:
        return g711_decode(_LAWS[form], data).astype(np.float32) / _FULL
    if len(data) % 2:
        raise invalid(path, "16-bit PCM needs an even number of bytes.")
    return np.frombuffer(data, "<i2").astype(np.float32) / _FULL


def write_sound(form: str, samples: Samples) -> bytes:
    """The bytes of float samples in [-1, 1] that are already at `RATES[form]`."""
    pcm = int16(samples)
    return g711_encode(_LAWS[form], pcm) if form in _LAWS else pcm.astype("<i2").tobytes()


def int16(samples: Samples) -> NDArray[np.int16]:
    """Float samples as 16-bit integers, clipped rather than wrapped."""
    levels: NDArray[np.int16] = np.clip(np.rint(samples * (_FULL - 1)), -_FULL, _FULL - 1).astype(np.int16)
    return levels
