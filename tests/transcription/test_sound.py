"""Whatever holds sound is read; whatever does not is one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.each import each
from tests.transcription.scribe import encoded, hum
from voicechat.errors import AudioDeviceError
from voicechat.transcription.sound import Recording, duration, read_sound


def read(recording: Recording, since: float = 0.0) -> NDArray[np.int16]:
    return np.concatenate(list(read_sound(recording, since)))


KINDS = [
    ("wav", "pcm_s16le", 16_000),
    ("wav", "pcm_f32le", 44_100),
    ("mp3", "libmp3lame", 44_100),
    ("ipod", "aac", 44_100),
    ("mp4", "aac", 48_000),
    ("ogg", "libopus", 48_000),
    ("webm", "libopus", 48_000),
    ("flac", "flac", 24_000),
]


@each(("container", "codec", "rate"), KINDS)
def test_every_kind_of_file_becomes_48_khz_mono_of_the_same_length(container: str, codec: str, rate: int) -> None:
    content = encoded(hum(1.0, 0.5, 1.0), container, codec, rate)
    sound = read(Recording("x", None, content))
    assert sound.dtype == np.int16 and len(sound) / 48_000 == pytest.approx(2.5, abs=0.08)
    assert np.abs(sound[24_000:40_000]).max() > 4_000
    assert np.abs(sound[57_600:64_800]).max() < 400


def test_a_recording_is_as_long_as_its_file_says_and_read_from_any_second_as_far_as_it_goes() -> None:
    recording = Recording("x", None, encoded(hum(1.0, 2.0, 1.0), "wav", "pcm_s16le"))
    assert duration(recording) == pytest.approx(4.0) and duration(Recording("x", None, b"nothing")) is None
    assert np.array_equal(read(recording, 2.5), read(recording)[120_000:])
    content = encoded(hum(4.0), "flac", "flac")
    assert len(read(Recording("x", None, content[: len(content) // 2]))) > 48_000


@each("content", [b"", b"hello", b"no sound", b"\x00" * 5000, b"RIFF\xff\xff\xff\xffWAVEfmt ", b"ID3" + b"\xff" * 99])
def test_what_is_no_sound_is_one_sentence(content: bytes) -> None:
    with pytest.raises(AudioDeviceError, match=r"talk\.mp3"):
        read(Recording("talk.mp3", None, content))


def test_a_file_that_is_not_there_says_so_and_an_address_is_never_fetched(tmp_path: Path) -> None:
    for path in (tmp_path / "none.wav", tmp_path):
        with pytest.raises(AudioDeviceError, match="cannot read"):
            read(Recording("none.wav", path))
    for name in ("http://127.0.0.1:9/x.wav", "concat:/etc/hostname", "pipe:0"):
        with pytest.raises(AudioDeviceError, match="no such file"):
            read(Recording(name, Path(name)))


def test_a_playlist_opens_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "secret.wav").write_bytes(encoded(hum(1.0), "wav", "pcm_s16le"))
    lists = ("ffconcat version 1.0\nfile secret.wav\n", f"#EXTM3U\n#EXTINF:1,\n{tmp_path}/secret.wav\n")
    for content in lists:
        (tmp_path / "list.m3u8").write_text(content)
        with pytest.raises(AudioDeviceError, match=r"as sound|no sound"):
            read(Recording("list.m3u8", tmp_path / "list.m3u8"))
