"""Background tasks whose exceptions are always read.

asyncio reports a task's exception only when the task is thrown away. A task that is kept in an attribute and never
awaited dies in silence, and with it whatever it served.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any, TypeGuard, TypeVar

T = TypeVar("T")
_running: set[asyncio.Task[Any]] = set()
"""The loop itself holds tasks by weak references only."""


def spawn(
    work: Coroutine[Any, Any, T],
    on_error: Callable[[Exception], None] | None = None,
    among: set[asyncio.Task[Any]] | None = None,
) -> asyncio.Task[T]:
    """A running task for `work`, kept alive until it ends; as long as it runs it is `among` those of its owner.

    An exception is passed to `on_error`, or to the loop's exception handler where there is none (the engine writes its
    traceback to the log and a row into the event list). Cancelling is no error.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    groups = [_running] if among is None else [_running, among]
    for group in groups:
        group.add(task)

    def ended(task: asyncio.Task[T]) -> None:
        for group in groups:
            group.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        if on_error is not None and isinstance(error, Exception):
            on_error(error)
        else:
            loop.call_exception_handler({"message": "a background task failed", "exception": error, "task": task})

    task.add_done_callback(ended)
    return task


def ended_by_signal() -> asyncio.Event:
    """Set by Ctrl+C or a polite kill. Windows has no handlers for them; Ctrl+C raises there."""
    ended = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(name, ended.set)
    return ended


async def ticks(ended: asyncio.Event, every: float | None) -> AsyncIterator[None]:
    """One now and one each time so many seconds (None: no) have passed, until it is over."""
    while not ended.is_set():
        yield
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), every)


def report(loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """A loop's exception handler: what a library's task still sent to a peer that is gone is one line, not a traceback.

    aiortc flushes its data channel in a task of its own, which ends so whenever the other side was killed.
    """
    if is_send_after_close(error := context.get("exception")):
        logging.getLogger(__name__).info("a peer is gone: %s", sentence(error))
    else:
        loop.default_exception_handler(dict(context))


def is_send_after_close(error: object) -> TypeGuard[Exception]:
    """Whether a library sent to a peer that is gone, or through a socket that has just been closed.

    aioice repeats a STUN request in a timer that can come due in the very turn of the loop in which its transport ends;
    asyncio then stumbles over the socket that is None. aiortc goes on connecting a peer that was closed meanwhile.
    """
    if isinstance(error, Exception) and type(error).__module__ == "aiortc.exceptions":
        return str(error).endswith("is closed")
    if not isinstance(error, AttributeError):
        return isinstance(error, ConnectionError)
    frames = list(traceback.walk_tb(error.__traceback__))
    return bool(frames) and frames[-1][0].f_globals.get("__name__") == "asyncio.selector_events"


def sentence(error: Exception) -> str:
    """An unexpected exception in a few words, for a message: its type and its text."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
