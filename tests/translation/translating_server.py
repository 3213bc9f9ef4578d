"""A text model behind a real HTTP server on this computer that translates by a table, and misbehaves as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.service import listening

Reply = Callable[["Asked"], web.StreamResponse]


@dataclass(frozen=True, slots=True)
class Asked:
    path: str
    line: str
    headers: dict[str, str]
    query: dict[str, str]
    body: dict[str, Any]


def chat(text: object, prompt: int = 60, completion: int = 9) -> web.Response:
    """What a chat-completions endpoint answers."""
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return web.json_response({"choices": [{"message": {"role": "assistant", "content": text}}], "usage": usage})


def responses(text: str) -> web.Response:
    """What a responses endpoint answers: its thoughts first."""
    said = {"type": "message", "content": [{"type": "output_text", "text": text}]}
    usage = {"input_tokens": 50, "output_tokens": 7, "input_tokens_details": {"cached_tokens": 20}}
    return web.json_response({"output": [{"type": "reasoning", "summary": []}, said], "usage": usage})


@dataclass
class TranslatingServer:
    """`script` is used up first, an answer a request; None there means: as usual."""

    words: dict[str, str] = field(default_factory=dict)
    script: list[web.Response | str | None] = field(default_factory=list)
    """`hang`: that request is not answered before `release`."""
    kinds: Sequence[str] = ("chat/completions",)
    models: Sequence[str] = ("bge-m3", "qwen3")
    asked: list[Asked] = field(default_factory=list)
    most_at_once: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    _running: int = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Yields the base URL, with /v1."""
        async with listening(self._handle) as url:
            try:
                yield f"{url}/v1"
            finally:
                self.release.set()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/v1/models":
            return web.json_response({"data": [{"id": name} for name in self.models]})
        body = await request.json()
        line = str(body["input"] if "input" in body else body["messages"][-1]["content"])
        kept = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append(Asked(request.path, line, kept, dict(request.query), body))
        self.arrived.set()
        self._running += 1
        self.most_at_once = max(self.most_at_once, self._running)
        try:
            return await self._answer(request.path, line)
        finally:
            self._running -= 1

    async def _answer(self, path: str, line: str) -> web.StreamResponse:
        if not path.removeprefix("/v1/").startswith(tuple(self.kinds)):
            return web.json_response({"error": {"message": "no such place"}}, status=404)
        scripted = self.script.pop(0) if self.script else None
        if scripted == "hang":
            await self.release.wait()
            return web.Response(status=503)
        if isinstance(scripted, web.Response):
            return scripted
        text = scripted if isinstance(scripted, str) else self.words.get(line, f"<{line}>")
        return responses(text) if path.endswith("responses") else chat(text)

    @property
    def lines(self) -> list[str]:
        return [asked.line for asked in self.asked]
