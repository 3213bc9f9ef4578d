"""What may differ between services that speak the Realtime protocol, as one record. Presets and settings fill it in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Dialect = Literal["auto", "ga", "beta", "xai", "live"]
Encoding = Literal["pcm16", "pcmu", "pcma"]

HANDSHAKES = ("auto", "multipart", "sdp", "client_secret", "sessions")
TRANSPORTS = ("auto", "webrtc", "websocket")
AUTH_STYLES = ("bearer", "api-key", "query")
DIALECTS = ("auto", "ga", "beta", "xai", "live")
ENCODINGS = ("pcm16", "pcmu", "pcma")
QUIRKS = {
    "commit_after_stop": "the service hears the end of a turn and still waits to be told to commit it",
}
"""What a service may do differently beyond the fields below, by name."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One service. Addresses may hold `{origin}` (scheme and host of the base URL), `{model}` and `{resource}`."""

    name: str
    title: str
    """As the screen calls it."""
    base_url: str = ""
    """Empty: the user has to give one (`local` starts its own server)."""
    model: str = ""
    voice: str = ""
    transcription_model: str = ""
    """Empty: left out of the session, the service decides."""
    session: Mapping[str, Any] = field(default_factory=dict)
    """What a session has to say there beyond our own defaults, in GA spelling."""
    takes: tuple[str, ...] = ()
    """Session fields (GA paths) where it takes more than OpenAI does: their values pass the check with a note."""
    needs_key: bool = False
    needs_model: str = ""
    """What a model's name is there ("the name of your deployment"), where none can be assumed."""
    key_variables: tuple[str, ...] = ()
    """Environment variables that hold a key of this service; `VOICECHAT_API_KEY` is asked before them."""
    key_hosts: tuple[str, ...] = ()
    """Domains that the keys of `key_variables` belong to; empty: wherever the user sends them."""
    auth_style: Literal["bearer", "api-key", "query"] = "bearer"
    handshake: Literal["auto", "multipart", "sdp", "client_secret", "sessions", "live"] = "auto"
    dialect: Dialect = "auto"
    transport: Literal["auto", "webrtc", "websocket"] = "auto"
    websocket_url: str = ""
    webrtc_url: str = ""
    mint_url: str = ""
    """Where these are not what the base URL says: the WebSocket, the offer, the short-lived keys."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent with every request; values may be secrets, hence never in a repr."""
    ice_servers: tuple[str, ...] = field(default=(), repr=False)
    input_format: Encoding = "pcm16"
    input_rate: int = 24_000
    output_format: Encoding = "pcm16"
    output_rate: int = 24_000
    """Sound on a WebSocket; rates in Hz."""
    chunk: float = 0.02
    """Seconds of microphone in one WebSocket message."""
    connect_timeout: float = 10.0
    translates: bool = False
    """It has translation sessions (`/realtime/translations` below the base URL)."""
    session_limit: float | None = None
    """Seconds after which the service ends a session."""
    quirks: frozenset[str] = frozenset()
