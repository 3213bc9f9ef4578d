"""The microphone, the assistant's own voice, pieces of sentences, and what was written down."""

from __future__ import annotations

from typing import Any

from tests.insight.session_log import (
    TRANSCRIBED,
    Row,
    answered,
    beta_session,
    came,
    codes,
    diagnosed,
    done,
    ga_session,
    here,
    only,
    opened,
    spoken,
)
from tests.support.each import each

FAILED = "conversation.item.input_audio_transcription.failed"


@each(
    "told", [here(6, "mic.flat", seconds=5.0), here(6, "notice", code="mic_flat", level="warning", text="only silence")]
)
def test_a_microphone_of_zeros_is_silent_until_it_speaks(told: Row) -> None:
    only("mic-silent", opened(), here(1, "mic.opened"), told)
    assert diagnosed(opened(), here(1, "mic.opened"), told, here(9, "mic.live"))["mic-silent"].resolved


def test_another_notice_and_a_quiet_room_are_no_silent_microphone() -> None:
    assert not diagnosed(opened(), here(1, "mic.opened"), here(6, "notice", code="device_back"), until=600)


def test_our_own_echo_detector_reports_the_echo_and_its_end() -> None:
    heard = here(5, "echo.self_heard", level_db=-10.0, delay=0.1, cancelled_db=3.0, mode="cancelled")
    only("self-echo", opened(), heard)
    assert diagnosed(opened(), heard, here(8, "echo.changed", echo="headphones"))["self-echo"].resolved


def over_the_answer(words: str) -> list[Row]:
    return [
        *opened(),
        *spoken(1, "i1"),
        *answered(3.4, "r1", "The weather in Paris is sunny and warm today.", heard=False)[:3],
        came(5.0, "input_audio_buffer.speech_started", item_id="i2", audio_start_ms=5000),
        done(5.1, "r1", "cancelled", "turn_detected"),
        came(6.5, "input_audio_buffer.speech_stopped", item_id="i2", audio_end_ms=6500),
        came(6.5, "input_audio_buffer.committed", item_id="i2"),
        came(6.9, TRANSCRIBED, item_id="i2", transcript=words),
    ]


@each("timed", [True, False])
def test_a_transcript_of_the_answers_own_words_is_an_echo(timed: bool) -> None:
    only("self-echo", over_the_answer("in Paris is sunny and"), timed=timed)


@each("words", ["and what about London tomorrow", "Paris", "stop"])
def test_a_barge_in_is_no_echo(words: str) -> None:
    assert not diagnosed(over_the_answer(words))


def test_repeating_the_assistant_after_it_has_ended_is_no_echo() -> None:
    log = [
        *opened(),
        *spoken(1, "i1"),
        *answered(3.4, "r1", "the weather is sunny"),
        *spoken(9, "i2", "the weather is sunny"),
    ]
    assert not diagnosed(log)


def pieces(gap: float, clock: bool) -> list[Row]:
    rows: list[Row] = []
    for n in range(3):
        start = 1 + n * (0.8 + gap)
        marks = ({"audio_start_ms": start * 1000}, {"audio_end_ms": (start + 0.8) * 1000}) if clock else ({}, {})
        rows += [
            came(start, "input_audio_buffer.speech_started", item_id=f"i{n}", **marks[0]),
            came(start + 0.8, "input_audio_buffer.speech_stopped", item_id=f"i{n}", **marks[1]),
            came(start + 0.81, "input_audio_buffer.committed", item_id=f"i{n}"),
        ]
    return rows


@each("clock", [True, False])
def test_a_sentence_in_three_pieces_is_named_with_the_setting_that_cuts_it(clock: bool) -> None:
    assert "it is 500 now" in only("segments-too-short", opened(), pieces(0.4, clock)).cure


def test_a_sentence_in_pieces_is_seen_by_the_audio_clock_without_any_times() -> None:
    only("segments-too-short", opened(), pieces(0.4, True), timed=False)


