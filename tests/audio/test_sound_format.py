"""Formats of the wire: any rate and any cut of the bytes gives the same sound, without a click or a lost sample."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from voicechat.audio.sound_format import SoundDecoder, SoundEncoder, SoundFormat

FORMATS = [
    SoundFormat("pcm16", 24_000),
    SoundFormat("pcm16", 16_000),
    SoundFormat("pcm16", 8_000),
    SoundFormat("pcm16", 48_000),
    SoundFormat("pcm16", 44_100),
    SoundFormat("pcmu", 8_000),
    SoundFormat("pcma", 8_000),
]


def hum(seconds: float = 1.0, hertz: float = 440.0) -> NDArray[np.int16]:
    t = np.arange(int(48_000 * seconds)) / 48_000
    return (12_000 * np.sin(2 * np.pi * hertz * t)).astype(np.int16)


def sent(form: SoundFormat, pcm: NDArray[np.int16]) -> bytes:
    encoder = SoundEncoder(form)
    return b"".join(encoder.encode(pcm[at : at + 960]) for at in range(0, len(pcm), 960))


def received(form: SoundFormat, data: bytes, cuts: list[int]) -> NDArray[np.int16]:
    decoder, parts, at = SoundDecoder(form), [], 0
    for size in cuts:
        parts.append(decoder.decode(data[at : at + size]))
        at += size
    return np.concatenate([*parts, decoder.decode(data[at:]), decoder.finish()])


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_a_second_of_sound_is_a_second_on_the_wire_and_again_here(form: SoundFormat) -> None:
    data = sent(form, hum())
    assert len(data) == pytest.approx(form.bytes_per_second, rel=0.01)
    assert len(received(form, data, [])) == pytest.approx(48_000, rel=0.01)


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_a_tone_survives_there_and_back(form: SoundFormat) -> None:
    back = received(form, sent(form, hum()), [])[4_800:40_800].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(back * np.hanning(back.size))) ** 2
    peak = int(np.argmax(spectrum))
    assert peak * 48_000 / back.size == pytest.approx(440, abs=2)
    tone, rest = spectrum[peak - 3 : peak + 4].sum(), spectrum.sum()
    wanted = 40.0 if form.kind == "pcm16" else 33.0  # G.711 itself has about 37 dB
    assert 10 * np.log10(tone / (rest - tone)) > wanted


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_where_messages_are_cut_makes_no_difference(form: SoundFormat) -> None:
    data = sent(form, hum(0.5))
    rng = np.random.default_rng(7)
    cuts = rng.integers(1, 999, 40).tolist()
    whole, cut = received(form, data, []), received(form, data, cuts)
    assert abs(len(whole) - len(cut)) <= 2
    n = min(len(whole), len(cut))
    assert np.abs(whole[:n].astype(int) - cut[:n]).max() <= 1


def test_half_a_sample_waits_for_its_other_half() -> None:
    decoder = SoundDecoder(SoundFormat("pcm16", 48_000))
    assert decoder.decode(b"\x01\x02\x03").tolist() == [0x0201]
    assert decoder.decode(b"\x04").tolist() == [0x0403]


def test_a_steady_stream_does_not_drift() -> None:
    encoder = SoundEncoder(SoundFormat("pcm16", 24_000))
    frame = hum(0.02)
    total = sum(len(encoder.encode(frame)) for _ in range(3_000))
    assert abs(total / 48_000 - 60.0) < 0.002


def test_names_say_what_a_person_wants_to_know() -> None:
    assert [form.name for form in FORMATS[:2]] == ["pcm16 24 kHz", "pcm16 16 kHz"]
    assert SoundFormat("pcmu", 24_000).name == "G.711 u-law" and SoundFormat("pcmu", 24_000).sample_rate == 8_000
