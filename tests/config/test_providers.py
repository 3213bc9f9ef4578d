"""Presets are data, every setting overrules them, and keys go only where they belong."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from voicechat.config.load import load_settings
from voicechat.config.provider import AUTH_STYLES, DIALECTS, ENCODINGS, HANDSHAKES, QUIRKS, TRANSPORTS
from voicechat.config.providers import PROVIDERS, address, provider_of
from voicechat.config.retired import retired_notes
from voicechat.config.secrets import find_key
from voicechat.config.settings import Settings
from voicechat.config.wish import plan
from voicechat.errors import ConfigError
from voicechat.protocol.session_dialects import BetaDialect
from voicechat.transports.endpoint import endpoint

TODAY = date(2026, 11, 21)


def settings_of(tmp_path: Path, text: str, **flags: object) -> Settings:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(flags, {}, path)


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_preset_says_only_what_the_model_knows(name: str) -> None:
    provider = PROVIDERS[name]
    assert provider.name == name and provider.title
    assert provider.handshake in HANDSHAKES and provider.transport in TRANSPORTS
    assert provider.dialect in DIALECTS and provider.auth_style in AUTH_STYLES
    assert provider.input_format in ENCODINGS and provider.output_format in ENCODINGS
    assert provider.quirks <= QUIRKS.keys()
    assert 0.02 <= provider.chunk <= 0.04
    if provider.base_url:
        endpoint(provider.base_url.replace("{resource}", "r"), "realtime")
    assert not provider.needs_key or provider.key_variables


@pytest.mark.parametrize("name", [name for name in PROVIDERS if name != "local"])
def test_a_key_of_openai_never_travels_to_another_service(name: str) -> None:
    environ = {"OPENAI_API_KEY": "sk-openai"}
    assert find_key(environ, name) == (("OPENAI_API_KEY", "sk-openai") if name == "openai" else ("", ""))
    assert find_key(environ, name, "https://gateway.example/v1") == ("", "")
    both = environ | {"VOICECHAT_API_KEY": "vc-key"}
    assert find_key(both, name, "https://gateway.example/v1") == ("VOICECHAT_API_KEY", "vc-key")


def test_a_service_has_a_variable_of_its_own() -> None:
    assert find_key({"NEW_API_KEY": "new"}, "newapi", "https://gateway.example") == ("NEW_API_KEY", "new")
    assert find_key({"VOICECHAT_API_KEY": "vc"}, "newapi") == ("VOICECHAT_API_KEY", "vc")


def test_settings_overrule_a_preset_field_by_field(tmp_path: Path) -> None:
    text = """
