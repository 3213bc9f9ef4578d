"""Senders that are not ours: other frame sizes, stereo, pauses left out (DTX), several frames a packet."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from voicechat.audio import opus
from voicechat.audio.opus import OpusEncoder

Pcm = NDArray[np.int16]
_AUDIO, _VOIP = 2049, 2048
_SET_DTX = 4016


class ForeignEncoder(OpusEncoder):
    """`samples` per packet at 48 kHz (120 to 2880); stereo takes the mono sound on both sides."""

    def __init__(self, samples: int, *, stereo: bool = False, dtx: bool = False) -> None:
        super().__init__()
        self._library.encoder_destroy(self._state)
        error = ctypes.c_int()
        kind = _AUDIO if stereo else _VOIP
        self._state = self._library.encoder_create(48_000, 2 if stereo else 1, kind, ctypes.byref(error))
        assert error.value == 0
        self._library.encoder_ctl(self._state, _SET_DTX, ctypes.c_int32(int(dtx)))
        self._samples, self._stereo = samples, stereo

    def encode(self, pcm: Pcm) -> bytes:
        assert pcm.shape == (self._samples,)
        sound = np.ascontiguousarray(np.repeat(pcm, 2) if self._stereo else pcm)
        length = self._library.encode(self._state, sound.ctypes.data, self._samples, self._out, 4_000)
        assert length > 0
        return ctypes.string_at(self._out, length)

    def packets(self, pcm: Pcm) -> Iterator[bytes]:
        """Every packet of this sound."""
        for at in range(0, pcm.size - self._samples + 1, self._samples):
            yield self.encode(pcm[at : at + self._samples])


def two_in_one(first: bytes, second: bytes) -> bytes:
    """Two packets of one configuration as one packet of two frames (RFC 6716 3.2.4)."""
    assert first[0] == second[0] and len(first) < 252
    return bytes([first[0] | 2, len(first) - 1]) + first[1:] + second[1:]


def is_dtx(payload: bytes) -> bool:
    """Whether a sender with DTX would leave this packet out."""
    return len(payload) <= 2


assert opus.opus_is_available() == "", "these senders need libopus"
