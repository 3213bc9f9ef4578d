"""Calls that really run on threads: whatever a tool does, the model gets one answer, and the process goes on."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.each import each
from voicechat.core.effects import DropTools, RunTool
from voicechat.core.events import ToolFinished
from voicechat.tools.threads import LoopThread
from voicechat.tools.toolbox import LoadedFile, Runner, tools_of


class Bench:
    """A runner with some functions, and what it told."""

    def __init__(self, *functions: Callable[..., Any], at_once: int = 4, **rule: Any) -> None:
        self.told: asyncio.Queue[ToolFinished] = asyncio.Queue()
        self.runner = Runner(self.told.put_nowait, at_once)
        loaded = LoadedFile(__file__, functions, {"*": rule})
        self.runner.tools = {tool.name: tool for tool in tools_of(loaded, {}, (), LoopThread())}

    async def outcome(self, name: str, arguments: object = None) -> ToolFinished:
        """What one call came to."""
        text = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
        self.runner.perform(RunTool("c1", name, text))
        return await asyncio.wait_for(self.told.get(), 10)


def add(first: int, second: int = 1) -> int:
    return first + second


async def later(first: int) -> int:
    await asyncio.sleep(0)
    return first


async def test_results_are_json_and_texts_are_themselves() -> None:
    @dataclasses.dataclass
    class Place:
        city: str

    def place() -> Place:
        return Place("東京")

    def word() -> str:
        return "just words \ud800"

    def nothing() -> None: ...

    bench = Bench(add, later, place, word, nothing)
    assert await bench.outcome("add", {"first": 2}) == ToolFinished("c1", "3")
    assert await bench.outcome("later", {"first": 5}) == ToolFinished("c1", "5")
    assert (await bench.outcome("place")).output == '{"city": "東京"}'
    assert (await bench.outcome("word")).output == "just words ?"
    assert (await bench.outcome("nothing")).output == "null"


@each(
    ("arguments", "why"),
    [
        ('{"first": 1', "no valid JSON"),
        ("[1]", "must be a JSON object"),
        ('{"second": 1}', "'first' is a required property"),
        ('{"first": "one"}', "first: 'one' is not of type 'integer'"),
        ('{"first": 1, "third": 3}', "'third' was unexpected"),
        ("[" * 100_000, "JSON"),
        ('{"first": ' + "1" * 300_000 + "}", "longer than"),
    ],
)
async def test_wrong_arguments_come_back_in_words_the_model_can_mend_them_by(arguments: str, why: str) -> None:
    outcome = await Bench(add).outcome("add", arguments)
    assert why in json.loads(outcome.output)["error"]
    assert outcome.failed


async def test_a_schema_may_not_make_us_fetch_anything() -> None:
    bench = Bench(add)
    bad = dataclasses.replace(bench.runner.tools["add"], parameters={"$ref": "http://127.0.0.1:9/schema.json"})
    bench.runner.tools = {"add": bad}
    assert "Unresolvable" in (await bench.outcome("add", {"first": 1})).failed


async def test_whatever_a_tool_raises_is_told_with_the_line_of_its_file(capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> None:
        raise KeyError("no such city")

    def leaves() -> None:
        raise SystemExit("goodbye")

    def interrupts() -> None:
        raise KeyboardInterrupt

    async def cancels() -> None:
        raise asyncio.CancelledError

    async def leaves_later() -> None:
        raise SystemExit(3)

    def deep() -> None:
        deep()

    bench = Bench(broken, leaves, interrupts, cancels, leaves_later, deep)
    for name, why in (
        ("broken", "KeyError: 'no such city'"),
        ("leaves", "SystemExit: goodbye"),
        ("interrupts", "KeyboardInterrupt"),
        ("leaves_later", "SystemExit: 3"),
        ("deep", "RecursionError"),
    ):
        outcome = await bench.outcome(name)
        assert why in json.loads(outcome.output)["error"], name
        assert "test_runner.py, line" in outcome.failed
    assert (await bench.outcome("no_such")).failed == "there is no such tool"
    assert "KeyError" in capsys.readouterr().err


async def test_results_too_long_are_cut_and_those_nobody_can_write_down_are_told() -> None:
    def thing() -> object:
        return object()

    def circle() -> list[Any]:
        mine: list[Any] = []
        mine.append(mine)
        return mine

    def stream() -> Any:
        yield 1

    def much() -> str:
        return "x" * 1000

    bench = Bench(thing, circle, stream, much, largest=100)
    assert (await bench.outcome("much")).output == "x" * 100 + "\n[cut: 900 of 1000 characters left out]"
    assert "object cannot be written as JSON" in (await bench.outcome("thing")).failed
    assert (await bench.outcome("circle")).failed
    assert "generator cannot be written as JSON" in (await bench.outcome("stream")).failed


async def test_a_tool_that_hangs_is_given_up_and_the_next_one_runs() -> None:
    release = threading.Event()

    def hangs() -> None:
        release.wait(30)

    async def hangs_too() -> None:
        await asyncio.sleep(30)

    async def blocks_its_loop() -> None:
        release.wait(30)

    bench = Bench(hangs, hangs_too, blocks_its_loop, add, later, time_limit=0.2)
    for name in ("hangs", "hangs_too", "blocks_its_loop"):
        outcome = await bench.outcome(name)
        assert outcome.failed == "no result within 0.2 s", name
        assert "did not end within 0.2 s" in outcome.output
        assert (await bench.outcome("later", {"first": 1})).output == "1"
    assert (await bench.outcome("add", {"first": 1})).output == "2"
    release.set()


async def test_calls_run_side_by_side_up_to_a_limit() -> None:
    running, most, lock = 0, 0, threading.Lock()
    barrier = threading.Barrier(2)

    def work() -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        barrier.wait(5)
        with lock:
            running -= 1
        return 1

    bench = Bench(work, at_once=2)
    for number in range(4):
        bench.runner.perform(RunTool(f"c{number}", "work", "{}"))
    outcomes = [await asyncio.wait_for(bench.told.get(), 10) for _ in range(4)]
    assert {one.call_id for one in outcomes} == {"c0", "c1", "c2", "c3"}
    assert [one.failed for one in outcomes] == [""] * 4
    assert most == 2


async def test_dropped_calls_are_never_told() -> None:
    release = threading.Event()

    def hangs() -> None:
        release.wait(30)

    bench = Bench(hangs, add)
    bench.runner.perform(RunTool("old", "hangs", "{}"))
    await asyncio.sleep(0)
    bench.runner.perform(DropTools())
    outcome = await bench.outcome("add", {"first": 1})
    assert (outcome.call_id, outcome.output) == ("c1", "2")
    release.set()
    await bench.runner.close()
    assert bench.told.empty()
