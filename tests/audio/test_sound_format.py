"""Sound on the wire, in files and on devices: any format, any rate, any cut of the bytes give the same sound."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.each import each
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

RATES = (24_000, 16_000, 8_000, 48_000, 44_100)
FORMATS = [*(SoundFormat("pcm16", rate) for rate in RATES), SoundFormat("pcmu", 8_000), SoundFormat("pcma", 8_000)]


def tone(hertz: float, seconds: float = 1.0, rate: int = 48_000) -> NDArray[np.float64]:
    return 0.4 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


def hum(seconds: float = 1.0) -> NDArray[np.int16]:
    return (tone(440, seconds) * 32_767).astype(np.int16)


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
    sound = tone(1_000, rate=rate_in).astype(np.float32)
    pieces = [resampler.convert(sound[start : start + step]) for start in range(0, len(sound), step)]
    converted = np.concatenate([*pieces, resampler.finish()])
    assert len(converted) == pytest.approx(rate_out, abs=rate_out // 200)
    assert purity(converted, 1_000, rate_out) > 50.0


def test_sound_of_the_same_rate_is_not_touched_and_missing_sound_is_silence() -> None:
    sound = np.ones(480, np.float32)
    assert Resampler(48_000, 48_000).convert(sound) is sound
    missing = RateBridge(44_100).take(5_000)
    assert missing.shape == (5_000,) and not missing.any()
