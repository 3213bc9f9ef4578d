"""Files that a command makes for the user: whole or not there at all, private, and never over one that is there."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

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
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    try:
        with os.fdopen(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as out:
            yield out
        draft.replace(path)
    except OSError as error:
        hint = "choose another place: --out FILE"
        raise ConfigError(f"cannot write {name}: {error.strerror or error}", hint=hint) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
