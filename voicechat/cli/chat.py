"""`voicechat` and `voicechat chat`: the screen over an engine of its own."""

from __future__ import annotations

import gc
import locale
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from voicechat import exit_codes
from voicechat.config.load import load_settings
from voicechat.config.locations import user_themes_dir
from voicechat.config.providers import TRANSLATION_MODEL, provider_of
from voicechat.config.secrets import environ_with_key, key_lying_about
from voicechat.config.settings import Settings
from voicechat.errors import AudioDeviceError


def why_plain(settings: Settings, environ: Mapping[str, str]) -> str | None:
    """Why there is no screen: a sentence, empty when it was asked for, None when there is one."""
    if settings.plain:
        return ""
    if not sys.stdout.isatty():
        return "the output is not a terminal: using plain lines (--plain)"
    if not sys.stdin.isatty():
        return "the input is not a terminal: using plain lines (--plain)"
    if environ.get("TERM") == "dumb":
        return "TERM is dumb: using plain lines (--plain); type help for the commands"
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


def chat_command(flags: Mapping[str, Any], config: Path | None) -> int:
    """Talk on the screen. Raises ConfigError before the screen opens; afterwards everything is shown on it."""
    settings = load_settings(flags, os.environ, config)
    environ = refuse_the_impossible(settings, os.environ)
    if settings.mic.lower().endswith(".wav") and not Path(settings.mic).is_file():
        raise AudioDeviceError(
            f"there is no sound file {settings.mic}",
            hint="give --mic a WAV file or a device; list the devices with: voicechat devices",
        )
    if (why := why_plain(settings, os.environ)) is not None:
        return plain_command(without_ears(settings, flags, os.environ, config), why, environ)
    gc.disable()  # 30 ms of the first frame went into collecting imports; the app switches it on after that frame
    from voicechat.ui.terminal_colors import TerminalQuestion

    with TerminalQuestion(os.environ, wanted=not settings.theme) as colors:
        from voicechat.engine.host import EngineProcess
        from voicechat.ui.app import run_app

        is_light = not settings.theme and bool(colors.is_light())
        return run_app(EngineProcess(settings, environ), ui_options(settings, os.environ, is_light=is_light))


def refuse_the_impossible(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """What needs no engine to be known: a session file that is wrong, a key that is not there.

    Returns the environment for the engine: this one, and the key where a command or the keyring has it. Raises
    ConfigError, and TapeError where the tape to go on from is not there.
    """
    if settings.otlp:
        from voicechat.config.otlp import otlp_endpoint

        otlp_endpoint(settings, environ)
    if settings.continue_from:
        from voicechat.config.locations import tapes_dir, tapes_root
        from voicechat.journal.tapes import find_tape  # it knows the core: 60 ms

        find_tape(settings.continue_from, (tapes_root(settings.record), tapes_dir()))
    refuse_languages(settings, environ)
    for remark in settings.remarks:
        print(f"voicechat: {remark}", file=sys.stderr)
    if settings.session:
        from voicechat.config.wish import plan  # the whole core comes with it: 60 ms that the first frame would pay

        for remark in plan(settings).remarks:
            print(f"voicechat: {remark}", file=sys.stderr)
    if settings.token_url:
        return dict(environ)
    return environ_with_key(settings, environ)


def refuse_languages(settings: Settings, environ: Mapping[str, str]) -> None:
    """Languages that are none, and a translation that nobody could make. Raises ConfigError."""
    if settings.interpreter or settings.preset == "interpreter":
        from voicechat.config.translation import interpreter_instructions

        interpreter_instructions(settings)
        if settings.provider == "local" and settings.brain_url.lower() in ("", "none", "off", "built-in"):
            why = "the local server interprets only with a language model behind it: Ollama and the like, or brain_url"
            print(f"voicechat: {why}", file=sys.stderr)
    if settings.live_translate or settings.model == TRANSLATION_MODEL:
        from voicechat.config.translation import refuse_live_translation, unused

        refuse_live_translation(settings, provider_of(settings))
        for remark in unused(settings):
            print(f"voicechat: {remark}", file=sys.stderr)
    if settings.translate:
        from voicechat.translation.options import translation_options  # most talks have none

        translation_options(settings, environ)


def ui_options(settings: Settings, environ: Mapping[str, str], *, is_light: bool = False) -> Any:
    from voicechat.ui.options import UiOptions, WelcomeFacts

    unused = key_lying_about(environ) if settings.provider == "local" else ""
    return UiOptions(
        theme=settings.theme or ("daylight" if is_light else "lamplight"),
        keys=settings.keys,
        ascii=settings.ascii or needs_ascii(environ),
        motion="calm" if settings.motion == "calm" else "full",
        welcome=WelcomeFacts(
            provider=provider_of(settings).title,
            voice=settings.voice or provider_of(settings).voice,
            key_found=unused,
            turn_mode=settings.turn_mode,  # type: ignore[arg-type]  # checked when the settings were loaded
        ),
        user_themes_dir=user_themes_dir(),
    )


def needs_ascii(environ: Mapping[str, str]) -> bool:
    """The Linux console and locales without UTF-8 cannot draw our glyphs."""
    return environ.get("TERM") == "linux" or "utf" not in locale.getpreferredencoding(False).lower()
