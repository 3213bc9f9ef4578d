"""Which layer wins, where each value says it came from, and whose key a command gives."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from voicechat.config.load import load, load_settings
from voicechat.errors import ConfigError

LAYERS = ("flag", "environment", "profile", "file")
"""From the strongest to the weakest."""


@pytest.mark.parametrize("present", [c for n in range(5) for c in itertools.combinations(LAYERS, n)])
def test_the_strongest_layer_that_speaks_is_heard_and_named(tmp_path: Path, present: tuple[str, ...]) -> None:
    path = tmp_path / "config.toml"
    top = 'model = "file"\n' if "file" in present else "# nothing\n"
    own = 'model = "profile"\n' if "profile" in present else ""
    path.write_text(f'{top}profile = "work"\n[profiles.work]\n{own}')
    flags = {"model": "flag"} if "flag" in present else {"model": None}
    environ = {"VOICECHAT_MODEL": "environment"} if "environment" in present else {}
    loaded = load(flags, environ, path)
    winner = next((layer for layer in LAYERS if layer in present), "")
    sources = {
        "flag": "--model",
        "environment": "VOICECHAT_MODEL",
        "profile": f"profile work ({path}:4)",
        "file": f"{path}:1",
        "": "default",
    }
    assert (loaded.settings.model, loaded.source("model")) == (winner, sources[winner])


def test_a_flag_chooses_the_profile_before_the_environment_and_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('profile = "a"\n[profiles.a]\nvoice="a"\n[profiles.b]\nvoice="b"\n[profiles.c]\nvoice="c"\n')
    environ = {"VOICECHAT_PROFILE": "b"}
    assert load({"profile": "c"}, environ, path).settings.voice == "c"
    assert load({}, environ, path).settings.voice == "b"
    assert load({}, {}, path).settings.voice == "a"


def test_options_are_named_as_they_are_typed(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("")
    loaded = load({"echo_cancel": False, "base_url": "http://127.0.0.1:9"}, {}, path)
    assert loaded.source("echo_cancel") == "--no-echo"
    assert (loaded.settings.provider, loaded.source("provider")) == ("custom", "base_url was given")


COMMAND = 'api_key_command = ["pass", "show", "my key"]\n'


@pytest.mark.parametrize(
    ("text", "flags", "is_used"),
    [
        (COMMAND, {"provider": "openai"}, True),
        (COMMAND, {"base_url": "https://elsewhere.example"}, False),
        (COMMAND, {"provider": "newapi", "base_url": "https://elsewhere.example"}, False),
        (COMMAND + 'base_url = "https://mine.example"\n', {}, True),
        (COMMAND + 'base_url = "https://mine.example"\n', {"base_url": "https://elsewhere.example"}, False),
        (COMMAND + 'base_url = "https://mine.example"\n', {"provider": "openai", "base_url": ""}, False),
        (COMMAND + '[profiles.x]\nbase_url = "https://other.example"\n', {"profile": "x"}, False),
        (f'[profiles.x]\nbase_url = "https://other.example"\n{COMMAND}', {"profile": "x"}, True),
    ],
)
def test_a_command_gives_its_key_to_the_service_beside_it_alone(
    tmp_path: Path, text: str, flags: dict[str, str], is_used: bool
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    path.chmod(0o600)
    settings = load_settings(flags, {}, path)
    assert settings.api_key_command == ("pass show 'my key'" if is_used else "")
    assert bool(settings.remarks) is not is_used


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_a_file_with_secrets_in_it_should_be_private(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    for text, mode, remarks in (
        (COMMAND, 0o600, 0),
        (COMMAND, 0o640, 1),
        ('[headers]\nX-Team = "voice"\n', 0o644, 1),
        ('[profiles.a.headers]\nX-Team = "voice"\n', 0o644, 1),
        ('model = "x"\n', 0o644, 0),
    ):
        path.write_text(text)
        path.chmod(mode)
        found = load_settings({}, {}, path).remarks
        assert len(found) == remarks and all("chmod 600" in remark for remark in found)


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_a_command_that_anybody_may_change_is_never_run(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(COMMAND)
    path.chmod(0o602)
    with pytest.raises(ConfigError, match="everybody may change it"):
        load_settings({}, {}, path)
