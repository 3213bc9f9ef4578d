"""`voicechat serve`: the local Realtime server alone, for any client of the protocol on this computer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from voicechat import exit_codes
from voicechat.cli.printing import say
from voicechat.cli.tapes import tape_named
from voicechat.config.load import load_settings
from voicechat.config.settings import Settings
from voicechat.errors import TapeError, port_taken
from voicechat.heap import trim_regularly
from voicechat.journal.observers import Observers
from voicechat.journal.server_side import PlayHouse, scripts_of
from voicechat.journal.source import open_source
from voicechat.local_server.session import House, Observed, load_senses
from voicechat.tasks import ended_by_signal, report, ticks

CHECKS = "problem checks"
TICK = 0.25
"""Seconds between looks of the checks at the sessions that are traced."""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How it was asked. `replay`: a tape whose server's side is played, for the tests of any client."""

    port: int
    brain_url: str
    brain_model: str
    fault: str
    verbose: bool
    replay: str
    speed: float
    """1 is as fast as it was."""
    by_time: bool
    """Without waiting for what the client does."""


def house_of(tape: Path, options: ServeOptions) -> House:
    """Raises TapeError for a tape without a session."""
    from voicechat.journal.tape_sound import SoundFile

    source = open_source(tape)
    sound = None
    if source.audio_file is not None:
        try:
            sound = SoundFile(source.audio_file)
        except TapeError as error:
            say(str(error))
    scripts = scripts_of(source, sound)
    return PlayHouse(load_senses, scripts=scripts, speed=options.speed, by_time=options.by_time)


def words_of(tape: Path, options: ServeOptions) -> str:
    how = "at the recorded times" if options.by_time else "upon what the client does"
    pace = "" if options.speed == 1.0 else f", {options.speed:g} times as fast"
    return f"It plays the server's side of {tape.name}, {how}{pace}."


def serve_command(flags: Mapping[str, Any], config: Path | None, options: ServeOptions) -> int:
    """Serve on loopback until Ctrl+C. Returns the exit status.

    Raises ConfigError when the offline engine is not installed or an option is no good, SignallingError when the port
    is taken, TapeError for a tape that cannot be played.
    """
    from voicechat.local_server.speech import require_engine

    tape = tape_named(options.replay, config) if options.replay else None
    if tape is None:
        require_engine()
    level = logging.INFO if options.verbose else logging.ERROR
    logging.basicConfig(stream=sys.stderr, level=level, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("aioice").setLevel(logging.WARNING)
    trim_regularly()
    sys.setswitchinterval(0.001)  # as in the process that the engine starts
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(options, tape, load_settings(flags, os.environ, config)))
    return exit_codes.DONE


async def _serve(options: ServeOptions, tape: Path | None, settings: Settings) -> None:
    from voicechat.local_server.brain.chat_server import choose_brain
    from voicechat.local_server.faults import read_fault
    from voicechat.local_server.server import Server

    if tape is None:
        house = House(load_senses, options.brain_url, options.brain_model, read_fault(options.fault))
        about = f"Brain: {(await choose_brain(options.brain_url, options.brain_model)).label}."
    else:
        house, about = house_of(tape, options), words_of(tape, options)
    asyncio.get_running_loop().set_exception_handler(report)
    server = Server(house)
    traces = Traces(settings) if settings.otlp else None
    house.observe = traces.observe if traces is not None else None
    try:
        await server.start(options.port)
    except OSError as error:
        raise port_taken(options.port, error, "serve") from error
    ended = ended_by_signal()
    print(server.base_url, flush=True)
    _narrate(server.base_url, about, options.fault)
    try:
        async for _ in ticks(ended, None if traces is None else TICK):
            for tick in tuple(traces.ticks) if traces is not None else ():
                tick(time.monotonic())
    finally:
        await server.stop()
        if traces is not None:
            traces.exporter.close()


class Traces:
    """The traces of `--otlp`: one a session, with what the checks find."""

    def __init__(self, settings: Settings) -> None:
        from voicechat.engine.otlp import OtlpExporter  # most servers have none

        self.ticks: list[Callable[[float], None]] = []
        """Of the sessions that go on."""
        self.exporter = OtlpExporter(settings, say)

    def observe(self) -> Observed:
        """Who is told of the messages of one more session."""
        from voicechat.engine.problems import Problems
        from voicechat.tap.session import Reader

        now, reader = time.monotonic(), Reader(())
        observers = Observers(lambda name: say(f"The {name} stopped after an error; the session goes on."), now)
        problems = Problems(lambda finding: None, now)
        trace = self.exporter.trace(observers, problems, "serve", "voicechat", now)
        observers.add(CHECKS, problems.watch)
        check = observers.guarded(CHECKS, problems.tick)

        def tick(now: float) -> None:
            check(now)
            trace.tick(now)

        def tell(direction: Literal["in", "out", "local"], text: str) -> None:
            at = time.monotonic()
            if direction != "local":
                observers(at, direction, reader.event(text.encode("utf-8", "replace")), len(text))
            elif tick in self.ticks:
                self.ticks.remove(tick)
                trace.end(at)

        self.ticks.append(tick)
        return tell


def _narrate(base_url: str, about: str, fault: str) -> None:
    """How to use it; on stderr, because stdout is data."""
    lines = [
        f"A Realtime server for programs of this computer. {about}",
        f"  talk to it:     voicechat --provider custom --base-url {base_url}",
        f"  any client:     base URL {base_url}, any key, any model; WebRTC and WebSocket",
        "  end it:         Ctrl+C",
    ]
    if fault:
        lines.insert(1, f"  it misbehaves on purpose: {fault}")
    print("\n".join(lines), file=sys.stderr, flush=True)
