"""PortAudio as we need it: loaded late, listed, and opened as one duplex stream whatever the devices insist on.

`sounddevice` is imported only inside functions: importing it opens every sound device of the system once, and the
screen and `--help` must not pay for that. It prints to stderr on some systems; the owner of the process sends that
to a log.

What ALSA's half of PortAudio must be told so that a stalled stream neither spins nor stays late.

PortAudio gives the microphone as much room as the loudspeaker. When the sound server stalls for 25 ms or more, what the
microphone heard meanwhile waits in that room for good, because both sides then move at the same pace. Once it is nearly
full PortAudio stops waiting for the loudspeaker to drop a period of the microphone; for a stream that is read instead
of mapped that drops nothing, and it asks again at once, with all of a core (`PaAlsaStream_WaitForFrames`, 19.6). After
21 stalls of 22 to 45 ms: 5 to 8 spins and up to 3 dead streams with equal room, none with more for the microphone.

More room alone would make the period longer, PortAudio takes a quarter of it: hence the number of periods.

The sound's own threads go before what can wait, where the system allows it.

CoreAudio and WASAPI make their threads urgent themselves; ALSA leaves it to us. Two threads must run in turn for every
block: PortAudio's, and libpulse's `threaded-ml` inside ALSA. Both begin while a stream is opened and started, and a
thread on Linux inherits its class, so it is the opening that is made urgent. One of the two alone is worse than none:
PortAudio's then spins while it waits for the other. Silence in 20 s of an answer beside two or four busy programs on
two cores, with a sound server that is itself an ordinary program:

| threads                       | silence in each try, s             |
|-------------------------------|------------------------------------|
| both ordinary                 | 0.3, 1.9                           |
| both at nice -11              | 0.7, 1.1, 1.5, 4.0                 |
| PortAudio's alone real-time   | 3.5, 7.2                           |
| both real-time                | 0.00, 0.00, 0.02, 0.03, 0.04, 0.84 |

Where the server is real-time, as desktops make it, none was heard with either.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Protocol

import numpy as np
import numpy.typing as npt

from voicechat.audio.blocks import SAMPLE_RATE
from voicechat.audio.buffering import Buffering
from voicechat.audio.devices import Device, find_device, list_devices, load_sounddevice, refusal_words
from voicechat.audio.sound_server import routed
from voicechat.audio.stream_counters import INPUT_OVERFLOW, OUTPUT_UNDERFLOW
from voicechat.errors import AudioDeviceError

MIC_ROOM = 0.16
"""Seconds that the microphone may fall behind before PortAudio spins; usually nothing waits there. One start in eight
begins 48 ms behind, and each stall adds its own length until the watchdog has dropped the lot: with 0.08 four stalls of
25 to 40 ms ended in a spin 4 times in 44, with this never in 24."""
_PERIODS = 20
"""At least as many as MIC_ROOM and PortAudio's own block more have blocks, or the period doubles; on a card that has
fewer the microphone comes in longer ones."""


def make_mic_room(module: ModuleType) -> bool:
    """Let buffers have many periods; `module` is sounddevice. False: this PortAudio cannot, leave the room alone."""
    try:
        library = ctypes.CDLL(module._libname)  # the one that is loaded already
        library.PaAlsa_SetNumPeriods(_PERIODS)
    except (AttributeError, OSError):
        return False
    return True


PRIORITY = 4
"""Of the real-time class (sched(7)), one below what PulseAudio takes for itself."""


@contextmanager
def urgent_threads() -> Iterator[bool]:
    """Threads that begin inside are urgent, the calling one only meanwhile. False: refused, all is as it was.

    Root may, and those to whom /etc/security/limits.d gives `rtprio`, often the group `audio`.
    """
    if sys.platform != "linux":
        yield False
        return
    before = os.sched_getscheduler(0), os.sched_getparam(0)  # of this thread, not of the process
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
    except OSError:
        yield False
        return
    try:
        yield True
    finally:
        os.sched_setscheduler(0, *before)


Samples = npt.NDArray[np.float32]
"""float32[frames, channels]."""
Callback = Callable[[Samples | None, Samples | None, int], None]
"""Called with what was heard, what is to be filled (None where that side is not open), and the gaps' flags (0:
none)."""
_closing: list[threading.Thread] = []
"""Threads that still close a stream. Pa_Terminate frees what they work on: the process would crash."""
CLOSE_WITHIN = 1.0
"""Seconds a dead stream may take to close before it is left behind; some never return."""
_ALSA = ("ALSA", "sound server")
_MOST_CHANNELS = 32
"""More than a studio card has; a sound server offers any number."""
_FLOAT32 = np.dtype(np.float32)
_TIMES_EVERY = 8
"""Callbacks between two looks at the stream's times, which nobody asks for more often than every 100 ms."""


class StreamTimes:
    """How far microphone and loudspeaker are from the callback, as of the newest; written on the audio thread."""

    __slots__ = ("mic_lag", "speaker_lead")

    def __init__(self) -> None:
        self.mic_lag = 0.0
        """Seconds from hearing a sample to handing it over; 0.0 where that is not known."""
        self.speaker_lead = math.inf
        """Seconds until what is handed over will sound, for which the loudspeaker has enough; inf: not known."""


