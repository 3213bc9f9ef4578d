"""What is said over the assistant is restored as it was said, and nothing is invented where that cannot be done."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.speech import Sound, blocks, noise, silence, spoken
from voicechat.audio.blocks import BLOCK, Frame, to_int16
from voicechat.audio.near_voice import DuplexMemory, NearVoice

RATE = 48_000
CUT_IN = 480
"""Number of the last block before the voice."""
LAG = 766


def echo_of(far: Sound, gain: float = 0.5) -> Sound:
    """60 ms of delay and a short room."""
    rng = np.random.default_rng(3)
    room = np.zeros(7_200)
    room[2_880:] = rng.standard_normal(4_320) * np.exp(-np.arange(4_320) / 1_200)
    room *= gain / np.sqrt(np.sum(room**2))
    size = 1 << (len(far) + len(room)).bit_length()
    return np.asarray(np.fft.irfft(np.fft.rfft(far, size) * np.fft.rfft(room, size), size)[: len(far)], np.float32)


def conversation(near: Sound, *, far_level: float = 0.1, echo: bool = True) -> tuple[DuplexMemory, Sound]:
    """4.8 s of an answer, then `near` over it; what was pushed, and the microphone without the echo."""
    voice = np.concatenate([silence(CUT_IN / 100), near])
    far = spoken(len(voice) / RATE + 0.1, level=far_level, seed=5)[: len(voice)]
    alone = voice + noise(len(voice) / RATE + 0.1, level=0.0003)[: len(voice)]
    heard = alone + echo_of(far) if echo else alone
    return remembered(heard, far), alone


def restored(near: NearVoice, first: int, last: int) -> Sound:
    """Blocks `first` to `last`, where the canceller had left nothing at all."""
    nothing: Frame = np.zeros(BLOCK, np.int16)
    sound = np.concatenate([near.block(number, nothing) for number in range(first, last + 1)])
    return np.asarray(sound / 32767, np.float32)


def likeness(one: Sound, other: Sound) -> float:
    return float(np.dot(one, other) / np.sqrt(np.dot(one, one) * np.dot(other, other)))


@pytest.mark.parametrize("echo", [True, False], ids=["loudspeaker", "headphones"])
def test_a_voice_over_the_response_comes_out_as_it_was_spoken(echo: bool) -> None:
    memory, alone = conversation(spoken(0.8, pitch=210.0, seed=11), echo=echo)
    heard = restored(NearVoice(memory, CUT_IN - 29, 1.0), CUT_IN + 2, CUT_IN + 60)
    assert likeness(heard, alone[(CUT_IN + 1) * BLOCK - LAG : (CUT_IN + 60) * BLOCK - LAG]) > 0.97


def test_the_beginning_of_the_voice_is_found_late_and_the_canceller_keeps_what_lies_before() -> None:
    memory, _ = conversation(spoken(0.8, pitch=210.0, seed=11))
    near = NearVoice(memory, CUT_IN - 65, 1.0)
    assert near.began is not None and abs(near.began - CUT_IN) <= 6
    assert near.air == near.began - 30
    assert not restored(near, CUT_IN - 65, CUT_IN - 20).any()


def test_the_gain_of_the_gain_control_is_given_to_what_is_restored() -> None:
    memory, _ = conversation(spoken(0.8, level=0.05, pitch=210.0, seed=11))
    soft, loud = (restored(NearVoice(memory, CUT_IN - 29, gain), CUT_IN + 20, CUT_IN + 40) for gain in (1.0, 2.0))
    assert np.allclose(loud, 2.0 * soft, atol=3e-4)


def remembered(heard: Sound, far: Sound) -> DuplexMemory:
    memory = DuplexMemory()
    for mic, out in zip(blocks(heard), blocks(far), strict=True):
        memory.push(mic, out)
    return memory


def test_a_response_that_has_only_begun_teaches_nothing_and_the_cancelled_sound_goes() -> None:
    near = NearVoice(remembered(noise(0.5), spoken(0.5)), 20, 1.0)
    cancelled = to_int16(np.full(BLOCK, 0.25, np.float32))
    assert near.way is None and near.air == 0
    assert near.block(25, cancelled) is cancelled


def test_an_echo_that_follows_no_straight_way_is_left_to_the_canceller() -> None:
    near = NearVoice(remembered(spoken(5.0, seed=7), spoken(5.0, seed=8)), 450, 1.0)
    assert near.way is None
    assert near.is_over(450)


@pytest.mark.parametrize("echo", [True, False], ids=["loudspeaker", "headphones"])
def test_the_question_before_a_short_answer_does_not_spoil_what_is_learnt_of_it(echo: bool) -> None:
    question, pause = spoken(1.2, level=0.2, pitch=190.0, seed=21), silence(0.4)
    far = np.concatenate([silence(1.6), spoken(3.0, level=0.1, seed=5)])
    said = np.concatenate([question, pause, silence(2.2), spoken(0.8, pitch=210.0, seed=11)])
    said = said + noise(len(said) / RATE + 0.1, level=0.0003)[: len(said)]
    far = far[: len(said)]
    heard = said + echo_of(far) if echo else said
    began = 380
    near = NearVoice(remembered(heard, far), began - 29, 1.0)
    wanted = said[(began + 1) * BLOCK - LAG : (began + 60) * BLOCK - LAG]
    assert likeness(restored(near, began + 2, began + 60), wanted) > 0.95


def test_restoring_ends_when_the_loudspeaker_has_been_silent_for_a_while() -> None:
    memory, _ = conversation(spoken(0.5, pitch=210.0, seed=11))
    near = NearVoice(memory, CUT_IN - 29, 1.0)
    silent_from = memory.newest
    for block in blocks(spoken(0.8, pitch=210.0, seed=12)):
        memory.push(block, np.zeros(BLOCK, np.float32))
    assert restored(near, silent_from + 1, silent_from + 39).any()
    assert not near.is_over(silent_from + 40)
    assert near.is_over(silent_from + 41)


def test_an_echo_counts_until_the_canceller_has_had_time_to_recover() -> None:
    memory = DuplexMemory()
    counted = [memory.is_in_echo]
    memory.push(np.zeros(BLOCK, np.float32), spoken(0.1)[2_400:2_880])
    counted.append(memory.is_in_echo)
    for _ in range(40):
        memory.push(np.zeros(BLOCK, np.float32), np.zeros(BLOCK, np.float32))
    assert [*counted, memory.is_in_echo] == [False, True, False]


def test_what_is_not_remembered_reads_as_silence_also_that_before_a_reopened_device() -> None:
    memory, _ = conversation(spoken(3.0))
    assert not memory.mic(0, 20).any() and not memory.mic(5_000, 20).any()
    assert memory.mic(500, 20).any()
    memory.forget()
    assert not memory.mic(1, 800).any() and not memory.far(1, 800).any()
