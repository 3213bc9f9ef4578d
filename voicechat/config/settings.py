"""Every setting, once: its type, what is allowed, and the sentence that explains it.

Flags, environment and file are three spellings of the same table; `load.py` merges them. A setting the user did not
touch is absent from `given`, so that a later layer (a preset, a session file) can still speak.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

ProviderName = Literal["local", "openai", "custom"]
TurnModeName = Literal["hands-free", "push-to-talk"]
PRIVATE_SECTIONS = ("keys", "profiles", "devices", "prices")


def setting(default: Any, about: str, *, choices: tuple[str, ...] = (), low: float = 0, high: float = 0) -> Any:
    """A field of `Settings` with the sentence that explains it and what it may be."""
    return field(default=default, metadata={"about": about, "choices": choices, "range": (low, high)})


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user chose. Keys and tokens are never in here (see `secrets.py`)."""

    provider: str = setting("local", "who answers", choices=("local", "openai", "custom"))
    base_url: str = setting("", "address of a Realtime service, with or without /v1")
    model: str = setting("", "model name; any name is passed on")
    voice: str = setting("", "voice name; any name is passed on")
    instructions: str = setting("", "what the assistant should be and do")
    language: str = setting("", "language you speak, as an ISO 639-1 code; empty lets the service find out")
    output: str = setting("audio", "how answers come", choices=("audio", "text"))
    greet: str = setting("", "let the assistant speak first, along these lines")
    preset: str = setting("balanced", "how turns are taken", choices=("balanced", "steady", "quick"))
    turn_mode: str = setting("hands-free", "when the mic is open", choices=("hands-free", "push-to-talk"))
    barge_in: bool | None = setting(None, "talking over the assistant cuts in; unset: as the preset says")
    session: str = setting("", "a session configuration file (JSON with comments or TOML)")
    transcription_model: str = setting("", "model that writes down what you say")
    handshake: str = setting("multipart", "how the offer travels", choices=("multipart", "sdp"))
    dialect: str = setting("auto", "spelling of the events", choices=("auto", "ga", "beta"))
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
    brain_url: str = setting("", "chat server the local server should think with")
    brain_model: str = setting("", "its model")
    connect_timeout: float = setting(10.0, "seconds a connection may take", low=1.0, high=120.0)
    budget: float = setting(0.0, "US dollars this talk may cost; 0: no budget", low=0.0, high=1e6)
    budget_stop: bool = setting(True, "when the budget is spent, stop and ask; off: only say so")
    keys: Mapping[str, str] = field(default_factory=dict)
    """Rebinding: binding id -> key names."""
    prices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Your own prices: model -> figure -> US dollars (see `numbers.prices.Price`)."""
    given: frozenset[str] = frozenset()
    """Names the user set, wherever."""
    source: str = ""
    """The file that was read."""


TABLE = {f.name: f for f in fields(Settings) if f.metadata}
"""Name -> field, for flags, environment, file and documentation."""


def kind_of(name: str) -> type:
    """str, bool or float: what a value of this setting must be."""
    default = TABLE[name].default
    return bool if default is None or isinstance(default, bool) else type(default)


def as_plain(settings: Settings) -> dict[str, Any]:
    """The settings as msgpack-able data, for the engine's hello."""
    plain = {f.name: getattr(settings, f.name) for f in fields(Settings)}
    prices = {model: dict(figures) for model, figures in settings.prices.items()}
    return plain | {"keys": dict(settings.keys), "prices": prices, "given": sorted(settings.given)}


def from_plain(plain: Mapping[str, Any]) -> Settings:
    """The inverse of `as_plain`."""
    known = {f.name for f in fields(Settings)}
    values = {name: value for name, value in plain.items() if name in known}
    return Settings(**values | {"given": frozenset(plain.get("given", ()))})


def resolve_path(text: str, beside: Path | None) -> str:
    """A path written in a file is meant relative to that file."""
    path = Path(text).expanduser()
    return str(path if path.is_absolute() or beside is None else beside / path)