class RunningStream(Protocol):
    """What is left of a stream once it is open."""

    def start(self) -> None:
        """Let the callbacks begin."""
        ...

    def abort(self) -> None:
        """Stop at once, dropping what is queued."""
        ...

    def close(self) -> None:
        """Give the devices back."""
        ...


@dataclass(frozen=True, slots=True)
class OpenStream:
    """A stream that is open but not started."""

    stream: RunningStream
    mic: Device | None
    """None when no microphone was asked for."""
    speaker: Device | None
    rate: int
    """Samples a second the devices run at; 48000 unless they refused it."""
    times: StreamTimes = field(default_factory=StreamTimes)


class _UrgentStream:
    """A stream whose callbacks go before what can wait."""

    def __init__(self, stream: RunningStream) -> None:
        self._stream = stream

    def start(self) -> None:
        with urgent_threads():
            self._stream.start()

    def abort(self) -> None:
        self._stream.abort()

    def close(self) -> None:
        self._stream.close()


class StreamOpener(Protocol):
    """The seam behind which PortAudio is; tests put something else there."""

    def open(
        self,
        mic: str | None,
        speaker: str | None,
        buffering: Buffering,
        *,
        callback: Callback,
        finished: Callable[[], None],
        refresh: bool,
    ) -> OpenStream:
        """Open by wish ("default" or a name; None: that side stays closed). Raises AudioDeviceError."""
        ...


class PortAudioOpener:
    """Opens real devices."""

    def open(
        self,
        mic: str | None,
        speaker: str | None,
        buffering: Buffering,
        *,
        callback: Callback,
        finished: Callable[[], None],
        refresh: bool,
    ) -> OpenStream:
        """See `StreamOpener.open`; `refresh` makes PortAudio look for devices anew, which ends every open stream.

        It waits, however long that takes, for streams that are still being closed.
        """
        while refresh and _closing:
            _closing[0].join()
            del _closing[0]
        devices = list_devices(refresh=refresh)
        if devices.problem and not (devices.inputs or devices.outputs):
            may_appear = not devices.is_portaudio_missing
            raise AudioDeviceError(devices.problem, hint=devices.hint, retryable=may_appear)
        source = find_device(devices, mic, "input") if mic is not None else None
        sink = find_device(devices, speaker, "output") if speaker is not None else None
        module = load_sounddevice()
        refusal = ""
        for rate in _rates(source, sink):
            for channels in _channel_choices(source, sink):
                times = StreamTimes()
                try:
                    with urgent_threads():
                        stream = _open(module, source, sink, rate, channels, buffering, callback, finished, times)
                except (module.PortAudioError, ValueError) as error:
                    refusal = refusal or _reason(error)
                    continue
                return OpenStream(_UrgentStream(stream), source, sink, rate, times)
        raise _refused(module, source, sink, refusal)


def _rates(source: Device | None, sink: Device | None) -> list[int]:
    """48 kHz first: it needs no resampling; then what the devices say they run at."""
    own = [device.rate for device in (sink, source) if device is not None]
    return list(dict.fromkeys([SAMPLE_RATE, *own, 44_100]))


def _channel_choices(source: Device | None, sink: Device | None) -> list[tuple[int, int]]:
    """Input and output channels to try: one ear is enough and two mouths are usual; some cards insist on all they
    have."""
    ins = _counts(source, (1, 2))
    outs = _counts(sink, (2, 1))
    return [(heard, played) for heard in ins for played in outs]


def _counts(device: Device | None, usual: tuple[int, int]) -> list[int]:
    if device is None:
        return [0]
    most = device.channels
    possible = [count for count in usual if count <= most] + ([most] if 0 < most <= _MOST_CHANNELS else [])
    return list(dict.fromkeys(possible)) or [1]


def _open(
    module: ModuleType,
    source: Device | None,
    sink: Device | None,
    rate: int,
    channels: tuple[int, int],
    buffering: Buffering,
    callback: Callback,
    finished: Callable[[], None],
    times: StreamTimes,
) -> RunningStream:
    is_alsa = all(end is not None and end.host in _ALSA for end in (source, sink))
    common = {
        "samplerate": rate,
        "blocksize": round(rate * buffering.block),
        "dtype": "float32",
        "finished_callback": finished,
    }
    numbers, extras = (_number(source), _number(sink)), (_extra(module, source), _extra(module, sink))
    stream: RunningStream
    with routed(source.route if source is not None else "", sink.route if sink is not None else ""):
        if source is not None and sink is not None:
            stream = module.RawStream(
                device=numbers,
                channels=channels,
                extra_settings=extras,
                latency=(MIC_ROOM if is_alsa and make_mic_room(module) else buffering.device, buffering.device),
                callback=_for_both(callback, channels, times if is_alsa else None),
                **common,
            )
        elif source is not None:
            stream = module.RawInputStream(
                device=numbers[0],
                channels=channels[0],
                extra_settings=extras[0],
                latency=buffering.device,
                callback=lambda heard, *rest: callback(_samples(heard, channels[0]), None, _flags(rest[-1])),
                **common,
            )
        else:
            stream = module.RawOutputStream(
                device=numbers[1],
                channels=channels[1] or 1,
                extra_settings=extras[1],
                latency=buffering.device,
                callback=lambda fill, *rest: callback(None, _samples(fill, channels[1] or 1), _flags(rest[-1])),
                **common,
            )
    return stream


