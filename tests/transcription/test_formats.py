"""Text, subtitles and JSON as other programs read them."""

from __future__ import annotations

import json
from itertools import pairwise

from voicechat.transcription.formats import Result, cues, rendered
from voicechat.transcription.transcript import Passage

TALK = Result(
    name="talk.wav",
    passages=(
        Passage(0.5, 2.0, "How are you?", "A"),
        Passage(2.25, 3.5, "Fine, thanks & you?", "B"),
        Passage(3661.5, 3662.0, "Good.", "B"),
    ),
    duration=3662.5,
    model="gpt-4o-transcribe-diarize",
    seconds_billed=3662.5,
    usd=0.36625,
)


def test_text_has_a_line_a_passage_and_names_speakers_where_they_change() -> None:
    assert rendered(TALK, "text") == "A: How are you?\nB: Fine, thanks & you?\nGood.\n"


def test_srt_is_numbered_with_commas_in_its_times() -> None:
    assert rendered(TALK, "srt") == (
        "1\n00:00:00,500 --> 00:00:02,000\nA: How are you?\n\n"
        "2\n00:00:02,250 --> 00:00:03,500\nB: Fine, thanks & you?\n\n"
        "3\n01:01:01,500 --> 01:01:02,000\nB: Good.\n"
    )


def test_vtt_has_its_header_voices_and_escapes() -> None:
    assert rendered(TALK, "vtt") == (
        "WEBVTT\n\n"
        "00:00:00.500 --> 00:00:02.000\n<v A>How are you?\n\n"
        "00:00:02.250 --> 00:00:03.500\n<v B>Fine, thanks &amp; you?\n\n"
        "01:01:01.500 --> 01:01:02.000\n<v B>Good.\n"
    )


def test_json_has_passages_usage_and_problems() -> None:
    read = json.loads(rendered(TALK, "json"))
    assert read["text"] == "How are you? Fine, thanks & you? Good."
    assert read["passages"][0] == {"start": 0.5, "end": 2.0, "speaker": "A", "text": "How are you?"}
    assert read["usage"] == {"seconds": 3662.5, "tokens": 0, "usd": 0.36625}
    assert (read["file"], read["complete"], read["problems"]) == ("talk.wav", True, [])


def test_a_recording_without_words_is_an_empty_document_of_its_kind() -> None:
    nothing = Result(name="x.wav")
    assert [rendered(nothing, form) for form in ("text", "srt", "vtt")] == ["", "", "WEBVTT\n"]


def test_a_long_passage_becomes_subtitles_of_two_short_lines_that_fill_its_time() -> None:
    words = "the quick brown fox jumps over the lazy dog and runs away from it " * 12
    made = cues((Passage(10.0, 70.0, words.strip()),))
    assert made[0].start == 10.0 and made[-1].end == 70.0
    assert all(late.start == early.end for early, late in pairwise(made))
    lines = [line for one in made for line in one.text.split("\n")]
    assert max(map(len, lines)) <= 48 and all(one.text.count("\n") <= 1 for one in made)
    assert " ".join(" ".join(lines).split()) == words.strip()


def test_subtitles_never_overlap() -> None:
    made = cues((Passage(0.0, 3.0, "one"), Passage(2.5, 2.6, "two"), Passage(2.4, 5.0, "three")))
    assert all(late.start >= early.end for early, late in pairwise(made))
    assert all(one.end > one.start for one in made)


def test_what_a_service_says_cannot_steer_a_terminal_or_break_a_subtitle() -> None:
    bad = Result(name="x", passages=(Passage(0, 1, "a\x1b]52;c;x\x07b\nc --> d", "\x1b[2JEve<"),))
    for form in ("text", "srt", "vtt", "json"):
        assert "\x1b" not in rendered(bad, form)
    assert rendered(bad, "srt").count("-->") == 1 == rendered(bad, "vtt").count("-->")
