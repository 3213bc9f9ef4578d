"""Markdown, text and subtitles say what was said, and nobody's words become markup."""

from __future__ import annotations

from voicechat.sharing.story import Line, Story
from voicechat.sharing.texts import as_markdown, as_subtitles, as_text, stamp


def story(*lines: Line) -> Story:
    return Story("a talk", "2026-11-21T10:00:00+00:00", "openai", "some-model", "marin", 75.0, lines)


CUT = Line("assistant", 3.0, 5.5, "You can say *this* or that.", 18, cut_by="barge-in", latency=0.41)


def test_the_unheard_part_is_struck_in_markdown_and_bracketed_in_text() -> None:
    assert r"You can say \*this\* ~~or that.~~".replace("  ", " ") in as_markdown(story(CUT)).replace("  ", " ")
    assert "You can say *this*" in as_text(story(CUT))
    assert "[not heard: or that.] (cut by barge-in, after 0.41 s)" in as_text(story(CUT))


def test_words_that_look_like_markdown_stay_words() -> None:
    told = as_markdown(story(Line("you", 0.0, 1.0, "# [x](http://y) <script>", 24)))
    assert "\\# \\[x\\](http://y) \\<script\\>" in told


def test_subtitles_have_numbers_times_and_both_sides_without_what_nobody_heard() -> None:
    you = Line("you", 61.25, 62.5, "Hello\nthere", 11)
    told = as_subtitles(story(you, CUT, Line("note", 7.0, 7.0, "The line was lost.", 18)))
    assert told.startswith("1\n00:01:01,250 --> 00:01:02,500\nYou: Hello there\n\n2\n00:00:03,000 --> ")
    assert "or that" not in told and "line was lost" not in told


def test_tools_tell_what_they_were_asked_and_why_they_failed() -> None:
    call = Line("tool", 2.0, 2.4, "get_weather", 11, detail='{"city": "Oslo"}  →  sun', failed="timeout")
    assert 'get_weather {"city": "Oslo"}  →  sun (failed: timeout)' in as_text(story(call))
    assert "`get_weather`" in as_markdown(story(call))


def test_the_head_names_model_voice_and_length() -> None:
    assert as_text(story()).startswith("a talk · 2026-11-21T10:00:00+00:00 · openai some-model marin · 1:15 min")


def test_a_stamp_carries_over() -> None:
    assert stamp(3599.9996) == "01:00:00,000"
