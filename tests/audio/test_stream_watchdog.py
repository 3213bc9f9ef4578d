"""A sound device that is lost, hangs, spins or comes back, and what the talk notices of it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.audio.sound_machine import Machine, listed, machine, run, watched
from tests.support.nearly import nearly
from tests.support.sources import SteadyTone
from tests.support.vaudio import until
from voicechat.audio import facts as fact
from voicechat.audio.blocks import Frame
from voicechat.audio.open import BACK_OFF
from voicechat.audio.stream_counters import OUTPUT_UNDERFLOW
from voicechat.audio.stream_watchdog import Stutter

__all__ = ["machine", "watched"]


def test_no_callback_for_half_a_second_is_a_lost_device_that_is_reopened_at_once(machine: Machine) -> None:
    machine.device.call()
    machine.check(0.4)
    assert machine.of(fact.StreamLost) == []
    machine.check(0.1)
    assert machine.of(fact.StreamLost) == [fact.StreamLost(nearly(100.5), "the sound device stopped asking for sound")]
    assert "close" in machine.opener.streams[0].calls
    machine.check(0.1)
    assert machine.of(fact.StreamRestored) == [fact.StreamRestored(nearly(100.6), "usb")]
    assert (len(machine.opener.streams), machine.path.snapshot().restarts) == (2, 1)
    machine.check(0.9)
    assert len(machine.of(fact.StreamLost)) == 1, "a device that never called has one second"
    machine.check(0.1)
    assert len(machine.of(fact.StreamLost)) == 2


def test_a_stream_that_ended_by_itself_is_noticed_at_the_next_look(machine: Machine) -> None:
    machine.path.set_source(SteadyTone())
    dead = machine.device
    dead.call()
    dead.finished()
    machine.check(0.05)
    assert machine.of(fact.StreamLost) == [fact.StreamLost(nearly(100.05), "the sound device ended the stream")]
    assert not dead.call().any(), "a late callback of it plays nothing"


def test_the_wished_device_is_awaited_with_growing_pauses_before_another_is_taken(machine: Machine) -> None:
    machine.opener.refused = {"usb"}
    machine.device.finished()
    machine.check()
    tried = []
    for _ in range(40):
        before = len(machine.opener.wishes)
        machine.check(0.1)
        if len(machine.opener.wishes) > before:
            tried.append(machine.now)
        if machine.of(fact.StreamRestored):
            break
    assert np.diff(tried) == pytest.approx([BACK_OFF[1]], abs=0.11)
    assert machine.opener.wishes[-1] == ("default", "box")
    assert machine.of(fact.StreamRestored) == [fact.StreamRestored(nearly(machine.now), "default")]
    assert "no usb" in machine.stream.problem


def test_who_keeps_waiting_gets_no_other_device_and_the_lost_one_when_it_returns(machine: Machine) -> None:
    machine.opener.refused = {"usb"}
    machine.device.finished()
    machine.check()
    machine.stream.keep_waiting()
    for _ in range(150):
        machine.check(0.1)
    assert not machine.of(fact.StreamRestored)
    machine.opener.refused = set()
    for _ in range(round(BACK_OFF[-1] / 0.1) + 1):
        machine.check(0.1)
    assert machine.opener.wishes[-1] == ("usb", "box")
    assert len(machine.of(fact.StreamRestored)) == 1


def test_after_several_attempts_one_side_alone_is_better_than_none(machine: Machine) -> None:
    machine.opener.refused = {"usb", "default"}
    machine.device.finished()
    for _ in range(120):
        machine.check(0.1)
        if machine.of(fact.StreamRestored):
            break
    assert machine.opener.wishes[-1] == (None, "box")
    assert machine.path.snapshot().mic_name == "none"


def test_while_a_device_is_lost_requests_are_carried_out_and_the_line_goes_on(machine: Machine) -> None:
    machine.opener.refused = {"usb", "default", "box"}
    machine.path.open_mic(0.0)
    machine.device.call()
    machine.device.finished()
    machine.check()
    machine.path.close_mic()

    def has_drained() -> bool:
        machine.path.pull()
        return bool(machine.of(fact.UplinkDrained))

    until(has_drained, 5.0, "nobody carried the request out")
    assert not machine.path.snapshot().gate_open


@pytest.mark.parametrize(("busy", "calls"), [(0.009, ["start", "abort", "start"]), (0.004, ["start"])])
def test_a_thread_that_spins_is_cured_by_abort_and_start_and_a_busy_one_left_alone(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, busy: float, calls: list[str]
) -> None:
    """Seconds of CPU between two callbacks, which come every 10 ms."""
    cpu = iter(np.arange(0.0, 100.0, busy))
    monkeypatch.setattr("voicechat.audio.stream_watchdog.time.thread_time", lambda: float(next(cpu)))
    for _ in range(250):
        machine.now += 0.01
        machine.device.call()
        machine.check()
    assert machine.device.calls[:3] == calls
    assert (len(machine.opener.streams), machine.of(fact.StreamLost)) == (1, [])
    assert (machine.path.snapshot().restarts >= 1) is (len(calls) > 1)


def test_a_stream_with_a_tenth_of_its_sound_restarts_once_then_is_lost(machine: Machine) -> None:
    run(machine, 3.0)
    run(machine, 2.5, calls=1)
    assert machine.device.calls == ["start", "abort", "start"]
    assert machine.of(fact.StreamLost) == []
    run(machine, 2.2, calls=1)
    reasons = [lost.reason for lost in machine.facts if isinstance(lost, fact.StreamLost)]
    assert reasons == ["the sound device delivers only 10 % of its sound"]
    run(machine, 5.0)
    assert len(machine.opener.streams) == 2 and machine.of(fact.StreamRestored)
    assert machine.device.calls == ["start"]


@pytest.mark.parametrize(("figure", "right", "wrong"), [("mic_lag", 0.01, 0.06), ("speaker_lead", 0.0248, 0.0148)])
def test_a_stream_out_of_step_begins_again_but_not_in_the_middle_of_a_response(
    machine: Machine, figure: str, right: float, wrong: float
) -> None:
    """Sound that waits on its way from the microphone; too little that waits for the loudspeaker."""
    setattr(machine.device.times, figure, right)
    run(machine, 3.0)
    machine.path.set_source(SteadyTone())
    setattr(machine.device.times, figure, wrong)
    run(machine, 5.0)
    assert machine.device.calls == ["start"]
    machine.path.flush()
    run(machine, 1.2)
    setattr(machine.device.times, figure, right)
    run(machine, 5.0)
    assert machine.device.calls == ["start", "abort", "start"]


def test_a_microphone_that_is_late_by_itself_is_left_alone_after_two_attempts(machine: Machine) -> None:
    machine.device.times.mic_lag = 0.15
    run(machine, 10.0)
    assert machine.device.calls.count("abort") == 2
    machine.device.times.mic_lag = 0.2
    run(machine, 1.2)
    assert machine.device.calls.count("abort") == 3, "it became worse"


def test_a_loudspeaker_that_never_has_more_is_left_alone_after_two_attempts(machine: Machine) -> None:
    for machine.device.times.speaker_lead in (0.012, 0.011) * 5:
        run(machine, 1.7)
    assert machine.device.calls.count("abort") == 2


def test_a_figure_that_wanders_is_no_reason(machine: Machine) -> None:
    for seconds in (0.06, 0.03) * 10:
        machine.device.times.mic_lag = seconds
        run(machine, 0.7)
    assert machine.device.calls == ["start"]


def test_a_defect_in_the_path_is_told_and_survived(machine: Machine) -> None:
    class Broken(SteadyTone):
        def pull(self, now: float, samples: int = 960) -> Frame:
            raise ZeroDivisionError("defect")

    machine.path.set_source(Broken())
    machine.device.call()
    machine.path.set_source(None)
    machine.check(0.1)
    (lost,) = machine.of(fact.StreamLost)
    assert isinstance(lost, fact.StreamLost)
    assert "ZeroDivisionError" in lost.reason
    machine.check(0.1)
    assert machine.of(fact.StreamRestored)


def test_a_lost_microphone_is_taken_again_within_5_s_of_its_return(watched: Machine) -> None:
    run(watched, 6.0)
    watched.opener.refused = {"usb"}
    watched.seen.latest = listed("default", "box")
    watched.device.finished()
    run(watched, 6.0)
    assert watched.opener.wishes[-1] == ("default", "box")
    assert watched.stream.mic_name == "default"
    watched.opener.refused = set()
    watched.seen.latest = listed("default", "usb", "box")
    run(watched, 0.5)
    back = watched.of(fact.StreamRestored)[-1]
    assert isinstance(back, fact.StreamRestored)
    assert (back.name, back.why) == ("usb", "usb is there again")
    assert watched.opener.wishes[-1] == ("usb", "box")
    assert watched.stream.problem == ""


def stutter_hints(machine: Machine, times: int, every: float) -> list[str]:
    """What is told after so many more underruns, one every so many seconds."""
    for _ in range(times):
        run(machine, every)
        machine.device.call(flags=OUTPUT_UNDERFLOW)
        machine.check()
    return [told.hint for told in machine.facts if isinstance(told, fact.DeviceHint) and "dropouts" in told.reason]


def test_only_a_response_that_stutters_is_reported_once_with_its_cure(machine: Machine) -> None:
    assert not stutter_hints(machine, times=12, every=0.5), "in silence nobody hears it"
    machine.path.set_source(SteadyTone())
    assert not stutter_hints(machine, times=6, every=3.0), "single ones are no stutter"
    machine.now += 10.0
    (hint,) = stutter_hints(machine, times=13, every=1.0)
    assert "--latency high" in hint


def test_many_underruns_between_two_looks_are_one_pause() -> None:
    stutter = Stutter()
    told = [stutter.is_news(50 + more, 1.0 + more, is_quiet=False) for more in range(6)]
    assert told == [False, False, False, False, True, False]
