"""The whole 10 ms step, driven by arrays and a fake clock: real canceller, real detector, no device."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tests.support.each import each
from tests.support.nearly import nearly
from tests.support.sources import PlayedOnce, SteadyTone
from tests.support.speech import Sound, blocks, noise, silence, spoken
from voicechat.audio.blocks import Frame, energy_db, mean_square, to_float, to_int16
from voicechat.audio.devices import silent_cure
from voicechat.audio.echo import PassThroughProcessor
from voicechat.audio.levels import NOISE_LOWEST_DB, LevelMeter
from voicechat.audio.mic_gate import MEMORY, MicGate
from voicechat.audio.path import AudioPath, BargeInFacts
from voicechat.core import events as on

FACTS = BargeInFacts(min_playback=1.2, min_voice=0.25, cold_extra=0.2, cold_for=2.0, duck_after=0.1)


class Talk:
    """A path with a room: what it plays comes back as an echo, what the line pulls is kept."""

    def __init__(self, *, echo: float = 0.0, plain: bool = False) -> None:
        self.told: list[tuple[float, on.AudioEvent]] = []
        """What was posted, with the end of its block in seconds: a held block waits for the next one."""
        processor = PassThroughProcessor() if plain else None
        self.path = AudioPath(lambda event: self.told.append((round(self.now, 6), event)), processor=processor)
        self.now = 0.0
        self.played: list[Sound] = []
        self.sent: list[Frame] = []
        self._echo = echo
        self._steps = 0

    def hears(self, near: Sound) -> Talk:
        for block in blocks(near):
            out = np.zeros(480, dtype=np.float32)
            self.now += 0.01
            delayed = self.played[-6] * self._echo if len(self.played) >= 6 else 0.0
            self.path.process((block + delayed).astype(np.float32), out, self.now)
            self.played.append(out)
            self._steps += 1
            if self._steps % 2 == 0:
                self.sent.append(self.path.pull())
        return self

    def of(self, kind: type) -> list[tuple[float, on.AudioEvent]]:
        return [(at, event) for at, event in self.told if isinstance(event, kind)]


def quiet(seconds: float) -> Sound:
    return noise(seconds, level=0.0003)


def test_the_assistant_is_heard_falls_silent_and_is_heard_again_with_another_device() -> None:
    talk = Talk(plain=True)
    talk.path.set_source(PlayedOnce(np.concatenate([silence(0.5), noise(1.0, level=0.1)])))
    talk.hears(quiet(2.0))
    assert talk.told == [(0.51, on.AssistantHeard()), (1.6, on.AssistantFellSilent(nearly(1.5)))]
    talk.path.set_source(PlayedOnce(noise(3.0, level=0.1)))
    talk.hears(quiet(1.0))
    talk.path.reset()
    talk.hears(quiet(1.0))
    again = [on.AssistantHeard, on.AssistantFellSilent, on.AssistantHeard]
    assert [type(event) for _, event in talk.told[2:]] == again


def test_your_voice_is_noticed_while_the_mic_is_closed_and_nothing_of_it_is_sent() -> None:
    talk = Talk().hears(np.concatenate([quiet(1.0), spoken(1.0) + quiet(1.0), quiet(0.6)]))
    ((_, began),) = talk.of(on.VoiceBegan)
    ((_, ended),) = talk.of(on.VoiceEnded)
    assert isinstance(began, on.VoiceBegan)
    assert isinstance(ended, on.VoiceEnded)
    assert began.began_at == pytest.approx(1.0, abs=0.15)
    assert ended.voiced == pytest.approx(1.0, abs=0.2)
    assert not np.concatenate(talk.sent).any()


def test_talking_over_the_assistant_silences_it_without_asking_anybody() -> None:
    talk = Talk(echo=0.2)
    talk.path.set_source(PlayedOnce(spoken(20.0, seed=5)))
    talk.path.set_barge_in(FACTS)
    talk.hears(quiet(5.0))
    assert talk.of(on.BargeInHappened) == []
    talk.hears(spoken(1.5, level=0.2, pitch=200.0, seed=9) + quiet(1.5))
    ((at, cut),) = talk.of(on.BargeInHappened)
    assert isinstance(cut, on.BargeInHappened)
    assert cut.voice_began_at == pytest.approx(5.0, abs=0.2)  # as far as a voice may reach back
    assert 0.249 <= at - cut.voice_began_at <= 0.8
    assert talk.of(on.PlaybackFlushed) == [(at, on.PlaybackFlushed(0))]
    silent_from = round(at * 100) + 1
    assert not np.concatenate(talk.played[silent_from:]).any()


@pytest.mark.parametrize("cancels", [True, False])
def test_the_assistants_own_echo_never_interrupts_it_nor_is_sent_with_cancelling_off(cancels: bool) -> None:
    talk = Talk(echo=0.3 if cancels else 0.5)
    if not cancels:
        talk.path.set_processing(echo=False)
    talk.path.set_source(PlayedOnce(spoken(12.0 if cancels else 5.0, seed=5)))
    talk.path.set_barge_in(FACTS)
    talk.path.open_mic(0.0)
    talk.hears(quiet(12.0 if cancels else 5.0))
    assert talk.of(on.BargeInHappened) == []
    assert cancels or not np.concatenate(talk.sent[25:240]).any()


def test_with_barge_in_off_the_assistant_talks_on() -> None:
    talk = Talk()
    talk.path.set_source(SteadyTone())
    talk.hears(quiet(2.0)).hears(spoken(1.5))
    assert talk.of(on.VoiceBegan)
    assert talk.of(on.BargeInHappened) == []
    assert talk.played[-1].any()


def test_the_assistant_is_turned_down_for_a_voice_that_may_interrupt_and_up_again() -> None:
    talk = Talk(plain=True)
    talk.path.set_source(SteadyTone())
    talk.path.set_barge_in(BargeInFacts(99.0, 0.25, 0.2, 2.0, 0.1))
    talk.hears(quiet(1.0))
    loud = float(np.max(talk.played[-1]))
    talk.hears(spoken(0.8))
    assert float(np.max(talk.played[-1])) == pytest.approx(loud / 4, rel=0.05)
    talk.hears(quiet(1.0))
    assert float(np.max(talk.played[-1])) == pytest.approx(loud, rel=0.02)
    assert [event for _, event in talk.of(on.PlaybackDucked)] == [on.PlaybackDucked(True), on.PlaybackDucked(False)]


def test_after_an_interruption_the_next_answer_is_played_and_may_be_interrupted_too() -> None:
    talk = Talk(plain=True)
    talk.path.set_source(SteadyTone())
    talk.path.set_barge_in(FACTS)
    for generation in (1, 2):
        talk.hears(quiet(1.5)).hears(spoken(0.8)).hears(quiet(0.8))
        assert not talk.played[-1].any()
        talk.path.begin_playback(generation)
    assert len(talk.of(on.BargeInHappened)) == 2


def test_a_key_silences_at_the_next_block_and_says_so() -> None:
    talk = Talk(plain=True)
    talk.path.set_source(SteadyTone())
    talk.hears(quiet(0.5))
    talk.path.flush()
    talk.hears(quiet(0.2))
    assert talk.of(on.PlaybackFlushed) == [(0.51, on.PlaybackFlushed(0))]
    assert not np.concatenate(talk.played[51:]).any()
    assert talk.of(on.AssistantFellSilent) == [(0.6, on.AssistantFellSilent(nearly(0.5)))]


def test_a_release_tells_when_the_last_sample_has_left() -> None:
    talk = Talk(plain=True)
    talk.path.open_mic(0.0)
    talk.hears(noise(0.5, level=0.1))
    talk.path.close_mic()
    talk.hears(noise(0.2, level=0.1))
    ((at, _),) = talk.of(on.UplinkDrained)
    assert at == pytest.approx(0.53, abs=0.03)
    sent = np.concatenate(talk.sent)
    assert np.count_nonzero(sent) == pytest.approx(24_000, abs=50)


def test_a_grant_sends_what_was_said_before_it() -> None:
    talk = Talk(plain=True)
    near = noise(1.0, level=0.1)
    talk.hears(near)
    talk.path.open_mic(0.6)
    talk.hears(silence(1.0))
    sent = np.concatenate(talk.sent)
    said = sent[np.flatnonzero(sent)[0] :][:28_800] / 32767
    assert np.max(np.abs(said - near[-28_800:])) < 1e-3


def test_an_open_real_mic_of_bit_exact_zeros_is_reported_once_and_its_return_too() -> None:
    talk = Talk()
    talk.path.mic_is_real = True
    talk.hears(silence(7.0))
    talk.path.open_mic(0.0)
    talk.hears(silence(4.9))
    assert talk.told == [], "zeros from before it opened do not count"
    talk.hears(silence(2.1))
    assert talk.told == [(12.0, on.MicFlat(nearly(5.0), silent_cure()))]
    assert talk.path.snapshot().flat_for == pytest.approx(14.0)
    talk.hears(quiet(0.1))
    assert talk.told[1:] == [(14.02, on.MicLive())]
    file = Talk()
    file.path.open_mic(0.0)
    assert file.hears(silence(7.0)).told == []


def test_a_voice_that_the_lost_device_cut_off_is_ended() -> None:
    talk = Talk().hears(quiet(0.5)).hears(spoken(0.6))
    talk.path.reset()
    talk.hears(silence(0.01))
    assert talk.of(on.VoiceEnded)


def test_the_snapshot_shows_both_levels_and_volume_and_deafness_reach_the_loudspeaker() -> None:
    talk = Talk(plain=True)
    talk.path.set_source(SteadyTone(level=0.2))
    talk.path.open_mic(0.0)
    talk.hears(noise(0.5, level=0.1))
    snapshot = talk.path.snapshot()
    assert snapshot.in_db == pytest.approx(-20.0, abs=1.5)
    assert snapshot.out_db == pytest.approx(-17.0, abs=1.0)
    assert (snapshot.gate_open, snapshot.echo_name, snapshot.detector_name) == (True, "off", "silero")
    talk.path.set_volume(0.5)
    talk.hears(quiet(0.3))
    assert float(np.max(talk.played[-1])) == pytest.approx(0.1, rel=0.02)
    talk.path.deafen(True)
    talk.hears(quiet(0.3))
    assert not talk.played[-1].any()


def test_processing_is_switched_while_talking_from_the_next_block_on_and_says_so() -> None:
    talk = Talk().hears(quiet(0.5))
    talk.path.set_processing(noise=False)
    talk.path.set_processing(headphones=True)
    assert talk.path.snapshot().echo_name == "webrtc echo+noise+gain"
    talk.hears(quiet(0.01))
    assert talk.path.snapshot().echo_name == "webrtc gain"
    assert talk.of(on.EchoChanged) == [
        (0.51, on.EchoChanged("AEC3", hears_over_playback=True)),
        (0.51, on.EchoChanged("headphones: echo cancelling off", hears_over_playback=True)),
    ]
    talk.path.set_processing(headphones=False, echo=False)
    talk.hears(quiet(0.01))
    assert talk.told[-1] == (0.52, on.EchoChanged("echo cancelling off: half duplex", hears_over_playback=False))


# What a meter shows, what counts as noise, and the conversions at the ends of the path


def meter_after(*sounds: Sound) -> LevelMeter:
    meter = LevelMeter()
    for block in blocks(np.concatenate(sounds)):
        meter.measure(block)
    return meter


def test_a_full_scale_square_wave_is_0_dbfs_and_half_of_it_6_less() -> None:
    full, half = (meter_after(np.full(480, level, np.float32)) for level in (1.0, 0.5))
    assert (full.rms_db, full.peak_db, half.rms_db) == pytest.approx((0.0, 0.0, -6.02), abs=0.01)
    assert energy_db(mean_square(np.zeros(480, np.float32))) == -100.0
    assert mean_square(np.zeros(0, np.float32)) == 0.0


def test_the_meter_rises_at_once_and_falls_slowly_enough_to_be_seen() -> None:
    meter = meter_after(noise(0.1, level=0.1))
    loud = meter.level_db
    meter.measure(np.zeros(480, dtype=np.float32))
    assert meter.rms_db == -100.0
    assert meter.level_db == pytest.approx(loud - 1.2)


def test_the_noise_floor_is_the_noise_between_the_words_and_follows_a_fan() -> None:
    speech = spoken(4.0)
    speech[96_000:120_000] = 0.0
    assert meter_after(speech + noise(4.0, level=0.003)).noise_db == pytest.approx(-50.5, abs=2.5)
    assert meter_after(silence(3.0)).noise_db == NOISE_LOWEST_DB
    assert meter_after(silence(1.0), noise(7.0, level=0.01)).noise_db == pytest.approx(-40.0, abs=2.0)


def test_one_second_of_clipping_shows_its_share_and_is_forgotten_again() -> None:
    clipped = np.clip(noise(1.0, level=1.0), -1.0, 1.0)
    share = float(np.mean(np.abs(clipped) >= 0.999))
    assert meter_after(clipped).clipped == pytest.approx(share * 0.63, abs=0.05)
    assert meter_after(clipped, silence(5.0)).clipped < 0.01


def test_only_bit_exact_zeros_are_flat() -> None:
    assert meter_after(silence(2.0)).flat_for == pytest.approx(2.0)
    assert meter_after(silence(2.0), noise(0.01, level=1e-5)).flat_for == 0.0


@given(st.lists(st.integers(-32767, 32767), min_size=1, max_size=50))
def test_int16_survives_the_path_bit_for_bit_and_what_is_too_loud_is_clipped(samples: list[int]) -> None:
    sound = to_float(np.array(samples, dtype=np.int16))
    assert to_int16(sound).tolist() == samples
    assert to_int16((np.sign(sound) * 1.5).astype(np.float32)).tolist() == [
        32_767 * int(np.sign(sample)) for sample in samples
    ]


# What leaves the machine, and what does not


def numbered(number: int) -> Sound:
    """A block that can be recognised: every sample is its number."""
    return np.full(480, number / 32767, dtype=np.float32)


class Mic:
    """Feeds numbered blocks, one every 10 ms."""

    def __init__(self, gate: MicGate) -> None:
        self.gate = gate
        self.number = 0

    def hears(self, blocks: int, *, is_silent: bool = False) -> None:
        for _ in range(blocks):
            self.number += 1
            self.gate.push(numbered(self.number), is_silent=is_silent)


def sent(gate: MicGate, frames: int) -> list[int]:
    """Numbers of the blocks in the next frames; 0 for silence."""
    return [int(half[0]) for _ in range(frames) for half in gate.pull().reshape(2, 480)]


@pytest.fixture
def gate() -> MicGate:
    return MicGate()


@pytest.fixture
def mic(gate: MicGate) -> Mic:
    return Mic(gate)


def test_reopening_at_once_does_not_send_the_same_words_twice(gate: MicGate, mic: Mic) -> None:
    mic.hears(10)
    gate.open(0.1)
    mic.hears(2)
    gate.close()
    mic.hears(4)
    gate.open(0.3)
    mic.hears(2)
    assert sent(gate, 9) == list(range(1, 19))


def test_a_mute_takes_back_what_has_not_left_yet(gate: MicGate, mic: Mic) -> None:
    mic.hears(100)
    gate.open(0.3)
    gate.close(drop=True)
    assert sent(gate, 20) == [0] * 40
    assert gate.drained() == 0.0


def test_a_pre_roll_is_caught_up_in_the_next_pause(gate: MicGate, mic: Mic) -> None:
    mic.hears(30)
    gate.open(0.3)
    for _ in range(20):
        mic.hears(2)
        assert 0 not in sent(gate, 1)
    assert gate.backlog == pytest.approx(0.3)
    for _ in range(40):
        mic.hears(2, is_silent=True)
        sent(gate, 1)
    assert gate.backlog <= 0.02


def test_a_block_pushed_while_the_uplink_seeks_a_pause_raises_nothing(gate: MicGate, mic: Mic) -> None:
    class Silence:
        """The audio thread takes in a block just when the line's thread asks."""

        def __bool__(self) -> bool:
            mic.hears(1)
            return True

    gate.open(0.0)
    for _ in range(12):
        gate.push(numbered(0), is_silent=cast(bool, Silence()))
    assert sent(gate, 1) == [0, 0]
    mic.hears(1)
    assert mic.number in sent(gate, 60)


