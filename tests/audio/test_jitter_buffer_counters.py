"""Each counter counts what it says, and the delay comes back, on tables of arrivals with real packets."""

from __future__ import annotations

import numpy as np
import pytest

from tests.audio.arrival_trace import Arrival, Network, Pcm, arrivals, encoded, listened
from tests.support.speech import spoken
from voicechat.audio.jitter_buffer import JitterBuffer
from voicechat.audio.opus import OpusDecoder, carries_fec


@pytest.fixture(scope="module")
def speech() -> list[bytes]:
    """Half a minute of connected syllables: no pause comes."""
    return encoded((spoken(30.0) * 32_767).astype(np.int16))


def steady(count: int, lost: set[int] | frozenset[int] = frozenset()) -> list[Arrival]:
    return [Arrival(n, n * 0.02, n * 0.02 + 0.02) for n in range(count) if n not in lost]


def test_an_undisturbed_line_counts_played_packets_and_nothing_else(speech: list[bytes]) -> None:
    stats = listened(speech, steady(500)).stats
    assert stats.played == 500
    assert (stats.fec, stats.stretched, stats.dropped, stats.late, stats.repeated) == (0, 0, 0, 0, 0)
    assert stats.invented == pytest.approx(0.1, abs=0.03)  # the end of the talk
    assert stats.heard == pytest.approx(10.0 + stats.invented)


@pytest.mark.parametrize("pull", [480, 960])
def test_a_lost_packet_counts_as_repaired_only_when_the_next_one_carried_it(speech: list[bytes], pull: int) -> None:
    carried = [n for n in range(100, 400) if carries_fec(speech[n + 1])][::30]
    stats = listened(speech, steady(500, set(carried)), pull=pull).stats
    assert stats.fec == len(carried) and stats.played == 500 - len(carried)
    silent = encoded(np.zeros(500 * 960, np.int16))
    stats = listened(silent, steady(500, {100, 200, 300}), pull=pull).stats
    assert stats.fec == 0 and stats.invented >= 0.06


def test_concealed_sound_is_counted_in_20_ms_frames_at_any_block_size(speech: list[bytes]) -> None:
    buffer = JitterBuffer(OpusDecoder())
    for number in range(50):
        buffer.push(number, number * 960, speech[number], number * 0.02)
    for tick in range(400):
        buffer.pull(0.1 + tick * 0.005, 240)
    stats = buffer.stats()
    assert stats.invented == pytest.approx(0.1) and stats.concealed == 5


def test_late_and_repeated_packets_are_counted_apart(speech: list[bytes]) -> None:
    table = [a._replace(at=a.at + 0.15) if a.number == 200 else a for a in steady(400)]
    twice = [a._replace(at=a.at + 0.005) for a in steady(400) if a.number in (50, 51, 300)]
    stats = listened(speech, sorted(table + twice, key=lambda a: a.at), pull=480).stats
    assert stats.late == 1 and stats.repeated == 3
    assert stats.played == 399


def test_what_a_flush_drops_is_counted_as_dropped_and_not_as_late(speech: list[bytes]) -> None:
    buffer = JitterBuffer(OpusDecoder())
    for n in range(10):
        buffer.push(n, n * 960, speech[n], 0.0)
    buffer.flush()
    buffer.push(9, 9 * 960, speech[9], 0.01)
    buffer.push(8, 8 * 960, speech[8], 0.01)
    buffer.pull(0.02)
    stats = buffer.stats()
    assert (stats.dropped, stats.repeated, stats.late, stats.played) == (10, 2, 0, 0)


@pytest.mark.parametrize("pull", [480, 960])
def test_the_delay_recovers_within_12_s_of_unbroken_speech(speech: list[bytes], pull: int) -> None:
    table = steady(1_500)
    rough = [a._replace(at=a.at + 0.13 * (a.number % 9 == 0)) if 200 <= a.number < 280 else a for a in table]
    latest = 0.0
    for at, arrival in enumerate(rough):
        latest = max(latest, arrival.at)
        rough[at] = arrival._replace(at=latest)
    heard = listened(speech, rough, pull=pull)
    during = heard.delays[(heard.said > 5.0) & (heard.said < 5.6)]
    after = heard.delays[heard.said > 5.6 + 12.0]
    assert np.median(during) > 0.09
    assert np.median(after) < 0.065
    assert heard.stats.accelerated > 0.04 and heard.stats.dropped == 0
    assert heard.stats.played == 1_500
    added = heard.stats.expanded + heard.stats.invented - heard.stats.accelerated
    assert added == pytest.approx(heard.sound.size / 48_000 - 30.0 - heard.stats.silence * pull / 48_000, abs=0.03)


@pytest.mark.parametrize(("loss", "burst", "most_invented"), [(0.05, 1.0, 0.03), (0.10, 1.0, 0.06), (0.10, 3.0, 0.10)])
def test_loss_is_made_good_without_waiting_for_it(
    speech: list[bytes], loss: float, burst: float, most_invented: float
) -> None:
    clean = listened(speech, arrivals(1_400, Network(0.02, 0.01), 5), pull=480)
    lossy = listened(speech, arrivals(1_400, Network(0.02, 0.01, loss, burst), 5), pull=480)
    assert lossy.delay() <= clean.delay() + 0.021
    assert lossy.stats.invented / lossy.stats.heard <= most_invented


@pytest.mark.parametrize("drift", [200e-6, -200e-6])
def test_clocks_200_ppm_apart_for_15_minutes_keep_the_delay(drift: float) -> None:
    minute: Pcm = (np.concatenate((spoken(8.0), np.zeros(96_000, np.float32))) * 32_767).astype(np.int16)
    packets = encoded(minute)
    count = 45_000
    heard = listened(packets * (count // len(packets)), arrivals(count, Network(0.02, 0.004), 3, drift=drift), pull=480)
    assert heard.delay(750.0) <= 0.08 and heard.delay(750.0, 0.99) <= 0.1
    assert heard.stats.dropped == 0 and heard.stats.played >= count - 20
    stretched = heard.stats.expanded if drift > 0 else heard.stats.accelerated
    assert stretched + heard.stats.invented >= 0.12
    assert heard.stats.invented <= 0.75
