"""What a script says becomes sound once, and is louder, softer or noisier as it was asked."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from voicechat.errors import ConfigError
from voicechat.local_server.speech import engine_is_missing
from voicechat.scripting import speech
from voicechat.scripting.model import Sound
from voicechat.scripting.speech import Speaker, write_wav

needs_voice = pytest.mark.skipif(bool(engine_is_missing()), reason="needs the extra `local`")


def heard(path: Path) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    with wave.open(str(path)) as sound:
        assert (sound.getframerate(), sound.getnchannels()) == (48_000, 1)
        return np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(np.float64) / 32767


@pytest.fixture
def speaker(tmp_path: Path) -> Speaker:
    (tmp_path / "now").mkdir()
    return Speaker(tmp_path / "kept", tmp_path / "now")


def test_level_and_noise_are_put_on_a_file(tmp_path: Path, speaker: Speaker) -> None:
    tone = (0.5 * np.sin(np.arange(16_000) / 10)).astype(np.float32)
    write_wav(tmp_path / "tone.wav", tone, 16_000)
    plain, soft = Sound(file=tmp_path / "tone.wav"), Sound(file=tmp_path / "tone.wav", gain=-20.0)
    noisy = Sound(file=tmp_path / "tone.wav", gain=-60.0, noise=-30.0)
    clips = speaker.prepare([plain, soft, noisy])
    loud = np.sqrt(np.mean(heard(clips[plain]) ** 2))
    assert np.sqrt(np.mean(heard(clips[soft]) ** 2)) == pytest.approx(loud / 10, rel=0.02)
    assert 20 * np.log10(np.sqrt(np.mean(heard(clips[noisy]) ** 2))) == pytest.approx(-30.0, abs=0.5)
    assert len(heard(clips[plain])) == pytest.approx(48_000, abs=500)


@needs_voice
def test_words_are_spoken_once_and_kept(tmp_path: Path, speaker: Speaker, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = speaker.prepare([Sound("Hello there.")]).values()
    spoken = heard(first)
    assert 0.4 < len(spoken) / 48_000 < 3 and np.abs(spoken).max() > 0.05

    def none() -> None:
        raise AssertionError("spoken again")

    monkeypatch.setattr(speech, "Voice", none)
    (second,) = Speaker(tmp_path / "kept", tmp_path / "now").prepare([Sound("Hello there.")]).values()
    assert np.array_equal(heard(second), spoken)
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0


def test_without_the_voice_it_says_what_to_install(speaker: Speaker, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ConfigError("The offline engine's voice is not installed.", hint='pip install ".[local]"')

    monkeypatch.setattr(speech, "Voice", missing)
    with pytest.raises(ConfigError) as refusal:
        speaker.prepare([Sound("Hello.")])
    assert refusal.value.message == "the script says words, and the offline engine's voice is not installed."
    assert ".[local]" in refusal.value.hint and "say_file" in refusal.value.hint
