"""Knocking at the door of a running engine. Standard library only: `ctl` has to be fast."""

from __future__ import annotations

import contextlib
import os
import socket
import time

from voicechat.config.locations import PORT, SOCKET, sessions

PATIENCE = 2.0
"""Seconds an engine may take to answer."""


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
