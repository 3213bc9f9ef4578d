"""The engine as a real child process, and everything that it has said.

with EngineClient(tmp_path, base_url=url) as client:
    client.until(Snapshot, lambda shown: shown.view.mic.muted)
"""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, Self, TypeVar

from tests.support.command import environ_for
from tests.support.forked import ForkedProcess
from voicechat.config.load import load_settings
from voicechat.engine.host import PING_EVERY, EngineProcess
from voicechat.engine.link import FromEngine, Goodbye

PATIENCE = 30.0
NOWHERE = "http://127.0.0.1:9/v1"
"""A port at which nothing listens."""
Said = TypeVar("Said", bound=FromEngine)


class EngineClient:
    """A client without a screen; by default there is no service and no sound device."""

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str] | None = None,
        *,
        ping_every: float = PING_EVERY,
        fresh: bool = False,
        **flags: Any,
    ) -> None:
        """`fresh`: in an interpreter of its own, not in a copy of this one."""
        config = folder / "empty.toml"
        config.write_text("")
        settings = load_settings({"base_url": NOWHERE, "mic": "none", "speaker": "none"} | flags, {}, config)
        made = EngineProcess if fresh or not hasattr(os, "fork") else ForkedProcess
        self.engine = made(settings, environ or environ_for(folder), ping_every=ping_every)
        self.heard: list[FromEngine] = []
        self._new: queue.SimpleQueue[FromEngine] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        self.engine.start(self._new.put)
        return self

    def __exit__(self, *exception: object) -> None:
        self.engine.close()

    def now(self) -> int:
        """How many messages have come, for `since`."""
        while not self._new.empty():
            self.heard.append(self._new.get())
        return len(self.heard)

    def until(self, kind: type[Said], is_it: Callable[[Said], bool] = lambda message: True, since: int = 0) -> Said:
        """The first such message after the first `since` of all."""
        deadline = time.monotonic() + PATIENCE
        for place in count(since):
            while len(self.heard) <= place:
                try:
                    self.heard.append(self._new.get(timeout=max(0.0, deadline - time.monotonic())))
                except queue.Empty:
                    ends = [one.cause for one in self.heard if isinstance(one, Goodbye)]
                    raise AssertionError(f"the engine never said such a {kind.__name__}; its ends: {ends}") from None
            message = self.heard[place]
            if isinstance(message, kind) and is_it(message):
                return message
        raise AssertionError
