"""Settings: flags beat the environment, the environment beats the file, and a wrong value names its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicechat.config.load import load_settings
from voicechat.config.settings import as_plain, from_plain
from voicechat.errors import ConfigError


def config(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_profile_beats_the_rest_of_the_file(tmp_path: Path) -> None:
    path = config(
        tmp_path,
        'profile = "work"\nvoice = "ash"\n[profiles.work]\nvoice = "sage"\n[profiles.work.devices]\nmic = "Yeti"\n',
    )
    settings = load_settings({}, {}, path)
    assert (settings.voice, settings.mic) == ("sage", "Yeti")


def test_an_unknown_profile_names_those_there_are(tmp_path: Path) -> None:
    path = config(tmp_path, "[profiles.work]\n[profiles.home]\n")
    with pytest.raises(ConfigError, match="no profile 'wrok'") as error:
        load_settings({"profile": "wrok"}, {}, path)
    assert "home, work" in error.value.hint


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("presett = 'quick'", "presett is not a setting", "did you mean preset?"),
        ("preset = 'quik'", "preset cannot be 'quik'", "did you mean quick?"),
        ("volume = 7", "volume = 7.0 is out of range", "0 to 1.5"),
        ("ascii = 'yes'", "ascii must be true or false", "ASCII"),
        ("model = 4", "model must be text in quotes", "any name"),
        ("api_key = 'sk-x'", "api_key is not a setting", "environment"),
        ("preset = ", "not valid TOML", "line"),
        ("devices = 3", "devices must be a table", "[devices]"),
        ("[keys]\n'vc.mute' = 3", "[keys] holds", "vc.mute"),
        ("prices = 3", "prices must be tables", '[prices."gpt'),
        ("[prices.gpt-realtime-2.1]\ntext_in = 4", "prices.gpt-realtime-2: a model name with dots needs quotes", "[pr"),
        ("[prices.mine]\ntext_inn = 4", "prices.mine.text_inn: not known; there is audio_cached", "[pr"),
        ("[prices.mine]\ntext_in = 'four'", "prices.mine.text_in: dollars", "[prices"),
        ("budget = -1", "budget = -1.0 is out of range", "US dollars"),
    ],
)
def test_a_wrong_line_says_where_and_what_to_do(tmp_path: Path, text: str, place: str, hint: str) -> None:
    path = config(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        load_settings({}, {}, path)
    assert place in error.value.message
    assert str(path) in error.value.message
    assert hint in str(error.value)


def test_a_key_written_into_a_file_is_not_repeated_in_the_error(tmp_path: Path) -> None:
    path = config(tmp_path, "api_key = 'sk-very-secret'")
    with pytest.raises(ConfigError) as error:
        load_settings({}, {}, path)
    assert "sk-very-secret" not in str(error.value)


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"VOICECHAT_ASCII": "perhaps"}, "VOICECHAT_ASCII=perhaps is not yes or no"),
        ({"VOICECHAT_VOLUME": "loud"}, "VOICECHAT_VOLUME=loud is not a number"),
        ({"VOICECHAT_PRESET": "fast"}, "VOICECHAT_PRESET cannot be 'fast'"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, environ: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        load_settings({}, environ, config(tmp_path, ""))


def test_an_address_alone_means_a_custom_provider(tmp_path: Path) -> None:
    settings = load_settings({"base_url": "http://127.0.0.1:9/v1"}, {}, config(tmp_path, ""))
    assert settings.provider == "custom"


def test_a_custom_provider_without_an_address_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs an address"):
        load_settings({"provider": "custom"}, {}, config(tmp_path, ""))


def test_paths_in_a_file_are_meant_beside_it(tmp_path: Path) -> None:
    settings = load_settings({}, {}, config(tmp_path, "[devices]\nmic = 'talk.wav'\n"))
    assert settings.mic == str(tmp_path / "talk.wav")


def test_a_missing_file_is_an_error_only_if_it_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        load_settings({}, {}, tmp_path / "nowhere.toml")


def test_settings_survive_the_pipe_to_the_engine(tmp_path: Path) -> None:
    settings = load_settings({"voice": "ash", "barge_in": False}, {}, config(tmp_path, "[keys]\n'vc.mute'='f6'\n"))
    assert from_plain(as_plain(settings)) == settings


def test_own_prices_and_a_budget_reach_the_engine(tmp_path: Path) -> None:
    path = config(tmp_path, 'budget = 2\nbudget_stop = false\n[prices."gpt-realtime-2.1"]\naudio_out = 70\n')
    settings = from_plain(as_plain(load_settings({}, {}, path)))
    assert (settings.budget, settings.budget_stop) == (2.0, False)
    assert settings.prices == {"gpt-realtime-2.1": {"audio_out": 70.0}}
    assert load_settings({"budget": 5.0}, {}, path).budget == 5.0
