"""Realtime clients that nobody here wrote, against our server: a spoken question, a tool call and a spoken answer each.

They come with the extra `interop`; `voicechat explain clients` tells which versions were tried: keep it true.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from openai import AsyncOpenAI

from tests.support.local_server import local_server
from tests.support.peers import eventually
from voicechat.local_server.server import Server

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # what the clients import is theirs to mend
VOICE = (0.3 * np.sin(2 * np.pi * 300 * np.arange(24_000) / 24_000) * 32767).astype("<i2").tobytes()
FRAME = 960
"""Bytes of 20 ms at 24 kHz."""
QUESTION = "Look at the clock."
TOLD = "Half past nine."
CLOCK = {
    "type": "function",
    "name": "look_at_the_clock",
    "description": "Tells the time.",
    "parameters": {"type": "object", "properties": {}},
}


async def spoken_question() -> AsyncIterator[bytes]:
    """A second of voice and three of silence, in frames of 20 ms at their pace."""
    data = VOICE + bytes(3 * 48_000)
    for at in range(0, len(data), FRAME):
        yield data[at : at + FRAME]
        await asyncio.sleep(0.005)


def is_audible(data: bytes) -> bool:
    return bool(np.abs(np.frombuffer(data, "<i2").astype(np.int32)).max(initial=0) > 300)


def address(server: Server) -> str:
    return server.base_url.replace("http", "ws", 1) + "/realtime"


async def test_the_openai_package_asks_aloud_calls_a_tool_and_hears_its_result() -> None:
    async with local_server(QUESTION) as server:
        client = AsyncOpenAI(api_key="none", base_url=server.base_url)
        async with client.realtime.connect(model="local") as line, asyncio.timeout(20):
            await line.session.update(session={"type": "realtime", "tools": [CLOCK]})  # type: ignore[list-item]

            async def ask() -> None:
                async for frame in spoken_question():
                    await line.input_audio_buffer.append(audio=base64.b64encode(frame).decode())

            asking, kinds, said, sound = asyncio.create_task(ask()), list[str](), "", b""
            async for event in line:
                kinds.append(event.type)
                assert event.type != "error", event
                match event.type:
                    case "response.output_audio.delta":
                        sound += base64.b64decode(event.delta)
                    case "response.function_call_arguments.done":
                        output: Any = {"type": "function_call_output", "call_id": event.call_id, "output": TOLD}
                        await line.conversation.item.create(item=output)
                    case "response.done" if not said and not sound:
                        await line.response.create()
                    case "response.output_audio_transcript.done":
                        said = event.transcript
                    case "response.done":
                        break
            await asking
            assert "alf past nine" in said and is_audible(sound)
            assert kinds.index("input_audio_buffer.committed") < kinds.index("response.created")
        await client.close()


async def test_the_agents_package_asks_aloud_calls_a_tool_and_is_interrupted() -> None:
    pytest.importorskip("agents.realtime", reason="openai-agents is not installed (extra `interop`)")
    from agents import function_tool
    from agents.realtime import RealtimeAgent, RealtimeRunner

    called: list[str] = []

    @function_tool  # type: ignore[untyped-decorator]  # of a package that need not be there
    def look_at_the_clock() -> str:
        """Tells the time."""
        called.append("clock")
        return TOLD

    runner = RealtimeRunner(RealtimeAgent(name="Clock", instructions="Be brief.", tools=[look_at_the_clock]))
    async with local_server(QUESTION) as server:
        config: Any = {"url": f"{address(server)}?model=local", "api_key": "none"}
        events: list[Any] = []
        async with await runner.run(model_config=config) as session:

            async def listen() -> None:
                async for event in session:
                    events.append(event)  # noqa: PERF401 - each is looked at before the last one came

            listening = asyncio.create_task(listen())
            async for frame in spoken_question():
                await session.send_audio(frame)
            await eventually(lambda: "alf past nine" in str(events[-1:] or "") or "alf past nine" in str(events), 20.0)
            assert called == ["clock"]
            assert any(is_audible(event.audio.data) for event in events if event.type == "audio")
            await session.send_message("Tell me a long story.")
            before = sum(event.type == "audio" for event in events)
            await eventually(lambda: sum(event.type == "audio" for event in events) > before, 20.0)
            await session.interrupt()
            await eventually(lambda: any(event.type == "audio_interrupted" for event in events), 20.0)
            assert [event for event in events if event.type == "error"] == []
            listening.cancel()


async def test_livekits_realtime_model_asks_aloud_calls_a_tool_and_speaks_its_result() -> None:
    pytest.importorskip("livekit.plugins.openai", reason="livekit-plugins-openai is not installed (extra `interop`)")
    from livekit import rtc
    from livekit.agents import Agent, AgentSession, function_tool
    from livekit.agents.voice import io
    from livekit.plugins.openai.realtime import RealtimeModel

    called: list[str] = []

    @function_tool  # type: ignore[untyped-decorator]
    async def look_at_the_clock() -> str:
        """Tells the time."""
        called.append("clock")
        return TOLD

    class Microphone(io.AudioInput):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(label="question")
            self._left = spoken_question()

        async def __anext__(self) -> rtc.AudioFrame:
            data = await anext(self._left, None)
            if data is None:
                await asyncio.sleep(0.02)
                data = bytes(FRAME)
            return rtc.AudioFrame(data=data, sample_rate=24_000, num_channels=1, samples_per_channel=FRAME // 2)

    async with local_server(QUESTION) as server:
        model = RealtimeModel(model="local", base_url=server.base_url, api_key="none")
        session: Any = AgentSession(llm=model)
        said: list[str] = []
        session.on("conversation_item_added", lambda event: said.append(str(event.item.text_content)))
        session.input.audio = Microphone()
        await session.start(Agent(instructions="Be brief.", tools=[look_at_the_clock]))
        await eventually(lambda: any("alf past nine" in one for one in said), 20.0)
        assert called == ["clock"]
        await session.aclose()
        await model.aclose()


async def test_pipecats_realtime_service_asks_aloud_calls_a_tool_and_speaks_its_result() -> None:
    pytest.importorskip("pipecat.services.openai.realtime", reason="pipecat-ai is not installed (extra `interop`)")
    from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
    from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
    from pipecat.frames.frames import InputAudioRawFrame, LLMContextFrame, TTSAudioRawFrame, TTSTextFrame
    from pipecat.pipeline.pipeline import Pipeline
    from pipecat.pipeline.worker import PipelineWorker
    from pipecat.processors.aggregators.llm_context import LLMContext
    from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
    from pipecat.processors.frame_processor import FrameProcessor
    from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
    from pipecat.workers.runner import WorkerRunner

    called: list[str] = []
    said: list[str] = []
    sound: list[bytes] = []

    async def look(params: Any) -> None:
        called.append(params.function_name)
        await params.result_callback(TOLD)

    class Heard(FrameProcessor):  # type: ignore[misc]
        async def process_frame(self, frame: Any, direction: Any) -> None:
            await super().process_frame(frame, direction)
            if isinstance(frame, TTSAudioRawFrame):
                sound.append(frame.audio)
            elif isinstance(frame, TTSTextFrame):
                said.append(frame.text)
            await self.push_frame(frame, direction)

    async with local_server(QUESTION) as server:
        settings = OpenAIRealtimeLLMService.Settings(model="local", system_instruction="Be brief.")
        service = OpenAIRealtimeLLMService(api_key="none", base_url=address(server), settings=settings)
        service.register_function("look_at_the_clock", look)
        clock = FunctionSchema(name="look_at_the_clock", description="Tells the time.", properties={}, required=[])
        context = LLMContext(tools=ToolsSchema(standard_tools=[clock]))
        pair = LLMContextAggregatorPair(context)
        pipeline = Pipeline([pair.user(), service, Heard(), pair.assistant()])
        worker = PipelineWorker(pipeline, cancel_on_idle_timeout=False, enable_rtvi=False)
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        running = asyncio.create_task(runner.run())
        await worker.queue_frame(LLMContextFrame(context))
        await asyncio.sleep(0.5)
        async for frame in spoken_question():
            await worker.queue_frame(InputAudioRawFrame(audio=frame, sample_rate=24_000, num_channels=1))
        try:
            await eventually(lambda: "alf past nine" in "".join(said), 20.0)
            assert called == ["look_at_the_clock"] and any(map(is_audible, sound))
        finally:
            await worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


async def test_pydantic_ais_realtime_session_asks_aloud_calls_a_tool_and_hears_its_result() -> None:
    pytest.importorskip("pydantic_ai.realtime.openai", reason="pydantic-ai is not installed (extra `interop`)")
    from pydantic_ai import Agent
    from pydantic_ai.providers.openai import OpenAIProvider
    from pydantic_ai.realtime.openai import OpenAIRealtimeModel

    called: list[str] = []
    agent = Agent(instructions="Be brief.")

    @agent.tool_plain  # type: ignore[untyped-decorator]
    def look_at_the_clock() -> str:
        """Tells the time."""
        called.append("clock")
        return TOLD

    async with local_server(QUESTION) as server, asyncio.timeout(30):
        model = OpenAIRealtimeModel("local", provider=OpenAIProvider(base_url=server.base_url, api_key="none"))
        async with agent.realtime(model).session() as session:
            asking, events = asyncio.create_task(session.send_audio(spoken_question())), list[Any]()
            async for event in session:
                events.append(event)
                if called and "alf past nine" in str(event):
                    break
            await asking
            assert called == ["clock"]
            assert not [event for event in events if "error" in type(event).__name__.lower()]
