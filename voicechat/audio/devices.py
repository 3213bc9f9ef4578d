"""Which microphones and loudspeakers there are, and which one a wish means.

Of several host APIs only the best is listed (WASAPI on Windows, where the default MME is slow; CoreAudio; ALSA): the
same device four times under four names helps nobody. On Linux `pipewire`, `pulse` and `default` come before raw cards,
which are often busy and fixed to one rate.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Literal

from voicechat.errors import AudioDeviceError

Direction = Literal["input", "output"]

_PREFERRED_HOSTS = ("Windows WASAPI", "Core Audio", "ALSA")
_PREFERRED_NAMES = ("pipewire", "pulse", "default")
_BLUETOOTH_WORDS = ("bluetooth", "bluez", "airpods", "hands-free", "handsfree", "buds")
_BLUETOOTH_NOTE = "Bluetooth: its microphone turns the headset to telephone quality; another mic sounds better"


@dataclass(frozen=True, slots=True)
class Device:
    """One end of a sound device."""

    index: int
    """PortAudio's number; changes when devices come and go."""
    name: str
    host: str
    """Host API, such as ALSA or Windows WASAPI."""
    channels: int
    rate: int
    """Samples a second it prefers."""
    is_default: bool
    """What the wish "default" means."""
    note: str = ""
    """A warning worth reading before choosing it; usually empty."""


@dataclass(frozen=True, slots=True)
class DeviceList:
    """What the system has. `problem` is one sentence where something is missing, `hint` its cure."""

    inputs: tuple[Device, ...]
    outputs: tuple[Device, ...]
    default_input: str
    """Name of the default microphone; empty without one."""
    default_output: str
    problem: str = ""
    hint: str = ""
    is_portaudio_missing: bool = False
    """The library itself is not there, so no device can be."""


def load_sounddevice() -> ModuleType:
    """Import sounddevice. Raises AudioDeviceError with this system's cure where PortAudio is missing."""
    try:
        import sounddevice
    except (OSError, ImportError) as error:
        raise AudioDeviceError("PortAudio, the sound library, is not installed", hint=_portaudio_cure()) from error
    module: ModuleType = sounddevice
    return module


def list_devices(*, refresh: bool = False) -> DeviceList:
    """Microphones and loudspeakers; never raises.

    PortAudio looks at the system once when it starts. `refresh` starts it anew (30 ms) and thereby ends every stream of
    this process, so it is only for moments without one.
    """
    with _quiet_stderr():
        try:
            module = load_sounddevice()
        except AudioDeviceError as error:
            return DeviceList((), (), "", "", error.message, error.hint, is_portaudio_missing=True)
        try:
            if refresh:
                module._terminate()
                module._initialize()
            raw = [dict(device) for device in module.query_devices()]
            hosts = [dict(host) for host in module.query_hostapis()]
        except module.PortAudioError as error:
            return DeviceList((), (), "", "", f"the sound system does not answer: {error}", _no_device_cure())
    return arrange(raw, hosts)


def arrange(raw: list[dict[str, object]], hosts: list[dict[str, object]]) -> DeviceList:
    """What `sounddevice.query_devices` and `query_hostapis` said, as a list for people. Pure."""
    names = [str(host["name"]) for host in hosts]
    used = {names[_number(device["hostapi"])] for device in raw}
    best = next((name for name in _PREFERRED_HOSTS if name in used), None)
    kept = [device for device in raw if best is None or names[_number(device["hostapi"])] == best]
    host = hosts[names.index(best)] if best is not None else (hosts[0] if hosts else {})
    inputs = _ends(kept, names, "input", _number(host.get("default_input_device", -1)))
    outputs = _ends(kept, names, "output", _number(host.get("default_output_device", -1)))
    missing = [word for word, found in (("microphone", inputs), ("loudspeaker", outputs)) if not found]
    return DeviceList(
        inputs,
        outputs,
        next((device.name for device in inputs if device.is_default), ""),
        next((device.name for device in outputs if device.is_default), ""),
        f"no {' and no '.join(missing)} was found" if missing else "",
        _no_device_cure() if missing else "",
    )


def find_device(devices: DeviceList, wish: str, direction: Direction) -> Device:
    """The device a wish means: "default" (or nothing), its number, its name, or a part of its name.

    Raises AudioDeviceError naming the choices where nothing or more than one fits.
    """
    choices = devices.inputs if direction == "input" else devices.outputs
    word = "microphone" if direction == "input" else "loudspeaker"
    wanted = wish.strip()
    if not choices:
        problem = devices.problem or f"no {word} was found"
        raise AudioDeviceError(problem, hint=devices.hint or _no_device_cure(), retryable=True)
    if wanted.lower() in ("", "default"):
        return next((device for device in choices if device.is_default), choices[0])
    exact = [device for device in choices if device.name == wanted]
    if exact:
        return exact[0]
    if wanted.isdecimal():
        partly = [device for device in choices if device.index == int(wanted)]
    else:
        partly = [device for device in choices if wanted.lower() in device.name.lower()]
    if len(partly) == 1:
        return partly[0]
    listed = ", ".join(f"{device.index} {device.name}" for device in (partly or choices))
    said = f"“{wanted}” fits several {word}s" if partly else f"there is no {word} called “{wanted}”"
    raise AudioDeviceError(said, hint=f"Choose one of: {listed}", retryable=not partly)


def _ends(
    raw: list[dict[str, object]], hosts: list[str], direction: Direction, system_default: int
) -> tuple[Device, ...]:
    ends = [device for device in raw if _number(device[f"max_{direction}_channels"]) > 0]
    default = _default_of(ends, system_default)
    return tuple(
        Device(
            index=_number(device["index"]),
            name=str(device["name"]),
            host=hosts[_number(device["hostapi"])],
            channels=_number(device[f"max_{direction}_channels"]),
            rate=_number(device["default_samplerate"]),
            is_default=_number(device["index"]) == default,
            note=_BLUETOOTH_NOTE if direction == "input" and _is_bluetooth(str(device["name"])) else "",
        )
        for device in ends
    )


def _default_of(ends: list[dict[str, object]], system_default: int) -> int | None:
    """PortAudio's own choice is the first raw card as often as not; the sound servers share and resample."""
    by_name = {str(device["name"]): _number(device["index"]) for device in reversed(ends)}
    for name in _PREFERRED_NAMES:
        if name in by_name:
            return by_name[name]
    indices = [_number(device["index"]) for device in ends]
    return system_default if system_default in indices else (indices[0] if indices else None)


def _is_bluetooth(name: str) -> bool:
    return any(word in name.lower() for word in _BLUETOOTH_WORDS)


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | float) else -1


_PORTAUDIO_CURES = {
    "linux": "Debian, Ubuntu: sudo apt install libportaudio2   Fedora: sudo dnf install portaudio",
}
_NO_DEVICE_CURES = {
    "linux": "Plug one in, or start the sound server: systemctl --user start pipewire-pulse (or pulseaudio --start).",
    "darwin": "Allow the microphone for your terminal (System Settings > Privacy & Security), and restart it.",
    "win32": "Plug one in, or allow it in Settings > Privacy > Microphone.",
}


def _portaudio_cure() -> str:
    return _PORTAUDIO_CURES.get(sys.platform, "pip install --force-reinstall sounddevice")


def _no_device_cure() -> str:
    return _NO_DEVICE_CURES.get(sys.platform, "Plug a microphone and a loudspeaker in.")


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """alsa-lib and PortAudio write to descriptor 2 while they look around; a terminal in use must not get that."""
    try:
        kept = os.dup(2)
    except OSError:
        yield
        return
    try:
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
