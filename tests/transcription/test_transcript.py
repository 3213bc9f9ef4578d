"""Words come late, twice, out of order or never, and the transcript are right all the same."""

from __future__ import annotations

import json
from itertools import pairwise, permutations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.each import each
from voicechat.errors import ConfigError
from voicechat.protocol.codec import decode_server
from voicechat.protocol.wire import JsonValue
from voicechat.transcription.formats import Result, cues, rendered
from voicechat.transcription.options import (
    Commits,
    TranscriptionOptions,
    model_in_address,
    read_commits,
    resolve_options,
)
from voicechat.transcription.transcript import Passage, Transcript
from voicechat.transcription.writing import LONGEST_SPOKEN, LONGEST_WHOLE, AudioSegment, Segmenter

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


# Text, subtitles and JSON as other programs read them


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


# What a model cannot do is said, and never sent


def heard(wish: TranscriptionOptions, sound: tuple[str, int] | None = None) -> dict[str, JsonValue]:
    """`session.audio.input` of what is sent."""
    audio = resolve_options(wish, sound=sound).session["audio"]
    assert isinstance(audio, dict)
    made = audio["input"]
    assert isinstance(made, dict)
    return made


def transcription(wish: TranscriptionOptions) -> dict[str, JsonValue]:
    found = heard(wish)["transcription"]
    assert isinstance(found, dict)
    return found


def turn_detection(wish: TranscriptionOptions) -> JsonValue:
    return heard(wish)["turn_detection"]


def test_everything_that_a_model_knows_is_sent() -> None:
    wish = TranscriptionOptions("gpt-transcribe", language="de", prompt="ships", keywords=("Knurr", "Hahn"))
    assert transcription(wish) == {
        "model": "gpt-transcribe",
        "language": "de",
        "prompt": "ships",
        "keywords": ["Knurr", "Hahn"],
    }
    assert resolve_options(wish).remarks == ()


@each("model", ["gpt-4o-transcribe-diarize", "gpt-realtime-whisper", "gpt-4o-transcribe-diarize-2026-01-01"])
def test_a_prompt_for_a_model_without_one_is_left_out_and_said(model: str) -> None:
    wish = TranscriptionOptions(model, prompt="ships")
    assert "prompt" not in transcription(wish)
    assert resolve_options(wish).remarks == (f"--prompt is left out: {model} takes none",)


def test_keywords_and_delay_go_to_models_that_may_know_them_and_to_whisper_as_its_prompt() -> None:
    whisper = TranscriptionOptions("whisper-1", keywords=("Knurr", "Hahn"))
    assert transcription(whisper) == {"model": "whisper-1", "prompt": "Knurr, Hahn"}
    assert "keywords" not in transcription(TranscriptionOptions("gpt-4o-transcribe", keywords=("a",)))
    assert "delay" not in transcription(TranscriptionOptions("gpt-transcribe", delay="low"))
    assert transcription(TranscriptionOptions("gpt-realtime-whisper", delay="low"))["delay"] == "low"
    assert transcription(TranscriptionOptions("my-deployment", keywords=("a",), delay="low"))["keywords"] == ["a"]


def test_where_we_commit_the_services_turn_detection_is_off() -> None:
    assert isinstance(turn_detection(TranscriptionOptions("gpt-transcribe")), dict)
    assert turn_detection(TranscriptionOptions("gpt-transcribe", commits=Commits("whole"))) is None
    assert turn_detection(TranscriptionOptions("gpt-realtime-whisper")) is None, "it detects no turns"
    assert resolve_options(TranscriptionOptions("gpt-realtime-whisper")).commits == Commits("vad")


def test_a_providers_own_rate_stays_in_the_session() -> None:
    made = heard(TranscriptionOptions("qwen-asr"), ("pcm16", 16_000))
    assert made["format"] == {"type": "audio/pcm", "rate": 16_000}


WAYS = {"server": Commits("server"), "Whole": Commits("whole"), "vad": Commits("vad"), "20": Commits("every", 20)}


def test_the_ways_to_commit_are_read_and_others_refused() -> None:
    assert {text: read_commits(text) for text in WAYS} == WAYS
    for text in ("sometimes", "0", "1", "9999", "nan", "-5"):
        with pytest.raises(ConfigError, match="not known"):
            read_commits(text)


def test_what_a_model_cannot_do_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="detects no turns"):
        resolve_options(TranscriptionOptions("gpt-realtime-whisper", commits=Commits("server")))
    with pytest.raises(ConfigError, match="--delay soon"):
        resolve_options(TranscriptionOptions("gpt-realtime-whisper", delay="soon"))


