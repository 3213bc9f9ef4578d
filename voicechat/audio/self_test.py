"""Does talking over the assistant work in this room, with these devices? Plays, records, measures.

One run goes through the real sound path: silence (the room's noise), chirps (the way from loudspeaker to microphone;
the last one comes at the end and tells whether the way is still the same), and a voice with barge-in allowed, after a
reset, so that canceller and voice detector are as cold as at the start of a talk. The path keeps the pairs (heard,
played) for the figures that are taken afterwards. Only devices make this take time: the same run in a made-up room
takes as long as its arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from voicechat.audio.barge_in import BargeInFacts
from voicechat.audio.blocks import (
    BLOCK,
    BLOCK_SECONDS,
    FRAME,
    SAMPLE_RATE,
    SILENT_DB,
    Block,
    Frame,
    energy_db,
    to_int16,
)
from voicechat.audio.echo import VoiceProcessor
from voicechat.audio.path import AudioPath, Post
from voicechat.core.events import AudioEvent, BargeInHappened, DeviceLost, VoiceBegan

Wide = npt.NDArray[np.float64]

CHIRP_SECONDS = 0.12
_CHIRP_BAND = (500.0, 5_500.0)
"""Hz: above what small loudspeakers lose, below what a telephone headset cuts off hard."""
_CHIRP_PEAK = 0.25
_CHIRP_EDGE = 0.015
"""Seconds in which a chirp comes and goes, so that it does not click."""
_STANDS_OUT = 7.0
"""Peak of the matched filter against its median: noise alone reaches 4 in 0.8 s."""
_FIRST_SHARE = 0.5
"""Share of the strongest arrival that an earlier one must have to be the first: the direct way may be the weaker."""
_FIRST_WITHIN = 0.03
"""Seconds before the strongest arrival in which the first one is looked for."""
_REVERBERATION = 0.1
"""Seconds after the chirp that still count as its echo when the level is taken."""


@dataclass(frozen=True, slots=True)
class Echo:
    """One chirp, found again.

    What the self-test plays, and how it finds that again in the microphone. Pure: arrays in, numbers out.

    The chirp is a short sweep in the band that every loudspeaker and telephone headset passes. Its matched filter
    gathers the whole sweep into one moment, 26 dB above what noise of the same level leaves there, so a loudspeaker
    is found that nobody would hear. The voice is made of numbers (pulses of a larynx through moving formants, hisses,
    pauses), because a canceller's rest must be judged with what a voice detector would take for a voice, and it needs
    no package.
    """

    delay: float
    """Seconds from the block that was handed to the loudspeaker to its first arrival in the microphone."""
    gain_db: float
    """Energy of the echo against what was played, dB; -20 is an ordinary laptop."""
    level_db: float
    """Level of the echo in the microphone, dBFS."""


def chirp() -> Block:
    """float32[5760]: 0.12 s from 500 to 5500 Hz, peak 0.25, soft at both ends."""
    times = np.arange(round(CHIRP_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    low, high = _CHIRP_BAND
    sweep = np.sin(2 * np.pi * (low * times + (high - low) / (2 * CHIRP_SECONDS) * times**2))
    edge = np.clip(np.minimum(times, times[::-1]) / _CHIRP_EDGE, 0.0, 1.0)
    faded: Block = (_CHIRP_PEAK * sweep * np.sin(edge * np.pi / 2) ** 2).astype(np.float32)
    return faded


def find_chirp(heard: Block, noise_db: float) -> Echo | None:
    """The chirp in what was heard since it was played; None where nothing stands out. `noise_db`: the room's, dBFS."""
    played = chirp()
    envelope = _matched(heard, played)
    if not len(envelope) or not np.any(envelope):
        return None
    strongest = int(np.argmax(envelope))
    if envelope[strongest] < _STANDS_OUT * float(np.median(envelope)):
        return None
    begin = max(0, strongest - round(_FIRST_WITHIN * SAMPLE_RATE))
    early = envelope[begin : strongest + 1] >= _FIRST_SHARE * envelope[strongest]
    first = begin + int(np.argmax(early))
    end = first + len(played) + round(_REVERBERATION * SAMPLE_RATE)
    part = heard[first:end].astype(np.float64)
    energy = float(np.sum(part**2)) - len(part) * 10.0 ** (noise_db / 10.0)
    if energy <= 0.0:
        energy = float(envelope[strongest]) ** 2 * float(np.sum(played.astype(np.float64) ** 2))
    gain_db = max(SILENT_DB, 10.0 * float(np.log10(energy / float(np.sum(played.astype(np.float64) ** 2)) + 1e-12)))
    return Echo(first / SAMPLE_RATE, gain_db, energy_db(energy / len(played)))


