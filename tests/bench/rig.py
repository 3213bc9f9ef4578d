"""What benchmarks of the whole client stand on: a server, a room, a terminal, and what each of them noticed.

    with Room() as room, AnsweringServer() as server, Chat(room, server) as chat: ...

The room is a private PulseAudio, the client the real screen in a pty over the real engine. Everything notes moments on
the machine's one monotonic clock. Linux only: CPU is read from /proc.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tests.support.processes import children_of
from tests.support.terminal import Terminal
from tests.support.vaudio import VirtualAudio, until

TICKS = os.sysconf("SC_CLK_TCK")
RATE = 48_000
LOUD = 100
"""int16: -50 dBFS, far above what Opus leaves of silence and far below the hum."""
RECENT = 50
"""Pieces of what was painted that are kept, two seconds of them."""
PLAIN = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
Notes = list[list[object]]
Samples = NDArray[np.int16]


class Room:
    """A virtual loudspeaker `vspk` and a virtual microphone `vmic` on a sound server of their own."""

    def __enter__(self) -> Self:
        if shutil.which("pulseaudio") is None or shutil.which("parecord") is None:
            sys.exit("this benchmark needs PulseAudio and its tools (pulseaudio, parecord, pactl)")
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self.audio = VirtualAudio(self.folder)
        self.audio.start()
        self.environ = {"PULSE_SERVER": f"unix:{self.audio.socket}", "PULSE_SINK": "vspk", "PULSE_SOURCE": "vmic"}
        return self

    def __exit__(self, *_: object) -> None:
        self.audio.stop()
        self._folder.cleanup()


class NotesReader:
    """JSON lines of another process, gathered by a thread."""

    def __init__(self, descriptor: int) -> None:
        self.all: Notes = []
        self._descriptor = descriptor
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        half = b""
        while data := os.read(self._descriptor, 65536):
            *lines, half = (half + data).split(b"\n")
            self.all.extend(json.loads(line) for line in lines)

    def of(self, kind: str, after: float = 0.0) -> Notes:
        """Notes of a kind; those whose last moment is given can be limited to later ones."""
        return [note for note in list(self.all) if note[0] == kind and not (after and float(str(note[-1])) < after)]

    def wait(self, kind: str, count: int = 1, timeout: float = 20.0) -> list[object]:
        """The `count`-th note of a kind."""
        until(lambda: len(self.of(kind)) >= count, timeout, f"nothing was told about “{kind}”")
        return self.of(kind)[count - 1]


class Child:
    """A module of ours in a process of its own: notes on its stdout, orders on its stdin (JSON lists, one a line); it
    ends with its stdin."""

    def __init__(self, module: str, *arguments: str) -> None:
        command = [sys.executable, "-m", f"tests.bench.{module}", *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._orders = self._process.stdin
        self.notes = NotesReader(self._process.stdout.fileno())
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def order(self, *what: object) -> None:
        self._orders.write(json.dumps(what).encode() + b"\n")
        self._orders.flush()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def __exit__(self, *_: object) -> None:
        self._orders.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(3)
        self.kill()


class AnsweringServer(Child):
    """The scripted server; see `answering_server`."""

    def __init__(self) -> None:
        super().__init__("answering_server")
        self.url = str(self.notes.wait("url")[1])


class Chat:
    """The client in a pty: by default as shipped, with `watched` the same with notes about its sound."""

    def __init__(
        self,
        room: Room,
        server_url: str,
        size: tuple[int, int] = (120, 36),
        *,
        watched: bool = True,
        options: tuple[str, ...] = (),
    ) -> None:
        self._arguments = ["--provider", "custom", "--base-url", server_url, *options]
        self._room, self._size, self._watched = room, size, watched

    def __enter__(self) -> Self:
        notes, far_end = os.pipe()
        os.set_inheritable(far_end, True)
        module = ["tests.bench.watched_chat", str(far_end)] if self._watched else ["voicechat"]
        environ = {name: str(self._room.folder) for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME")}
        environ |= {"LC_ALL": "C.UTF-8"} | self._room.environ
        argv = [sys.executable, "-m", *module, *self._arguments]
        self.painted = 0
        """Bytes that came over the terminal."""
        self._recent: deque[tuple[float, bytes]] = deque(maxlen=RECENT)
        self.terminal = Terminal(argv, kitty=False, size=self._size, environ=environ, on_written=self._take)
        self.pid = self.terminal.pid
        os.close(far_end)
        self.notes = NotesReader(notes)
        return self

    def _take(self, data: bytes) -> None:
        """Only the newest of what is painted is kept."""
        self._recent.append((time.monotonic(), data))
        self.painted += len(data)

    def wait_for_paint(self, timeout: float) -> None:
        """Until something more has been painted."""
        self.terminal.came.wait(timeout)
        self.terminal.came.clear()

    def seen(self, since: float) -> tuple[bytes, float]:
        """What was painted since then, without colours and cursor moves, and when the last of it came."""
        pieces = [(at, data) for at, data in list(self._recent) if at >= since]
        return PLAIN.sub(b"", b"".join(data for _, data in pieces)), pieces[-1][0] if pieces else since

    def press(self, key: bytes) -> float:
        """Write a key's bytes; when that was."""
        at = time.monotonic()
        self.terminal.type(key)
        return at

    @property
    def engine(self) -> int:
        """The engine's process id."""
        return children_of(self.pid)[0]

    def __exit__(self, *_: object) -> None:
        self.terminal.kill(signal.SIGTERM)
        self.terminal.wait()
        self.terminal.close()


