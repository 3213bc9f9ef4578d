"""The sound's own threads go before what can wait, where the system allows it.

CoreAudio and WASAPI make their threads urgent themselves; ALSA leaves it to us. Two threads must run in turn for every
block: PortAudio's, and libpulse's `threaded-ml` inside ALSA. Both begin while a stream is opened and started, and a
thread on Linux inherits its class, so it is the opening that is made urgent. One of the two alone is worse than none:
PortAudio's then spins while it waits for the other. Silence in 20 s of an answer beside two or four busy programs on
two cores, with a sound server that is itself an ordinary program:

| threads                       | silence in each try, s             |
|-------------------------------|------------------------------------|
| both ordinary                 | 0.3, 1.9                           |
| both at nice -11              | 0.7, 1.1, 1.5, 4.0                 |
| PortAudio's alone real-time   | 3.5, 7.2                           |
| both real-time                | 0.00, 0.00, 0.02, 0.03, 0.04, 0.84 |

Where the server is real-time, as desktops make it, none was heard with either.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PRIORITY = 4
"""Of the real-time class (sched(7)), one below what PulseAudio takes for itself."""


@contextmanager
def urgent_threads() -> Iterator[bool]:
    """Threads that begin inside are urgent, the calling one only meanwhile. False: refused, all is as it was.

    Root may, and those to whom /etc/security/limits.d gives `rtprio`, often the group `audio`.
    """
    if sys.platform != "linux":
        yield False
        return
    before = os.sched_getscheduler(0), os.sched_getparam(0)  # of this thread, not of the process
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
    except OSError:
        yield False
        return
    try:
        yield True
    finally:
        os.sched_setscheduler(0, *before)
