"""From the recording of a self-test to figures: noise, way, echo, what is left of it, and whether a voice gets through.

Two figures are counted while the test runs (voices and cuts in the rest of the echo, through the real path). The others
are taken from the recording afterwards, where they can be taken twice: the canceller alone for the echo return loss,
and once more with a voice laid over the echo that was really there, which nobody has to speak for us.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from voicechat.audio.barge_in import BargeInFacts
from voicechat.audio.blocks import (
    BLOCK,
    BLOCK_SECONDS,
    SAMPLE_RATE,
    SILENT_DB,
    Block,
    Frame,
    energy_db,
    to_int16,
)
from voicechat.audio.canceller import FAR_AUDIBLE
from voicechat.audio.echo import Processing, VoiceProcessor, make_processor
from voicechat.audio.facts import AudioFact, BargeInHappened
from voicechat.audio.levels import CLIPPED_AT, NOISE_LOWEST_DB
from voicechat.audio.path import AudioPath
from voicechat.audio.self_test import CHIRPS, SelfTest, Stage, played_part
from voicechat.audio.self_test_signals import Echo, find_chirp, made_voice

Mask = npt.NDArray[np.bool_]

_AGREE = 0.04
"""Seconds by which chirps of one room may differ; a device server may shift by a buffer or two between them."""
_MARGIN = 0.1
"""Seconds before the planned time in which a chirp is looked for, too."""
_NEEDED = CHIRPS // 2
"""Chirps that must agree before we believe that the loudspeaker is heard: noise does not agree with itself."""
_STEADY_AFTER = 2.0
"""Seconds of voice after which the canceller should have learnt the room."""
_NEAR_LEVEL = 0.05
"""Root mean square of the voice that is laid over the echo: -26 dBFS, somebody who speaks normally."""
_NEAR_AT = 2.6
"""Seconds of the played voice before it speaks: the canceller is warm by then, with the pauses counted."""
_NEAR_SECONDS = 2.0
_NEAR_TALKERS = ((110.0, 7), (190.0, 11), (150.0, 1))
"""Pitch in Hz and seed."""
_NEIGHBOURS = 5
_FADED_DB = 6.0
"""dB above the noise under which the echo is gone."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run found. Levels are dBFS, times seconds; None: could not be measured."""

    noise_db: float
    """The room while nothing is played."""
    is_flat: bool
    """The microphone delivered nothing but bit-exact zeros."""
    recorded: float
    """Seconds that were really recorded; 0 when the device never ran."""
    chirps: int
    chirps_heard: int
    """Chirps that were found at a common delay; 0: the loudspeaker does not reach the microphone."""
    round_trip: float | None
    """From handing a block to the loudspeaker to its first arrival in the microphone, median."""
    round_trip_spread: float | None
    """Between the quickest and the slowest chirp, that after the voice included."""
    echo_gain_db: float | None
    """Echo against what was played, dB."""
    echo_level_db: float | None
    """Echo of the voice in the microphone."""
    loss_first_db: float | None
    """Echo return loss in the first second of far-end voice, dB."""
    loss_second_db: float | None
    """In the second after it."""
    loss_steady_db: float | None
    """From then on."""
    is_loss_limited: bool
    """Nothing but noise was left, so the loss is at least what it says."""
    rest_over_noise_db: float | None
    """Loudest rest of the echo (95 of 100 moments are below) over the noise that is always
    there, dB; from 9 dB on the voice detector is asked about it."""
    voices_in_silence: int
    voices_in_rest: int
    """Times the voice detector took the rest of the echo for a voice."""
    self_cuts: int
    """Times this would have cut the assistant off."""
    near_voices: int
    """Normal voices that were laid over the recorded echo."""
    near_heard: int
    """Those that would have cut in."""
    near_after: float | None
    """Seconds after which the middle one of them all would have; None: never."""
    near_over_echo_db: float | None
    """Level of that voice against the echo, dB."""
    echo_fades_after: float | None
    """From the last played sample until the echo is gone."""
    clipped: float
    """Share of the microphone's samples at full scale while sound was played, 0 to 1."""


