"""The screen with invented data: `python -m tests.ui.demo_screen talk --size 120x36 --svg out.svg`.

Without --svg it runs live in this terminal. With it, the scene is set up without one and its picture is saved, as for
the README.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.event_rows import levels, rows
from tests.support.fake_engine import FakeEngine
from tests.support.scenes import DEVICES, ENDS, all_scenes, fill_timeline
from tests.support.screen import at_rest, records_of
from voicechat.core.user_events import DevicesAsked, UserAct
from voicechat.engine.link import Batch, FromEngine, Meters, Snapshot
from voicechat.ui.app import VoiceChatApp, run_app
from voicechat.ui.keyboard import KeyboardKnown
from voicechat.ui.options import UiOptions
from voicechat.ui.terminal_colors import TerminalQuestion


class DemoEngine(FakeEngine):
    """Delivers a scene, and keeps its meters moving while it runs live."""

    def __init__(self, name: str, *, moving: bool = False, log: Path | None = None) -> None:
        self.scene = all_scenes()[name]
        super().__init__([*records_of(name), Batch(self.scene.rows or rows())])
        self._moving, self._log, self._stop = moving, log, threading.Event()

    def start(self, deliver: Callable[[FromEngine], None]) -> None:
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


async def paint(engine: DemoEngine, options: UiOptions, size: tuple[int, int], path: Path) -> None:
    """Set the scene up without a terminal and save its picture."""
    scene, app = engine.scene, VoiceChatApp(engine, options)
    async with app.run_test(size=size) as pilot:
        await pilot.pause(0.2)
        app.post_message(KeyboardKnown(27 if scene.release == "true" else None))
        fill_timeline(app.talk.developer.timeline, scene.t or ENDS)
        await pilot.press(*scene.keys)
        await at_rest(pilot)
        path.write_text(app.export_screenshot(), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scene", nargs="?", default="talk", choices=sorted(all_scenes()))
    parser.add_argument("--size", default="120x36")
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--theme", default="lamplight")
    parser.add_argument("--ascii", action="store_true")
    parser.add_argument("--motion", choices=("full", "calm"), default="full")
    parser.add_argument("--no-color", action="store_true")
    parser.add_argument("--still", action="store_true", help="live, but with resting meters")
    parser.add_argument("--log", type=Path, help="append what the engine is told, live only")
    parser.add_argument("--loading", type=float, help="ask the terminal for its colours, and load for so many seconds")
    args = parser.parse_args()
    if args.no_color:
        os.environ["NO_COLOR"] = "1"
    if args.loading is not None:
        with TerminalQuestion(os.environ) as colors:
            time.sleep(args.loading)
            args.theme = "daylight" if colors.is_light() else "lamplight"
            raise SystemExit(live(args))
    if args.svg is None:
        raise SystemExit(live(args))
    width, height = (int(n) for n in args.size.split("x"))
    asyncio.run(paint(DemoEngine(args.scene), options_of(args), (width, height), args.svg))


def options_of(args: argparse.Namespace) -> UiOptions:
    welcome = all_scenes()[args.scene].welcome
    return UiOptions(theme=args.theme, ascii=args.ascii, motion=args.motion, welcome=welcome)


def live(args: argparse.Namespace) -> int:
    return run_app(DemoEngine(args.scene, moving=not args.still, log=args.log), options_of(args))


if __name__ == "__main__":
    main()
