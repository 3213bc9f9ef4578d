"""What a Linux sound server (PulseAudio, or PipeWire in its clothes) has: its microphones and loudspeakers by name.

PortAudio sees only one device there, `pulse`, whatever is plugged in. Which source and sink are behind it is told by
the environment at the moment of opening (`PULSE_SOURCE`, `PULSE_SINK`), and which there are is asked of `pactl`: 5 ms a
question, no library, and its text form is the same in every version. Without `pactl` there is just `pulse`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from voicechat.journal.secrets_scan import without_keys

SOURCE_VARIABLE = "PULSE_SOURCE"
SINK_VARIABLE = "PULSE_SINK"
_ANSWER_WITHIN = 2.0
"""Seconds; a server that hangs must not hang us."""
_MOST_BLOCKS = 64
_WORDS = {"LC_ALL": "C"}


@dataclass(frozen=True, slots=True)
class ServerEnd:
    """One microphone or loudspeaker of the server."""

    route: str
    """The server's own name, such as bluez_input.AA_BB: unique, stable over replugging."""
    title: str
    """What people call it; two of the same make share it."""
    number: int
    channels: int
    rate: int
    is_bluetooth: bool = False


@dataclass(frozen=True, slots=True)
class SoundServer:
    """What the server said; empty lists where it has nothing."""

    sources: tuple[ServerEnd, ...]
    sinks: tuple[ServerEnd, ...]
    default_source: str = ""
    """Route of the source that new streams get, and that the server moves old ones to when it changes."""
    default_sink: str = ""


def ask_server(environ: Mapping[str, str] | None = None) -> SoundServer | None:
    """The server's devices, without the monitors of its loudspeakers; None where there is none to ask."""
    environ = os.environ if environ is None else environ
    program = shutil.which("pactl", path=environ.get("PATH"))
    if program is None:
        return None
    answers = [_ask(program, environ, *words) for words in (("info",), ("list", "sources"), ("list", "sinks"))]
    if not answers[0]:
        return None
    return parse(*answers, environ=environ)


def parse(info: str, sources: str, sinks: str, *, environ: Mapping[str, str] | None = None) -> SoundServer:
    """The server from what `pactl info`, `pactl list sources` and `pactl list sinks` print. Pure.

    A user who has set PULSE_SOURCE or PULSE_SINK has chosen for every program; that is then the default.
    """
    chosen = environ or {}
    told = _fields(info.splitlines())
    return SoundServer(
        _ends(sources, "Source #"),
        _ends(sinks, "Sink #"),
        chosen.get(SOURCE_VARIABLE) or told.get("Default Source", ""),
        chosen.get(SINK_VARIABLE) or told.get("Default Sink", ""),
    )


@contextmanager
def routed(source: str, sink: str) -> Iterator[None]:
    """What is opened inside gets this source and sink; empty leaves a side to the server. Not for two threads at
    once."""
    before = {name: os.environ.get(name) for name in (SOURCE_VARIABLE, SINK_VARIABLE)}
    for name, route in ((SOURCE_VARIABLE, source), (SINK_VARIABLE, sink)):
        if route:
            os.environ[name] = route
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _ask(program: str, environ: Mapping[str, str], *words: str) -> str:
    try:
        answer = subprocess.run(
            (program, *words),
            env={**without_keys(environ), **_WORDS},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ANSWER_WITHIN,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.decode("utf-8", "replace") if answer.returncode == 0 else ""


def _ends(text: str, heading: str) -> tuple[ServerEnd, ...]:
    blocks = ("\n" + text).split("\n" + heading)[1 : _MOST_BLOCKS + 1]
    return tuple(end for end in map(_end, blocks) if end is not None)


def _end(block: str) -> ServerEnd | None:
    """One `Source #4` block; None for a monitor (a loudspeaker's own sound is no microphone) and for what is cut
    short."""
    lines = block.splitlines()
    told = _fields(lines)
    route = told.get("Name", "")
    number = lines[0].strip() if lines else ""
    is_monitor = told.get("Monitor of Sink", "n/a") != "n/a"
    if not route or is_monitor or not number.isdecimal():
        return None
    channels, rate = _specification(told.get("Sample Specification", ""))
    bus = told.get("device.bus", "") or told.get("device.api", "")
    is_bluetooth = route.startswith("bluez") or "blue" in bus
    return ServerEnd(route, told.get("Description", "") or route, int(number), channels, rate, is_bluetooth)


def _fields(lines: list[str]) -> dict[str, str]:
    """`Name: x` of the head, and `device.bus = "x"` of the properties; the first of a name counts."""
    found: dict[str, str] = {}
    for line in lines:
        separator = min((" = ", ": "), key=lambda mark: line.find(mark) % (len(line) + 2))
        name, separator, value = line.strip().partition(separator)
        if separator:
            found.setdefault(name, value.strip().strip('"'))
    return found


def _specification(text: str) -> tuple[int, int]:
    """`s16le 2ch 48000Hz` as channels and rate; zeros where it reads otherwise."""
    words = text.split()
    channels = next((word[:-2] for word in words if word.endswith("ch")), "")
    rate = next((word[:-2] for word in words if word.endswith("Hz")), "")
    return (int(channels) if channels.isdecimal() else 0, int(rate) if rate.isdecimal() else 0)
