"""GPT-Live clients that nobody here wrote, against our server: a spoken exchange, a tool call and a delegation each,
and every event valid for the openai package's models. They come with the extra `interop`."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from openai import AsyncOpenAI

from tests.support.live_service import Json, check_event
from tests.support.local_server import local_server
from tests.support.peers import Pcm, eventually, side
from voicechat.local_server.server import Server

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # what the clients import is theirs to mend
VOICE = (0.3 * np.sin(2 * np.pi * 300 * np.arange(24_000) / 24_000) * 32767).astype("<i2").tobytes()
QUIET = bytes(48_000)
FRAME = 960
"""Bytes of 20 ms."""
TOLD = "Half past nine."


def frames_of_a_question() -> list[bytes]:
    """A second of voice and three of silence, in frames of 20 ms."""
    data = VOICE + QUIET * 3
    return [data[at : at + FRAME] for at in range(0, len(data), FRAME)]


def words_of(events: list[Json], side: str) -> str:
    return "".join(event["delta"] for event in events if event["type"] == f"session.{side}_transcript.delta")


def is_audible(event: Json) -> bool:
    data = base64.b64decode(event["delta"]) if event["type"] == "session.output_audio.delta" else b""
    return bool(np.abs(np.frombuffer(data, "<i2").astype(np.int32)).max(initial=0) > 300)


def check_all(events: list[Json]) -> None:
    """Every event is one of the package's, and none is an error."""
    for event in events:
        check_event(event)
    assert [event for event in events if event["type"] == "error"] == []


def microphone() -> Callable[[], Pcm]:
    """The question at once, then silence: frames of 20 ms, 48 kHz."""
    left = [np.repeat(np.frombuffer(frame, "<i2"), 2) for frame in frames_of_a_question()]
    return lambda: left.pop(0) if left else np.zeros(FRAME, np.int16)


async def test_the_openai_package_creates_a_webrtc_call_and_attaches_to_it() -> None:
    async with local_server("Call the tool delegate.") as server:
        client, caller = AsyncOpenAI(api_key="none", base_url=server.base_url), side("client", microphone())
        try:
            offer = await caller.peer.offer()
            made = await client.live.create(session={"model": "local-live"}, transport={"type": "webrtc", "sdp": offer})
            await caller.peer.accept_answer(made.transport.sdp)
            async with asyncio.timeout(20):
                on_channel: list[Json] = [json.loads(await caller.texts.get())]
                assert on_channel[0]["type"] == "session.started"
                on_side: list[Json] = []
                async with client.live.sideband.connect(session_id=made.session.id) as sideband:
                    while "booked" not in words_of(on_side, "output") or not any(map(is_audible, on_side)):
                        event = json.loads(await sideband.recv_bytes())
                        on_side.append(event)
                        if event["type"] == "session.delegation.created":
                            name = event["delegation"]["id"]
                            text = "The table is booked."
                            await sideband.session.commentary.append(content=text, delegation_id=name)
            while not caller.texts.empty():
                on_channel.append(json.loads(caller.texts.get_nowait()))
            assert words_of(on_channel, "input").startswith("Call the tool")
            check_all(on_channel + on_side)
        finally:
            await caller.peer.close()
            await client.close()


async def test_the_openai_package_ends_a_session_over_its_sideband() -> None:
    async with local_server() as server:
        client = AsyncOpenAI(api_key="none", base_url=server.base_url)
        async with client.live.connect() as live, asyncio.timeout(10):
            await live.session.start(session={"model": "local-live"})
            started = json.loads(await live.recv_bytes())
            async with client.live.sideband.connect(session_id=started["session"]["id"], graceful_close=True) as side:
                await side.session.close()
                while (event := json.loads(await side.recv_bytes()))["type"] != "session.closed":
                    check_event(event)
                check_event(event)
                assert event["reason"] == "close_requested"
        await client.close()


