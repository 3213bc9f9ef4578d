"""Headers, query and ICE servers reach the engine, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicechat.config.load import load_settings
from voicechat.config.secrets import filled, private_environ, with_private
from voicechat.config.settings import as_plain, from_plain
from voicechat.errors import ConfigError
from voicechat.journal.secrets_scan import without_keys

FLAGS = {
    "base_url": "https://h.example",
    "headers": ["X-Gate=s3cret=1", "X-Team = voice"],
    "query": ["code=s3cret-code"],
    "ice_servers": ["turn:me:s3cret-turn@h.example:3478"],
}


def test_they_travel_by_environment_and_arrive_whole(tmp_path: Path) -> None:
    settings = load_settings(FLAGS, {}, _empty(tmp_path))
    hello = as_plain(settings)
    assert "s3cret" not in repr(hello) and "s3cret" not in repr(settings)
    assert with_private(from_plain(hello), private_environ(settings)) == settings
    assert settings.headers == {"X-Gate": "s3cret=1", "X-Team": "voice"}


def test_without_them_nothing_of_another_run_is_left(tmp_path: Path) -> None:
    settings = load_settings({"base_url": "https://h.example"}, {}, _empty(tmp_path))
    leftover = {"VOICECHAT_HEADERS": '{"X": "other"}'} | private_environ(settings)
    assert with_private(from_plain(as_plain(settings)), leftover).headers == {}


def test_the_local_server_gets_none_of_them(tmp_path: Path) -> None:
    environ = private_environ(load_settings(FLAGS, {}, _empty(tmp_path)))
    assert environ and without_keys(environ) == {}


def test_a_value_may_name_a_variable_instead_of_holding_the_secret() -> None:
    assert filled({"X-A": "env:GATE", "X-B": "plain"}, {"GATE": " s3cret "}) == {"X-A": "s3cret", "X-B": "plain"}
    with pytest.raises(ConfigError, match="X-A is to come from GATE, which is not set"):
        filled({"X-A": "env:GATE"}, {})


def test_an_option_without_a_value_is_refused_without_being_quoted(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--header needs NAME=VALUE") as error:
        load_settings({"base_url": "https://h.example", "headers": ["s3cret"]}, {}, _empty(tmp_path))
    assert "s3cret" not in str(error.value)


def test_the_environment_may_hold_them_as_a_user_writes_them(tmp_path: Path) -> None:
    environ = {"VOICECHAT_HEADERS": '{"X-Team": "voice"}', "VOICECHAT_ICE_SERVERS": "stun:a.example, stun:b.example"}
    settings = load_settings({"base_url": "https://h.example"}, environ, _empty(tmp_path))
    assert settings.headers == {"X-Team": "voice"}
    assert settings.ice_servers == ("stun:a.example", "stun:b.example")


def _empty(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text("", encoding="utf-8")
    return path
