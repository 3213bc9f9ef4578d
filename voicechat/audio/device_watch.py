"""Devices that come and go, seen without touching our own stream: a process of its own that looks and tells.

`python -P -m voicechat.audio.device_watch` prints a list of devices as a line of JSON, and another whenever it changed;
it ends when its stdin does, so it cannot outlive us. PortAudio sees hot-plugged devices only after it is started anew,
which would end our stream; here it harms nobody, and its chatter goes nowhere.

What it costs: 30 MB, and on Linux next to nothing, because the sound server reports changes (`pactl subscribe`) and
PortAudio is asked only when the server's list or /dev/snd changed. On macOS and Windows PortAudio is started anew every
few seconds (30 ms each on Linux; not measured on those two).

Which devices should be open now: the wished ones, else the system's default, as both come and go.

A list made by another process tells what is there, with one exception: a raw ALSA card that we use ourselves looks
absent to everybody else. So absence counts only where a sound server said it; elsewhere the stream's own end tells.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from voicechat.audio.devices import Device, DeviceList, Direction, decoded, encoded, find_device, list_devices
from voicechat.audio.sound_server import SoundServer, ask_server
from voicechat.errors import AudioDeviceError
from voicechat.journal.secrets_scan import without_keys

Wishes = tuple[str | None, str | None]
"""Microphone and loudspeaker: "default", a name, or None for a side without a device."""


_RETRY_AFTER = (5.0, 30.0)
"""Seconds before a device that is listed but would not open is tried again: the second time, and from then on."""
PATIENCE_WITH_WISH = 1
"""Attempts for the wished devices alone, before the default is taken: a headset that changes its profile returns."""
PATIENCE_WITH_BOTH = 4
"""Attempts for both sides, before one alone is taken: a cable that slipped out is put back within seconds."""


@dataclass(frozen=True, slots=True)
class OpenEnds:
    """The two ends that are open; None for a side without one."""

    mic: Device | None = None
    speaker: Device | None = None


class Follower:
    """Asks a watcher, and remembers what was tried, so that a device that would not open is not tried all the time."""

    def __init__(self, watcher: DeviceWatcher | None) -> None:
        self._watcher = watcher
        self._seen: DeviceList | None = None
        self._attempts = 0
        self._not_before = 0.0

    def has_news(self) -> bool:
        """Whether other devices are there than at the last question, and any at all."""
        return self._look() and self._seen is not None and bool(self._seen.inputs or self._seen.outputs)

    def moved(self, open_now: OpenEnds) -> OpenEnds:
        """The same ends, with what a sound server has put behind them by now."""
        self._look()
        return as_moved(self._seen, open_now) if self._seen is not None else open_now

    def reason_to_switch(self, wishes: Wishes, open_now: OpenEnds, now: float) -> str:
        """As the function of this name; empty for a while after it was answered, until something changes."""
        self._look()
        if self._seen is None or now < self._not_before:
            return ""
        reason = reason_to_switch(self._seen, wishes, open_now)
        if reason:
            self._not_before = now + _RETRY_AFTER[min(self._attempts, 1)]
            self._attempts += 1
        return reason

    def close(self) -> None:
        """Look no longer."""
        if self._watcher is not None:
            self._watcher.close()

    def _look(self) -> bool:
        """Whether the newest list is another one."""
        if self._watcher is None:
            return False
        self._watcher.start()
        latest = self._watcher.latest
        if latest is self._seen:
            return False
        self._seen, self._attempts, self._not_before = latest, 0, 0.0
        return True


def reason_to_switch(devices: DeviceList, wishes: Wishes, open_now: OpenEnds) -> str:
    """Why the stream should be opened anew with the same wishes, for people; empty while all is as it should be."""
    reasons = (
        _reason(devices, wishes[0], open_now.mic, "input"),
        _reason(devices, wishes[1], open_now.speaker, "output"),
    )
    return "; ".join(dict.fromkeys(reason for reason in reasons if reason))


def as_moved(devices: DeviceList, open_now: OpenEnds) -> OpenEnds:
    """The same ends after a sound server moved what is behind them, which it does without a word to us."""
    return OpenEnds(_renewed(devices.inputs, open_now.mic), _renewed(devices.outputs, open_now.speaker))


def worth_trying(wishes: Wishes, attempts: int, *, only_wish: bool) -> list[Wishes]:
    """What to open after so many attempts: the wish first, then other devices, then one side alone."""
    choices = [wishes]
    if attempts > PATIENCE_WITH_WISH and not only_wish:
        choices.extend(fallbacks(wishes))
    if attempts > PATIENCE_WITH_BOTH and not only_wish:
        choices.extend(halves(wishes))
    return choices


def fallbacks(wishes: Wishes) -> list[Wishes]:
    """What to try, best first, when the wishes cannot be had: the default for one side, then for both."""
    mic, speaker = wishes
    default_mic = None if mic is None else "default"
    default_speaker = None if speaker is None else "default"
    tried = [(default_mic, speaker), (mic, default_speaker), (default_mic, default_speaker)]
    return [choice for choice in dict.fromkeys(tried) if choice != wishes]


def halves(wishes: Wishes) -> list[Wishes]:
    """Each side alone, where both were wished: an assistant that is heard is better than none."""
    mic, speaker = wishes
    if mic is None or speaker is None:
        return []
    return list(dict.fromkeys([(None, speaker), (None, "default"), (mic, None), ("default", None)]))


def _reason(devices: DeviceList, wish: str | None, now: Device | None, direction: Direction) -> str:
    if wish is None:
        return ""
    choices = devices.inputs if direction == "input" else devices.outputs
    wished = _find(devices, wish, direction)
    target = wished or _find(devices, "default", direction)
    if target is None or (now is not None and _is_same(target, now)):
        return ""
    if now is None:
        return f"{target.title} is there now"
    is_there = any(_is_same(device, now) for device in choices)
    if not is_there and now.route:
        return f"{now.title} is gone"
    if wished is not None and not _means_default(wish):
        return f"{target.title} is there again"
    return f"the system's default is now {target.title}" if is_there else ""


def _find(devices: DeviceList, wish: str, direction: Direction) -> Device | None:
    try:
        return find_device(devices, wish, direction)
    except AudioDeviceError:
        return None


def _means_default(wish: str) -> bool:
    return wish.strip().lower() in ("", "default")


def _is_same(one: Device, other: Device) -> bool:
    return (one.name, one.route) == (other.name, other.route)


def _renewed(choices: tuple[Device, ...], now: Device | None) -> Device | None:
    found = next((device for device in choices if now is not None and _is_same(device, now)), None)
    if found is None or now is None or not found.stands_for:
        return now
    return replace(now, stands_for=found.stands_for, note=found.note)


def wished(asked: str | None, now: str | None) -> str | None:
    """One side's wish after a change: "none" closes it, nothing leaves it as it is."""
    if not asked:
        return now
    return None if asked == "none" else asked


