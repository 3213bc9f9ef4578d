"""What worked at an address the last time: the handshake, the transport and the dialect, so that it is tried first.

A private file in the state folder. It holds addresses without their query (which may hold secrets), never a key, and
the newest entries only. Whatever is wrong with the file means that nothing is known.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from voicechat.config.private_file import write_private

MOST = 64
"""Addresses that are kept; the oldest gives way."""
MAX_FILE = 64 * 1024
_LONGEST = 512


class Known(msgspec.Struct, frozen=True):
    """What one service took; empty where it is not known."""

    handshake: Literal["", "multipart", "sdp", "client_secret", "sessions"] = ""
    transport: Literal["", "webrtc", "websocket"] = ""
    """websocket only where WebRTC was refused by the service: a network without UDP is not the service's doing."""
    dialect: Literal["", "ga", "beta", "xai"] = ""


class ServiceMemory:
    """The entries of one file, read when first asked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Known] | None = None

    def known(self, base_url: str) -> Known:
        """What is known of this address; an empty entry when nothing is."""
        return self._entries().get(place(base_url), Known())

    def remember(self, base_url: str, known: Known) -> str:
        """Keep it. Returns why that failed, or an empty string."""
        name = place(base_url)
        entries = self._entries()
        if not name or len(name) > _LONGEST or entries.get(name) == known:
            return ""
        entries.pop(name, None)
        if known != Known():
            entries[name] = known
        while len(entries) > MOST:
            del entries[next(iter(entries))]
        return write_private(self._path, msgspec.json.encode(entries))

    def forget(self, base_url: str) -> str:
        return self.remember(base_url, Known())

    def _entries(self) -> dict[str, Known]:
        if self._known is None:
            self._known = _read(self._path)
        return self._known


def place(base_url: str) -> str:
    """An address as it is kept: scheme, host and path, without what may be secret; empty for none."""
    try:
        parts = urlsplit(base_url.strip() if "://" in base_url else f"//{base_url.strip()}")
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path.rstrip('/')}" if parts.hostname else ""


def _read(path: Path) -> dict[str, Known]:
    try:
        with path.open("rb") as file:
            raw = msgspec.json.decode(file.read(MAX_FILE), type=dict[str, msgspec.Raw])
    except (OSError, msgspec.DecodeError):
        return {}
    entries: dict[str, Known] = {}
    for name, entry in raw.items():
        with contextlib.suppress(msgspec.DecodeError):  # one bad entry does not cost the others
            entries[name] = msgspec.json.decode(entry, type=Known)
    return entries
