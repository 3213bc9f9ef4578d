"""Markdown, text and subtitles say what was said, and nobody's words become markup."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.support.tapes import RATE, opening, told_tape, turn, write_sound
from voicechat.errors import TapeError
from voicechat.journal.export_sound import as_opus, levels, write_side
from voicechat.journal.past_talk import (
    Transcript,
    TranscriptLine,
    as_markdown,
    as_subtitles,
    as_text,
    stamp,
    transcript_of,
)


def story(*lines: TranscriptLine) -> Transcript:
    return Transcript("a talk", "2026-11-21T10:00:00+00:00", "openai", "some-model", "marin", 75.0, lines)


CUT = TranscriptLine("assistant", 3.0, 5.5, "You can say *this* or that.", 18, cut_by="barge-in", latency=0.41)


def test_the_unheard_part_is_struck_in_markdown_and_bracketed_in_text() -> None:
    assert r"You can say \*this\* ~~or that.~~".replace("  ", " ") in as_markdown(story(CUT)).replace("  ", " ")
    assert "You can say *this*" in as_text(story(CUT))
    assert "[not heard: or that.] (cut by barge-in, after 0.41 s)" in as_text(story(CUT))


def test_words_that_look_like_markdown_stay_words() -> None:
    told = as_markdown(story(TranscriptLine("you", 0.0, 1.0, "# [x](http://y) <script>", 24)))
    assert "\\# \\[x\\](http://y) \\<script\\>" in told


def test_subtitles_have_numbers_times_and_both_sides_without_unheard_text() -> None:
    you = TranscriptLine("you", 61.25, 62.5, "Hello\nthere", 11)
    told = as_subtitles(story(you, CUT, TranscriptLine("note", 7.0, 7.0, "The connection was lost.", 18)))
    assert told.startswith("1\n00:01:01,250 --> 00:01:02,500\nYou: Hello there\n\n2\n00:00:03,000 --> ")
    assert "or that" not in told and "line was lost" not in told


def test_tools_tell_what_they_were_asked_and_why_they_failed() -> None:
    call = TranscriptLine("tool", 2.0, 2.4, "get_weather", 11, detail='{"city": "Oslo"}  →  sun', failed="timeout")
    assert 'get_weather {"city": "Oslo"}  →  sun (failed: timeout)' in as_text(story(call))
    assert "`get_weather`" in as_markdown(story(call))


def test_the_head_names_model_voice_and_length() -> None:
    assert as_text(story()).startswith("a talk · 2026-11-21T10:00:00+00:00 · openai some-model marin · 1:15 min")


def test_a_stamp_carries_over() -> None:
    assert stamp(3599.9996) == "01:00:00,000"


# A tape is told as who said what, when, and how much of it was heard


ANSWER = "Nothing much is new, and that is all there is to it."


def test_a_cut_answer_is_split_where_it_was_heard(tmp_path: Path) -> None:
    story = transcript_of(told_tape(tmp_path, [*opening(), *turn(1, "What is new?", ANSWER, cut=True)]))
    you, answer = story.lines
    assert (you.who, you.text, you.heard) == ("you", "What is new?", len("What is new?"))
    assert answer.cut_by == "barge-in"
    assert answer.said + answer.unheard == ANSWER
    assert answer.said and answer.unheard


def test_times_are_those_of_the_sound(tmp_path: Path) -> None:
    tape = told_tape(tmp_path, [*opening(), *turn(1, "Hello", "Hi.")])
    you, answer = transcript_of(tape).lines
    audible = next(entry.t for entry in tape.entries() if entry.data.get("type") == "assistant.audible")
    assert answer.t == audible
    assert you.t < you.until < answer.t < answer.until
    assert answer.latency is not None and abs(answer.latency - (audible - you.until)) < 1e-6


def test_speech_of_which_nothing_was_understood_is_told(tmp_path: Path) -> None:
    story = transcript_of(told_tape(tmp_path, [*opening(), *turn(1, "", "I did not hear you.")]))
    assert [line.who for line in story.lines] == ["you", "assistant"]
    assert "You:       …" in as_text(story)
    assert "You:" not in as_subtitles(story)


def test_an_empty_tape_is_an_empty_story(tmp_path: Path) -> None:
    assert transcript_of(told_tape(tmp_path, [])).lines == ()


# The sound of a tape can be split, drawn, and made small


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
