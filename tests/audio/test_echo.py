"""The assistant must not hear itself, and must hear you; nobody hears the canceller come and go."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests.support.each import each
from tests.support.speech import Sound, blocks, noise, silence, spoken
from voicechat.audio.blocks import BLOCK, Frame, to_int16
from voicechat.audio.echo import (
    Canceller,
    DelayLine,
    HalfDuplexProcessor,
    PassThroughProcessor,
    Processing,
    VoiceProcessor,
    make_processor,
)
from voicechat.audio.near_voice import DuplexMemory, NearVoice


def echo_of(far: Sound, gain: float) -> Sound:
    """The loudspeaker as a microphone in a small room hears it: 60 ms later, with a short reverberation."""
    rng = np.random.default_rng(3)
    room = np.zeros(7_200)
    room[2_880:] = rng.standard_normal(4_320) * np.exp(-np.arange(4_320) / 1_200)
    room *= gain / np.sqrt(np.sum(room**2))
    size = 1 << (len(far) + len(room)).bit_length()
    return np.asarray(np.fft.irfft(np.fft.rfft(far, size) * np.fft.rfft(room, size), size)[: len(far)], np.float32)


def delayed(far: Sound, gain: float = 0.2) -> Sound:
    return np.concatenate([np.zeros(2_880), gain * far[:-2_880]]).astype(np.float32)


def clean(processor: VoiceProcessor | Canceller, mic: Sound, far: Sound) -> Sound:
    return np.concatenate([processor.process(m, f).copy() for m, f in zip(blocks(mic), blocks(far), strict=True)])


def level(sound: Sound) -> float:
    return float(10 * np.log10(np.mean(sound**2) + 1e-16))


def test_the_loudspeaker_is_taken_out_of_the_microphone() -> None:
    far = spoken(6.0, level=0.1)
    mic = echo_of(far, 0.3) + noise(6.0, level=0.0003)
    left = clean(make_processor(Processing(gain=False)), mic, far)
    assert level(mic[144_000:]) - level(left[144_000:]) > 25.0


def test_you_are_heard_unharmed_while_the_assistant_is_silent() -> None:
    near = spoken(4.0, level=0.1)
    heard = clean(make_processor(Processing(gain=False)), near, silence(4.0))
    assert abs(level(heard[96_000:]) - level(near[96_000:])) < 3.0


def test_the_canceller_is_cold_until_it_has_heard_enough_and_again_after_a_reset() -> None:
    processor = make_processor()
    clean(processor, silence(5.0), silence(5.0))
    assert processor.is_cold(2.0)
    clean(processor, silence(2.1), noise(2.1, level=0.1))
    assert not processor.is_cold(2.0)
    processor.reset()
    assert processor.is_cold(2.0)


def test_the_untouched_voice_is_of_the_same_moment_as_the_one_without_noise() -> None:
    processor = make_processor(Processing(gain=False))
    near = spoken(3.0) + noise(3.0, level=0.001)
    both = [(processor.process(block, np.zeros(480, np.float32)), processor.voice.copy()) for block in blocks(near)]
    clean_sound, untouched = (np.concatenate(one)[48_000:] for one in zip(*both, strict=True))
    lags = [float(np.dot(np.roll(untouched, lag), clean_sound)) for lag in range(-60, 61)]
    assert abs(int(np.argmax(lags)) - 60) <= 2


def test_passing_through_changes_nothing_and_keeps_the_devices_buffer_apart() -> None:
    mic = noise(0.01)
    heard = PassThroughProcessor().process(mic, silence(0.01))
    assert np.array_equal(heard, mic)
    assert not np.shares_memory(heard, mic)


def always_at_work(mic: Sound, far: Sound) -> Sound:
    from pywebrtc_audio import AudioProcessor

    aec = AudioProcessor(sample_rate=48_000, echo_cancellation=True, high_pass_filter=True)
    return np.concatenate([aec.process(m, f) for m, f in zip(blocks(mic), blocks(far), strict=True)])


def test_a_voice_in_a_silent_room_is_the_same_whether_the_canceller_works_or_rests() -> None:
    voice = spoken(3.0, level=0.1)
    difference = clean(Canceller(), voice, silence(3.0)) - always_at_work(voice, silence(3.0))
    assert level(difference) < level(voice) - 80.0


def test_an_answer_after_long_silence_is_cancelled_as_well_as_any() -> None:
    far = np.concatenate([spoken(5.0, level=0.1), silence(4.0), spoken(3.0, level=0.1, seed=2)])
    mic = delayed(far) + noise(12.0, level=0.0003)
    rested, worked = clean(Canceller(), mic, far), always_at_work(mic, far)
    after = slice(9 * 48_000, None)
    assert level(rested[after]) < level(mic[after]) - 20.0
    assert level(rested[after]) < level(worked[after]) + 1.0


def test_a_voice_is_not_cut_or_doubled_while_the_parts_change_places() -> None:
    far = np.concatenate([noise(1.0, level=0.003), silence(5.0)])
    voice = spoken(6.0, level=0.1)
    difference = clean(Canceller(), voice, far) - always_at_work(voice, far)
    assert level(difference[int(2.5 * 48_000) :]) < level(voice) - 40.0


def test_over_an_answer_that_no_microphone_hears_a_voice_passes_untouched() -> None:
    canceller, voice, far = Canceller(), spoken(3.0, level=0.05), spoken(3.0, level=0.1, seed=5)
    canceller.set_free(True)
    plain = clean(canceller, voice, far)
    assert level(plain - clean(Canceller(), voice, silence(3.0))) < level(voice) - 80.0


def test_an_echo_that_comes_up_where_none_was_finds_a_cold_canceller() -> None:
    canceller = Canceller()
    clean(canceller, silence(3.0), noise(3.0, level=0.1))
    canceller.set_free(True)
    assert canceller.far_heard > 2.9
    canceller.set_free(False)
    assert canceller.far_heard == 0.0


@each(
    ("processing", "name", "words"),
    [
        (Processing(), "webrtc echo+noise+gain", "AEC3"),
        (Processing(noise=False), "webrtc echo+gain", "AEC3"),
        (Processing(headphones=True), "webrtc noise+gain", "headphones: echo cancelling off"),
        (Processing(echo=False, noise=False, gain=False, headphones=True), "off", "headphones: echo cancelling off"),
    ],
)
def test_each_part_can_be_switched_off_and_is_named_with_the_mic_open_over_answers(
    processing: Processing, name: str, words: str
) -> None:
    processor = make_processor(processing)
    assert (processor.name, processor.hears_over_playback) == (name, True)
    if name != "off":
        assert processor.words == words
    if processing.headphones:
        assert not processor.cancels_echo and not processor.is_cold(2.0)


def test_the_gain_that_was_added_is_known() -> None:
    processor = make_processor(Processing(noise=False))
    clean(processor, spoken(4.0, level=0.01), silence(4.0))
    assert 3.0 < processor.gain_db <= 24.0
    assert make_processor(Processing(gain=False)).gain_db == 0.0


def test_with_cancelling_off_the_mic_shuts_for_answers_and_noise_is_suppressed() -> None:
    processor = make_processor(Processing(echo=False, gain=False))
    assert (processor.words, processor.hears_over_playback) == ("echo cancelling off: half duplex", False)
    near, far = noise(3.0, level=0.01), np.concatenate([silence(2.0), noise(1.0, level=0.1)])
    heard = clean(processor, near, far)
    assert level(heard[48_000:96_000]) < level(near) - 4.0
    assert not heard[-24_000:].any()


def test_without_the_package_the_mic_shuts_for_answers_unless_headphones_are_worn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", None)
    assert isinstance(make_processor(Processing(headphones=True)), PassThroughProcessor)
    processor = make_processor()
    assert isinstance(processor, HalfDuplexProcessor) and not processor.hears_over_playback
    assert "echo canceller" in processor.reason and processor.words == "no echo canceller here: half duplex"
    near, far = noise(1.0, level=0.1), np.concatenate([silence(0.3), noise(0.4, level=0.1), silence(0.3)])
    heard = clean(processor, near, far)
    assert np.array_equal(heard[:14_400], near[:14_400]) and np.array_equal(heard[-4_800:], near[-4_800:])
    assert not heard[14_880:40_320].any()


def test_a_delay_line_gives_back_later_what_it_was_given() -> None:
    line, sound = DelayLine(335), noise(0.1)
    late = np.concatenate([line.push(block).copy() for block in blocks(sound)])
    assert np.array_equal(late, np.concatenate([silence(335.5 / 48_000), sound])[: len(late)])


# What is said over the assistant is restored as it was said, and nothing is invented where that cannot be done


RATE = 48_000
CUT_IN = 480
"""Number of the last block before the voice."""
LAG = 766


def conversation(near: Sound, *, far_level: float = 0.1, echo: bool = True) -> tuple[DuplexMemory, Sound]:
    """4.8 s of an answer, then `near` over it; what was pushed, and the microphone without the echo."""
    voice = np.concatenate([silence(CUT_IN / 100), near])
    far = spoken(len(voice) / RATE + 0.1, level=far_level, seed=5)[: len(voice)]
    alone = voice + noise(len(voice) / RATE + 0.1, level=0.0003)[: len(voice)]
    heard = alone + echo_of(far, 0.5) if echo else alone
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
    heard = said + echo_of(far, 0.5) if echo else said
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
