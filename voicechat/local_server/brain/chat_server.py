"""Chooses who answers: the chat server that was named, one found on this computer, or the practice partner.

Only this computer is probed, never an address of the network, and for at most 300 ms in all. Call it once a session:
a chat server started meanwhile is noticed at the next one.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec
from aiohttp.http_exceptions import HttpProcessingError

from voicechat.errors import ConfigError, SignallingError
from voicechat.local_server.brain import Brain, CallTool, Output, Say, Turn
from voicechat.local_server.brain.partner import Partner
from voicechat.local_server.speech.text import complete_sentences, split_sentences
from voicechat.transports.endpoint import endpoint, is_loopback

T = TypeVar("T")
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
        body["tool_choice"] = "auto" if turn.tool_outputs else turn.tool_choice
        if body["tool_choice"] not in ("auto", "required"):
            body["tool_choice"] = {"type": "function", "function": {"name": turn.tool_choice}}
    return body


def _messages(turn: Turn) -> list[dict[str, object]]:
    system = f"{turn.instructions}\n\n{SPOKEN_STYLE}\nIt is {turn.now:%A, %d %B %Y, %H:%M}.".strip()
    messages: list[dict[str, object]] = [{"role": "system", "content": system}]
    messages += [{"role": role, "content": text} for role, text in turn.history[-_MOST_HISTORY:] if text.strip()]
    if turn.text.strip():
        messages.append({"role": "user", "content": turn.text})
    for output in turn.tool_outputs:
        function = {"name": output.name, "arguments": output.arguments}
        call = {"id": output.call_id, "type": "function", "function": function}
        messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": output.call_id, "content": output.output})
    return messages


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: object = None
    """A piece of JSON text; from some servers the whole object."""


class _Call(msgspec.Struct):
    function: _Function
    index: int | None = None


class Delta(msgspec.Struct, frozen=True):
    """What one server-sent event adds to the answer."""

    content: str | None = None
    tool_calls: tuple[_Call, ...] | None = None


class _Choice(msgspec.Struct):
    delta: Delta = Delta()


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


def add_calls(calls: dict[int, CallTool], delta: Delta) -> None:
    """Put function calls, by their place in the answer, together from their pieces."""
    for at, call in enumerate(delta.tool_calls or ()):
        index, given = call.index if call.index is not None else at, call.function.arguments or ""
        known = calls.get(index, CallTool("", ""))
        arguments = known.arguments + (given if isinstance(given, str) else json.dumps(given))
        calls[index] = CallTool(known.name or call.function.name or "", arguments[:_LONGEST_ARGUMENTS])


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
        thoughts, calls, unsaid = WithoutThoughts(), dict[int, CallTool](), ""
        length, has_answered = 0, False
        try:
            async with aclosing(self._deltas(turn)) as deltas:
                async for delta in deltas:
                    add_calls(calls, delta)
                    text = delta.content or ""
                    length += len(text)
                    ready, unsaid = complete_sentences(unsaid + thoughts.feed(text))
                    for sentence in ready:
                        has_answered = True
                        yield Say(sentence)
                    if length > _LONGEST_ANSWER:
                        break
        except _Failed as reason:
            yield Say(f"The language model {self.label} {reason}.")
            return
        rest = split_sentences(unsaid + thoughts.finish())
        whole = [CallTool(call.name, call.arguments or "{}") for _, call in sorted(calls.items()) if call.name]
        outputs: list[Output] = [*map(Say, rest), *whole]
        if not outputs and not has_answered:
            outputs = [Say(f"The language model {self.label} gave an empty answer.")]
        for output in outputs:
            yield output

    async def _deltas(self, turn: Turn) -> AsyncGenerator[Delta, None]:
        """Raises _Failed for every way in which a server may fail. No deadline runs while a piece is spoken."""
        clock = asyncio.get_running_loop()
        deadline = clock.time() + self._first_word_limit
        client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None), read_bufsize=_LONGEST_LINE)
        try:
            asking = client.post(self._url, json=request_of(turn, self._model), allow_redirects=False)
            async with client, await _before(deadline, asking) as response:
                if response.status != 200:
                    raise _Failed(f"refused with status {response.status}")
                while line := await _before(deadline, response.content.readline()):
                    if delta := delta_in(line.decode("utf-8", "replace")):
                        yield delta
                        deadline = clock.time() + _NEXT_WORD_LIMIT
        except TimeoutError:
            raise _Failed("took too long") from None
        except aiohttp.ClientConnectorError as error:
            raise _Failed("cannot be reached") from error
        except (ValueError, HttpProcessingError) as error:
            raise _Failed("sent something I cannot read") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _Failed("broke off") from error


async def _before(deadline: float, work: Awaitable[T]) -> T:
    """Raises TimeoutError."""
    async with asyncio.timeout_at(deadline):
        return await work


PROBE_LIMIT = 0.3
NAMED_LIMIT = 3.0
"""Seconds a server that was named may take to list its models: it may be far away."""
KNOWN_SERVERS = (("ollama", 11434), ("lm-studio", 1234), ("llama.cpp", 8080), ("vllm", 8000))
"""In order of preference."""
_NOT_FOR_CHAT = ("embed", "rerank", "whisper", "bge-", "minilm", "tts", "moondream", "clip")
_LONGEST_LIST = 1_000_000


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: tuple[_Model, ...] = ()


async def choose_brain(url: str = "", model: str = "", *, servers: Sequence[tuple[str, int]] = KNOWN_SERVERS) -> Brain:
    """The brain for one session.

    `url` (up to and including `/v1`, or without it) and `model` are what the user named; either may be empty. A named
    server is used even if it does not answer now (its failure is then spoken); `url` "none" means the practice partner.
    Raises ConfigError if the URL is not one.
    """
    if url.strip().lower() in ("none", "off", "built-in"):
        return Partner()
    if url:
        return await _named(_address(url), model)
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
    parts = urlsplit(url)
    if not model:
        async with aiohttp.ClientSession() as client:
            model = chat_model(await _models(client, url, NAMED_LIMIT)) or "default"
    known = {port: name for name, port in KNOWN_SERVERS if is_loopback(parts.hostname or "")}
    return ChatServer(url, model, f"{known.get(parts.port or 0, parts.netloc)}/{model}")


def _address(url: str) -> str:
    """The address with its version, in whichever way it was written. Raises ConfigError for one that is none."""
    address = url.strip().removesuffix("/chat/completions")
    try:
        return endpoint(address if "://" in address else f"http://{address}", "").rstrip("/")
    except SignallingError as error:
        raise ConfigError(f"brain_url: {error.message}", hint="for example http://127.0.0.1:11434/v1") from error


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
