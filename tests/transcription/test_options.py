"""What a model cannot do is said, and never sent."""

from __future__ import annotations

import pytest

from tests.support.each import each
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


@each("model", ["gpt-4o-transcribe-diarize", "gpt-realtime-whisper", "gpt-4o-transcribe-diarize-2026-01-01"])
def test_a_prompt_for_a_model_without_one_is_left_out_and_said(model: str) -> None:
    wish = TranscriptionOptions(model, prompt="ships")
    assert "prompt" not in transcription(wish)
    assert resolve_options(wish).remarks == (f"--prompt is left out: {model} takes none",)


def test_keywords_and_delay_go_to_models_that_may_know_them_and_to_whisper_as_its_prompt() -> None:
    whisper = TranscriptionOptions("whisper-1", keywords=("Knurr", "Hahn"))
    assert transcription(whisper) == {"model": "whisper-1", "prompt": "Knurr, Hahn"}
    assert "keywords" not in transcription(TranscriptionOptions("gpt-4o-transcribe", keywords=("a",)))
    assert "delay" not in transcription(TranscriptionOptions("gpt-transcribe", delay="low"))
    assert transcription(TranscriptionOptions("gpt-realtime-whisper", delay="low"))["delay"] == "low"
    assert transcription(TranscriptionOptions("my-deployment", keywords=("a",), delay="low"))["keywords"] == ["a"]


def test_where_we_commit_the_services_turn_detection_is_off() -> None:
    assert isinstance(turn_detection(TranscriptionOptions("gpt-transcribe")), dict)
    assert turn_detection(TranscriptionOptions("gpt-transcribe", commits=Commits("whole"))) is None
    assert turn_detection(TranscriptionOptions("gpt-realtime-whisper")) is None, "it detects no turns"
    assert resolve_options(TranscriptionOptions("gpt-realtime-whisper")).commits == Commits("vad")


def test_a_providers_own_rate_stays_in_the_session() -> None:
    made = heard(TranscriptionOptions("qwen-asr"), ("pcm16", 16_000))
    assert made["format"] == {"type": "audio/pcm", "rate": 16_000}


WAYS = {"server": Commits("server"), "Whole": Commits("whole"), "vad": Commits("vad"), "20": Commits("every", 20)}


def test_the_ways_to_commit_are_read_and_others_refused() -> None:
    assert {text: read_commits(text) for text in WAYS} == WAYS
    for text in ("sometimes", "0", "1", "9999", "nan", "-5"):
        with pytest.raises(ConfigError, match="not known"):
            read_commits(text)


def test_what_a_model_cannot_do_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="detects no turns"):
        resolve_options(TranscriptionOptions("gpt-realtime-whisper", commits=Commits("server")))
    with pytest.raises(ConfigError, match="--delay soon"):
        resolve_options(TranscriptionOptions("gpt-realtime-whisper", delay="soon"))


def test_services_that_refuse_a_model_in_the_address_get_none() -> None:
    assert model_in_address("openai", "gpt-transcribe") == "" == model_in_address("azure", "mine")
    assert model_in_address("speaches", "whisper") == "whisper"
