"""PortAudio as we need it: loaded late, listed, and opened as one duplex stream whatever the devices insist on.

`sounddevice` is imported only inside functions: importing it opens every sound device of the system once, and the
screen and `--help` must not pay for that. It prints to stderr on some systems; the owner of the process sends that
to a log.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Protocol

import numpy as np
import numpy.typing as npt

from voicechat.audio.blocks import SAMPLE_RATE
from voicechat.audio.devices import Device, DeviceList, find_device, list_devices, load_sounddevice
from voicechat.errors import AudioDeviceError

Samples = npt.NDArray[np.float32]
"""float32[frames, channels]."""
Callback = Callable[[Samples | None, Samples | None, bool], None]
"""Called with what was heard, what is to be filled (None where that side is not open), and whether there was a gap."""


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
    mic_name: str
    """Empty when no microphone was asked for."""
    speaker_name: str
    rate: int
    """Samples a second the devices run at; 48000 unless they refused it."""


class StreamOpener(Protocol):
    """The seam behind which PortAudio is; tests put something else there."""

    def open(
        self,
        mic: str | None,
        speaker: str | None,
        latency: float,
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
        latency: float,
        *,
        callback: Callback,
        finished: Callable[[], None],
        refresh: bool,
    ) -> OpenStream:
        """See `StreamOpener.open`; `refresh` makes PortAudio look for devices anew, which ends every open stream."""
        devices = list_devices(refresh=refresh)
        if devices.problem and not (devices.inputs or devices.outputs):
            may_appear = not devices.is_portaudio_missing
            raise AudioDeviceError(devices.problem, hint=devices.hint, retryable=may_appear)
        source = find_device(devices, mic, "input") if mic is not None else None
        sink = find_device(devices, speaker, "output") if speaker is not None else None
        module = load_sounddevice()
        refusal = ""
        for rate in _rates(source, sink):
            for channels in _channel_choices(source):
                try:
                    stream = _open(module, source, sink, rate, channels, latency, callback, finished)
                except (module.PortAudioError, ValueError) as error:
                    refusal = refusal or _reason(error)
                    continue
                return OpenStream(stream, _name(source), _name(sink), rate)
        raise _refused(devices, source, sink, refusal)


def _rates(source: Device | None, sink: Device | None) -> list[int]:
    """48 kHz first: it needs no resampling; then what the devices say they run at."""
    own = [device.rate for device in (sink, source) if device is not None]
    return list(dict.fromkeys([SAMPLE_RATE, *own, 44_100]))


def _channel_choices(source: Device | None) -> list[int]:
    """One channel is enough; a few cards insist on two."""
    return [1, 2] if source is not None and source.channels >= 2 else [1]


def _open(
    module: ModuleType,
    source: Device | None,
    sink: Device | None,
    rate: int,
    in_channels: int,
    latency: float,
    callback: Callback,
    finished: Callable[[], None],
) -> RunningStream:
    common = {
        "samplerate": rate,
        "blocksize": rate // 100,
        "dtype": "float32",
        "latency": latency,
        "finished_callback": finished,
    }
    out_channels = min(2, sink.channels) if sink is not None else 0
    extras = [_extra(module, device) for device in (source, sink)]
    stream: RunningStream
    if source is not None and sink is not None:
        stream = module.Stream(
            device=(source.index, sink.index),
            channels=(in_channels, out_channels),
            extra_settings=(extras[0], extras[1]),
            callback=lambda heard, fill, frames, times, status: callback(heard, fill, bool(status)),
            **common,
        )
    elif source is not None:
        stream = module.InputStream(
            device=source.index,
            channels=in_channels,
            extra_settings=extras[0],
            callback=lambda heard, frames, times, status: callback(heard, None, bool(status)),
            **common,
        )
    else:
        stream = module.OutputStream(
            device=sink.index if sink is not None else None,
            channels=out_channels or 1,
            extra_settings=extras[1],
            callback=lambda fill, frames, times, status: callback(None, fill, bool(status)),
            **common,
        )
    return stream


def _extra(module: ModuleType, device: Device | None) -> object:
    """WASAPI in shared mode runs only at its mixer's rate unless it is told to convert."""
    if device is not None and "WASAPI" in device.host:
        setting: object = module.WasapiSettings(auto_convert=True)
        return setting
    return None


def _name(device: Device | None) -> str:
    return device.name if device is not None else ""


def _reason(error: Exception) -> str:
    """PortAudio's own words, without its numbers."""
    return str(error.args[0]).split(" [PaErrorCode")[0] if error.args else "no reason given"


_CURES = {
    "linux": "Another program may hold it; `voicechat devices` shows the others, `pactl info` the sound server.",
    "darwin": "Allow the microphone for your terminal: System Settings > Privacy & Security > Microphone.",
    "win32": "Allow it in Settings > Privacy > Microphone, and close programs that use it exclusively.",
}


def _refused(devices: DeviceList, source: Device | None, sink: Device | None, refusal: str) -> AudioDeviceError:
    names = " and ".join(f"“{device.name}”" for device in (source, sink) if device is not None)
    hint = _CURES.get(sys.platform, devices.hint)
    return AudioDeviceError(f"the sound system refused {names}: {refusal}", hint=hint, retryable=True)
