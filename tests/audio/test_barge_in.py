"""Who may cut in (R7)."""

from __future__ import annotations

import pytest

from voicechat.audio.barge_in import BargeInFacts, Heard, is_granted, should_duck

FACTS = BargeInFacts(min_playback=1.2, min_voice=0.25, cold_extra=0.2, cold_for=2.0, duck_after=0.1)


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


@pytest.mark.parametrize(("heard", "granted"), [case[1:] for case in GRANTS], ids=[case[0] for case in GRANTS])
def test_barge_in_is_granted_only_to_a_long_enough_sure_enough_voice(heard: Heard, *, granted: bool) -> None:
    assert is_granted(FACTS, heard) is granted


def test_an_answer_that_is_over_cannot_be_interrupted_whatever_the_limits() -> None:
    eager = BargeInFacts(min_playback=0.0, min_voice=0.1, cold_extra=0.0, cold_for=0.0, duck_after=0.0)
    assert not is_granted(eager, Heard(playback=0.0, lasted=5.0, sure_for=5.0))


def test_the_answer_is_turned_down_while_we_are_not_sure() -> None:
    assert not should_duck(FACTS, heard=3.0, voice_lasted=0.09)
    assert should_duck(FACTS, heard=3.0, voice_lasted=0.1)
    assert not should_duck(FACTS, heard=0.0, voice_lasted=0.5)
