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
from voicechat.audio.blocks import BLOCK, BLOCK_SECONDS, FRAME, SAMPLE_RATE, Block, Frame, to_int16
from voicechat.audio.echo import VoiceProcessor
from voicechat.audio.facts import AudioFact, BargeInHappened, StreamLost, VoiceBegan
from voicechat.audio.path import AudioPath, Post
from voicechat.audio.self_test_signals import CHIRP_SECONDS, chirp, made_voice

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
    cuts: list[float] = field(default_factory=list)
    """Seconds after the voice began at which it would have been cut off by its own echo."""
    losses: list[str] = field(default_factory=list)
    """Why the device was lost, each time."""


class SelfTest:
    """One run: the source of the path's sound, and what came of it. Drive `path` with devices or with a room.

    `pull` and the facts come on the audio thread; `position` and `is_over` may be read from any other.
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

    def _note(self, fact: AudioFact) -> None:
        match fact:
            case VoiceBegan() if self._voice_at is not None:
                self.noted.voices += 1
            case VoiceBegan() if self.position <= self.plan.first("chirp").start:
                self.noted.voices_in_silence += 1
            case BargeInHappened(at):
                self.noted.cuts.append(at - (self._voice_at or at))
                self.path.begin_playback(len(self.noted.cuts))
            case StreamLost(_, reason):
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
