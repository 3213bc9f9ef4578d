"""The client's side of the pipe: spawn the engine, talk to it, notice its death, restart it.

The engine is a plain child (`python -P -m voicechat.engine`) with pipes and a reader thread here: a round trip costs
0.1 to 0.2 ms and nothing is inherited by fork. It ends when this process ends, because its stdin ends. API keys
and headers travel in the environment that the child inherits, never over argv.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from voicechat.config.locations import engine_log
from voicechat.config.secrets import private_environ
from voicechat.config.settings import Settings, as_plain
from voicechat.core.user_events import UserAct
from voicechat.core.view import MicView, TurnView, View
from voicechat.engine.link import (
    LINK_VERSION,
    Bye,
    ClientHello,
    Command,
    EngineHello,
    FromClient,
    FromEngine,
    Goodbye,
    Ping,
    Snapshot,
    Turns,
    Unresponsive,
    from_engine,
    mismatch,
    pack,
)
from voicechat.exit_codes import ENGINE_DIED
from voicechat.heap import GLIBC_HEAP

PING_EVERY = 1.0
"""The engine closes the mic after 3 s without a ping (a stopped client must not leave it open)."""
SILENT_AFTER = 2.0
"""Seconds without any frame after which an engine counts as unresponsive; looked at with each ping, so 3 s at most."""
STARTING = 20.0
"""The same before its first frame: a cold start under load takes that long to import."""
CLOSING = 1.5
"""Seconds a tidy end of the engine may take."""

Deliver = Callable[[FromEngine], None]


class Responses:
    """Whether the engine answers. Pure; times are monotonic seconds.

    Only silence while this process itself ran counts: after Ctrl+Z or a suspended laptop the next pings decide.
    """

    def __init__(self, now: float, interval: float = PING_EVERY) -> None:
        self._interval = interval
        self._heard_at = self._looked_at = now
        self._has_spoken = False
        self.is_silent = False

    def heard(self, now: float) -> bool:
        """Any frame came. True: the engine had been silent until now."""
        self._heard_at, self._has_spoken = now, True
        was_silent, self.is_silent = self.is_silent, False
        return was_silent

    def silence(self, now: float) -> float:
        """Seconds for which the engine has not responded; 0 while that is nothing unusual. Call once each interval."""
        if now - self._looked_at > 2 * self._interval:
            self._heard_at = now  # it was this process that stood still
        self._looked_at = now
        scale = self._interval / PING_EVERY
        limit = (SILENT_AFTER if self._has_spoken else STARTING) * scale
        self.is_silent = now - self._heard_at > limit
        return now - self._heard_at if self.is_silent else 0.0


class EngineProcess:
    """One engine child. `deliver` is called from the reader thread; the last message is always a Goodbye."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str] | None = None,
        *,
        ping_every: float = PING_EVERY,
        outlives: float = 0.0,
    ) -> None:
        """`outlives`: see `ClientHello`; `leave` ends this client then, and not the engine."""
        self._outlives = outlives
        self._settings = settings
        self._environ = dict(os.environ if environ is None else environ)
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._deliver: Deliver = lambda message: None
        self._write = threading.Lock()
        self._count = 0
        self._said_goodbye = False
        self._stop_pings = threading.Event()
        self._turns: dict[str, TurnView] = {}
        """The conversation as it was shown last, in its order; a new engine continues it."""
        self._mic: MicView | None = None
        self._ping_every = ping_every
        self._responses = Responses(time.monotonic(), ping_every)

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def start(self, deliver: Deliver) -> None:
        """Spawn the engine and send it the settings. Failure to spawn arrives as a Goodbye too."""
        self._deliver = deliver
        self._said_goodbye = False
        self._stop_pings = threading.Event()
        self._responses = Responses(time.monotonic(), self._ping_every)
        try:
            self._process = self._spawn(self._environ | private_environ(self._settings))
        except OSError as error:
            deliver(Goodbye(f"the engine could not start: {error}", exit_code=ENGINE_DIED))
            return
        self._reader = threading.Thread(target=self._read, args=(self._process,), name="engine-reader", daemon=True)
        self._reader.start()
        pinging = (self._stop_pings, self._responses)
        threading.Thread(target=self._ping, args=pinging, name="engine-ping", daemon=True).start()
        is_muted = self._mic is not None and (self._mic.muted or self._mic.state == "paused")
        self._post(ClientHello(LINK_VERSION, self._hello(), tuple(self._turns.values()), is_muted, self._outlives))

    def _spawn(self, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
        return spawn(environ)

    def _hello(self) -> dict[str, Any]:
        """The settings, with what was switched in the conversation that is continued."""
        mic = self._mic
        switched = {"turn_mode": mic.turn_mode, "barge_in": mic.barge_in, "volume": mic.volume} if mic else {}
        return as_plain(self._settings) | switched

    def send(self, event: UserAct) -> None:
        """Tell the engine what the user did. A dead engine has said goodbye already; nothing is raised."""
        self._count += 1
        self._post(Command(self._count, event))

    def restart(self) -> None:
        """Spawn another engine, which continues the conversation."""
        self.close(0.0 if self._responses.is_silent else CLOSING)
        self.start(self._deliver)

    def close(self, patience: float = CLOSING) -> None:
        """Ask the engine to end, and see to it that it does. Idempotent."""
        process, self._process = self._process, None
        self._stop_pings.set()
        if process is None:
            return
        self._post_to(process, Bye())
        with contextlib.suppress(OSError):
            if process.stdin:
                process.stdin.close()
        try:
            process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=1.0)
        if self._reader is not None and self._reader is not threading.current_thread():
            self._reader.join(timeout=1.0)

    def leave(self) -> None:
        """Let the engine go on alone."""
        process, self._process = self._process, None
        self._stop_pings.set()
        if process is not None:
            if process.stdin:
                process.stdin.close()
            process.returncode = 0  # nobody here waits for its end, nor is warned that nobody does

    def _post(self, message: FromClient) -> None:
        if self._process is not None:
            self._post_to(self._process, message)

    def _post_to(self, process: subprocess.Popen[bytes], message: FromClient) -> None:
        with self._write, contextlib.suppress(OSError, ValueError):
            if process.stdin:
                process.stdin.write(pack(message))
                process.stdin.flush()

    def _ping(self, stop: threading.Event, responses: Responses) -> None:
        shown = 0.0
        while not stop.wait(self._ping_every):
            silence = responses.silence(time.monotonic())
            if (silence or shown) and not stop.is_set():
                self._deliver(Unresponsive(silence))
            shown = silence
            self._count += 1
            self._post(Ping(self._count))

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout as pipe:
            responses = self._responses
            for message in from_engine(pipe):
                if responses.heard(time.monotonic()):
                    self._deliver(Unresponsive(0.0))
                if isinstance(message, EngineHello) and (why := mismatch(message)):
                    self._said_goodbye = True
                    self._deliver(Goodbye(why, exit_code=ENGINE_DIED))
                    process.terminate()
                    break
                self._keep(message)
                self._deliver(message)
        code = process.wait()
        if not self._said_goodbye and self._process is process:
            self._deliver(Goodbye(epitaph(code), exit_code=ENGINE_DIED))

    def _keep(self, message: FromEngine) -> None:
        match message:
            case Turns(changed=changed, order=order):
                turns = self._turns | {turn.key: turn for turn in changed}
                self._turns = turns if order is None else {key: turns[key] for key in order if key in turns}
            case Snapshot(view=View(mic=mic)):
                self._mic = mic
            case Goodbye():
                self._said_goodbye = True
            case _:
                pass


def spawn(environ: Mapping[str, str], module: str = "voicechat.engine") -> subprocess.Popen[bytes]:
    """The engine in a session of its own, so that Ctrl+C in the terminal is the screen's alone; stderr to a log."""
    log = os.open(engine_log(), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) | getattr(subprocess, "CREATE_NO_WINDOW", 0)
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**GLIBC_HEAP, **environ},
            start_new_session=True,
            creationflags=flags,
        )
    finally:
        os.close(log)


def epitaph(code: int) -> str:
    """How the engine ended, as far as it is known, and where its log is."""
    try:
        how = f"was killed by {signal.Signals(-code).name} (signal {-code})"
    except ValueError:
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return f"the engine {how}; its log: {engine_log()}"
