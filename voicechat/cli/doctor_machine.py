"""What the doctor looks at on this computer: Python, packages, terminal, configuration file."""

from __future__ import annotations

import importlib.util
import locale
import os
import platform
import select
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from voicechat import __version__
from voicechat.cli.doctor_looks import Check
from voicechat.config.locations import config_file, state_dir, why_not_writable, wished_state_dir
from voicechat.config.survey import survey
from voicechat.errors import ConfigError
from voicechat.ui.terminal_colors import may_ask

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
    missing = [name for name in NEEDED if not _version(name)]
    packages = Check("packages", "good", f"all {len(NEEDED)} are installed")
    if missing:
        packages = Check("packages", "bad", f"missing: {', '.join(missing)}", "pip install --upgrade voicechat")
    return [first, packages, *_extras()]


def _extras() -> Iterator[Check]:
    for extra, module, what_for in EXTRAS:
        if importlib.util.find_spec(module) is not None:
            yield Check(f"[{extra}]", "good", f"{module} {_version(module)} · {what_for}")
        else:
            yield Check(
                f"[{extra}]",
                "fact",
                f"not installed · {what_for}",
                f'run pip install ".[{extra}]" in the folder of voicechat',
            )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


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
    answer = ask_terminal()
    if b"?" in answer and b"u" in answer.partition(b"c")[0]:
        return Check("key release", "good", "told: hold the key to talk")
    cure = "kitty, Ghostty, WezTerm, foot, Alacritty or iTerm2 tell it"
    if environ.get("TMUX"):
        cure = "tmux does not pass it on; start voicechat outside tmux"
    return Check("key release", "care" if answer else "fact", without, cure)


def ask_terminal() -> bytes:
    """What the terminal answers to `QUERY`, without any of it being shown; empty when it does not."""
    import termios

    answer = b""
    stdin = sys.stdin.fileno()
    try:
        with _quiet(stdin):
            os.write(sys.stdout.fileno(), QUERY)
            ends = time.monotonic() + _ANSWER_WITHIN
            while not answer.endswith(b"c") and len(answer) < 256:
                ready, _, _ = select.select([stdin], [], [], max(0.0, ends - time.monotonic()))
                if not ready:
                    break
                answer += os.read(stdin, 64)
    except (OSError, termios.error):
        return b""
    return answer


@contextmanager
def _quiet(descriptor: int) -> Iterator[None]:
    import termios

    before = termios.tcgetattr(descriptor)
    during = termios.tcgetattr(descriptor)
    during[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(descriptor, termios.TCSANOW, during)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)


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
        found = [Check("config", "bad", wrong.reason, wrong.hint) for wrong in seen.wrong]
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
