"""From settings to the record a line is opened with: addresses filled in, secrets looked up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voicechat.config.providers import Provider, address
from voicechat.config.secrets import TOKEN_ACCESS, filled
from voicechat.config.settings import Settings
from voicechat.transports.target import Api, LineTarget


def service_target(
    settings: Settings,
    provider: Provider,
    key: str,
    environ: Mapping[str, str],
    base_url: str,
    session: Mapping[str, Any],
) -> LineTarget:
    """The target of one call with this session. Raises ConfigError for a header whose variable is not set."""
    model = str(session.get("model", ""))
    api: Api = "translation" if session.get("type") == "translation" else "realtime"
    if provider.dialect == "live":
        api = "live"
    return LineTarget(
        base_url=base_url,
        key=key,
        model=model,
        handshake=provider.handshake,
        session=session,
        headers=filled(provider.headers, environ),
        query=filled(provider.query, environ),
        ice_servers=provider.ice_servers,
        connect_timeout=provider.connect_timeout,
        transport=provider.transport,
        auth_style=provider.auth_style,
        websocket_url=address(provider.websocket_url, base_url, model),
        webrtc_url=address(provider.webrtc_url, base_url, model),
        mint_url=address(provider.mint_url, base_url, model),
        token_url=settings.token_url,
        token_access=environ.get(TOKEN_ACCESS, "").strip(),
        input_format=(provider.input_format, provider.input_rate),
        output_format=(provider.output_format, provider.output_rate),
        chunk=provider.chunk,
        api=api,
        insecure=settings.insecure,
        quirks=provider.quirks,
    )
