"""Words come late, twice, out of order or never, and the transcript are right all the same."""

from __future__ import annotations

import json
from itertools import permutations

from tests.support.each import each
from voicechat.protocol.codec import decode_server
from voicechat.protocol.wire import JsonValue
from voicechat.transcription.transcript import Passage, Transcript

_WORDS = "conversation.item.input_audio_transcription."


def take(transcript: Transcript, kind: str, /, **fields: JsonValue) -> None:
    transcript.take(decode_server(json.dumps({"type": kind, **fields})).event)


def spoken(transcript: Transcript, item: str, start: int, end: int, previous: str | None = None) -> None:
    take(transcript, "input_audio_buffer.speech_started", item_id=item, audio_start_ms=start)
    take(transcript, "input_audio_buffer.speech_stopped", item_id=item, audio_end_ms=end)
    take(transcript, "input_audio_buffer.committed", item_id=item, previous_item_id=previous)


def completed(transcript: Transcript, item: str, text: str, **more: JsonValue) -> None:
    take(transcript, f"{_WORDS}completed", item_id=item, content_index=0, transcript=text, **more)


def test_an_item_is_a_passage_with_its_times_in_the_recording_wherever_a_session_began() -> None:
    for began in (0.0, 60.0):
        transcript = Transcript(began)
        spoken(transcript, "a", 500, 1800)
        completed(transcript, "a", " Hello there. ")
        assert transcript.passages() == [Passage(began + 0.5, began + 1.8, "Hello there.")]


def test_words_in_any_order_give_the_order_of_the_recording() -> None:
    for order in permutations("abc"):
        transcript = Transcript()
        spoken(transcript, "a", 0, 900)
        spoken(transcript, "b", 1000, 1900, "a")
        spoken(transcript, "c", 2000, 2900, "b")
        for item in order:
            completed(transcript, item, item.upper())
        assert [one.text for one in transcript.passages()] == ["A", "B", "C"], order


def test_commits_that_come_in_the_wrong_order_are_put_right_by_their_predecessors() -> None:
    transcript = Transcript()
    completed(transcript, "c", "three")
    completed(transcript, "a", "one")
    take(transcript, "input_audio_buffer.committed", item_id="b", previous_item_id="a")
    take(transcript, "input_audio_buffer.committed", item_id="c", previous_item_id="b")
    completed(transcript, "b", "two")
    assert [one.text for one in transcript.passages()] == ["one", "two", "three"]


def test_partial_words_are_shown_until_the_final_ones_replace_them() -> None:
    transcript = Transcript()
    for part in ("Hel", "lo"):
        take(transcript, f"{_WORDS}delta", item_id="a", delta=part)
    for whole in ("Hel", "Hello"):  # of another service: cumulative
        take(transcript, f"{_WORDS}updated", item_id="b", transcript=whole)
    assert [one.text for one in transcript.entries] == ["Hello", "Hello"]
    assert transcript.passages() == [] and transcript.pending == 2
    completed(transcript, "a", "Hello.")
    take(transcript, f"{_WORDS}delta", item_id="a", delta=" late")
    assert transcript.entries[0].text == "Hello." and transcript.pending == 1


def test_segments_tell_who_spoke_and_when_from_the_items_own_start() -> None:
    transcript = Transcript()
    spoken(transcript, "a", 2000, 9000)
    take(transcript, f"{_WORDS}segment", item_id="a", id="2", speaker="B", start=3.0, end=4.5, text="Fine.")
    take(transcript, f"{_WORDS}segment", item_id="a", id="1", speaker="A", start=0.0, end=2.5, text=" How are you?")
    completed(transcript, "a", "How are you? Fine.")
    assert transcript.passages() == [Passage(2.0, 4.5, "How are you?", "A"), Passage(5.0, 6.5, "Fine.", "B")]


@each("says_committed", [True, False])
def test_stretches_that_we_committed_are_given_to_the_items_in_their_order(says_committed: bool) -> None:
    transcript = Transcript()
    transcript.claim(1.0, 5.0)
    if says_committed:
        transcript.claim(5.0, 9.0)
        take(transcript, "input_audio_buffer.committed", item_id="a")
        take(transcript, "input_audio_buffer.committed", item_id="b", previous_item_id="a")
        completed(transcript, "b", "Two")
    completed(transcript, "a", "One")
    take(transcript, "input_audio_buffer.committed", item_id="a")
    second = [Passage(5.0, 9.0, "Two")] if says_committed else []
    assert transcript.passages() == [Passage(1.0, 5.0, "One"), *second] and transcript.pending == 0


def test_an_item_that_failed_is_a_problem_with_its_place_until_words_come_after_all() -> None:
    transcript = Transcript()
    spoken(transcript, "a", 61_000, 65_000)
    take(transcript, f"{_WORDS}failed", item_id="a", error={"code": "audio_unintelligible", "message": "Noise."})
    assert transcript.passages() == [] and transcript.pending == 0
    assert transcript.problems == ["no words for 1:01 to 1:05: Noise."]
    completed(transcript, "a", "No, words.")
    assert transcript.problems == [] and transcript.passages()[0].text == "No, words."


def test_a_lost_session_is_gone_on_with_behind_the_last_item_without_a_gap() -> None:
    transcript = Transcript()
    spoken(transcript, "a", 0, 4000)
    spoken(transcript, "b", 5000, 9000, "a")
    spoken(transcript, "c", 10_000, 14_000, "b")
    completed(transcript, "a", "One")
    completed(transcript, "c", "Three")
    assert transcript.done_until() == 4.0
    assert [one.text for one in transcript.passages(until_gap=True)] == ["One"]


def test_usage_is_added_up_once_an_item_whether_time_or_tokens() -> None:
    transcript = Transcript()
    completed(transcript, "a", "One", usage={"type": "duration", "seconds": 4})
    completed(transcript, "a", "One", usage={"type": "duration", "seconds": 4})
    tokens: dict[str, JsonValue] = {"type": "tokens", "total_tokens": 50, "input_tokens": 40, "output_tokens": 10}
    completed(transcript, "b", "Two", usage=tokens | {"input_token_details": {"audio_tokens": 38, "text_tokens": 2}})
    assert (transcript.usage.seconds, transcript.usage.total, transcript.usage.input.audio) == (4.0, 50, 38)


def test_nonsense_changes_nothing() -> None:
    transcript = Transcript()
    for text in ("{}", "null", "[1]", '{"type":"conversation.item.input_audio_transcription.delta"}', "\x00"):
        transcript.take(decode_server(text).event)
    assert transcript.entries == [] and transcript.pending == 0
