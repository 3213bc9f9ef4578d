"""Chooses who answers: the chat server that was named, one found on this computer, or the built-in guide.

Only this computer is probed, never an address of the network, and for at most 300 ms in all. Call it once a session:
a chat server started meanwhile is noticed at the next one.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import aiohttp

from voicechat.errors import ConfigError
from voicechat.local_server.brain.base import Brain
from voicechat.local_server.brain.chat_server import ChatServer
from voicechat.local_server.brain.guide import Guide

PROBE_LIMIT = 0.3
NAMED_LIMIT = 3.0
"""Seconds a server that was named may take to list its models: it may be far away."""
KNOWN_SERVERS = (("ollama", 11434), ("lm-studio", 1234), ("llama.cpp", 8080), ("vllm", 8000))
"""In order of preference."""
_NOT_FOR_CHAT = ("embed", "rerank", "whisper", "bge-", "minilm", "tts", "moondream", "clip")
_LONGEST_LIST = 1_000_000


async def choose_brain(url: str = "", model: str = "", *, servers: Sequence[tuple[str, int]] = KNOWN_SERVERS) -> Brain:
    """The brain for one session.

    `url` (up to and including `/v1`, or without it) and `model` are what the user named; either may be empty. A named
    server is used even if it does not answer now (its failure is then spoken); `url` "none" means the guide.
    Raises ConfigError if the URL is not one.
    """
    if url.strip().lower() in ("none", "off", "built-in"):
        return Guide()
    if url:
        return await _named(_checked(url), model)
    async with aiohttp.ClientSession() as client:
        tasks = [_models(client, f"http://127.0.0.1:{port}/v1", PROBE_LIMIT) for _, port in servers]
        found = await asyncio.gather(*tasks)
    for (name, port), models in zip(servers, found, strict=True):
        chosen = model if model in models else "" if model else chat_model(models)
        if chosen:
            return ChatServer(f"http://127.0.0.1:{port}/v1", chosen, f"{name}/{chosen}")
    return Guide()


def chat_model(models: Sequence[str]) -> str:
    """The first that can chat, judged by its name; empty if none can."""
    return next((name for name in models if not any(part in name.lower() for part in _NOT_FOR_CHAT)), "")


async def _named(url: str, model: str) -> Brain:
    host = urlsplit(url).netloc.rpartition("@")[2]
    if not model:
        async with aiohttp.ClientSession() as client:
            model = chat_model(await _models(client, url, NAMED_LIMIT)) or "default"
    name = next((name for name, port in KNOWN_SERVERS if host.endswith(f":{port}") and _is_loopback(url)), host)
    return ChatServer(url, model, f"{name}/{model}")


def _checked(url: str) -> str:
    """The address with `/v1`. Words go over the wire unencrypted with http, so that is for this computer only."""
    address = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"brain_url is not an address: {url[:200]}", hint="for example http://127.0.0.1:11434/v1")
    if parts.username or parts.password:
        raise ConfigError("brain_url must not hold a password.", hint="for example http://127.0.0.1:11434/v1")
    address = address.rstrip("/").removesuffix("/chat/completions")
    return address if urlsplit(address).path.strip("/") else f"{address}/v1"


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _models(client: aiohttp.ClientSession, url: str, limit: float) -> list[str]:
    """Names of the models a server offers; none if it is not there, too slow, or no such server."""
    try:
        async with asyncio.timeout(limit), client.get(f"{url}/models", allow_redirects=False) as response:
            if response.status != 200:
                return []
            listed: object = json.loads(await response.content.read(_LONGEST_LIST))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, RecursionError):
        return []
    data: object = listed.get("data") if isinstance(listed, Mapping) else None
    entries = data if isinstance(data, list) else []
    names = [entry.get("id") for entry in entries if isinstance(entry, Mapping)]
    return [name for name in names if isinstance(name, str) and 0 < len(name) <= 200]
