"""Sound files of every kind that people have, and what is kept of an answer."""

from __future__ import annotations

import struct
import wave
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from tests.support.each import each
from tests.support.speech import Sound, noise
from voicechat.audio.files import WavMic, WavSpeaker, _parse
from voicechat.audio.sound_format import (
    Law,
    RateBridge,
    Resampler,
    SoundDecoder,
    SoundEncoder,
    SoundFormat,
    g711_decode,
    g711_encode,
    levels,
)
from voicechat.errors import AudioDeviceError

TONE = 440.0
Values = npt.NDArray[np.float64]


def tone(rate: int, seconds: float = 1.0, level: float = 0.5, hertz: float = TONE) -> Values:
    return np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate) * level


def encoded(values: Values, bits: int, is_float: bool) -> bytes:
    if is_float:
        return bytes(values.astype("<f8" if bits == 64 else "<f4").data)
    if bits == 8:
        return bytes((values * 127 + 128).astype(np.uint8).data)
    whole = (values * (2 ** (bits - 1) - 1)).astype("<i4")
    if bits == 24:
        return bytes(whole.view(np.uint8).reshape(-1, 4)[:, :3].data)
    return bytes(whole.astype(f"<i{bits // 8}").data)


def wav(
    values: Values,
    rate: int,
    *,
    channels: int = 1,
    bits: int = 16,
    is_float: bool = False,
    extensible: bool = False,
    data_size: int | None = None,
    before: bytes = b"",
) -> bytes:
    data = encoded(np.repeat(values, channels), bits, is_float)
    tag = 3 if is_float else 1
    stride = channels * bits // 8
    form = struct.pack("<HHIIHH", 0xFFFE if extensible else tag, channels, rate, rate * stride, stride, bits)
    if extensible:
        form += struct.pack("<HHIH14s", 22, bits, 0, tag, b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71")
    size = len(data) if data_size is None else data_size
    chunks = before + b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


LIST = b"LIST" + struct.pack("<I", 5) + b"title\x00"


def mic_of(folder: Path, content: bytes) -> WavMic:
    (folder / "question.wav").write_bytes(content)
    return WavMic(folder / "question.wav")


def heard(mic: WavMic) -> Sound:
    pieces = []
    while not mic.finished:
        pieces.append(mic.read())
    return np.concatenate(pieces)


@each(
    ("rate", "bits", "is_float", "channels", "extensible"),
    [
        (8_000, 16, False, 1, False),
        (16_000, 8, False, 2, False),
        (22_050, 24, False, 2, True),
        (44_100, 32, False, 1, False),
        (48_000, 32, True, 6, False),
        (96_000, 64, True, 1, True),
    ],
)
def test_any_wav_is_heard_as_mono_at_48_khz(
    tmp_path: Path, rate: int, bits: int, is_float: bool, channels: int, extensible: bool
) -> None:
    content = wav(tone(rate), rate, channels=channels, bits=bits, is_float=is_float, extensible=extensible)
    mic = mic_of(tmp_path, content)
    assert mic.duration == pytest.approx(1.0, abs=0.005)
    sound = heard(mic)[4_800:43_200]
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert np.argmax(spectrum) * 48_000 / len(sound) == pytest.approx(TONE, abs=2.0)
    assert float(np.sqrt(np.mean(sound**2))) == pytest.approx(0.5 / 2**0.5, rel=0.03)


def test_after_its_end_a_file_is_silent(tmp_path: Path) -> None:
    mic = mic_of(tmp_path, wav(tone(48_000, 0.015), 48_000))
    assert [mic.read().any() for _ in range(3)] == [True, True, False]
    assert mic.finished


@each("more", [{"data_size": 0}, {"data_size": 0xFFFFFFFF}, {"data_size": 10_000_000}, {"before": LIST}])
def test_wrong_sizes_of_a_killed_program_and_chunks_that_are_not_sound_do_no_harm(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    assert mic_of(tmp_path, wav(tone(48_000), 48_000, **more)).duration == pytest.approx(1.0)


def test_broken_floats_are_silence_and_not_a_bang(tmp_path: Path) -> None:
    values = np.full(4_800, np.nan)
    values[::2] = 1e30
    sound = heard(mic_of(tmp_path, wav(values, 48_000, bits=32, is_float=True)))
    assert np.all(np.isfinite(sound)) and np.max(np.abs(sound)) <= 1.0


@each(
    ("content", "reason"),
    [
        (b"", "RIFF"),
        (b"ID3\x03 this is an mp3", "RIFF"),
        (b"RIFF\x04\x00\x00\x00WAVE", "no format"),
        (wav(tone(8_000), 8_000)[:40], "no sound"),
        (wav(tone(8_000), 8_000).replace(struct.pack("<HH", 1, 1), struct.pack("<HH", 17, 1), 1), "compressed"),
        (wav(tone(8_000), 8_000).replace(struct.pack("<I", 8_000), struct.pack("<I", 0), 1), "0 Hz"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_wav_is_refused_with_the_reason_and_a_way_out(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(AudioDeviceError, match=reason) as caught:
        mic_of(tmp_path, content)
    assert "ffmpeg" in caught.value.hint


def test_a_file_that_cannot_be_read_or_written_is_refused_at_once_by_name(tmp_path: Path) -> None:
    with pytest.raises(AudioDeviceError, match=r"cannot read nowhere\.wav"):
        WavMic(tmp_path / "nowhere.wav")
    with pytest.raises(AudioDeviceError, match=r"cannot write answer\.wav"):
        WavSpeaker(tmp_path / "no" / "such" / "folder" / "answer.wav")


@given(st.binary(max_size=200), st.booleans())
def test_no_garbage_escapes_as_another_error(garbage: bytes, with_header: bool) -> None:
    content = b"RIFF\x00\x00\x00\x00WAVE" + garbage if with_header else garbage
    try:
        _parse(content)
    except ValueError as error:
        assert str(error)


def test_what_the_loudspeaker_played_is_kept_sample_for_sample_and_readable_meanwhile(tmp_path: Path) -> None:
    file, sound = tmp_path / "answer.wav", noise(1.0, level=0.1)
    speaker = WavSpeaker(file)
    speaker.write(sound[:480])
    speaker._write_out(with_header=True)
    with wave.open(str(file)) as kept:
        assert kept.getnframes() == 480
    for start in range(480, 48_000, 480):
        speaker.write(sound[start : start + 480])
    speaker.close()
    speaker.close()
    with wave.open(str(file)) as kept:
        assert (kept.getframerate(), kept.getnchannels(), kept.getsampwidth()) == (48_000, 1, 2)
        samples = np.frombuffer(kept.readframes(kept.getnframes()), dtype="<i2")
    assert np.max(np.abs(samples / 32767 - sound)) < 1e-4


# Sound on the wire, in files and on devices: any format, any rate, any cut of the bytes give the same sound


RATES = (24_000, 16_000, 8_000, 48_000, 44_100)
FORMATS = [*(SoundFormat("pcm16", rate) for rate in RATES), SoundFormat("pcmu", 8_000), SoundFormat("pcma", 8_000)]


def hum(seconds: float = 1.0) -> NDArray[np.int16]:
    return (tone(48_000, seconds, 0.4, 440) * 32_767).astype(np.int16)


def purity(sound: NDArray[np.float32], hertz: float, rate: int = 48_000) -> float:
    """dB of the tone over everything else, its first and last tenths left out."""
    middle = sound[sound.size // 10 : -sound.size // 10].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(middle * np.blackman(middle.size))) ** 2
    peak = int(np.argmax(spectrum))
    assert peak * rate / middle.size == pytest.approx(hertz, abs=5)
    wanted = spectrum[peak - 4 : peak + 5].sum()
    return float(10 * np.log10(wanted / (spectrum.sum() - wanted)))


def sent(form: SoundFormat, pcm: NDArray[np.int16]) -> bytes:
    encoder = SoundEncoder(form)
    return b"".join(encoder.encode(pcm[at : at + 960]) for at in range(0, len(pcm), 960))


def received(form: SoundFormat, data: bytes, cuts: list[int]) -> NDArray[np.int16]:
    decoder, parts, at = SoundDecoder(form), [], 0
    for size in cuts:
        parts.append(decoder.decode(data[at : at + size]))
        at += size
    return np.concatenate([*parts, decoder.decode(data[at:]), decoder.finish()])


@each("form", FORMATS, ids=lambda form: form.name)
def test_a_second_of_a_tone_is_a_second_on_the_wire_and_the_same_tone_again_here(form: SoundFormat) -> None:
    data = sent(form, hum())
    back = received(form, data, [])
    assert len(data) == pytest.approx(form.bytes_per_second, rel=0.01)
    assert len(back) == pytest.approx(48_000, rel=0.01)
    assert purity(back.astype(np.float32), 440) > (40.0 if form.kind == "pcm16" else 33.0)  # G.711 itself: about 37


@each("form", FORMATS, ids=lambda form: form.name)
def test_where_messages_are_cut_makes_no_difference(form: SoundFormat) -> None:
    data = sent(form, hum(0.5))
    cuts = np.random.default_rng(7).integers(1, 999, 40).tolist()
    whole, cut = received(form, data, []), received(form, data, cuts)
    assert abs(len(whole) - len(cut)) <= 2
    n = min(len(whole), len(cut))
    assert np.abs(whole[:n].astype(int) - cut[:n]).max() <= 1


def test_half_a_sample_waits_for_its_other_half() -> None:
    decoder = SoundDecoder(SoundFormat("pcm16", 48_000))
    assert decoder.decode(b"\x01\x02\x03").tolist() == [0x0201]
    assert decoder.decode(b"\x04").tolist() == [0x0403]


def test_a_steady_stream_does_not_drift() -> None:
    encoder, frame = SoundEncoder(SoundFormat("pcm16", 24_000)), hum(0.02)
    assert abs(sum(len(encoder.encode(frame)) for _ in range(3_000)) / 48_000 - 60.0) < 0.002


def test_a_format_is_named_with_the_rate_it_has() -> None:
    assert [form.name for form in FORMATS[:2]] == ["pcm16 24 kHz", "pcm16 16 kHz"]
    assert (SoundFormat("pcmu", 24_000).name, SoundFormat("pcmu", 24_000).sample_rate) == ("G.711 u-law", 8_000)


G711: list[tuple[Law, dict[int, int]]] = [
    ("pcmu", {0xFF: 0, 0x80: 32_124, 0x00: -32_124, 0xEF: 132}),
    ("pcma", {0xD5: 8, 0x55: -8, 0xAA: 32_256, 0x2A: -32_256}),
]


@each(("law", "meanings"), G711)
def test_g711_codes_mean_the_levels_of_the_standard_and_samples_get_the_nearest(
    law: Law, meanings: dict[int, int]
) -> None:
    assert g711_decode(law, bytes(meanings)).tolist() == list(meanings.values())
    table = levels(law)
    assert (g711_decode(law, g711_encode(law, table)) == table).all()
    samples = np.arange(-32_768, 32_768, 7).astype(np.int16)
    got = g711_decode(law, g711_encode(law, samples)).astype(np.int64)
    best = np.abs(table.astype(np.int64)[None, :] - samples.astype(np.int64)[:, None]).min(axis=1)
    assert (np.abs(got - samples) == best).all()


@each(("rate_in", "rate_out"), [(16_000, 48_000), (44_100, 48_000), (48_000, 44_100)])
def test_a_tone_resampled_in_small_pieces_stays_a_tone(rate_in: int, rate_out: int) -> None:
    resampler, step = Resampler(rate_in, rate_out), rate_in // 100
    sound = tone(rate_in, 1.0, 0.4, 1_000).astype(np.float32)
    pieces = [resampler.convert(sound[start : start + step]) for start in range(0, len(sound), step)]
    converted = np.concatenate([*pieces, resampler.finish()])
    assert len(converted) == pytest.approx(rate_out, abs=rate_out // 200)
    assert purity(converted, 1_000, rate_out) > 50.0


def test_sound_of_the_same_rate_is_not_touched_and_missing_sound_is_silence() -> None:
    sound = np.ones(480, np.float32)
    assert Resampler(48_000, 48_000).convert(sound) is sound
    missing = RateBridge(44_100).take(5_000)
    assert missing.shape == (5_000,) and not missing.any()
