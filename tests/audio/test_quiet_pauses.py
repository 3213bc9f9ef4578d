"""Noise goes in the pauses and nothing of the voice goes with it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.sources import PlayedOnce
from tests.support.speech import Sound, blocks, noise, silence, spoken
from voicechat.audio.blocks import to_float
from voicechat.audio.echo import Processing, make_processor
from voicechat.audio.path import AudioPath, QuietPauses

VOICE = np.full(480, 0.5, np.float32)
SUPPRESSED = np.full(480, 0.1, np.float32)


def mixed(pauses: QuietPauses, count: int, *, may_be_voice: bool = False, is_in_echo: bool = False) -> Sound:
    return np.concatenate(
        [pauses.mix(VOICE, SUPPRESSED, may_be_voice=may_be_voice, is_in_echo=is_in_echo) for _ in range(count)]
    )


def sent(mic: Sound, *, suppress: bool, open_at: float = 0.0, far: Sound | None = None) -> Sound:
    """What a real path sends of it, open from `open_at` seconds on with 300 ms of pre-roll."""
    path = AudioPath(lambda fact: None, processor=make_processor(Processing(noise=suppress, gain=False)))
    if far is not None:
        path.set_source(PlayedOnce(far))
    out, frames = np.zeros(480, np.float32), []
    for number, block in enumerate(blocks(mic), start=1):
        if number == max(1, round(open_at * 100)):
            path.open_mic(0.3)
        path.process(block, out, number / 100)
        if number % 2 == 0:
            frames.append(path.pull())
    return to_float(np.concatenate(frames))


def level(sound: Sound) -> float:
    return 10 * float(np.log10(np.mean(np.square(sound)) + 1e-12))


def test_a_voice_passes_as_it_is_from_its_first_block_on_and_for_a_while_after() -> None:
    pauses = QuietPauses()
    mixed(pauses, 200)
    begins = mixed(pauses, 1, may_be_voice=True)
    assert begins[-1] == pytest.approx(0.5)
    assert np.array_equal(mixed(pauses, 10, may_be_voice=True), np.tile(VOICE, 10))
    assert np.array_equal(mixed(pauses, 99), np.tile(VOICE, 99))


def test_a_pause_loses_its_noise_without_a_step() -> None:
    pauses = QuietPauses()
    mixed(pauses, 1, may_be_voice=True)
    pause = mixed(pauses, 150)
    assert pause[-1] == np.float32(0.1)
    steps = np.abs(np.diff(np.concatenate([pause, mixed(pauses, 5, may_be_voice=True)])))
    assert float(steps.max()) < 0.4 / 400


def test_in_an_echo_the_suppressor_runs_through_at_once() -> None:
    pauses = QuietPauses()
    mixed(pauses, 5, may_be_voice=True)
    assert mixed(pauses, 1, may_be_voice=True, is_in_echo=True)[-1] == np.float32(0.1)
    assert np.array_equal(mixed(pauses, 3, may_be_voice=True, is_in_echo=True), np.tile(SUPPRESSED, 3))


def test_suppression_leaves_a_voice_in_noise_and_softens_the_pause() -> None:
    mic = noise(14.0, level=0.01)
    mic[8 * 48_000 : 10 * 48_000] += spoken(2.0)
    with_it, without = sent(mic, suppress=True), sent(mic, suppress=False)
    begin, late = 8 * 48_000 + 4_800, 335
    voice, same = with_it[begin + late : 10 * 48_000], without[begin : 10 * 48_000 - late]
    assert np.max(np.abs(voice - same)) < 1e-3
    for pause in (slice(7 * 48_000, 8 * 48_000 - 4_800), slice(13 * 48_000, 14 * 48_000)):
        assert level(with_it[pause]) < level(without[pause]) - 8.0


def test_nothing_is_suppressed_in_the_pre_roll_of_a_press() -> None:
    mic = noise(9.0, level=0.01)
    with_it, without = sent(mic, suppress=True, open_at=8.0), sent(mic, suppress=False, open_at=8.0)
    pre_roll = slice(round(8.05 * 48_000), round(8.25 * 48_000))
    assert level(with_it[pre_roll]) == pytest.approx(level(without[pre_roll]), abs=0.5)


def test_while_the_loudspeaker_is_heard_its_rest_is_suppressed_too() -> None:
    mic, far = noise(9.0, level=0.01), np.concatenate([silence(7.0), spoken(2.0)])
    mic[2_880:] += 0.3 * far[:-2_880]
    with_it, without = sent(mic, suppress=True, far=far), sent(mic, suppress=False, far=far)
    assert level(with_it[-48_000:]) < level(without[-48_000:]) - 6.0
