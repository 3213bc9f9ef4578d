"""Somebody else's code on threads of its own: it may block, hang or exit, and the talk goes on.

Threads are daemons and never joined, because one that hangs must not keep the process (and a microphone) alive. What
cannot be ended is left behind and counted.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
MOST_HANGING = 16
"""Threads left behind; with more of them nothing else is started."""
_hanging = threading.BoundedSemaphore(MOST_HANGING)


class TooManyHang(Exception):
    """So many calls never ended that no other is begun."""


async def in_thread(work: Callable[[], T]) -> T:
    """What `work` returns, or the exception it raises (SystemExit too, as `Escaped`). Cancelling leaves it behind."""
    if not _hanging.acquire(blocking=False):
        raise TooManyHang(f"{MOST_HANGING} calls have not ended; nothing more is run until one does")
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # without an error there is a result

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as caught:  # the edge of somebody else's code
            error = contained(caught)
        finally:
            _hanging.release()
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:
            return  # the talk is over

    threading.Thread(target=run, name="tool", daemon=True).start()
    return await done


class Escaped(Exception):
    """Code that wanted to end the process; the message is what it raised."""


def contained(error: BaseException) -> BaseException:
    """What asyncio would take for its own (SystemExit, KeyboardInterrupt, a cancel, StopIteration) as an exception."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration | asyncio.CancelledError):
        return error
    return Escaped(f"{type(error).__name__}{f': {error}' if str(error) else ''}").with_traceback(error.__traceback__)


class LoopThread:
    """An event loop of its own for asynchronous functions, so that what they keep (a client, a lock) stays usable.

    One that blocks it is left behind with its loop; the next call gets a new one.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._alive: threading.Event | None = None

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Raises what it raises. Cancelling cancels it there, as far as it lets itself be cancelled."""
        loop = self._usable()

        async def guarded() -> T:
            try:
                return await work()
            except BaseException as caught:
                if isinstance(caught, asyncio.CancelledError):
                    raise
                raise contained(caught) from None

        future = asyncio.run_coroutine_threadsafe(guarded(), loop)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            future.cancel()
            self._alive = threading.Event()
            loop.call_soon_threadsafe(self._alive.set)
            raise

    def _usable(self) -> asyncio.AbstractEventLoop:
        if self._loop is None or (self._alive is not None and not self._alive.is_set()):
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, name="tools", daemon=True).start()
        self._alive = None
        return self._loop

    def close(self) -> None:
        """What still runs is cancelled; nobody waits for it."""
        loop, self._loop = self._loop, None
        if loop is None:
            return

        def end() -> None:
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.call_soon(loop.stop)

        loop.call_soon_threadsafe(end)


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it makes a coroutine."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)