LOOK_EVERY = {"linux": 2.0, "darwin": 3.0}
"""Seconds between looks, by system; where the sound server reports changes they are seen at once."""
_LOOK_EVERY_ELSEWHERE = 5.0
_SETTLE = 0.2
"""Seconds after a report before looking: one headset is a dozen reports."""
_RESTART_AFTER = 5.0
"""Seconds before a watching process that ended is replaced."""
_END_WITHIN = 1.0
"""Seconds the watching process may take to end."""
_SOUND_NODES = Path("/dev/snd")
_REPORTS = (b"on sink #", b"on source #", b"on server", b"on card #")


class DeviceWatcher(Protocol):
    """Somebody who knows which devices there are at the moment."""

    def start(self) -> None:
        """Begin to look; a second call does nothing."""
        ...

    @property
    def latest(self) -> DeviceList | None:
        """The newest list, the same object until something changed; None before the first."""
        ...

    def close(self) -> None:
        """Look no longer."""
        ...


class DeviceWatch:
    """The watching process, seen from ours."""

    def __init__(self) -> None:
        self._latest: DeviceList | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = threading.Event()
        self._reader: threading.Thread | None = None

    @property
    def latest(self) -> DeviceList | None:
        """See `DeviceWatcher.latest`."""
        return self._latest

    def start(self) -> None:
        """Start the process; the first list comes 0.1 to 0.3 s later."""
        if self._reader is None:
            self._reader = threading.Thread(target=self._keep_reading, name="device-watch", daemon=True)
            self._reader.start()

    def close(self) -> None:
        """End the process. Safe to call twice and before `start`."""
        self._closed.set()
        process = self._process
        if process is None:
            return
        with suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()
        try:
            process.wait(timeout=_END_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()

    def _keep_reading(self) -> None:
        while not self._closed.is_set():
            with suppress(OSError):
                self._read_one_life()
            self._closed.wait(_RESTART_AFTER)

    def _read_one_life(self) -> None:
        command = (sys.executable, "-P", "-m", "voicechat.audio.device_watch")
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=without_keys(os.environ),
        ) as process:
            self._process = process
            assert process.stdout is not None
            if self._closed.is_set():
                process.kill()
            for line in process.stdout:
                with suppress(ValueError):
                    self._latest = decoded(line)


