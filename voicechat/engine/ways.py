"""Which way to a service is tried: transport and handshake, from what the user said, what worked before, what failed.

WebRTC comes first unless somebody said otherwise, or this service refused it. What was remembered is tried first and
forgotten when the service refuses it. Falling back to WebSocket is the core's decision (R27); here is only known what
the service said when it refused the rest, so that the last refusal can name them all in one sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from voicechat.config.providers import Provider
from voicechat.config.service_memory import Known, ServiceMemory
from voicechat.errors import SignallingError
from voicechat.transports.probing import CHECK_ADDRESS, NO_HANDSHAKE, is_about_the_handshake
from voicechat.transports.target import HandshakeWish, LineTarget

Transport = Literal["WebRTC", "WebSocket"]
BETA_HEADER = "openai-beta"
BETA_IS_OFF = "beta_api_shape_disabled"
FALLS_BACK = (NO_HANDSHAKE, "no_media", "timeout")
"""Codes of WebRTC after which WebSocket is tried now."""
REFUSED_BEFORE = "this service took no WebRTC call before"


@dataclass(frozen=True, slots=True)
class Way:
    """One attempt."""

    transport: Transport
    handshake: HandshakeWish
    is_remembered: bool = False
    """It worked the last time, and the user did not ask for it."""

    @property
    def why(self) -> str:
        """Why this transport; empty where it is the one to begin with."""
        return REFUSED_BEFORE if self.is_remembered and self.transport == "WebSocket" else ""


class Ways:
    """The ways to one service during one talk."""

    def __init__(self, provider: Provider, memory: ServiceMemory) -> None:
        self._provider = provider
        self._memory = memory
        self._no_webrtc: SignallingError | None = None
        """Why WebRTC did not connect, until it does."""
        self._beta_is_off = False
        self._is_kept = provider.name != "local"

    def first(self, base_url: str, asked: Literal["auto", "WebRTC", "WebSocket"]) -> Way:
        """What to try now; `asked` is the core's word."""
        known = self._memory.known(base_url) if self._is_kept else Known()
        wish = self._provider.transport
        if asked == "WebSocket" or (asked == "auto" and wish == "websocket"):
            return Way("WebSocket", "auto")
        if asked == "auto" and wish == "auto" and known.transport == "websocket":
            return Way("WebSocket", "auto", is_remembered=True)
        own = self._provider.handshake
        if self._beta_is_off and own == "sessions":
            own = "auto"
        if own == "auto" and known.handshake:
            return Way("WebRTC", known.handshake, is_remembered=True)
        return Way("WebRTC", own)

    def fitted(self, target: LineTarget, way: Way) -> LineTarget:
        """The target for this way."""
        headers = without_beta(target.headers) if self._beta_is_off else target.headers
        return replace(target, handshake=way.handshake, headers=headers)

    def other(self, base_url: str, way: Way, error: SignallingError) -> bool:
        """Whether there is another way to try at once after this refusal."""
        if BETA_IS_OFF in f"{error.code} {error.message}" and not self._beta_is_off:
            self._beta_is_off = True
            return True
        if way.is_remembered and (is_about_the_handshake(error) or error.code == NO_HANDSHAKE):
            self._memory.forget(base_url)
            return True
        return False

    def explained(self, way: Way, error: SignallingError) -> SignallingError:
        """The refusal as it is told: that of the last transport names what the first one met."""
        if way.transport == "WebRTC":
            self._no_webrtc = error if error.code in FALLS_BACK else None
            return error
        before = self._no_webrtc
        if before is None:
            return error
        about_address = before.hint if before.code == NO_HANDSHAKE else CHECK_ADDRESS
        hint = about_address if is_about_the_handshake(error) else error.hint
        return SignallingError(
            f"{before.message}; WebSocket: {error.message}",
            hint=before.hint if before.code == "no_media" else hint,
            retryable=error.retryable,
            status=error.status,
            code=error.code,
            retry_after=error.retry_after,
        )

    def worked(self, base_url: str, way: Way, handshake: str) -> None:
        """Keep what worked, as far as the user left it open."""
        known = self._memory.known(base_url)
        if way.transport == "WebRTC":
            self._no_webrtc = None
            taken = handshake if self._provider.handshake == "auto" else known.handshake
            known = Known(taken, "webrtc", known.dialect)  # type: ignore[arg-type]  # a Handshake of the line's
        elif self._was_refused and self._provider.transport == "auto":
            known = Known("", "websocket", known.dialect)
        self._keep(base_url, known)

    def spoke(self, base_url: str, dialect: Literal["", "ga", "beta", "xai"]) -> None:
        """Keep the dialect that was spoken, if it was found out."""
        if dialect and self._provider.dialect == "auto":
            known = self._memory.known(base_url)
            self._keep(base_url, Known(known.handshake, known.transport, dialect))

    def dialect(self, base_url: str) -> Literal["", "ga", "beta", "xai"]:
        """What is spoken at first: what was remembered, or GA where beta was switched off; empty where nobody knows."""
        if self._beta_is_off:
            return "ga"
        return self._memory.known(base_url).dialect if self._is_kept and self._provider.dialect == "auto" else ""

    @property
    def _was_refused(self) -> bool:
        """By the service, not by a network without UDP: that is worth remembering."""
        return self._no_webrtc is not None and self._no_webrtc.code == NO_HANDSHAKE

    def _keep(self, base_url: str, known: Known) -> None:
        if self._is_kept:
            self._memory.remember(base_url, known)


def without_beta(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers without the one that asks for the beta interface."""
    return {name: value for name, value in headers.items() if name.lower() != BETA_HEADER}
