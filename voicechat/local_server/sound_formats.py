"""The three sound formats of the wire, bytes <-> float32 samples: 16-bit PCM at 24 kHz, G.711 u-law and A-law at 8 kHz.

G.711, the resampler and the conversions between int16 and float32 are those of the client (`voicechat.audio`).
"""

from __future__ import annotations

import base64
import binascii

import numpy as np
from numpy.typing import NDArray

from voicechat.audio.blocks import to_float, to_int16
from voicechat.audio.sound_format import Law, Resampler, g711_decode, g711_encode
from voicechat.local_server.refusals import invalid

Samples = NDArray[np.float32]

RATES = {"audio/pcm": 24_000, "audio/pcmu": 8_000, "audio/pcma": 8_000}
"""Samples per second of each format, by its GA name."""
_LAWS: dict[str, Law] = {"audio/pcmu": "pcmu", "audio/pcma": "pcma"}


def resampled(samples: Samples, source: int, target: int) -> Samples:
    """A whole sound at once, with what the filter holds back at its end."""
    stream = Resampler(source, target)
    return np.concatenate([stream.convert(samples), stream.finish()])


def decoded_sound(form: str, audio: str, path: str) -> Samples:
    """Base64 of the wire as float samples in [-1, 1] at `RATES[form]`. Raises Refusal for what is no such sound."""
    try:
        data = base64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError):
        raise invalid(path, "it is not valid base64.") from None
    if form in _LAWS:
        return to_float(g711_decode(_LAWS[form], data))
    if len(data) % 2:
        raise invalid(path, "16-bit PCM needs an even number of bytes.")
    return to_float(np.frombuffer(data, "<i2"))


def encoded_sound(form: str, samples: Samples) -> str:
    """Base64 of float samples in [-1, 1] that are already at `RATES[form]`."""
    pcm = to_int16(samples)
    data = g711_encode(_LAWS[form], pcm) if form in _LAWS else pcm.astype("<i2").tobytes()
    return base64.b64encode(data).decode()
