"""Options that several commands share, each written once, and the decorator that gives them to a command.

A value of None means: not given.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

Provider = Annotated[
    str | None,
    typer.Option("--provider", metavar="NAME", help="Who answers: local, openai, azure, newapi, custom, ..."),
]
BaseUrl = Annotated[
    str | None, typer.Option("--base-url", metavar="URL", help="Address of a Realtime service, with or without /v1.")
]
Transport = Annotated[
    str | None, typer.Option("--transport", metavar="auto|webrtc|websocket", help="How sound and events travel.")
]
Handshake = Annotated[
    str | None,
    typer.Option(
        "--handshake", metavar="auto|multipart|sdp|client_secret|sessions", help="How a WebRTC call is begun."
    ),
]
Dialect = Annotated[str | None, typer.Option("--dialect", metavar="auto|ga|beta|live", help="Protocol of the service.")]
AuthStyle = Annotated[
    str | None, typer.Option("--auth-style", metavar="bearer|api-key|query", help="Where the key travels.")
]
Headers = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="NAME=VALUE", help="A header for every request; =env:VARIABLE hides a secret."),
]
Query = Annotated[
    list[str] | None, typer.Option("--query", metavar="NAME=VALUE", help="The same for the query of every address.")
]
IceServers = Annotated[
    list[str] | None,
    typer.Option("--ice-server", metavar="URL", help="stun:host or turn:user:password@host; again for more."),
]
Insecure = Annotated[
    bool | None, typer.Option("--insecure", help="Let keys travel unencrypted, for everybody on the way to read.")
]
Model = Annotated[str | None, typer.Option("--model", metavar="NAME", help="Model; any name is passed on.")]
Voice = Annotated[str | None, typer.Option("--voice", metavar="NAME", help="Voice; any name is passed on.")]
Instructions = Annotated[
    str | None, typer.Option("--instructions", metavar="TEXT", help="What the assistant should be and do.")
]
Language = Annotated[str | None, typer.Option("--language", metavar="CODE", help="Language you speak, such as en.")]
Output = Annotated[str | None, typer.Option("--output", metavar="audio|text", help="How answers come.")]
Greet = Annotated[str | None, typer.Option("--greet", metavar="TEXT", help="The assistant speaks first, like this.")]
TurnMode = Annotated[
    str | None,
    typer.Option(
        "--turn-mode",
        metavar="hands-free|push-to-talk|transcribe",
        help="When the microphone is open; transcribe only writes down.",
    ),
]
BargeIn = Annotated[
    bool | None, typer.Option("--barge-in/--no-barge-in", help="Whether talking over the assistant cuts in.")
]
PresetOption = Annotated[
    str | None, typer.Option("--preset", metavar="balanced|steady|quick|interpreter", help="How turns are taken.")
]
SessionFile = Annotated[
    str | None, typer.Option("--session", metavar="FILE", help="Session configuration: JSON with comments, or TOML.")
]
Mic = Annotated[
    str | None, typer.Option("--mic", metavar="NAME", help="Microphone (part of its name), a WAV file, or none.")
]
Speaker = Annotated[
    str | None, typer.Option("--speaker", metavar="NAME", help="Loudspeaker (part of its name), a WAV file, or none.")
]
Echo = Annotated[
    bool | None,
    typer.Option("--echo/--no-echo", help="Cancel the loudspeaker's echo; without it the mic shuts while it plays."),
]
Headphones = Annotated[
    bool | None, typer.Option("--headphones", help="You wear headphones: no echo to cancel, talk over it freely.")
]
Noise = Annotated[bool | None, typer.Option("--noise/--no-noise", help="Suppress background noise.")]
Gain = Annotated[bool | None, typer.Option("--gain/--no-gain", help="Level the microphone.")]
Latency = Annotated[
    str | None, typer.Option("--latency", metavar="low|balanced|high", help="How much sound the devices buffer.")
]
Budget = Annotated[float | None, typer.Option("--budget", metavar="USD", help="What this talk may cost at most.")]
BudgetStop = Annotated[
    bool | None, typer.Option("--budget-stop/--no-budget-stop", help="Whether to stop when the budget is spent.")
]
Tools = Annotated[
    list[str] | None,
    typer.Option("--tools", metavar="FILE", help="Python file whose functions the model may call; may be repeated."),
]
AllowTools = Annotated[
    list[str] | None,
    typer.Option("--allow-tools", metavar="NAME|all", help="A tool that runs without asking; may be repeated."),
]
Translate = Annotated[
    str | None,
    typer.Option("--translate", metavar="LANG", help="Show finished lines in this language too: a name or ISO code."),
]
TranslateUrl = Annotated[
    str | None,
    typer.Option("--translate-url", metavar="URL", help="Chat-completions or responses endpoint that translates them."),
]
TranslateModel = Annotated[str | None, typer.Option("--translate-model", metavar="NAME", help="Its model.")]
Interpreter = Annotated[
    str | None,
    typer.Option("--interpreter", metavar="A:B", help="Let the assistant interpret between two languages."),
]
LiveTranslate = Annotated[
    str | None,
    typer.Option(
        "--live-translate",
        metavar="LANG",
        help="Speak what you say in this language while you speak: a translation session, no assistant.",
    ),
]
Record = Annotated[
    str | None, typer.Option("--record", metavar="DIR", help="Make a tape of the talk in this folder; default: ours.")
]
ContinueFrom = Annotated[
    str | None, typer.Option("--continue", metavar="TAPE", help="Go on with the talk on this tape; last: the newest.")
]
Redact = Annotated[
    bool | None, typer.Option("--redact", help="No words on the tape, and of the sound only how loud it was.")
]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Configuration file (TOML).")]
Profile = Annotated[str | None, typer.Option("--profile", metavar="NAME", help="A profile of the configuration file.")]
Theme = Annotated[str | None, typer.Option("--theme", metavar="NAME", help="A theme; `voicechat themes` lists them.")]
Ascii = Annotated[bool | None, typer.Option("--ascii", help="Draw with ASCII characters only.")]
Plain = Annotated[
    bool | None, typer.Option("--plain", help="Talk in lines of text: for screen readers, pipes and plain terminals.")
]

TokenUrl = Annotated[
    str | None,
    typer.Option("--token-url", metavar="URL", help="A token server (voicechat token-server): no key is needed here."),
]

TALK: Mapping[str, Any] = {
    "provider": Provider,
    "base_url": BaseUrl,
    "transport": Transport,
    "handshake": Handshake,
    "dialect": Dialect,
    "auth_style": AuthStyle,
    "headers": Headers,
    "query": Query,
    "ice_servers": IceServers,
    "insecure": Insecure,
    "model": Model,
    "voice": Voice,
    "instructions": Instructions,
    "language": Language,
    "output": Output,
    "greet": Greet,
    "turn_mode": TurnMode,
    "barge_in": BargeIn,
    "preset": PresetOption,
    "session": SessionFile,
    "mic": Mic,
    "speaker": Speaker,
    "echo_cancel": Echo,
    "headphones": Headphones,
    "noise_suppression": Noise,
    "gain_control": Gain,
    "latency": Latency,
    "budget": Budget,
    "budget_stop": BudgetStop,
    "token_url": TokenUrl,
    "tools": Tools,
    "allow_tools": AllowTools,
    "record": Record,
    "translate": Translate,
    "translate_url": TranslateUrl,
    "translate_model": TranslateModel,
    "interpreter": Interpreter,
    "live_translate": LiveTranslate,
    "redact": Redact,
    "continue_from": ContinueFrom,
    "profile": Profile,
}
"""Everything that says how a talk is to be, by the name of its setting."""
SCREEN: Mapping[str, Any] = {**TALK, "theme": Theme, "ascii": Ascii, "plain": Plain}
"""The same for a talk that is shown."""
LOOKS: Mapping[str, Any] = {name: SCREEN[name] for name in ("theme", "ascii", "profile")}
"""What concerns the screen alone."""
TAPE: Mapping[str, Any] = {**LOOKS, "record": Record, "redact": Redact}
"""The screen, and a tape of what it shows."""
SOUND: Mapping[str, Any] = {
    name: TALK[name] for name in ("mic", "speaker", "echo_cancel", "headphones", "latency", "profile")
}
"""What concerns the devices alone."""
_NAMES = ("provider", "base_url", "model", "voice", "instructions", "session", "handshake", "auth_style", "headers")
SERVICE: Mapping[str, Any] = {name: TALK[name] for name in (*_NAMES, "query", "insecure", "profile")}
"""Which service, for commands that only deal with it."""

DOCTOR: Mapping[str, Any] = {
    **SOUND,
    **{name: TALK[name] for name in ("provider", "base_url", "model", "token_url", "transport", "insecure")},
}
"""What the doctor wants to know of a talk."""

_HEARS = ("provider", "base_url", "transport", "handshake", "dialect", "auth_style", "headers", "query", "ice_servers")
TRANSCRIBE: Mapping[str, Any] = {name: TALK[name] for name in (*_HEARS, "insecure", "language", "token_url", "profile")}
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
