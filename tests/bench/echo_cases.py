"""One conversation in a made-up room, run through the real sound path faster than the clock: cases for `bench_echo`."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from tests.bench.rooms import Acoustics, MovingRoom, Room, pink
from tests.bench.voices import Sound, level, onset
from tests.support.sources import PlayedOnce
from voicechat.audio.blocks import BLOCK, BLOCK_SECONDS, SAMPLE_RATE, mean_square
from voicechat.audio.echo import Processing, make_processor
from voicechat.audio.path import AudioPath, BargeInFacts
from voicechat.core.events import AudioEvent, BargeInHappened, VoiceBegan
from voicechat.core.policy import TurnPolicy

POLICY = TurnPolicy()
FACTS = BargeInFacts(
    min_playback=POLICY.min_playback,
    min_voice=POLICY.min_voice,
    cold_extra=POLICY.cold_echo_extra_voice,
    cold_for=POLICY.cold_echo_for,
    duck_after=POLICY.duck_after,
)
PLAYED = 0.1
"""Active RMS of what the assistant plays: -20 dBFS."""
WARM_UP, PAUSE = 5.0, 1.3
"""Seconds of an answer that was heard before, and of the silence that makes the next one a new answer."""
MOVED_AT, QUIET_FOR = 8.0, 3.0
"""When the echo begins to come at another time, and seconds from there to the voice."""
ROOM_NOISE = 0.0006
"""RMS: -64 dBFS, a quiet room."""
NEVER = float("inf")


@dataclass(slots=True)
class Ran:
    """What one conversation came to."""

    posted: list[tuple[int, AudioEvent]] = field(default_factory=list)
    """What the path told, with the step."""
    cpu: float = 0.0
    """Processor seconds of all steps."""
    steps: int = 0

    def post(self, event: AudioEvent) -> None:
        self.posted.append((self.steps, event))

    @property
    def cuts(self) -> list[float]:
        """When it was cut in, in seconds."""
        return [step * BLOCK_SECONDS for step, event in self.posted if isinstance(event, BargeInHappened)]

    @property
    def voices(self) -> int:
        """Voices that the detector took for a person's."""
        return sum(isinstance(event, VoiceBegan) for _, event in self.posted)


def run(path: AudioPath, ran: Ran, far: Sound, near: Sound, room: Room, *, stop_at_cut: bool = False) -> Ran:
    """`far` is the loudspeaker's, `near` all else that the microphone hears; both float32 at 48 kHz."""
    path.set_source(PlayedOnce(far))
    path.set_barge_in(FACTS)
    out, echo = np.zeros(BLOCK, dtype=np.float32), np.zeros(BLOCK, dtype=np.float32)
    before = time.thread_time()
    spent_elsewhere = 0.0
    for start in range(0, len(near) - BLOCK + 1, BLOCK):
        ran.steps += 1
        path.process(near[start : start + BLOCK] + echo, out, ran.steps * BLOCK_SECONDS)
        paused = time.thread_time()
        echo = room.hear(out)
        spent_elsewhere += time.thread_time() - paused
        if stop_at_cut and ran.cuts:
            break
    ran.cpu += time.thread_time() - before - spent_elsewhere
    return ran


