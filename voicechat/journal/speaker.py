"""The tape's sound on the loudspeaker: where the replay is told to be, by way of a process that plays."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Protocol

from voicechat.config.locations import engine_log

LEAVE_WITHIN = 1.0
"""Seconds the process may take to end."""


class Speaker(Protocol):
    """Plays from a moment of the session on until it is stopped. Nothing here waits or raises."""

    @property
    def problem(self) -> str:
        """Why nothing can be heard; empty: it can."""
        ...

    def play(self, at: float) -> None:
        """From this moment on, at the speed of life."""
        ...

    def stop(self) -> None:
        """Silence at once."""
        ...

    def close(self) -> None:
        """Give the device back."""
        ...


class NoSpeaker:
    """A replay without sound, and why."""

    def __init__(self, problem: str) -> None:
        self.problem = problem

    def play(self, at: float) -> None:
        """Nothing to play."""

    def stop(self) -> None:
        """It is silent."""

    def close(self) -> None:
        """Nothing is open."""


class PlayerProcess:
    """`voicechat.journal.player` as a child; its stderr goes to the engine's log."""

    def __init__(self, audio: Path, device: str = "default") -> None:
        """Starts it. A device that cannot be opened is a `problem`, not an error."""
        self.problem = ""
        log = os.open(engine_log(), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        command = [sys.executable, "-P", "-m", "voicechat.journal.player", str(audio), device]
        try:
            self._process: subprocess.Popen[str] | None = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=os.name != "nt",
            )
        except OSError as error:
            self._process, self.problem = None, f"no sound: {error.strerror}"
        finally:
            os.close(log)
        if self._process is not None:
            threading.Thread(target=self._listen, args=(self._process,), name="player-reader", daemon=True).start()

    def play(self, at: float) -> None:
        self._say(f"play {at:.3f}")

    def stop(self) -> None:
        self._say("stop")

    def close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError, ValueError):
            if process.stdin is not None:
                process.stdin.close()
        try:
            process.wait(LEAVE_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _say(self, line: str) -> None:
        process = self._process
        with contextlib.suppress(OSError, ValueError):
            if process is not None and process.stdin is not None and not self.problem:
                process.stdin.write(line + "\n")
                process.stdin.flush()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        """Its first line is `ready`, or the reason; then it says nothing any more."""
        if process.stdout is None:
            return
        with process.stdout as said:
            first = said.readline().strip()
            if first != "ready":
                self.problem = f"no sound: {first or 'the player ended'}"
                return
            said.read()
        if self._process is process:
            self.problem = "no sound: the player ended"
