"""Whether the engine starts and answers, and whether the local server is ready to talk."""

from __future__ import annotations

import asyncio
import queue
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from voicechat.cli.doctor_looks import Check
from voicechat.config.secrets import without_keys
from voicechat.config.settings import Settings
from voicechat.engine.host import epitaph, frames, spawn
from voicechat.engine.link import Bye, EngineHello, FromEngine, Ping, Pong, pack
from voicechat.errors import VoiceChatError
from voicechat.local_server.speech.engine import INSTALL, engine_is_missing

ANSWER_WITHIN = 15.0
"""Seconds: half a one on a quiet computer, several on a cold disk."""
READY_WITHIN = 25.0


def engine_checks(environ: Mapping[str, str]) -> list[Check]:
    """Start one, ask it for an answer, end it. No talk begins: no device is opened and nobody is called."""
    began = time.monotonic()
    try:
        process = spawn(without_keys(environ))
    except OSError as error:
        cure = "is there enough memory, and may this folder's Python be run?"
        return [Check("engine", "bad", f"it cannot be started: {error.strerror or error}", cure)]
    inbox: queue.SimpleQueue[FromEngine | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(process, inbox), daemon=True).start()
    try:
        _send(process, Ping(1))
        hello = _wait(inbox, EngineHello, began + ANSWER_WITHIN)
        answer = _wait(inbox, Pong, began + ANSWER_WITHIN) if hello is not None else None  # its end is told once
        took = time.monotonic() - began
        if isinstance(hello, EngineHello) and answer is not None:
            return [Check("engine", "good", f"starts and answers in {took:.1f} s")]
        with suppress(subprocess.TimeoutExpired):  # its pipe ends a moment before itself
            process.wait(timeout=1.0)
        code = process.poll()
        said = epitaph(code) if code is not None else f"it did not answer within {ANSWER_WITHIN:g} s"
        return [Check("engine", "bad", said, "run python -m voicechat.engine by hand to see what it says")]
    finally:
        _send(process, Bye())
        with suppress(OSError):
            if process.stdin:
                process.stdin.close()
        try:
            process.wait(timeout=2.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _read(process: subprocess.Popen[bytes], inbox: queue.SimpleQueue[FromEngine | None]) -> None:
    assert process.stdout is not None
    with process.stdout as pipe:
        for message in frames(pipe):
            inbox.put(message)
    inbox.put(None)


def _wait(inbox: queue.SimpleQueue[FromEngine | None], kind: type[Any], ends: float) -> FromEngine | None:
    while True:
        try:
            message = inbox.get(timeout=max(0.0, ends - time.monotonic()))
        except queue.Empty:
            return None
        if message is None or isinstance(message, kind):
            return message


def _send(process: subprocess.Popen[bytes], message: Ping | Bye) -> None:
    with suppress(OSError, ValueError):
        if process.stdin:
            process.stdin.write(pack(message))
            process.stdin.flush()


def local_checks(settings: Settings, environ: Mapping[str, str]) -> list[Check]:
    """The offline engine: started where the talk would use it, otherwise only looked for."""
    missing = engine_is_missing()
    is_used = settings.provider == "local"
    if missing:
        text = missing.partition(":")[0]
        return [Check("local server", "bad" if is_used else "fact", text, INSTALL if is_used else "")]
    if not is_used:
        return [Check("local server", "fact", "installed; this talk does not use it")]
    return asyncio.run(_try_local(settings, environ))


async def _try_local(settings: Settings, environ: Mapping[str, str]) -> list[Check]:
    import aiohttp

    from voicechat.local_server.spawn import start_local_server

    began = time.monotonic()
    try:
        server = await start_local_server(
            without_keys(environ), brain_url=settings.brain_url, brain_model=settings.brain_model
        )
    except VoiceChatError as error:
        return [Check("local server", "bad", error.message, error.hint)]
    address = server.base_url.removesuffix("/v1") + "/health"
    state = "loading"
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5.0)) as http:
            while state == "loading" and time.monotonic() - began < READY_WITHIN:
                await asyncio.sleep(0.1)
                async with http.get(address) as response:
                    state = str((await response.json()).get("status", "failed"))
    except (aiohttp.ClientError, TimeoutError, ValueError, OSError):
        state = "failed"
    finally:
        await server.stop()
    took = time.monotonic() - began
    if state != "ready":
        return [Check("local server", "bad", f"it starts, but its models do not load ({state})", INSTALL)]
    return [Check("local server", "good", f"ready in {took:.1f} s · brain: {server.brain}")]
