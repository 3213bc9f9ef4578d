"""Opus by way of the libopus that PyAV's wheel already carries.

FFmpeg's decoder, which PyAV exposes, passes on neither libopus' packet-loss concealment (PLC) nor its in-band forward
error correction (FEC). With speech at 28 kbit/s a frame repaired by FEC is about 13 dB nearer to the original, one
invented by PLC only 2 dB, so we call the library itself. Everything here is mono, 48 kHz, int16.

A packet that cannot be decoded is a value (an empty array), never an exception: it came from the network.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
from collections.abc import Iterator
from ctypes import util
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voicechat.errors import AudioDeviceError

SAMPLE_RATE = 48_000
"""Samples per second on every boundary of ours; Opus is 48 kHz on the wire whatever it carries (RFC 7587)."""
FRAME_SAMPLES = 960
"""20 ms: one packet, one playout frame."""

Pcm = NDArray[np.int16]

_LONGEST_PACKET = 5760
"""120 ms, the most one Opus packet can hold (RFC 6716 3.2.5)."""
_SETTLED = 25
"""Frames of silence, half a second, after which the encoder's packets no longer change (it took nine), and packets
that say the same after which a decoder of silence no longer changes either."""
_INAUDIBLE = 1
"""int16: what a decoder makes of digital silence."""
_LARGEST_PAYLOAD = 1275 * 3 + 7
_SILENCE = bytes(2 * FRAME_SAMPLES)
_FIRST_WITHOUT_FEC = 16
_APPLICATION_VOIP = 2048
_OK = 0
_SET_BITRATE = 4002
_SET_VBR_CONSTRAINT = 4020
_SET_COMPLEXITY = 4010
_SET_INBAND_FEC = 4012
_SET_PACKET_LOSS = 4014
_SET_SIGNAL = 4024
_SIGNAL_VOICE = 3001
_RESET_STATE = 4028


def _candidates() -> Iterator[str]:
    """Where wheels put the library (Linux, macOS, Windows), then whatever the system offers."""
    spec = importlib.util.find_spec("av")
    if spec is not None and spec.origin is not None:
        package = Path(spec.origin).parent
        for folder, pattern in (
            (package.parent / "av.libs", "libopus*.so*"),
            (package / ".dylibs", "libopus*.dylib"),
            (package.parent / "av.libs", "*opus*.dll"),
        ):
            yield from (str(path) for path in sorted(folder.glob(pattern)))
    if found := util.find_library("opus"):
        yield found


class _Library:
    """The handful of functions we call, typed once.

    Decoding keeps the interpreter lock: it runs in the audio callback, and its 25 microseconds are shorter than the
    wait to get the lock back from a busy event loop. Encoding (220 microseconds) releases it: it runs on the loop, and
    the callback must not wait for it.
    """

    def __init__(self, name: str) -> None:
        free, held = ctypes.CDLL(name), ctypes.PyDLL(name)
        state, size, text = ctypes.c_void_p, ctypes.c_int32, ctypes.c_char_p
        self.encoder_create = free.opus_encoder_create
        self.encoder_create.argtypes = [size, ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.c_int)]
        self.encoder_create.restype = state
        self.encoder_destroy = free.opus_encoder_destroy
        self.encoder_destroy.argtypes, self.encoder_destroy.restype = [state], None
        # Variadic: only the fixed part is declared, which is what arm64 needs to pass the rest correctly.
        self.encoder_ctl = free.opus_encoder_ctl
        self.encoder_ctl.argtypes = [state, ctypes.c_int]
        self.encode = free.opus_encode
        self.encode.argtypes = [state, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, size]
        self.encode.restype = size
        self.decoder_create = free.opus_decoder_create
        self.decoder_create.argtypes = [size, ctypes.c_int, ctypes.POINTER(ctypes.c_int)]
        self.decoder_create.restype = state
        self.decoder_destroy = free.opus_decoder_destroy
        self.decoder_destroy.argtypes, self.decoder_destroy.restype = [state], None
        self.decoder_size = free.opus_decoder_get_size
        self.decoder_size.argtypes = [ctypes.c_int]
        self.decoder_ctl = held.opus_decoder_ctl
        self.decoder_ctl.argtypes = [state, ctypes.c_int]
        self.decode = held.opus_decode
        self.decode.argtypes = [state, text, size, ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
        self.packet_samples = held.opus_packet_get_nb_samples
        self.packet_samples.argtypes = [text, size, size]
        # libopus 1.5 and later; an older one is trusted to find nothing rather than to fail.
        self.packet_has_fec = getattr(held, "opus_packet_has_lbrr", None)
        if self.packet_has_fec is not None:
            self.packet_has_fec.argtypes = [text, size]


@functools.cache
def _load() -> tuple[_Library | None, str]:
    """The library, or the reason why there is none. Looked for once a process."""
    tried: list[str] = []
    for name in _candidates():
        try:
            return _Library(name), ""
        except (OSError, AttributeError) as error:
            tried.append(f"{Path(name).name}: {error}")
    return None, "; ".join(tried) or "no libopus beside PyAV or on the system"


def opus_is_available() -> str:
    """Why libopus cannot be used here, or an empty string when it can."""
    return _load()[1]


def _library() -> _Library:
    library, reason = _load()
    if library is None:
        raise AudioDeviceError(
            f"libopus could not be loaded ({reason})",
            hint="reinstall PyAV from its wheel: pip install --force-reinstall av",
        )
    return library


def packet_samples(payload: bytes) -> int:
    """How many samples (48 kHz) a payload stands for; 0 for something that is not an Opus packet."""
    if not payload or len(payload) > _LARGEST_PAYLOAD:
        return 0
    library, _ = _load()
    if library is None:
        return FRAME_SAMPLES
    return max(0, int(library.packet_samples(payload, len(payload), SAMPLE_RATE)))


def carries_fec(payload: bytes) -> bool:
    """Whether a packet repeats the frame before it at a lower quality; libopus leaves that out where nobody speaks.

    A library too old to tell counts as yes for every mode that could (RFC 6716 3.1: configurations 0 to 15).
    """
    if not payload or payload[0] >> 3 >= _FIRST_WITHOUT_FEC or packet_samples(payload) == 0:
        return False
    library, _ = _load()
    if library is None or library.packet_has_fec is None:
        return len(payload) > 2
    return int(library.packet_has_fec(payload, len(payload))) > 0


class OpusEncoder:
    """Speech to packets of 20 ms. Raises AudioDeviceError when there is no libopus.

    28 kbit/s mono is where libopus carries FEC for wide-band speech; DTX stays off, because a closed microphone must
    keep the line alive with silence (R30). That silence is made once: after a while of it one packet sounds like the
    next, and none of them is worth the 140 microseconds of making it.
    """

    def __init__(self, bitrate: int = 28_000, fec: bool = True, packet_loss: int = 10) -> None:
        self._library = _library()
        error = ctypes.c_int()
        self._state = self._library.encoder_create(SAMPLE_RATE, 1, _APPLICATION_VOIP, ctypes.byref(error))
        if not self._state or error.value != _OK:
            raise AudioDeviceError(f"libopus refused to make an encoder (error {error.value})")
        self._out = ctypes.create_string_buffer(_LARGEST_PAYLOAD)
        self._silent_frames = 0
        self._silence = b""
        for request, value in (
            (_SET_BITRATE, bitrate),
            (_SET_VBR_CONSTRAINT, 1),
            (_SET_COMPLEXITY, 9),
            (_SET_SIGNAL, _SIGNAL_VOICE),
            (_SET_INBAND_FEC, int(fec)),
        ):
            self._library.encoder_ctl(self._state, request, ctypes.c_int32(value))
        self.set_expected_loss(packet_loss)

    def set_bitrate(self, bits_per_second: int) -> None:
        """Rate from the next packet on, 6,000 to 64,000; what is outside is limited."""
        value = ctypes.c_int32(min(64_000, max(6_000, bits_per_second)))
        self._silent_frames = 0
        self._library.encoder_ctl(self._state, _SET_BITRATE, value)

    def set_expected_loss(self, percent: int) -> None:
        """Tell the encoder what share of packets is lost: it decides how much of the rate goes into FEC."""
        self._silent_frames = 0
        self._library.encoder_ctl(self._state, _SET_PACKET_LOSS, ctypes.c_int32(min(100, max(0, percent))))

    def encode(self, pcm: Pcm) -> bytes:
        """One packet of 960 samples. A frame of another length is cut or filled with silence."""
        frame = np.ascontiguousarray(pcm, dtype=np.int16)
        if frame.shape != (FRAME_SAMPLES,):
            whole = np.zeros(FRAME_SAMPLES, np.int16)
            part = frame.reshape(-1)[:FRAME_SAMPLES]
            whole[: part.size] = part
            frame = whole
        if frame.tobytes() != _SILENCE:  # frame.any() costs ten times that
            self._silent_frames = 0
            return self._packet(frame)
        self._silent_frames += 1
        if self._silent_frames <= _SETTLED:
            self._silence = self._packet(frame)
        return self._silence

    def _packet(self, frame: Pcm) -> bytes:
        length = self._library.encode(self._state, frame.ctypes.data, FRAME_SAMPLES, self._out, _LARGEST_PAYLOAD)
        return ctypes.string_at(self._out, length) if length > 0 else b""

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.encoder_destroy(self._state)


class OpusDecoder:
    """Packets to speech, with what it takes to live with lost ones. For one thread at a time.

    Raises AudioDeviceError when there is no libopus. Stereo packets come out mixed to mono. A server that has nothing
    to say sends one packet over and over; it is decoded until it is known to be silence.

    What is lost is invented by a copy of the decoder, so that an invention leaves no trace in what follows. libopus
    itself lets the next packet begin as softly as the invention ended, and what it holds back there are the onsets of
    words: with one packet in five lost, half a point of word errors (+- 0.2, 114 talks of 123 words). The seam is the
    caller's to join.
    """

    def __init__(self) -> None:
        self._library = _library()
        self._state = self._made()
        self._inventor = self._made()
        self._size = int(self._library.decoder_size(1))
        self._invents = False
        """Whether the inventor has gone on from where the last packet left the decoder."""
        self._pcm: Pcm = np.zeros(_LONGEST_PACKET, np.int16)
        self._address = self._pcm.ctypes.data
        self._asked = (b"", False)
        """The packet that was last looked at for FEC, and what was found."""
        self._before = b""
        self._repeats = 0
        self._silence: Pcm | None = None
        """What the packet that came over and over stands for; None while that is no silence."""

    def decode(self, payload: bytes) -> Pcm:
        """The samples of one packet, 120 to 5760 of them; empty when it is not Opus."""
        if not payload or len(payload) > _LARGEST_PAYLOAD:
            return np.zeros(0, np.int16)
        self._invents = False
        if payload != self._before:
            self._before, self._repeats, self._silence = payload, 0, None
        elif self._silence is not None:
            return self._silence.copy()
        self._repeats += 1
        pcm = self._run(self._state, payload, _LONGEST_PACKET, fec=0)
        if self._repeats == _SETTLED and pcm.size and max(int(pcm.max()), -int(pcm.min())) <= _INAUDIBLE:
            self._silence = np.zeros(pcm.size, np.int16)
        return pcm

    def decode_fec(self, next_payload: bytes, samples: int = FRAME_SAMPLES) -> Pcm:
        """The lost frame before `next_payload`, from the redundancy that packet carries; empty when it has none."""
        if not carries_fec(next_payload):
            return np.zeros(0, np.int16)
        self._invents = False
        return self._run(self._state, next_payload, _whole_steps(samples), fec=1)

    def carries_fec(self, payload: bytes) -> bool:
        """Whether `decode_fec` would find something. Of a packet that comes over and over it is asked once."""
        if payload != self._asked[0]:
            self._asked = (payload, carries_fec(payload))
        return self._asked[1]

    def conceal(self, samples: int = FRAME_SAMPLES) -> Pcm:
        """Plausible continuation of what was heard or invented last, in whole steps of 2.5 ms; fades by itself."""
        if not self._invents:
            # A decoder is one piece of memory without pointers into itself, made to be copied (opus.h).
            ctypes.memmove(self._inventor, self._state, self._size)
            self._invents = True
        pcm = self._run(self._inventor, None, _whole_steps(samples), fec=0)
        return pcm if pcm.size else np.zeros(samples, np.int16)

    def reset(self) -> None:
        """Forget the stream, for a new sender."""
        self._before, self._silence, self._invents = b"", None, False
        self._library.decoder_ctl(self._state, _RESET_STATE)

    def _made(self) -> int:
        error = ctypes.c_int()
        state = self._library.decoder_create(SAMPLE_RATE, 1, ctypes.byref(error))
        if not state or error.value != _OK:
            raise AudioDeviceError(f"libopus refused to make a decoder (error {error.value})")
        return int(state)

    def _run(self, state: int, payload: bytes | None, samples: int, *, fec: int) -> Pcm:
        size = len(payload) if payload else 0
        count = self._library.decode(state, payload, size, self._address, samples, fec)
        return self._pcm[: max(0, count)].copy()

    def __del__(self) -> None:
        for name in ("_state", "_inventor"):
            if state := getattr(self, name, None):
                self._library.decoder_destroy(state)


def _whole_steps(samples: int) -> int:
    """libopus conceals in steps of 2.5 ms and at most 120 ms."""
    return min(_LONGEST_PACKET, max(120, samples // 120 * 120))