# livekit-agents
@asynccontextmanager
async def livekit_agent(server: Server, agent: Any, **options: Any) -> AsyncIterator[tuple[Any, list[Json]]]:
    """An `AgentSession` with that agent, a microphone that asks once and a loudspeaker; and what the server said."""
    from livekit import rtc
    from livekit.agents import AgentSession
    from livekit.agents.voice import io
    from livekit.plugins.openai.realtime import GPTLiveModel

    class Microphone(io.AudioInput):  # type: ignore[misc]  # of a package that need not be there
        def __init__(self) -> None:
            super().__init__(label="question")
            self._left = frames_of_a_question()

        async def __anext__(self) -> rtc.AudioFrame:
            await asyncio.sleep(0.02)
            data = self._left.pop(0) if self._left else bytes(FRAME)
            return rtc.AudioFrame(data=data, sample_rate=24_000, num_channels=1, samples_per_channel=FRAME // 2)

    events: list[Json] = []
    model = GPTLiveModel(model="local-live", base_url=server.base_url, api_key="none", **options)
    session: Any = AgentSession(llm=model)
    session.input.audio = Microphone()
    await session.start(agent)
    agent.duplex_session.on("openai_server_event_received", events.append)
    try:
        yield session, events
    finally:
        await session.aclose()
        await model.aclose()


async def test_livekits_gpt_live_model_calls_a_tool_and_speaks_its_result() -> None:
    pytest.importorskip("livekit.plugins.openai", reason="livekit-plugins-openai is not installed (extra `interop`)")
    from livekit.agents import Agent, function_tool

    called: list[str] = []

    @function_tool  # type: ignore[untyped-decorator]  # of a package that need not be there
    async def look_at_the_clock() -> str:
        """Tells the time."""
        called.append("clock")
        return TOLD

    agent = Agent(instructions="Be brief.", tools=[look_at_the_clock])
    async with local_server("Look at the clock.") as server, livekit_agent(server, agent) as (_, events):
        await eventually(lambda: "alf past nine" in words_of(events, "output"), 20.0)
        check_all(events)
        assert called == ["clock"] and words_of(events, "input").startswith("Look at the clock")
        assert any(map(is_audible, events))


async def test_livekits_gpt_live_model_answers_a_delegation_to_the_client() -> None:
    pytest.importorskip("livekit.plugins.openai", reason="livekit-plugins-openai is not installed (extra `interop`)")
    from livekit.agents import Agent

    agent, asked = Agent(instructions="Be brief."), list[str]()
    async with (
        local_server("Call the tool delegate.") as server,
        livekit_agent(server, agent, delegation="client") as (_, events),
    ):

        def delegated(delegation: Any) -> None:
            asked.append(delegation.pending_transcript)
            agent.duplex_session.append_commentary("The table is booked.", delegation_id=delegation.id)

        agent.duplex_session.on("delegation_created", delegated)
        await eventually(lambda: "table is booked" in words_of(events, "output"), 20.0)
        check_all(events)
        assert len(asked) == 1 and words_of(events, "input") == "Call the tool delegate."


# pipecat
@asynccontextmanager
async def pipecat_talk(
    server: Server, monkeypatch: pytest.MonkeyPatch, tools: Any, prepare: Callable[[Any], None], delegation: Any
) -> AsyncIterator[list[Json]]:
    """A pipeline around `OpenAILiveLLMService` that asks once; yields what the server said."""
    from pipecat.frames.frames import InputAudioRawFrame, LLMContextFrame
    from pipecat.pipeline.pipeline import Pipeline
    from pipecat.pipeline.worker import PipelineWorker
    from pipecat.processors.aggregators.llm_context import LLMContext
    from pipecat.services.openai.live import events as live_events
    from pipecat.services.openai.live.llm import OpenAILiveLLMService
    from pipecat.workers.runner import WorkerRunner

    heard: list[Json] = []
    parse = live_events.parse_server_event

    def parse_and_keep(message: Any) -> Any:
        heard.append(json.loads(message))
        return parse(message)

    monkeypatch.setattr(live_events, "parse_server_event", parse_and_keep)
    address = server.base_url.replace("http", "ws", 1) + "/live/sessions"
    settings = OpenAILiveLLMService.Settings(model="local-live", system_instruction="Be brief.")
    service = OpenAILiveLLMService(api_key="none", base_url=address, settings=settings, delegation=delegation)
    prepare(service)
    worker = PipelineWorker(Pipeline([service]), cancel_on_idle_timeout=False, enable_rtvi=False)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())

    async def ask() -> None:
        await worker.queue_frame(LLMContextFrame(LLMContext(tools=tools) if tools else LLMContext()))
        await eventually(lambda: heard)
        for data in frames_of_a_question():
            await worker.queue_frame(InputAudioRawFrame(audio=data, sample_rate=24_000, num_channels=1))

    asking = asyncio.create_task(ask())
    try:
        yield heard
    finally:
        asking.cancel()
        await worker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_pipecats_live_service_calls_a_tool_and_speaks_its_result(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pipecat.services.openai.live", reason="pipecat-ai is not installed (extra `interop`)")
    from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
    from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
    from pipecat.services.openai.live.llm import OpenAILiveLLMService
    from pipecat.services.openai.responses.llm import OpenAIResponsesLLMService

    called: list[str] = []

    async def look(params: Any) -> None:
        called.append(params.function_name)
        await params.result_callback(TOLD)

    clock = FunctionSchema(name="look_at_the_clock", description="Tells the time.", properties={}, required=[])
    backend = OpenAIResponsesLLMService.Settings(model="m")
    async with (
        local_server("Look at the clock.") as server,
        pipecat_talk(
            server,
            monkeypatch,
            ToolsSchema(standard_tools=[clock]),
            lambda service: service.register_function("look_at_the_clock", look),
            OpenAILiveLLMService.ResponsesDelegation(settings=backend),
        ) as events,
    ):
        await eventually(lambda: "alf past nine" in words_of(events, "output") and any(map(is_audible, events)), 20.0)
        check_all(events)
        assert called == ["look_at_the_clock"]


async def test_pipecats_live_service_hands_a_delegation_to_its_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pipecat.services.openai.live", reason="pipecat-ai is not installed (extra `interop`)")
    from pipecat.frames.frames import LLMContextFrame, LLMFullResponseEndFrame, LLMFullResponseStartFrame, LLMTextFrame
    from pipecat.services.llm_service import LLMService
    from pipecat.services.openai.live.llm import OpenAILiveLLMService
    from pipecat.workers.llm.backend_llm_worker import BackendLLMWorker

    asked: list[str] = []

    class Backend(LLMService):  # type: ignore[misc]  # of a package that need not be there
        """Books whatever it is asked for; `>>` marks what is to be spoken."""

        async def process_frame(self, frame: Any, direction: Any) -> None:
            await super().process_frame(frame, direction)
            if not isinstance(frame, LLMContextFrame):
                await self.push_frame(frame, direction)
                return
            asked.append(str(frame.context.get_messages()[-1]["content"]))
            for one in (
                LLMFullResponseStartFrame(),
                LLMTextFrame(">> The table is booked."),
                LLMFullResponseEndFrame(),
            ):
                await self.push_frame(one)

    delegation = OpenAILiveLLMService.ClientDelegation(backend=BackendLLMWorker(llm=Backend()))
    async with (
        local_server("Call the tool delegate.") as server,
        pipecat_talk(server, monkeypatch, None, lambda service: None, delegation) as events,
    ):
        await eventually(lambda: "table is booked" in words_of(events, "output"), 20.0)
        check_all(events)
        assert len(asked) == 1 and "Call the tool delegate" in asked[0]
