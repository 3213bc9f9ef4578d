"""How the suite is spread over its processes, and which tests are fast, told from what a test uses.

A module stays together in one process, so that its fixtures are made once. The modules that need sound devices are one
group: one after the other, each test with a sound server of its own. What waits longest starts first. The groups are
ours, not the mark `xdist_group`, which xdist 3.8 loses without a word under pytest 9.2.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from xdist.scheduler import LoadScopeScheduling

AUDIO = "audio"
"""The mark and the group of the tests with sound devices."""
SOUND = "virtual_audio"
"""The fixture that makes such devices."""
_ROOT = Path(__file__).resolve().parents[2]
_PROCESSES = {"subprocess", "multiprocessing", "pty", "tests.support.command", "tests.support.terminal"}
_PROCESSES |= {"voicechat.engine.host", "voicechat.config.secrets", "voicechat.journal.player"}
_PROCESSES |= {"voicechat.tools.mcp_servers", "voicechat.tools.toolbox"}
_SOCKETS = {"socket", "aiohttp", "aiortc", "aioice", "voicechat.api", "voicechat.engine.session"}
_SOCKETS |= {"voicechat.rtc", "voicechat.transports", "voicechat.local_server", "voicechat.token_server"}
_SOUND = {"voicechat.audio"}
_NEVER_FAST = "|".join(re.escape(name) for name in sorted(_PROCESSES | _SOCKETS))
_SLOW = re.compile(
    rf"^(?:import|from) (?:{_NEVER_FAST}|voicechat\.audio(?!\.blocks))\b", re.MULTILINE
)  # blocks: numbers
_OF_TESTS = re.compile(r"^from (tests[.\w]*) import (\w+)", re.MULTILINE)


def processes(named: list[str]) -> int:
    """How many share the tests: 4 for two cores, since they mostly wait (fast ones: 85 s, with two 137); a module needs
    none."""
    files = {name.partition("::")[0] for name in named}
    if all(name.endswith(".py") for name in files):
        return (0, 0, 2, 3, 4)[min(4, len(files))]
    return 4


class Groups(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands out modules, and everything with sound devices as if it were one module."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@cache
def group_of_module(path: str) -> str:
    """The group of a module; the process that hands out tests sees no more of it than its path and its text."""
    text = (_ROOT / path).read_text(encoding="utf-8")
    return AUDIO if f"mark.{AUDIO}" in text or SOUND in text else path


def group_of(nodeid: str) -> str:
    return group_of_module(nodeid.partition("::")[0])


def arrange(items: list[pytest.Item]) -> None:
    """Mark each test by what its module uses, and put the groups that take long at the beginning."""
    weights: dict[str, int] = {}
    for module in {module for item in items if (module := item.getparent(pytest.Module))}:
        uses = used_by(module.obj)
        is_audio = group_of(module.nodeid) == AUDIO
        weights[module.nodeid] = 3 if is_audio else 2 if uses & _PROCESSES else 1 if uses & (_SOCKETS | _SOUND) else 0
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if SOUND in fixtures:
            item.add_marker(AUDIO)
        if not weights[item.nodeid.partition("::")[0]] and "local_url" not in fixtures:
            item.add_marker("fast")
    items.sort(key=lambda item: -weights[item.nodeid.partition("::")[0]])


@cache
def is_slow_text(path: Path) -> bool:
    """Whether a module, or what it imports from the tests, imports in its own text what is never fast."""
    text = path.read_text(encoding="utf-8")
    if _SLOW.search(text):
        return True
    names = {name for found in _OF_TESTS.findall(text) for name in (found[0], ".".join(found))}
    return any(is_slow_text(file) for name in names if (file := _ROOT / f"{name.replace('.', '/')}.py").is_file())


def used_by(module: ModuleType) -> set[str]:
    """Modules, with the packages above them, that a module names, itself or by what it imports from the kit."""
    found: set[str] = set()
    unread = [module]
    while unread:
        for value in list(vars(unread.pop()).values()):
            origin = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
            if not isinstance(origin, str) or origin in found:
                continue
            parts = origin.split(".")
            found |= {".".join(parts[:end]) for end in range(1, len(parts) + 1)}
            if origin.startswith("tests.") and origin in sys.modules:
                unread.append(sys.modules[origin])
    return found
