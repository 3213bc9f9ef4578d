"""Everything the model may call, gathered: files, a program's functions, MCP servers here and at the service."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.each import each
from voicechat.config.settings import Settings
from voicechat.core.effects import DropTools, RunTool
from voicechat.core.events import Event, ToolFinished, ToolOffer, ToolsNoted, ToolsOffered
from voicechat.errors import ConfigError
from voicechat.tools import toolbox
from voicechat.tools.policy import Rule, rule_for
from voicechat.tools.threads import LoopThread
from voicechat.tools.tool import Tool
from voicechat.tools.toolbox import LoadedFile, Runner, Toolbox, load_file, tools_of

SERVER = Path(__file__).parent.parent / "tools" / "mcp_server.py"
LOCAL = {"command": [sys.executable, str(SERVER)], "approval": "always"}
REMOTE = {"url": "https://docs.example.com/mcp", "authorization_env": "DOCS_TOKEN", "allowed_tools": ["search"]}
FILE = '''
VOICECHAT = {"burn": {"approval": "never"}}
def add(first: int, second: int) -> int:
    """Add here."""
    return first + second
def burn() -> None: ...
'''


class Desk:
    """A toolbox and what it told."""

    def __init__(self, settings: Settings, environ: dict[str, str] | None = None, **more: Any) -> None:
        self.told: asyncio.Queue[Event] = asyncio.Queue()
        self.box = Toolbox(settings, environ or {}, self.told.put_nowait, **more)

    async def next(self, kind: type[Any]) -> Any:
        """The next event of this kind."""
        async with asyncio.timeout(20):
            while not isinstance(event := await self.told.get(), kind):
                continue
        return event


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A file of tools."""
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    return str(path)


async def test_without_tools_nothing_is_told_at_all() -> None:
    desk = Desk(Settings())
    await desk.box.load()
    assert desk.told.empty()
    await desk.box.close()


async def test_a_file_is_offered_before_anybody_is_called_without_what_is_never_to_run(file: str) -> None:
    desk = Desk(Settings(tools=(file,), allow_tools=("add",)))
    await desk.box.load()
    offered = desk.told.get_nowait()
    assert isinstance(offered, ToolsOffered)
    assert offered.offers == (ToolOffer("add", "always"), ToolOffer("burn", "never"))
    assert [one["name"] for one in offered.definitions] == ["add"]
    desk.box.perform(RunTool("c1", "add", '{"first": 2, "second": 3}'))
    assert await desk.next(ToolFinished) == ToolFinished("c1", "5")
    await desk.box.close()


async def test_two_tools_of_one_name_are_told(file: str) -> None:
    def add(first: int) -> int:
        return first

    with pytest.raises(ConfigError, match="both have add"):
        await Desk(Settings(tools=(file,)), functions=(add,)).box.load()


async def test_a_local_server_joins_a_running_talk_and_a_taken_name_gets_a_prefix(file: str) -> None:
    desk = Desk(Settings(tools=(file,), mcp={"sums": LOCAL}))
    await desk.box.load()
    assert len((await desk.next(ToolsOffered)).definitions) == 1
    offered = await desk.next(ToolsOffered)
    names = [one["name"] for one in offered.definitions]
    assert names[:2] == ["add", "sums_add"]
    assert ToolOffer("sums_add", "always") in offered.offers
    assert (await desk.next(ToolsNoted)).text.startswith("MCP server sums is here: sums_add, shout")
    desk.box.perform(RunTool("c1", "sums_add", '{"first": 2, "second": 40}'))
    assert (await desk.next(ToolFinished)).output == "42"
    desk.box.perform(RunTool("c2", "sums_add", '{"first": 2}'))
    assert "'second' is a required property" in (await desk.next(ToolFinished)).output
    desk.box.perform(RunTool("c3", "die", "{}"))
    assert (await desk.next(ToolFinished)).failed
    assert "answer with an error" in (await desk.next(ToolsNoted)).text
    await desk.box.close()


async def test_a_server_that_does_not_come_up_is_told_and_the_talk_goes_on() -> None:
    desk = Desk(Settings(mcp={"gone": {"command": ["/nowhere/server"]}}))
    await desk.box.load()
    noted = await desk.next(ToolsNoted)
    assert (noted.level, "The talk goes on without its tools." in noted.text) == ("warning", True)
    await desk.box.close()


async def test_a_remote_server_is_offered_and_its_token_is_seen_by_the_line_alone() -> None:
    desk = Desk(Settings(mcp={"docs": REMOTE}), {"DOCS_TOKEN": 'tok"en-123456'})
    await desk.box.load()
    (definition,) = (await desk.next(ToolsOffered)).definitions
    assert definition["server_label"] == "docs"
    assert definition["require_approval"] == "always"
    assert definition["allowed_tools"] == ["search"]
    session = {"type": "realtime", "tools": [definition]}
    assert "tok" not in json.dumps(session)
    assert "tok" not in repr(desk.box.placeholders)
    assert desk.box.placeholders.revealed_session(session)["tools"][0]["authorization"] == 'tok"en-123456'
    event = json.dumps({"type": "session.update", "session": session})
    revealed = json.loads(desk.box.placeholders.revealed(event))
    assert revealed["session"]["tools"][0]["authorization"] == 'tok"en-123456'
    assert desk.box.placeholders.secrets == ('tok"en-123456',)


async def test_a_token_that_is_not_set_and_a_missing_package_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="DOCS_TOKEN is not set"):
        await Desk(Settings(mcp={"docs": REMOTE})).box.load()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="need the extra `mcp`") as caught:
        await Desk(Settings(mcp={"sums": LOCAL})).box.load()
    assert ".[mcp]" in caught.value.hint


