"""What a model cannot do is said, and never sent."""

from __future__ import annotations

import pytest

from voicechat.errors import ConfigError
from voicechat.protocol.wire import JsonValue
from voicechat.transcription.options import (
    Commits,
    TranscriptionOptions,
    model_in_address,
    read_commits,
    resolve_options,
)


def heard(wish: TranscriptionOptions, sound: tuple[str, int] | None = None) -> dict[str, JsonValue]:
    """`session.audio.input` of what is sent."""
    audio = resolve_options(wish, sound=sound).session["audio"]
    assert isinstance(audio, dict)
    made = audio["input"]
    assert isinstance(made, dict)
    return made


def transcription(wish: TranscriptionOptions) -> dict[str, JsonValue]:
    found = heard(wish)["transcription"]
    assert isinstance(found, dict)
    return found


def turn_detection(wish: TranscriptionOptions) -> JsonValue:
    return heard(wish)["turn_detection"]


def test_everything_that_a_model_knows_is_sent() -> None:
    wish = TranscriptionOptions("gpt-transcribe", language="de", prompt="ships", keywords=("Knurr", "Hahn"))
    assert transcription(wish) == {
        "model": "gpt-transcribe",
        "language": "de",
        "prompt": "ships",
        "keywords": ["Knurr", "Hahn"],
    }
    assert resolve_options(wish).remarks == ()


@pytest.mark.parametrize("model", ["gpt-4o-transcribe-diarize", "gpt-realtime-whisper"])
def test_a_prompt_for_a_model_without_one_is_left_out_and_said(model: str) -> None:
    made = resolve_options(TranscriptionOptions(model, prompt="ships"))
    assert "prompt" not in transcription(TranscriptionOptions(model, prompt="ships"))
    assert made.remarks == (f"--prompt is left out: {model} takes none",)


def test_keywords_for_whisper_become_its_prompt_which_is_a_list_of_words() -> None:
    assert transcription(TranscriptionOptions("whisper-1", keywords=("Knurr", "Hahn"))) == {
        "model": "whisper-1",
        "prompt": "Knurr, Hahn",
    }


def test_keywords_and_delay_go_to_no_model_known_to_lack_them() -> None:
    assert "keywords" not in transcription(TranscriptionOptions("gpt-4o-transcribe", keywords=("a",)))
    assert "delay" not in transcription(TranscriptionOptions("gpt-transcribe", delay="low"))
    assert transcription(TranscriptionOptions("gpt-realtime-whisper", delay="low"))["delay"] == "low"
    assert transcription(TranscriptionOptions("my-deployment", keywords=("a",), delay="low"))["keywords"] == ["a"]


def test_a_dated_snapshot_counts_as_its_model() -> None:
    assert "prompt" not in transcription(TranscriptionOptions("gpt-4o-transcribe-diarize-2026-01-01", prompt="x"))


def test_a_model_that_detects_no_turns_gets_null_and_we_commit_at_pauses() -> None:
    assert turn_detection(TranscriptionOptions("gpt-realtime-whisper")) is None
    assert resolve_options(TranscriptionOptions("gpt-realtime-whisper")).commits == Commits("vad")


def test_asking_the_service_for_turns_that_its_model_cannot_detect_is_refused() -> None:
    with pytest.raises(ConfigError, match="detects no turns"):
        resolve_options(TranscriptionOptions("gpt-realtime-whisper", commits=Commits("server")))


def test_who_commits_by_himself_turns_the_services_detection_off() -> None:
    assert turn_detection(TranscriptionOptions("gpt-transcribe", commits=Commits("whole"))) is None
    assert isinstance(turn_detection(TranscriptionOptions("gpt-transcribe")), dict)


def test_a_providers_own_rate_stays_in_the_session() -> None:
    made = heard(TranscriptionOptions("qwen-asr"), ("pcm16", 16_000))
    assert made["format"] == {"type": "audio/pcm", "rate": 16_000}


@pytest.mark.parametrize(
    ("text", "commits"),
    [("server", Commits("server")), ("Whole", Commits("whole")), ("vad", Commits("vad")), ("20", Commits("every", 20))],
)
def test_the_ways_to_commit_are_read(text: str, commits: Commits) -> None:
    assert read_commits(text) == commits


@pytest.mark.parametrize("text", ["sometimes", "0", "1", "9999", "nan", "-5"])
def test_other_ways_to_commit_are_refused_with_what_there_is(text: str) -> None:
    with pytest.raises(ConfigError, match="not known"):
        read_commits(text)


def test_an_unknown_delay_is_refused() -> None:
    with pytest.raises(ConfigError, match="--delay soon"):
        resolve_options(TranscriptionOptions("gpt-realtime-whisper", delay="soon"))


def test_services_that_refuse_a_model_in_the_address_get_none() -> None:
    assert model_in_address("openai", "gpt-transcribe") == "" == model_in_address("azure", "mine")
    assert model_in_address("speaches", "whisper") == "whisper"
