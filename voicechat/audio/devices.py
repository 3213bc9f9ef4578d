"""Which microphones and loudspeakers there are, and which one a wish means.

Of several host APIs only the best is listed (WASAPI on Windows, where the default MME is slow; CoreAudio; ALSA): the
same device four times under four names helps nobody. On Linux `pipewire`, `pulse` and `default` come before raw cards,
which are often busy and fixed to one rate; the microphones and loudspeakers of a sound server, which PortAudio cannot
see, are listed by the server's word and opened through `pulse`.

PortAudio looks at the system once when it starts. So a list that is true now, while our own stream runs, is made by a
process of its own: `python -P -m voicechat.audio.devices` prints one as JSON (90 ms, and PortAudio's chatter with it
goes nowhere); `devices_now` asks it.

What people are told about devices, system by system: warnings before choosing one, and cures when one fails. Pure.

Permissions differ most: on macOS the microphone belongs to the terminal program, some of which never ask, and a
forbidden one gives bit-exact zeros instead of an error; on Windows there is one switch for all desktop programs.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Literal

import msgspec

from voicechat.audio.sound_server import ServerEnd, SoundServer, ask_server
from voicechat.errors import AudioDeviceError
from voicechat.failures import by_name, refused_device
from voicechat.journal.secrets_scan import without_keys

_BLUETOOTH_WORDS = (
    "bluetooth",
    "bluez",
    "airpods",
    "hands-free",
    "hands free",
    "handsfree",
    "ag audio",
    "buds",
    "powerbeats",
)
_HEADSET_WORDS = ("headset", "headphone", "earphone")
_TELEPHONE_RATE = 16_000
"""Samples a second a Bluetooth microphone delivers at most; a cabled headset runs at 44.1 or 48 kHz."""
BLUETOOTH_NOTE = "Bluetooth: its microphone turns the headset to telephone quality; another mic sounds better"
TELEPHONE_NOTE = "telephone quality: this microphone hears nothing above {} kHz"

_PORTAUDIO_CURES = {
    "linux": "Debian, Ubuntu: sudo apt install libportaudio2   Fedora: sudo dnf install portaudio",
}
_UNSTARTED_CURES = {
    "linux": "Look for a mistake in ~/.asoundrc and /etc/asound.conf: `aplay -L` names the line.",
}
_NO_DEVICE_CURES = {
    "linux": "Plug one in, or start the sound server: systemctl --user start pipewire-pulse (or pulseaudio --start).",
    "darwin": "Allow the microphone for your terminal (System Settings > Privacy & Security), and restart it.",
    "win32": "Plug one in, or allow it in Settings > Privacy > Microphone.",
}
_REFUSAL_CURES = {
    "linux": "`voicechat devices` shows the others, `pactl info` the sound server.",
    "darwin": "Allow the microphone for your terminal: System Settings > Privacy & Security > Microphone.",
    "win32": "Allow it in Settings > Privacy > Microphone, and close programs that use it exclusively.",
}
_BUSY_CURES = {
    "linux": "Close the program that holds it (`fuser -v /dev/snd/*` names it), or choose `pulse`, which shares.",
    "darwin": "Close the other program, or choose another device.",
    "win32": "Close the other program, or take its exclusive use away: Sound > device > Properties > Advanced.",
}
_SILENT_CURES = {
    "linux": "Is it switched on? `pactl list sources` shows a mute; on laptops a key or a slider may cut it.",
    "darwin": "Allow it for your terminal in System Settings > Privacy & Security > Microphone, and restart that.",
    "win32": "Allow desktop programs in Settings > Privacy > Microphone; look for a mute switch or key.",
}


def microphone_note(name: str, rate: int, *, is_bluetooth: bool = False) -> str:
    """A warning worth reading before choosing this microphone; empty for an ordinary one.

    A headset that runs at 16 kHz or less is a Bluetooth one in its telephone profile, whatever it calls itself; a
    cabled one is not.
    """
    lowered = name.lower()
    named = is_bluetooth or any(word in lowered for word in _BLUETOOTH_WORDS)
    slow = 0 < rate <= _TELEPHONE_RATE
    if named or (slow and any(word in lowered for word in _HEADSET_WORDS)):
        return BLUETOOTH_NOTE
    return TELEPHONE_NOTE.format(f"{rate / 2000:g}") if slow else ""


def portaudio_cure() -> str:
    """How to get the sound library."""
    return _PORTAUDIO_CURES.get(sys.platform, "pip install --force-reinstall sounddevice")


def unstarted_cure() -> str:
    """What to do where the library is there and the system's sound is not; on Linux mostly a broken configuration."""
    return _UNSTARTED_CURES.get(sys.platform) or no_device_cure()