def test_services_that_refuse_a_model_in_the_address_get_none() -> None:
    assert model_in_address("openai", "gpt-transcribe") == "" == model_in_address("azure", "mine")
    assert model_in_address("speaches", "whisper") == "whisper"


# Recordings are cut at pauses, no item is too long, and silence is not sent


RATE = 48_000
_NOISE = np.random.default_rng(7)


def voice(seconds: float, level: float = 0.2) -> NDArray[np.int16]:
    """A hum whose loudness moves as that of syllables does; never silent."""
    at = np.arange(round(seconds * RATE)) / RATE
    wave = np.sin(2 * np.pi * 180 * at) * (0.55 + 0.45 * np.sin(2 * np.pi * 4 * at))
    return np.asarray(level * 32767 * wave, np.int16)


def quiet(seconds: float, level: float = 0.0005) -> NDArray[np.int16]:
    return np.asarray(_NOISE.normal(0, level * 32767, round(seconds * RATE)), np.int16)


def cut(commits: Commits, *sounds: NDArray[np.int16], step: int = 7_001) -> list[AudioSegment]:
    sound, cutter = np.concatenate(sounds), Segmenter(commits)
    made = [piece for at in range(0, len(sound), step) for piece in cutter.feed(sound[at : at + step])]
    return made + cutter.finish()


def test_each_pause_of_a_speaker_ends_an_item_with_a_margin_at_both_ends() -> None:
    pieces = cut(Commits("vad"), quiet(2), voice(3), quiet(1), voice(2), quiet(2))
    assert [round(one.start, 1) for one in pieces] == [1.7, 5.7]
    assert [round(one.end, 1) for one in pieces] == [5.3, 8.3]


def test_a_short_gap_ends_nothing_the_first_word_is_kept_and_a_noisy_room_has_pauses_too() -> None:
    assert len(cut(Commits("vad"), quiet(1), voice(2), quiet(0.3), voice(2), quiet(1))) == 1
    (piece,) = cut(Commits("vad"), voice(2), quiet(2))
    assert piece.start == 0.0
    noise = [quiet(2, 0.004), quiet(1, 0.004), quiet(2, 0.004)]
    assert len(cut(Commits("vad"), noise[0], voice(3, 0.3), noise[1], voice(2, 0.3), noise[2])) == 2


def test_silence_alone_makes_no_item() -> None:
    for commits in (Commits("vad"), Commits("whole"), Commits("every", 5)):
        assert cut(commits, quiet(20)) == []
        assert cut(commits, np.zeros(RATE * 3, np.int16)) == []
    assert cut(Commits("vad"), quiet(0)) == []


def test_who_speaks_without_a_pause_is_cut_at_the_quietest_place() -> None:
    pieces = cut(Commits("vad"), voice(22), quiet(0.24), voice(30))
    assert all(one.end - one.start <= LONGEST_SPOKEN + 0.1 for one in pieces)
    assert pieces[0].end == pytest.approx(22.12, abs=0.15)


def test_a_whole_recording_is_one_item_unless_it_is_too_long_for_any_service() -> None:
    (piece,) = cut(Commits("whole"), quiet(1), voice(3), quiet(2), voice(3), quiet(1))
    assert round(piece.start, 1) == 0.7 and round(piece.end, 1) == 9.3
    long = cut(Commits("whole"), *(np.concatenate([voice(9), quiet(1)]) for _ in range(35)), step=RATE * 10)
    assert len(long) == 2 and all(one.end - one.start <= LONGEST_WHOLE for one in long)


def test_every_so_many_seconds_a_cut_is_made_in_a_pause_near() -> None:
    pieces = cut(Commits("every", 10), *(np.concatenate([voice(3), quiet(1)]) for _ in range(8)))
    assert all(one.end - one.start <= 10.1 for one in pieces)
    for one in pieces[:-1]:
        assert one.end % 4 >= 2.9 or one.end % 4 <= 0.3, one.end


def test_nothing_of_a_voice_is_lost_or_sent_twice() -> None:
    sounds = [quiet(1), voice(4), quiet(0.7), voice(33), quiet(0.6), voice(0.4), quiet(1)]
    pieces = cut(Commits("vad"), *sounds)
    loud = np.abs(np.concatenate(sounds)) > 3000
    covered = np.zeros(len(loud), int)
    for one in pieces:
        covered[round(one.start * RATE) : round(one.end * RATE)] += 1
    assert covered[loud].min() == 1 and covered.max() == 1
