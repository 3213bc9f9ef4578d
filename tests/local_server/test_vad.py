"""When somebody speaks: the rule on made-up probabilities, the detector on real sound."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tests.local_server.built_in_voice import engine, silence, spoken_words
from voicechat.local_server.speech import engine_is_missing, vad as vad_module
from voicechat.local_server.speech.vad import FRAME, FRAME_MS, MayEnd, ServerVad, SpeechBegan, SpeechEnded, VadEvent

needs_models = pytest.mark.skipif(bool(engine_is_missing()), reason="the extra `local` is not installed")


def events(rule: ServerVad, *parts: tuple[float, int]) -> list[VadEvent]:
    """Feed (probability, milliseconds) parts."""
    return [event for chance, ms in parts for _ in range(ms // FRAME_MS) if (event := rule.feed(chance))]


def test_a_turn_begins_with_its_padding_and_ends_after_the_silence() -> None:
    rule = ServerVad(0.5, 300, 500)
    began, hint, ended = events(rule, (0.0, 960), (0.9, 640), (0.0, 960))
    assert began == SpeechBegan(960 - 300)
    assert hint == MayEnd(960 + 640 + 224, 640)
    assert ended == SpeechEnded(960 + 640 + 512, 640)
    assert not rule.speaking


def test_padding_never_reaches_before_the_stream_or_into_the_last_turn() -> None:
    assert events(ServerVad(0.5, 300, 500), (0.9, 64)) == [SpeechBegan(0)]
    rule = ServerVad(0.5, 2000, 96)
    turns = events(rule, (0.9, 320), (0.0, 96), (0.0, 64), (0.9, 320))
    ended = next(event for event in turns if isinstance(event, SpeechEnded))
    assert [event for event in turns if isinstance(event, SpeechBegan)][1] == SpeechBegan(ended.audio_end_ms)


def test_a_click_of_one_frame_begins_nothing() -> None:
    assert events(ServerVad(), (0.0, 320), (0.99, 32), (0.0, 320), (0.99, 32), (0.0, 640)) == []


def test_a_short_pause_hints_but_does_not_end_the_turn() -> None:
    rule = ServerVad(0.5, 300, 500)
    got = events(rule, (0.9, 320), (0.0, 320), (0.9, 320), (0.0, 640))
    assert [type(event) for event in got] == [SpeechBegan, MayEnd, MayEnd, SpeechEnded]
    hints = [event for event in got if isinstance(event, MayEnd)]
    ended = got[-1]
    assert isinstance(ended, SpeechEnded)
    assert hints[0].voice_ms != ended.voice_ms == hints[1].voice_ms


def test_fading_word_ends_belong_to_the_turn() -> None:
    rule = ServerVad(0.5, 0, 320)
    got = events(rule, (0.9, 320), (0.4, 640), (0.1, 320))
    assert got[-1] == SpeechEnded(320 + 640 + 320, 960)


def test_silence_counts_from_where_the_voice_fell_silent_not_from_where_the_model_let_go() -> None:
    def ended_at(*after_the_voice: tuple[float, float]) -> int:
        rule = ServerVad(0.5, 0, 320)
        heard = [(0.9, 0.1)] * 10 + [*after_the_voice] + [(0.0, 0.0)] * 20
        (end,) = [event for frame in heard if isinstance(event := rule.feed(*frame), SpeechEnded)]
        return end.audio_end_ms

    assert ended_at() == 640
    assert ended_at((0.9, 0.0), (0.9, 0.0)) == 640
    assert ended_at(*[(0.9, 0.0)] * 9) == 640 + 9 * FRAME_MS - 96, "more than the model's release is a whisper"
    assert ended_at((0.9, 0.01), (0.9, 0.01)) == 640 + 64, "a noisy room: the model decides"
    assert ended_at((0.9, 0.0), (0.9, 0.1)) == 640 + 64, "the voice went on"


@pytest.mark.parametrize("silence_ms", [0, 32, 100, 200, 300, 2000])
def test_the_hint_always_comes_before_the_end(silence_ms: int) -> None:
    kinds = [type(event) for event in events(ServerVad(0.5, 300, silence_ms), (0.9, 320), (0.0, 2400))]
    assert kinds in ([SpeechBegan, MayEnd, SpeechEnded], [SpeechBegan, SpeechEnded])
    if silence_ms >= 100:
        assert MayEnd in kinds


def test_committing_by_hand_ends_a_turn_under_way_and_only_that() -> None:
    rule = ServerVad()
    assert rule.stop() is None
    events(rule, (0.9, 320))
    assert rule.stop() == SpeechEnded(320, 320)
    assert rule.stop() is None


def test_new_settings_take_over_in_the_middle_of_a_stream() -> None:
    assert events(ServerVad(0.5, 300, 500, start_ms=10_000), (0.0, 640), (0.9, 64)) == [SpeechBegan(10_340)]


@given(st.lists(st.floats(0, 1), max_size=300), st.floats(0, 1), st.integers(0, 3000), st.integers(0, 3000))
def test_turns_alternate_and_their_times_grow(chances: list[float], threshold: float, padding: int, quiet: int) -> None:
    rule = ServerVad(threshold, padding, quiet)
    got = [event for chance in chances if (event := rule.feed(chance))]
    times = [e.audio_start_ms if isinstance(e, SpeechBegan) else e.audio_end_ms for e in got]
    assert times == sorted(times) and all(0 <= time <= rule.position_ms for time in times)
    turns = [event for event in got if not isinstance(event, MayEnd)]
    assert all(isinstance(event, SpeechBegan if i % 2 == 0 else SpeechEnded) for i, event in enumerate(turns))


@needs_models
def test_a_voice_is_found_and_silence_noise_and_tones_are_not() -> None:
    random = np.random.default_rng(1)
    tone = (0.3 * np.sin(np.arange(48_000) * 0.2)).astype(np.float32)
    for sound in (silence(3), random.normal(0, 0.05, 48_000).astype(np.float32), tone):
        assert turns_in(sound) == []
    sound = np.concatenate([silence(1), spoken_words("Good morning, how are you today?"), silence(1)])
    began, ended = turns_in(sound)
    assert isinstance(began, SpeechBegan) and isinstance(ended, SpeechEnded)
    assert 900 <= began.audio_start_ms <= 1400
    assert len(sound) / 16 - 1100 <= ended.audio_end_ms <= len(sound) / 16


@needs_models
def test_two_sentences_with_a_long_pause_are_two_turns() -> None:
    sound = np.concatenate([spoken_words("First sentence."), silence(1), spoken_words("Second sentence."), silence(1)])
    assert [type(event) for event in turns_in(sound)] == [SpeechBegan, SpeechEnded] * 2


@needs_models
def test_broken_samples_do_not_poison_the_detector() -> None:
    vad = engine().new_vad()
    vad.probability(np.full(FRAME, np.nan, np.float32))
    assert 0 <= vad.probability(np.full(FRAME, np.inf, np.float32)) < 0.5
    with pytest.raises(ValueError, match="512"):
        vad.probability(np.zeros(100, np.float32))


def test_the_vendored_model_has_its_licence_beside_it() -> None:
    assets = Path(vad_module.__file__).parent / "assets"
    digest = hashlib.sha256((assets / "silero_vad_16k_op15.onnx").read_bytes()).hexdigest()
    assert digest.startswith("7ed98ddbad84ccac")
    assert "MIT License" in (assets / "silero_vad_LICENSE.txt").read_text()


def turns_in(sound: np.ndarray[tuple[int], np.dtype[np.float32]]) -> list[VadEvent]:
    """The turns that the real detector and the rule find; hints left out."""
    vad, rule = engine().new_vad(), ServerVad()
    frames = [sound[at : at + FRAME] for at in range(0, len(sound) - FRAME + 1, FRAME)]
    got = [event for frame in frames if (event := rule.feed(vad.probability(frame)))]
    return [event for event in got if not isinstance(event, MayEnd)]
