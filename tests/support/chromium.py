"""A page in a real, headless Chromium: what it loads, what it complains about, what it looks like.

Driven by its DevTools protocol; nothing but the browser itself is needed. Raises BrowserError with one sentence where
the browser cannot be had or does not do what it is told.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

LIMIT = 30.0
_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = """
    --headless=new --no-sandbox --no-first-run --disable-gpu --disable-extensions --disable-background-networking
    --disable-component-update --disable-sync --hide-scrollbars --autoplay-policy=no-user-gesture-required
    --disable-background-timer-throttling --disable-renderer-backgrounding --disable-backgrounding-occluded-windows
    --disable-features=WebRtcHideLocalIpsWithMdns,Translate,OptimizationHints,MediaRouter --remote-debugging-port=0
""".split()
"""WebRTC's addresses are numbers: nothing here resolves .local names."""


class BrowserError(Exception):
    """Why there is no browser, or what it did not do, in one sentence."""


def find_browser() -> str:
    """The browser's program: `VOICECHAT_CHROMIUM`, or what the system has. Raises BrowserError."""
    named = os.environ.get("VOICECHAT_CHROMIUM")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        raise BrowserError("Chromium was not found: install it, or name it in VOICECHAT_CHROMIUM.")
    return found


class Page:
    """One open page. `complaints` and `requests` grow while it lives."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._last_id = 0
        self.complaints: list[str] = []
        self.requests: list[str] = []
        """Addresses that were asked for, the page and what it carries inside left out."""

    async def ask(self, method: str, *, within: float = LIMIT, **params: Any) -> dict[str, Any]:
        """The result of one command of the protocol. Whatever the browser tells meanwhile is taken in."""
        self._last_id += 1
        asked = self._last_id
        await self._socket.send_json({"id": asked, "method": method, "params": params})
        try:
            async with asyncio.timeout(within):
                while (message := await self._socket.receive_json()).get("id") != asked:
                    self._take(message)
        except (TimeoutError, TypeError) as error:
            raise BrowserError(f"The page in Chromium did not answer to {method}.") from error
        result: dict[str, Any] = message.get("result", {})
        if "error" in message or "exceptionDetails" in result:
            raise BrowserError(f"The page in Chromium failed: {json.dumps(message)[:800]}")
        return result

    async def run(self, expression: str, *, within: float = LIMIT) -> Any:
        """The value of an expression, awaited where it is a promise. Raises BrowserError for an exception in it."""
        result = await self.ask(
            "Runtime.evaluate", within=within, expression=expression, awaitPromise=True, returnByValue=True
        )
        return result["result"].get("value")

    async def until(self, expression: str) -> None:
        async with asyncio.timeout(LIMIT):
            while not await self.run(f"Boolean({expression})"):  # noqa: ASYNC110  # it happens in the browser
                await asyncio.sleep(0.02)

    async def open(self, address: str) -> None:
        """Load the page anew: nothing is left of what was done with it before."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.ask(f"{domain}.enable")
        await self.run("document.isOld = true")
        await self.ask("Page.navigate", url=address)
        await self.until("!document.isOld && document.readyState === 'complete'")

    async def sized(self, width: int, height: int, scheme: str) -> None:
        """As a screen of this size whose user likes `light` or `dark`."""
        await self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        await self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def picture(self, file: Path, *, whole: bool = False) -> None:
        """A PNG of what is in sight, or of all of it."""
        taken = await self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(taken["data"]))

    def _take(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        match message.get("method"):
            case "Log.entryAdded":
                self.complaints.append(params["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(params["exceptionDetails"])[:800])
            case "Runtime.consoleAPICalled":
                self.complaints.append(json.dumps(params["args"])[:800])
            case "Network.requestWillBeSent":
                address = params["request"]["url"]
                if not address.startswith("data:") and params.get("type") != "Document":
                    self.requests.append(address)


@asynccontextmanager
async def browser_page(address: str) -> AsyncIterator[Page]:
    """The page, open in a new browser. Raises BrowserError where there is none; it is gone afterwards in any case."""
    program = find_browser()
    with tempfile.TemporaryDirectory(prefix="voicechat-page-", ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            program,
            *_FLAGS,
            f"--user-data-dir={profile}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            async with aiohttp.ClientSession() as http:
                try:
                    async with asyncio.timeout(LIMIT):
                        socket = await http.ws_connect(await _address(http, process, Path(profile)), max_msg_size=0)
                except (TimeoutError, aiohttp.ClientError) as error:
                    raise BrowserError(f"Chromium did not start ({type(error).__name__}).") from error
                async with socket:
                    page = Page(socket)
                    await page.open(address)
                    yield page
        finally:
            for sent in (signal.SIGTERM, signal.SIGKILL):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, sent)
                with suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), 3)


async def _address(http: aiohttp.ClientSession, process: asyncio.subprocess.Process, profile: Path) -> str:
    """Where the only page of the browser listens."""
    port_file = profile / "DevToolsActivePort"
    while not port_file.exists() or not port_file.read_text().strip():
        if process.returncode is not None:
            raise BrowserError(f"Chromium ended at once (status {process.returncode}).")
        await asyncio.sleep(0.05)
    port = int(port_file.read_text().split()[0])
    while True:
        async with http.get(f"http://127.0.0.1:{port}/json/list") as reply:
            for target in await reply.json():
                if target["type"] == "page":
                    return str(target["webSocketDebuggerUrl"])
        await asyncio.sleep(0.05)
