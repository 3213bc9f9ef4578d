"""The serving end of the link, as the engine and the tap have it: a process whose client stands at a pipe.

Frames are written by a thread of their own. A client that was stopped (Ctrl+Z) reads nothing and its pipe fills within
seconds; if the loop wrote, it would stand still with it, and the dead man's switch could not close the microphone.
Snapshots and numbers are skipped while the pipe is slow (latest wins), event batches only when megabytes wait;
transcript turns, acks and the goodbye always stay.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from voicechat import __version__
from voicechat.engine.link import (
    LINK_VERSION,
    Ack,
    Batch,
    Bye,
    ClientHello,
    Command,
    EngineHello,
    FromClient,
    FromEngine,
    Goodbye,
    Numbers,
    Ping,
    Pong,
    Snapshot,
    from_client,
    pack,
)
from voicechat.errors import AudioDeviceError, EngineError, VoiceChatError
from voicechat.exit_codes import ENGINE_DIED, exit_code
from voicechat.heap import trim_regularly
from voicechat.tasks import is_send_after_close

SLOW = 256 * 1024
"""Bytes waiting from which snapshots are skipped."""
STUCK = 16 * 1024 * 1024
"""Bytes waiting from which event batches are skipped too."""
TICK = 0.05
"""Snapshots, transcript changes and event batches leave at most 20 times a second."""
LAST_WORDS = 0.3
"""Seconds the last frames may take to leave."""


class Outbox:
    """Frames for one file descriptor. `post` never blocks and may be called from any thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._write, name="link-writer", daemon=True)
        self._thread.start()

    def post(self, message: FromEngine) -> None:
        with self._changed:
            skipped = (isinstance(message, Snapshot | Numbers) and self._size > SLOW) or (
                isinstance(message, Batch) and self._size > STUCK
            )
            if skipped or self._is_closed:
                return
            frame = pack(message)
            self._waiting.append(frame)
            self._size += len(frame)
            self._changed.notify()

    def close(self, patience: float) -> None:
        """Write what waits, for `patience` seconds at most; afterwards nothing is taken any more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(timeout=patience)

    def _write(self) -> None:
        while (frame := self._next()) is not None:
            data = memoryview(frame)
            with contextlib.suppress(OSError):  # the client is gone; the reader thread ends the engine
                while data:
                    data = data[os.write(self._descriptor, data) :]

    def _next(self) -> bytes | None:
        with self._changed:
            while not self._waiting:
                if self._is_closed:
                    return None
                self._changed.wait()
            frame = self._waiting.popleft()
            self._size -= len(frame)
            return frame


class PipeServer:
    """Reads the client's frames on a thread, answers hello, commands and pings, says goodbye with an exit status.

    Subclasses serve between hello and goodbye (`_serve`) and carry commands out (`_obey`).
    """

    name = ""
    """What serves, as a goodbye calls it."""

    def __init__(self, link_in: int, link_out: int) -> None:
        self._in = link_in
        self._outbox = Outbox(link_out)
        self.post: Callable[[FromEngine], None] = self._outbox.post
        self._loop = asyncio.get_running_loop()
        self._has_ended = False
        self._resting: asyncio.Future[None] | None = None
        self._hello: asyncio.Future[ClientHello | None] = self._loop.create_future()
        self._pinged_at = self._loop.time()
        self._parent = os.getppid()
        self._outlives = False
        """The client may leave, and this process goes on."""

    async def _serve(self, hello: ClientHello) -> int:
        """Serve until `_has_ended`. Returns the exit status."""
        raise NotImplementedError

    def _obey(self, command: Command) -> str:
        """Why a command is refused; empty: it is carried out."""
        raise NotImplementedError

    def _apply_at_once(self, command: Command) -> None:
        """On the reader thread, before the loop sees the command."""

    def _pipe_closed(self) -> None:
        """On the reader thread: the client is gone."""

    async def run(self) -> int:
        """Serve until the client leaves. Returns the process's exit status."""
        with contextlib.suppress(NotImplementedError):
            self._loop.add_signal_handler(signal.SIGTERM, self._end)
        threading.Thread(target=self._read, name="link-reader", daemon=True).start()
        self.post(EngineHello(LINK_VERSION, os.getpid(), __version__))
        try:
            hello = await self._hello
            if hello is None:
                return 0
            if hello.version != LINK_VERSION:
                raise EngineError("the engine and the screen are of different versions", hint="start voicechat again")
            return await self._serve(hello)
        except VoiceChatError as error:
            code = exit_code(error)
            cause = " · ".join(part for part in (error.message, error.hint) if part)
            is_stuck = isinstance(error, AudioDeviceError) and error.retryable
            self.post(Goodbye(cause, exit_code=code, restart=is_stuck))
            return code

    def close(self) -> None:
        """Let what was said last reach the client, if it still listens."""
        self._outbox.close(LAST_WORDS)

    def _end(self) -> None:
        """The client is gone, or wants us to be."""
        self._has_ended = True
        if self._resting is not None:
            _wake(self._resting)
        if not self._hello.done():
            self._hello.set_result(None)

    async def _rest(self, seconds: float) -> None:
        """Wait so long, or until the end. `asyncio.wait_for` would make a task each time, twenty times a second."""
        is_orphan = os.getppid() != self._parent  # the client died, and another process holds the pipe open
        if is_orphan and not self._outlives:
            self._end()
            return
        self._resting = self._loop.create_future()
        timer = self._loop.call_later(seconds, _wake, self._resting)
        try:
            await self._resting
        finally:
            timer.cancel()

    def _read(self) -> None:
        """On the reader thread, until the pipe ends."""
        with os.fdopen(self._in, "rb") as stream:
            for message in from_client(stream):
                if isinstance(message, Command):
                    self._apply_at_once(message)
                if isinstance(message, ClientHello):
                    self._outlives = message.outlives > 0.0
                elif isinstance(message, Bye):
                    self._outlives = False
                self._loop.call_soon_threadsafe(self._take, message)
        if self._outlives:
            return
        self._pipe_closed()
        self._loop.call_soon_threadsafe(self._end)

    def _take(self, message: FromClient) -> None:
        self._pinged_at = self._loop.time()
        match message:
            case ClientHello() if not self._hello.done():
                self._hello.set_result(message)
            case Command(id=number):
                self.post(Ack(number, self._obey(message)))
            case Ping(id=number):
                self.post(Pong(number))
            case Bye():
                self._end()
            case _:
                pass


