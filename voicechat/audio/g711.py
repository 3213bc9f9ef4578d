"""G.711, u-law and A-law: 8 bits a sample, 8 kHz, the sound of telephones (ITU-T G.711, tables 1a to 2b).

Two tables each way: a code means one 16-bit level, and a sample gets the code whose level is nearest. Python dropped
`audioop`, which had these, with 3.13.
"""

from __future__ import annotations

import functools
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Law = Literal["pcmu", "pcma"]
RATE = 8_000
"""Samples, and bytes, a second."""


def encode(law: Law, pcm: NDArray[np.int16]) -> bytes:
    """int16[n] to n bytes."""
    return _codes(law)[pcm.view(np.uint16)].tobytes()


def decode(law: Law, data: bytes) -> NDArray[np.int16]:
    """n bytes to int16[n]; every byte is a level, so nothing can be wrong with them."""
    return levels(law)[np.frombuffer(data, np.uint8)]


@functools.cache
def levels(law: Law) -> NDArray[np.int16]:
    """The level of each of the 256 codes."""
    code = np.arange(256)
    if law == "pcmu":
        code = ~code & 0xFF
        mantissa, segment, is_negative = code & 0x0F, (code & 0x70) >> 4, (code & 0x80) != 0
        size = (((mantissa << 3) + 0x84) << segment) - 0x84
    else:
        code = code ^ 0x55
        mantissa, segment, is_negative = code & 0x0F, (code & 0x70) >> 4, (code & 0x80) == 0
        size = np.where(segment > 0, (mantissa << 4) + 0x108 << np.maximum(segment - 1, 0), (mantissa << 4) + 8)
    return np.where(is_negative, -size, size).astype(np.int16)


@functools.cache
def _codes(law: Law) -> NDArray[np.uint8]:
    """The code of each of the 65,536 samples, by the sample's bits."""
    by_level = np.argsort(levels(law), kind="stable")
    ordered = levels(law)[by_level].astype(np.float64)
    borders = (ordered[1:] + ordered[:-1]) / 2
    samples = np.arange(65_536, dtype=np.uint16).view(np.int16)
    return by_level[np.searchsorted(borders, samples)].astype(np.uint8)
