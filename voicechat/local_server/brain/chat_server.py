"""A brain behind an OpenAI-compatible chat server, mostly one on this computer: Ollama, LM Studio, llama.cpp, vLLM.

The answer is streamed and cut at sentence ends, so that the voice begins while the model still writes. When the server
fails, that is said in one sentence and the built-in guide answers: the user is never left in silence.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from voicechat.local_server.brain.base import Output, Say, Turn
from voicechat.local_server.brain.chat_messages import CallsInPieces, Piece, WithoutThoughts, piece_in, request_of
from voicechat.local_server.brain.guide import EXACT_SKILLS, Guide
from voicechat.local_server.speech.sentences import SentenceSplitter

FIRST_WORD_LIMIT = 20.0
"""Seconds a model may take before its first word: it may have to be loaded first."""
_NEXT_WORD_LIMIT = 10.0
_LONGEST_LINE = 2**18
_LONGEST_ANSWER = 20_000
"""Characters; a model that has lost itself would talk for ever."""


class _Failed(Exception):
    """The server gave no answer; the argument says why, in words that may be spoken."""


class ChatServer:
    """Answers with a language model; knows timers, measurements and the program's keys by the guide."""

    def __init__(
        self,
        base_url: str,
        model: str,
        label: str,
        *,
        guide: Guide | None = None,
        first_word_limit: float = FIRST_WORD_LIMIT,
    ) -> None:
        """`base_url` is the address up to and including `/v1`."""
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._model = model
        self._label = label
        self._guide = guide or Guide()
        self._first_word_limit = first_word_limit

    @property
    def label(self) -> str:
        """`ollama/<model>` and the like."""
        return self._label

    async def answer(self, turn: Turn) -> AsyncIterator[Output]:
        """Yield the model's sentences as they are written, then its function calls."""
        known = None if turn.tool_outputs else self._guide.reply(turn, EXACT_SKILLS) if turn.text.strip() else None
        if known is not None:
            for output in known:
                yield output
            return
        said_any = False
        try:
            async with aclosing(self._sentences(turn)) as outputs:
                async for output in outputs:
                    said_any = True
                    yield output
        except _Failed as reason:
            yield Say(f"The language model {self._label} {reason}.")
            if not said_any:
                async for output in self._guide.answer(turn):
                    yield output

    async def _sentences(self, turn: Turn) -> AsyncGenerator[Output, None]:
        splitter, thoughts, calls = SentenceSplitter(), WithoutThoughts(), CallsInPieces()
        length, anything = 0, False
        async with aclosing(self._pieces(turn)) as pieces:
            async for piece in pieces:
                if piece.error:
                    raise _Failed("reported an error")
                calls.add(piece)
                length += len(piece.text)
                for sentence in splitter.feed(thoughts.feed(piece.text)):
                    anything = True
                    yield Say(sentence)
                if length > _LONGEST_ANSWER:
                    break
        for sentence in [*splitter.feed(thoughts.finish()), *splitter.finish()]:
            anything = True
            yield Say(sentence)
        for call in calls.whole():
            anything = True
            yield call
        if not anything:
            raise _Failed("gave an empty answer")

    async def _pieces(self, turn: Turn) -> AsyncGenerator[Piece, None]:
        """The stream's pieces. Raises _Failed for every way in which a server may fail."""
        clock = asyncio.get_running_loop()
        deadline = clock.time() + self._first_word_limit
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None), read_bufsize=_LONGEST_LINE) as client,
                await self._posted(client, turn, deadline) as response,
            ):
                while line := await _next_line(response, deadline):
                    if piece := piece_in(line):
                        yield piece
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
