"""Chooses who answers: the chat server that was named, one found on this computer, or the practice partner.

Only this computer is probed, never an address of the network, and for at most 300 ms in all. Call it once a session:
a chat server started meanwhile is noticed at the next one.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp
import msgspec
from aiohttp.http_exceptions import HttpProcessingError

from voicechat.errors import ConfigError
from voicechat.local_server.brain import Brain, CallTool, Output, Say, Turn
from voicechat.local_server.brain.partner import Partner
from voicechat.local_server.speech.text import SentenceSplitter

SPOKEN_STYLE = (
    "Your answers are spoken aloud by a voice. Answer in one to three short plain sentences, without markdown, lists, "
    "emoji or code. Speak English. The user's words come from a speech recogniser and may be misheard."
)
_MOST_HISTORY = 40
_LONGEST_ARGUMENTS = 100_000


def request_of(turn: Turn, model: str) -> dict[str, object]:
    """The body of `POST /v1/chat/completions` for this turn, streaming."""
    body: dict[str, object] = {"model": model, "messages": _messages(turn), "stream": True}
    if turn.tools and turn.tool_choice != "none":
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": dict(tool.parameters) or {"type": "object", "properties": {}},
                },
            }
            for tool in turn.tools
        ]
        named = turn.tool_choice not in ("auto", "required")
        choice: object = {"type": "function", "function": {"name": turn.tool_choice}} if named else turn.tool_choice
        body["tool_choice"] = "auto" if turn.tool_outputs else choice
    return body


def _messages(turn: Turn) -> list[dict[str, object]]:
    system = f"{turn.instructions}\n\n{SPOKEN_STYLE}\nIt is {turn.now:%A, %d %B %Y, %H:%M}.".strip()
    messages: list[dict[str, object]] = [{"role": "system", "content": system}]
    messages += [{"role": role, "content": text} for role, text in turn.history[-_MOST_HISTORY:] if text.strip()]
    if turn.text.strip():
        messages.append({"role": "user", "content": turn.text})
    for output in turn.tool_outputs:
        call = {"id": output.call_id, "type": "function"}
        call_made = {**call, "function": {"name": output.name, "arguments": output.arguments}}
        messages.append({"role": "assistant", "content": "", "tool_calls": [call_made]})
        messages.append({"role": "tool", "tool_call_id": output.call_id, "content": output.output})
    return messages


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: object = None
    """A piece of JSON text; from some servers the whole object."""


class _Call(msgspec.Struct):
    function: _Function
    index: int | None = None


class Delta(msgspec.Struct):
    """What one server-sent event adds to the answer."""

    content: str | None = None
    tool_calls: tuple[_Call, ...] | None = None


class _Choice(msgspec.Struct):
    delta: Delta = msgspec.field(default_factory=Delta)


class _Event(msgspec.Struct):
    choices: tuple[_Choice, ...] = ()
    error: object = None


def delta_in(line: str) -> Delta | None:
    """What one line of the stream adds; None for blanks, comments, `[DONE]` and what cannot be read.

    Raises _Failed when the server reports an error.
    """
    if not line.startswith("data:"):
        return None
    try:
        event = msgspec.json.decode(line.removeprefix("data:"), type=_Event)
    except (msgspec.DecodeError, RecursionError):
        return None
    if event.error:
        raise _Failed("reported an error")
    return event.choices[0].delta if event.choices else None


@dataclass
class CallsInPieces:
    """Function calls put together from their pieces."""

    _names: dict[int, str] = field(default_factory=dict)
    _arguments: dict[int, str] = field(default_factory=dict)

    def add(self, delta: Delta) -> None:
        for at, call in enumerate(delta.tool_calls or ()):
            index, given = call.index if call.index is not None else at, call.function.arguments or ""
            self._names[index] = self._names.get(index, "") or call.function.name or ""
            text = given if isinstance(given, str) else json.dumps(given)
            self._arguments[index] = (self._arguments.get(index, "") + text)[:_LONGEST_ARGUMENTS]

    def whole(self) -> list[CallTool]:
        """The calls, in the model's order."""
        return [CallTool(name, self._arguments[index] or "{}") for index, name in sorted(self._names.items()) if name]


_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)
_MAYBE_THOUGHT = re.compile(r"<(?:think>.*|think|thin|thi|th|t)?$", re.DOTALL)


@dataclass
class WithoutThoughts:
    """Drops `<think>...</think>`, which some local models write before they answer, from a stream of text."""

    _held: str = ""

    def feed(self, text: str) -> str:
        """The part of the text so far that is meant to be heard."""
        line = _THOUGHT.sub("", self._held + text)
        held = _MAYBE_THOUGHT.search(line)
        spoken = line[: held.start()] if held else line
        self._held = line[len(spoken) :]
        if self._held.startswith("<think>"):
            self._held = "<think>" + self._held.removeprefix("<think>")[-8:]  # the end of a thought may be cut in two
        return spoken

    def finish(self) -> str:
        """What was held back because it might have become a tag."""
        held, self._held = self._held, ""
        return "" if held.startswith("<think>") else held


