"""Opus by ctypes: what goes in comes out, and what is lost is repaired."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from voicechat.audio.opus import (
    FRAME_SAMPLES,
    OpusDecoder,
    OpusEncoder,
    carries_fec,
    opus_is_available,
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


def test_the_library_in_pyavs_wheel_is_found() -> None:
    assert opus_is_available() == ""


def test_speech_survives_the_way_through_encoder_and_decoder_at_a_small_rate() -> None:
    encoder, decoder, said = OpusEncoder(), OpusDecoder(), voice(2.0)
    packets = [encoder.encode(frame) for frame in frames(said)]
    heard = np.concatenate([decoder.decode(packet) for packet in packets])
    assert heard.dtype == np.int16 and heard.size == said.size
    assert 10_000 < 8 * sum(map(len, packets)) / 2.0 < 32_000
    delayed = [np.corrcoef(said[4_800:-4_800], np.roll(heard, -lag)[4_800:-4_800])[0, 1] for lag in range(200, 400)]
    assert max(delayed) > 0.9


def test_a_lost_frame_is_far_better_repaired_by_error_correction_than_invented() -> None:
    said = voice(4.0)
    encoder = OpusEncoder(packet_loss=10)
    packets = [encoder.encode(frame) for frame in frames(said)]
    whole = OpusDecoder()
    reference = [whole.decode(packet) for packet in packets]
    repaired: list[float] = []
    invented: list[float] = []
    for lost in range(20, len(packets) - 1, 10):
        for results, use_fec in ((repaired, True), (invented, False)):
            decoder = OpusDecoder()
            for packet in packets[lost - 15 : lost]:
                decoder.decode(packet)
            if not carries_fec(packets[lost + 1]):
                continue
            frame = decoder.decode_fec(packets[lost + 1]) if use_fec else decoder.conceal()
            assert frame.size == FRAME_SAMPLES
            if np.abs(reference[lost]).max() > 1_000:
                results.append(snr(reference[lost], frame))
    assert np.median(repaired) > np.median(invented) + 5


@pytest.mark.parametrize("rubbish", [b"", b"\xff" * 3_000, b"\xff\xff\xff", bytes(5_000)])
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


def test_concealment_that_lasts_fades_to_nearly_nothing() -> None:
    encoder, decoder = OpusEncoder(), OpusDecoder()
    for frame in frames(voice(1.0)):
        decoder.decode(encoder.encode(frame))
    loud = np.abs(decoder.conceal()).max()
    for _ in range(20):
        last = decoder.conceal()
    assert np.abs(last).max() < max(200, loud / 4)


def test_a_packet_that_is_only_late_loses_nothing_by_what_was_invented_meanwhile() -> None:
    encoder, prompt, late = OpusEncoder(), OpusDecoder(), OpusDecoder()
    for frame in frames(voice(0.4)):
        packet = encoder.encode(frame)
        late.conceal(FRAME_SAMPLES // 2)
        assert np.array_equal(late.decode(packet), prompt.decode(packet))


@pytest.mark.parametrize("offset", [0, 240])
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


def test_inventions_in_pieces_go_on_from_one_another_and_begin_anew_after_a_packet() -> None:
    encoder, whole, pieces = OpusEncoder(), OpusDecoder(), OpusDecoder()
    packets = [encoder.encode(frame) for frame in frames(voice(1.0))]
    for decoder in (whole, pieces):
        for packet in packets[:30]:
            decoder.decode(packet)
    at_once = whole.conceal(2 * FRAME_SAMPLES)
    in_pieces = np.concatenate([pieces.conceal(), pieces.conceal()])
    assert np.corrcoef(at_once[:FRAME_SAMPLES], in_pieces[:FRAME_SAMPLES])[0, 1] > 0.99
    assert not np.array_equal(in_pieces[:FRAME_SAMPLES], in_pieces[FRAME_SAMPLES:])
    for decoder in (whole, pieces):
        decoder.decode(packets[30])
    assert np.array_equal(whole.conceal(), pieces.conceal())


def test_any_loss_figure_may_be_told_to_the_encoder() -> None:
    encoder = OpusEncoder()
    for percent in (-5, 0, 40, 250):
        encoder.set_expected_loss(percent)
    assert encoder.encode(np.zeros(FRAME_SAMPLES, np.int16))


def test_more_expected_loss_spends_more_of_the_rate_on_repair() -> None:
    """What libopus does with the figure shows in what a repaired frame sounds like."""
    said = voice(2.0)
    results = []
    for percent in (10, 30):
        encoder = OpusEncoder(packet_loss=percent)
        packets = [encoder.encode(frame) for frame in frames(said)]
        reference, decoder = OpusDecoder(), OpusDecoder()
        clean = [reference.decode(packet) for packet in packets]
        found = []
        for i in range(len(packets) - 1):
            lost = i % 10 == 9 and carries_fec(packets[i + 1])
            heard = decoder.decode_fec(packets[i + 1]) if lost else decoder.decode(packets[i])
            if lost and np.abs(clean[i]).max() > 1_000:
                found.append(snr(clean[i], heard))
        results.append(float(np.median(found)))
    assert results[1] > results[0] + 1


def test_speech_carries_its_repair_and_silence_does_not() -> None:
    encoder, said = OpusEncoder(), voice(1.0)
    assert np.mean([carries_fec(encoder.encode(frame)) for frame in frames(said)]) > 0.5
    quiet = OpusEncoder()
    assert not any(carries_fec(quiet.encode(np.zeros(FRAME_SAMPLES, np.int16))) for _ in range(20))


def test_without_a_promise_of_loss_nothing_is_spent_on_repair() -> None:
    encoder = OpusEncoder(packet_loss=0)
    assert not any(carries_fec(encoder.encode(frame)) for frame in frames(voice(1.0)))


def test_the_rate_may_be_changed_in_the_middle_of_speech() -> None:
    encoder, said = OpusEncoder(bitrate=32_000), frames(voice(6.0))
    rich = sum(len(encoder.encode(frame)) for frame in said[:150])
    encoder.set_bitrate(16_000)
    assert sum(len(encoder.encode(frame)) for frame in said[150:]) < 0.75 * rich
    encoder.set_bitrate(10**9)
    assert len(encoder.encode(said[60])) < 400


def decoded(packets: list[bytes]) -> Pcm:
    decoder = OpusDecoder()
    return np.concatenate([decoder.decode(packet) for packet in packets])


def test_lasting_silence_is_encoded_once_and_later_speech_is_clear(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = [*frames(voice(1.0)), *frames(np.zeros(3 * 48_000, np.int16)), *frames(voice(1.0))]
    saving = OpusEncoder()
    saved = [saving.encode(frame) for frame in said]
    monkeypatch.setattr("voicechat.audio.opus._SETTLED", 10**9)
    tireless = OpusEncoder()
    encoded = [tireless.encode(frame) for frame in said]
    speaks_again = len(said) - 50
    heard, whole = decoded(saved), decoded(encoded)
    assert np.abs(heard[60 * FRAME_SAMPLES : speaks_again * FRAME_SAMPLES]).max() <= 1
    delay = 312  # samples that the encoder looks ahead
    spoken = np.concatenate(said[speaks_again:])[:-delay]
    clear = [snr(spoken, sound[speaks_again * FRAME_SAMPLES + delay :]) for sound in (heard, whole)]
    assert clear[0] > clear[1] - 0.5


def test_silence_that_lasts_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = OpusEncoder()
    silence = np.zeros(FRAME_SAMPLES, np.int16)
    for _ in range(100):
        encoder.encode(silence)
    monkeypatch.setattr(encoder, "_packet", lambda frame: b"encoded")
    assert encoder.encode(silence) != b"encoded"
    encoder.set_expected_loss(20)
    assert encoder.encode(silence) == b"encoded", "other wishes make other packets"
    assert encoder.encode(voice(0.02)) == b"encoded"


def test_repeated_silence_is_decoded_once_and_the_next_word_is_clear(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder = OpusEncoder()
    said = [*frames(voice(1.0)), *frames(np.zeros(2 * 48_000, np.int16)), *frames(voice(1.0))]
    packets = [encoder.encode(frame) for frame in said]
    saving, runs = OpusDecoder(), list[bytes | None]()
    run = saving._run

    def counted(state: int, payload: bytes | None, samples: int, *, fec: int) -> Pcm:
        runs.append(payload)
        return run(state, payload, samples, fec=fec)

    monkeypatch.setattr(saving, "_run", counted)
    heard = np.concatenate([saving.decode(packet) for packet in packets])
    assert len(runs) < len(packets) - 50
    monkeypatch.setattr("voicechat.audio.opus._SETTLED", 10**9)
    whole = decoded(packets)
    assert heard.size == whole.size
    assert np.abs(heard[70 * FRAME_SAMPLES : 145 * FRAME_SAMPLES].astype(int)).max() <= 1
    speaks_again = (len(said) - 50) * FRAME_SAMPLES
    assert snr(whole[speaks_again:], heard[speaks_again:]) > 20.0


def test_a_packet_that_comes_over_and_over_but_is_no_silence_is_always_decoded() -> None:
    packet = OpusEncoder().encode(voice(0.1)[:FRAME_SAMPLES])
    decoder = OpusDecoder()
    heard = [decoder.decode(packet) for _ in range(60)]
    assert all(np.abs(pcm).max() > 10 for pcm in heard[30:])
