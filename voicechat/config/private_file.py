"""Files that only the user may read, whole or not there at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """What takes the place of `path` when the block ends well. Raises OSError."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    try:
        with os.fdopen(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as file:
            yield file
        draft.replace(path)
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()


def write_private(path: Path, content: bytes) -> str:
    """Returns why that failed, or an empty string."""
    try:
        with replacing(path) as file:
            file.write(content)
    except OSError as error:
        return error.strerror or str(error)
    return ""