FIRST_WORD_LIMIT = 20.0
"""Seconds a model may take before its first word: it may have to be loaded first."""
_NEXT_WORD_LIMIT = 10.0
_LONGEST_LINE = 2**18
_LONGEST_ANSWER = 20_000
"""Characters; a model that has lost itself would talk for ever."""


class _Failed(Exception):
    """The server gave no answer; the argument says why, in words that may be spoken."""


class ChatServer:
    """Answers with a language model behind an OpenAI-compatible server: Ollama, LM Studio, llama.cpp, vLLM.

    The answer is streamed and cut at sentence ends, so that the voice begins while the model still writes. When the
    server fails, that is said in one sentence: the user is never left in silence, and never answered by a lesser brain.
    """

    def __init__(self, base_url: str, model: str, label: str, *, first_word_limit: float = FIRST_WORD_LIMIT) -> None:
        """`base_url` is the address up to and including `/v1`."""
        self.label = label
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._model = model
        self._first_word_limit = first_word_limit

    async def answer(self, turn: Turn) -> AsyncIterator[Output]:
        """Yield the model's sentences as they are written, then its function calls."""
        try:
            async with aclosing(self._sentences(turn)) as outputs:
                async for output in outputs:
                    yield output
        except _Failed as reason:
            yield Say(f"The language model {self.label} {reason}.")

    async def _sentences(self, turn: Turn) -> AsyncGenerator[Output, None]:
        splitter, thoughts, calls = SentenceSplitter(), WithoutThoughts(), CallsInPieces()
        length, anything = 0, False
        async with aclosing(self._deltas(turn)) as deltas:
            async for delta in deltas:
                calls.add(delta)
                text = delta.content or ""
                length += len(text)
                for sentence in splitter.feed(thoughts.feed(text)):
                    anything = True
                    yield Say(sentence)
                if length > _LONGEST_ANSWER:
                    break
        rest = [*splitter.feed(thoughts.finish()), *splitter.finish()]
        outputs: list[Output] = [*map(Say, rest), *calls.whole()]
        for output in outputs:
            yield output
        anything = anything or bool(outputs)
        if not anything:
            raise _Failed("gave an empty answer")

    async def _deltas(self, turn: Turn) -> AsyncGenerator[Delta, None]:
        """Raises _Failed for every way in which a server may fail."""
        clock = asyncio.get_running_loop()
        deadline = clock.time() + self._first_word_limit
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None), read_bufsize=_LONGEST_LINE) as client,
                await self._posted(client, turn, deadline) as response,
            ):
                while line := await _next_line(response, deadline):
                    if delta := delta_in(line):
                        yield delta
                        deadline = clock.time() + _NEXT_WORD_LIMIT
        except TimeoutError:
            raise _Failed("took too long") from None
        except aiohttp.ClientConnectorError as error:
            raise _Failed("cannot be reached") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _Failed("broke off") from error

    async def _posted(self, client: aiohttp.ClientSession, turn: Turn, deadline: float) -> aiohttp.ClientResponse:
        async with asyncio.timeout_at(deadline):
            response = await client.post(self._url, json=request_of(turn, self._model), allow_redirects=False)
        if response.status == 200:
            return response
        response.close()
        raise _Failed(f"refused with status {response.status}")


async def _next_line(response: aiohttp.ClientResponse, deadline: float) -> str:
    """The next line with its end; empty at the end of the stream. The deadline never runs while a piece is spoken."""
    async with asyncio.timeout_at(deadline):
        try:
            return (await response.content.readline()).decode("utf-8", "replace")
        except (ValueError, HttpProcessingError) as error:
            raise _Failed("sent something I cannot read") from error


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
    server is used even if it does not answer now (its failure is then spoken); `url` "none" means the practice partner.
    Raises ConfigError if the URL is not one.
    """
    if url.strip().lower() in ("none", "off", "built-in"):
        return Partner()
    if url:
        return await _named(_checked(url), model)
    async with aiohttp.ClientSession() as client:
        tasks = [_models(client, f"http://127.0.0.1:{port}/v1", PROBE_LIMIT) for _, port in servers]
        found = await asyncio.gather(*tasks)
    for (name, port), models in zip(servers, found, strict=True):
        chosen = model if model in models else "" if model else chat_model(models)
        if chosen:
            return ChatServer(f"http://127.0.0.1:{port}/v1", chosen, f"{name}/{chosen}")
    return Partner()


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
            listed = msgspec.json.decode(await response.content.read(_LONGEST_LIST), type=_Models)
    except (aiohttp.ClientError, TimeoutError, OSError, msgspec.DecodeError, RecursionError):
        return []
    return [model.id for model in listed.data if 0 < len(model.id) <= 200]


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: tuple[_Model, ...] = ()