def _matched(heard: Block, played: Block) -> Wide:
    """Envelope of the matched filter for every whole placement of `played` in `heard`; 1.0 is an echo without loss."""
    places = len(heard) - len(played) + 1
    if places <= 0:
        return np.zeros(0)
    size = 1 << (len(heard) + len(played) - 1).bit_length()
    spectrum = np.fft.fft(heard, size) * np.conj(np.fft.fft(played, size))
    spectrum[size // 2 + 1 :] = 0.0
    spectrum[1 : size // 2] *= 2.0
    energy = float(np.sum(played.astype(np.float64) ** 2))
    envelope: Wide = np.abs(np.fft.ifft(spectrum))[:places] / energy
    return envelope


_VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
"""First three formants of a, i, u, e, o in Hz."""
_SYLLABLE = 0.18
_WORDS_A_PHRASE = (2, 5)
_BETWEEN_SYLLABLES = (0.12, 0.3)
_VOICE_LEVEL = 0.1
"""Root mean square of the voice: -20 dBFS, as loud as an assistant usually is."""


def made_voice(seconds: float, *, pitch: float = 120.0, seed: int = 1) -> Block:
    """A voice made of numbers, float32 at 48 kHz, about -20 dBFS: syllables, hisses, pauses between phrases."""
    rng = np.random.default_rng(seed)
    length = round(seconds * SAMPLE_RATE)
    voice = np.zeros(length + SAMPLE_RATE)
    position = 0
    while position < length:
        for _ in range(int(rng.integers(*_WORDS_A_PHRASE)) * 2):
            if position >= length:
                break
            sound = _syllable(pitch * rng.uniform(0.9, 1.2), rng)
            voice[position : position + len(sound)] += sound[: len(voice) - position]
            position += round(0.95 * len(sound))
        position += round(rng.uniform(*_BETWEEN_SYLLABLES) * SAMPLE_RATE)
    return at_voice_level(voice[:length])


def at_voice_level(sound: npt.ArrayLike) -> Block:
    """Any sound of a voice, scaled to the level of an assistant; peaks stay below full scale."""
    wide = np.asarray(sound, dtype=np.float64)
    loud = wide[np.abs(wide) > 1e-4]
    level = float(np.sqrt(np.mean(loud**2))) if len(loud) else 1.0
    scaled: Block = np.clip(wide * (_VOICE_LEVEL / level), -0.95, 0.95).astype(np.float32)
    return scaled


def _syllable(pitch: float, rng: np.random.Generator) -> Wide:
    """A hiss, then a vowel whose pitch falls and whose formants glide to those of the next."""
    size = round(_SYLLABLE * rng.uniform(0.8, 1.5) * SAMPLE_RATE)
    times = np.arange(size) / SAMPLE_RATE
    glide = np.linspace(0.0, 1.0, size)
    first, last = (_VOWELS[int(rng.integers(len(_VOWELS)))] for _ in range(2))
    phase = 2 * np.pi * np.cumsum(pitch * (1.1 - 0.25 * glide)) / SAMPLE_RATE
    sound = np.zeros(size)
    for harmonic in range(1, int(4_500 / pitch)):
        gain = np.zeros(size)
        for start, end in zip(first, last, strict=True):
            formant = start + (end - start) * glide
            gain += 1.0 / (1.0 + ((harmonic * pitch - formant) / (60.0 + formant * 0.05)) ** 2)
        sound += gain / harmonic**0.5 * np.sin(harmonic * phase)
    peak = float(np.max(np.abs(sound))) or 1.0
    vowel = (sound / peak + rng.standard_normal(size) * 0.02) * np.clip(np.minimum(times, times[::-1]) / 0.04, 0, 1)
    return np.concatenate([_hiss(rng), vowel]) if rng.random() < 0.5 else vowel


def _hiss(rng: np.random.Generator) -> Wide:
    """A consonant: 60 ms of noise without its low half, with soft ends."""
    size = round(0.06 * SAMPLE_RATE)
    noise = np.diff(rng.standard_normal(size + 1)) * 0.05
    shaped: Wide = noise * np.hanning(size)
    return shaped


StageName = Literal["settle", "silence", "chirp", "pause", "voice", "fade"]

SHORTEST, USUAL, LONGEST = 10.0, 12.0, 120.0
"""Seconds that a test may take; what is not needed for the fixed parts goes to the voice."""
CHIRPS = 4
CHIRP_APART = 0.85
"""Seconds between chirps: an echo may come 0.7 s late and is still told from the next one."""
_SETTLE, _SILENCE, _PAUSE, _FADE = 0.5, 1.2, 1.1, 1.0
"""Seconds. The pause is longer than the gap after which the path counts the next sound as a new answer."""
_SPARE = 4.0
"""Seconds that are recorded beyond the plan: devices start late."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the run; times are seconds from its first sample."""

    name: StageName
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What is played when."""

    sound: Frame
    """int16 at 48 kHz, a whole number of 20 ms frames."""
    stages: tuple[Stage, ...]
    voice_source: str
    """Whose voice is played: for people."""

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.sound) / SAMPLE_RATE

    def stage(self, at: float) -> Stage:
        """The stage at a time; the last one for later times."""
        return next((stage for stage in self.stages if at < stage.end), self.stages[-1])

    def first(self, name: StageName) -> Stage:
        """The first stage of this name."""
        return next(stage for stage in self.stages if stage.name == name)


def make_plan(voice: Block | None = None, voice_source: str = "", *, seconds: float = USUAL) -> Plan:
    """The script of a test. `voice` is float32 at 48 kHz and repeated as needed; None: one made of numbers."""
    fixed = _SETTLE + _SILENCE + CHIRPS * CHIRP_APART + _PAUSE + _FADE
    talking = max(SHORTEST - fixed, min(seconds, LONGEST) - fixed)
    lengths: list[tuple[StageName, float]] = [("settle", _SETTLE), ("silence", _SILENCE)]
    lengths += [("chirp", CHIRP_APART)] * (CHIRPS - 1)
    lengths += [("pause", _PAUSE), ("voice", talking), ("fade", _FADE), ("chirp", CHIRP_APART)]
    stages: list[Stage] = []
    for name, length in lengths:
        start = stages[-1].end if stages else 0.0
        stages.append(Stage(name, start, start + length))
    sound = np.zeros(-(-round(stages[-1].end * SAMPLE_RATE) // FRAME) * FRAME, dtype=np.float32)
    talk = voice if voice is not None and len(voice) else made_voice(talking)
    for stage in stages:
        begin = round(stage.start * SAMPLE_RATE)
        if stage.name == "chirp":
            sound[begin : begin + round(CHIRP_SECONDS * SAMPLE_RATE)] = chirp()
        elif stage.name == "voice":
            size = round((stage.end - stage.start) * SAMPLE_RATE)
            sound[begin : begin + size] = np.resize(talk, size)
    return Plan(to_int16(sound), tuple(stages), voice_source or "a made-up voice")


class RecordedPath(AudioPath):
    """The real sound path, which also keeps what it heard and played; memory is taken before the sound begins."""

    def __init__(self, post: Post, processor: VoiceProcessor, seconds: float) -> None:
        super().__init__(post, processor=processor)
        self.blocks = 0
        """10 ms blocks kept."""
        capacity = round(seconds / BLOCK_SECONDS)
        self._mic = np.zeros((capacity, BLOCK), dtype=np.float32)
        self._far = np.zeros((capacity, BLOCK), dtype=np.float32)

    @property
    def mic(self) -> Block:
        """Everything the microphone heard, float32 at 48 kHz."""
        return self._mic[: self.blocks].reshape(-1)

    @property
    def far(self) -> Block:
        """Everything handed to the loudspeaker in the same steps."""
        return self._far[: self.blocks].reshape(-1)

    def process(self, mic: Block, out: Block, now: float) -> None:
        """See `AudioPath.process`."""
        super().process(mic, out, now)
        if self.blocks < len(self._mic):
            self._mic[self.blocks] = mic
            self._far[self.blocks] = out
            self.blocks += 1


@dataclass(slots=True)
class Noted:
    """What the path reported, as far as the verdict needs it."""

    voices_in_silence: int = 0
    """Voices heard while nothing was played: somebody spoke during the test."""
    voices: int = 0
    """Voices heard in what the canceller left of the voice that was played."""
    cuts: int = 0
    """Times the voice would have been cut off by its own echo."""
    losses: list[str] = field(default_factory=list)
    """Why the device was lost, each time."""


class SelfTest:
    """One run: the source of the path's sound, and what came of it. Drive `path` with devices or with a room.

    `pull` and the events come on the audio thread; `position` and `is_over` may be read from any other.
    """

    def __init__(self, plan: Plan, processor: VoiceProcessor, barge_in: BargeInFacts) -> None:
        self.plan = plan
        self.noted = Noted()
        self.position = 0.0
        """Seconds of the plan that were handed out."""
        self.first_block = 0
        """Block of the recording in which the plan begins."""
        self.barge_in = barge_in
        self._pulled = 0
        self._voice_at: float | None = None
        self.path = RecordedPath(self._note, processor, plan.duration + _SPARE)
        self.path.set_source(self)

    @property
    def is_over(self) -> bool:
        """Whether everything was played."""
        return self.position >= self.plan.duration

    def pull(self, now: float, samples: int = FRAME) -> Frame:
        """See `PlaybackSource.pull`."""
        if self._pulled == 0:
            self.first_block = self.path.blocks
        voice = self.plan.first("voice")
        if self._voice_at is None and self.position >= voice.start - 2 * BLOCK_SECONDS:
            self._voice_at = now
            self.path.reset()
            self.path.set_barge_in(self.barge_in)
        start = self._pulled
        self._pulled += samples
        self.position = min(self._pulled / SAMPLE_RATE, self.plan.duration)
        piece = self.plan.sound[start : start + samples]
        return np.concatenate([piece, np.zeros(samples - len(piece), dtype=np.int16)])

    newest = 0

    def flush(self, through: int | None = None) -> None:
        """A cut is only counted; the voice goes on, or the rest of the test would be silent."""

    def _note(self, event: AudioEvent) -> None:
        match event:
            case VoiceBegan() if self._voice_at is not None:
                self.noted.voices += 1
            case VoiceBegan() if self.position <= self.plan.first("chirp").start:
                self.noted.voices_in_silence += 1
            case BargeInHappened():
                self.noted.cuts += 1
                self.path.begin_playback(self.noted.cuts)
            case DeviceLost(reason=reason):
                self.noted.losses.append(reason)
            case _:
                pass


def run_in_room(test: SelfTest, hear: Callable[[Block], Block]) -> None:
    """The whole run without devices: `hear` is given each played block and returns what the microphone hears next."""
    heard = np.zeros(BLOCK, dtype=np.float32)
    out = np.zeros(BLOCK, dtype=np.float32)
    step = 0
    while not test.is_over:
        step += 1
        test.path.process(heard, out, step * BLOCK_SECONDS)
        heard = hear(out)


def played_part(test: SelfTest, stage: Stage) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Microphone and loudspeaker during a stage, float32 at 48 kHz; shorter where the recording ended early."""
    begin, end = (test.first_block * BLOCK + round(at * SAMPLE_RATE) for at in (stage.start, stage.end))
    return test.path.mic[begin:end], test.path.far[begin:end]
