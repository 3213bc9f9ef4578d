"""`voicechat doctor --loopback`: the self-test on real devices, and its figures as lines.

The sound runs in this process, which does nothing else meanwhile but redraw one line: no screen, no line to a server.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TextIO

import numpy as np
import numpy.typing as npt

from voicechat.audio.blocks import SAMPLE_RATE
from voicechat.audio.buffering import BUFFERING
from voicechat.audio.devices import list_devices
from voicechat.audio.echo import make_processor
from voicechat.audio.open import RunningAudio, is_file, open_audio
from voicechat.audio.path import BargeInFacts
from voicechat.audio.self_test import Plan, SelfTest, at_voice_level, make_plan
from voicechat.audio.self_test_verdict import Figures, Setup, Verdict, half_duplex_holds, judge, measure
from voicechat.cli.doctor_looks import Check, Mark
from voicechat.cli.doctor_services import processing_of, wished_device
from voicechat.config.settings import Settings
from voicechat.core.policy import TurnPolicy
from voicechat.errors import ConfigError

GIVES_UP_AFTER = 4.0
"""Seconds beyond the plan in which a device may still begin."""
_LOOK_EVERY = 0.1
_SENTENCES = (
    "Hello. This is the voice that usually answers you. I am talking, so that we can hear how much of me comes back. "
    "Please let me talk for a moment, and stay quiet yourself. Thank you very much, it is nearly done."
)
MARKS: dict[str, Mark] = {"works": "good", "care": "care", "fails": "bad"}
Tell = Callable[[str, float, float], None]
"""What is being done, which share of the test is over, and how many seconds are left."""


@dataclass(frozen=True, slots=True)
class Loopback:
    setup: Setup
    figures: Figures
    verdict: Verdict
    voice: str
    """Whose voice was played."""

    def as_json(self) -> dict[str, object]:
        """Everything, for programs. `verdict` is the line, `grade` its first word."""
        return {
            "grade": self.verdict.grade,
            "verdict": self.verdict.line,
            "findings": [asdict(finding) for finding in self.verdict.findings],
            "setup": asdict(self.setup),
            "figures": asdict(self.figures) | {"half_duplex_holds": half_duplex_holds(self.setup, self.figures)},
            "voice": self.voice,
        }


def refuse_files(settings: Settings) -> None:
    """Raises ConfigError: a sound file has no room around it."""
    for wish in (settings.mic, settings.speaker):
        if is_file(wish):
            raise ConfigError(
                f"--loopback needs devices, and {wish} is a sound file", hint="list them: voicechat devices"
            )


def planned(seconds: float) -> Plan:
    """The script, with the built-in voice where it is installed."""
    try:
        from voicechat.local_server.speech.voice import SAMPLE_RATE as RATE, Voice

        spoken = np.concatenate(list(Voice().speak(_SENTENCES)))
    except (ConfigError, ImportError, OSError):
        return make_plan(seconds=seconds)
    return make_plan(at_voice_level(_stretched(spoken, RATE)), "the built-in voice", seconds=seconds)


def _stretched(sound: npt.NDArray[np.float32], rate: int) -> npt.NDArray[np.float64]:
    """To 48 kHz by drawing lines: images above 12 kHz do not matter to an echo."""
    times = np.arange(len(sound) * SAMPLE_RATE // rate) * (rate / SAMPLE_RATE)
    stretched: npt.NDArray[np.float64] = np.interp(times, np.arange(len(sound)), sound)
    return stretched


def run_loopback(settings: Settings, plan: Plan, tell: Tell) -> Loopback:
    """Play, record, measure, judge; takes the plan's length and two seconds. KeyboardInterrupt leaves silence."""
    policy = TurnPolicy()
    processing = processing_of(settings)
    test = SelfTest(plan, make_processor(processing), _barge_in(policy))
    test.path.set_volume(settings.volume)
    audio = open_audio(test.path, settings.mic, settings.speaker, buffering=BUFFERING[settings.latency])
    try:
        audio.start()
        gaps = _play(test, audio, tell) if "none" not in (audio.mic_name, audio.speaker_name) else 0
        setup = _setup(settings, test, audio, gaps, policy)
    finally:
        audio.close()
    tell("reading what was heard", 1.0, 0.0)
    figures = measure(test, processing)
    return Loopback(setup, figures, judge(setup, figures), plan.voice_source)


def _barge_in(policy: TurnPolicy) -> BargeInFacts:
    return BargeInFacts(
        min_playback=policy.min_playback,
        min_voice=policy.min_voice,
        cold_extra=policy.cold_echo_extra_voice,
        cold_for=policy.cold_echo_for,
        duck_after=policy.duck_after,
    )


def _play(test: SelfTest, audio: RunningAudio, tell: Tell) -> int:
    """Wait until everything is played, looking after the device; gaps that it reported meanwhile."""
    plan = test.plan
    began = time.monotonic()
    at_start: int | None = None
    while not test.is_over and time.monotonic() - began < plan.duration + GIVES_UP_AFTER and not test.noted.losses:
        time.sleep(_LOOK_EVERY)
        audio.check(time.monotonic())
        if at_start is None and plan.stage(test.position).name != "settle":
            at_start = _gaps(audio)
        tell(_doing(plan, test.position), test.position / plan.duration, plan.duration - test.position)
    return 0 if at_start is None else _gaps(audio) - at_start


def _gaps(audio: RunningAudio) -> int:
    counts = audio.counters().total
    return counts.late + counts.input_overflows + counts.output_underflows


_WORDS = {"settle": "opening the devices", "silence": "listening to the room", "fade": "listening to the room"}


