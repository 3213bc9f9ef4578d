"""Which processes of ours run: looked up in /proc by a mark in their environment, or by their parent."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

needs_proc = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
GONE_WITHIN = 2.0
"""R29: seconds after which nothing of ours may run."""


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children_of(parent: int) -> list[int]:
    return [pid for pid in all_pids() if _parent(pid) == parent and is_running(pid)]


def marked(mark: str) -> dict[int, str]:
    """Process -> command line, of everything that runs with `mark` somewhere in its environment."""
    found = {}
    for pid in all_pids():
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if mark.encode() in environment and is_running(pid):
            found[pid] = command.replace(b"\0", b" ").decode(errors="replace").strip()
    return found


def left_after(mark: str, seconds: float = GONE_WITHIN) -> dict[int, str]:
    """What still runs with this mark: as soon as nothing does, or after so many seconds."""
    deadline = time.monotonic() + seconds
    while (found := marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def all_pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
