"""Sound lies on the tape where it was heard, whatever devices and clocks do."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from voicechat.audio.blocks import BLOCK, FRAME, SAMPLE_RATE
from voicechat.journal import writer
from voicechat.journal.sound_file import RATE, Samples, SoundFile, Track, hummed
from voicechat.journal.writer import Stopped

CLOSE = round(0.02 * SAMPLE_RATE)


def block(value: int = 1_000) -> Samples:
    return np.full(BLOCK, value, dtype=np.int16)


def first_of(samples: Samples, value: int) -> int:
    return int(np.flatnonzero(samples == value)[0])


def test_blocks_that_come_about_when_they_should_are_laid_end_to_end() -> None:
    track = Track()
    for number in range(50):
        track.add(number * BLOCK + (number * 37 % 200), block(number + 1))
    kept = track.take(50 * BLOCK)
    assert kept.tolist() == np.repeat(np.arange(1, 51), BLOCK).tolist()


def test_a_gap_in_the_input_is_silence_and_later_sound_keeps_its_time() -> None:
    track = Track()
    track.add(0, block(1))
    track.add(SAMPLE_RATE, block(2))
    kept = track.take(2 * SAMPLE_RATE)
    assert first_of(kept, 2) == SAMPLE_RATE
    assert not kept[BLOCK:SAMPLE_RATE].any() and not kept[SAMPLE_RATE + BLOCK :].any()


def test_a_device_that_delivers_four_blocks_at_a_time_leaves_no_holes() -> None:
    track = Track()
    for number in range(400):
        track.add(number // 4 * 4 * BLOCK, block(number % 7 + 1))
    kept = track.take(400 * BLOCK)
    assert np.count_nonzero(kept) >= 399 * BLOCK - CLOSE


@pytest.mark.parametrize("rate", [0.9997, 1.0003])
def test_a_device_whose_clock_differs_stays_within_20_ms_for_an_hour(rate: float) -> None:
    track = Track()
    worst = 0
    for number in range(360_000 // 10):
        position = round(number * 10 * BLOCK * rate)
        track.add(position, np.zeros(10 * BLOCK, dtype=np.int16) if number % 5 else np.full(10 * BLOCK, 9, np.int16))
        if number % 1_000 == 999:
            worst = max(worst, abs(track._end - (position + 10 * BLOCK)))
            track.take(max(0, position - track._taken))
    assert worst <= CLOSE


def test_what_comes_after_its_moment_was_written_is_not_laid_elsewhere() -> None:
    track = Track()
    track.take(SAMPLE_RATE)
    track.add(SAMPLE_RATE // 2, block(5))
    assert not track.take(SAMPLE_RATE).any()


def test_a_track_that_nobody_feeds_costs_no_memory() -> None:
    track = Track()
    for _ in range(100):
        assert not track.take(SAMPLE_RATE).any()
    track.add(100 * SAMPLE_RATE, block(3))
    assert first_of(track.take(BLOCK), 3) == 0


# audio.wav: left what was sent, right what was played, at the moments of the events


START = 1_000.0


class Clock:
    now = START

    def __call__(self) -> float:
        return self.now


def opened(folder: Path, clock: Clock, *, most: int = 10**9, hum: bool = False) -> SoundFile:
    return SoundFile(folder / "audio.wav", started_at=START, clock=clock, most=most, hum=hum)


def heard(folder: Path) -> NDArray[np.int16]:
    """(samples, 2), as any player reads it."""
    with wave.open(str(folder / "audio.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, RATE)
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)


def tone(pitch: float, at: float, length: int) -> NDArray[np.float64]:
    return 0.5 * np.sin(2 * np.pi * pitch * (np.arange(length) / SAMPLE_RATE + at))


def talk(sound: SoundFile, clock: Clock, begin: float, end: float, pitch: float = 1_000.0) -> None:
    """Both sides sound from `begin` to `end`: 20 ms frames leave, 10 ms blocks are played."""
    for number in range(round((end - begin) / 0.02)):
        at = begin + number * 0.02
        clock.now = START + at
        sound.sent(clock.now, (tone(pitch, at, FRAME) * 32_767).astype(np.int16))
        for half in (0.0, 0.01):
            sound.played(clock.now + half, tone(pitch, at + half, BLOCK).astype(np.float32))
        if number % 10 == 9:
            sound.flush(last=False)


def test_both_sides_lie_where_they_were_heard_within_20_ms(tmp_path: Path) -> None:
    clock = Clock()
    sound = opened(tmp_path, clock)
    talk(sound, clock, 1.0, 2.0)
    talk(sound, clock, 7.5, 8.0)
    clock.now = START + 9.0
    sound.flush(last=True)
    sound.close()
    kept = heard(tmp_path)
    assert len(kept) == 9 * RATE
    for side in (kept[:, 0], kept[:, 1]):
        loud = np.flatnonzero(np.abs(side.astype(int)) > 1_000)
        starts = [loud[0], *loud[np.flatnonzero(np.diff(loud) > RATE) + 1]]
        assert np.array(starts) / RATE == pytest.approx([1.0, 7.5], abs=0.02)
        assert loud[-1] / RATE == pytest.approx(8.0, abs=0.02)


def test_the_file_can_be_played_while_it_grows(tmp_path: Path) -> None:
    clock = Clock()
    sound = opened(tmp_path, clock)
    assert len(heard(tmp_path)) == 0
    talk(sound, clock, 0.0, 1.0)
    grown = len(heard(tmp_path))
    assert 0.5 * RATE < grown <= RATE
    talk(sound, clock, 1.0, 2.0)
    assert len(heard(tmp_path)) > grown
    sound.close()


def test_sound_keeps_its_pitch_and_what_24_khz_cannot_hold_is_left_out(tmp_path: Path) -> None:
    loudness = {}
    for pitch in (1_000.0, 15_000.0):
        folder = tmp_path / f"{pitch}"
        folder.mkdir()
        clock = Clock()
        sound = opened(folder, clock)
        talk(sound, clock, 0.0, 1.0, pitch)
        sound.flush(last=True)
        sound.close()
        kept = heard(folder)[2_000:-2_000, 0].astype(float)
        spectrum = np.abs(np.fft.rfft(kept * np.hanning(len(kept))))
        loudness[pitch] = np.sqrt(np.mean(kept * kept))
        if pitch == 1_000.0:
            assert np.argmax(spectrum) * RATE / len(kept) == pytest.approx(1_000, abs=3)
            assert loudness[pitch] == pytest.approx(0.5 * 32_767 / np.sqrt(2), rel=0.02)
    assert loudness[15_000.0] < loudness[1_000.0] / 100


def test_a_tape_without_words_keeps_who_spoke_when_and_how_loud(tmp_path: Path) -> None:
    clock = Clock()
    sound = opened(tmp_path, clock, hum=True)
    rng = np.random.default_rng(1)
    noise = (rng.standard_normal(FRAME * 50) * 3_000).astype(np.int16)
    for number in range(50):
        clock.now = START + 1.0 + number * 0.02
        sound.sent(clock.now, noise[number * FRAME : (number + 1) * FRAME])
    clock.now = START + 3.0
    sound.flush(last=True)
    sound.close()
    left = heard(tmp_path)[:, 0].astype(float)
    inside, outside = left[round(1.1 * RATE) : round(1.9 * RATE)], left[round(2.1 * RATE) :]
    assert not outside.any() and 1_000 < np.sqrt(np.mean(inside * inside)) < 4_000
    spectrum = np.abs(np.fft.rfft(inside * np.hanning(len(inside)))) ** 2
    near = np.abs(np.fft.rfftfreq(len(inside), 1 / RATE) - 200) < 100
    assert spectrum[near].sum() > 0.9 * spectrum.sum()


def test_a_hum_goes_on_from_piece_to_piece_without_a_click() -> None:
    loud = np.full(RATE, 8_000, dtype=np.int16)
    whole = hummed(loud, RATE)
    halves = np.concatenate((hummed(loud[: RATE // 2], RATE // 2), hummed(loud[RATE // 2 :], RATE)))
    assert np.array_equal(whole, halves)


def test_minutes_in_which_the_process_was_stopped_are_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    sound = opened(tmp_path, clock)
    largest = 0
    put = writer.put

    def measured(descriptor: int, raw: bytes) -> None:
        nonlocal largest
        largest = max(largest, len(raw))
        put(descriptor, raw)

    monkeypatch.setattr("voicechat.journal.sound_file.put", measured)
    clock.now = START + 600.0
    sound.flush(last=True)
    sound.close()
    assert len(heard(tmp_path)) == 600 * RATE
    assert largest <= 15 * RATE * 4


def test_a_full_tape_stops(tmp_path: Path) -> None:
    clock = Clock()
    sound = opened(tmp_path, clock, most=RATE * 4)
    clock.now = START + 0.9
    sound.flush(last=False)
    clock.now = START + 2.0
    with pytest.raises(Stopped, match="full size"):
        sound.flush(last=False)
    sound.close()
    assert len(heard(tmp_path)) <= RATE
