"""Every setting, once: its type, what is allowed, the sentence that explains it, and its option.

The table drives the options of the commands (`cli/commands.py`), the environment, the configuration file (`load.py`),
`config init`, `explain configuration` and the Python API. A setting the user did not touch is absent from `given`, so
that a later layer (a preset, a session file) can still speak.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from voicechat.config.provider import AUTH_STYLES, DIALECTS, ENCODINGS, HANDSHAKES, QUIRKS, TRANSPORTS
from voicechat.config.provider_presets import PROVIDERS

TurnModeName = Literal["hands-free", "push-to-talk", "transcribe"]
PRIVATE_SECTIONS = ("keys", "profiles", "devices", "prices", "mcp")
SESSION, SOUND, CONNECTION, TOOLS = "Session", "Sound", "Connection", "Tools"
TRANSLATION, RECORDING, MONEY, SCREEN = "Translation", "Recording", "Money", "Screen"
"""Panels of `--help`."""


@dataclass(frozen=True, slots=True)
class Setting:
    about: str
    """One sentence, without capital and full stop."""
    panel: str = ""
    """Where its option stands in `--help`; empty: it has none."""
    metavar: str = ""
    option: str = ""
    """Its option, where that is not the name; `--yes/--no` for both spellings of a switch."""
    help: str = ""
    """The sentence of its option, where the command line needs another one."""
    choices: tuple[str, ...] = ()
    low: float = 0
    high: float = 0
    """Range of a number; `high` 0: any."""
    is_secret: bool = False
    """Its values may be secrets: they travel by environment, and nothing shows them."""
    paths: Literal["", "all", "wav"] = ""
    """Values that are paths, meant beside the file they are written in: all of them, or those that end in .wav."""
    heading: str = ""
    """A heading of the file that `config init` writes; it covers all settings up to the next."""
    name: str = ""
    default: Any = ""
    kind: type = str
    """str, bool, float, tuple (of texts) or dict (names to texts)."""

    @property
    def options(self) -> tuple[str, ...]:
        """`--model`, or `--echo` and `--no-echo`."""
        return tuple((self.option or f"--{self.name.replace('_', '-')}").split("/"))

    @property
    def help_text(self) -> str:
        return self.help or f"{self.about[0].upper()}{self.about[1:]}."


def setting(default: Any, about: str, panel: str = "", metavar: str = "", **more: Any) -> Any:
    """A field of `Settings`. `{}` as default: a table of names and texts, which is in no repr if it is secret."""
    kind = bool if default is None else type(default)
    about_it = Setting(about, panel, metavar, default=default, kind=kind, **more)
    metadata = {"setting": about_it}
    if kind is dict:
        return field(default_factory=dict, repr=not about_it.is_secret, metadata=metadata)
    return field(default=default, repr=not about_it.is_secret, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user chose. Keys and tokens are never in here (see `secrets.py`)."""

    provider: str = setting(
        "local",
        "who answers",
        SESSION,
        "NAME",
        help="Service that answers: local, openai, azure, newapi, custom, ...",
        choices=tuple(PROVIDERS),
        heading="Who answers",
    )
    base_url: str = setting("", "address of a Realtime service, with or without /v1", CONNECTION, "URL")
    model: str = setting("", "model; any name is passed on", SESSION, "NAME")
    voice: str = setting("", "voice; any name is passed on", SESSION, "NAME", heading="What is said")
    instructions: str = setting("", "what the assistant should be and do", SESSION, "TEXT")
    turn_mode: str = setting(
        "hands-free",
        "when the mic is open; transcribe only writes down",
        SESSION,
        choices=("hands-free", "push-to-talk", "transcribe"),
        heading="Taking turns",
    )
    preset: str = setting(
        "balanced",
        "how turns are taken",
        SESSION,
        help="How turns are taken (voicechat explain audio).",
        choices=("balanced", "steady", "quick", "interpreter"),
    )
    barge_in: bool | None = setting(
        None,
        "talking over the assistant interrupts it; unset: as the preset says",
        SESSION,
        option="--barge-in/--no-barge-in",
        help="Talking over the assistant interrupts it, or does not.",
    )
    language: str = setting(
        "",
        "language you speak, as an ISO 639-1 code; empty lets the service find out",
        SESSION,
        "CODE",
        help="Language you speak, such as en.",
        heading="The session and the service, in detail",
    )
    output: str = setting("audio", "answers as speech or as text", SESSION, choices=("audio", "text"))
    greet: str = setting("", "the assistant speaks first, along these lines", SESSION, "TEXT")
    session: str = setting(
        "",
        "a session configuration file: JSON with comments, or TOML",
        SESSION,
        "FILE",
        help="Session configuration: JSON with comments, or TOML.",
        paths="all",
    )
    continue_from: str = setting(
        "",
        "tape whose talk is continued: its folder, its name, or last",
        SESSION,
        "TAPE",
        option="--continue",
        help="Continue the talk of this tape; last: the newest.",
    )
    transcription_model: str = setting("", "model that writes down what you say")
    resource: str = setting("", "name of your Azure resource, instead of its address")
    token_url: str = setting(
        "",
        "address of a token server (voicechat token-server): no key is needed here",
        CONNECTION,
        "URL",
        help="Address of a token server: no key is needed here.",
    )
    transport: str = setting(
        "auto",
        "WebRTC or WebSocket; auto: what connects",
        CONNECTION,
        help="How sound and events travel.",
        choices=TRANSPORTS,
    )
    handshake: str = setting(
        "auto",
        "how the offer of a WebRTC call travels; auto: what works",
        CONNECTION,
        help="How the WebRTC offer is sent.",
        choices=HANDSHAKES,
    )
    dialect: str = setting(
        "auto",
        "protocol: ga, beta, live (GPT-Live); auto: by what is there",
        CONNECTION,
        help="Protocol of the service.",
        choices=DIALECTS,
    )
    auth_style: str = setting("bearer", "how the API key is sent", CONNECTION, choices=AUTH_STYLES)
    headers: Mapping[str, str] = setting(
        {},
        "headers for every request; a value env:NAME is read from the environment",
        CONNECTION,
        "NAME=VALUE",
        option="--header",
        help="Header of every request; NAME=env:VARIABLE keeps a secret out",
        is_secret=True,
    )
    query: Mapping[str, str] = setting(
        {},
        "query for every request; a value env:NAME is read from the environment",
        CONNECTION,
        "NAME=VALUE",
        help="Query parameter of every address; env:VARIABLE as above",
        is_secret=True,
    )
    ice_servers: tuple[str, ...] = setting(
        (),
        "STUN and TURN servers (stun:host, turn:user:password@host)",
        CONNECTION,
        "URL",
        option="--ice-server",
        help="stun:host or turn:user:password@host",
        is_secret=True,
    )
    insecure: bool = setting(False, "allow API keys over unencrypted connections", CONNECTION)
    websocket_url: str = setting("", "address of the WebSocket, if it is not below base_url")
    webrtc_url: str = setting("", "address that takes WebRTC offers, if it is not below base_url")
    mint_url: str = setting("", "address that mints short-lived keys, if it is not below base_url")
    input_format: str = setting("pcm16", "your sound on a WebSocket", choices=ENCODINGS)
    output_format: str = setting("pcm16", "the assistant's sound on a WebSocket", choices=ENCODINGS)
    input_rate: float = setting(24_000.0, "its samples a second", low=8_000, high=48_000)
    output_rate: float = setting(24_000.0, "its samples a second", low=8_000, high=48_000)
    websocket_chunk_ms: float = setting(20.0, "milliseconds of sound in one WebSocket message", low=20, high=40)
    session_limit: float = setting(0.0, "seconds after which the service ends a session; 0: as known", low=0, high=1e6)
    quirks: tuple[str, ...] = setting((), "what the service does differently", choices=tuple(QUIRKS))
    mic: str = setting(
        "default", "microphone: part of its name, a WAV file, or none", SOUND, "NAME", paths="wav", heading="Sound"
    )
    speaker: str = setting("default", "loudspeaker: part of its name, a WAV file, or none", SOUND, "NAME", paths="wav")
    headphones: bool = setting(False, "you wear headphones: no echo cancellation is needed", SOUND)
    echo_cancel: bool = setting(
        True, "cancel echo; off: the mic is closed while the assistant speaks", SOUND, option="--echo/--no-echo"
    )
    noise_suppression: bool = setting(True, "suppress background noise", SOUND, option="--noise/--no-noise")
    gain_control: bool = setting(True, "adjust the level of the microphone", SOUND, option="--gain/--no-gain")
    latency: str = setting(
        "balanced",
        "sound buffered by the devices; high: fewer dropouts",
        SOUND,
        choices=("low", "balanced", "high"),
    )
    volume: float = setting(1.0, "loudspeaker volume", low=0.0, high=1.5)
    theme: str = setting(
        "",
        "name of a theme; empty: lamplight, or daylight on a light terminal",
        SCREEN,
        "NAME",
        help="A theme; `voicechat themes` lists them.",
        heading="The screen",
    )
    motion: str = setting("full", "movement on the screen", choices=("full", "calm"))
    ascii: bool = setting(False, "draw with ASCII characters only", SCREEN)
    plain: bool = setting(False, "lines of text, no screen: for screen readers, pipes and plain terminals", SCREEN)
    translate: str = setting("", "show each line in this language too: a name or ISO code", TRANSLATION, "LANG")
    translate_url: str = setting(
        "",
        "chat-completions or responses endpoint that translates; empty: the provider's",
        TRANSLATION,
        "URL",
        help="Chat-completions or responses endpoint that translates.",
    )
    translate_model: str = setting("", "model of that endpoint", TRANSLATION, "NAME")
    interpreter: str = setting("", "the assistant interprets between two languages, as en:de", TRANSLATION, "A:B")
    live_translate: str = setting("", "speak your words in this language; no assistant", TRANSLATION, "LANG")
    brain_url: str = setting("", "chat server the local server should think with", heading="The local server")
    brain_model: str = setting("", "its model")
    connect_timeout: float = setting(
        10.0, "seconds a connection may take", low=1.0, high=120.0, heading="Connecting, keys and cost"
    )
    api_key_command: str = setting("", "command whose first line of output is the API key; run without a shell")
    record: str = setting(
        "",
        "folder for a tape of each talk; default: your folder of tapes; empty: no tape",
        RECORDING,
        "DIR",
        help="Record a tape of the talk in this folder, or in `default`.",
        paths="all",
    )
    redact: bool = setting(False, "record no words, and of the sound only the level", RECORDING)
    record_sound: bool = setting(True, "what was said is on the tape")
    tape_gb: float = setting(2.0, "gigabytes of one tape's sound, and of its events", low=0.001, high=4)
    tapes_gb: float = setting(20.0, "gigabytes of all tapes of a folder, the oldest go; 0: no limit", low=0, high=1e6)
    tapes_days: float = setting(0.0, "days after which a tape is removed; 0: never", low=0, high=36_500)
    otlp: str = setting(
        "",
        "OpenTelemetry collector (OTLP/HTTP) that gets a trace of every talk; empty: none",
        RECORDING,
        "URL",
        help="Send a trace of the talk to this OpenTelemetry collector.",
    )
    otlp_words: bool = setting(False, "send what was said with it", RECORDING)
    budget: float = setting(
        0.0,
        "US dollars this talk may cost; 0: no budget",
        MONEY,
        "USD",
        help="What this talk may cost, in US dollars.",
        low=0.0,
        high=1e6,
    )
    budget_stop: bool = setting(
        True,
        "when the budget is spent, stop and ask; off: only say so",
        MONEY,
        option="--budget-stop/--no-budget-stop",
        help="Stop when the budget is spent, or only say so.",
    )
    tools: tuple[str, ...] = setting(
        (),
        "Python files whose public functions the model may call",
        TOOLS,
        "FILE",
        help="Python file with functions the model may call",
        paths="all",
    )
    allow_tools: tuple[str, ...] = setting(
        (),
        "tools that run without asking: their names, or all",
        TOOLS,
        "NAME|all",
        help="Tool that runs without asking you",
    )
    tool_rules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """`[tools]`: tool name (`*`: all) -> approval, time_limit, largest."""
    mcp: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """`[mcp.NAME]`: MCP servers as written; tokens are named in there, never held."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Rebinding: binding id -> key names."""
    prices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Your own prices: model -> figure -> US dollars (see `insight.metrics.prices.Price`)."""
    given: frozenset[str] = frozenset()
    """Names the user set, wherever; in a program that makes its own `Settings`: what is not the default."""
    source: str = ""
    """The file that was read."""
    remarks: tuple[str, ...] = ()
    """What is doubtful about that file and is told once, a sentence each."""

    def __post_init__(self) -> None:
        if not self.given:
            own = (name for name, about in TABLE.items() if getattr(self, name) != about.default)
            object.__setattr__(self, "given", frozenset(own))


TABLE: Mapping[str, Setting] = {
    f.name: replace(f.metadata["setting"], name=f.name) for f in fields(Settings) if f.metadata
}
"""Name -> setting, in the order of the configuration file."""
PRIVATE = tuple(name for name, about in TABLE.items() if about.is_secret)
"""Settings whose values may be secrets: they travel by environment (`secrets.py`), and nothing shows them."""


def as_plain(settings: Settings) -> dict[str, Any]:
    """The settings as msgpack-able data, for the engine's hello; without what may be secret."""
    plain = {f.name: getattr(settings, f.name) for f in fields(Settings) if f.name not in PRIVATE}
    prices = {model: dict(figures) for model, figures in settings.prices.items()}
    return plain | {"keys": dict(settings.keys), "prices": prices, "given": sorted(settings.given)}


def from_plain(plain: Mapping[str, Any]) -> Settings:
    """The inverse of `as_plain`."""
    known = {f.name for f in fields(Settings)}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}
    values = {name: value for name, value in values.items() if name in known}
    return Settings(**values | {"given": frozenset(plain.get("given", ()))})
