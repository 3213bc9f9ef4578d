"""The public Python API, with the example of the README, against the real local server."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.processes import children_of, needs_proc
from voicechat.api import Conversation, Settings, ToolAsk
from voicechat.errors import ConfigError, RemoteProtocolError, SignallingError
from voicechat.local_server.speech import engine_is_missing

pytestmark = pytest.mark.skipif(bool(engine_is_missing()), reason="needs the extra `local`")


@needs_proc
async def test_the_example_of_the_readme_gets_its_answer_and_leaves_no_process(tmp_path: Path) -> None:
    before = set(children_of(os.getpid()))
    environ = {**os.environ, "VOICECHAT_STATE_DIR": str(tmp_path)}
    async with Conversation(Settings(mic="none", speaker="none", brain_url="none"), environ) as talk:
        answer = await talk.say("What is twelve times seven?")
        assert set(children_of(os.getpid())) - before
    assert "84" in answer.text or "eighty-four" in answer.text
    assert answer.cut_by == ""
    assert set(children_of(os.getpid())) == before


def spoken(url: str, **more: object) -> Settings:
    """Settings of a talk whose answers sound."""
    return Settings(provider="custom", base_url=url, mic="none", speaker="none", **more)  # type: ignore[arg-type]


def written(url: str) -> Settings:
    """Settings of a talk whose answers are text."""
    return spoken(url, output="text", given=frozenset({"output"}))


async def until(talk: Conversation, name: str) -> None:
    """Wait for an event."""
    async for happening in talk.events():
        if happening.event["type"] == name:
            return


async def test_events_yields_all_directions_and_each_message_gets_its_own_answer(local_url: str) -> None:
    seen = set()
    async with Conversation(written(local_url), {}) as talk:
        with pytest.raises(ConfigError, match="32000 characters"):
            await talk.say("x" * 32_001)
        with pytest.raises(ConfigError, match="needs words"):
            await talk.say("  ")
        await talk.say("What is five plus four?")
        async for happening in talk.events():
            seen.add((happening.dir, happening.event["type"]))
            if happening.event["type"] == "response.done":
                break
        first, second = await asyncio.gather(talk.say("What is five plus four?"), talk.say("What is two times six?"))
    assert {("in", "session.created"), ("out", "response.create"), ("local", "text.entered")} <= seen
    assert "9" in first.text or "nine" in first.text
    assert "12" in second.text or "twelve" in second.text


async def test_a_service_that_is_not_there_is_an_error_with_the_next_step() -> None:
    settings = Settings(provider="custom", base_url="http://127.0.0.1:9/v1", mic="none", speaker="none")
    with pytest.raises(SignallingError, match="nothing listens") as caught:
        async with Conversation(settings, {}):
            pass
    assert caught.value.hint


def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"{city}: 17 degrees"


async def test_a_programs_own_functions_are_tools_that_its_callback_allows(local_url: str) -> None:
    asked: list[ToolAsk] = []

    async def approve(call: ToolAsk) -> bool:
        asked.append(call)
        return len(asked) == 1

    async with Conversation(written(local_url), {}, tools=[get_weather], approve=approve) as talk:
        answer = await talk.say("What is the weather in Paris?")
        assert "17 degrees" in answer.text
        refused = await talk.say("What is the weather in Rome?")
        assert "did not allow" in refused.text
    assert (asked[0].name, asked[0].arguments) == ("get_weather", '{"city": "Paris"}')


async def test_without_a_callback_nothing_runs(local_url: str) -> None:
    async with Conversation(written(local_url), {}, tools=[get_weather]) as talk:
        assert "did not allow" in (await talk.say("What is the weather in Paris?")).text


async def test_say_while_another_answer_sounds_returns_the_answer_to_its_own_message(local_url: str) -> None:
    async with Conversation(spoken(local_url, greet="Say hello."), {}) as talk:
        await until(talk, "assistant.audible")
        answer = await talk.say("What is five plus four?")
        greeting = next(turn.text for turn in talk.transcript() if turn.who == "assistant")
    assert ("9" in answer.text or "nine" in answer.text) and answer.text != greeting


async def test_say_whose_answer_is_stopped_before_it_begins_raises_with_the_next_step(local_url: str) -> None:
    async with Conversation(spoken(local_url, greet="Say hello."), {}) as talk:
        await until(talk, "assistant.audible")
        asked = asyncio.create_task(talk.say("What is five plus four?"))
        await until(talk, "text.entered")
        talk.stop()
        with pytest.raises(RemoteProtocolError, match="got no answer") as caught:
            await asked
    assert caught.value.hint


async def test_the_budget_of_the_settings_stops_a_talk_without_a_screen(local_url: str) -> None:
    settings = replace(
        spoken(local_url), output="text", given=frozenset({"output", "model"}), budget=0.001, model="x",
        prices={"x": {"text_in": 1e5, "text_out": 1e5}},
    )  # fmt: skip
    async with Conversation(settings, {}) as talk:
        await talk.say("What is five plus four?")
        with pytest.raises(ConfigError, match=r"the budget of \$0.0010 is spent"):
            await talk.say("What is two times six?")
        assert talk.view().spent_budget == 0.001
        talk.go_on()
        await talk.say("What is one plus one?")


async def test_invalid_prices_are_refused_before_connecting() -> None:
    with pytest.raises(ConfigError, match=r"prices: .*text_inn"):
        async with Conversation(Settings(mic="none", speaker="none", prices={"x": {"text_inn": 1.0}}), {}):
            raise AssertionError
