"""Who translates, and which key travels where."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.each import each
from voicechat.config.settings import Settings
from voicechat.errors import ConfigError
from voicechat.translation.options import Endpoint, translation_options

KEYS = {
    "VOICECHAT_API_KEY": "vc-key",
    "OPENAI_API_KEY": "openai-key",
    "AZURE_OPENAI_API_KEY": "azure-key",
    "NEW_API_KEY": "newapi-key",
}
OWN = {**KEYS, "VOICECHAT_TRANSLATE_KEY": "own-key"}


def endpoint_of(environ: dict[str, str] = KEYS, **said: object) -> Endpoint:
    settings = Settings(translate="de", given=frozenset(said), **said)  # type: ignore[arg-type]  # names of settings
    wish = translation_options(settings, environ)
    assert wish is not None
    return wish.endpoint


def test_without_a_language_nothing_is_translated_and_one_is_told_by_its_name() -> None:
    assert translation_options(Settings(), KEYS) is None
    wish = translation_options(Settings(translate="pt-BR", provider="openai"), KEYS)
    assert wish is not None and wish.language == "Portuguese (BR)"


def test_the_providers_own_address_gets_the_providers_key() -> None:
    at = endpoint_of(environ={"OPENAI_API_KEY": "openai-key"}, provider="openai")
    assert at.key == "openai-key" and at.auth_style == "bearer"
    assert at.chat_url == "https://api.openai.com/v1/chat/completions"
    assert at.responses_url == "https://api.openai.com/v1/responses"
    assert at.model


def test_azure_gets_its_key_in_its_own_header() -> None:
    at = endpoint_of(
        environ={"AZURE_OPENAI_API_KEY": "azure-key"}, provider="azure", resource="mine", translate_model="my-gpt"
    )
    assert (at.key, at.auth_style) == ("azure-key", "api-key")
    assert at.chat_url == "https://mine.openai.azure.com/openai/v1/chat/completions"


@each("provider", ["openai", "azure", "newapi", "custom", "local"])
def test_no_key_but_its_own_travels_to_another_address(provider: str) -> None:
    secret = {"headers": {"X-Gateway": "secret"}, "query": {"tenant": "secret"}}
    gateway: dict[str, Any] = {"provider": provider, "base_url": "https://talk.example/v1", **secret}
    elsewhere: dict[str, Any] = {"translate_url": "https://elsewhere.example/v1", "translate_model": "m"}
    at = endpoint_of(**gateway, **elsewhere)
    assert at.key == "" and not at.headers and not at.query
    own = endpoint_of(environ=OWN, provider=provider, **elsewhere)
    assert own.key == "own-key" and "own-key" not in repr(own)


def test_openais_key_goes_to_openai_when_its_address_is_named() -> None:
    at = endpoint_of(provider="local", translate_url="https://api.openai.com/v1")
    assert at.key == "openai-key"
    near = endpoint_of(provider="local", translate_url="https://api.openai.com.evil.example/v1", translate_model="m")
    assert near.key == ""


def test_a_gateways_headers_go_to_the_gateway() -> None:
    at = endpoint_of(
        provider="custom",
        base_url="https://gate.example/v1",
        headers={"X-Gateway": "secret", "OpenAI-Beta": "realtime=v1"},
        translate_model="m",
    )
    assert dict(at.headers) == {"X-Gateway": "secret"} and at.key == "vc-key"


@each("said", [{}, {"headers": {"X-Gateway": "secret"}}])
def test_no_secret_travels_unencrypted(said: dict[str, object]) -> None:
    environ = KEYS if not said else {}
    asked: dict[str, Any] = {"provider": "custom", "base_url": "http://gate.example/v1", "translate_model": "m", **said}
    with pytest.raises(ConfigError, match="without encryption"):
        endpoint_of(environ, **asked)
    at = endpoint_of(environ, insecure=True, **asked)
    assert at.key or at.headers


@each(
    ("address", "chat", "responses"),
    [
        ("http://127.0.0.1:11434", "http://127.0.0.1:11434/v1/chat/completions", "http://127.0.0.1:11434/v1/responses"),
        ("127.0.0.1:11434/v1/", "http://127.0.0.1:11434/v1/chat/completions", "http://127.0.0.1:11434/v1/responses"),
        ("http://127.0.0.1:9/v1/responses", "", "http://127.0.0.1:9/v1/responses"),
        ("http://127.0.0.1:9/v1/chat/completions", "http://127.0.0.1:9/v1/chat/completions", ""),
        ("http://127.0.0.1:9/v1/chat/completions?a=b", "http://127.0.0.1:9/v1/chat/completions?a=b", ""),
    ],
)
def test_an_address_names_its_kind_or_leaves_both_open(address: str, chat: str, responses: str) -> None:
    at = endpoint_of(translate_url=address)
    assert (at.chat_url, at.responses_url) == (chat, responses)


def test_the_local_server_uses_its_language_model_or_says_what_is_needed() -> None:
    with pytest.raises(ConfigError, match="needs a text endpoint") as raised:
        translation_options(Settings(translate="German"), {})
    assert "--translate-url" in raised.value.hint
    at = endpoint_of(brain_url="http://127.0.0.1:11434/v1", brain_model="qwen3")
    assert at.chat_url == "http://127.0.0.1:11434/v1/chat/completions" and at.model == "qwen3" and not at.key
    with pytest.raises(ConfigError, match="which model") as raised:
        endpoint_of(translate_url="https://many.example/v1")
    assert "--translate-model" in raised.value.hint


@each("address", ["ftp://x", "https://me:secret@host.example/v1", "https://"])
def test_what_is_no_address_is_refused_without_quoting_it(address: str) -> None:
    with pytest.raises(ConfigError) as raised:
        endpoint_of(translate_url=address, translate_model="m")
    assert "secret" not in f"{raised.value.message} {raised.value.hint}"
