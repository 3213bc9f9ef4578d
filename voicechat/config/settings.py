"""Every setting, once: its type, what is allowed, and the sentence that explains it.

Flags, environment and file are three spellings of the same table; `load.py` merges them. A setting the user did not
touch is absent from `given`, so that a later layer (a preset, a session file) can still speak.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from voicechat.config.provider import AUTH_STYLES, DIALECTS, ENCODINGS, HANDSHAKES, QUIRKS, TRANSPORTS
from voicechat.config.provider_presets import PROVIDERS

TurnModeName = Literal["hands-free", "push-to-talk", "transcribe"]
PRIVATE_SECTIONS = ("keys", "profiles", "devices", "prices", "mcp")


def setting(default: Any, about: str, *, choices: tuple[str, ...] = (), low: float = 0, high: float = 0) -> Any:
    """A field of `Settings` with the sentence that explains it and what it may be."""
    return field(default=default, metadata={"about": about, "choices": choices, "range": (low, high)})


def table(about: str) -> Any:
    """A setting of names and texts that may be secrets: it has no repr and never travels in the engine's hello."""
    metadata = {"about": about, "choices": (), "range": (0, 0)}
    return field(default_factory=dict, repr=False, metadata=metadata)


def texts(about: str, *, choices: tuple[str, ...] = (), secret: bool = False) -> Any:
    """A setting of several texts."""
    return field(default=(), repr=not secret, metadata={"about": about, "choices": choices, "range": (0, 0)})


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user chose. Keys and tokens are never in here (see `secrets.py`)."""

    provider: str = setting("local", "who answers", choices=tuple(PROVIDERS))
    base_url: str = setting("", "address of a Realtime service, with or without /v1")
    model: str = setting("", "model name; any name is passed on")
    voice: str = setting("", "voice name; any name is passed on")
    instructions: str = setting("", "what the assistant should be and do")
    language: str = setting("", "language you speak, as an ISO 639-1 code; empty lets the service find out")
    output: str = setting("audio", "how answers come", choices=("audio", "text"))
    greet: str = setting("", "let the assistant speak first, along these lines")
    preset: str = setting("balanced", "how turns are taken", choices=("balanced", "steady", "quick", "interpreter"))
    turn_mode: str = setting("hands-free", "when the mic is open", choices=("hands-free", "push-to-talk", "transcribe"))
    barge_in: bool | None = setting(None, "talking over the assistant interrupts it; unset: as the preset says")
    session: str = setting("", "a session configuration file (JSON with comments or TOML)")
    transcription_model: str = setting("", "model that writes down what you say")
    resource: str = setting("", "name of your Azure resource, instead of its address")
    transport: str = setting("auto", "WebRTC or WebSocket; auto: what connects", choices=TRANSPORTS)
    handshake: str = setting("auto", "how the offer of a WebRTC call travels; auto: what works", choices=HANDSHAKES)
    dialect: str = setting("auto", "protocol: ga, beta, live (GPT-Live); auto: by what is there", choices=DIALECTS)
    auth_style: str = setting("bearer", "where the key travels", choices=AUTH_STYLES)
    headers: Mapping[str, str] = table("headers for every request; a value env:NAME is read from the environment")
    query: Mapping[str, str] = table("query for every request; a value env:NAME is read from the environment")
    ice_servers: tuple[str, ...] = texts("STUN and TURN servers (stun:host, turn:user:password@host)", secret=True)
    insecure: bool = setting(False, "allow API keys over unencrypted connections")
    websocket_url: str = setting("", "address of the WebSocket, if it is not below base_url")
    webrtc_url: str = setting("", "address that takes WebRTC offers, if it is not below base_url")
    mint_url: str = setting("", "address that mints short-lived keys, if it is not below base_url")
    token_url: str = setting("", "address of a token server (voicechat token-server): no key is needed here")
    input_format: str = setting("pcm16", "your sound on a WebSocket", choices=ENCODINGS)
    output_format: str = setting("pcm16", "the assistant's sound on a WebSocket", choices=ENCODINGS)
    input_rate: float = setting(24_000.0, "its samples a second", low=8_000, high=48_000)
    output_rate: float = setting(24_000.0, "its samples a second", low=8_000, high=48_000)
    websocket_chunk_ms: float = setting(20.0, "milliseconds of sound in one WebSocket message", low=20, high=40)
    session_limit: float = setting(0.0, "seconds after which the service ends a session; 0: as known", low=0, high=1e6)
    quirks: tuple[str, ...] = texts("what the service does differently", choices=tuple(QUIRKS))
    mic: str = setting("default", "microphone: a device name or part of it, a WAV file, or none")
    speaker: str = setting("default", "loudspeaker: a device name or part of it, a WAV file, or none")
    volume: float = setting(1.0, "loudspeaker volume", low=0.0, high=1.5)
    echo_cancel: bool = setting(True, "cancel the loudspeaker's echo; off: the mic is shut while the assistant speaks")
    headphones: bool = setting(False, "you wear headphones: no echo to cancel, talk over the assistant freely")
    noise_suppression: bool = setting(True, "suppress background noise")
    gain_control: bool = setting(True, "level the microphone")
    latency: str = setting("balanced", "device buffering", choices=("low", "balanced", "high"))
    theme: str = setting("", "name of a theme; empty: lamplight, or daylight on a light terminal")
    motion: str = setting("full", "movement on the screen", choices=("full", "calm"))
    ascii: bool = setting(False, "draw with ASCII characters only")
    plain: bool = setting(False, "a talk in lines of text, for screen readers, pipes and plain terminals")
    translate: str = setting("", "language that finished lines are translated to, by name or ISO code; empty: none")
    translate_url: str = setting("", "chat-completions or responses endpoint that translates; empty: the provider's")
    translate_model: str = setting("", "its model")
    interpreter: str = setting("", "two languages the assistant interprets between, such as en:de")
    live_translate: str = setting("", "language everything you say is spoken in: a translation session, no assistant")
    brain_url: str = setting("", "chat server the local server should think with")
    brain_model: str = setting("", "its model")
    connect_timeout: float = setting(10.0, "seconds a connection may take", low=1.0, high=120.0)
    api_key_command: str = setting("", "command whose first line of output is the API key; run without a shell")
    record: str = setting("", "folder for a tape of each talk; default: your folder of tapes; empty: no tape")
    continue_from: str = setting("", "tape whose talk is continued: its folder, its name, or last")
    redact: bool = setting(False, "record no words, and of the sound only the level")
    record_sound: bool = setting(True, "what was said is on the tape")
    tape_gb: float = setting(2.0, "gigabytes of one tape's sound, and of its events", low=0.001, high=4)
    tapes_gb: float = setting(20.0, "gigabytes of all tapes of a folder, the oldest go; 0: no limit", low=0, high=1e6)
    tapes_days: float = setting(0.0, "days after which a tape is removed; 0: never", low=0, high=36_500)
    otlp: str = setting("", "OpenTelemetry collector (OTLP/HTTP) that gets a trace of every talk; empty: none")
    otlp_words: bool = setting(False, "what was said is in the trace too")
    budget: float = setting(0.0, "US dollars this talk may cost; 0: no budget", low=0.0, high=1e6)
    budget_stop: bool = setting(True, "when the budget is spent, stop and ask; off: only say so")
    tools: tuple[str, ...] = texts("Python files whose public functions the model may call")
    allow_tools: tuple[str, ...] = texts("tools that run without asking: their names, or all")
    tool_rules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """`[tools]`: tool name (`*`: all) -> approval, time_limit, largest."""
    mcp: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """`[mcp.NAME]`: MCP servers as written; tokens are named in there, never held."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Rebinding: binding id -> key names."""
    prices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Your own prices: model -> figure -> US dollars (see `numbers.prices.Price`)."""
    given: frozenset[str] = frozenset()
    """Names the user set, wherever."""
    source: str = ""
    """The file that was read."""
    remarks: tuple[str, ...] = ()
    """What is doubtful about that file and is told once, a sentence each."""


PRIVATE = ("headers", "query", "ice_servers")
"""Settings whose values may be secrets: they travel by environment (`private_values.py`), and nothing shows them."""
TABLE = {f.name: f for f in fields(Settings) if f.metadata}
"""Name -> field, for flags, environment, file and documentation."""


def kind_of(name: str) -> type:
    """str, bool, float, tuple (of texts) or dict (names to texts): what a value of this setting must be."""
    default = TABLE[name].default
    if default is MISSING:
        return dict
    return bool if default is None or isinstance(default, bool) else type(default)


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


def resolve_path(text: str, beside: Path | None) -> str:
    """A path written in a file is meant relative to that file."""
    path = Path(text).expanduser()
    return str(path if path.is_absolute() or beside is None else beside / path)
