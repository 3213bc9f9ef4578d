"""Keys come from the environment, go only where they belong, and appear nowhere."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import keyring
import pytest

from voicechat.config import secrets
from voicechat.config.secrets import (
    Key,
    ask_keyring,
    find_key,
    key_lying_about,
    key_of_command,
    obtain_key,
    with_key,
)
from voicechat.config.settings import Settings
from voicechat.errors import ConfigError
from voicechat.journal.secrets_scan import scrubbed, without_keys

BOTH = {"VOICECHAT_API_KEY": "vc-key", "OPENAI_API_KEY": "sk-key"}


def test_a_key_in_the_environment_alone_is_only_mentioned() -> None:
    assert find_key(BOTH, "local") == ("", "")
    assert key_lying_about(BOTH) == "VOICECHAT_API_KEY"
    assert key_lying_about({"OPENAI_API_KEY": "  "}) == ""


def test_the_local_server_gets_no_keys() -> None:
    assert without_keys({**BOTH, "PATH": "/bin", "HF_TOKEN": "x"}) == {"PATH": "/bin"}


def test_a_key_is_hidden_in_whatever_a_server_says() -> None:
    assert scrubbed("Incorrect API key: own-key-123", ("own-key-123",)) == "Incorrect API key: [key]"
    assert scrubbed("Incorrect API key: sk-proj-123456", ()) == "Incorrect API key: [key]"
    assert scrubbed("ab", ("ab",)) == "ab"


def settings_with(**values: object) -> Settings:
    return Settings(**values)  # type: ignore[arg-type]  # each test writes what it needs


def script(tmp_path: Path, body: str) -> str:
    path = tmp_path / "give key"
    path.write_text(f"#!{sys.executable}\nimport sys\n{body}\n")
    path.chmod(0o755)
    return shlex.join([str(path), "one argument", "$HOME; echo no"])


def test_a_key_of_a_service_stays_with_its_domain() -> None:
    keys = {"OPENAI_API_KEY": "sk-key"}
    assert find_key(keys, "openai", "https://eu.api.openai.com/v1") == ("OPENAI_API_KEY", "sk-key")
    for elsewhere in (
        "https://openai.com.evil.example",
        "https://evilopenai.com",
        "gateway.example/v1",
        "http://[::1]:4000",
    ):
        assert find_key(keys, "openai", elsewhere) == ("", "")


def test_the_order_is_environment_command_keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "get_password", lambda service, user: f"{service}/{user}")
    command = script(tmp_path, "print('from-command')\nprint('second line')")
    environ = dict(os.environ) | {"OPENAI_API_KEY": "from-environment"}
    with_command = settings_with(provider="openai", api_key_command=command)
    without = dict(os.environ) | {"OPENAI_API_KEY": "", "VOICECHAT_API_KEY": ""}
    assert obtain_key(with_command, environ, needed=True).source == "OPENAI_API_KEY"
    found = obtain_key(with_command, without, needed=True)
    assert (found.value, found.source) == ("from-command", "api_key_command")
    found = obtain_key(settings_with(provider="openai"), without, needed=True)
    assert (found.value, found.source) == ("voicechat/openai", "keyring")
    assert obtain_key(settings_with(provider="speaches"), without, needed=False).value == ""
    assert obtain_key(settings_with(provider="local", api_key_command=command), without, needed=True).value == ""
    assert "voicechat/openai" not in repr(found)


def test_a_command_sees_its_arguments_as_written_and_no_shell(tmp_path: Path) -> None:
    assert (
        key_of_command(script(tmp_path, "print('|'.join(sys.argv[1:]))"), os.environ) == "one argument|$HOME; echo no"
    )


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("sys.stdout.write('sk-half'); sys.exit(3)", "ended with status 3"),
        ("pass", "printed no key"),
        ("print()\nprint('sk-late')", "printed no key"),
        ("sys.stdout.write('sk-half'); sys.stdout.flush()\nimport time\ntime.sleep(60)", "took more than"),
    ],
)
def test_a_command_that_fails_is_told_without_what_it_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, says: str
) -> None:
    monkeypatch.setattr(secrets, "COMMAND_LIMIT", 0.5)
    with pytest.raises(ConfigError, match=says) as error:
        key_of_command(script(tmp_path, body), os.environ)
    assert "sk-" not in str(error.value) and error.value.hint


@pytest.mark.parametrize("command", ["", "  ", "'unclosed", "/nowhere/at/all", "a\0b"])
def test_a_command_that_is_none_is_a_sentence(command: str) -> None:
    with pytest.raises(ConfigError, match="api_key_command"):
        key_of_command(command, os.environ)


def test_a_keyring_that_fails_or_is_empty_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(service: str, user: str) -> str:
        raise RuntimeError("D-Bus: sk-secret")

    monkeypatch.setattr(keyring, "get_password", broken)
    assert ask_keyring("openai") == ("", "the keyring cannot be asked (RuntimeError)")
    monkeypatch.setattr(keyring, "get_password", lambda service, user: None)
    assert ask_keyring("openai") == ("", "no entry: keyring set voicechat openai")


def test_the_engine_gets_a_found_key_by_environment_and_the_local_server_does_not() -> None:
    environ = with_key({"PATH": "/bin"}, Key("sk-found", "keyring"))
    assert find_key(environ, "openai") == ("VOICECHAT_API_KEY", "sk-found")
    assert without_keys(environ | {"VOICECHAT_TOKEN_ACCESS": "x"}) == {"PATH": "/bin"}
    assert with_key({"OPENAI_API_KEY": "k"}, Key("k", "OPENAI_API_KEY")) == {"OPENAI_API_KEY": "k"}


def test_the_key_of_the_translation_stays_with_those_who_translate() -> None:
    assert without_keys({"VOICECHAT_TRANSLATE_KEY": "secret", "LANG": "C"}) == {"LANG": "C"}