def no_device_cure() -> str:
    """What to do where there is no microphone or no loudspeaker."""
    return _NO_DEVICE_CURES.get(sys.platform, "Plug a microphone and a loudspeaker in.")


def silent_cure() -> str:
    """What to do about an open microphone that gives only zeros (R26)."""
    return _SILENT_CURES.get(sys.platform, by_name("permission").cure)


def refusal_words(names: str, refusal: str, *, has_mic: bool) -> tuple[str, str]:
    """One sentence and its cure for a device that would not open. `refusal` is PortAudio's or the system's own text."""
    failure = refused_device(refusal)
    if failure.name == "forbidden" and has_mic:
        return failure.of(names), silent_cure()
    if failure.name == "in use":
        return failure.of(names), _BUSY_CURES.get(sys.platform, failure.cure)
    if failure.name == "forbidden":
        failure = by_name("device refused")
    return f"{failure.of(names)}: {refusal}", _REFUSAL_CURES.get(sys.platform, failure.cure)


Direction = Literal["input", "output"]

_PREFERRED_HOSTS = ("Windows WASAPI", "Core Audio", "ALSA")
_PREFERRED_NAMES = ("pipewire", "pulse", "default")
_SHARED = "pulse"
"""The ALSA device through which a sound server's own devices are opened."""
_SERVER_NUMBERS = 100
"""Added to a sound server's numbers, so that they are not taken for PortAudio's."""
_PLACE = re.compile(r"(?<!\s)\s*\(hw:\d+,\d+\)|(?<=\()\d+- ")
_LIST_WITHIN = 10.0
"""Seconds the listing process may take: some drivers are slow to say what they are, and none is worth more."""


@dataclass(frozen=True, slots=True)
class Device:
    """One end of a sound device."""

    index: int
    """The number that chooses it: PortAudio's, or 100 more than the sound server's; changes as devices come and go."""
    name: str
    host: str
    """Host API, such as ALSA or Windows WASAPI, or "sound server"."""
    channels: int
    rate: int
    """Samples a second it prefers."""
    is_default: bool
    """What the wish "default" means."""
    note: str = ""
    """A warning worth reading before choosing it; usually empty."""
    stands_for: str = ""
    """The device behind this one at the moment, where a sound server chooses it."""
    route: str = ""
    """The sound server's own name for it; empty for what PortAudio opens by itself."""
    opened_as: int = -1
    """PortAudio's number to open where `route` is given."""

    @property
    def title(self) -> str:
        """What to call it in front of people."""
        return self.stands_for or self.name


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
    """Import sounddevice. Raises AudioDeviceError with this system's cure where PortAudio is missing or fails."""
    try:
        import sounddevice
    except (OSError, ImportError) as error:
        raise AudioDeviceError("PortAudio, the sound library, is not installed", hint=portaudio_cure()) from error
    except Exception as error:  # its own error type cannot be imported when its import is what fails
        said = str(error.args[0] if error.args else error).split(" [PaErrorCode")[0]
        raise AudioDeviceError(
            f"the sound system does not start: {said}", hint=unstarted_cure(), retryable=True
        ) from error
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
            return DeviceList((), (), "", "", error.message, error.hint, is_portaudio_missing=not error.retryable)
        try:
            if refresh:
                with suppress(module.PortAudioError):  # it is not running where the last start failed
                    module._terminate()
                module._initialize()
            raw = [dict(device) for device in module.query_devices()]
            hosts = [dict(host) for host in module.query_hostapis()]
        except module.PortAudioError as error:
            return DeviceList((), (), "", "", f"the sound system does not answer: {error}", no_device_cure())
    has_server = any(device["name"] == _SHARED for device in raw)
    return arrange(raw, hosts, ask_server() if has_server else None)


