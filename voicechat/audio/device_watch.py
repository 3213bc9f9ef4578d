"""Devices that come and go, seen without touching our own stream: a process of its own that looks and tells.

`python -P -m voicechat.audio.device_watch` prints a list of devices as a line of JSON, and another whenever it changed;
it ends when its stdin does, so it cannot outlive us. PortAudio sees hot-plugged devices only after it is started anew,
which would end our stream; here it harms nobody, and its chatter goes nowhere.

What it costs: 30 MB, and on Linux next to nothing, because the sound server reports changes (`pactl subscribe`) and
PortAudio is asked only when the server's list or /dev/snd changed. On macOS and Windows PortAudio is started anew every
few seconds (30 ms each on Linux; not measured on those two).
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
from pathlib import Path
from typing import Protocol

from voicechat.audio.devices import DeviceList, decoded, encoded, list_devices
from voicechat.audio.sound_server import SoundServer, ask_server
from voicechat.journal.secrets_scan import without_keys

LOOK_EVERY = {"linux": 2.0, "darwin": 3.0}
"""Seconds between looks, by system; where the sound server reports changes they are seen at once."""
_LOOK_EVERY_ELSEWHERE = 5.0
_SETTLE = 0.2
"""Seconds after a report before looking: one headset is a dozen reports."""
_AGAIN_AFTER = 5.0
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
            self._closed.wait(_AGAIN_AFTER)

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
