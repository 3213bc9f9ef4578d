"""`[tools]` and `[mcp.NAME]` in the configuration file: taken with their paths, refused with their lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicechat.config.load import load_settings
from voicechat.config.settings import as_plain, from_plain
from voicechat.errors import ConfigError

FILE = """
[tools]
files = ["mine.py", "/elsewhere/other.py"]
time_limit = 5
[tools.look]
approval = "always"
[mcp.files]
command = ["python", "server.py"]
cwd = "here"
[profiles.work.tools]
approval = "never"
"""


def written(tmp_path: Path, text: str) -> Path:
    """A configuration file."""
    path = tmp_path / "config.toml"
    path.write_text(text)
    return path


def test_files_rules_and_servers_are_taken(tmp_path: Path) -> None:
    settings = load_settings({}, {}, written(tmp_path, FILE))
    assert settings.tools == (str(tmp_path / "mine.py"), "/elsewhere/other.py")
    assert settings.tool_rules == {"*": {"time_limit": 5}, "look": {"approval": "always"}}
    assert settings.mcp == {"files": {"command": ["python", "server.py"], "cwd": str(tmp_path / "here")}}
    assert from_plain(as_plain(settings)) == settings


def test_a_profile_has_rules_of_its_own(tmp_path: Path) -> None:
    settings = load_settings({"profile": "work"}, {}, written(tmp_path, FILE))
    assert settings.tool_rules == {"*": {"approval": "never"}}
    assert settings.tools[1] == "/elsewhere/other.py"


def test_options_and_a_plain_list_name_files_too(tmp_path: Path) -> None:
    path = written(tmp_path, 'tools = ["mine.py"]\n')
    assert load_settings({}, {}, path).tools == (str(tmp_path / "mine.py"),)
    flags = {"tools": ["a.py", "b.py"], "allow_tools": ["all"]}
    settings = load_settings(flags, {}, path)
    assert (settings.tools, settings.allow_tools) == (("a.py", "b.py"), ("all",))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[tools]\n\ntime_limit = 0\n", r"config.toml:3: tools.time_limit: time_limit must be a number"),
        ("[tools.look]\napprove = 'always'\n", r"tools.look: 'approve' is not known, did you mean approval"),
        ("[tools]\nfiles = 3\n", r"config.toml:2: tools.files must be a list of files"),
        ("[mcp.docs]\nurl = 'nowhere'\n", r"mcp.docs url 'nowhere' is no address"),
        ("[mcp]\ndocs = 3\n", r"mcp.docs must be a table"),
        ("mcp = 3\n", r"mcp must be tables"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        load_settings({}, {}, written(tmp_path, text))