def test_a_mic_that_has_nothing_ready_is_counted_but_not_before_the_first_sound(gate: MicGate, mic: Mic) -> None:
    gate.open(0.0)
    sent(gate, 3)
    assert gate.underruns == 0
    mic.hears(2)
    sent(gate, 2)
    assert gate.underruns == 1


actions = st.lists(
    st.one_of(
        st.tuples(st.just("hear"), st.integers(1, 40)),
        st.tuples(st.just("open"), st.integers(0, 60)),
        st.tuples(st.just("close"), st.booleans()),
        st.tuples(st.just("pull"), st.integers(1, 20)),
    ),
    max_size=60,
)


@given(actions)
def test_nothing_leaves_that_was_not_allowed_to_and_no_sound_twice(script: list[tuple[str, int]]) -> None:
    gate = MicGate()
    mic = Mic(gate)
    allowed: set[int] = set()
    silent: set[int] = set()
    left: list[int] = []
    for action, amount in script:
        match action:
            case "hear":
                first = mic.number + 1
                mic.hears(amount, is_silent=amount % 3 == 0)
                silent.update(range(first, mic.number + 1) if amount % 3 == 0 else ())
                if gate.is_open:
                    allowed.update(range(first, mic.number + 1))
            case "open":
                if not gate.is_open:
                    allowed.update(range(max(1, mic.number - amount + 1), mic.number + 1))
                gate.open(amount / 100)
            case "close":
                gate.close(drop=bool(amount))
                if not amount:
                    continue
                assert sent(gate, 1) == [0, 0]
            case _:
                left.extend(number for number in sent(gate, amount) if number)
    assert set(left) <= allowed
    assert left == sorted(left)
    sounds = [number for number in left if number not in silent]
    assert len(sounds) == len(set(sounds))


