"""A talk that stutters says so, once, and what helps."""

from __future__ import annotations

from tests.audio.sound_machine import Machine, machine
from tests.support.sources import SteadyTone
from voicechat.audio import facts as fact
from voicechat.audio.stream_counters import OUTPUT_UNDERFLOW
from voicechat.audio.stream_watchdog import Stutter

__all__ = ["machine"]


def plays_and_runs_dry(machine: Machine, times: int, every: float) -> None:
    for _ in range(times):
        for _ in range(round(every / 0.1)):
            machine.device.call()
            machine.check(after=0.1)
        machine.device.call(flags=OUTPUT_UNDERFLOW)
        machine.check()


def hints(machine: Machine) -> list[fact.AudioFact]:
    return [hint for hint in machine.of(fact.DeviceHint) if "stutters" in str(hint)]


def test_an_answer_that_stutters_is_told_once_with_what_helps(machine: Machine) -> None:
    machine.path.set_source(SteadyTone())
    plays_and_runs_dry(machine, times=4, every=1.0)
    assert not hints(machine)
    plays_and_runs_dry(machine, times=9, every=1.0)
    (told,) = hints(machine)
    assert isinstance(told, fact.DeviceHint)
    assert "--latency high" in told.hint


def test_single_underruns_of_a_long_answer_are_no_stutter(machine: Machine) -> None:
    machine.path.set_source(SteadyTone())
    plays_and_runs_dry(machine, times=12, every=3.0)
    assert not hints(machine)


def test_a_loudspeaker_that_runs_dry_in_silence_stutters_for_nobody(machine: Machine) -> None:
    plays_and_runs_dry(machine, times=12, every=0.5)
    assert not hints(machine)


def test_many_underruns_between_two_looks_are_one_pause() -> None:
    stutter = Stutter()
    assert not stutter.is_news(50, 1.0, is_quiet=False)
    told = [stutter.is_news(50 + more, 1.0 + more, is_quiet=False) for more in range(1, 6)]
    assert told == [False, False, False, True, False]