def devices_now() -> DeviceList:
    """The same list, true at this moment, without touching the streams of this process; never raises. Takes 0.1 s."""
    try:
        answer = subprocess.run(
            (sys.executable, "-P", "-m", "voicechat.audio.devices"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=without_keys(os.environ),
            timeout=_LIST_WITHIN,
            check=False,
        )
        return decoded(answer.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return DeviceList((), (), "", "", "the sound system does not answer", no_device_cure())


def encoded(devices: DeviceList) -> bytes:
    """A list as one line of JSON."""
    return msgspec.json.encode(devices)


def decoded(line: bytes) -> DeviceList:
    """The list that `encoded` wrote. Raises ValueError for anything else."""
    return msgspec.json.decode(line, type=DeviceList)


def arrange(
    raw: list[dict[str, object]], hosts: list[dict[str, object]], server: SoundServer | None = None
) -> DeviceList:
    """What `sounddevice.query_devices`, `query_hostapis` and the sound server said, as a list for people. Pure."""
    names = [str(host["name"]) for host in hosts]
    used = {names[_number(device["hostapi"])] for device in raw}
    best = next((name for name in _PREFERRED_HOSTS if name in used), None)
    kept = [device for device in raw if best is None or names[_number(device["hostapi"])] == best]
    host = hosts[names.index(best)] if best is not None else (hosts[0] if hosts else {})
    inputs = _ends(kept, names, "input", _number(host.get("default_input_device", -1)))
    outputs = _ends(kept, names, "output", _number(host.get("default_output_device", -1)))
    if server is not None:
        inputs = _with_server(inputs, server.sources, server.default_source, "input")
        outputs = _with_server(outputs, server.sinks, server.default_sink, "output")
    missing = [word for word, found in (("microphone", inputs), ("loudspeaker", outputs)) if not found]
    return DeviceList(
        inputs,
        outputs,
        next((device.name for device in inputs if device.is_default), ""),
        next((device.name for device in outputs if device.is_default), ""),
        f"no {' and no '.join(missing)} was found" if missing else "",
        no_device_cure() if missing else "",
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
        raise AudioDeviceError(problem, hint=devices.hint or no_device_cure(), retryable=True)
    if wanted.lower() in ("", "default"):
        return next((device for device in choices if device.is_default), choices[0])
    exact = [device for device in choices if wanted in (device.name, device.route)]
    exact = exact or [device for device in choices if stem(device.name) == stem(wanted)]
    if len(exact) == 1 or (exact and exact[0].name == wanted):
        return exact[0]
    if wanted.isdecimal():
        partly = [device for device in choices if device.index == int(wanted)]
    else:
        partly = [device for device in choices if wanted.lower() in f"{device.name}\n{device.route}".lower()]
    if len(partly) == 1:
        return partly[0]
    listed = ", ".join(f"{device.index} {device.name}" for device in (partly or choices))
    said = f"“{wanted}” fits several {word}s" if partly else f"there is no {word} called “{wanted}”"
    raise AudioDeviceError(said, hint=f"Choose one of: {listed}", retryable=not partly)


def stem(name: str) -> str:
    """A name without what changes when the same device is plugged in elsewhere: `(hw:2,0)` of ALSA, `3- ` of
    Windows."""
    return _PLACE.sub("", name).strip()


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
            note=_note(str(device["name"]), _number(device["default_samplerate"]), direction),
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


def _with_server(
    ends: tuple[Device, ...], served: tuple[ServerEnd, ...], default: str, direction: Direction
) -> tuple[Device, ...]:
    """The server's devices behind `pulse`, which stands for its default one; `default` is that same device again."""
    shared = next((end for end in ends if end.name == _SHARED), None)
    if shared is None or not served:
        return ends
    titles = [end.title for end in served]
    named = [
        Device(
            index=_SERVER_NUMBERS + end.number,
            name=end.title if titles.count(end.title) == 1 else f"{end.title} ({end.route})",
            host="sound server",
            channels=end.channels,
            rate=end.rate,
            is_default=False,
            note=_note(end.title, end.rate, direction, is_bluetooth=end.is_bluetooth),
            route=end.route,
            opened_as=shared.index,
        )
        for end in served
    ]
    behind = next((device for device in named if device.route == default), None)
    known = [
        replace(end, stands_for=behind.name, note=behind.note)
        if behind is not None and end.name in _PREFERRED_NAMES
        else end
        for end in ends
    ]
    shares = [end for end in known if end.is_default]
    cards = [end for end in known if end.name not in _PREFERRED_NAMES]
    return (*shares, *named, *cards)


def _note(name: str, rate: int, direction: Direction, *, is_bluetooth: bool = False) -> str:
    return microphone_note(name, rate, is_bluetooth=is_bluetooth) if direction == "input" else ""


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | float) else -1


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


if __name__ == "__main__":
    sys.stdout.buffer.write(encoded(list_devices()) + b"\n")
