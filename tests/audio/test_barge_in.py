"""Who may cut in (R7)."""

from __future__ import annotations

from voicechat.audio.barge_in import BargeInFacts, is_granted, should_duck

FACTS = BargeInFacts(min_playback=1.2, min_voice=0.25, cold_extra=0.2, cold_for=2.0, duck_after=0.1)


def test_a_cough_is_not_an_interruption() -> None:
    assert not is_granted(FACTS, heard=3.0, voice_lasted=0.2, is_cold=False)


def test_nobody_interrupts_a_first_syllable() -> None:
    assert not is_granted(FACTS, heard=0.4, voice_lasted=1.0, is_cold=False)


def test_a_sentence_interrupts() -> None:
    assert is_granted(FACTS, heard=1.2, voice_lasted=0.25, is_cold=False)


def test_a_cold_canceller_asks_for_a_longer_voice() -> None:
    assert not is_granted(FACTS, heard=1.5, voice_lasted=0.44, is_cold=True)
    assert is_granted(FACTS, heard=1.5, voice_lasted=0.45, is_cold=True)


def test_an_answer_that_is_over_cannot_be_interrupted_whatever_the_limits() -> None:
    eager = BargeInFacts(min_playback=0.0, min_voice=0.1, cold_extra=0.0, cold_for=0.0, duck_after=0.0)
    assert not is_granted(eager, heard=0.0, voice_lasted=5.0, is_cold=False)


def test_the_answer_is_turned_down_while_we_are_not_sure() -> None:
    assert not should_duck(FACTS, heard=3.0, voice_lasted=0.09)
    assert should_duck(FACTS, heard=3.0, voice_lasted=0.1)
    assert not should_duck(FACTS, heard=0.0, voice_lasted=0.5)
