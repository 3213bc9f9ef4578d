"""Which microphone and loudspeaker were chosen on the screen, kept by name until another is chosen.

A flag, the environment or the configuration file beats what is kept here: they are what somebody wrote down on
purpose. `none` is never kept, because a microphone that stays off next week for a forgotten choice helps nobody.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from voicechat.config.private_file import write_private

LONGEST_NAME = 512
"""Characters of a device's name; a longer one is not kept."""
MAX_FILE = 64 * 1024
FORGOTTEN = ("default", "none")
"""Wishes that leave nothing to remember."""


class DeviceMemory(msgspec.Struct, frozen=True):
    """Names as the system shows them; empty: follow the system's default."""

    mic: str = ""
    speaker: str = ""

    def with_choice(self, mic: str, speaker: str) -> DeviceMemory:
        """After a choice on the screen; an empty side was not chosen."""
        return DeviceMemory(_kept(self.mic, mic), _kept(self.speaker, speaker))


def _kept(before: str, chosen: str) -> str:
    if not chosen or chosen == "none" or len(chosen) > LONGEST_NAME:
        return before
    return "" if chosen in FORGOTTEN else chosen


def read_memory(path: Path) -> DeviceMemory:
    """What is kept; a file that is missing, too large or not ours means nothing is."""
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(MAX_FILE), type=DeviceMemory)
    except (OSError, msgspec.DecodeError):
        return DeviceMemory()


def write_memory(path: Path, memory: DeviceMemory) -> str:
    """Returns why it could not be kept, or an empty string."""
    return write_private(path, msgspec.json.encode(memory))
