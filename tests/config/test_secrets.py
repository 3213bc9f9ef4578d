"""Keys come from the environment, go only where they belong, and appear nowhere."""

from __future__ import annotations

from voicechat.config.secrets import find_key, hide, key_lying_about, without_keys

BOTH = {"VOICECHAT_API_KEY": "vc-key", "OPENAI_API_KEY": "sk-key"}


def test_our_own_variable_is_asked_first() -> None:
    assert find_key(BOTH, "openai") == ("VOICECHAT_API_KEY", "vc-key")
    assert find_key({"OPENAI_API_KEY": "sk-key"}, "openai") == ("OPENAI_API_KEY", "sk-key")


def test_an_openai_key_never_travels_to_a_custom_address() -> None:
    assert find_key({"OPENAI_API_KEY": "sk-key"}, "custom") == ("", "")
    assert find_key(BOTH, "custom") == ("VOICECHAT_API_KEY", "vc-key")


def test_a_key_in_the_environment_alone_is_only_mentioned() -> None:
    assert find_key(BOTH, "local") == ("", "")
    assert key_lying_about(BOTH) == "VOICECHAT_API_KEY"
    assert key_lying_about({"OPENAI_API_KEY": "  "}) == ""


def test_the_local_server_gets_no_keys() -> None:
    assert without_keys({**BOTH, "PATH": "/bin", "HF_TOKEN": "x"}) == {"PATH": "/bin"}


def test_a_key_is_hidden_in_whatever_a_server_says() -> None:
    assert hide("Incorrect API key provided: sk-key-123", "sk-key-123") == "Incorrect API key provided: [key hidden]"
    assert hide("ab", "ab") == "ab"
