"""The canceller works while there is something to cancel, and nobody hears it come and go."""

from __future__ import annotations

import numpy as np

from tests.support.speech import Sound, blocks, noise, silence, spoken
from voicechat.audio.echo import Canceller, DelayLine


def heard(canceller: Canceller, mic: Sound, far: Sound) -> Sound:
    return np.concatenate([canceller.process(m, f).copy() for m, f in zip(blocks(mic), blocks(far), strict=True)])


def always_at_work(mic: Sound, far: Sound) -> Sound:
    from pywebrtc_audio import AudioProcessor

    aec = AudioProcessor(sample_rate=48_000, echo_cancellation=True, high_pass_filter=True)
    return np.concatenate([aec.process(m, f) for m, f in zip(blocks(mic), blocks(far), strict=True)])


def echo(far: Sound) -> Sound:
    return np.concatenate([np.zeros(2_880, np.float32), 0.2 * far[:-2_880]]).astype(np.float32)


def level(sound: Sound) -> float:
    return float(10 * np.log10(np.mean(sound**2) + 1e-16))


def test_a_voice_in_a_silent_room_is_the_same_whether_the_canceller_works_or_rests() -> None:
    voice = spoken(3.0, level=0.1)
    difference = heard(Canceller(), voice, silence(3.0)) - always_at_work(voice, silence(3.0))
    assert level(difference) < level(voice) - 80.0


def test_an_answer_after_long_silence_is_cancelled_as_well_as_any() -> None:
    far = np.concatenate([spoken(5.0, level=0.1), silence(4.0), spoken(3.0, level=0.1, seed=2)])
    mic = echo(far) + noise(12.0, level=0.0003)
    rested, worked = heard(Canceller(), mic, far), always_at_work(mic, far)
    after = slice(9 * 48_000, None)
    assert level(rested[after]) < level(mic[after]) - 20.0
    assert level(rested[after]) < level(worked[after]) + 1.0


def test_a_voice_is_not_cut_or_doubled_while_the_parts_change_places() -> None:
    far = np.concatenate([noise(1.0, level=0.003), silence(5.0)])
    voice = spoken(6.0, level=0.1)
    difference = heard(Canceller(), voice, far) - always_at_work(voice, far)
    assert level(difference[int(2.5 * 48_000) :]) < level(voice) - 40.0


def test_over_an_answer_that_no_microphone_hears_a_voice_passes_untouched() -> None:
    canceller, voice, far = Canceller(), spoken(3.0, level=0.05), spoken(3.0, level=0.1, seed=5)
    canceller.set_free(True)
    plain = heard(canceller, voice, far)
    assert level(plain - heard(Canceller(), voice, silence(3.0))) < level(voice) - 80.0


def test_an_echo_that_comes_up_where_none_was_finds_a_cold_canceller() -> None:
    canceller = Canceller()
    heard(canceller, silence(3.0), noise(3.0, level=0.1))
    canceller.set_free(True)
    assert canceller.far_heard > 2.9
    canceller.set_free(False)
    assert canceller.far_heard == 0.0


def test_a_delay_line_gives_back_what_it_was_given_later() -> None:
    line, sound = DelayLine(335), noise(0.1)
    late = np.concatenate([line.push(block).copy() for block in blocks(sound)])
    assert np.array_equal(late[335:], sound[: len(late) - 335])
    assert not late[:335].any()