@dataclass(frozen=True, slots=True)
class TalkOver:
    """Somebody talks over an answer that has been running for two seconds."""

    far: Sound
    near: Sound
    room: Acoustics
    echo_db: float
    """The echo against what is played."""
    over_db: float
    """The voice against the echo."""
    warm: bool
    """Whether an answer was heard before this one."""
    seed: int = 1

    def seconds(self) -> float:
        """From the first sound of the voice to the silence of the loudspeaker.

        `NEVER` when it talks on, negative when it was silenced before anybody spoke.
        """
        before = WARM_UP + PAUSE if self.warm else 0.0
        begin = before + 2.0 + 0.01 * (self.seed % 37)
        near = level(self.near, PLAYED * 10 ** ((self.echo_db + self.over_db) / 20))
        mic = _in_a_room(near, begin, self.seed)
        far = self._far(before, len(mic))
        return _silenced_at(far, mic, Room(self.room, self.echo_db)) - begin - onset(near)

    def _far(self, before: float, length: int) -> Sound:
        voice = level(self.far, PLAYED)
        voice = voice[int(onset(voice) * SAMPLE_RATE) :]
        first, silent = int((before - PAUSE) * SAMPLE_RATE) if before else 0, int(before * SAMPLE_RATE)
        played = np.resize(voice, length).astype(np.float32)
        shifted = np.resize(np.roll(voice, -self.seed * 4801), length).astype(np.float32)
        played[silent:] = played[: length - silent].copy()
        played[:first] = shifted[:first]
        played[first:silent] = 0.0
        return played


def alone(far: Sound, acoustics: Acoustics, echo_db: float, seconds: float, seed: int) -> Ran:
    """Nobody but the assistant, for so long."""
    voice = np.roll(level(far, PLAYED), -seed * 7919)
    ran = Ran()
    mic = pink(seconds, ROOM_NOISE, seed)
    played = np.resize(voice, len(mic)).astype(np.float32)
    return run(AudioPath(ran.post), ran, played, mic, Room(acoustics, echo_db))


@dataclass(frozen=True, slots=True)
class Moved:
    """In the middle of an answer the echo begins to come at another time; then somebody talks over it, 6 dB louder."""

    far: Sound
    near: Sound
    room: Acoustics
    echo_db: float
    by: float
    """Seconds later, negative: sooner."""
    seed: int = 1

    def seconds(self) -> float:
        """As in `TalkOver`: negative when it was silenced before anybody spoke."""
        begin = MOVED_AT + QUIET_FOR + 0.01 * (self.seed % 37)
        near = level(self.near, PLAYED * 10 ** ((self.echo_db + 6.0) / 20))
        mic = _in_a_room(near, begin, self.seed)
        far = np.resize(np.roll(level(self.far, PLAYED), -self.seed * 4801), len(mic)).astype(np.float32)
        room = MovingRoom(self.room, self.echo_db, at=MOVED_AT, by=self.by)
        return _silenced_at(far, mic, room) - begin - onset(near)


def _in_a_room(near: Sound, begin: float, seed: int) -> Sound:
    """A voice from `begin` on, in the noise of a quiet room, and a second more."""
    mic = pink(begin + len(near) / SAMPLE_RATE + 1.0, ROOM_NOISE, seed)
    at = int(begin * SAMPLE_RATE)
    mic[at : at + len(near)] += near
    return mic


def _silenced_at(far: Sound, mic: Sound, room: Room) -> float:
    """When the assistant was interrupted, seconds from the start; `NEVER` when it talked on."""
    ran = Ran()
    run(AudioPath(ran.post), ran, far, mic, room, stop_at_cut=True)
    return ran.cuts[0] if ran.cuts else NEVER


def return_loss(far: Sound, acoustics: Acoustics, echo_db: float, seconds: float = 12.0) -> float:
    """dB between the echo and what is left of it after three seconds, gain control off; a silent room."""
    processor, room = make_processor(Processing(gain=False)), Room(acoustics, echo_db)
    played = np.resize(level(far, PLAYED), int(seconds * SAMPLE_RATE)).astype(np.float32)
    before = after = 0.0
    echo = np.zeros(BLOCK, dtype=np.float32)
    for start in range(0, len(played) - BLOCK + 1, BLOCK):
        block = played[start : start + BLOCK]
        clean = processor.process(echo, block)
        if start >= 3 * SAMPLE_RATE:
            before += mean_square(echo)
            after += mean_square(clean)
        echo = room.hear(block)
    return float(10 * np.log10(before / max(after, 1e-15)))
