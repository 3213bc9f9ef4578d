"""`voicechat serve`: the local Realtime server alone, for any client of the protocol on this computer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from voicechat import exit_codes
from voicechat.errors import ConfigError, SignallingError, TapeError
from voicechat.journal.server_side import scripts_of
from voicechat.journal.source import open_source
from voicechat.local_server.house import House, load_senses
from voicechat.local_server.played_session import PlayHouse
from voicechat.tasks import report


@dataclass(frozen=True, slots=True)
class ReplayServing:
    """What is played. `speed` 1 is as fast as it was; `by_time`: without waiting for what the client does.

    `voicechat serve --replay TAPE`: a server that answers as the one on the tape did, for the tests of any client.
    """

    tape: Path
    speed: float = 1.0
    by_time: bool = False


def house_of(wanted: ReplayServing) -> House:
    """Raises TapeError for a tape without a session."""
    from voicechat.journal.tape_sound import SoundFile

    source = open_source(wanted.tape)
    sound = None
    if source.audio_file is not None:
        try:
            sound = SoundFile(source.audio_file)
        except TapeError as error:
            print(f"voicechat: {error}", file=sys.stderr)
    scripts = scripts_of(source, sound)
    return PlayHouse(load_senses, scripts=scripts, speed=wanted.speed, by_time=wanted.by_time)


def words_of(wanted: ReplayServing) -> str:
    """What a reader of stderr should know."""
    how = "at the recorded times" if wanted.by_time else "upon what the client does"
    pace = "" if wanted.speed == 1.0 else f", {wanted.speed:g} times as fast"
    return f"It plays the server's side of {wanted.tape.name}, {how}{pace}."


def serve_command(
    *,
    port: int = 8765,
    brain_url: str = "",
    brain_model: str = "",
    fault: str = "",
    verbose: bool = False,
    replay: ReplayServing | None = None,
) -> int:
    """Serve on loopback until Ctrl+C. Returns the exit status.

    Raises ConfigError when the offline engine is not installed or an option is no good, SignallingError when the port
    is taken, TapeError for a tape that cannot be played.
    """
    from voicechat.local_server.speech.engine import INSTALL, engine_is_missing

    if replay is None and (missing := engine_is_missing()):
        raise ConfigError(missing.partition(":")[0] + ".", hint=INSTALL)
    level = logging.INFO if verbose else logging.ERROR
    logging.basicConfig(stream=sys.stderr, level=level, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("aioice").setLevel(logging.WARNING)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(port, brain_url, brain_model, fault, replay))
    return exit_codes.DONE


async def _serve(port: int, brain_url: str, brain_model: str, fault: str, replay: ReplayServing | None) -> None:
    from voicechat.local_server.brain.chat_server import choose_brain
    from voicechat.local_server.faults import read_fault
    from voicechat.local_server.house import House, load_senses
    from voicechat.local_server.server import Server

    if replay is None:
        house = House(load_senses, brain_url, brain_model, read_fault(fault))
        about = f"Brain: {(await choose_brain(brain_url, brain_model)).label}."
    else:
        house, about = house_of(replay), words_of(replay)
    asyncio.get_running_loop().set_exception_handler(report)
    server = Server(house)
    try:
        await server.start(port)
    except OSError as error:
        raise SignallingError(
            f"Port {port} cannot be used ({error.strerror or error}).", hint="voicechat serve --port 0 takes a free one"
        ) from error
    ended = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(name, ended.set)
    print(server.base_url, flush=True)
    _narrate(server.base_url, about, fault)
    try:
        await ended.wait()
    finally:
        await server.stop()


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
