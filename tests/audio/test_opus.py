"""Opus by ctypes: what goes in comes out, and what is lost is repaired."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.each import each
from voicechat.audio.opus import (
    FRAME_SAMPLES,
    OpusDecoder,
    OpusEncoder,
    carries_fec,
    packet_samples,
)

Pcm = NDArray[np.int16]


def voice(seconds: float) -> Pcm:
    """Something speech-like: a gliding 120 Hz pulse train through three resonances, with syllables."""
    t = np.arange(int(seconds * 48_000)) / 48_000
    pitch = 120 + 20 * np.sin(2 * np.pi * 0.7 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / 48_000
    tone = sum(np.sin(k * phase) / (1 + abs(k * 120 - f) / 150) for f in (500, 1500, 2500) for k in range(1, 30))
    syllables = np.clip(np.sin(2 * np.pi * 3 * t) + 0.4, 0, 1)
    said = np.asarray(tone) * syllables
    scaled: Pcm = (said * 9_000 / np.abs(said).max()).astype(np.int16)
    return scaled


def frames(pcm: Pcm) -> list[Pcm]:
    return [pcm[i : i + FRAME_SAMPLES] for i in range(0, pcm.size - FRAME_SAMPLES + 1, FRAME_SAMPLES)]


def snr(reference: Pcm, heard: Pcm) -> float:
    error = reference.astype(float) - heard.astype(float)
    return float(10 * np.log10(np.mean(reference.astype(float) ** 2) / (np.mean(error**2) + 1e-9)))


def test_speech_survives_the_way_through_encoder_and_decoder_at_a_small_rate() -> None:
    encoder, decoder, said = OpusEncoder(), OpusDecoder(), voice(2.0)
    packets = [encoder.encode(frame) for frame in frames(said)]
    heard = np.concatenate([decoder.decode(packet) for packet in packets])
    assert heard.dtype == np.int16 and heard.size == said.size
    assert 10_000 < 8 * sum(map(len, packets)) / 2.0 < 32_000
    delayed = [np.corrcoef(said[4_800:-4_800], np.roll(heard, -lag)[4_800:-4_800])[0, 1] for lag in range(200, 400)]
    assert max(delayed) > 0.9


@each("rubbish", [b"", b"\xff" * 3_000, b"\xff\xff\xff", bytes(5_000)])
def test_rubbish_from_the_network_decodes_to_nothing_instead_of_raising(rubbish: bytes) -> None:
    decoder = OpusDecoder()
    assert decoder.decode(rubbish).size == 0
    assert decoder.decode_fec(rubbish).size == 0 and not carries_fec(rubbish)
    assert decoder.decode(OpusEncoder().encode(voice(0.02))).size == FRAME_SAMPLES


def test_a_frame_of_the_wrong_length_is_filled_or_cut_not_refused() -> None:
    encoder = OpusEncoder()
    for size in (0, 1, 959, 961, 5_000):
        packet = encoder.encode(np.ones(size, np.int16))
        assert packet_samples(packet) == FRAME_SAMPLES


def test_a_packet_that_is_only_late_loses_nothing_by_what_was_invented_meanwhile() -> None:
    encoder, prompt, late = OpusEncoder(), OpusDecoder(), OpusDecoder()
    for frame in frames(voice(0.4)):
        packet = encoder.encode(frame)
        late.conceal(FRAME_SAMPLES // 2)
        assert np.array_equal(late.decode(packet), prompt.decode(packet))


@each("offset", [0, 240])
def test_an_onset_after_a_lost_packet_keeps_its_level(offset: int) -> None:
    """libopus' own concealment lets 0.25 and 0.17 of the level through."""
    encoder, whole, lossy = OpusEncoder(), OpusDecoder(), OpusDecoder()
    said = np.concatenate((np.zeros(25 * FRAME_SAMPLES + offset, np.int16), voice(0.1)))
    packets = [encoder.encode(frame) for frame in frames(said)]
    lost = 26  # the second with a voice in it
    reference = [whole.decode(packet) for packet in packets]
    for packet in packets[:lost]:
        lossy.decode(packet)
    lossy.conceal()
    assert np.std(lossy.decode(packets[lost + 1])) > 0.45 * np.std(reference[lost + 1])


def test_the_rate_may_be_changed_in_the_middle_of_speech() -> None:
    encoder, said = OpusEncoder(bitrate=32_000), frames(voice(6.0))
    rich = sum(len(encoder.encode(frame)) for frame in said[:150])
    encoder.set_bitrate(16_000)
    assert sum(len(encoder.encode(frame)) for frame in said[150:]) < 0.75 * rich
    encoder.set_bitrate(10**9)
    assert len(encoder.encode(said[60])) < 400


def test_a_packet_that_comes_over_and_over_but_is_no_silence_is_always_decoded() -> None:
    packet = OpusEncoder().encode(voice(0.1)[:FRAME_SAMPLES])
    decoder = OpusDecoder()
    heard = [decoder.decode(packet) for _ in range(60)]
    assert all(np.abs(pcm).max() > 10 for pcm in heard[30:])


