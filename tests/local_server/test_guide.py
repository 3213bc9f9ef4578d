"""Talks of several turns with the built-in guide: what it remembers, starts, plays and calls."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from tests.local_server.guide_talk import NOON, Talk
from voicechat.local_server.brain.base import (
    CallTool,
    FunctionTool,
    Say,
    SessionFacts,
    StartTimer,
    StopTimers,
    ToolOutput,
    Turn,
)
from voicechat.local_server.brain.skills.small_talk import JOKES

WEATHER = FunctionTool(
    "get_weather",
    "Get the current weather in a city",
    {
        "type": "object",
        "properties": {"location": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
        "required": ["location"],
    },
)
LIGHT = FunctionTool(
    "set_light",
    "Switch a light in the house on or off",
    {
        "type": "object",
        "properties": {
            "room": {"type": "string", "enum": ["kitchen", "bedroom"]},
            "on": {"type": "boolean"},
            "brightness": {"type": "integer"},
        },
        "required": ["room", "on"],
    },
)
SEARCH = FunctionTool(
    "search_documents",
    "Find documents about a topic",
    {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
)


def with_tools(*tools: FunctionTool, choice: str = "auto") -> Talk:
    return Talk(turn=Turn("", NOON, tools=tools, tool_choice=choice))


async def test_a_timer_starts_counts_down_and_is_cancelled() -> None:
    talk = Talk()
    assert await talk.outputs("set a pasta timer for eight minutes") == [
        StartTimer(480.0, "pasta"),
        Say("OK, I started a pasta timer for 8 minutes. I will ring."),
    ]
    assert "pasta timer has 6 minutes and 30 seconds left" in await talk.ask("How much time is left?  timer", after=90)
    assert await talk.outputs("cancel the timer") == [StopTimers(), Say("I cancelled the timer.")]
    assert await talk.ask("how long is left on my timer") == "No timer is running."


async def test_a_timer_that_rang_is_no_longer_listed() -> None:
    talk = Talk()
    await talk.ask("set a timer for one minute")
    await talk.ask("set a timer for one hour")
    assert (
        await talk.ask("which timers are running", after=61) == "The 1 hour timer has 58 minutes and 59 seconds left."
    )


async def test_a_timer_without_a_length_asks_and_takes_the_answer() -> None:
    talk = Talk()
    assert "For how long" in await talk.ask("set a timer please")
    assert (await talk.outputs("ten"))[0] == StartTimer(600.0, "10 minute")
    talk = Talk()
    await talk.ask("start a timer")
    assert "84" in await talk.ask("what is twelve times seven")
    talk = Talk()
    await talk.ask("start a timer")
    assert (await talk.outputs("thirty seconds"))[0] == StartTimer(30.0, "30 second")


async def test_a_reminder_says_what_it_was_for() -> None:
    (timer, _) = await Talk().outputs("Remind me in ten minutes to call my mother.")
    assert isinstance(timer, StartTimer) and timer.seconds == 600
    assert "call your mother" in timer.ring_text
    (timer, _) = await Talk().outputs("set a timer for five minutes")
    assert isinstance(timer, StartTimer) and "5 minute timer" in timer.ring_text


@pytest.mark.parametrize("wish", ["set a timer for zero seconds", "timer for 48 hours", "set a timer for 0 minutes"])
async def test_impossible_timers_are_refused_with_the_limits(wish: str) -> None:
    assert await Talk().outputs(wish) == [Say("A timer can run from one second to 24 hours.")]


async def test_a_note_is_told_when_one_asks_for_what_it_is_about() -> None:
    talk = Talk()
    await talk.ask("Remember that my cat is called Momo.")
    await talk.ask("Remember that my car is red.")
    assert "cat is called Momo" in await talk.ask("What is my cat called?")
    assert "car is red" in await talk.ask("What colour is my car?")


async def test_a_session_that_goes_on_from_another_one_knows_what_was_to_be_remembered() -> None:
    again = Talk()
    again.history = [
        ("user", "Remember that my cat is called Momo."),
        ("assistant", "Noted."),
        ("user", "My name is Ada."),
    ]
    assert "Momo" in await again.ask("What is my cat called?")
    assert "Ada" in await again.ask("What is my name?")


async def test_the_name_is_remembered_in_the_session_and_in_no_other() -> None:
    talk = Talk()
    await talk.ask("Hi, my name is Anna.")
    await talk.ask("tell me a joke")
    assert await talk.ask("What's my name?") == "Your name is Anna."
    assert "Anna" in await talk.ask("hello")
    assert "not told me" in await Talk().ask("What's my name?")
    await talk.ask("forget my name")
    assert "not told me" in await talk.ask("What's my name?")


async def test_notes_are_read_back_from_the_listeners_side() -> None:
    talk = Talk()
    await talk.ask("Remember that my car is parked on level four.")
    await talk.ask("take a note: buy milk")
    answer = await talk.ask("what did I ask you to remember?")
    assert "2 things" in answer and "Your car is parked on level four." in answer and "Buy milk." in answer


async def test_the_guessing_game_is_played_to_its_end() -> None:
    talk = Talk()
    await talk.ask("let's play a guessing game")
    low, high = 1, 100
    for _ in range(7):
        guess = (low + high) // 2
        answer = await talk.ask(f"Is it {guess}?")
        if "too low" in answer:
            low = guess + 1
        elif "too high" in answer:
            high = guess - 1
        else:
            assert "is right" in answer and "guess" in answer
            break
    else:
        pytest.fail("seven guesses are always enough")
    assert "no answer" in await talk.ask("fifty")


async def test_the_game_does_not_stand_in_the_way_and_can_be_given_up() -> None:
    talk = Talk()
    await talk.ask("play a game")
    assert "84" in await talk.ask("what is twelve times seven")
    assert "3:07 PM" in await talk.ask("what time is it")
    assert "The number was" in await talk.ask("I give up")
    assert "fair" not in await talk.ask("stop")


async def test_jokes_are_not_repeated_before_all_are_told() -> None:
    talk = Talk()
    told = {await talk.ask("another joke") for _ in JOKES}
    assert len(told) == len(JOKES)


async def test_a_long_story_gives_time_to_interrupt_and_can_be_continued() -> None:
    talk = Talk()
    story = [output.text for output in await talk.outputs("tell me a long story") if isinstance(output, Say)]
    assert len(story) > 10 and len(" ".join(story).split()) > 150
    talk.heard_only(f"{story[0]} {story[1]} {story[2][:20]}")
    assert await talk.ask("go on") == " ".join(story[2:])


async def test_talking_for_a_time_fills_it() -> None:
    words = len((await Talk().ask("talk for thirty seconds")).split())
    assert 75 < words < 120
    assert 140 < len((await Talk().ask("Can you talk for a minute?")).split()) < 200


async def test_counting_has_an_end() -> None:
    answer = await Talk().ask("count to one million")
    assert "200." in answer and "I stop here" in answer and len(answer) < 2000


async def test_say_that_again_repeats_the_last_answer() -> None:
    talk = Talk()
    assert await talk.ask("say that again") == "I have not said anything yet."
    first = await talk.ask("what is 2 plus 2")
    for wording in ("Say that again.", "repeat that please", "what did you say?", "Pardon?", "I didn't hear you"):
        assert await talk.ask(wording) == first


async def test_the_same_seed_tosses_the_same_coins_and_another_seed_others() -> None:
    tosses = {
        seed: [await Talk(seed).ask("flip ten coins"), await Talk(seed).ask("roll five dice")] for seed in range(6)
    }
    assert tosses[1] == [await Talk(1).ask("flip ten coins"), await Talk(1).ask("roll five dice")]
    assert len({str(toss) for toss in tosses.values()}) > 3


async def test_measured_facts_are_told_as_they_are() -> None:
    facts = SessionFacts(125.0, 3, 9.4, 2.13, 0.058, 0.66, 2, 1)
    talk = Talk(turn=Turn("", NOON, facts=facts))
    assert await talk.ask("how long did I speak") == (
        "Your last sentence took 2.1 seconds; you have spoken for 9.4 seconds in this session."
    )
    assert "58 milliseconds" in await talk.ask("how fast did you hear me")
    assert "660 milliseconds" in await talk.ask("how fast did you answer")
    assert "2 minutes and 5 seconds" in await talk.ask("how long have we been talking")
    assert "once" in await talk.ask("how often did I interrupt you")


@pytest.mark.parametrize(
    ("tool", "text", "arguments"),
    [
        (WEATHER, "What's the weather in Paris?", {"location": "Paris"}),
        (WEATHER, "tell me the weather for New York today", {"location": "New York"}),
        (WEATHER, "weather in Rome in celsius please", {"location": "Rome in celsius", "unit": "celsius"}),
        (LIGHT, "Switch on the light in the kitchen", {"room": "kitchen", "on": True}),
        (LIGHT, "turn the bedroom light off", {"room": "bedroom", "on": False}),
        (LIGHT, "kitchen light on at fifty percent", {"room": "kitchen", "on": True, "brightness": 50}),
        (SEARCH, "search documents about whales", {"query": "whales"}),
        (SEARCH, "search documents", {"query": "search documents"}),
    ],
)
async def test_a_function_of_the_client_is_called_with_what_was_said(
    tool: FunctionTool, text: str, arguments: dict[str, object]
) -> None:
    outputs = await with_tools(WEATHER, LIGHT, SEARCH).outputs(text)
    assert len(outputs) == 1 and isinstance(outputs[0], CallTool)
    called = json.loads(outputs[0].arguments)
    assert outputs[0].name == tool.name
    if tool is WEATHER:
        assert called["location"].startswith(str(arguments["location"]).split(" in ")[0])
    else:
        assert called == arguments


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        (
            "Use convert_time with source_timezone Asia/Tokyo, time 14:30 and target_timezone Europe/Berlin.",
            {"source_timezone": "Asia/Tokyo", "time": "14:30", "target_timezone": "Europe/Berlin"},
        ),
        (
            'Call convert_time, source timezone = "UTC", target timezone is Asia/Kolkata, time: 9:00',
            {"source_timezone": "UTC", "time": "9:00", "target_timezone": "Asia/Kolkata"},
        ),
    ],
)
async def test_arguments_may_be_said_by_their_names(text: str, arguments: dict[str, str]) -> None:
    properties = {name: {"type": "string"} for name in ("source_timezone", "time", "target_timezone")}
    tool = FunctionTool("convert_time", "", {"type": "object", "properties": properties, "required": [*properties]})
    (called,) = await with_tools(tool).outputs(text)
    assert isinstance(called, CallTool) and json.loads(called.arguments) == arguments


async def test_an_argument_that_was_not_said_is_asked_for_and_not_invented() -> None:
    (output,) = await with_tools(WEATHER).outputs("what's the weather like?")
    assert isinstance(output, Say) and "location" in output.text


async def test_functions_do_not_take_over_what_the_guide_can_do() -> None:
    talk = with_tools(WEATHER, LIGHT)
    assert "84" in await talk.ask("what is twelve times seven")
    assert "joke" not in await talk.ask("tell me a joke")
    assert "3:07" in await talk.ask("what time is it")


async def test_tool_choice_is_obeyed() -> None:
    assert isinstance((await with_tools(LIGHT, choice="none").outputs("turn the bedroom light off"))[0], Say)
    simple = FunctionTool("ping")
    assert await with_tools(simple, choice="required").outputs("hello") == [CallTool("ping", "{}")]
    assert await with_tools(LIGHT, simple, choice="ping").outputs("") == [CallTool("ping", "{}")]


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ('{"temperature": 21, "sky": "clear", "rain": false}', "temperature 21, sky clear, rain no"),
        ('["milk", "bread"]', "milk and bread"),
        ("It is sunny.", "It is sunny"),
        ("", "is done"),
        ("null", "is done"),
        ("[" * 5000, "Get weather"),
        ('{"a": {"b": {"c": {"d": {"e": 1}}}}, "f": 2}', "f 2"),
    ],
)
async def test_the_result_of_a_function_is_spoken(output: str, words: str) -> None:
    talk = with_tools(WEATHER)
    talk.turn = replace(talk.turn, tool_outputs=(ToolOutput("c1", "get_weather", "{}", output),))
    answer = await talk.ask("What's the weather in Paris?")
    assert words in answer and len(answer) < 800


@pytest.mark.parametrize(
    "parameters",
    [{}, {"properties": 5}, {"properties": {"a": 1}, "required": 7}, {"properties": {"x": {"enum": [1, None]}}}],
)
async def test_a_strange_schema_does_no_harm(parameters: dict[str, object]) -> None:
    assert await with_tools(FunctionTool("ping_home", "", parameters)).outputs("call ping home") == [
        CallTool("ping_home", "{}")
    ]


async def test_without_words_it_greets_or_says_what_the_instructions_quote() -> None:
    assert "Echo guide" in await Talk().ask("")
    talk = Talk(turn=Turn("", NOON, instructions='Please say "Welcome aboard" to the user.'))
    assert await talk.ask("") == "Welcome aboard"


async def test_the_long_explanation_of_what_it_cannot_do_comes_once() -> None:
    talk = Talk()
    first = await talk.ask("Who painted the ceiling?")
    second = await talk.ask("Who wrote that book?")
    assert "Ollama" in first and "Ollama" not in second and "I heard: Who wrote that book" in second


@given(
    st.text(max_size=200)
    | st.lists(
        st.sampled_from(
            "set a timer for five minutes what is twelve times seven one hundred and point divided by zero of the "
            "square root percent "
            "how many miles in count to random number between spell remember that my name is stop say "
            "( ) + - * / ^ % . 1e9 99999999999999999999 0 3:61".split()
        ),
        max_size=12,
    ).map(" ".join)
)
async def test_whatever_is_said_there_is_an_answer_and_never_an_exception(text: str) -> None:
    outputs = await Talk().outputs(text)
    assert outputs
    assert all(not isinstance(output, Say) or output.text.strip() for output in outputs)


async def test_a_pasted_book_is_answered_quickly_and_shortly() -> None:
    assert len(await Talk().ask("lorem ipsum, dolor sit amet; " * 20_000)) < 1000
