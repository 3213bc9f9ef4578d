"""The whole 10 ms step, driven by arrays and a fake clock: real canceller, real detector, no device."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.nearly import nearly
from tests.support.sources import PlayedOnce, SteadyTone
from tests.support.speech import Sound, blocks, noise, silence, spoken
from voicechat.audio import facts as fact
from voicechat.audio.blocks import Frame
from voicechat.audio.echo import PassThroughProcessor
from voicechat.audio.path import AudioPath, BargeInFacts

FACTS = BargeInFacts(min_playback=1.2, min_voice=0.25, cold_extra=0.2, cold_for=2.0, duck_after=0.1)


class Talk:
    """A path with a room: what it plays comes back as an echo, what the line pulls is kept."""

    def __init__(self, *, echo: float = 0.0, plain: bool = False) -> None:
        self.facts: list[fact.AudioFact] = []
        self.path = AudioPath(self.facts.append, processor=PassThroughProcessor() if plain else None)
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

    def of(self, kind: type) -> list[fact.AudioFact]:
        return [posted for posted in self.facts if isinstance(posted, kind)]


def quiet(seconds: float) -> Sound:
    return noise(seconds, level=0.0003)


def test_the_assistant_is_heard_falls_silent_and_is_heard_again_with_another_device() -> None:
    talk = Talk(plain=True)
    talk.path.set_source(PlayedOnce(np.concatenate([silence(0.5), noise(1.0, level=0.1)])))
    talk.hears(quiet(2.0))
    assert talk.facts == [fact.AssistantHeard(nearly(0.51)), fact.AssistantFellSilent(nearly(1.6), nearly(1.5))]
    talk.path.set_source(PlayedOnce(noise(3.0, level=0.1)))
    talk.hears(quiet(1.0))
    talk.path.reset()
    talk.hears(quiet(1.0))
    again = [fact.AssistantHeard, fact.AssistantFellSilent, fact.AssistantHeard]
    assert [type(posted) for posted in talk.facts[2:]] == again


def test_your_voice_is_noticed_while_the_mic_is_closed_and_nothing_of_it_is_sent() -> None:
    talk = Talk().hears(np.concatenate([quiet(1.0), spoken(1.0) + quiet(1.0), quiet(0.6)]))
    (began,) = talk.of(fact.VoiceBegan)
    (ended,) = talk.of(fact.VoiceEnded)
    assert isinstance(began, fact.VoiceBegan)
    assert isinstance(ended, fact.VoiceEnded)
    assert began.began_at == pytest.approx(1.0, abs=0.15)
    assert ended.duration == pytest.approx(1.0, abs=0.2)
    assert not np.concatenate(talk.sent).any()


def test_talking_over_the_assistant_silences_it_without_asking_anybody() -> None:
    talk = Talk(echo=0.2)
    talk.path.set_source(PlayedOnce(spoken(20.0, seed=5)))
    talk.path.set_barge_in(FACTS)
    talk.hears(quiet(5.0))
    assert talk.of(fact.BargeInHappened) == []
    talk.hears(spoken(1.5, level=0.2, pitch=200.0, seed=9) + quiet(1.5))
    (cut,) = talk.of(fact.BargeInHappened)
    assert isinstance(cut, fact.BargeInHappened)
    assert cut.voice_began_at == pytest.approx(5.0, abs=0.2)  # as far as a voice may reach back
    assert 0.249 <= cut.at - cut.voice_began_at <= 0.8
    assert cut.heard == pytest.approx(cut.at, abs=0.15)
    assert talk.of(fact.PlaybackFlushed) == [fact.PlaybackFlushed(cut.at, 0)]
    silent_from = round(cut.at * 100) + 1
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
    assert talk.of(fact.BargeInHappened) == []
    assert cancels or not np.concatenate(talk.sent[25:240]).any()


def test_with_barge_in_off_the_assistant_talks_on() -> None:
    talk = Talk()
    talk.path.set_source(SteadyTone())
    talk.hears(quiet(2.0)).hears(spoken(1.5))
    assert talk.of(fact.VoiceBegan)
    assert talk.of(fact.BargeInHappened) == []
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
    assert [one.ducked for one in talk.of(fact.PlaybackDucked) if isinstance(one, fact.PlaybackDucked)] == [True, False]


def test_after_an_interruption_the_next_answer_is_played_and_may_be_interrupted_too() -> None:
    talk = Talk(plain=True)
    talk.path.set_source(SteadyTone())
    talk.path.set_barge_in(FACTS)
    for generation in (1, 2):
        talk.hears(quiet(1.5)).hears(spoken(0.8)).hears(quiet(0.8))
        assert not talk.played[-1].any()
        talk.path.begin_playback(generation)
    assert len(talk.of(fact.BargeInHappened)) == 2


def test_a_key_silences_at_the_next_block_and_says_so() -> None:
    talk = Talk(plain=True)
    talk.path.set_source(SteadyTone())
    talk.hears(quiet(0.5))
    talk.path.flush()
    talk.hears(quiet(0.2))
    assert talk.of(fact.PlaybackFlushed) == [fact.PlaybackFlushed(nearly(0.51), 0)]
    assert not np.concatenate(talk.played[51:]).any()
    assert talk.of(fact.AssistantFellSilent) == [fact.AssistantFellSilent(nearly(0.6), nearly(0.5))]


def test_a_release_tells_when_the_last_sample_has_left() -> None:
    talk = Talk(plain=True)
    talk.path.open_mic(0.0)
    talk.hears(noise(0.5, level=0.1))
    talk.path.close_mic()
    talk.hears(noise(0.2, level=0.1))
    (drained,) = talk.of(fact.UplinkDrained)
    assert drained.at == pytest.approx(0.53, abs=0.03)
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
    assert talk.facts == [], "zeros from before it opened do not count"
    talk.hears(silence(2.1))
    assert talk.facts == [fact.MicFlat(nearly(12.0), nearly(5.0))]
    assert talk.path.snapshot().flat_for == pytest.approx(14.0)
    talk.hears(quiet(0.1))
    assert talk.facts[1:] == [fact.MicLive(nearly(14.01))]
    file = Talk()
    file.path.open_mic(0.0)
    assert file.hears(silence(7.0)).facts == []


def test_a_voice_that_the_lost_device_cut_off_is_ended() -> None:
    talk = Talk().hears(quiet(0.5)).hears(spoken(0.6))
    talk.path.reset()
    talk.hears(silence(0.01))
    assert talk.of(fact.VoiceEnded)


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
    assert talk.of(fact.ProcessingChanged) == [
        fact.ProcessingChanged(nearly(0.51), "AEC3", hears_over_playback=True),
        fact.ProcessingChanged(nearly(0.51), "headphones: echo cancelling off", hears_over_playback=True),
    ]
    talk.path.set_processing(headphones=False, echo=False)
    talk.hears(quiet(0.01))
    assert talk.facts[-1] == fact.ProcessingChanged(
        nearly(0.52), "echo cancelling off: half duplex", hears_over_playback=False
    )
