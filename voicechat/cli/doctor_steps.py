"""The doctor's round: what is looked at, in which order, and a word on stderr when a look takes over a second.

Whether the engine starts and answers, and whether the local server is ready to talk.

What the doctor looks at on this computer: Python, packages, terminal, configuration file.
"""

from __future__ import annotations

import asyncio
import importlib.util
import locale
import platform
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from voicechat import __version__
from voicechat.cli.doctor_looks import Check
from voicechat.cli.doctor_services import key_checks, network_checks, provider_checks, sound_checks, version_of
from voicechat.config.load import survey
from voicechat.config.locations import config_file, state_dir, why_not_writable, wished_state_dir
from voicechat.config.settings import Settings
from voicechat.engine.host import epitaph, spawn
from voicechat.engine.link import Bye, EngineHello, FromEngine, Ping, Pong, from_engine, pack
from voicechat.errors import ConfigError, VoiceChatError
from voicechat.exit_codes import AUDIO, CONNECTION, ENGINE_DIED, FAILED_TURN, USAGE
from voicechat.journal.secrets_scan import without_keys
from voicechat.local_server.speech import INSTALL, engine_is_missing
from voicechat.ui.terminal_colors import TerminalQuestion, may_ask

OLDEST = (3, 11)
NEEDED = (
    "textual",
    "rich",
    "typer",
    "aiohttp",
    "aiortc",
    "msgspec",
    "numpy",
    "sounddevice",
    "platformdirs",
    "jsonschema",
)
EXTRAS = (
    ("local", "onnxruntime", "talking offline"),
    ("keyring", "keyring", "keys in the system's keyring"),
    ("mcp", "mcp", "local MCP servers as tools"),
)
QUERY = b"\x1b[?u\x1b[c"
"""Ask for the keyboard protocol's flags, then for what every terminal answers: no answer before that means none."""
_ANSWER_WITHIN = 0.6


def python_checks() -> list[Check]:
    """The interpreter and what is installed in it."""
    here = platform.python_version()
    what = f"{here} · voicechat {__version__} · {platform.system()} {platform.release()} {platform.machine()}"
    if sys.version_info < OLDEST:
        first = Check("python", "bad", what, "install Python 3.11 or newer")
    else:
        first = Check("python", "good", what)
    missing = [name for name in NEEDED if not version_of(name)]
    packages = Check("packages", "good", f"all {len(NEEDED)} are installed")
    if missing:
        packages = Check("packages", "bad", f"missing: {', '.join(missing)}", "pip install --upgrade voicechat")
    return [first, packages, *_extras()]


def _extras() -> Iterator[Check]:
    for extra, module, what_for in EXTRAS:
        if importlib.util.find_spec(module) is not None:
            yield Check(f"[{extra}]", "good", f"{module} {version_of(module)} · {what_for}")
        else:
            yield Check(
                f"[{extra}]",
                "fact",
                f"not installed · {what_for}",
                f'run pip install ".[{extra}]" in the folder of voicechat',
            )


def terminal_checks(environ: Mapping[str, str]) -> list[Check]:
    """Size, colours, characters, and whether the end of a key press is told."""
    columns, lines = shutil.get_terminal_size()
    size = f"{columns} x {lines} · TERM={environ.get('TERM', 'unset')}"
    if not sys.stdout.isatty():
        found = [Check("terminal", "fact", f"stdout is none; {size}")]
    elif columns < 60 or lines < 16:
        found = [Check("terminal", "care", f"{size}: only the last turn fits", "make the window 60 x 16 or larger")]
    else:
        found = [Check("terminal", "good", size)]
    return [*found, _colours(environ), _characters(environ), _releases(environ), *_around(environ)]


def _colours(environ: Mapping[str, str]) -> Check:
    term = environ.get("TERM", "")
    if environ.get("NO_COLOR"):
        return Check("colours", "fact", "NO_COLOR is set: none are used")
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit") or "direct" in term:
        return Check("colours", "good", "16 million")
    if "256" in term:
        return Check("colours", "good", "256")
    return Check("colours", "care", "16 or fewer, as far as it says", "export COLORTERM=truecolor, if it has them")


