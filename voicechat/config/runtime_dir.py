"""Where running engines can be reached: a folder of this user alone. Only `os`, because `ctl` has to be fast."""

from __future__ import annotations

import os
import stat
import sys

SOCKET = ".sock"
PORT = ".port"
"""Where there are no Unix sockets: a private file with a port of this machine and a token."""


def runtime_dir() -> str:
    """The folder, created if it is not there. Raises OSError where it belongs to somebody else or others may enter."""
    path = os.environ.get("VOICECHAT_RUNTIME_DIR") or _usual()
    os.makedirs(path, mode=0o700, exist_ok=True)
    if sys.platform != "win32":
        found = os.lstat(path)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise PermissionError(13, "it is not a private folder of yours", path)
    return path


def sessions(path: str) -> list[int]:
    """Process ids of the engines that have a door here, the newest first."""
    found: list[tuple[float, int]] = []
    with os.scandir(path) as entries:
        for entry in entries:
            name, ending = os.path.splitext(entry.name)
            if ending in (SOCKET, PORT) and name.isdigit():
                found.append((entry.stat(follow_symlinks=False).st_mtime, int(name)))
    return [number for _, number in sorted(found, reverse=True)]


def _usual() -> str:
    if sys.platform == "win32":
        return os.path.join(os.environ.get("LOCALAPPDATA") or os.path.expanduser("~"), "voicechat", "run")
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and os.path.isdir(base):
        return os.path.join(base, "voicechat")
    return os.path.join(os.environ.get("TMPDIR") or "/tmp", f"voicechat-{os.getuid()}")