def encoded(pcm: Pcm, encoder: OpusEncoder | None = None) -> list[bytes]:
    encoder = encoder or OpusEncoder()
    return [encoder.encode(frame) for frame in frames(pcm)]


def decoded(packets: list[bytes], decoder: OpusDecoder | None = None) -> Pcm:
    decoder = decoder or OpusDecoder()
    return np.concatenate([decoder.decode(packet) for packet in packets])


def likeness_of_lost_frames(percent: int, *, use_fec: bool = True) -> float:
    """Median dB of what stands for each tenth packet of speech, with this much loss expected by the encoder."""
    packets = encoded(voice(4.0), OpusEncoder(packet_loss=percent))
    reference, decoder, found = OpusDecoder(), OpusDecoder(), []
    for number, (packet, after) in enumerate(itertools.pairwise(packets)):
        clean = reference.decode(packet)
        if number % 10 != 9 or not carries_fec(after):
            decoder.decode(packet)
            continue
        heard = decoder.decode_fec(after) if use_fec else decoder.conceal()
        if np.abs(clean).max() > 1_000:
            found.append(snr(clean, heard))
    return float(np.median(found))


def test_a_lost_frame_is_repaired_from_the_next_and_better_the_more_loss_is_expected() -> None:
    repaired = likeness_of_lost_frames(10)
    assert repaired > likeness_of_lost_frames(10, use_fec=False) + 5
    assert likeness_of_lost_frames(30) > repaired + 1


def test_speech_carries_its_repair_unless_no_loss_is_expected_and_silence_carries_none() -> None:
    def share(pcm: Pcm, encoder: OpusEncoder) -> float:
        return float(np.mean([carries_fec(packet) for packet in encoded(pcm, encoder)]))

    encoder = OpusEncoder()
    assert share(voice(1.0), encoder) > 0.5
    assert share(np.zeros(48_000, np.int16), OpusEncoder()) == share(voice(1.0), OpusEncoder(packet_loss=0)) == 0.0
    for percent in (-5, 250):
        encoder.set_expected_loss(percent)
        assert encoder.encode(voice(0.02))


def test_concealment_goes_on_from_piece_to_piece_fades_and_begins_again_after_a_packet() -> None:
    packets = encoded(voice(1.0))
    whole, pieces = OpusDecoder(), OpusDecoder()
    for decoder in (whole, pieces):
        decoded(packets[:30], decoder)
    at_once = whole.conceal(2 * FRAME_SAMPLES)
    first, second = pieces.conceal(), pieces.conceal()
    assert np.corrcoef(at_once[:FRAME_SAMPLES], first)[0, 1] > 0.99
    assert not np.array_equal(first, second)
    last = [pieces.conceal() for _ in range(20)][-1]
    assert np.abs(last).max() < max(200, np.abs(first).max() / 4)
    for decoder in (whole, pieces):
        decoder.decode(packets[30])
    assert np.array_equal(whole.conceal(), pieces.conceal())


PAUSED = np.concatenate([voice(1.0), np.zeros(3 * 48_000, np.int16), voice(1.0)])
SPEAKS_AGAIN = 4 * 48_000


def test_lasting_silence_is_encoded_and_decoded_once_and_later_speech_is_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    saving, runs = OpusDecoder(), list[bytes | None]()
    run = saving._run

    def counted(state: int, payload: bytes | None, samples: int, *, fec: int) -> Pcm:
        runs.append(payload)
        return run(state, payload, samples, fec=fec)

    monkeypatch.setattr(saving, "_run", counted)
    packets = encoded(PAUSED)
    heard = decoded(packets, saving)
    assert len(runs) < len(packets) - 50
    monkeypatch.setattr("voicechat.audio.opus._SETTLED", 10**9)
    same, whole = decoded(packets), decoded(encoded(PAUSED))
    assert np.abs(heard[70 * FRAME_SAMPLES : SPEAKS_AGAIN].astype(int)).max() <= 1
    assert snr(same[SPEAKS_AGAIN:], heard[SPEAKS_AGAIN:]) > 20.0, "the decoder rested"
    delay = 312  # samples that the encoder looks ahead
    spoken = PAUSED[SPEAKS_AGAIN:-delay]
    clear = [snr(spoken, sound[SPEAKS_AGAIN + delay :]) for sound in (same, whole)]
    assert clear[0] > clear[1] - 0.5, "the encoder rested"


def test_the_encoder_rests_in_silence_until_speech_or_another_loss_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, silence = OpusEncoder(), np.zeros(FRAME_SAMPLES, np.int16)
    encoded(np.zeros(2 * 48_000, np.int16), encoder)
    monkeypatch.setattr(encoder, "_packet", lambda frame: b"encoded")
    assert encoder.encode(silence) != b"encoded"
    encoder.set_expected_loss(20)
    assert encoder.encode(silence) == b"encoded"
    assert encoder.encode(voice(0.02)) == b"encoded"