def _characters(environ: Mapping[str, str]) -> Check:
    encoding = locale.getpreferredencoding(False)
    if "utf" not in encoding.lower():
        return Check("characters", "care", f"{encoding}: drawn with ASCII", "export LANG=C.UTF-8 (or your language)")
    if environ.get("TERM") == "linux":
        return Check("characters", "care", "the Linux console lacks many: drawn with ASCII", "use a terminal window")
    return Check("characters", "good", encoding)


def _releases(environ: Mapping[str, str]) -> Check:
    """Push-to-talk by holding a key needs a terminal that tells when it is let go."""
    without = "not told: push-to-talk is press and press again"
    if not may_ask(environ):
        return Check("key release", "fact", "not asked: no terminal that could answer")
    with TerminalQuestion(environ, question=QUERY, cap=_ANSWER_WITHIN) as asked:
        answer = asked.answer()
    if b"?" in answer and b"u" in answer.partition(b"c")[0]:
        return Check("key release", "good", "told: hold the key to talk")
    cure = "kitty, Ghostty, WezTerm, foot, Alacritty or iTerm2 tell it"
    if environ.get("TMUX"):
        cure = "tmux does not pass it on; start voicechat outside tmux"
    return Check("key release", "care" if answer else "fact", without, cure)


def _around(environ: Mapping[str, str]) -> Iterator[Check]:
    if environ.get("TMUX") or environ.get("STY"):
        name = "tmux" if environ.get("TMUX") else "GNU screen"
        yield Check("inside", "care", f"{name}: clipboard and key releases depend on it", "see its manual: passthrough")
    if environ.get("SSH_CONNECTION"):
        text = "an SSH session: microphone and loudspeaker are those of the other computer"
        yield Check("inside", "care", text, "run voicechat where you sit")


def config_checks(config: Path | None, problem: ConfigError | None) -> list[Check]:
    """The configuration file, every error of it, and the folder of what is remembered.

    `problem` is what stopped the settings from being loaded.
    """
    path = config or config_file()
    if config is None and not path.exists():
        found = [Check("config", "fact", f"no file; voicechat config init writes {path}")]
    else:
        seen = survey(path)
        found = [Check("config", "bad", wrong.message, wrong.hint) for wrong in seen.wrong]
        found += [Check("config", "care", remark) for remark in seen.remarks]
        if not seen.wrong:
            found.insert(0, Check("config", "good", f"{path}: nothing is wrong"))
    if problem is not None and problem.message not in [check.text for check in found]:
        found.append(Check("settings", "bad", problem.message, problem.hint))
    if problem is not None:
        found.append(Check("settings", "care", "the rest of this report is about the defaults"))
    return [*found, *_memory()]


def _memory() -> Iterator[Check]:
    """Only what is wrong with the folder of logs, tapes and what is remembered."""
    wished = wished_state_dir()
    if not (why := why_not_writable(wished)):
        return
    cure = "give the folder to yourself, or set VOICECHAT_STATE_DIR to another one"
    try:
        told = f"{wished}: {why}; logs and tapes go to {state_dir()}, and what you choose is soon forgotten"
        yield Check("memory", "care", told, cure)
    except OSError as error:
        yield Check("memory", "bad", f"{wished}: {why}; nor can {error.filename} be used: {error.strerror}", cure)


ANSWER_WITHIN = 15.0
"""Seconds: half a one on a quiet computer, several on a cold disk."""
READY_WITHIN = 25.0


def engine_checks(environ: Mapping[str, str]) -> list[Check]:
    """Start one, ask it for an answer, end it. No talk begins: no device is opened and nobody is called."""
    began, heard = time.monotonic(), set[type[FromEngine]]()
    try:
        process = spawn(without_keys(environ))
    except OSError as error:
        cure = "is there enough memory, and may this folder's Python be run?"
        return [Check("engine", "bad", f"it cannot be started: {error.strerror or error}", cure)]
    assert process.stdin is not None and process.stdout is not None
    watchdog = threading.Timer(ANSWER_WITHIN, process.kill)
    watchdog.start()
    took = ANSWER_WITHIN
    with suppress(OSError), process:
        process.stdin.write(pack(Ping(1)))
        process.stdin.flush()
        for message in from_engine(process.stdout):
            heard.add(type(message))
            if {EngineHello, Pong} <= heard:
                took = time.monotonic() - began
                process.stdin.write(pack(Bye()))
                break
    watchdog.cancel()
    if {EngineHello, Pong} <= heard:
        return [Check("engine", "good", f"starts and answers in {took:.1f} s")]
    is_late = time.monotonic() - began >= ANSWER_WITHIN
    said = f"it did not answer within {ANSWER_WITHIN:g} s" if is_late else epitaph(process.returncode)
    return [Check("engine", "bad", said, "run python -m voicechat.engine by hand to see what it says")]


