"""The screen with invented data: `python -m tests.support.demo_screen talk --size 120x36 --png out.png`.

Without --png it runs live in this terminal. With it, the scene is set up without one and painted to a file.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.developer_talk import fill_timeline
from tests.support.device_lists import DEVICES
from tests.support.event_rows import rows
from tests.support.fake_engine import FakeEngine
from tests.support.levels import levels
from tests.support.scene import Scene
from tests.support.screen import all_scenes
from voicechat.core.user_events import DevicesAsked, UserAct
from voicechat.engine.link import Batch, FromEngine, Meters, Snapshot, Turns
from voicechat.ui.app import VoiceChatApp, run_app
from voicechat.ui.keyboard import KeyboardKnown
from voicechat.ui.options import UiOptions
from voicechat.ui.widgets.ribbon import COLUMN, Ribbon


class DemoEngine(FakeEngine):
    """Delivers a scene, and keeps its meters moving while it runs live."""

    def __init__(self, scene: Scene, *, moving: bool, log: Path | None = None) -> None:
        turns = Turns(scene.turns, tuple(turn.key for turn in scene.turns))
        devices = [record for record in (scene.devices, scene.session) if record]
        super().__init__(
            [
                Snapshot(scene.view, scene.meters, scene.sound, scene.t),
                turns,
                Batch(scene.rows or rows()),
                *scene.findings,
                *([scene.numbers] if scene.numbers else []),
                *devices,
            ]
        )
        self.scene, self._moving, self._log, self._stop = scene, moving, log, threading.Event()

    def start(self, deliver: Callable[[FromEngine], None]) -> None:
        """And keep moving."""
        super().start(deliver)
        self._write("started")
        if self._moving:
            threading.Thread(target=self._move, daemon=True).start()

    def _move(self) -> None:
        began = time.monotonic()
        while not self._stop.wait(0.05):
            you, other, _ = levels(time.monotonic() - began)
            self.deliver(Snapshot(self.scene.view, Meters(input=you, output=other, threshold=-38, rtt=0.038)))

    def send(self, event: UserAct) -> None:
        super().send(event)
        self._write(repr(event))
        if event == DevicesAsked(True):
            self.deliver(DEVICES)

    def _write(self, line: str) -> None:
        if self._log is not None:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")

    def close(self) -> None:
        if not self.is_closed:
            self._write("closed")
        self._stop.set()
        super().close()


def fill_ribbon(ribbon: Ribbon, scene: Scene) -> None:
    """History for a picture: the rhythm of turns, with a cut and the detector's markers."""
    mic = ribbon.mic
    for column in range(220):
        you, other, sent = levels(column * COLUMN)
        ribbon.set_reactive(Ribbon.mic, type(mic)(is_on_air=sent))
        if column % 68 in (0, 19):
            ribbon.mark("◆" if column % 68 == 0 else "◇")
        ribbon.watch_meters(Meters(input=you, output=other))
        ribbon.tick()
    ribbon.set_reactive(Ribbon.mic, mic)
    ribbon.watch_meters(scene.meters)


async def paint(scene: Scene, options: UiOptions, size: tuple[int, int], path: Path) -> None:
    """Set the scene up without a terminal and save it."""
    app = VoiceChatApp(DemoEngine(scene, moving=False), options)
    async with app.run_test(size=size) as pilot:
        await pilot.pause(0.2)
        app.post_message(KeyboardKnown(27 if scene.release == "true" else None))
        fill_ribbon(app.talk.query_one(Ribbon), scene)
        if scene.t:
            fill_timeline(app.talk.timeline, scene.t)
        await pilot.pause(0.2)
        if scene.keys:
            await pilot.press(*scene.keys)
            await pilot.pause(0.3)
        if path.suffix == ".svg":
            path.write_text(app.export_screenshot(), encoding="utf-8")
        else:
            from tests.support.png import paint_png

            paint_png(app, path)


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scene", nargs="?", default="talk", choices=sorted(all_scenes()))
    parser.add_argument("--size", default="120x36")
    parser.add_argument("--png", type=Path)
    parser.add_argument("--theme", default="lamplight")
    parser.add_argument("--ascii", action="store_true")
    parser.add_argument("--motion", choices=("full", "calm"), default="full")
    parser.add_argument("--no-color", action="store_true")
    parser.add_argument("--still", action="store_true", help="live, but with resting meters")
    parser.add_argument("--log", type=Path, help="append what the engine is told, live only")
    args = parser.parse_args()
    if args.no_color:
        os.environ["NO_COLOR"] = "1"
    scene = all_scenes()[args.scene]
    options = UiOptions(theme=args.theme, ascii=args.ascii, motion=args.motion, welcome=scene.welcome)
    if args.png is None:
        raise SystemExit(run_app(DemoEngine(scene, moving=not args.still, log=args.log), options))
    width, height = (int(n) for n in args.size.split("x"))
    asyncio.run(paint(scene, options, (width, height), args.png))


if __name__ == "__main__":
    main()
