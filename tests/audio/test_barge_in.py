"""Who may cut in (R7)."""

from __future__ import annotations

from voicechat.audio.barge_in import BargeInFacts, Heard, is_granted, should_duck

FACTS = BargeInFacts(min_playback=1.2, min_voice=0.25, cold_extra=0.2, cold_for=2.0, duck_after=0.1)


def test_a_cough_is_not_an_interruption() -> None:
    assert not is_granted(FACTS, Heard(playback=3.0, lasted=0.2, sure_for=0.2))


def test_nobody_interrupts_a_first_syllable() -> None:
    assert not is_granted(FACTS, Heard(playback=0.4, lasted=1.0, sure_for=1.0))


def test_a_sentence_interrupts_and_its_first_sounds_count_although_the_detector_was_not_sure_of_them() -> None:
    assert is_granted(FACTS, Heard(playback=1.2, lasted=0.25, sure_for=0.1))


def test_a_cold_canceller_asks_for_a_longer_voice_that_is_sure() -> None:
    assert not is_granted(FACTS, Heard(playback=1.5, lasted=0.6, sure_for=0.44, is_cold=True))
    assert is_granted(FACTS, Heard(playback=1.5, lasted=0.6, sure_for=0.45, is_cold=True))


def test_what_the_echo_explains_must_last_longer_and_is_never_believed_over_a_cold_canceller() -> None:
    assert not is_granted(FACTS, Heard(playback=3.0, lasted=0.6, sure_for=0.44, is_doubtful=True))
    assert is_granted(FACTS, Heard(playback=3.0, lasted=0.6, sure_for=0.45, is_doubtful=True))
    assert not is_granted(FACTS, Heard(playback=3.0, lasted=5.0, sure_for=5.0, is_doubtful=True, is_cold=True))


def test_without_a_canceller_the_echo_interrupts_nobody_but_you_do() -> None:
    assert not is_granted(FACTS, Heard(playback=3.0, lasted=5.0, sure_for=5.0, is_doubtful=True, may_be_echo=True))
    assert is_granted(FACTS, Heard(playback=3.0, lasted=0.3, sure_for=0.2, may_be_echo=True))


def test_an_answer_that_is_over_cannot_be_interrupted_whatever_the_limits() -> None:
    eager = BargeInFacts(min_playback=0.0, min_voice=0.1, cold_extra=0.0, cold_for=0.0, duck_after=0.0)
    assert not is_granted(eager, Heard(playback=0.0, lasted=5.0, sure_for=5.0))


def test_the_answer_is_turned_down_while_we_are_not_sure() -> None:
    assert not should_duck(FACTS, heard=3.0, voice_lasted=0.09)
    assert should_duck(FACTS, heard=3.0, voice_lasted=0.1)
    assert not should_duck(FACTS, heard=0.0, voice_lasted=0.5)
