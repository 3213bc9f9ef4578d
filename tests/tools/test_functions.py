"""A file of tools: its public functions, its rules, and every mistake in it told with its line before a call."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from voicechat.errors import ConfigError
from voicechat.tools import toolbox
from voicechat.tools.policy import Rule, rule_for
from voicechat.tools.threads import LoopThread
from voicechat.tools.tool import Tool
from voicechat.tools.toolbox import load_file, tools_of

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