def measure(test: SelfTest, processing: Processing) -> Figures:
    """Read a finished run that was made with this processing. Takes a tenth of the time that the run took."""
    silence, _ = played_part(test, test.plan.first("silence"))
    mic, far = played_part(test, _voice_and_fade(test))
    noise_db = energy_db(float(np.median(_energies(silence)))) if len(silence) >= BLOCK else SILENT_DB
    found = _chirps(test, noise_db)
    echoes = _agreeing(found)
    delay = float(np.median([echo.delay for echo in echoes])) if echoes else None
    alone = make_processor(replace(processing, gain=False))
    loss = _Loss(mic, far, alone, delay or 0.0, noise_db)
    near = _near_voices(mic, far, processing, test.barge_in)
    return Figures(
        noise_db=noise_db,
        is_flat=bool(len(test.path.mic)) and not np.any(test.path.mic),
        recorded=test.path.blocks * BLOCK_SECONDS,
        chirps=CHIRPS,
        chirps_heard=len(echoes),
        round_trip=delay,
        round_trip_spread=_spread(found) if echoes else None,
        echo_gain_db=float(np.median([echo.gain_db for echo in echoes])) if echoes else None,
        echo_level_db=loss.echo_db if echoes else None,
        loss_first_db=loss.between(0.0, 1.0) if echoes else None,
        loss_second_db=loss.between(1.0, 2.0) if echoes else None,
        loss_steady_db=loss.between(_STEADY_AFTER, 1e9) if echoes else None,
        is_loss_limited=loss.is_limited,
        rest_over_noise_db=loss.rest_over_noise_db if echoes else None,
        voices_in_silence=test.noted.voices_in_silence,
        voices_in_rest=test.noted.voices,
        self_cuts=len(test.noted.cuts),
        near_voices=len(near),
        near_heard=sum(after is not None for after in near),
        near_after=_middle(near),
        near_over_echo_db=energy_db(_NEAR_LEVEL**2) - loss.echo_db if echoes else None,
        echo_fades_after=_fading(mic, far, noise_db) if echoes else None,
        clipped=float(np.mean(np.abs(mic) >= CLIPPED_AT)) if len(mic) else 0.0,
    )


def _voice_and_fade(test: SelfTest) -> Stage:
    return Stage("voice", test.plan.first("voice").start, test.plan.first("fade").end - _MARGIN)


def _energies(sound: Block) -> Block:
    """Mean square of each 10 ms, float32[n]."""
    whole = len(sound) // BLOCK
    energies: Block = np.mean(np.square(sound[: whole * BLOCK].reshape(whole, BLOCK)), axis=1, dtype=np.float32)
    return energies


def _chirps(test: SelfTest, noise_db: float) -> list[Echo]:
    """Every chirp that came back, wherever."""
    stages = [stage for stage in test.plan.stages if stage.name == "chirp"]
    found = [_chirp(*played_part(test, Stage("chirp", stage.start - _MARGIN, stage.end)), noise_db) for stage in stages]
    return [echo for echo in found if echo is not None]


def _chirp(mic: Block, far: Block, noise_db: float) -> Echo | None:
    """The chirp's way is taken from where it really was played: each cut of the voice before it takes 10 ms away."""
    played, heard = find_chirp(far, SILENT_DB), find_chirp(mic, noise_db)
    if played is None or heard is None or heard.delay < played.delay:
        return None
    return replace(heard, delay=heard.delay - played.delay)


def _agreeing(found: list[Echo]) -> list[Echo]:
    """The chirps that agree about their delay; none, where too few do."""
    if not found:
        return []
    middle = float(np.median([echo.delay for echo in found]))
    agreeing = [echo for echo in found if abs(echo.delay - middle) <= _AGREE]
    return agreeing if len(agreeing) >= _NEEDED else []


def _spread(echoes: list[Echo]) -> float | None:
    delays = [echo.delay for echo in echoes]
    return max(delays) - min(delays) if delays else None


class _Loss:
    """What the canceller takes out of the recording, second by second of far-end sound."""

    def __init__(self, mic: Block, far: Block, canceller: VoiceProcessor, delay: float, noise_db: float) -> None:
        self._noise = 10.0 ** (noise_db / 10.0)
        before, after = _energies(mic), _energies(_cleaned(canceller, mic, far))
        active = _shifted(_energies(far) > FAR_AUDIBLE, round(delay / BLOCK_SECONDS))
        self._before, self._after, self._active = before, after, active
        quiet = ~_widened(active)
        self._rest_noise = float(np.median(after[quiet])) if np.count_nonzero(quiet) >= 10 else self._noise

    @property
    def echo_db(self) -> float:
        """Level of the echo in the microphone while it is there, dBFS."""
        return energy_db(self._echo(self._active))

    @property
    def rest_over_noise_db(self) -> float | None:
        """See `Figures.rest_over_noise_db`."""
        steady = self._part(_STEADY_AFTER, 1e9)
        if not np.any(steady):
            return None
        floor = max(energy_db(self._rest_noise), NOISE_LOWEST_DB)
        return energy_db(float(np.percentile(self._after[steady], 95))) - floor

    @property
    def is_limited(self) -> bool:
        """Whether what is left is no louder than the noise that is always there."""
        steady = self._part(_STEADY_AFTER, 1e9)
        return bool(np.any(steady)) and float(np.mean(self._after[steady])) <= 2.0 * self._rest_noise

    def between(self, start: float, end: float) -> float | None:
        """Echo return loss over these seconds of far-end sound, dB; never below 0."""
        part = self._part(start, end)
        if np.count_nonzero(part) < 10:
            return None
        return max(0.0, energy_db(self._echo(part)) - energy_db(float(np.mean(self._after[part]))))

    def _part(self, start: float, end: float) -> Mask:
        counted = np.cumsum(self._active) * BLOCK_SECONDS
        part: Mask = self._active & (counted > start) & (counted <= end)
        return part

    def _echo(self, part: Mask) -> float:
        return max(float(np.mean(self._before[part])) - self._noise, 0.0) if np.any(part) else 0.0


