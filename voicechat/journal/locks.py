"""Whether a tape is being written: its file is locked by the process that writes it, and by nothing that died.

The system lets go of a lock when its process ends, however that happens, so no stale mark can stay behind.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

if sys.platform != "win32":
    import fcntl


def lock(descriptor: int) -> None:
    """Lock an open file until it is closed. On Windows an open file cannot be removed, which is lock enough."""
    if sys.platform != "win32":
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_locked(file: Path) -> bool:
    """Whether somebody writes this file now; False for one that cannot be opened."""
    if sys.platform == "win32":
        return False
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
