"""The app under a pilot, with a scripted engine: `async with showing(...) as (app, engine, pilot)`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import lru_cache
from time import monotonic
from typing import Any

from rich.console import RenderableType
from textual import _callback, _wait
from textual._compositor import Compositor
from textual._context import active_app, visible_screen_stack
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.message_pump import MessagePump
from textual.pilot import Pilot
from textual.screen import Screen

from tests.support.fake_engine import FakeEngine
from tests.support.scenes import all_scenes
from voicechat.engine.link import FromEngine, Snapshot, Turns
from voicechat.ui.app import VoiceChatApp
from voicechat.ui.options import UiOptions
from voicechat.ui.sanitise import cleaned
from voicechat.ui.screens.talk import TalkScreen
from voicechat.ui.widgets.transcript import Transcript

_wait.SLEEP_GRANULARITY = 0.005  # Textual waits twice as long after each key; `Keys` waits for what it has done
RuleSet.__hash__ = object.__hash__  # type: ignore[method-assign]  # the same, without a call in Python
_callback._count_parameters = lru_cache(64)(_callback._count_parameters)  # each wait asks it for one function 60 times
PATIENCE = 15.0
Stage = tuple[VoiceChatApp, FakeEngine, Pilot[int]]


_parse_rules = Stylesheet._parse_rules
_rules: dict[object, list[RuleSet]] = {}


def _parse_once(sheet: Stylesheet, css: str, *where: object, **kind: object) -> list[RuleSet]:
    """The rules of a text, parsed once for all apps of this process: a fifth of the start of an app."""
    key = (css, where, *kind.items(), *sheet._variables.items())
    if key not in _rules:
        _rules[key] = _parse_rules(sheet, css, *where, **kind)  # type: ignore[arg-type]
    return _rules[key]


Stylesheet._parse_rules = _parse_once  # type: ignore[method-assign,assignment]
_render_update = Compositor.render_update


def _render_what_is_asked_for(
    compositor: Compositor, full: bool = False, screen_stack: list[Screen[Any]] | None = None, simplify: bool = False
) -> RenderableType | None:
    """Paint for a picture, not for the terminal that a pilot has not: `lines` paints what a test looks at."""
    if full or not active_app.get().is_headless:
        return _render_update(compositor, full, screen_stack, simplify)
    compositor._dirty_regions.clear()
    return None


Compositor.render_update = _render_what_is_asked_for  # type: ignore[method-assign,assignment]


def is_idle(pump: MessagePump) -> bool:
    """Whether it has handled all its messages and waits for the next, or has ended."""
    queue: Any = pump._message_queue
    return pump._closing or pump._closed or not (queue.values or not queue.ready_event._waiters)


class Keys(Pilot[int]):
    """A pilot whose next key comes when the last has done its work: messages handled, focus moved, screen painted."""

    async def _wait_for_screen(self, timeout: float = 30.0) -> bool:
        """Until all widgets have nothing to do: Textual sends each of sixty a message and waits for its answer."""
        ends, passes = monotonic() + timeout, 0
        while True:
            await asyncio.sleep(0 if passes < 50 else 0.002)
            passes += 1
            screen = self.app.screen if self.app._screen_stack else None
            if screen is None or self.app._exception is not None:
                return False
            if all(map(is_idle, (self.app, *screen.walk_children(with_self=True)))):
                return True
            assert monotonic() < ends, "a widget does not come to an end with its messages"

    async def press(self, *keys: str) -> None:
        for key in keys:
            await super().press(key)
            await self.pause(0)  # paints, and calls what waits for that
            await self._wait_for_screen()


def records_of(scene_name: str) -> list[FromEngine]:
    """What an engine delivers to set a scene."""
    scene = all_scenes()[scene_name]
    turns = Turns(scene.turns, tuple(turn.key for turn in scene.turns))
    devices = [record for record in (scene.devices, scene.session, scene.numbers) if record]
    t = scene.t or scene.view.connection.session_seconds
    return [Snapshot(scene.view, scene.meters, scene.sound, t), turns, *scene.findings, *devices]


@asynccontextmanager
async def showing(
    scene: str = "ptt", size: tuple[int, int] = (80, 24), options: UiOptions | None = None
) -> AsyncIterator[Stage]:
    """A scene on a screen of that size, settled."""
    engine = FakeEngine(records_of(scene))
    app = VoiceChatApp(engine, options or UiOptions())
    async with app.run_test(size=size):
        pilot = Keys(app)
        await until(pilot, lambda: app.view == cleaned(all_scenes()[scene].view))
        await at_rest(pilot)
        yield app, engine, pilot


async def change(stage: Stage, scene: str, size: tuple[int, int] | None = None) -> None:
    """Another scene on the same screen, settled; for a fraction of what a new screen takes."""
    app, engine, pilot = stage
    if size is not None:
        await pilot.resize_terminal(*size)
    engine.deliver(*records_of(scene))
    await until(pilot, lambda: app.view == cleaned(all_scenes()[scene].view))
    await at_rest(pilot)


async def until(pilot: Pilot[int], is_true: Callable[[], bool]) -> None:
    patience_ends = monotonic() + PATIENCE
    while not is_true():
        assert monotonic() < patience_ends, "it never came true"
        await pilot.pause(0.01)


def lines(app: VoiceChatApp) -> list[str]:
    """What is on the screen, row by row; what waits for the next frame is painted first."""
    for screen in [*app._background_screens, app.screen]:
        screen._on_timer_update()
    visible_screen_stack.set(app._background_screens)
    if app.screen is not app.talk:
        app.screen._set_dirty()
    return [strip.text for strip in app.screen._compositor.render_strips()]


def text(app: VoiceChatApp) -> str:
    return "\n".join(lines(app))


def control_characters(shown: str) -> list[str]:
    """What of a text could command a terminal or turn its direction."""
    return [c for c in shown if (ord(c) < 32 and c != "\n") or 0x7F <= ord(c) <= 0x9F or c in "\u202e\u2066\u200e"]


def is_at_rest(talk: TalkScreen) -> bool:
    """Nothing that came in waits for its moment: no turn, no event, no filter, no layout, no question."""
    assert isinstance(talk.app, VoiceChatApp)
    waits: list[object] = [
        talk.consent.asked and not talk.consent.armed,
        talk.query_one(Transcript)._timer,
        talk._callbacks,
        talk.app.feed._show_timer,
        talk.app.screen is talk and talk._layout_required,  # under a palette it waits until it is shown again
        talk._dirty_widgets,
    ]
    if talk.developer.inspector.is_mounted:
        pane = talk.developer.inspector
        waits += [pane._waiting, pane._details_timer, pane.filter._timer, pane.events._flushed < pane.store.end - 1]
    return not any(waits)


async def at_rest(pilot: Pilot[int]) -> None:
    """Let the app work until nothing is left to do and the screen stays as it is."""
    app = pilot.app
    assert isinstance(app, VoiceChatApp)
    alike, before = 0, [""]
    patience_ends = monotonic() + PATIENCE
    while not alike:
        assert monotonic() < patience_ends, "it never came to rest"
        await pilot.pause(0.01)
        if not is_at_rest(app.talk):
            alike = 0
            continue
        now = lines(app)
        alike = alike + 1 if now == before and is_at_rest(app.talk) else 0
        before = now
