"""R23: what the presets mean, written out once more, so that no number changes by accident."""

from __future__ import annotations

from dataclasses import asdict

from voicechat.core.policy import PRESETS, TurnPolicy, policy_for

GOLDEN = {
    "balanced": (0.5, 0.3, 0.5, True, False, True, False, False, True, 0.3, True),
    "steady": (0.3, 0.3, 0.3, False, False, False, False, True, True, 0.4, True),
    "quick": (0.5, 0.3, 0.2, True, True, True, True, False, True, 0.3, True),
}
"""threshold, prefix padding, silence, server replies, server interrupts, barge-in, mic open, gate, captions, reopen,
processing; durations in seconds."""


def test_r23_the_presets_are_what_the_rule_book_says() -> None:
    assert {name: tuple(asdict(preset).values())[1:] for name, preset in PRESETS.items()} == GOLDEN


def test_r23_a_preset_leaves_all_other_numbers_alone() -> None:
    assert policy_for(PRESETS["balanced"]) == TurnPolicy()
    assert policy_for(PRESETS["steady"]) == TurnPolicy(reply_to_transcript_only=True, reopen_delay=0.4)
    assert policy_for(PRESETS["quick"]) == TurnPolicy(mic_open_during_playback=True)


def test_every_default_lies_in_the_range_the_rules_allow() -> None:
    policy = TurnPolicy()
    assert 0.0 <= policy.reopen_delay <= 0.5
    assert 0.3 <= policy.drained_silence <= 0.8
    assert 0.0 <= policy.min_playback <= 5.0
    assert 0.1 <= policy.min_voice <= 0.6
    assert 0.3 <= policy.commit_voice <= 1.5
    assert 0.2 <= policy.commit_silence <= 2.0
    assert 0.5 <= policy.join_within <= 3.0
