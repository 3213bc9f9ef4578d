"""Who translates: the endpoint, its model, and the one key that may travel there. Asked before anybody is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from voicechat.config.provider_presets import PROVIDERS
from voicechat.config.providers import provider_of
from voicechat.config.secrets import belongs, find_key
from voicechat.config.settings import Settings
from voicechat.config.translation import side_language
from voicechat.errors import ConfigError, SignallingError
from voicechat.transports.endpoint import endpoint, is_loopback, is_same_service, may_carry_key
from voicechat.transports.target import OPEN_HEADERS, OPEN_QUERY

KEY_VARIABLE = "VOICECHAT_TRANSLATE_KEY"
"""A key for the endpoint of `translate_url` alone; there is no flag and no file for it."""
OPENAI_MODEL = "gpt-4.1-mini"
"""Where nothing else is said, and only at OpenAI's own address. A server on this machine is asked what it has."""
CHAT, RESPONSES = "chat/completions", "responses"
_NEEDS_ADDRESS = "--translate-url http://127.0.0.1:11434/v1 (Ollama and the like), or any chat-completions address"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where lines are sent. Two addresses while it is not known which of the two kinds the service speaks."""

    chat_url: str = ""
    responses_url: str = ""
    models_url: str = ""
    """Where the service lists its models; asked when none was named."""
    model: str = ""
    key: str = field(default="", repr=False)
    auth_style: Literal["bearer", "api-key", "query"] = "bearer"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Of the provider whose own address this is, else empty: they may hold secrets."""

    @property
    def host(self) -> str:
        """For sentences: never the whole address, whose query may hold a secret."""
        return urlsplit(self.chat_url or self.responses_url).netloc


@dataclass(frozen=True, slots=True)
class TranslationOptions:
    """A talk whose lines are translated."""

    language: str
    """English name of the language."""
    endpoint: Endpoint


def translation_options(settings: Settings, environ: Mapping[str, str]) -> TranslationOptions | None:
    """None: no side translation. Raises ConfigError for a language that is none and where no endpoint is known."""
    language = side_language(settings)
    if not language:
        return None
    provider = provider_of(settings)
    address = settings.translate_url or (settings.brain_url if provider.name == "local" else provider.base_url)
    if not address or address.lower() in ("none", "off", "built-in"):
        raise ConfigError("translation needs a text endpoint, and none is named", hint=_NEEDS_ADDRESS)
    model = settings.translate_model or ("" if settings.translate_url else settings.brain_model)
    try:
        at = _with_key(_addresses(address, model), settings, environ)
    except SignallingError as error:
        raise ConfigError("translate_url cannot be understood", hint=_NEEDS_ADDRESS) from error
    if not at.model and not is_loopback(urlsplit(at.models_url).hostname or ""):
        # The first of a long list may be the dearest.
        raise ConfigError(f"which model of {at.host} is to translate?", hint="add --translate-model NAME")
    return TranslationOptions(language, at)


def _addresses(address: str, model: str) -> Endpoint:
    """Either kind by its whole address, both below a base URL. Raises SignallingError."""
    path = urlsplit(address).path.rstrip("/")
    for suffix in (CHAT, RESPONSES):
        if path.endswith(f"/{suffix}"):
            base = address.replace(path, path.removesuffix(f"/{suffix}"), 1)
            root = endpoint(base, "models")
            whole = endpoint(base, suffix)
            return Endpoint(
                chat_url=whole if suffix == CHAT else "",
                responses_url=whole if suffix == RESPONSES else "",
                models_url=root,
                model=model or _known_model(whole),
            )
    urls = (endpoint(address, CHAT), endpoint(address, RESPONSES), endpoint(address, "models"))
    return Endpoint(*urls, model=model or _known_model(urls[0]))


def _known_model(url: str) -> str:
    return OPENAI_MODEL if (urlsplit(url).hostname or "") == "api.openai.com" else ""


def _with_key(at: Endpoint, settings: Settings, environ: Mapping[str, str]) -> Endpoint:
    """The endpoint with its key. Raises ConfigError rather than let a key travel unencrypted.

    Its own variable is meant for it. The provider's key, headers and query go along only to the provider's own address,
    and the variables of a known service only to that service's domains.
    """
    url = at.chat_url or at.responses_url
    provider = provider_of(settings)
    is_providers = bool(provider.base_url) and is_same_service(endpoint(provider.base_url, CHAT), url)
    key, style = environ.get(KEY_VARIABLE, "").strip(), "bearer"
    if not key and is_providers:
        _, key = find_key(environ, settings.provider, settings.base_url)
        style = provider.auth_style
    if not key:
        key, style = _of_known_service(url, environ)
    headers = {n: v for n, v in provider.headers.items() if is_providers and n.lower() not in OPEN_HEADERS}
    query = dict(provider.query) if is_providers else {}
    has_secret = bool(key or headers or query.keys() - OPEN_QUERY)
    if has_secret and not settings.insecure and not may_carry_key(url):
        raise ConfigError(
            f"the key will not be sent to {at.host} without encryption",
            hint="use an https:// address for translate_url",
        )
    return Endpoint(
        at.chat_url,
        at.responses_url,
        at.models_url,
        at.model,
        key,
        style,  # type: ignore[arg-type]  # one of the three, from a preset
        headers,
        query,
    )


def _of_known_service(url: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """(key, how it travels) of a service that has domains of its own; somebody who names its address chose it."""
    for preset in PROVIDERS.values():
        if preset.key_hosts and belongs(preset.key_hosts, url):
            for name in preset.key_variables:
                if key := environ.get(name, "").strip():
                    return key, preset.auth_style
    return "", "bearer"