@each(
    ("entry", "why"),
    [
        ({}, "needs either command"),
        ({"command": ["x"], "url": "https://x"}, "needs either command"),
        ({"command": []}, "command is empty"),
        ({"command": "python server.py"}, "must be a list of texts"),
        ({"command": ["x"], "time_limt": 3}, "did you mean time_limit"),
        ({"command": ["x"], "approval": "maybe"}, "approval cannot be"),
        ({"url": "docs.example.com"}, "is no address"),
        ({"url": "https://me:word@docs.example.com"}, "holds a password"),
        ({"url": "http://docs.example.com", "authorization_env": "X"}, "unencrypted"),
        ({"url": "https://x.example", "require_approval": "ask"}, "always or never"),
    ],
)
def test_an_unfit_entry_says_what_is_wrong(entry: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        Toolbox(Settings(mcp={"docs": entry}), {}, lambda event: None)


# A file of tools: its public functions, its rules, and every mistake in it told with its line before a call


GOOD = '''
"""Mine."""
import json
from dataclasses import dataclass
from os.path import join

VOICECHAT = {"look": {"approval": "always", "time_limit": 3}, "*": {"largest": 500}}

@dataclass
class Place:
    city: str

def look(place: Place) -> str:
    """Look there."""
    return place.city

async def wait(seconds: float = 0.0) -> None:
    """Wait."""

def _hidden() -> None: ...
'''


def written(tmp_path: Path, text: str, name: str = "mine.py") -> Path:
    """A file with this text."""
    path = tmp_path / name
    path.write_text(text)
    return path


async def tools(path: Path, allowed: tuple[str, ...] = ()) -> dict[str, Tool]:
    """Its tools by name."""
    loop = LoopThread()
    return {tool.name: tool for tool in tools_of(await load_file(path), {}, allowed, loop)}


async def test_public_functions_are_tools_and_nothing_else(tmp_path: Path) -> None:
    made = await tools(written(tmp_path, GOOD))
    assert list(made) == ["look", "wait"]
    assert made["look"].definition["type"] == "function"
    assert made["look"].definition["description"] == "Look there."
    assert made["look"].rule == Rule("always", 3, 500)
    assert made["wait"].rule == Rule("ask", 10.0, 500)
    assert await made["look"].invoke({"place": {"city": "Paris"}}) == "Paris"


async def test_all_names_what_is_offered_and_a_file_may_import_its_neighbour(tmp_path: Path) -> None:
    made = await tools(written(tmp_path, "__all__ = ['b']\ndef a() -> None: ...\ndef b() -> None: ...\n"))
    assert list(made) == ["b"]
    written(tmp_path, "ANSWER = 42\n", "neighbour_of_mine.py")
    text = "from neighbour_of_mine import ANSWER\ndef ask() -> int:\n    return ANSWER\n"
    made = await tools(written(tmp_path, text))
    assert await made["ask"].invoke({}) == 42


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("def x(:\n", r"mine.py, line 1: SyntaxError"),
        ("import json\nx = 1 / 0\n", r"mine.py, line 2: ZeroDivisionError: division by zero"),
        ("\n\nraise SystemExit(3)\n", r"mine.py, line 3: SystemExit: 3"),
        ("import no_such_module_here\n", "line 1: ModuleNotFoundError"),
        ("x = 1\n", "no public function"),
        ("\ndef look(x: complex) -> None: ...\n", "mine.py, line 2: look cannot be offered: parameter x"),
        ("def größe() -> None: ...\n", "no name for a tool"),
        ("VOICECHAT = {'lok': {}}\ndef look() -> None: ...\n", "names 'lok', which is no tool"),
        ("VOICECHAT = {'look': {'aproval': 'always'}}\ndef look() -> None: ...\n", "did you mean approval"),
        ("VOICECHAT = {'look': {'approval': 'yes'}}\ndef look() -> None: ...\n", "approval cannot be 'yes'"),
        ("VOICECHAT = {'look': {'time_limit': 0}}\ndef look() -> None: ...\n", "time_limit must be a number"),
    ],
)
async def test_a_mistake_in_the_file_is_told_with_its_line(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        await tools(written(tmp_path, text))


async def test_a_file_that_is_not_there_and_one_that_never_ends_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="there is no file"):
        await load_file(tmp_path / "none.py")
    monkeypatch.setattr(toolbox, "LOAD_LIMIT", 0.2)
    with pytest.raises(ConfigError, match="took more than"):
        await load_file(written(tmp_path, "import threading\nthreading.Event().wait(20)\n"))


async def test_asynchronous_functions_share_a_loop_so_that_what_they_keep_stays_usable(tmp_path: Path) -> None:
    text = "import asyncio\nlock = asyncio.Lock()\nasync def go() -> int:\n"
    text += "    async with lock:\n        return id(asyncio.get_running_loop())\n"
    made = await tools(written(tmp_path, text))
    first, second = await made["go"].invoke({}), await made["go"].invoke({})
    assert first == second != id(asyncio.get_running_loop())


def test_the_nearer_rule_wins_and_never_stays_never_unless_it_is_named() -> None:
    own = {"*": {"approval": "always"}, "burn": {"approval": "never"}}
    assert rule_for("look", own, {}).approval == "always"
    assert rule_for("look", own, {"*": {"approval": "ask"}}).approval == "ask"
    assert rule_for("burn", own, {"*": {"approval": "ask"}}).approval == "never"
    assert rule_for("burn", own, {}, ("all",)).approval == "never"
    assert rule_for("burn", own, {}, ("burn",)).approval == "always"
    assert rule_for("look", {}, {}, ("all",)).approval == "always"


# Calls that really run on threads: whatever a tool does, the model gets one answer, and the process goes on


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
        assert "test_toolbox.py, line" in outcome.failed
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
