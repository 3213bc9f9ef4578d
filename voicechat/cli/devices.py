"""`voicechat devices`: which microphones and loudspeakers there are, and what to type to get one."""

from __future__ import annotations

import json as json_text
import sys
from dataclasses import asdict

from voicechat.audio.devices import Device, DeviceList, list_devices
from voicechat.exit_codes import AUDIO, DONE

_WIDEST_NAME = 48


def devices_command(json: bool = False) -> int:
    """Print the devices as a table, or as one JSON object; the process status: 4 without PortAudio, else 0.

    A machine without devices is no failure of the question: it is answered with a sentence and its cure.
    """
    devices = list_devices()
    if json:
        print(json_text.dumps(asdict(devices), ensure_ascii=False))
    else:
        _print_tables(devices)
    return AUDIO if devices.is_portaudio_missing else DONE


def _print_tables(devices: DeviceList) -> None:
    for title, ends, option in (
        ("Microphones", devices.inputs, "--mic"),
        ("Loudspeakers", devices.outputs, "--speaker"),
    ):
        if ends:
            print(f"{title}  (choose with {option} NUMBER or a part of the name)")
            for device in ends:
                print(_row(device))
            print()
    if devices.problem:
        print(devices.problem[0].upper() + devices.problem[1:] + ".", file=sys.stderr)
        print(devices.hint, file=sys.stderr)
    elif {device.name for device in devices.inputs} <= {"pulse", "pipewire", "default"}:
        print("The sound server chooses what is behind these: pavucontrol or `pactl set-default-source NAME`.")


def _row(device: Device) -> str:
    """Names come from hardware and other programs, so they are cleaned like any text from outside."""
    from voicechat.ui.sanitise import clean

    mark = "*" if device.is_default else " "
    name = clean(device.name, one_line=True)[:_WIDEST_NAME]
    row = f" {mark} {device.index:>3}  {name:<{_WIDEST_NAME}}  {device.rate:>6} Hz  {clean(device.host)}"
    return f"{row}\n        {device.note}" if device.note else row
