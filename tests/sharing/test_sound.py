"""The sound of a tape can be split, drawn, and made small."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.support.tapes import RATE, write_sound
from voicechat.errors import TapeError
from voicechat.sharing.sound import as_opus, levels, write_side


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Four seconds: you, the assistant, you, the assistant."""
    write_sound(tmp_path / "audio.wav", 4.0)
    return tmp_path / "audio.wav"


@pytest.mark.parametrize(("side", "sounds"), [("you", (0, 2)), ("assistant", (1, 3))])
def test_a_side_alone_has_only_that_voice(recorded: Path, side: str, sounds: tuple[int, ...]) -> None:
    out = io.BytesIO()
    write_side(recorded, "you" if side == "you" else "assistant", out)
    out.seek(0)
    with wave.open(out) as made:
        assert (made.getnchannels(), made.getframerate(), made.getnframes()) == (1, RATE, 4 * RATE)
        samples = np.frombuffer(made.readframes(4 * RATE), "<i2")
    loud = tuple(second for second in range(4) if np.abs(samples[second * RATE : (second + 1) * RATE]).max() > 1000)
    assert loud == sounds


def test_levels_follow_the_voices(recorded: Path) -> None:
    drawn = levels(recorded, 0.05)
    assert len(drawn.you) == len(drawn.assistant) == 80
    assert all(drawn.you[:20]) and not any(drawn.you[21:40])
    assert not any(drawn.assistant[:20]) and all(drawn.assistant[21:40])


def test_opus_is_small_as_long_as_the_talk_and_keeps_the_sides_apart(recorded: Path) -> None:
    import av

    raw = as_opus(recorded)
    assert len(raw) < recorded.stat().st_size / 6
    with av.open(io.BytesIO(raw)) as container:
        resampler = av.AudioResampler("s16", "stereo", 48_000)
        frames = [one for frame in container.decode(audio=0) for one in resampler.resample(frame)]
    sound = np.concatenate([frame.to_ndarray().reshape(-1, 2) for frame in frames])
    assert abs(len(sound) / 48_000 - 4.0) < 0.1
    first, second = sound[12_000:36_000], sound[60_000:84_000]
    assert np.abs(first[:, 0]).mean() > 10 * np.abs(first[:, 1]).mean()
    assert np.abs(second[:, 1]).mean() > 10 * np.abs(second[:, 0]).mean()


def test_what_is_no_sound_of_a_tape_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "audio.wav").write_bytes(b"RIFF nothing")
    with pytest.raises(TapeError, match="cannot be read as sound"):
        levels(tmp_path / "audio.wav")
