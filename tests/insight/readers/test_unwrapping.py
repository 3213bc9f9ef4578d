"""Events out of their wrappers, the long way and the quick one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.each import each
from voicechat.insight.readers.loose import Shapes
from voicechat.insight.readers.narration import direction_of, is_name, spelled_in
from voicechat.insight.readers.timing import Clock, second_of_id, time_in, time_of, unit_of
from voicechat.insight.readers.unwrapping import Found, encoding_of, mended, unwrapped

EVENT: dict[str, Any] = {"type": "response.done", "response": {"id": "r1"}}


def only(value: Any) -> Found:
    (found,) = unwrapped(value)
    assert isinstance(found, Found)
    return found


@each("body", ["event", "data", "message", "payload"])
@each("time", ["t", "time", "timestamp", "ts"])
def test_wrappers_of_every_name_are_opened(body: str, time: str) -> None:
    found = only({time: 12.5, "direction": "received", body: EVENT})
    assert (found.event, found.t, found.dir) == (EVENT, 12.5, "in")
    assert only({time: 12.5, body: json.dumps(EVENT)}).event == EVENT


def test_the_name_may_stand_beside_the_body() -> None:
    assert only({"event": "response.done", "data": {"response": {"id": "r1"}}}).event["type"] == "response.done"


def test_the_inside_of_an_error_and_a_bare_response_are_events() -> None:
    error = {"type": "invalid_request_error", "code": "x", "message": "no", "param": None}
    assert only(error).event == {"type": "error", "error": error}
    response = {"object": "realtime.response", "id": "r", "status": "failed"}
    assert only(response).event == {"type": "response.done", "response": response}


@each(
    "wrap",
    [
        lambda event: {"t": 1.0, "dir": "in", "event": event},
        lambda event: {"timestamp": "2026-01-01T00:00:01Z", "direction": "sent", "data": json.dumps(event)},
        lambda event: event,
    ],
)
def test_the_quick_way_leads_where_the_long_way_does(wrap: Any) -> None:
    shapes = Shapes()
    first = wrap({"type": "response.created", "response": {"id": "r1"}})
    shapes.learn(first, only(first))
    quick, slow = shapes.quickly(wrap(EVENT)), only(wrap(EVENT))
    assert quick is not None
    assert (quick.event, quick.t, quick.dir) == (slow.event, slow.t, slow.dir)


def test_what_is_no_event_for_sure_goes_the_long_way() -> None:
    shapes = Shapes()
    first = {"t": 1.0, "event": EVENT}
    shapes.learn(first, only(first))
    assert shapes.quickly({"t": 1.0, "event": {"type": "something else"}}) is None
    assert shapes.quickly({"t": 1.0, "event": "a word"}) is None


# Letters that went through the wrong encoding


@each("wrong", ["latin-1", "gb18030"])
def test_text_that_was_read_in_the_wrong_encoding_is_mended(wrong: str) -> None:
    right = "麦克风已静音等待播放完成的事件"
    assert mended("mic " + right.encode().decode(wrong, "ignore")).startswith("mic 麦")


def test_text_that_is_right_stays() -> None:
    for text in ("plain", "déjà vu, naïve", "麦克风已静音", "🎤 öffnen"):
        assert mended(text) == text


def test_chinese_windows_is_told_from_utf8() -> None:
    assert encoding_of("麦克风".encode("gb18030")) == "gb18030"
    assert encoding_of("麦克风".encode()) == "utf-8"


# Times as logs write them


@each("line", ["2026-01-01T00:00:05.250Z x", "2026-01-01 00:00:05,250 x", "[2026-01-01 01:00:05.250+01:00] x"])
def test_dates_of_any_spelling_are_the_same_moment(line: str) -> None:
    found = time_in(line)
    assert found is not None and found[0] == pytest.approx(1767225605.25)


def test_clock_times_count_from_midnight_and_go_on_over_it() -> None:
    clock = Clock()
    told = [clock.tell(found[0]) for line in ("23:59:59.500 a", "00:00:00.250 b") if (found := time_in(line))]
    assert told == [0.0, 0.75]


def test_numbers_may_be_seconds_milliseconds_or_microseconds() -> None:
    assert {time_of(1767225605), time_of(1767225605000), time_of("1767225605000000")} == {1767225605.0}
    assert time_of(12.5) == 12.5 and time_of(True) is None and time_of("soon") is None


def test_an_id_tells_the_second_it_was_made_in() -> None:
    first, later = second_of_id("event_CZ100AAAAAAAAAAAAAAA1"), second_of_id("resp_CZ103AAAAAAAAAAAAAAA1")
    assert first is not None and later is not None and later - first == 3
    assert second_of_id("event_1") is None and second_of_id("event_zzzzzAAAAAAAAAAAAAAA1") is None


@each(
    ("times", "unit"),
    [
        ([(0.0, None), (140.0, None), (310.0, None), (480.0, None)], 1e-3),
        ([(0.0, None), (0.14, None), (0.31, None), (0.48, None)], 1.0),
        ([(0.0, 1.7e9), (900.0, 1.7e9 + 1), (2100.0, 1.7e9 + 2), (3900.0, 1.7e9 + 4)], 1e-3),
        ([(0.0, 1.7e9), (1.0, 1.7e9 + 1), (30.0, 1.7e9 + 30), (90.0, 1.7e9 + 90)], 1.0),
        ([(1.8e9, None), (1.8e9 + 60, None), (1.8e9 + 120, None), (1.8e9 + 180, None)], 1.0),
        ([(5.0, None)], 1.0),
    ],
)
def test_the_unit_of_bare_numbers_is_told_by_ids_or_by_the_steps(
    times: list[tuple[float | None, float | None]], unit: float
) -> None:
    assert unit_of(times) == unit


# What events are called


@each(
    ("text", "name"),
    [
        ("responseDone(", "response.done"),
        ("RealtimeServerEventResponseDone", "response.done"),
        ("InputAudioBufferSpeechStartedEvent(", "input_audio_buffer.speech_started"),
        ("ResponseAudioTranscriptDelta", "response.audio_transcript.delta"),
        ("sessionManager ready", ""),
    ],
)
def test_names_are_known_as_programs_spell_them(text: str, name: str) -> None:
    assert spelled_in(text) == name


def test_the_name_says_who_sent_it_whatever_the_log_says() -> None:
    assert direction_of("response.create", "in") == "out" and direction_of("response.created", "out") == "in"
    assert direction_of("response.of_tomorrow", "out") == "out"


def test_a_word_is_no_event() -> None:
    assert not is_name("error.log") and not is_name("response") and is_name("response.of_tomorrow")
