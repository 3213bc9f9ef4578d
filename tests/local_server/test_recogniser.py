"""What the built-in voice says, the recogniser hears; what nobody said, it does not hear. Real models throughout."""

from __future__ import annotations

import numpy as np
import pytest

from tests.local_server.built_in_voice import engine, silence, spoken_words
from tests.support.word_errors import word_error_rate
from voicechat.local_server.speech import engine_is_missing
from voicechat.local_server.speech.engine import (
    SEGMENT_LIMIT,
    Moonshine,
    Recogniser,
    is_hallucination,
    read_tokens,
    split_at_quiet,
    without_loops,
)

needs_models = pytest.mark.skipif(bool(engine_is_missing()), reason="the extra `local` is not installed")

SENTENCES = (
    "What time is it?",
    "Set a timer for ten minutes.",
    "The quick brown fox jumps over the lazy dog.",
    "Please tell me a long story about the sea.",
    "How many kilometers are there in five miles?",
    "I would like to know what you can do for me today.",
    "Remember that the key is under the mat.",
    "She opened the window and looked at the mountains.",
)


@needs_models
def test_the_voice_is_understood_by_the_recogniser() -> None:
    errors = [word_error_rate(text, engine().recogniser.transcribe(spoken_words(text))) for text in SENTENCES]
    assert sum(errors) / len(errors) < 0.08
    assert errors.count(0.0) >= 6


@needs_models
@pytest.mark.parametrize("gain", [0.05, 0.3, 2.0])
def test_soft_and_loud_speech_is_the_same_text(gain: float) -> None:
    sound = np.clip(spoken_words("Set a timer for ten minutes.") * gain, -1, 1).astype(np.float32)
    heard = engine().recogniser.transcribe(sound).lower()
    assert heard.startswith("set a timer for") and "minutes" in heard


@needs_models
def test_speech_in_background_noise_is_understood() -> None:
    clean = spoken_words("The quick brown fox jumps over the lazy dog.")
    noise = np.random.default_rng(1).normal(0, 0.006, len(clean)).astype(np.float32)
    assert (
        word_error_rate("the quick brown fox jumps over the lazy dog", engine().recogniser.transcribe(clean + noise))
        < 0.25
    )


@needs_models
def test_silence_noise_tones_and_clicks_are_no_words() -> None:
    random = np.random.default_rng(2)
    click = silence(1.0)
    click[8000:8100] = 0.9
    sounds = {
        "nothing": np.zeros(0, np.float32),
        "silence": silence(3),
        "noise": random.normal(0, 0.05, 48_000).astype(np.float32),
        "tone": (0.3 * np.sin(np.arange(48_000) * 0.17)).astype(np.float32),
        "click": click,
        "not numbers": np.full(16_000, np.nan, np.float32),
    }
    assert {name: engine().recogniser.transcribe(sound) for name, sound in sounds.items()} == dict.fromkeys(sounds, "")


@needs_models
def test_a_word_in_the_middle_of_long_silence_is_found() -> None:
    sound = np.concatenate([silence(12), spoken_words("Good morning everybody."), silence(9)])
    assert word_error_rate("good morning everybody", engine().recogniser.transcribe(sound)) == 0


@needs_models
def test_a_minute_of_speech_is_heard_to_its_end() -> None:
    text = " ".join(
        f"Sentence number {word} is about the sea and the wind." for word in "one two three four five six".split()
    )
    sound = np.concatenate([spoken_words(text), spoken_words(text), spoken_words("And this is the end of it.")])
    assert len(sound) > 35 * 16_000
    heard = engine().recogniser.transcribe(sound)
    assert word_error_rate("and this is the end of it", " ".join(heard.split()[-7:])) <= 0.3
    assert 100 < len(heard.split()) < 140


@needs_models
def test_a_growing_turn_is_not_recognised_from_its_beginning_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    recogniser = Recogniser()
    shown: list[int] = []
    real = Moonshine.text_of

    def counting(model: Moonshine, samples: np.ndarray[tuple[int], np.dtype[np.float32]]) -> str:
        shown.append(len(samples))
        return real(model, samples)

    monkeypatch.setattr(Moonshine, "text_of", counting)
    sound = spoken_words("The wind is cold tonight, and the sea is grey. " * 10)
    first = recogniser.transcribe(sound[: 24 * 16_000])
    before = len(shown)
    again = recogniser.transcribe(sound[: 25 * 16_000])
    assert before >= 2 and len(shown) == before + 1
    assert again.startswith(" ".join(first.split()[:20]))


def test_long_sound_is_cut_where_it_is_quiet_and_nothing_is_lost() -> None:
    sound = np.random.default_rng(3).normal(0, 0.1, 40 * 16_000).astype(np.float32)
    for pause in (11.0, 23.5):
        sound[int(pause * 16_000) : int((pause + 0.3) * 16_000)] = 0
    pieces = split_at_quiet(sound)
    assert np.array_equal(np.concatenate(pieces), sound)
    assert all(len(piece) <= SEGMENT_LIMIT * 16_000 for piece in pieces)
    first = len(pieces[0]) / 16_000
    second = first + len(pieces[1]) / 16_000
    assert 11.0 <= first <= 11.3 and 23.5 <= second <= 23.8


@pytest.mark.parametrize("text", ["You", "you.", " Mm. ", "Mm-hmm.", "...", "", "Hmm"])
def test_what_the_model_says_to_nothing_is_dropped(text: str) -> None:
    assert is_hallucination(text)


@pytest.mark.parametrize("text", ["You are right.", "Yes", "7", "Me", "No you"])
def test_short_answers_are_kept(text: str) -> None:
    assert not is_hallucination(text)


def test_a_decoder_that_repeats_itself_is_stopped() -> None:
    assert without_loops([7, 8, 9, 4, 5, 6, 4, 5, 6, 4, 5, 6, 4, 5, 6]) == [7, 8, 9, 4, 5, 6]
    assert without_loops([1] + [3] * 8) == [1, 3]


def test_people_may_say_things_twice() -> None:
    assert without_loops([4, 5, 6, 4, 5, 6]) == [4, 5, 6, 4, 5, 6]
    assert without_loops([3, 3, 3]) == [3, 3, 3]


def test_tokens_longer_than_127_bytes_are_read() -> None:
    long = b"x" * 300
    assert read_tokens(b"\x02ab" + bytes([128 + 300 % 128, 300 // 128]) + long + b"\x01c") == [b"ab", long, b"c"]