def _wake(resting: asyncio.Future[None]) -> None:
    if not resting.done():
        resting.set_result(None)


def defect_of(context: Mapping[str, Any]) -> dict[str, Any]:
    """The local event of an exception nobody expected, whose traceback goes to the log; the talk goes on.

    No traceback for what a library still sent to a peer that is gone: the lost line is told by itself.
    """
    error = context.get("exception")
    if isinstance(error, BaseException) and not is_send_after_close(error):
        traceback.print_exception(error, file=sys.stderr)
    told = f"{type(error).__name__}: {error}" if error else str(context.get("message", ""))
    return {"type": "engine.defect", "message": told}


async def _serve_client(kind: type[PipeServer], link_in: int, link_out: int) -> int:
    """The process edge: any failure goes to the client and to the log."""
    server = kind(link_in, link_out)
    try:
        return await server.run()
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        server.post(Goodbye(f"the {server.name} failed: {type(error).__name__}: {error}", exit_code=ENGINE_DIED))
        return ENGINE_DIED
    finally:
        server.close()


def run_process(kind: type[PipeServer]) -> None:
    """Serve the client at stdin and stdout until it is gone, then end this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    sys.setswitchinterval(0.0005)
    gc.freeze()
    trim_regularly()
    link_in, link_out = _keep_pipes_clean()
    code = asyncio.run(_serve_client(kind, link_in, link_out))
    sys.stderr.flush()
    os._exit(code)  # a decoder thread that will not end must not keep the process (and a microphone) alive


def _keep_pipes_clean() -> tuple[int, int]:
    """File descriptors of the link; whatever prints to stdout from now on (PortAudio, ALSA) goes to the log."""
    link_in, link_out = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return link_in, link_out