def test_three_lone_words_with_pauses_are_no_pieces() -> None:
    assert not diagnosed(opened(), pieces(2.0, True))


def noise(t: float, id: str, over: str = "") -> list[Row]:
    """A cough that the server takes for speech; `over`: it cuts this answer."""
    cut = [done(t + 0.05, over, "cancelled", "turn_detected")] if over else []
    return [*spoken(t, id, ".", 0.4)[:1], *cut, *spoken(t, id, ".", 0.4)[1:]]


@each("timed", [True, False])
def test_answers_cut_again_by_coughs_are_too_eager_and_one_is_not(timed: bool) -> None:
    first = [*opened(), *spoken(1, "a"), *answered(3.4, "r1", heard=False)[:3], *noise(4.2, "n1", "r1")]
    again = [*spoken(9, "b"), *answered(11.4, "r2", heard=False)[:3], *noise(12.2, "n2", "r2")]
    assert not diagnosed(first, timed=timed)
    only("barge-in-too-eager", first, again, timed=timed)


def test_our_own_false_alarms_count_from_the_second_on() -> None:
    alarm = [here(5, "barge_in.happened", voice_began_at=4.7), here(6.2, "notice", code="false_alarm")]
    assert not diagnosed(opened(), alarm)
    only("barge-in-too-eager", opened(), alarm, alarm)


@each("timed", [True, False])
@each("words", ["", "。…", " - "])
def test_an_answer_to_a_sound_without_words_is_named(words: str, timed: bool) -> None:
    only("empty-transcript", opened(), spoken(1, "i1", words), answered(3.4, "r1"), timed=timed)


def test_two_empty_transcripts_are_a_hint_and_one_is_nothing() -> None:
    gated = opened(0, ga_session(create_response=False))
    assert not diagnosed(gated, spoken(1, "i1", ""))
    only("empty-transcript", gated, spoken(1, "i1", ""), spoken(9, "i2", ""))


@each("words", ["好", "нет", "7", "ok"])
def test_a_word_of_any_script_is_no_empty_transcript(words: str) -> None:
    assert not diagnosed(opened(), spoken(1, "i1", words), answered(3.4, "r1"))


@each("session", [ga_session(transcription=None), beta_session(input_audio_transcription=None)])
def test_transcription_that_is_off_is_explained_from_the_second_turn(session: dict[str, Any]) -> None:
    turns = [*spoken(1, "i1", None), *answered(3.4, "r1")], [*spoken(9, "i2", None), *answered(11.4, "r2")]
    assert not diagnosed(opened(0, session), turns[0])
    assert only("transcription-off", opened(0, session), *turns).severity == "info"


def test_a_client_that_waits_for_transcripts_that_are_off_waits_for_ever() -> None:
    found = diagnosed(opened(0, ga_session(transcription=None, create_response=False)), spoken(1, "i1", None))
    assert found["transcription-off"].severity == "error"


@each("code", ["audio_unintelligible", "model_not_found"])
def test_a_failed_transcription_is_named_until_one_succeeds(code: str) -> None:
    failed = came(3.4, FAILED, item_id="i1", error={"code": code, "message": "no"})
    only("transcription-failed", opened(), spoken(1, "i1", None), failed, answered(3.5, "r1"))
    settled = diagnosed(opened(), spoken(1, "i1", None), failed, answered(3.5, "r1"), spoken(9, "i2"))
    assert settled["transcription-failed"].resolved


def test_a_transcript_is_late_after_five_seconds_and_settled_by_a_quick_one() -> None:
    rows = [*opened(), *spoken(1, "i1", None), *answered(3.4, "r1")]
    late = came(9.0, TRANSCRIBED, item_id="i1", transcript="hello")
    only("transcription-late", rows, late)
    only("transcription-late", rows, until=9.0)
    assert not diagnosed(rows, came(7.5, TRANSCRIBED, item_id="i1", transcript="hello"))
    assert diagnosed(rows, late, spoken(12, "i2"))["transcription-late"].resolved


