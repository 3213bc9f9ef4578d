"""`voicechat --plain`: the talk in lines. Also what a chat becomes where no screen can be."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any

from voicechat import exit_codes
from voicechat.config.load import load_settings
from voicechat.config.settings import Settings


def why_plain(settings: Settings, environ: Mapping[str, str]) -> str | None:
    """Why there is no screen: a sentence, empty when it was asked for, None when there is one."""
    if settings.plain:
        return ""
    if not sys.stdout.isatty():
        return "stdout is no terminal: talking in plain lines"
    if not sys.stdin.isatty():
        return "stdin is no terminal: talking in plain lines"
    if environ.get("TERM") == "dumb":
        return "this terminal is dumb: talking in plain lines, help lists the words"
    return None


def plain_command(settings: Settings, why: str, environ: Mapping[str, str] | None = None) -> int:
    """Talk in lines until the input ends. `environ` is the engine's. The exit status."""
    from voicechat.config.translation import side_language
    from voicechat.engine.host import EngineProcess
    from voicechat.ui.plain.talk import PlainOptions, PlainTalk, Printer, may_color, read_lines

    if why:
        print(f"voicechat: {why}", file=sys.stderr)
    is_terminal = sys.stdin.isatty()
    language = side_language(settings) if settings.translate else ""
    options = PlainOptions(is_terminal, settings.mic, settings.speaker, bool(settings.greet), language)
    printer = Printer(sys.stdout, colors=may_color(sys.stdout, os.environ))
    talk = PlainTalk(EngineProcess(settings, environ), printer, options)

    def interrupt(number: int, frame: FrameType | None) -> None:
        talk.signal("interrupted")

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), interrupt)
    read_lines(sys.stdin.fileno(), talk.line, lambda: talk.signal("end of input"))
    code = talk.go()
    if printer.is_gone:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter complains at exit
    if code == exit_codes.INTERRUPTED:
        print("voicechat: interrupted", file=sys.stderr)
    return code


def without_ears(settings: Settings, flags: Mapping[str, Any], environ: Mapping[str, str], config: Any) -> Settings:
    """A pipe that names no microphone has none: nobody sits there who would speak."""
    if sys.stdin.isatty() or "mic" in settings.given:
        return settings
    return load_settings({**flags, "mic": "none"}, environ, config)
