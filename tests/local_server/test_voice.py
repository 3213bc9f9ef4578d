"""The voice: reproducible, sentence by sentence, silent where there is nothing to say. Real model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.local_server.built_in_voice import engine, spoken_words
from voicechat.heap import trim
from voicechat.local_server.speech import engine_is_missing
from voicechat.local_server.speech.voice import SAMPLE_RATE, trimmed

needs_models = pytest.mark.skipif(bool(engine_is_missing()), reason="the extra `local` is not installed")


@needs_models
def test_each_sentence_comes_as_a_sound_of_its_own() -> None:
    sounds = list(engine().voice.speak("Good morning. How are you? I am fine."))
    assert len(sounds) == 3
    for sound in sounds:
        assert sound.dtype == np.float32 and sound.ndim == 1
        assert 0.4 < len(sound) / SAMPLE_RATE < 4
        assert 0.05 < np.abs(sound).max() <= 1


@needs_models
def test_the_same_text_is_the_same_sound() -> None:
    first, second = (np.concatenate(list(engine().voice.speak("The same words."))) for _ in range(2))
    assert np.array_equal(first, second)


@needs_models
def test_speech_begins_at_once_and_does_not_wait_in_silence_at_its_end() -> None:
    for text in ("Hello there.", "Thanks.", "It is three o'clock."):
        (sound,) = engine().voice.speak(text)
        loud = np.flatnonzero(np.abs(sound) > 0.01)
        assert loud[0] < 0.12 * SAMPLE_RATE
        assert len(sound) - loud[-1] < 0.4 * SAMPLE_RATE


@needs_models
@pytest.mark.parametrize("text", ["", "   ", "\n\n", "😀 🎉", "你好", "***", "`` ``"])
def test_nothing_to_say_is_no_sound(text: str) -> None:
    assert list(engine().voice.speak(text)) == []


@needs_models
def test_speed_changes_the_length_and_wild_speeds_are_held() -> None:
    lengths = {
        speed: sum(map(len, engine().voice.speak("This is how fast I speak.", speed))) for speed in (0.1, 0.5, 1, 2, 9)
    }
    assert lengths[0.5] > 1.4 * lengths[1] > 1.4 * lengths[2]
    assert lengths[0.1] == lengths[0.5] and lengths[9] == lengths[2]


@needs_models
def test_signs_that_the_voice_would_drop_are_spoken() -> None:
    heard = engine().recogniser.transcribe(spoken_words("Three is what you get. 3 * 4 = 12"))
    assert "12" in heard.lower() or "twelve" in heard.lower()
    assert "times" in heard.lower() or "x" in heard.lower()


def test_trimming_keeps_the_sound_and_drops_the_silence_around_it() -> None:
    tone = 0.2 * np.sin(np.arange(24_000) * 0.1).astype(np.float32)
    sound = np.concatenate([np.zeros(12_000, np.float32), tone, np.zeros(24_000, np.float32)])
    short = trimmed(sound)
    assert len(tone) < len(short) <= len(tone) + 0.35 * SAMPLE_RATE
    assert np.isclose(np.square(short).sum(), np.square(tone).sum(), rtol=1e-3)
    assert len(trimmed(np.zeros(5000, np.float32))) == 0
    assert len(trimmed(np.zeros(0, np.float32))) == 0


@needs_models
def test_a_number_without_a_name_is_spoken_and_the_answer_goes_on() -> None:
    sounds = list(engine().voice.speak("Call 1234567890123456789012345678901234567890 now. Thank you."))
    assert len(sounds) == 2 and len(sounds[0]) > 8 * SAMPLE_RATE


@needs_models
def test_a_sentence_that_the_voice_cannot_speak_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    voice = engine().voice
    real = voice._synthesiser.stream

    def stream(text: str, speed: float = 1.0, seed: int | None = None) -> Iterator[NDArray[np.float32]]:
        if "Second" in text:
            raise IndexError(text)
        return real(text, speed, seed)

    monkeypatch.setattr(voice._synthesiser, "stream", stream)
    assert len(list(voice.speak("First one. Second one. Third one."))) == 2


@needs_models
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux counts memory here")
def test_a_long_sentence_leaves_no_memory_behind() -> None:
    voice = engine().voice
    list(voice.speak("Short."))
    trim()
    before = anonymous_memory()
    list(voice.speak("The old man by the sea " + "told the boy about the fish and the boat " * 6 + "."))
    trim()
    assert anonymous_memory() - before < 15


def anonymous_memory() -> float:
    """MB of this process without files."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:")) / 1024
