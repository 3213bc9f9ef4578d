"""The real LiteLLM proxy between us and our own server, if `litellm` is on PATH, else this is skipped.

It cannot share our environment (`pipx install 'litellm[proxy]'`): it needs rich below 14, Textual one from 14.2 on.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from tests.engine.caller import Caller, calling
from tests.support.local_server import local_server
from voicechat.core.user_events import TextEntered

LITELLM = shutil.which("litellm")
CONFIG = """
model_list:
  - model_name: gpt-realtime-2.1
    litellm_params: {{model: openai/gpt-realtime-2.1, api_base: "{upstream}", api_key: sk-upstream}}
general_settings: {{master_key: sk-proxy}}
"""


@asynccontextmanager
async def litellm(upstream: str, folder: Path) -> AsyncIterator[str]:
    """Yields the base URL of a proxy whose only model is at `upstream`."""
    config = folder / "litellm.yaml"
    config.write_text(CONFIG.format(upstream=upstream), encoding="utf-8")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    proxy = await asyncio.create_subprocess_exec(
        LITELLM or "", "--config", str(config), "--host", "127.0.0.1", "--port", str(port), cwd=folder,
        env=environ | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await answering(f"http://127.0.0.1:{port}/health/liveliness")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        proxy.kill()
        await proxy.wait()


async def answering(url: str) -> None:
    """Wait until somebody answers there: importing LiteLLM takes half a minute."""
    async with asyncio.timeout(120), aiohttp.ClientSession() as client:
        while True:
            try:
                async with client.get(url) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                await asyncio.sleep(0.5)


@pytest.mark.timeout(180)
@pytest.mark.skipif(LITELLM is None, reason="LiteLLM is not on PATH")
async def test_a_talk_through_litellm_is_answered_over_both_transports(tmp_path: Path) -> None:
    async with local_server() as server, litellm(server.base_url, tmp_path) as url:
        for transport in ("websocket", "webrtc"):
            async with calling(url, tmp_path, provider="litellm", key="sk-proxy", transport=transport) as caller:
                await caller.configured()
                caller.session.tell(TextEntered("What is twelve times seven?"))
                await caller.until(partial(has_answered, caller, "84"))


def has_answered(caller: Caller, words: str) -> bool:
    return any(words in turn.text for turn in caller.session.state.conversation.turns if turn.who == "assistant")
