"""Whatever holds sound is read; whatever does not is one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.transcription.scribe import encoded, hum
from voicechat.errors import AudioDeviceError
from voicechat.transcription.sound import Recording, duration, read_sound

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


@pytest.mark.parametrize(("container", "codec", "rate"), KINDS)
def test_every_kind_of_file_becomes_48_khz_mono_of_the_same_length(container: str, codec: str, rate: int) -> None:
    content = encoded(hum(1.0, 0.5, 1.0), container, codec, rate)
    sound = np.concatenate(list(read_sound(Recording("x", None, content))))
    assert sound.dtype == np.int16 and len(sound) / 48_000 == pytest.approx(2.5, abs=0.08)
    assert np.abs(sound[24_000:40_000]).max() > 4_000
    middle = sound[int(1.2 * 48_000) : int(1.35 * 48_000)]
    assert np.abs(middle).max() < 400


def test_a_file_is_read_from_the_second_where_a_session_was_lost() -> None:
    recording = Recording("x", None, encoded(hum(1.0, 2.0, 1.0), "wav", "pcm_s16le"))
    whole = np.concatenate(list(read_sound(recording)))
    rest = np.concatenate(list(read_sound(recording, 2.5)))
    assert np.array_equal(rest, whole[120_000:])


def test_the_length_is_known_before_reading_where_the_file_tells_it() -> None:
    assert duration(Recording("x", None, encoded(hum(2.0), "wav", "pcm_s16le"))) == pytest.approx(2.0)
    assert duration(Recording("x", None, b"nothing")) is None


def test_a_file_that_ends_in_the_middle_is_read_as_far_as_it_goes() -> None:
    content = encoded(hum(4.0), "flac", "flac")
    sound = list(read_sound(Recording("x", None, content[: len(content) // 2])))
    assert sum(map(len, sound)) > 48_000


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"no sound", b"\x00" * 5000, b"RIFF\xff\xff\xff\xffWAVEfmt ", b"ID3" + b"\xff" * 99]
)
def test_what_is_no_sound_is_one_sentence(content: bytes) -> None:
    with pytest.raises(AudioDeviceError, match=r"talk\.mp3"):
        list(read_sound(Recording("talk.mp3", None, content)))


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    for path in (tmp_path / "none.wav", tmp_path):
        with pytest.raises(AudioDeviceError, match="cannot read"):
            list(read_sound(Recording("none.wav", path)))


def test_a_name_that_looks_like_an_address_is_never_fetched(tmp_path: Path) -> None:
    for name in ("http://127.0.0.1:9/x.wav", "concat:/etc/hostname", "pipe:0"):
        with pytest.raises(AudioDeviceError, match="no such file"):
            list(read_sound(Recording(name, Path(name))))


def test_a_playlist_opens_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "secret.wav").write_bytes(encoded(hum(1.0), "wav", "pcm_s16le"))
    lists = ("ffconcat version 1.0\nfile secret.wav\n", f"#EXTM3U\n#EXTINF:1,\n{tmp_path}/secret.wav\n")
    for content in lists:
        (tmp_path / "list.m3u8").write_text(content)
        with pytest.raises(AudioDeviceError, match=r"as sound|no sound"):
            list(read_sound(Recording("list.m3u8", tmp_path / "list.m3u8")))
