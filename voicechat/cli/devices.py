"""`voicechat devices`: which microphones and loudspeakers there are, what to type to get one, and what changes."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict

from voicechat.audio.device_watch import DeviceWatch
from voicechat.audio.devices import Device, DeviceList, list_devices
from voicechat.cli.printing import columns, print_json
from voicechat.config.locations import device_names_file
from voicechat.config.private_file import write_private
from voicechat.exit_codes import AUDIO, DONE
from voicechat.ui.sanitise import clean

_WIDEST_NAME = 44
_WIDEST_HOST = 14
_LOOK_EVERY = 0.1
"""Seconds between looks at what the watching process has told."""
Changes = Callable[[], Iterable[DeviceList]]


def watched() -> Iterator[DeviceList]:
    """A list now, and another whenever something changed, until Ctrl+C."""
    watch = DeviceWatch()
    seen: DeviceList | None = None
    try:
        watch.start()
        while True:
            latest = watch.latest
            if latest is not None and latest is not seen:
                seen = latest
                yield latest
            time.sleep(_LOOK_EVERY)
    finally:
        watch.close()


def devices_command(as_json: bool = False, watch: bool = False, *, changes: Changes = watched) -> int:
    """Print the devices as a table or as one JSON object, or each change as it happens; 4 without PortAudio, else 0.

    A machine without devices is no failure of the question: it is answered with a sentence and its cure.
    """
    if watch:
        return _print_changes(changes(), as_json=as_json)
    devices = list_devices()
    _keep_names(devices)
    if as_json:
        print_json(asdict(devices))
    else:
        _print_tables(devices)
    return AUDIO if devices.is_portaudio_missing else DONE


def _keep_names(devices: DeviceList) -> None:
    """For the Tab key, which must not wait for the sound system. A folder that cannot be written costs only that."""
    names = {"inputs": [one.name for one in devices.inputs], "outputs": [one.name for one in devices.outputs]}
    with contextlib.suppress(OSError):
        write_private(device_names_file(), json.dumps(names).encode())


def _print_changes(lists: Iterable[DeviceList], *, as_json: bool) -> int:
    """The table (or one JSON object a line), then `+ name` and `- name`, and `* name` for a new default."""
    before: DeviceList | None = None
    for devices in lists:
        if as_json:
            print_json(asdict(devices))
        elif before is None:
            _print_tables(devices)
            print("Watching; Ctrl+C ends.", flush=True)
        else:
            for line in changed_lines(before, devices):
                print(line, flush=True)
        before = devices
        if devices.is_portaudio_missing:
            return AUDIO
    return DONE


def changed_lines(before: DeviceList, now: DeviceList) -> list[str]:
    """What came (+), went (-) or became the default (*). Pure."""
    lines: list[str] = []
    for word, old, new in (
        ("microphone", before.inputs, now.inputs),
        ("loudspeaker", before.outputs, now.outputs),
    ):
        there, were = {device.name for device in new}, {device.name for device in old}
        lines += [f"- {word}  {clean(device.name, one_line=True)}" for device in old if device.name not in there]
        lines += [f"+ {word}  {clean(device.name, one_line=True)}" for device in new if device.name not in were]
        default = _default_title(new)
        if default and default != _default_title(old):
            lines.append(f"* {word}  {clean(default, one_line=True)} is the default now")
    return lines


def _default_title(ends: tuple[Device, ...]) -> str:
    return next((device.title for device in ends if device.is_default), "")


def _print_tables(devices: DeviceList) -> None:
    for title, ends, option in (
        ("Microphones", devices.inputs, "--mic"),
        ("Loudspeakers", devices.outputs, "--speaker"),
    ):
        if ends:
            print(f"{title}  (choose with {option} NUMBER or a part of the name; * is the default)")
            for device, line in zip(ends, columns(map(_row, ends), right=(2, 3)), strict=True):
                print(f"{line}\n        {device.note}" if device.note else line)
            print()
    if devices.problem:
        print(devices.problem[0].upper() + devices.problem[1:] + ".", file=sys.stderr)
        print(devices.hint, file=sys.stderr)
    elif {device.name for device in devices.inputs} <= {"pulse", "pipewire", "default"}:
        print("The sound server chooses what is behind these: pavucontrol or `pactl set-default-source NAME`.")


def _row(device: Device) -> tuple[str, ...]:
    mark = "*" if device.is_default else " "
    name = device.name + (f" → {device.stands_for}" if device.stands_for else "")
    facts = (f"{device.rate} Hz", f"{device.channels} ch", device.host[:_WIDEST_HOST])
    return f" {mark} {device.index:>3}", name[:_WIDEST_NAME], *facts
