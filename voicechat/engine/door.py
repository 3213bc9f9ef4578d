"""Where running engines can be reached, a folder of this user alone, and connections to them.

Little of the standard library and nothing else, not even `pathlib` or `typing`: `ctl` has to be fast.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import sys
import time
from collections.abc import Callable

SOCKET = ".sock"
PORT = ".port"
"""Where there are no Unix sockets: a private file with a port of this machine and a token."""
PATIENCE = 2.0
"""Seconds an engine may take to answer."""


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


def knock(folder: str, number: int) -> socket.socket:
    """A connection to the engine with this process id. Raises OSError or ValueError where nobody is at home."""
    path = os.path.join(folder, f"{number}{SOCKET}")
    if os.path.exists(path):
        door = socket.socket(socket.AF_UNIX)
        door.settimeout(PATIENCE)
        try:
            door.connect(path)
        except OSError:
            door.close()
            raise
        return door
    with open(os.path.join(folder, f"{number}{PORT}"), encoding="ascii") as file:
        port, token = file.read().split()
    door = socket.create_connection(("127.0.0.1", int(port)), timeout=PATIENCE)
    door.sendall(token.encode() + b"\n")
    return door


def reachable(folder: str) -> dict[int, socket.socket]:
    """Connections to all running engines by process id, the newest first; sockets of killed ones are removed."""
    found: dict[int, socket.socket] = {}
    for number in sessions(folder):
        try:
            found[number] = knock(folder, number)
        except ConnectionRefusedError:
            for ending in (SOCKET, PORT):
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(folder, f"{number}{ending}"))
        except (OSError, ValueError):
            continue
    return found


def chosen(
    session: int,
    command: str,
    is_wanted: Callable[[socket.socket], bool] = lambda door: True,
    what: str = "talk",
    start: str = "voicechat",
) -> tuple[int, socket.socket]:
    """Process id of and connection to the talk that is meant: `session`, or (0) the only wanted one that runs.

    Raises SignallingError where there is none to reach, ConfigError where one of several must be named to `command`.
    """
    from voicechat.errors import ConfigError, SignallingError

    try:
        folder = runtime_dir()
    except OSError as error:
        raise SignallingError(f"{error.filename}: {error.strerror}") from error
    try:
        doors = {session: knock(folder, session)} if session else reachable(folder)
    except (OSError, ValueError) as error:
        raise SignallingError(f"there is no talk {session}", hint="`voicechat ctl sessions` lists them") from error
    wanted = [number for number, door in doors.items() if session or is_wanted(door)]
    try:
        if not wanted:
            raise SignallingError(f"no {what} is running", hint=f"start one with: {start}")
        if len(wanted) > 1:
            named = listed(folder, {number: doors[number] for number in wanted})
            why = f"{len(wanted)} {what}s are running, newest first:{named}"
            raise ConfigError(why, hint=command.format(wanted[0]))
        return wanted[0], doors.pop(wanted[0])
    finally:
        for door in doors.values():
            door.close()


def listed(folder: str, talks: dict[int, socket.socket]) -> str:
    """A line for each talk: process id, when it began, what it says of itself."""
    return "".join(f"\n  {number}  {since(folder, number)}  {_status(door)}".rstrip() for number, door in talks.items())


def since(folder: str, number: int) -> str:
    """When a talk began, as its socket says."""
    for ending in (SOCKET, PORT):
        with contextlib.suppress(OSError):
            began = os.stat(os.path.join(folder, f"{number}{ending}")).st_mtime
            return f"since {time.strftime('%H:%M', time.localtime(began))}"
    return ""


def _status(door: socket.socket) -> str:
    try:
        door.sendall(b"status\n")
        with door.makefile("r", encoding="utf-8", errors="replace") as answers:
            line = answers.readline().rstrip("\n")
    except OSError:
        return "does not answer"
    return "".join(c for c in line.removeprefix("ok ") if c.isprintable())[:120]