def _doing(plan: Plan, position: float) -> str:
    stage = plan.stage(position)
    if stage.name in ("chirp", "pause"):
        chirps = [each for each in plan.stages if each.name == "chirp"]
        number = sum(each.start <= position for each in chirps)
        return f"chirp {number} of {len(chirps)}"
    return _WORDS.get(stage.name, f"{plan.voice_source}: it talks")


def _setup(settings: Settings, test: SelfTest, audio: RunningAudio, gaps: int, policy: TurnPolicy) -> Setup:
    devices = list_devices()
    mic, speaker = (
        wished_device(devices, settings.mic, "input"),
        wished_device(devices, settings.speaker, "output"),
    )
    snapshot = test.path.snapshot()
    reason, _, hint = audio.problem.partition("\n")
    if settings.mic == "none" or settings.speaker == "none":
        reason, hint = "none was chosen", "Run it without --mic none and --speaker none."
    processor = make_processor(processing_of(settings))
    return Setup(
        mic=mic.title if mic is not None and audio.mic_name == mic.name else audio.mic_name,
        speaker=speaker.title if speaker is not None and audio.speaker_name == speaker.name else audio.speaker_name,
        problem=reason,
        hint=hint.strip(),
        canceller=processor.words,
        canceller_reason=processor.reason,
        cancels_echo=processor.cancels_echo,
        headphones=settings.headphones,
        detector=snapshot.detector_name,
        gaps=gaps,
        losses=len(test.noted.losses),
        latency=settings.latency,
        mic_note=mic.note if mic is not None else "",
        reopen_delay=policy.reopen_delay,
    )


@contextmanager
def quiet_libraries() -> Iterator[TextIO]:
    """PortAudio and ALSA write to descriptor 2 whatever they think; meanwhile ours is the stream that is given."""
    ours = os.fdopen(os.dup(2), "w", encoding=sys.stderr.encoding or "utf-8", errors="replace")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield ours
    finally:
        ours.flush()
        os.dup2(ours.fileno(), 2)
        ours.close()


def lines(result: Loopback) -> list[Check]:
    setup, figures = result.setup, result.figures
    found = [
        Check("microphone", "fact" if setup.mic != "none" else "bad", setup.mic),
        Check("loudspeaker", "fact" if setup.speaker != "none" else "bad", setup.speaker),
        Check("processing", "fact", f"{setup.canceller} · voices by {setup.detector} · latency {setup.latency}"),
    ]
    if figures.recorded == 0.0:
        return found
    found += [Check("played", "fact", f"{figures.chirps} chirps, then {result.voice}"), _room(figures)]
    if figures.chirps_heard:
        found += [_way(figures), _echo(figures)]
        found += [_taken_out(figures)] if setup.cancels_echo else []  # a mic that shuts takes out everything
        found.append(_left_over(figures))
    elif not figures.is_flat:
        found.append(Check("echo", "fact", f"none of {figures.chirps} chirps came back"))
    if not figures.is_flat:
        found.append(_cutting_in(figures))
    if figures.echo_fades_after is not None:
        found.append(_half_duplex(setup, figures))
    gaps = "no gap" if not setup.gaps else "1 gap" if setup.gaps == 1 else f"{setup.gaps} gaps"
    found.append(Check("device", "fact", f"{gaps} in {figures.recorded:.0f} s · {figures.clipped:.1%} clipped"))
    return found


def _room(figures: Figures) -> Check:
    text = "bit-exact zeros" if figures.is_flat else f"{figures.noise_db:.0f} dBFS of noise"
    return Check("the room", "bad" if figures.is_flat else "fact", text)


def _way(figures: Figures) -> Check:
    found = f"{figures.chirps_heard} of {figures.chirps} chirps"
    spread = (figures.round_trip_spread or 0.0) * 500
    return Check("round trip", "fact", f"{(figures.round_trip or 0.0) * 1000:.0f} ms ±{spread:.0f} · {found} came back")


def _echo(figures: Figures) -> Check:
    played = f"{figures.echo_gain_db or 0.0:+.0f} dB of what is played"
    return Check("echo", "fact", f"{played} · {round(figures.echo_level_db or 0.0)} dBFS in the microphone")


def _taken_out(figures: Figures) -> Check:
    losses = (figures.loss_first_db, figures.loss_second_db, figures.loss_steady_db)
    first, second, steady = ("—" if loss is None else f"{loss:.0f}" for loss in losses)
    more = " or more" if figures.is_loss_limited else ""
    return Check("taken out", "fact", f"{first} dB in the first second, {second} in the next, then {steady} dB{more}")


def _left_over(figures: Figures) -> Check:
    voices = "no voice heard in it" if not figures.voices_in_rest else f"{figures.voices_in_rest} × taken for a voice"
    cuts = "never cuts itself off" if not figures.self_cuts else f"{figures.self_cuts} × cuts itself off"
    mark: Mark = "bad" if figures.self_cuts else "care" if figures.voices_in_rest else "good"
    return Check("left over", mark, f"{voices} · {cuts}")


def _cutting_in(figures: Figures) -> Check:
    heard = f"{figures.near_heard} of {figures.near_voices} made-up talkers heard"
    if figures.near_after is None:
        return Check("your voice", "bad", f"would not be told from the echo · {heard}")
    return Check("your voice", "good", f"cuts in after {figures.near_after:.1f} s · {heard}")


def _half_duplex(setup: Setup, figures: Figures) -> Check:
    gone = f"the echo is gone after {(figures.echo_fades_after or 0.0):.2f} s"
    if half_duplex_holds(setup, figures):
        return Check("half duplex", "good", f"holds: {gone}, the mic opens after {setup.reopen_delay:.2f} s")
    return Check("half duplex", "care", f"does not hold: {gone}, the mic opens after {setup.reopen_delay:.2f} s")
