"""Files that a command makes for the user: whole or not there at all, private, and never over one that is there."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from voicechat.config.private_file import replacing
from voicechat.errors import ConfigError


@contextlib.contextmanager
def opened(name: str, *, force: bool) -> Iterator[BinaryIO]:
    """stdout for `-`, else a file of that name, private to the user, whole or not there at all.

    Raises ConfigError for a file that is there already, or that cannot be written.
    """
    if name == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(name)
    if path.exists() and not force:
        raise ConfigError(f"{name} is there already", hint="add --force to replace it, or --out FILE for another name")
    try:
        with replacing(path) as out:
            yield out
    except OSError as error:
        hint = "choose another place: --out FILE"
        raise ConfigError(f"cannot write {name}: {error.strerror or error}", hint=hint) from error
