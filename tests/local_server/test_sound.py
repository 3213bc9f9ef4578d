"""Sound on its way through the server: rates, formats, the ears' memory and the playout."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.local_server import loud_is_voice
from voicechat.audio.sound_format import Resampler, resampled
from voicechat.local_server.listening import LONGEST_MEMORY, Ears
from voicechat.local_server.refusals import Refusal
from voicechat.local_server.sound import RATES, Pcm, Playout, Samples, decoded_sound, encoded_sound
from voicechat.local_server.speech.vad import SpeechBegan

RATIOS = [(48_000, 16_000), (24_000, 16_000), (8_000, 16_000), (24_000, 48_000), (24_000, 8_000)]


def tone(hertz: float, rate: int, seconds: float = 1.0) -> NDArray[np.float32]:
    return np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate).astype(np.float32)


@pytest.mark.parametrize(("source", "target"), RATIOS)
def test_a_tone_keeps_its_pitch_and_level_at_another_rate(source: int, target: int) -> None:
    sound = resampled(tone(1_000, source), source, target)
    middle = sound[target // 4 : -target // 4]
    assert abs(len(sound) - target) < target * 0.005
    assert abs(float(np.sqrt(np.mean(middle**2))) - 0.7071) < 0.005
    assert np.argmax(np.abs(np.fft.rfft(middle))) * target / len(middle) == pytest.approx(1_000, abs=3)


@pytest.mark.parametrize(("source", "target"), RATIOS)
def test_blocks_of_any_size_give_the_same_samples_as_the_whole(source: int, target: int) -> None:
    sound = tone(700, source)
    whole, parts = Resampler(source, target).convert(sound), Resampler(source, target)
    cuts = np.array_split(sound, [1, 7, 960, 961, 5_000])
    np.testing.assert_allclose(np.concatenate([parts.convert(cut) for cut in cuts]), whole, atol=1e-6)


def test_what_16_khz_cannot_hold_is_removed_and_not_folded_back() -> None:
    assert np.abs(resampled(tone(11_000, 48_000), 48_000, 16_000)[500:-500]).max() < 0.003


def read_back(form: str, data: bytes) -> Samples:
    return decoded_sound(form, base64.b64encode(data).decode(), "audio")


def there_and_back(form: str, sound: Samples) -> Samples:
    return decoded_sound(form, encoded_sound(form, sound), "audio")


@pytest.mark.parametrize("form", ["audio/pcmu", "audio/pcma"])
def test_g711_is_right_to_its_own_grain(form: str) -> None:
    sound = tone(440, RATES[form]) * 0.8
    back = there_and_back(form, sound)
    noise = float(np.mean((back - sound) ** 2))
    assert 10 * np.log10(float(np.mean(sound**2)) / noise) > 35


def test_known_g711_codes_mean_what_the_recommendation_says() -> None:
    for form, quiet, loudest in (("audio/pcmu", b"\xff\x7f", b"\x80\x00"), ("audio/pcma", b"\xd5\x55", b"\xaa\x2a")):
        zero, top = read_back(form, quiet), read_back(form, loudest)
        assert np.abs(zero).max() < 0.001
        assert top[0] == pytest.approx(0.98, abs=0.01) and top[1] == pytest.approx(-0.98, abs=0.01)


def test_half_a_pcm_sample_is_refused() -> None:
    with pytest.raises(Refusal):
        read_back("audio/pcm", b"\x00\x01\x02")


def test_too_loud_a_voice_is_clipped_and_never_wraps() -> None:
    back = there_and_back("audio/pcm", np.array([1.5, -1.5], np.float32))
    assert back[0] > 0.99 and back[1] < -0.99


def test_ears_find_the_same_turn_in_blocks_of_any_size() -> None:
    sound = np.concatenate([np.zeros(16_000), np.full(16_000, 0.5), np.zeros(16_000)]).astype(np.float32)
    results = []
    for size in (1, 320, 512, 16_000):
        ears = Ears(loud_is_voice)
        results.append([event for at in range(0, len(sound), size) for event in ears.hear(sound[at : at + size])])
    assert results[0] == results[1] == results[2] == results[3]
    assert isinstance(results[0][0], SpeechBegan)


def test_ears_remember_by_position_and_forget_the_oldest() -> None:
    ears = Ears(loud_is_voice)
    second = np.zeros(16_000, np.float32)
    for number in range(int(LONGEST_MEMORY) + 10):
        ears.hear(second + number / 1_000)
    assert ears.position_ms == (int(LONGEST_MEMORY) + 10) * 1_000
    assert not len(ears.sound(0, 5_000))
    recent = ears.sound(ears.position_ms - 500, ears.position_ms)
    assert 7_000 <= len(recent) <= 9_000
    assert recent[-1] == pytest.approx((LONGEST_MEMORY + 9) / 1_000 * 32_767, abs=2)


def pcm(seconds: float, level: int = 10_000) -> Pcm:
    return np.full(int(48_000 * seconds), level, np.int16)


def test_the_playout_tells_when_an_answer_starts_and_stops_and_how_much_of_it_was_played() -> None:
    playout = Playout()
    playout.add("r", pcm(0.05))
    playout.complete("r")
    assert playout.pull()[1] == [("r", "started")] and playout.played("r") == 0.02
    assert playout.pull()[1] == [] and playout.played("r") == 0.04
    assert playout.pull()[1] == [("r", "stopped")] and playout.pull()[1] == []


def test_a_gap_in_an_answer_that_is_still_being_made_is_no_end() -> None:
    playout = Playout()
    playout.add("r", pcm(0.02))
    playout.pull()
    frame, marks = playout.pull()
    assert not frame.any() and marks == []
    playout.add("r", pcm(0.02))
    playout.complete("r")
    assert playout.pull()[1] == [("r", "stopped")]


def test_an_answer_whose_end_is_known_late_still_stops() -> None:
    playout = Playout()
    playout.add("r", pcm(0.02))
    playout.pull()
    playout.complete("r")
    assert playout.pull()[1] == [("r", "stopped")]


def test_a_clear_is_silent_within_5_ms_and_ends_in_no_click() -> None:
    playout = Playout()
    playout.add("r", pcm(2.0))
    playout.pull()
    playout.clear()
    frame, marks = playout.pull()
    assert marks == [] and not frame[240:].any()
    assert np.abs(np.diff(frame[:241].astype(int))).max() < 200


def test_answers_play_one_after_the_other_without_a_gap() -> None:
    playout = Playout()
    for name, level in (("a", 1_000), ("b", 2_000)):
        playout.add(name, pcm(0.03, level))
        playout.complete(name)
    frames = [playout.pull() for _ in range(3)]
    line = np.concatenate([frame for frame, _ in frames])
    assert (line[:1_440] == 1_000).all() and (line[1_440:2_880] == 2_000).all()
    assert [name for _, marks in frames for name, kind in marks if kind == "started"] == ["a", "b"]
