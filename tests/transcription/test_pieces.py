"""Recordings are cut at pauses, no item is too long, and silence is not sent."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from voicechat.transcription.options import Commits
from voicechat.transcription.writing import LONGEST_SPOKEN, LONGEST_WHOLE, AudioSegment, Segmenter

RATE = 48_000
_NOISE = np.random.default_rng(7)


def voice(seconds: float, level: float = 0.2) -> NDArray[np.int16]:
    """A hum whose loudness moves as that of syllables does; never silent."""
    at = np.arange(round(seconds * RATE)) / RATE
    wave = np.sin(2 * np.pi * 180 * at) * (0.55 + 0.45 * np.sin(2 * np.pi * 4 * at))
    return np.asarray(level * 32767 * wave, np.int16)


def quiet(seconds: float, level: float = 0.0005) -> NDArray[np.int16]:
    return np.asarray(_NOISE.normal(0, level * 32767, round(seconds * RATE)), np.int16)


def cut(commits: Commits, *sounds: NDArray[np.int16], step: int = 7_001) -> list[AudioSegment]:
    sound, cutter = np.concatenate(sounds), Segmenter(commits)
    made = [piece for at in range(0, len(sound), step) for piece in cutter.feed(sound[at : at + step])]
    return made + cutter.finish()


def test_each_pause_of_a_speaker_ends_an_item_with_a_margin_at_both_ends() -> None:
    pieces = cut(Commits("vad"), quiet(2), voice(3), quiet(1), voice(2), quiet(2))
    assert [round(one.start, 1) for one in pieces] == [1.7, 5.7]
    assert [round(one.end, 1) for one in pieces] == [5.3, 8.3]


def test_a_short_gap_ends_nothing_the_first_word_is_kept_and_a_noisy_room_has_pauses_too() -> None:
    assert len(cut(Commits("vad"), quiet(1), voice(2), quiet(0.3), voice(2), quiet(1))) == 1
    (piece,) = cut(Commits("vad"), voice(2), quiet(2))
    assert piece.start == 0.0
    noise = [quiet(2, 0.004), quiet(1, 0.004), quiet(2, 0.004)]
    assert len(cut(Commits("vad"), noise[0], voice(3, 0.3), noise[1], voice(2, 0.3), noise[2])) == 2


def test_silence_alone_makes_no_item() -> None:
    for commits in (Commits("vad"), Commits("whole"), Commits("every", 5)):
        assert cut(commits, quiet(20)) == []
        assert cut(commits, np.zeros(RATE * 3, np.int16)) == []
    assert cut(Commits("vad"), quiet(0)) == []


def test_who_speaks_without_a_pause_is_cut_at_the_quietest_place() -> None:
    pieces = cut(Commits("vad"), voice(22), quiet(0.24), voice(30))
    assert all(one.end - one.start <= LONGEST_SPOKEN + 0.1 for one in pieces)
    assert pieces[0].end == pytest.approx(22.12, abs=0.15)


def test_a_whole_recording_is_one_item_unless_it_is_too_long_for_any_service() -> None:
    (piece,) = cut(Commits("whole"), quiet(1), voice(3), quiet(2), voice(3), quiet(1))
    assert round(piece.start, 1) == 0.7 and round(piece.end, 1) == 9.3
    long = cut(Commits("whole"), *(np.concatenate([voice(9), quiet(1)]) for _ in range(35)), step=RATE * 10)
    assert len(long) == 2 and all(one.end - one.start <= LONGEST_WHOLE for one in long)


def test_every_so_many_seconds_a_cut_is_made_in_a_pause_near() -> None:
    pieces = cut(Commits("every", 10), *(np.concatenate([voice(3), quiet(1)]) for _ in range(8)))
    assert all(one.end - one.start <= 10.1 for one in pieces)
    for one in pieces[:-1]:
        assert one.end % 4 >= 2.9 or one.end % 4 <= 0.3, one.end


def test_nothing_of_a_voice_is_lost_or_sent_twice() -> None:
    sounds = [quiet(1), voice(4), quiet(0.7), voice(33), quiet(0.6), voice(0.4), quiet(1)]
    pieces = cut(Commits("vad"), *sounds)
    loud = np.abs(np.concatenate(sounds)) > 3000
    covered = np.zeros(len(loud), int)
    for one in pieces:
        covered[round(one.start * RATE) : round(one.end * RATE)] += 1
    assert covered[loud].min() == 1 and covered.max() == 1
