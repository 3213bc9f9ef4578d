"""What people are told about devices, system by system: warnings before choosing one, and cures when one fails. Pure.

Permissions differ most: on macOS the microphone belongs to the terminal program, some of which never ask, and a
forbidden one gives bit-exact zeros instead of an error; on Windows there is one switch for all desktop programs.
"""

from __future__ import annotations

import sys

from voicechat.failures import by_name, refused_device

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