def _for_both(callback: Callback, channels: tuple[int, int], kept: StreamTimes | None) -> Callable[..., None]:
    """As PortAudio calls a stream with both sides; `kept` is kept up to date where the times can be trusted."""
    ins, outs = channels
    looks = itertools.cycle([True] + [False] * (_TIMES_EVERY - 1))

    def both(heard: memoryview, fill: memoryview, frames: int, times: _Times, status: _Status) -> None:
        if kept is not None and next(looks):
            kept.mic_lag = times.currentTime - times.inputBufferAdcTime
            kept.speaker_lead = times.outputBufferDacTime - times.currentTime
        callback(_samples(heard, ins), _samples(fill, outs), _flags(status))

    return both


def _samples(memory: memoryview, channels: int) -> Samples:
    """PortAudio's own memory. `sounddevice` would make the same view in twice the time, a hundred times a second."""
    return np.frombuffer(memory, _FLOAT32).reshape(-1, channels)


def _number(device: Device | None) -> int | None:
    """PortAudio's number; None is its own default."""
    if device is None:
        return None
    return device.opened_as if device.route else device.index


class _Times(Protocol):
    currentTime: float
    inputBufferAdcTime: float
    outputBufferDacTime: float


class _Status(Protocol):
    input_overflow: bool
    output_underflow: bool

    def __bool__(self) -> bool: ...


def _flags(status: _Status) -> int:
    """On the audio thread: usually nothing is set, and nothing is made."""
    if not status:
        return 0
    return (INPUT_OVERFLOW if status.input_overflow else 0) | (OUTPUT_UNDERFLOW if status.output_underflow else 0)


def _extra(module: ModuleType, device: Device | None) -> object:
    """What a host API must be told, for each direction.

    WASAPI runs shared and converts: in shared mode it accepts only its mixer's rate otherwise, and exclusive use would
    silence every other program. CoreAudio converts too and leaves the device's own rate alone, which others rely on.
    """
    setting: object = None
    if device is not None and "WASAPI" in device.host:
        setting = module.WasapiSettings(exclusive=False, auto_convert=True)
    elif device is not None and "Core Audio" in device.host:
        setting = module.CoreAudioSettings(
            change_device_parameters=False, fail_if_conversion_required=False, conversion_quality="high"
        )
    return setting


def _reason(error: Exception) -> str:
    """PortAudio's own words without its numbers or which call it was, and the host's where they say more."""
    if not error.args:
        return "no reason given"
    said = re.sub(r"^Error opening \w+: ", "", str(error.args[0]).split(" [PaErrorCode")[0])
    host = error.args[2] if len(error.args) > 2 else None
    detail = str(host[2]).strip() if isinstance(host, tuple) and len(host) > 2 else ""
    return f"{said}: {detail}" if detail and detail not in said else said


def _refused(module: ModuleType, source: Device | None, sink: Device | None, refusal: str) -> AudioDeviceError:
    """The device at fault, where each alone tells, or both."""
    faulty = [end for end in (source, sink) if end is not None and not _opens_alone(module, end, end is source)]
    blamed = faulty if len(faulty) == 1 else [end for end in (source, sink) if end is not None]
    names = " and ".join(dict.fromkeys(f"“{device.title}”" for device in blamed))
    message, hint = refusal_words(names, refusal, has_mic=source in blamed and source is not None)
    return AudioDeviceError(message, hint=hint, retryable=True)


def _opens_alone(module: ModuleType, device: Device, is_input: bool) -> bool:
    check = module.check_input_settings if is_input else module.check_output_settings
    try:
        with routed(device.route if is_input else "", "" if is_input else device.route):
            check(
                device=_number(device),
                channels=1 if is_input else min(2, device.channels),
                dtype="float32",
                extra_settings=_extra(module, device),
                samplerate=device.rate or SAMPLE_RATE,
            )
    except (module.PortAudioError, ValueError):
        return False
    return True


def close_in_time(stream: RunningStream) -> None:
    """Close on a thread of its own, without playing the rest; PortAudio may hang until a sound server goes on.

    Not `abort` first: closing takes the stream off PortAudio's list before it aborts it. Otherwise the restart of
    PortAudio that follows finds it there, waits a second time for the end of its thread, and does so for ever.
    """

    def shut() -> None:
        try:
            stream.close()
        except Exception:  # a dead stream may refuse even that, and there is nobody left to tell
            return

    closer = threading.Thread(target=shut, name="audio-close", daemon=True)
    closer.start()
    closer.join(CLOSE_WITHIN)
    if closer.is_alive():
        _closing.append(closer)