def test_a_heard_block_is_in_a_packet_within_30_ms(gate: MicGate, mic: Mic) -> None:
    gate.open(0.0)
    waited = []
    for block in range(1, 6_001):
        mic.hears(1, is_silent=block % 200 > 150)
        if block % 2 == 0:
            waited += [block - number for number in sent(gate, 1) if number]
    assert max(waited) * 0.01 <= 0.03


def test_only_an_open_mic_sends_and_a_press_sends_300_ms_before_it_first(gate: MicGate, mic: Mic) -> None:
    mic.hears(100)
    assert sent(gate, 25) == [0] * 50
    gate.open(0.3)
    mic.hears(4)
    gate.close()
    mic.hears(10)
    assert sent(gate, 18) == [*range(71, 105), 0, 0]


@each(("heard", "pre_roll", "waits"), [(1_500, 10.0, 10.0), (2_000, 60.0, MEMORY)])
def test_what_is_kept_without_a_connection_is_sent_as_far_as_the_memory_goes(
    heard: int, pre_roll: float, waits: float
) -> None:
    mic = Mic(MicGate())
    mic.hears(heard)
    mic.gate.open(pre_roll)
    assert mic.gate.backlog == pytest.approx(waits)
    first = heard - round(waits * 100) + 1
    assert sent(mic.gate, 1) == [first, first + 1]
    mic.hears(3_000)
    assert mic.gate.backlog == pytest.approx(MEMORY)


