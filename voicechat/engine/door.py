"""Knocking at the door of a running engine. Standard library only: `ctl` has to be fast."""

from __future__ import annotations

import os
import socket

from voicechat.config.runtime_dir import PORT, SOCKET

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
