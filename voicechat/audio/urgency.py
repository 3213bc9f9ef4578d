"""The audio thread goes before what can wait, where the system allows it.

Beside a screen that paints all the time a thread like any other is once in ten minutes kept waiting for longer than the
loudspeaker's buffer lasts. CoreAudio and WASAPI make their threads urgent themselves; ALSA leaves it to us.
"""

from __future__ import annotations

import os
import sys
import threading

NICE = -11
"""What PulseAudio and PipeWire ask for themselves. Not a real-time class: a stream thread that spins (see
`stream_watchdog`) would then take a core from everybody."""


def go_first() -> None:
    """Make the calling thread urgent (setpriority(2), of one thread on Linux).

    Most systems allow it to root and to those whom /etc/security/limits.d gives `nice`, often the group `audio`. Where
    it is refused the thread stays as it is.
    """
    if sys.platform != "linux":
        return
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
    except OSError:
        return
