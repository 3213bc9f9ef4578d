"""A language model behind a real HTTP server on this computer, and what happens when it fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tests.local_server.practice_sentences import NOON, said
from voicechat.errors import ConfigError
from voicechat.local_server.brain import Brain, CallTool, FunctionTool, Output, Say, ToolOutput, Turn
from voicechat.local_server.brain.chat_server import (
    ChatServer,
    Delta,
    WithoutThoughts,
    chat_model,
    choose_brain,
    delta_in,
)
from voicechat.local_server.brain.partner import Partner

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def served(answer: Handler, models: object = None) -> AsyncIterator[int]:
    """A chat server on a free loopback port; `models` is what `GET /v1/models` gives."""

    async def list_models(request: web.Request) -> web.Response:
        return web.json_response(models)

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    app.router.add_get("/v1/models", list_models)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def streamed(*deltas: Mapping[str, object], seen: list[dict[str, object]] | None = None) -> Handler:
    """A handler that streams these deltas, and keeps what it was asked."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if seen is not None:
            seen.append(await request.json())
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for delta in deltas:
            await response.write(b"data: " + json.dumps({"choices": [{"delta": delta}]}).encode() + b"\n\n")
        await response.write(b": a comment\n\ndata: [DONE]\n\n")
        return response

    return handle


async def outputs_of(brain: Brain, turn: Turn) -> list[Output]:
    return [output async for output in brain.answer(turn)]


def brain_at(port: int, limit: float = 20.0) -> ChatServer:
    return ChatServer(f"http://127.0.0.1:{port}/v1", "m", "ollama/m", first_word_limit=limit)


async def test_the_answer_comes_sentence_by_sentence() -> None:
    words = [{"content": piece} for piece in ("Paris is", " the capital. ", "It lies ", "on the Seine.")]
    async with served(streamed({"role": "assistant"}, *words)) as port:
        outputs = await outputs_of(brain_at(port), Turn("What is the capital of France?", NOON))
    assert outputs == [Say("Paris is the capital."), Say("It lies on the Seine.")]


async def test_the_first_sentence_is_spoken_while_the_model_still_writes() -> None:
    go_on = asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'data: {"choices":[{"delta":{"content":"First one. And"}}]}\n\n')
        await go_on.wait()
        await response.write(b'data: {"choices":[{"delta":{"content":" the rest."}}]}\n\n')
        return response

    async with served(handle) as port:
        answer = aiter(brain_at(port).answer(Turn("Hm?", NOON)))
        async with asyncio.timeout(5):
            assert await anext(answer) == Say("First one.")
            go_on.set()
            assert await anext(answer) == Say("And the rest.")


async def test_the_model_is_told_the_history_the_instructions_and_the_tools() -> None:
    seen: list[dict[str, object]] = []
    turn = Turn(
        "And now?",
        NOON,
        history=(("user", "Hello"), ("assistant", "Hi.")),
        instructions="You are a pirate.",
        tools=(FunctionTool("get_weather", "Weather", {"type": "object"}),),
        tool_outputs=(ToolOutput("c1", "get_weather", "{}", "sunny"),),
    )
    async with served(streamed({"content": "Sunny, arr."}, seen=seen)) as port:
        assert said(await outputs_of(brain_at(port), turn)) == "Sunny, arr."
    messages = seen[0]["messages"]
    assert isinstance(messages, list)
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user", "assistant", "tool"]
    assert messages[0]["content"].startswith("You are a pirate.") and "2026" in messages[0]["content"]
    assert messages[-1] == {"role": "tool", "tool_call_id": "c1", "content": "sunny"}
    assert seen[0]["model"] == "m" and seen[0]["stream"] is True
    assert json.dumps(seen[0]["tools"]).count("get_weather") == 1


