"""Leaving: the microphone first, then the screen, and never later than two seconds.

Textual can hang on a terminal that is gone (its writer blocks while SIGCONT restarts the application mode), and a voice
program that hangs is an open microphone nobody sees (R29).
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import threading
from collections.abc import Callable

LIMIT = 2.0
INTERRUPTED = 130


def arm_watchdog(code: int, limit: float = LIMIT) -> threading.Timer:
    """End the process by force after `limit` seconds; cancel the timer when leaving went well."""
    timer = threading.Timer(limit, os._exit, (code,))
    timer.daemon = True
    timer.start()
    return timer


def is_terminal_gone() -> bool:
    """Whether the window was closed: then there is nothing to restore, and Textual's writer would wait for ever."""
    try:
        os.get_terminal_size(1)
    except OSError as error:
        return error.errno == errno.EIO
    return False


def on_signals(leave: Callable[[], None]) -> None:
    """Call `leave` on SIGTERM, SIGHUP and SIGQUIT. Windows has none; there the engine sees its pipe close."""
    loop = asyncio.get_running_loop()
    for name in ("SIGTERM", "SIGHUP", "SIGQUIT"):
        number = getattr(signal, name, None)
        if number is not None:
            try:
                loop.add_signal_handler(number, leave)
            except (NotImplementedError, RuntimeError, ValueError):
                return
