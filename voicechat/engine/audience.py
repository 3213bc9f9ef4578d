"""Everybody who sees a talk: the client that runs it, and any number that only watch.

What the engine says goes to all of them. Who comes late is first told how things stand: the whole transcript, the
events that are still remembered, every finding, the newest figures. A watcher that does not keep up loses snapshots
first, then its place; nobody is ever waited for.
"""

from __future__ import annotations

import os
import sys
import traceback
from asyncio import StreamWriter
from collections.abc import Callable, Iterable

from voicechat import __version__
from voicechat.core.view import TurnView
from voicechat.engine.link import (
    LINK_VERSION,
    Ack,
    Batch,
    Devices,
    EngineHello,
    FromEngine,
    Goodbye,
    Numbers,
    Pong,
    SessionShown,
    Snapshot,
    TapeShown,
    Turns,
    pack,
)
from voicechat.insight.records import Finding
from voicechat.journal.entry import Entry

SLOW = 512 * 1024
"""Bytes waiting for a watcher from which snapshots and figures are skipped."""
STUCK = 8 * 1024 * 1024
"""Bytes waiting from which a watcher is let go."""


class Audience:
    """`post` what the engine says; `join` and `leave` are for watchers. All on the engine's loop."""

    def __init__(self, post: Callable[[FromEngine], None]) -> None:
        """`post` reaches the client that runs the talk, and alone gets acks and pongs."""
        self._post = post
        self._watchers: set[StreamWriter] = set()
        self._newest: dict[type, Snapshot | Numbers | SessionShown | Devices | TapeShown] = {}
        self._turns: dict[str, TurnView] = {}
        self._order: tuple[str, ...] = ()
        self._findings: dict[str, Finding] = {}
        self.recent: Callable[[], Iterable[Entry]] = tuple
        """The events that are still remembered."""

    @property
    def watchers(self) -> int:
        return len(self._watchers)

    def post(self, message: FromEngine) -> None:
        """Tell everybody, and remember what a late watcher has to know."""
        self._post(message)
        self._remember(message)
        if self._watchers and not isinstance(message, Ack | Pong):
            frame = pack(message)
            for watcher in tuple(self._watchers):
                try:
                    self._send(watcher, message, frame)
                except Exception:  # one viewer's connection: neither the talk nor the other viewers may notice
                    traceback.print_exc(file=sys.stderr)
                    self._watchers.discard(watcher)
                    watcher.transport.abort()

    def join(self, watcher: StreamWriter) -> None:
        """From now on `watcher` sees everything; first it is told how things stand."""
        past: list[FromEngine] = [EngineHello(LINK_VERSION, os.getpid(), __version__), *self._newest.values()]
        past.append(Turns(tuple(self._turns[key] for key in self._order if key in self._turns), self._order))
        if rows := tuple(self.recent()):
            past.append(Batch(rows))
        past += self._findings.values()
        watcher.write(b"".join(pack(message) for message in past))
        self._watchers.add(watcher)

    def leave(self, watcher: StreamWriter) -> None:
        self._watchers.discard(watcher)

    def _remember(self, message: FromEngine) -> None:
        match message:
            case Snapshot() | Numbers() | SessionShown() | Devices() | TapeShown():
                self._newest[type(message)] = message
            case Turns(changed=changed, order=order):
                self._turns |= {turn.key: turn for turn in changed}
                if order is not None:
                    self._order = order
                    self._turns = {key: self._turns[key] for key in order if key in self._turns}
            case Finding(id=id):
                self._findings[id] = message
            case _:
                pass

    def _send(self, watcher: StreamWriter, message: FromEngine, frame: bytes) -> None:
        behind = watcher.transport.get_write_buffer_size()
        if behind > STUCK:
            self._watchers.discard(watcher)
            watcher.transport.abort()
        elif behind <= SLOW or not isinstance(message, Snapshot | Numbers):
            watcher.write(frame)
        if isinstance(message, Goodbye):
            self._watchers.discard(watcher)
            watcher.close()