@pytest.mark.parametrize("is_pressed_again", [False, True])
def test_a_drain_is_reported_once_when_the_last_sample_has_left(
    gate: MicGate, mic: Mic, is_pressed_again: bool
) -> None:
    gate.open(0.0)
    mic.hears(4)
    gate.close()
    if is_pressed_again:
        gate.open(0.0)
        mic.hears(4)
    drained = [gate.drained()]
    for _ in range(2):
        sent(gate, 1)
        drained.append(gate.drained())
    assert [*drained, gate.drained()] == [None, None, 0.0, None]


def test_a_close_with_sound_that_waits_tells_once_how_much_and_then_the_drain(gate: MicGate, mic: Mic) -> None:
    gate.open(0.0)
    mic.hears(50)
    gate.close()
    assert [gate.drained(), gate.drained()] == [nearly(0.5), None]
    sent(gate, 25)
    assert [gate.drained(), gate.drained()] == [0.0, None]


def test_catching_up_skips_silence_but_no_soft_consonant_right_before_a_sound(gate: MicGate, mic: Mic) -> None:
    mic.hears(30)
    gate.open(0.3)
    mic.hears(20)
    mic.hears(60, is_silent=True)
    mic.hears(20)
    heard = [number for number in sent(gate, 65) if number]
    assert [number for number in heard if number <= 50 or number > 102] == [*range(1, 51), *range(103, 131)]
    assert gate.skipped > 0