# The other side: the process that looks.


class ServerReports:
    """`pactl subscribe`, so that a change of the sound server's devices is known when it happens."""

    def __init__(self) -> None:
        self._program = shutil.which("pactl") if sys.platform == "linux" else None
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()
        self._has_ended = False

    def wait(self, timeout: float) -> bool:
        """Return after `timeout` seconds, or sooner after a report about a device. Whether the server may have
        changed."""
        until = time.monotonic() + timeout
        source = self._listen()
        while source >= 0 and (left := until - time.monotonic()) > 0 and select.select([source], [], [], left)[0]:
            text = os.read(source, 65536)
            if not text:
                self.close()
                source = -1
            elif any(word in text for word in _REPORTS):
                time.sleep(_SETTLE)
                return True
        time.sleep(max(0.0, until - time.monotonic()))
        return source < 0

    def end(self) -> None:
        """Listen never again; one that is just being started is ended as well."""
        with self._starting:
            self._has_ended = True
        self.close()

    def close(self) -> None:
        """Listen no longer; a process that waits for reports would outlive us."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def _listen(self) -> int:
        with self._starting:
            if self._process is None and self._program is not None and not self._has_ended:
                command = (self._program, "subscribe")
                words = {**without_keys(os.environ), "LC_ALL": "C"}
                nothing = subprocess.DEVNULL
                self._process = subprocess.Popen(
                    command, stdin=nothing, stdout=subprocess.PIPE, stderr=nothing, env=words, bufsize=0
                )
        out = self._process.stdout if self._process is not None else None
        return out.fileno() if out is not None else -1


class Fingerprint:
    """Something cheap that changes with the devices, so that PortAudio need not be started anew to see that nothing
    did."""

    def __init__(self) -> None:
        self._server: SoundServer | None = None
        self._nodes: tuple[str, ...] = ()

    def has_changed(self, *, ask: bool) -> bool:
        """Whether to look anew; always where only PortAudio itself can tell. `ask`: the server may have changed."""
        if sys.platform != "linux":
            return True
        server = ask_server() if ask else self._server
        nodes = tuple(sorted(os.listdir(_SOUND_NODES))) if _SOUND_NODES.is_dir() else ()
        before, now = (self._server, self._nodes), (server, nodes)
        self._server, self._nodes = server, nodes
        return now != before


def watch() -> None:
    """Print a line for every change, for ever."""
    reports = ServerReports()
    threading.Thread(target=_end_with_stdin, args=(reports,), daemon=True).start()
    mark = Fingerprint()
    mark.has_changed(ask=True)
    told = encoded(list_devices())
    _tell(told)
    while True:
        may_differ = reports.wait(LOOK_EVERY.get(sys.platform, _LOOK_EVERY_ELSEWHERE))
        if not mark.has_changed(ask=may_differ):
            continue
        line = encoded(list_devices(refresh=True))
        if line != told:
            _tell(line)
        told = line


def _tell(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def _end_with_stdin(reports: ServerReports) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    reports.end()
    os._exit(0)


if __name__ == "__main__":
    watch()
