"""Virtual sound devices: a private PulseAudio with a speaker and a microphone made of null sinks.

`norewinds=1` on both sinks is essential: without it a null sink keeps a two-second buffer and stalls. No configuration
of ALSA is needed, only PULSE_SERVER. Skips only where PulseAudio is not installed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from voicechat.audio.devices import list_devices

_SCRIPT = """\
load-module module-native-protocol-unix auth-anonymous=1 socket={socket}
load-module module-null-sink norewinds=1 sink_name=vspk rate=48000 channels=2 format=s16le
load-module module-null-sink norewinds=1 sink_name=vmic_feed rate=48000 channels=1 format=s16le
load-module module-remap-source source_name=vmic master=vmic_feed.monitor
set-default-sink vspk
set-default-source vmic
"""
_RAW = ("--raw", "--rate=48000", "--channels=1", "--format=s16le", "--latency-msec=20")


class VirtualAudio:
    """One server; `start` and `stop` may be repeated to play a device that vanishes and returns."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "native"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it answers."""
        script = self._folder / "vaudio.pa"
        script.write_text(_SCRIPT.format(socket=self.socket))
        runtime = {name: str(self._folder) for name in ("XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH", "PULSE_STATE_PATH")}
        options = "-n --daemonize=no --exit-idle-time=-1 --realtime=no --high-priority=no --use-pid-file=no"
        self._process = subprocess.Popen(
            ("pulseaudio", *options.split(), f"--log-target=file:{self._folder}/log", "-F", str(script)),
            env={**os.environ, **runtime},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(lambda: self._ask("info") == 0, 5.0, "the sound server did not answer")

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None
        self.socket.unlink(missing_ok=True)

    def stall(self, seconds: float) -> None:
        """The server does nothing for so long, as on a machine with too much to do."""
        with self.hung():
            time.sleep(seconds)

    @contextmanager
    def hung(self) -> Iterator[None]:
        """The server does nothing inside the block, and goes on where it was."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def speak(self, sound: npt.NDArray[np.float32]) -> subprocess.Popen[bytes]:
        """Play into the virtual microphone; the player ends by itself."""
        player = subprocess.Popen(self._command("paplay", "vmic_feed"), stdin=subprocess.PIPE)
        assert player.stdin is not None
        player.stdin.write((sound * 32767).astype("<i2").tobytes())
        player.stdin.close()
        return player

    @contextmanager
    def recorded(self) -> Iterator[list[npt.NDArray[np.int16]]]:
        """What the virtual loudspeaker plays meanwhile; the list is filled when the block ends."""
        taken: list[npt.NDArray[np.int16]] = []
        raw = self._folder / "recorded.raw"
        with raw.open("wb") as file:
            recorder = subprocess.Popen(self._command("parecord", "vspk.monitor"), stdout=file)
            until(lambda: raw.stat().st_size > 0, 5.0, "the recorder did not start")
            try:
                yield taken
            finally:
                recorder.send_signal(signal.SIGTERM)
                recorder.wait()
        content = raw.read_bytes()
        taken.append(np.frombuffer(content[: len(content) // 2 * 2], dtype="<i2"))

    def _command(self, program: str, device: str) -> tuple[str, ...]:
        return (program, f"--server=unix:{self.socket}", f"--device={device}", *_RAW)

    def tell(self, *words: str) -> str:
        """One `pactl` command, such as `load-module module-null-sink ...` to plug something in; what it printed."""
        command = ("pactl", f"--server=unix:{self.socket}", *words)
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()

    def _ask(self, question: str) -> int:
        command = ("pactl", f"--server=unix:{self.socket}", question)
        return subprocess.run(command, capture_output=True, check=False).returncode


def until(happened: Callable[[], bool], timeout: float, complaint: str) -> None:
    """Wait for a real device; there is no clock of ours in it."""
    deadline = time.monotonic() + timeout
    while not happened():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.01)


def one_process_only(note: Path) -> None:
    """Fail where two processes of one run of the suite test sound devices: they would disturb each other's timing."""
    run, process = (os.environ.get(f"PYTEST_XDIST_{name}", "") for name in ("TESTRUNUID", "WORKER"))
    if run and note.exists() and note.read_text().startswith(run):
        assert note.read_text() == run + process, "another process of this run tests sound devices too"
    note.write_text(run + process)


@pytest.fixture
def virtual_audio(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualAudio]:
    """A running server that PortAudio in this process uses."""
    if shutil.which("pulseaudio") is None or shutil.which("pactl") is None:
        missing = "PulseAudio is not installed"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    one_process_only(tmp_path_factory.getbasetemp().parent / "sound-devices-are-tested-by")
    audio = VirtualAudio(tmp_path_factory.mktemp("vaudio"))
    audio.start()
    monkeypatch.setenv("PULSE_SERVER", f"unix:{audio.socket}")
    list_devices(refresh=True)
    try:
        yield audio
    finally:
        audio.stop()
