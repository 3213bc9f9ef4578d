"""The event list alone in an app, flooded or filled from inside, for `bench_inspector`.

    python -m tests.bench.inspector_app flood SECONDS NOTES_FD
    python -m tests.bench.inspector_app full EVENTS NOTES_FD

It writes one JSON line a fact to the file descriptor.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import PurePath
from typing import ClassVar

import msgspec
from msgspec import structs
from textual.app import App, ComposeResult
from textual.drivers.linux_driver import LinuxDriver

from tests.bench.rig import memory
from tests.support.event_rows import talk_rows
from voicechat.engine.link import Batch
from voicechat.journal.entry import Entry
from voicechat.ui.app import VoiceChatApp
from voicechat.ui.theme_files import app_color_defaults, load_themes
from voicechat.ui.widgets.event_list import EventList
from voicechat.ui.widgets.events_pane import EventsPane

RATE = 20_000
BATCH_EVERY = 0.05
MOVES = 200
TYPE_FILTERS = ("type:response.done", "is:error", "dir:out", "-is:audio", "type:in.speech*,transcription", "-is:delta")
SEARCHES = ("zebra", "window", "remaining", "resp_8 completed", ".usage.output_tokens>200", "id:item_a7")


def written_at() -> list[float]:
    """CPU seconds at each write to the terminal, newest last."""
    return TimedDriver.writes


class TimedDriver(LinuxDriver):
    """Notes when something is painted."""

    writes: ClassVar[list[float]] = []

    def write(self, data: str) -> None:
        super().write(data)
        self.writes.append(time.process_time())


class InspectorApp(App[None]):
    """Nothing but the pane, under the keys of the list."""

    CSS_PATH: ClassVar[list[str | PurePath]] = [*VoiceChatApp.CSS_PATH, *VoiceChatApp.LATER_CSS]
    CSS = "EventsPane { display: block; }"

    def __init__(self, act: Callable[[InspectorApp], object], notes: int) -> None:
        super().__init__(driver_class=TimedDriver)
        for theme, _ in load_themes(None)[0]:
            self.register_theme(theme)
        self.theme = "lamplight"
        self._act, self._notes = act, notes

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return app_color_defaults(self.current_theme.to_color_system().generate())

    def compose(self) -> ComposeResult:
        yield EventsPane()

    @property
    def pane(self) -> EventsPane:
        return self.query_one(EventsPane)

    def on_ready(self) -> None:
        self.pane.events.focus()
        gc.freeze()  # as the app does it
        gc.set_threshold(10_000, 20, 100)
        self.run_worker(self._run(), exit_on_error=True)

    async def _run(self) -> None:
        await asyncio.sleep(0.3)
        result = self._act(self)
        if asyncio.iscoroutine(result):
            await result
        self.exit()

    def note(self, *fact: object) -> None:
        os.write(self._notes, json.dumps(fact).encode() + b"\n")


class Flow:
    """Rows as a session makes them, without end."""

    def __init__(self) -> None:
        self._talk = [(row, msgspec.json.encode(row.event).decode()) for row in talk_rows()]
        self._made = 0
        self._random = random.Random(4)

    def take(self, count: int) -> tuple[Entry, ...]:
        """The next rows. Ids differ from round to round, as those of later turns do."""
        made: list[Entry] = []
        for _ in range(count):
            round, place = divmod(self._made, len(self._talk))
            row, text = self._talk[place]
            text = text.replace("event_C4k", f"event_{self._random.getrandbits(80):020x}")
            text = text.replace('"item_', f'"item_{round}_').replace('"resp_', f'"resp_{round}_')
            made.append(structs.replace(row, seq=self._made, t=self._made / 300, event=msgspec.json.decode(text)))
            self._made += 1
        return tuple(made)


async def flood(app: InspectorApp, seconds: float) -> None:
    """Batches at the rate, while the watcher presses keys."""
    flow, sent = Flow(), 0
    began, cpu = time.monotonic(), time.process_time()
    app.note("began", began)
    while (now := time.monotonic()) < began + seconds:
        due = int((now - began) * RATE) - sent
        app.pane.take(Batch(flow.take(due)))
        sent += due
        await asyncio.sleep(BATCH_EVERY)
    app.note("cpu", 100 * (time.process_time() - cpu) / (time.monotonic() - began))
    await asyncio.sleep(0.5)
    app.note("events", sent, app.pane.store.end)


async def full(app: InspectorApp, events: int) -> None:
    """Fill it, then filter, search and move in it."""
    gc.collect()
    flow, before, cpu = Flow(), memory(os.getpid()), time.process_time()
    for _ in range(events // 500):
        app.pane.take(Batch(flow.take(500)))
        await asyncio.sleep(0.002)
    await asyncio.sleep(0.5)
    app.note("filled", len(app.pane.store), time.process_time() - cpu)
    gc.collect()
    app.note("memory", memory(os.getpid()) - before)
    app.pane.events.toggle_freeze()
    for kind, filters in (("type", TYPE_FILTERS), ("search", SEARCHES)):
        for text in filters * 3:
            app.note(kind, text, await _filtered(app, text), len(app.pane.events.shown.rows))
    app.pane.set_filter("")
    await asyncio.sleep(0.3)
    for place in range(MOVES):
        by = 1 if place % 7 == 0 else -1
        app.note("move", await _painted(partial(app.pane.events.action_move, by)))
    app.pane.choose()
    await asyncio.sleep(0.3)
    for _ in range(MOVES // 4):
        app.note("details", await _painted(lambda: app.pane.events.action_move(-1), wait=0.15))
    app.note("memory after", memory(os.getpid()) - before)


async def _filtered(app: InspectorApp, text: str) -> float:
    """Milliseconds of work until the list has its lines and has painted them."""
    return await _painted(lambda: app.pane.set_filter(text), wait=0.05)


async def _painted(act: Callable[[], object], wait: float = 0.03) -> float:
    """Milliseconds of CPU from the act to the last paint that follows it; waiting for the next frame is no work."""
    writes = written_at()
    writes.clear()
    began = time.process_time()
    act()
    await asyncio.sleep(wait)
    return 1000 * ((writes[-1] if writes else time.process_time()) - began)


def noting(app: InspectorApp, action: str) -> None:
    """Tell when an action of the list has been done."""
    done = getattr(EventList, action)

    def and_note(self: EventList, *args: object) -> None:
        done(self, *args)
        app.note("key", time.monotonic())

    setattr(EventList, action, and_note)


def main() -> None:
    what, amount, notes = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    if what == "flood":
        app = InspectorApp(lambda app: flood(app, amount), notes)
        noting(app, "action_move")
        noting(app, "action_last")
    else:
        app = InspectorApp(lambda app: full(app, int(amount)), notes)
    app.run()


if __name__ == "__main__":
    main()
