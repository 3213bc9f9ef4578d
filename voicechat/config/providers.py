"""Which service this talk is with: a preset, and what the settings say otherwise."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

from voicechat.config.provider import Provider as Provider
from voicechat.config.provider_presets import PROVIDERS as PROVIDERS
from voicechat.config.settings import TABLE, Settings
from voicechat.errors import ConfigError

AS_WRITTEN = (
    "base_url",
    "auth_style",
    "handshake",
    "dialect",
    "transport",
    "websocket_url",
    "webrtc_url",
    "mint_url",
    "ice_servers",
    "connect_timeout",
    "input_format",
    "output_format",
)
"""Settings that overrule the preset's field of the same name."""
TRANSLATION_MODEL = "gpt-realtime-translate"
"""It works in translation sessions alone (`live_translation`)."""
_RESOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")


def provider_of(settings: Settings) -> Provider:
    """The preset with the user's own wishes in it; addresses are complete, except for the model's name."""
    preset = PROVIDERS[settings.provider]
    own: dict[str, Any] = {name: getattr(settings, name) for name in AS_WRITTEN if _is_said(settings, name)}
    if _is_said(settings, "input_rate"):
        own["input_rate"] = int(settings.input_rate)
    if _is_said(settings, "output_rate"):
        own["output_rate"] = int(settings.output_rate)
    if _is_said(settings, "websocket_chunk_ms"):
        own["chunk"] = settings.websocket_chunk_ms / 1000
    if _is_said(settings, "session_limit"):
        own["session_limit"] = settings.session_limit or None
    provider = replace(
        preset,
        **own,
        headers={**preset.headers, **settings.headers},
        query={**preset.query, **settings.query},
        quirks=preset.quirks | set(settings.quirks),
    )
    return replace(provider, base_url=provider.base_url.replace("{resource}", settings.resource))


def why_impossible(settings: Settings) -> ConfigError | None:
    """What a provider needs and was not given, before anybody is called; a key is not asked for here."""
    provider = PROVIDERS[settings.provider]
    if settings.resource and not _RESOURCE.fullmatch(settings.resource):
        return ConfigError("resource is not the name of a resource", hint='for example resource = "my-resource"')
    if not settings.base_url and "{resource}" in provider.base_url and not settings.resource:
        return ConfigError(
            f"provider {provider.name} needs the address of your resource",
            hint=f"add --base-url {provider.base_url.format(resource='NAME')}, or resource to the configuration file",
        )
    if not settings.base_url and not provider.base_url and provider.name != "local":
        return ConfigError(f"provider {provider.name} needs an address", hint="add --base-url https://host/v1")
    if provider.needs_model and not settings.model and not settings.session:
        return ConfigError(f"provider {provider.name} needs {provider.needs_model}", hint="add --model NAME")
    return None


def address(template: str, base_url: str, model: str) -> str:
    """An address with `{origin}` and `{model}` filled in; empty stays empty."""
    parts = urlsplit(base_url if "://" in base_url else f"//{base_url}")
    origin = f"{parts.scheme or 'https'}://{parts.netloc}"
    return template.replace("{origin}", origin).replace("{model}", quote(model, safe=""))


def _is_said(settings: Settings, name: str) -> bool:
    """Whether the user spoke: also with the very word that is the default ("auto" overrules a preset)."""
    return name in settings.given or getattr(settings, name) != TABLE[name].default
