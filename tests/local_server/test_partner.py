"""The practice partner: acts on what it surely understood, and on nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.local_server.practice_sentences import HALF_HEARD, MUST, NEGATIONS, NEVER, NOON, QUESTIONS, TOOLS, said
from tests.support.each import each
from voicechat.local_server.brain import CallTool, FunctionTool, Role, Say, ToolOutput, Turn
from voicechat.local_server.brain.partner import HOW_TO_THINK, STORY, answer_to


def turn(text: str, *tools: FunctionTool, **more: Any) -> Turn:
    return Turn(text, NOON, tools=tools, **more)


def act_of(text: str, tools: tuple[FunctionTool, ...] = TOOLS) -> str:
    """What is done upon these words; empty for telling what was heard or asking for what is missing."""
    outputs = answer_to(turn(text, *tools))
    if not outputs:
        return "quiet"
    first, words = outputs[0], said(outputs)
    if isinstance(first, CallTool):
        return f"{first.name} {first.arguments}"
    if words.startswith("I heard: ") or (words.startswith("I could use ") and "it needs the" in words):
        return ""
    if first.text == STORY[0]:
        return "story"
    if "Try: " in words:
        return "who"
    if "ollama run" in words:
        return "model"
    if "I am Echo" in words:
        return "greet"
    return f"say: {words}"


def is_act(act: str, wanted: str) -> bool:
    kind, _, value = wanted.partition(": ")
    if kind in ("say", "time"):
        return act.startswith("say: ") and value.lower() in act.lower()
    return act == wanted


@each(
    ("text", "wanted"),
    [
        ("Hello, what can you do?", "who"),
        ("Hi there, tell me a story.", "story"),
        ("Hello there!", "greet"),
        ("Hello, do not tell me a story.", ""),
        ("What is five-plus for?", "say: 5 plus 4 is 9."),
        ("What is five plus to be?", ""),
    ],
)
def test_a_greeting_or_a_misheard_number_does_not_hide_a_request(text: str, wanted: str) -> None:
    assert act_of(text, ()) == wanted


@each("text", NEVER)
def test_a_negation_a_question_or_a_half_heard_command_does_nothing(text: str) -> None:
    assert act_of(text) == ""
    assert act_of(text, ()) == ""


def test_there_are_two_hundred_sentences_that_must_do_nothing_and_forty_that_must() -> None:
    assert len(set(NEVER)) >= 200 and all(kind.strip() for kind in (NEGATIONS, QUESTIONS, HALF_HEARD))
    assert sum(len(wordings.split("|")) for wordings in MUST.values()) >= 40


POSITIVE = [(" ".join(text.split()), wanted) for wanted, texts in MUST.items() for text in texts.split("|")]


@each(("text", "wanted"), POSITIVE, ids=[text for text, _ in POSITIVE])
def test_what_was_surely_understood_is_done(text: str, wanted: str) -> None:
    assert is_act(act_of(text), wanted), act_of(text)


@each("text", [text for text, wanted in POSITIVE if wanted[0] not in "tsqgwm"])
def test_a_function_that_was_not_offered_is_never_called(text: str) -> None:
    assert act_of(text, ()) == ""


@each(
    ("text", "answer"),
    [
        ("What is 2.5 plus 3?", "5.5"),
        ("two plus three times four", "14"),
        ("What is 7 squared?", "49"),
        ("two to the power of ten", "1024"),
        ("the square root of two", "about 1.4142"),
        ("minus five plus three", "minus 2"),
        ("subtract twenty from one hundred and five", "85"),
        ("half of 30", "15"),
        ("What is ten divided by zero?", "Nothing can be divided by zero"),
        ("2 to the power of 1000000", "too large"),
        ("100 / 8", "12.5"),
    ],
)
def test_simple_sums_are_worked_out(text: str, answer: str) -> None:
    assert answer in said(answer_to(turn(text)))


def test_told_to_stop_it_says_nothing_and_a_typed_stop_is_acknowledged() -> None:
    assert answer_to(turn("Stop!")) == ()
    assert answer_to(turn("Stop!", by_voice=False)) == (Say("OK."),)


def test_a_story_that_was_cut_goes_on_where_it_was_not_heard() -> None:
    told: tuple[tuple[Role, str], ...] = (("user", "Tell me a story."), ("assistant", " ".join(STORY[:3]) + " Others"))
    assert answer_to(turn("Go on.", history=told)) == tuple(Say(sentence) for sentence in STORY[3:])
    assert "nothing to go on" in said(answer_to(turn("Go on.")))


def test_it_says_again_what_it_said_and_what_it_heard() -> None:
    past: tuple[tuple[Role, str], ...] = (("user", "My name is Otto."), ("assistant", "I heard that."))
    assert said(answer_to(turn("Say that again.", history=past))) == "I heard that."
    assert said(answer_to(turn("What did I say?", history=past))) == "You said: My name is Otto."
    assert said(answer_to(turn("Repeat that.", history=()))) == "I have not said anything yet."


@each(
    ("instructions", "words"),
    [
        ('Please say "Welcome aboard" to the user.', "Welcome aboard"),
        ('Repeat the following text: "Hold the line."', "Hold the line."),
        ("Repeat the following text exactly: Hold the line.", "Hold the line."),
        ('Never say "as an AI". Do not read "hello" aloud.', "Good afternoon! I am Echo"),
        ("You are a friendly assistant.", "Good afternoon! I am Echo"),
    ],
)
def test_without_words_it_says_what_the_instructions_want_said_or_greets(instructions: str, words: str) -> None:
    assert said(answer_to(turn("", instructions=instructions))).startswith(words)


def test_the_command_for_a_thinking_model_is_told_once_and_whenever_asked_for() -> None:
    first = answer_to(turn("Who painted the ceiling?"))
    assert first[-1] == Say(HOW_TO_THINK) and "ollama run llama3.2" in HOW_TO_THINK
    past: tuple[tuple[Role, str], ...] = (("user", "Who painted the ceiling?"), ("assistant", said(first)))
    assert "ollama" not in said(answer_to(turn("Who wrote that book?", history=past)))
    models = said(answer_to(turn("How do I use Ollama?")))
    for command in ("ollama run llama3.2", "lms server start", "llama-server -hf", "vllm serve", "--brain-url"):
        assert command in models


PREFIXED = ("get_weather", "functions.get_weather", "mcp__home__get_weather", "WeatherPlugin-get_weather", "getWeather")


@each("name", PREFIXED)
def test_a_function_is_called_by_its_words_whatever_prefix_its_name_has(name: str) -> None:
    tool = replace(TOOLS[0], name=name)
    assert act_of("What is the weather in Paris?", (tool,)) == f'{name} {{"city": "Paris"}}'


@each(
    "text",
    [
        "Use convert_time with source_timezone Asia/Tokyo, time 14:30 and target_timezone Europe/Berlin.",
        'Call convert_time, source timezone = "Asia/Tokyo", target timezone is Europe/Berlin, time: 14:30',
    ],
)
def test_arguments_may_be_said_by_their_names(text: str) -> None:
    names = ("source_timezone", "time", "target_timezone")
    properties = {name: {"type": "string"} for name in names}
    tool = FunctionTool("convert_time", "", {"properties": properties, "required": list(names)})
    (called,) = answer_to(turn(text, tool))
    assert isinstance(called, CallTool)
    assert json.loads(called.arguments) == dict(zip(names, ("Asia/Tokyo", "14:30", "Europe/Berlin"), strict=True))


def test_an_argument_called_second_is_a_place_and_not_a_time() -> None:
    number = {"type": "integer"}
    add = FunctionTool("add", "", {"properties": {"first": number, "second": number}, "required": ["first", "second"]})
    assert act_of("Call add with 20 and 22", (add,)) == 'add {"first": 20, "second": 22}'


@each(("text", "missing"), [("What is the weather?", "city"), ("Set a timer.", "minutes"), ("Call add with 20", "b")])
def test_an_argument_that_was_not_said_is_asked_for_and_not_invented(text: str, missing: str) -> None:
    assert f"needs the {missing}" in said(answer_to(turn(text, *TOOLS)))


def test_tool_choice_is_obeyed() -> None:
    ping = FunctionTool("ping")
    assert act_of("Lock the door.") == "lock_door {}"
    assert answer_to(turn("Lock the door.", *TOOLS, tool_choice="none"))[0] == Say("I heard: Lock the door.")
    assert answer_to(turn("hello", ping, tool_choice="required")) == (CallTool("ping", "{}"),)
    assert answer_to(turn("", *TOOLS, ping, tool_choice="ping")) == (CallTool("ping", "{}"),)


@each(
    ("output", "words"),
    [
        ('{"temperature": 21, "sky": "clear", "rain": false}', "temperature 21, sky clear, rain no"),
        ('["milk", "bread"]', "milk and bread"),
        ("It is sunny.", "It is sunny"),
        ("null", "is done"),
        ("[" * 5000, "Get weather"),
        ('{"a": {"b": {"c": {"d": {"e": 1}}}}, "f": 2}', "f 2"),
    ],
)
def test_the_result_of_a_function_is_spoken(output: str, words: str) -> None:
    outputs = (ToolOutput("c1", "get_weather", "{}", output),)
    answer = said(answer_to(turn("What is the weather in Paris?", tool_outputs=outputs)))
    assert words in answer and len(answer) < 800


@each(
    "parameters",
    [{}, {"properties": 5}, {"properties": {"a": 1}, "required": 7}, {"properties": {"x": {"enum": [1, None]}}}],
)
def test_a_strange_schema_does_no_harm(parameters: dict[str, object]) -> None:
    assert act_of("call ping home", (FunctionTool("ping_home", "", parameters),)) == "ping_home {}"


@given(
    st.text(max_size=200)
    | st.lists(
        st.sampled_from(
            "set a timer for five minutes what is twelve times seven one hundred and point divided by zero of the "
            "square root percent repeat after me lock door add weather in stop say call "
            "( ) + - * / ^ % . √ 1e9 99999999999999999999 0 3:61".split()
        ),
        max_size=12,
    ).map(" ".join)
)
def test_whatever_is_typed_there_is_an_answer_and_never_an_exception(text: str) -> None:
    outputs = answer_to(turn(text, *TOOLS, by_voice=False))
    assert outputs and all(not isinstance(output, Say) or output.text.strip() for output in outputs)


def test_a_pasted_book_is_answered_quickly_and_shortly() -> None:
    assert len(said(answer_to(turn("lorem ipsum, dolor sit amet; " * 20_000)))) < 1000


@pytest.mark.parametrize(("number", "words"), [(Fraction(1, 3), "one divided by three"), (Fraction(84), "7 times 12")])
def test_the_answer_tells_the_sum_that_was_understood(number: Fraction, words: str) -> None:
    assert said(answer_to(turn(f"What is {words}?"))).split(" is ")[0] in ("1 divided by 3", "7 times 12")