def _shifted(active: Mask, blocks: int) -> Mask:
    """The same, later: where the echo is rather than what causes it."""
    return np.concatenate([np.zeros(min(blocks, len(active)), dtype=np.bool_), active])[: len(active)]


def _widened(active: Mask, blocks: int = 30) -> Mask:
    """Also true for 0.3 s after each true: the reverberation."""
    if not len(active):
        return active
    return np.convolve(active, np.ones(blocks + 1))[: len(active)] > 0.5


def _cleaned(processor: VoiceProcessor, mic: Block, far: Block) -> Block:
    whole = min(len(mic), len(far)) // BLOCK
    cleaned = [processor.process(_block(mic, number), _block(far, number)) for number in range(whole)]
    return np.concatenate(cleaned) if cleaned else np.zeros(0, dtype=np.float32)


def _near_voices(mic: Block, far: Block, processing: Processing, barge_in: BargeInFacts) -> list[float | None]:
    """When each of three talkers would have cut in. Where the echo alone does that too, nobody can be told from it."""
    alone = np.zeros(round(_NEAR_SECONDS * SAMPLE_RATE), dtype=np.float32)
    if _near_voice(alone, mic, far, processing, barge_in) is not None:
        return [None] * len(_NEAR_TALKERS)
    return [_near_voice(_near(pitch, seed), mic, far, processing, barge_in) for pitch, seed in _NEAR_TALKERS]


def _near(pitch: float, seed: int) -> Block:
    voice = made_voice(_NEAR_SECONDS, pitch=pitch, seed=seed)
    scaled: Block = voice * np.float32(_NEAR_LEVEL / np.sqrt(np.mean(np.square(voice))))
    return scaled


def _near_voice(voice: Block, mic: Block, far: Block, processing: Processing, barge_in: BargeInFacts) -> float | None:
    """Seconds until a voice that is laid over the recorded echo cuts in (R7); None: it never does.

    The loudspeaker is not turned down for it as it would be in a talk (the recorded echo would not follow), so the
    answer is on the safe side.
    """
    begins = round(_NEAR_AT / BLOCK_SECONDS)
    facts: list[AudioFact] = []
    path = AudioPath(facts.append, processor=make_processor(processing))
    path.set_source(_Replay(far))
    path.set_barge_in(replace(barge_in, duck_after=math.inf))
    out = np.zeros(BLOCK, dtype=np.float32)
    for number in range(min(len(mic) // BLOCK, begins + len(voice) // BLOCK)):
        heard, said = _block(mic, number), _block(voice, number - begins) if number >= begins else None
        path.process(heard if said is None else heard + said, out, number * BLOCK_SECONDS)
        if said is None:
            facts.clear()
            path.begin_playback(number + 1)
        elif any(isinstance(fact, BargeInHappened) for fact in facts):
            return (number - begins + 1) * BLOCK_SECONDS
    return None


def _block(sound: Block, number: int) -> Block:
    return sound[number * BLOCK : (number + 1) * BLOCK]


class _Replay:
    """What was played, once more."""

    def __init__(self, far: Block) -> None:
        self._far = far
        self._at = 0

    def pull(self, now: float, samples: int = BLOCK) -> Frame:
        """See `PlaybackSource.pull`."""
        piece = to_int16(self._far[self._at : self._at + samples])
        self._at += samples
        return piece if len(piece) == samples else np.zeros(samples, dtype=np.int16)

    newest = 0

    def flush(self, through: int | None = None) -> None:
        """Nothing is queued."""


def _middle(seconds: list[float | None]) -> float | None:
    """The median, where never is later than everything."""
    ordered = sorted(seconds, key=lambda after: math.inf if after is None else after)
    return ordered[len(ordered) // 2]


def _fading(mic: Block, far: Block, noise_db: float) -> float | None:
    """Seconds from the last played block to the last that is loud together with its neighbours: a click is no echo."""
    played = np.flatnonzero(_energies(far) > FAR_AUDIBLE)
    if not len(played):
        return None
    loud = _energies(mic)[int(played[-1]) + 1 :] > 10.0 ** ((noise_db + _FADED_DB) / 10.0)
    if len(loud) < _NEIGHBOURS:
        return None
    lasting = np.flatnonzero(np.convolve(loud, np.ones(_NEIGHBOURS), "same") > _NEIGHBOURS / 2)
    return (int(lasting[-1]) + 1) * BLOCK_SECONDS if len(lasting) else 0.0