async def test_a_function_call_in_pieces_is_put_together() -> None:
    parts: list[dict[str, object]] = [
        {"tool_calls": [{"index": 0, "id": "x", "function": {"name": "get_weather", "arguments": '{"ci'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": 'ty": "Rome"}'}}]},
        {"tool_calls": [{"index": 1, "function": {"name": "ping"}}]},
    ]
    async with served(streamed(*parts)) as port:
        outputs = await outputs_of(brain_at(port), Turn("Weather in Rome?", NOON, tools=(FunctionTool("get_weather"),)))
    assert outputs == [CallTool("get_weather", '{"city": "Rome"}'), CallTool("ping", "{}")]


async def test_thoughts_of_the_model_are_not_spoken() -> None:
    words = [{"content": piece} for piece in ("<th", "ink>Hm, let me", " see.</thi", "nk>\n\nYes", ". It is < 5.")]
    async with served(streamed(*words)) as port:
        assert said(await outputs_of(brain_at(port), Turn("Is it?", NOON))) == "Yes. It is < 5."


@pytest.mark.parametrize("text", ["Stop.", "What time is it?", "Lock the door.", "Who are you?"])
async def test_with_a_model_the_practice_partner_is_not_asked(text: str) -> None:
    tools = (FunctionTool("lock_door"),)
    async with served(streamed({"content": "I am a model."})) as port:
        assert await outputs_of(brain_at(port), Turn(text, NOON, tools=tools)) == [Say("I am a model.")]


async def refuse(request: web.Request) -> web.StreamResponse:
    return web.Response(status=500, text="secret stack trace")


async def send_error(request: web.Request) -> web.StreamResponse:
    return web.Response(text='data: {"error": {"message": "out of memory"}}\n\n')


async def send_nothing(request: web.Request) -> web.StreamResponse:
    return web.Response(text="data: [DONE]\n\n")


async def send_rubbish(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"data: {]\n\ndata: 5\n\ndata: \xff\xfe\n\n" + b"x" * 2_000_000)


async def redirect(request: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": "http://192.0.2.1/"})


@pytest.mark.parametrize("answer", [refuse, send_error, send_nothing, send_rubbish, redirect])
async def test_a_failing_model_is_named_and_no_other_answers_in_its_place(answer: Handler) -> None:
    async with served(answer) as port:
        text = said(await outputs_of(brain_at(port), Turn("What is twelve times seven?", NOON)))
    assert text.startswith("The language model ollama/m ")
    assert "84" not in text and "secret" not in text


async def test_a_model_that_is_gone_or_silent_is_not_waited_for() -> None:
    release = asyncio.Event()

    async def wait(request: web.Request) -> web.StreamResponse:
        await release.wait()
        return web.Response()

    async with served(wait) as port:
        text = said(await outputs_of(brain_at(port, limit=0.05), Turn("hello", NOON)))
        release.set()
    assert "took too long" in text
    text = said(await outputs_of(brain_at(port), Turn("hello", NOON)))
    assert "cannot be reached" in text


async def test_an_answer_can_be_dropped_in_the_middle() -> None:
    async with served(streamed(*[{"content": f"Sentence {n}. "} for n in range(200)])) as port:
        answer = brain_at(port).answer(Turn("talk", NOON))
        async for _ in answer:
            break
        assert hasattr(answer, "aclose")
        await answer.aclose()


async def test_a_chat_server_on_this_computer_is_found_and_used() -> None:
    models = {"data": [{"id": "nomic-embed-text"}, {"id": "llama3.2:3b"}]}
    async with served(streamed({"content": "Hello from the model."}), models) as port:
        brain = await choose_brain(servers=(("ollama", 9), ("lm-studio", port)))
        assert brain.label == "lm-studio/llama3.2:3b"
        assert said(await outputs_of(brain, Turn("hello", NOON))) == "Hello from the model."
        assert (await choose_brain("", "other", servers=(("ollama", port),))).label == "built-in"
        named = await choose_brain(f"127.0.0.1:{port}")
        assert named.label == f"127.0.0.1:{port}/llama3.2:3b"
        assert said(await outputs_of(named, Turn("hello", NOON))) == "Hello from the model."


@pytest.mark.parametrize(
    "models", [None, [], {"data": 5}, {"data": [{"id": 7}, 8]}, {"data": [{"id": "bge-reranker"}]}]
)
async def test_a_server_without_a_chat_model_is_passed_over(models: object) -> None:
    async with served(streamed(), models) as port:
        assert (await choose_brain(servers=(("ollama", port),))).label == "built-in"


async def test_a_server_that_hangs_does_not_hold_up_the_session() -> None:
    connected = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(5):
            brain = await choose_brain(servers=(("ollama", port),))
    assert connected.is_set() and isinstance(brain, Partner)


async def test_the_practice_partner_can_be_asked_for() -> None:
    assert (await choose_brain("none")).label == "built-in"


@pytest.mark.parametrize(
    "url", ["ftp://x", "http://", "http://[", "http://user:pass@127.0.0.1/v1", "http://x:99999999"]
)
async def test_an_address_that_is_none_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        await choose_brain(url)
    assert "http://127.0.0.1:11434/v1" in refused.value.hint
    assert "pass" not in refused.value.message.replace("password", "")


def test_models_that_cannot_chat_are_skipped() -> None:
    assert chat_model(["mxbai-embed-large", "whisper-1", "Qwen3-Reranker", "qwen3"]) == "qwen3"
    assert chat_model([]) == ""


def test_lines_that_add_nothing_are_passed_over() -> None:
    for line in ("", "event: x", "data:", "data: [DONE]", "data: [1]", "data: nonsense", "data: " + "[" * 100_000):
        assert delta_in(line) is None
    assert delta_in('data: {"choices": [{"delta": {"content": null, "tool_calls": 4}}]}') is None
    assert delta_in('data: {"choices": [{"delta": {"content": null}}]}') == Delta()


def test_a_tag_that_never_ends_is_silent_and_one_that_never_was_is_spoken() -> None:
    thoughts = WithoutThoughts()
    assert thoughts.feed("<think>forever") + thoughts.finish() == ""
    thoughts = WithoutThoughts()
    assert thoughts.feed("a <thi") + thoughts.finish() == "a <thi"
