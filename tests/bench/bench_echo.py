"""What the path makes of its own echo, how soon it yields to a voice, and what a step costs. No device, no network.

    python tests/bench/bench_echo.py [assistant.wav talker.wav]

The room has a reverberation of a quarter second. Reaches: 25 dB of echo taken out, no false interruption, 2 ms of CPU a
block; with recordings of people also a grant within 0.8 s of the first word. The synthetic voices that are used without
files have no pauses and no consonants, the hardest case for a canceller: they yield late, and only the figure is shown.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from tests.support.sources import PlayedOnce
from tests.support.speech import Sound, noise, silence, spoken
from voicechat.audio.blocks import BLOCK, SAMPLE_RATE
from voicechat.audio.echo import make_processor
from voicechat.audio.facts import AudioFact, BargeInHappened
from voicechat.audio.files import WavMic
from voicechat.audio.path import AudioPath, BargeInFacts

FACTS = BargeInFacts(min_playback=1.2, min_voice=0.25, cold_extra=0.2, cold_for=2.0, duck_after=0.1)
CUT_IN_AT = 8.0
_ROOM_LENGTH = 9_600
_DELAY = 2_400


class Room:
    """Loudspeaker to microphone: 50 ms of delay, then a decaying reverberation of unit energy."""

    def __init__(self, gain: float) -> None:
        rng = np.random.default_rng(3)
        room = rng.standard_normal(_ROOM_LENGTH) * np.exp(-np.arange(_ROOM_LENGTH) / 1_800)
        self._response = room * (gain / np.sqrt(np.sum(room**2)))
        self._played = np.zeros(_ROOM_LENGTH + _DELAY + BLOCK)

    def echo(self) -> Sound:
        """What the microphone hears in this block of what was played before it."""
        recent = self._played[-_ROOM_LENGTH - _DELAY - BLOCK : -_DELAY]
        heard = np.convolve(recent, self._response)[_ROOM_LENGTH : _ROOM_LENGTH + BLOCK]
        return np.asarray(heard, dtype=np.float32)

    def play(self, out: Sound) -> None:
        """What the loudspeaker was given in this block."""
        self._played = np.concatenate([self._played[BLOCK:], out])


def recorded(file: str, seconds: float) -> Sound:
    """A recording at an RMS of 0.1, repeated or cut to a length; it begins with its first word."""
    mic = WavMic(file)
    sound = np.concatenate([mic.read() for _ in range(int(mic.duration * 100))])
    sound = sound[int(np.argmax(np.abs(sound) > 0.25 * np.max(np.abs(sound)))) :]
    scaled = np.resize(sound, int(seconds * SAMPLE_RATE)) * (0.1 / np.sqrt(np.mean(sound**2)))
    return np.asarray(scaled, dtype=np.float32)


def echo_return_loss(far: Sound) -> float:
    """dB between the echo and what is left of it after three seconds."""
    room, processor = Room(0.5), make_processor(gain_control=False)
    echoes, rests = [], []
    for start in range(0, len(far), BLOCK):
        echo = room.echo()
        echoes.append(echo)
        rests.append(processor.process(echo, far[start : start + BLOCK]))
        room.play(far[start : start + BLOCK])
    before, after = (np.concatenate(part)[3 * SAMPLE_RATE :] for part in (echoes, rests))
    return float(10 * np.log10(np.mean(before**2) / (np.mean(after**2) + 1e-12)))


def time_to_yield(far: Sound, words: Sound) -> tuple[float | None, float]:
    """Seconds from the first word to silence (None: never), and mean CPU seconds of a step."""
    facts: list[AudioFact] = []
    path = AudioPath(facts.append)
    path.set_source(PlayedOnce(far))
    path.set_barge_in(FACTS)
    mic = np.concatenate([silence(CUT_IN_AT), words, silence(2.0)]) + noise(CUT_IN_AT + 6.0, level=0.0003)
    room, out, cpu = Room(0.5), np.zeros(BLOCK, dtype=np.float32), 0.0
    for number, start in enumerate(range(0, len(mic), BLOCK), start=1):
        heard = mic[start : start + BLOCK] + room.echo()
        before = time.thread_time()
        path.process(heard, out, number / 100)
        cpu += time.thread_time() - before
        room.play(out)
    cut = next((posted.at for posted in facts if isinstance(posted, BargeInHappened)), None)
    return None if cut is None else cut - CUT_IN_AT, cpu / (len(mic) // BLOCK)


def main() -> int:
    has_files = len(sys.argv) == 3
    far = recorded(sys.argv[1], 16.0) if has_files else spoken(16.0, seed=5)
    near = recorded(sys.argv[2], 4.0) if has_files else spoken(4.0, pitch=210.0, seed=11)
    loss = echo_return_loss(far[: 8 * SAMPLE_RATE])
    false, cpu = time_to_yield(far, silence(4.0))
    yields = {decibels: time_to_yield(far, near * 10 ** ((decibels - 6) / 20))[0] for decibels in (6, 0, -6)}
    print(f"echo taken out: {loss:.1f} dB (reach 25)")
    print(f"interrupted by its own echo in 14 s: {'never' if false is None else f'at {false + CUT_IN_AT:.2f} s'}")
    for decibels, seconds in yields.items():
        shown = "never" if seconds is None else f"{seconds:.2f} s after the first word"
        print(f"voice {decibels:+d} dB against the echo: {shown}{' (reach 0.8 s)' if has_files else ''}")
    print(f"CPU of a step: {cpu * 1e3:.2f} ms of 10 (reach 2)")
    quick = all(seconds is not None and seconds <= 0.8 for seconds in yields.values())
    return 0 if loss >= 25 and false is None and cpu < 0.002 and (quick or not has_files) else 1


if __name__ == "__main__":
    raise SystemExit(main())