provider = "newapi"
base_url = "https://gateway.example/v1"
handshake = "auto"
transport = "websocket"
input_rate = 16000
input_format = "pcmu"
websocket_chunk_ms = 40
session_limit = 900
quirks = ["commit_after_stop"]
ice_servers = ["stun:stun.example.org", "turn:me:secret@turn.example.org:3478"]
[headers]
X-Team = "voice"
[query]
tenant = "a"
"""
    provider = provider_of(settings_of(tmp_path, text))
    assert (provider.handshake, provider.transport, provider.dialect) == ("auto", "websocket", "beta")
    assert (provider.input_format, provider.input_rate, provider.output_rate) == ("pcmu", 16_000, 24_000)
    assert provider.chunk == 0.04 and provider.session_limit == 900.0
    assert provider.headers == {"OpenAI-Beta": "realtime=v1", "X-Team": "voice"} and provider.query == {"tenant": "a"}
    assert len(provider.ice_servers) == 2 and "secret" not in repr(provider)


def test_a_quirk_becomes_a_rule(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, 'base_url = "http://127.0.0.1:9"\nquirks = ["commit_after_stop"]')
    assert plan(settings).policy.commit_after_stop == 2.0
    assert plan(Settings()).policy.commit_after_stop is None


def test_azure_is_found_by_its_resource_or_its_address(tmp_path: Path) -> None:
    by_name = provider_of(settings_of(tmp_path, 'provider = "azure"\nresource = "mine"\nmodel = "dep"'))
    assert by_name.base_url == "https://mine.openai.azure.com/openai/v1"
    by_address = settings_of(tmp_path, 'provider = "azure"\nbase_url = "https://x.example/openai/v1"\nmodel = "dep"')
    assert provider_of(by_address).base_url == "https://x.example/openai/v1"
    preview = provider_of(settings_of(tmp_path, 'provider = "azure-preview"\nresource = "mine"\nmodel = "dep"'))
    assert (
        address(preview.websocket_url, preview.base_url, "my dep")
        == "https://mine.openai.azure.com/openai/realtime?api-version=2025-04-01-preview&deployment=my%20dep"
    )


def test_azure_voice_live_is_called_at_its_resource_and_takes_more_than_openai(tmp_path: Path) -> None:
    file = tmp_path / "session.json"
    wishes = {
        "turn_detection": {"type": "azure_semantic_vad", "remove_filler_words": True},
        "input_audio_noise_reduction": {"type": "azure_deep_noise_suppression"},
        "input_audio_echo_cancellation": {"type": "server_echo_cancellation"},
        "voice": {"type": "azure-standard", "name": "en-US-AvaNeural", "rate": "1.2"},
    }
    file.write_text(json.dumps(wishes), encoding="utf-8")
    text = f'provider = "azure-voice-live"\nresource = "mine"\nsession = "{file}"'
    wanted = plan(settings_of(tmp_path, text))
    assert address(wanted.provider.websocket_url, wanted.provider.base_url, "gpt-realtime") == (
        "https://mine.services.ai.azure.com/voice-live/realtime?api-version=2026-07-15&model=gpt-realtime"
    )
    sent = BetaDialect().session(wanted.wishes.session).session
    assert {name: sent.get(name) for name in wishes} == wishes
    assert len([one for one in wanted.remarks if "OpenAI" in one or "provider" in one]) == len(wishes)
    with pytest.raises(ConfigError):
        settings_of(tmp_path, f'session = "{file}"')
        plan(settings_of(tmp_path, f'session = "{file}"'))


def test_a_preset_may_say_what_a_session_needs_there(tmp_path: Path) -> None:
    wanted = plan(settings_of(tmp_path, 'provider = "glm"'))
    sent = BetaDialect().session(wanted.wishes.session).session
    assert (sent["input_audio_format"], sent["beta_fields"]) == ("pcm16", {"chat_mode": "audio", "tts_source": "e2e"})
    assert wanted.provider.input_rate == 16_000


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ('provider = "azure-voice-live"', "needs the address of your resource", "https://NAME.services.ai.azure.com"),
        ('provider = "azure"\nmodel = "d"', "needs the address of your resource", "--base-url"),
        ('provider = "azure"\nresource = "a/b"\nmodel = "d"', "not the name of a resource", "my-resource"),
        ('provider = "azure"\nresource = "r"', "needs the name of your deployment", "--model"),
        ('provider = "newapi"', "needs an address", "--base-url"),
        ('provider = "custom"', "needs an address", "--base-url"),
        ('provider = "localai"', "needs the name of a pipeline", "--model"),
        ('base_url = "http://h"\n[headers]\n"a b" = "c"', "cannot be the name of a header", "X-Team"),
        ('base_url = "http://h"\n[headers]\nX-A = "s3cret\\n"', "characters that no header has", "copy it again"),
        ('base_url = "http://h"\nice_servers = ["http://x"]', "no STUN or TURN server", "stun:"),
        ('base_url = "http://h"\nquirks = ["dances"]', "'dances'", "commit_after_stop"),
        ('base_url = "http://h"\nhandshake = "spd"', "'spd'", "did you mean sdp?"),
    ],
)
def test_what_a_provider_lacks_is_said_before_anybody_is_called(
    tmp_path: Path, text: str, says: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as error:
        settings_of(tmp_path, text)
    assert says in error.value.message and hint in str(error.value)
    assert "s3cret" not in str(error.value)


def test_a_session_leaves_out_what_a_service_has_no_name_for(tmp_path: Path) -> None:
    wishes = plan(settings_of(tmp_path, 'provider = "speech-to-speech"')).wishes
    assert "model" not in wishes.session and wishes.session["audio"]["output"] == {}
    assert "transcription" not in wishes.session["audio"]["input"]
    assert wishes.is_loopback


@pytest.mark.parametrize(
    ("name", "model", "heard", "says"),
    [
        ("openai", "gpt-realtime", "gpt-transcribe", ["2027-01-20", "gpt-realtime-2.1"]),
        ("openai", "gpt-realtime-mini-2025-12-15", "gpt-transcribe", ["gpt-realtime-2.1-mini"]),
        ("openai", "gpt-4o-realtime-preview-2024-12-17", "gpt-transcribe", ["was switched off", "2026-05-07"]),
        ("openai", "gpt-realtime-2.1", "whisper-1", ["whisper-1", "2027-02-26", "gpt-transcribe"]),
        ("litellm", "gpt-realtime", "gpt-transcribe", ["at OpenAI"]),
    ],
)
def test_a_retired_name_is_told_with_its_replacement(name: str, model: str, heard: str, says: list[str]) -> None:
    session = {"model": model, "audio": {"input": {"transcription": {"model": heard}}}}
    (note,) = retired_notes(PROVIDERS[name], session, TODAY)
    assert all(part in note for part in says)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("openai", "gpt-realtime-2.1"),
        ("openai", "gpt-realtime-1.5"),
        ("openai", "gpt-realtime-2"),
        ("openai", "gpt-realtime-mini-2"),
        ("azure", "gpt-realtime"),
        ("custom", "gpt-realtime"),
        ("local", "voicechat-local"),
    ],
)
def test_a_name_that_goes_on_is_left_alone(name: str, model: str) -> None:
    assert list(retired_notes(PROVIDERS[name], {"model": model}, TODAY)) == []


def test_the_beta_of_openai_is_named_in_header_and_dialect(tmp_path: Path) -> None:
    text = 'provider = "openai"\ndialect = "beta"\n[headers]\nOpenAI-Beta = "realtime=v1"'
    notes = list(retired_notes(provider_of(settings_of(tmp_path, text)), {"model": "gpt-realtime-2.1"}, TODAY))
    assert len(notes) == 2 and "header" in notes[0] and "dialect" in notes[1]
