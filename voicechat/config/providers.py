"""Providers are data: where they are, what their models and voices are called, what they need of us."""

from __future__ import annotations

from dataclasses import dataclass

from voicechat.config.settings import Settings


@dataclass(frozen=True, slots=True)
class Provider:
    name: str
    title: str
    base_url: str
    model: str
    voice: str
    transcription_model: str
    needs_key: bool
    session_limit: float | None = None
    """Seconds after which the service ends a session."""


PROVIDERS = {
    "local": Provider("local", "local", "", "voicechat-local", "heart", "moonshine-tiny-en", needs_key=False),
    "openai": Provider(
        "openai",
        "OpenAI",
        "https://api.openai.com/v1",
        "gpt-realtime-2.1",
        "marin",
        "gpt-transcribe",
        needs_key=True,
        session_limit=3600.0,
    ),
    "custom": Provider("custom", "custom", "", "gpt-realtime-2.1", "marin", "gpt-transcribe", needs_key=False),
}


def provider_of(settings: Settings) -> Provider:
    return PROVIDERS[settings.provider]