def local_checks(settings: Settings, environ: Mapping[str, str]) -> list[Check]:
    """The offline engine: started where the talk would use it, otherwise only looked for."""
    missing = engine_is_missing()
    is_used = settings.provider == "local"
    if missing:
        text = missing.removesuffix(".")
        return [Check("local server", "bad" if is_used else "fact", text, INSTALL if is_used else "")]
    if not is_used:
        return [Check("local server", "fact", "installed; this talk does not use it")]
    return asyncio.run(_try_local(settings, environ))


async def _try_local(settings: Settings, environ: Mapping[str, str]) -> list[Check]:
    import aiohttp

    from voicechat.local_server.spawn import start_local_server

    began = time.monotonic()
    try:
        server = await start_local_server(
            without_keys(environ), brain_url=settings.brain_url, brain_model=settings.brain_model
        )
    except VoiceChatError as error:
        return [Check("local server", "bad", error.message, error.hint)]
    address = server.base_url.removesuffix("/v1") + "/health"
    state = "loading"
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5.0)) as http:
            while state == "loading" and time.monotonic() - began < READY_WITHIN:
                await asyncio.sleep(0.1)
                async with http.get(address) as response:
                    state = str((await response.json()).get("status", "failed"))
    except (aiohttp.ClientError, TimeoutError, ValueError, OSError):
        state = "failed"
    finally:
        await server.stop()
    took = time.monotonic() - began
    if state != "ready":
        return [Check("local server", "bad", f"it starts, but its models do not load ({state})", INSTALL)]
    return [Check("local server", "good", f"ready in {took:.1f} s · brain: {server.brain}")]


PATIENCE = 1.0
"""Seconds after which a look that goes on is told."""


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    doing: str
    look: Callable[[], list[Check]]
    code: int
    """The process status when what it finds is bad."""


def steps_for(
    settings: Settings,
    environ: Mapping[str, str],
    config: Path | None,
    problem: ConfigError | None,
    secrets: list[str],
    *,
    online: bool,
) -> list[Step]:
    """Everything there is to look at. A key that is found is put into `secrets`, so that no sentence repeats it."""

    def key() -> list[Check]:
        found, value = key_checks(settings, environ)
        secrets.extend(filter(None, [value]))
        return found

    def service() -> list[Check]:
        if not secrets and online:
            key()
        return provider_checks(settings, environ, secrets[-1] if secrets else "", online=online)

    def engine() -> list[Check]:
        return [*engine_checks(environ), *local_checks(settings, environ)]

    return [
        Step("python", "looking at the packages", python_checks, FAILED_TURN),
        Step("config", "reading the configuration", lambda: config_checks(config, problem), USAGE),
        Step("terminal", "asking the terminal", lambda: terminal_checks(environ), FAILED_TURN),
        Step("engine", "starting the engine", engine, ENGINE_DIED),
        Step("sound", "looking for microphones and loudspeakers", lambda: sound_checks(settings), AUDIO),
        Step("key", "looking for the key", key, USAGE),
        Step("network", "trying the way to the service", lambda: network_checks(settings), CONNECTION),
        Step("service", "asking the service", service, CONNECTION),
    ]


def looked_at(step: Step, narration: TextIO) -> list[Check]:
    """What a step finds; after a second it says on `narration` what it is doing, and takes that back on a terminal."""
    told = threading.Event()

    def tell() -> None:
        told.set()
        narration.write(f"… {step.doing}" if narration.isatty() else f"{step.doing}\n")
        narration.flush()

    timer = threading.Timer(PATIENCE, tell)
    timer.daemon = True
    timer.start()
    try:
        return step.look()
    finally:
        timer.cancel()
        timer.join()
        if told.is_set() and narration.isatty():
            narration.write("\r\x1b[K")
            narration.flush()
