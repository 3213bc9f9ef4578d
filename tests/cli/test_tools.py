"""Tools from the command line to the real local server and back: allowed, refused, and local MCP servers."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest

from tests.support.command import environ_for, voicechat
from tests.support.terminal import Terminal
from voicechat.exit_codes import DONE, USAGE
from voicechat.local_server.speech import engine_is_missing

pytestmark = pytest.mark.skipif(bool(engine_is_missing()), reason="needs the extra `local`")
SILENT = ("--speaker", "none", "--output", "text", "--json")
MCP = Path(__file__).parent.parent / "tools" / "mcp_server.py"
FILE = '''
def get_weather(city: str) -> dict:
    """The weather of a city.

    Args:
        city: Its name.
    """
    print("this must not reach the link")
    return {"city": city, "temperature": 17}

async def lock_door() -> str:
    """Lock the door."""
    return "locked"

def broken_thing() -> str:
    """Always fails."""
    raise ValueError("out of order")
'''


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A file of tools."""
    path = tmp_path / "my_tools.py"
    path.write_text(FILE)
    return str(path)


async def test_an_allowed_tool_runs_and_its_result_is_in_the_answer(tmp_path: Path, local_url: str, file: str) -> None:
    flags = ("--tools", file, "--allow-tools", "get_weather", "--text", "What is the weather in Paris?")
    ran = await voicechat("run", *flags, *SILENT, "--base-url", local_url, environ=environ_for(tmp_path))
    assert ran.code == DONE, ran.err
    assert [who for who, _ in ran.said] == ["you", "tool", "assistant"]
    assert "temperature 17" in ran.said[2][1]
    assert "Paris" in ran.summary["transcript"][1]["detail"]
    names = [name for _, name in ran.events]
    assert names.index("tool.run") < names.index("tool.finished")
    assert names.count("response.create") == 2


async def test_what_was_not_allowed_is_refused_with_a_sentence(tmp_path: Path, local_url: str, file: str) -> None:
    flags = ("--tools", file, "--text", "Please lock the door")
    ran = await voicechat("run", *flags, *SILENT, "--base-url", local_url, environ=environ_for(tmp_path))
    assert ran.code == DONE, ran.err
    assert ("local", "tool.run") not in ran.events
    assert "did not allow" in ran.said[-1][1]
    assert ran.summary["problems"] == ["lock_door was not allowed to run · --allow-tools lock_door allows it"]


async def test_a_tool_that_fails_tells_the_model_and_not_the_process(tmp_path: Path, local_url: str, file: str) -> None:
    texts = ("--text", "Call broken thing", "--text", "What is five plus four?")
    flags = ("--tools", file, "--allow-tools", "all", *texts)
    ran = await voicechat("run", *flags, *SILENT, "--base-url", local_url, environ=environ_for(tmp_path))
    assert ran.code == DONE, ran.err
    assert "out of order" in ran.said[2][1]
    assert "9" in ran.said[-1][1] or "nine" in ran.said[-1][1]


async def test_a_broken_file_is_told_with_its_line_before_a_call(tmp_path: Path, local_url: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text("\nimport json\nnowhere()\n")
    flags = ("--tools", str(path), "--text", "hello")
    ran = await voicechat("run", *flags, *SILENT, "--base-url", local_url, environ=environ_for(tmp_path))
    assert ran.code == USAGE
    assert "broken.py, line 3: NameError" in ran.err
    assert ("local", "connect.wanted") not in ran.events


async def test_a_local_mcp_server_of_the_configuration_is_called_and_ends_with_the_talk(
    tmp_path: Path, local_url: str
) -> None:
    environ = environ_for(tmp_path)
    config = Path(environ["VOICECHAT_CONFIG_DIR"])
    config.mkdir()
    command = f'command = ["{sys.executable}", "{MCP}"]\napproval = "always"\n'
    (config / "config.toml").write_text(f"[mcp.sums]\n{command}")
    texts = ("--text", "Call add with 20 and 22")  # said when the server has told its tools, not before
    ran = await voicechat("run", *texts, *SILENT, "--base-url", local_url, environ=environ)
    assert ran.code == DONE, ran.err
    assert "42" in ran.said[-1][1]


async def test_on_a_real_terminal_the_screen_asks_and_y_lets_it_run(tmp_path: Path, local_url: str, file: str) -> None:
    flags = ("--mic", "none", "--speaker", "none", "--output", "text", "--base-url", local_url)
    argv = [sys.executable, "-m", "voicechat", "--tools", file, *flags]
    with Terminal(argv, kitty=False, environ=environ_for(tmp_path)) as terminal:
        # a dot, perhaps another colour, and the word or, once it is known, the round trip in its place
        connected = re.compile(rb"\xe2\x97\x8f (\x1b\[[\d;]*m)*(connected|\d+ ms)")
        await asyncio.to_thread(terminal.until, lambda: connected.search(terminal.written) is not None)
        before = len(terminal.written)
        terminal.type(b"i")
        await asyncio.to_thread(terminal.until, lambda: b" back" in terminal.written[before:], "the message field")
        terminal.type(b"What is the weather in Paris?")
        await asyncio.to_thread(terminal.until_written, "Paris?")
        terminal.type(b"\r")
        await asyncio.to_thread(terminal.until_written, "ALLOW THIS TOOL?")
        await asyncio.to_thread(terminal.until_written, "first, then")  # the question takes answers now
        before = len(terminal.written)
        says_no = re.compile(rb"Esc(?:\x1b\[[\d;]*m)+ no")  # once the message field is closed
        terminal.type(b"\x1b")  # a key right behind it would be Alt with that key
        await asyncio.to_thread(terminal.until, lambda: says_no.search(terminal.written[before:]) is not None)
        terminal.type(b"y")
        await asyncio.to_thread(terminal.until_written, "temperature 17")