class Recorder:
    """Gives what the sink plays, int16 at 48 kHz with the moment at which it came, to `take`, on a thread; begins again
    when the sound server does."""

    def __init__(
        self, audio: VirtualAudio, take: Callable[[float, NDArray[np.int16]], None], milliseconds: int
    ) -> None:
        raw = ("--raw", f"--rate={RATE}", "--channels=1", "--format=s16le", f"--latency-msec={milliseconds}")
        device = (f"--server=unix:{audio.socket}", "--device=vspk.monitor", f"--process-time-msec={milliseconds}")
        self._command = ("parecord", *device, *raw)
        self._take = take
        self._ended = False
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._record, daemon=True)
        self._thread.start()

    def _record(self) -> None:
        while not self._ended:
            self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            assert self._process.stdout is not None
            odd = b""
            while data := os.read(self._process.stdout.fileno(), 65536):
                data = odd + data
                whole = len(data) // 2 * 2
                odd = data[whole:]
                self._take(time.monotonic(), np.frombuffer(data[:whole], "<i2"))
            self._process.wait()
            time.sleep(0.0 if self._ended else 0.2)

    def restart(self) -> None:
        """Record anew: PulseAudio moves whoever records what was the default source to the new one."""
        if self._process is not None:
            self._process.terminate()

    def close(self) -> None:
        self._ended = True
        self.restart()
        self._thread.join(2.0)


class Monitor(Recorder):
    """Records the sink from outside.

    A sample's time is its place in the recording on the fastest chunk's clock of the seconds around it: chunks are
    late sometimes, never early.
    """

    def __init__(self, room: Room) -> None:
        self.chunks: list[tuple[float, Samples]] = []
        super().__init__(room.audio, lambda at, samples: self.chunks.append((at, samples)), 5)
        until(lambda: bool(self.chunks), 5.0, "the sink's monitor gives no sound")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def heard(self) -> Heard:
        return Heard(list(self.chunks))


class Heard:
    """A recording with the time of every sample."""

    def __init__(self, chunks: list[tuple[float, Samples]]) -> None:
        self.samples = np.concatenate([samples for _, samples in chunks])
        ends = np.cumsum([samples.size for _, samples in chunks])
        self._ends, self._zero = ends, np.array([at for at, _ in chunks]) - ends / RATE
        window = 200
        self._floor = np.array(
            [self._zero[max(0, i - window) : i + window].min() for i in range(len(chunks))], dtype=np.float64
        )

    def time(self, sample: int) -> float:
        """When a sample came out of the recorder."""
        chunk = min(int(np.searchsorted(self._ends, sample, side="right")), len(self._floor) - 1)
        return float(self._floor[chunk] + sample / RATE)

    def sounds(self, quiet: float = 0.08) -> list[tuple[float, float]]:
        """From the first to the last loud sample of everything that silences of `quiet` seconds keep apart."""
        loud = np.flatnonzero(np.abs(self.samples.astype(np.int32)) > LOUD)
        if not loud.size:
            return []
        breaks = np.flatnonzero(np.diff(loud) > quiet * RATE)
        firsts, lasts = np.append(loud[0], loud[breaks + 1]), np.append(loud[breaks], loud[-1])
        return [(self.time(int(a)), self.time(int(b))) for a, b in zip(firsts, lasts, strict=True)]

    def gaps(self, since: float, until: float, shortest: float = 0.002) -> list[tuple[float, float]]:
        """Silences inside a hum: when, and seconds."""
        loud = np.flatnonzero(np.abs(self.samples.astype(np.int32)) > LOUD)
        places = np.flatnonzero(np.diff(loud) > shortest * RATE)
        found = ((self.time(int(loud[p])), float(loud[p + 1] - loud[p]) / RATE) for p in places)
        return [(at, long) for at, long in found if since < at < until]


def number(value: object) -> float:
    """A number out of a note."""
    assert isinstance(value, int | float)
    return float(value)


def counted_between(notes: Notes) -> dict[str, float]:
    """What the engine's counters gained between the first and the last note of them."""
    told = [note[1] for note in notes if note[0] == "counts" and isinstance(note[1], dict)]
    if not told:
        raise ValueError("the engine told none of its counters")
    return {name: number(value) - number(told[0][name]) for name, value in told[-1].items()}


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def cpu_of_threads(pid: int) -> dict[str, float]:
    """The same by thread: `name/id` -> seconds."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        head, tail = (task / "stat").read_text().rsplit(")", 1)
        fields = tail.split()
        found[f"{head.split('(', 1)[1]}/{task.name}"] = (int(fields[11]) + int(fields[12])) / TICKS
    return found


def memory(pid: int) -> float:
    """Resident MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
