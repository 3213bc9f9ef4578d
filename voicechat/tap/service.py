"""The tap's process: the engine's side of the link, with a tap in the place of a talk."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import traceback
from pathlib import Path

from voicechat import __version__
from voicechat.config.settings import from_plain
from voicechat.engine.link import (
    LINK_VERSION,
    Ack,
    Bye,
    ClientHello,
    Command,
    EngineHello,
    FromClient,
    Goodbye,
    Ping,
    Pong,
)
from voicechat.engine.outbox import Outbox
from voicechat.engine.service import LAST_WORDS, TICK, frames
from voicechat.errors import VoiceChatError
from voicechat.exit_codes import ENGINE_DIED, exit_code
from voicechat.tap.desk import Desk
from voicechat.tap.server import TapServer
from voicechat.tap.show import Show
from voicechat.tap.upstream import Upstream
from voicechat.tap.wish import wish_of

ONLY_A_TAP = "this is a tap: the client that calls through it acts, not this screen"


class TapService:
    """One screen, one tap."""

    def __init__(self, link_in: int, link_out: int) -> None:
        self._in = link_in
        self._outbox = Outbox(link_out)
        self.post = self._outbox.post
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._hello: asyncio.Future[ClientHello | None] = self._loop.create_future()

    async def run(self) -> int:
        """Serve until the screen leaves. Returns the process's exit status."""
        with contextlib.suppress(NotImplementedError):
            self._loop.add_signal_handler(signal.SIGTERM, self._end)
        threading.Thread(target=self._read, name="link-reader", daemon=True).start()
        self.post(EngineHello(LINK_VERSION, os.getpid(), __version__))
        try:
            hello = await self._hello
            return 0 if hello is None else await self._serve(hello)
        except VoiceChatError as error:
            code = exit_code(error)
            self.post(Goodbye(" · ".join(part for part in (error.message, error.hint) if part), exit_code=code))
            return code

    def close(self) -> None:
        """Let what was said last reach the screen."""
        self._outbox.close(LAST_WORDS)

    async def _serve(self, hello: ClientHello) -> int:
        wish = wish_of(hello.settings.get("tap"))
        record = Path(wish.record).expanduser() if wish.record else None
        desk = Desk(Upstream(wish.upstream), from_plain(hello.settings), record=record)
        show, server = Show(desk, self.post), TapServer(desk)
        await server.start(wish.port)
        self._loop.set_exception_handler(lambda loop, context: show.defect(context))
        show.waiting()
        parent = os.getppid()
        try:
            while not self._ended.is_set() and os.getppid() == parent:
                show.tick()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ended.wait(), TICK)
        finally:
            await server.stop()
            show.tick()
        self.post(Goodbye("ended", exit_code=0))
        return 0

    def _end(self) -> None:
        self._ended.set()
        if not self._hello.done():
            self._hello.set_result(None)

    def _read(self) -> None:
        """On the reader thread, until the pipe ends."""
        for message in frames(self._in):
            self._loop.call_soon_threadsafe(self._take, message)
        self._loop.call_soon_threadsafe(self._end)

    def _take(self, message: FromClient) -> None:
        match message:
            case ClientHello() if not self._hello.done():
                self._hello.set_result(message)
            case Command(id=number):
                self.post(Ack(number, ONLY_A_TAP))
            case Ping(id=number):
                self.post(Pong(number))
            case Bye():
                self._end()
            case _:
                pass


async def serve(link_in: int, link_out: int) -> int:
    """The process edge: whatever goes wrong is told to the screen and written to the log."""
    service = TapService(link_in, link_out)
    try:
        return await service.run()
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        service.post(Goodbye(f"the tap failed: {type(error).__name__}: {error}", exit_code=ENGINE_DIED))
        return ENGINE_DIED
    finally:
        service.close()