def closed_for_answer(heard: bool) -> list[Row]:
    answer = answered(3.4, "r1", heard=heard)
    return [*opened(), here(0.5, "mic.opened"), *spoken(1, "i1"), *answer[:3], here(4.0, "mic.closed"), *answer[3:]]


@each("heard", [True, False])
def test_a_mic_that_stays_closed_after_the_answer_is_named(heard: bool) -> None:
    only("mic-never-reopened", closed_for_answer(heard), until=12)
    assert not diagnosed(closed_for_answer(heard), until=9)


def test_a_mic_that_stays_closed_is_found_without_times_too() -> None:
    later = [came(0, "rate_limits.updated") for _ in range(9)]
    only("mic-never-reopened", closed_for_answer(False), later, timed=False)
    assert not diagnosed(closed_for_answer(False), timed=False), "an excerpt may simply end here"


@each("act", ["mute.chosen", "pause.toggled", "turn_mode.chosen", "device.lost", "line.lost", "end.asked"])
def test_a_mic_closed_by_the_user_or_a_loss_is_no_finding(act: str) -> None:
    assert "mic-never-reopened" not in codes(diagnosed(closed_for_answer(True), here(7.2, act), until=60))


def test_a_mic_that_opens_late_is_settled() -> None:
    assert diagnosed(closed_for_answer(True), came(12, "rate_limits.updated"), here(13, "mic.opened"))[
        "mic-never-reopened"
    ].resolved


def test_push_to_talk_keeps_the_mic_closed_between_presses() -> None:
    answer = answered(3.4, "r1")
    log = [
        *opened(0, ga_session(vad=None)),
        here(1, "talk.pressed"),
        here(1, "mic.opened"),
        here(3.0, "talk.released"),
        here(3.2, "mic.closed"),
        *answer[:5],
        here(5.0, "talk.pressed"),
        here(5.0, "playback.flushed"),
        here(5.0, "mic.opened"),
        here(6.0, "talk.released"),
        here(6.2, "mic.closed"),
    ]
    assert not diagnosed(log, until=60)


@each("heard", [True, False])
@each("timed", [True, False])
def test_a_mic_opened_at_response_done_is_too_early(heard: bool, timed: bool) -> None:
    rows = closed_for_answer(heard)
    at = next(n for n, row in enumerate(rows) if row[2]["type"] == "response.done") + 1
    assert (
        "response.done"
        in only("mic-reopened-too-early", rows[:at], here(4.45, "mic.opened"), rows[at:], timed=timed).cause
    )


def test_a_mic_opened_by_a_barge_in_or_after_the_sound_is_not_too_early() -> None:
    rows = closed_for_answer(True)
    at = next(n for n, row in enumerate(rows) if row[2]["type"] == "response.done") + 1
    assert not diagnosed(
        rows[:at], here(4.4, "barge_in.happened", voice_began_at=4), here(4.45, "mic.opened"), rows[at:]
    )
    assert not diagnosed(rows, here(7.4, "mic.opened"), until=30)


@each("heard", [True, False])
def test_a_mic_open_during_playback_is_named_where_the_server_must_not_interrupt(heard: bool) -> None:
    answer = answered(3.4, "r1", heard=heard)
    begins = [here(0.5, "mic.opened"), *spoken(1, "i1"), *answer[:4]]
    itself = came(5.2, "input_audio_buffer.speech_started", item_id="i2", audio_start_ms=5200)
    only("mic-open-during-playback", opened(0, ga_session(interrupt_response=False)), begins, itself)
    assert not diagnosed(opened(), begins, itself), "here the server interrupts, as preset quick wants it"
    closed = [*begins, here(4.0, "mic.closed")]
    assert not diagnosed(opened(0, ga_session(interrupt_response=False)), closed, itself)
