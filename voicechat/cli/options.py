"""Options that several commands share, each written once, in the panel of `--help` where it stands.

A value of None means: not given.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from voicechat.cli import help as panel


def _text(option: str, metavar: str, about: str) -> Any:
    return Annotated[str | None, typer.Option(option, metavar=metavar, help=about)]


def _texts(option: str, metavar: str, about: str) -> Any:
    return Annotated[list[str] | None, typer.Option(option, metavar=metavar, help=f"{about}; may be repeated.")]


def _switch(option: str, about: str) -> Any:
    return Annotated[bool | None, typer.Option(option, help=about)]


_PANELS: Mapping[str, Mapping[str, Any]] = {
    panel.SESSION: {
        "provider": _text("--provider", "NAME", "Service that answers: local, openai, azure, newapi, custom, ..."),
        "model": _text("--model", "NAME", "Model; any name is passed on."),
        "voice": _text("--voice", "NAME", "Voice; any name is passed on."),
        "instructions": _text("--instructions", "TEXT", "What the assistant should be and do."),
        "turn_mode": _text(
            "--turn-mode", "hands-free|push-to-talk|transcribe", "When the mic is open; transcribe only writes down."
        ),
        "preset": _text(
            "--preset", "balanced|steady|quick|interpreter", "How turns are taken (voicechat explain audio)."
        ),
        "barge_in": _switch("--barge-in/--no-barge-in", "Talking over the assistant interrupts it, or does not."),
        "language": _text("--language", "CODE", "Language you speak, such as en."),
        "output": _text("--output", "audio|text", "Answers as speech or as text."),
        "greet": _text("--greet", "TEXT", "The assistant speaks first, along these lines."),
        "session": _text("--session", "FILE", "Session configuration: JSON with comments, or TOML."),
        "continue_from": _text("--continue", "TAPE", "Continue the talk of this tape; last: the newest."),
    },
    panel.SOUND: {
        "mic": _text("--mic", "NAME", "Microphone: part of its name, a WAV file, or none."),
        "speaker": _text("--speaker", "NAME", "Loudspeaker: part of its name, a WAV file, or none."),
        "headphones": _switch("--headphones", "You wear headphones: no echo cancellation is needed."),
        "echo_cancel": _switch("--echo/--no-echo", "Cancel echo; off: the mic is closed while the assistant speaks."),
        "noise_suppression": _switch("--noise/--no-noise", "Suppress background noise."),
        "gain_control": _switch("--gain/--no-gain", "Adjust the level of the microphone."),
        "latency": _text("--latency", "low|balanced|high", "Sound buffered by the devices; high: fewer dropouts."),
    },
    panel.CONNECTION: {
        "base_url": _text("--base-url", "URL", "Address of a Realtime service, with or without /v1."),
        "token_url": _text("--token-url", "URL", "Address of a token server: no key is needed here."),
        "transport": _text("--transport", "auto|webrtc|websocket", "How sound and events travel."),
        "handshake": _text("--handshake", "auto|multipart|sdp|client_secret|sessions", "How the WebRTC offer is sent."),
        "dialect": _text("--dialect", "auto|ga|beta|xai|live", "Protocol of the service."),
        "auth_style": _text("--auth-style", "bearer|api-key|query", "How the API key is sent."),
        "headers": _texts("--header", "NAME=VALUE", "Header of every request; NAME=env:VARIABLE keeps a secret out"),
        "query": _texts("--query", "NAME=VALUE", "Query parameter of every address; env:VARIABLE as above"),
        "ice_servers": _texts("--ice-server", "URL", "stun:host or turn:user:password@host"),
        "insecure": _switch("--insecure", "Allow API keys over unencrypted connections."),
    },
    panel.TOOLS: {
        "tools": _texts("--tools", "FILE", "Python file with functions the model may call"),
        "allow_tools": _texts("--allow-tools", "NAME|all", "Tool that runs without asking you"),
    },
    panel.TRANSLATION: {
        "translate": _text("--translate", "LANG", "Show each line in this language too: a name or ISO code."),
        "translate_url": _text("--translate-url", "URL", "Chat-completions or responses endpoint that translates."),
        "translate_model": _text("--translate-model", "NAME", "Model of that endpoint."),
        "interpreter": _text("--interpreter", "A:B", "The assistant interprets between two languages, as en:de."),
        "live_translate": _text("--live-translate", "LANG", "Speak your words in this language; no assistant."),
    },
    panel.RECORDING: {
        "record": _text("--record", "DIR", "Record a tape of the talk in this folder, or in `default`."),
        "redact": _switch("--redact", "Record no words, and of the sound only the level."),
        "otlp": _text("--otlp", "URL", "Send a trace of the talk to this OpenTelemetry collector."),
        "otlp_words": _switch("--otlp-words", "Send what was said with it."),
    },
    panel.MONEY: {
        "budget": Annotated[
            float | None, typer.Option("--budget", metavar="USD", help="What this talk may cost, in US dollars.")
        ],
        "budget_stop": _switch("--budget-stop/--no-budget-stop", "Stop when the budget is spent, or only say so."),
    },
    panel.SCREEN: {
        "theme": _text("--theme", "NAME", "A theme; `voicechat themes` lists them."),
        "ascii": _switch("--ascii", "Draw with ASCII characters only."),
        "plain": _switch("--plain", "Lines of text, no screen: for screen readers, pipes and plain terminals."),
    },
    panel.CONFIGURATION: {"profile": _text("--profile", "NAME", "A profile of the configuration file.")},
}
MOST_USED = (
    *("provider", "base_url", "model", "voice", "instructions"),
    *("mic", "speaker", "turn_mode", "tools", "record"),
)
"""The ten that stand first in the help of a talk."""
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Configuration file (TOML).", rich_help_panel=panel.CONFIGURATION),
]


def _in_panels() -> dict[str, Any]:
    """Every option by the name of its setting; each knows its panel."""
    options: dict[str, Any] = {}
    for name, some in _PANELS.items():
        for setting, option in some.items():
            option.__metadata__[0].rich_help_panel = name
            options[setting] = option
    return options


def _first(option: Any) -> Any:
    """The same option in the panel that comes first."""
    about = copy.copy(option.__metadata__[0])
    about.rich_help_panel = None
    return Annotated[option.__origin__, about]


_ALL = _in_panels()
SCREEN: Mapping[str, Any] = {name: _first(_ALL[name]) for name in MOST_USED} | {
    name: one for name, one in _ALL.items() if name not in MOST_USED
}
"""Everything that says how a talk is to be and how it is shown."""
TALK: Mapping[str, Any] = {name: one for name, one in SCREEN.items() if name not in ("theme", "ascii", "plain")}
"""The same for a talk without a screen."""


def _some(*names: str) -> dict[str, Any]:
    return {name: _ALL[name] for name in names}


LOOKS: Mapping[str, Any] = _some("theme", "ascii", "profile")
"""What concerns the screen alone."""
TRACE: Mapping[str, Any] = _some("otlp", "otlp_words")
"""A trace of each session."""
TAPE: Mapping[str, Any] = {**LOOKS, **_some("record", "redact"), **TRACE}
"""The screen, and a tape and a trace of what it shows."""
SOUND: Mapping[str, Any] = _some("mic", "speaker", "echo_cancel", "headphones", "latency", "profile")
"""What concerns the devices alone."""
SERVICE: Mapping[str, Any] = _some(
    *("provider", "base_url", "model", "voice", "instructions", "session", "handshake", "auth_style", "headers"),
    *("query", "insecure", "profile"),
)
"""Which service, for commands that only deal with it."""
ATTACH: Mapping[str, Any] = {
    **TAPE,
    **_some("provider", "base_url", "dialect", "auth_style", "headers", "query", "insecure", "profile"),
}
"""The screen and a tape of a call at a service."""
DOCTOR: Mapping[str, Any] = {
    **SOUND,
    **_some("provider", "base_url", "model", "token_url", "transport", "insecure"),
}
"""What the doctor wants to know of a talk."""
TRANSCRIBE: Mapping[str, Any] = _some(
    *("provider", "base_url", "transport", "handshake", "dialect", "auth_style", "headers", "query", "ice_servers"),
    *("insecure", "language", "token_url", "profile"),
)
"""Which service, for a session that only listens."""


def takes(options: Mapping[str, Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command these options beside its own; it gets them all as `flags`, by the name of the setting."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [one for one in inspect.signature(command, eval_str=True).parameters.values() if one.name != "flags"]
        kind = inspect.Parameter.KEYWORD_ONLY
        shared = [inspect.Parameter(name, kind, default=None, annotation=about) for name, about in options.items()]
        parameters = [*(one.replace(kind=kind) for one in own), *shared]

        @functools.wraps(command)
        def obey(**given: Any) -> None:
            flags = {name: given.pop(name) for name in options}
            command(flags=flags, **given)

        obey.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # typer reads the signature
        obey.__annotations__ = {one.name: one.annotation for one in parameters}
        return obey

    return decorate
