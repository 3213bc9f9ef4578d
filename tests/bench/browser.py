"""Headless Chromium as a contender, driven by its DevTools protocol; nothing but the browser itself is needed.

Raises BrowserError with one sentence where the browser cannot be had or does not do what it is told.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import signal
import tempfile
from contextlib import suppress
from pathlib import Path

import aiohttp
import numpy as np

from tests.support.bursts import Pcm

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    # Addresses as numbers: nobody here resolves .local names.
    "--disable-features=WebRtcHideLocalIpsWithMdns,Translate,OptimizationHints,MediaRouter",
    "--remote-debugging-port=0",
)
_STARTS_WITHIN = 30.0


class BrowserError(Exception):
    """Why there is no browser to compare with, in one sentence."""


def find_browser() -> str:
    """The browser's program: `VOICECHAT_CHROMIUM`, or what the system has. Raises BrowserError."""
    wished = os.environ.get("VOICECHAT_CHROMIUM")
    found = shutil.which(wished) if wished else next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        raise BrowserError("Chromium was not found: install it, or name it in VOICECHAT_CHROMIUM.")
    return found


class Browser:
    """One running browser with one page open."""

    def __init__(self, process: asyncio.subprocess.Process, profile: str) -> None:
        self._process = process
        self._profile = profile
        self._http: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._last_id = 0

    @classmethod
    async def start(cls, page: str) -> Browser:
        """Start it with `page` open. Raises BrowserError."""
        program = find_browser()
        profile = tempfile.mkdtemp(prefix="voicechat-bench-")
        process = await asyncio.create_subprocess_exec(
            program,
            *_FLAGS,
            f"--user-data-dir={profile}",
            page,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        browser = cls(process, profile)
        try:
            async with asyncio.timeout(_STARTS_WITHIN):
                await browser._attach(page)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            await browser.close()
            raise BrowserError(f"Chromium did not start ({type(error).__name__}).") from error
        except (asyncio.CancelledError, BrowserError):
            await browser.close()
            raise
        return browser

    async def talk(self, query: str, settle: float, mouth: Pcm) -> tuple[Pcm, dict[str, float]]:
        """Call the far end, put `mouth` into the call `settle` seconds later; what came out, and NetEQ's counters."""
        data = base64.b64encode(mouth.astype("<i2").tobytes()).decode()
        timeout = 30.0 + settle + mouth.size / 48_000
        value = await self._evaluate(f"call({json.dumps(query)}, {settle}, {json.dumps(data)})", timeout)
        assert isinstance(value, dict)
        ear = np.frombuffer(base64.b64decode(value["ear"]), "<i2").astype(np.int16)
        stats = {name: float(number) for name, number in value["stats"].items() if number is not None}
        return ear, stats | {"baseLatency": float(value["baseLatency"])}

    async def close(self) -> None:
        """End it and everything it started."""
        if self._socket is not None:
            await self._socket.close()
        if self._http is not None:
            await self._http.close()
        for sent in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, sent)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), 3)
        shutil.rmtree(self._profile, ignore_errors=True)

    async def _attach(self, page: str) -> None:
        port_file = Path(self._profile) / "DevToolsActivePort"
        while not port_file.exists() or not port_file.read_text().strip():
            if self._process.returncode is not None:
                raise BrowserError(f"Chromium ended at once (status {self._process.returncode}).")
            await asyncio.sleep(0.1)
        port = int(port_file.read_text().split()[0])
        self._http = aiohttp.ClientSession()
        while self._socket is None:
            async with self._http.get(f"http://127.0.0.1:{port}/json/list") as reply:
                targets = await reply.json()
            for target in targets:
                if target["type"] == "page" and target["url"].startswith(page):
                    self._socket = await self._http.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0)
                    break
            await asyncio.sleep(0.1)
        loaded = "new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', done))"
        await self._evaluate(loaded, _STARTS_WITHIN)

    async def _evaluate(self, expression: str, timeout: float) -> object:
        """The value of an expression in the page, awaited where it is a promise."""
        assert self._socket is not None
        self._last_id += 1
        params = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        await self._socket.send_json({"id": self._last_id, "method": "Runtime.evaluate", "params": params})
        try:
            async with asyncio.timeout(timeout):
                while True:
                    message = await self._socket.receive_json()
                    if message.get("id") == self._last_id:
                        break
        except (TimeoutError, TypeError) as error:
            raise BrowserError("The page in Chromium did not answer.") from error
        result = message.get("result", {})
        if "exceptionDetails" in result or "error" in message:
            raise BrowserError(f"The page in Chromium failed: {json.dumps(message)[:500]}")
        value: object = result["result"].get("value")
        return value
