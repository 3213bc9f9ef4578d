"""Values as guides and chat answers write them are understood, and what was understood is told."""

from __future__ import annotations

from typing import Any

from tests.support.each import each
from voicechat.protocol.session_config import CheckedSession, check_session
from voicechat.protocol.session_dialects import GA_PATHS, get_path

TURNS = ("audio", "input", "turn_detection")


def said(checked: CheckedSession) -> str:
    return "\n".join(map(str, checked.problems))


@each("wrapper", ["session.update", "session.created", "session.updated"])
def test_an_event_around_the_session_is_taken_off(wrapper: str) -> None:
    checked = check_session({"type": wrapper, "event_id": "e", "session": {"voice": "ash"}})
    assert get_path(checked.session, ("audio", "output", "voice")) == "ash"
    assert checked.problems == ()


def test_fields_beside_type_are_wrapped() -> None:
    checked = check_session({"type": "session.update", "voice": "ash", "turn_detection": None})
    assert checked.session == {
        "type": "realtime",
        "audio": {"input": {"turn_detection": None}, "output": {"voice": "ash"}},
    }
    assert checked.is_valid
    assert "wrapped in session" in said(checked)


def test_what_stands_beside_session_is_moved_in_or_explained() -> None:
    checked = check_session(
        {"session": {"type": "realtime"}, "voice": "ash", "expires_after": {"seconds": 60}, "x\ny": 1}
    )
    assert get_path(checked.session, ("audio", "output", "voice")) == "ash"
    assert [problem.path for problem in checked.problems] == ["session.voice", "expires_after", "'x\\ny'"]
    assert checked.is_valid


@each("config", [[], "voice: ash", 5, None, {"session": 5}, {"type": "session.update", "session": None}])
def test_what_is_no_session_is_refused_in_words(config: Any) -> None:
    checked = check_session(config)
    assert not checked.is_valid
    assert checked.session == {"type": "realtime"}
    assert "where an object belongs" in said(checked)


@each("value", [False, "none", "off", {"type": "none"}, {"type": "server_vad", "enabled": False}])
def test_turn_detection_off_is_null(value: Any) -> None:
    wishes: list[Any] = [{"turn_detection": value}, {"audio": {"input": {"turn_detection": value}}}]
    for wish in wishes:
        checked = check_session(wish)
        assert checked.session["audio"] == {"input": {"turn_detection": None}}
        assert checked.is_valid and "null" in said(checked)


def test_turn_detection_without_a_type_is_guessed_from_its_fields() -> None:
    assert get_path(check_session({"turn_detection": {"threshold": 0.4}}).session, (*TURNS, "type")) == "server_vad"
    assert get_path(check_session({"turn_detection": {"eagerness": "low"}}).session, (*TURNS, "type")) == "semantic_vad"
    assert get_path(check_session({"turn_detection": "server_vad"}).session, TURNS) == {"type": "server_vad"}


def test_turn_detection_that_is_merely_on_is_left_to_the_service() -> None:
    checked = check_session({"turn_detection": True})
    assert checked.session == {"type": "realtime"}
    assert [problem.severity for problem in checked.problems] == ["note"]


@each("name", ["input_audio_format", "output_audio_format"])
@each(
    ("value", "is_valid", "kept"),
    [
        ("pcm16", True, {"type": "audio/pcm", "rate": 24000}),
        ("g711_ulaw", True, {"type": "audio/pcmu"}),
        ({"type": "audio/pcm", "rate": 24000}, True, {"type": "audio/pcm", "rate": 24000}),
        ({"type": "pcm16", "sample_rate": 24000, "channels": 1}, True, {"type": "audio/pcm", "rate": 24000}),
        ({"encoding": "g711_alaw", "sample_rate": 8000}, True, {"type": "audio/pcma"}),
        ({"sample_rate": 16000, "channels": 1}, False, None),
        ({"type": "wav"}, False, None),
        ("mp3", False, None),
    ],
)
def test_a_beta_format_is_one_of_three_words(name: str, value: Any, is_valid: bool, kept: Any) -> None:
    checked = check_session({name: value})
    assert get_path(checked.session, GA_PATHS[name]) == kept
    assert checked.is_valid == is_valid
    if not is_valid:
        assert checked.problems[0].allowed == ("pcm16", "g711_ulaw", "g711_alaw")


def test_a_ga_format_said_as_a_word_is_translated() -> None:
    checked = check_session({"audio": {"input": {"format": "pcm16"}, "output": {"format": "audio/pcmu"}}})
    assert get_path(checked.session, ("audio", "input", "format")) == {"type": "audio/pcm", "rate": 24000}
    assert get_path(checked.session, ("audio", "output", "format")) == {"type": "audio/pcmu"}
    assert {problem.severity for problem in checked.problems} == {"note"}


@each("language", ["auto", "AUTO", "", "multi"])
@each("is_beta", [True, False])
def test_automatic_language_is_left_out(language: str, is_beta: bool) -> None:
    value: Any = {"model": "whisper-1", "language": language}
    flat: Any = {"input_audio_transcription": value}
    nested: Any = {"audio": {"input": {"transcription": value}}}
    checked = check_session(flat if is_beta else nested)
    assert checked.session["audio"] == {"input": {"transcription": {"model": "whisper-1"}}}
    assert [problem.severity for problem in checked.problems] == ["note"]


def test_an_odd_language_is_sent_with_a_doubt() -> None:
    checked = check_session({"input_audio_transcription": {"model": "whisper-1", "language": "en-US"}})
    assert get_path(checked.session, ("audio", "input", "transcription", "language")) == "en-US"
    assert "ISO-639-1" in said(checked) and checked.is_valid


def test_transcription_is_on_by_being_there() -> None:
    on = check_session({"input_audio_transcription": {"enabled": True, "model": "whisper-1"}})
    assert on.session["audio"] == {"input": {"transcription": {"model": "whisper-1"}}}
    assert on.problems[0].path == "session.input_audio_transcription.enabled"
    off = check_session({"input_audio_transcription": {"enabled": False, "model": "whisper-1"}})
    assert off.session["audio"] == {"input": {"transcription": None}}
    assert "model" in said(check_session({"input_audio_transcription": True}))


def test_noise_reduction_as_a_word_or_off() -> None:
    assert get_path(check_session({"input_audio_noise_reduction": "near_field"}).session, TURNS[:2]) == {
        "noise_reduction": {"type": "near_field"}
    }
    off = check_session({"audio": {"input": {"noise_reduction": False}}})
    assert off.session["audio"] == {"input": {"noise_reduction": None}}


def test_sound_and_text_together_is_sound() -> None:
    beta = check_session({"modalities": ["text", "audio"]})
    assert (beta.session["output_modalities"], beta.problems) == (["audio"], ())
    ga = check_session({"output_modalities": ["text", "audio"]})
    assert ga.session["output_modalities"] == ["audio"]
    assert "transcript" in said(ga)
    assert check_session({"modalities": "text"}).session["output_modalities"] == ["text"]


def test_chat_completion_tools_are_flattened() -> None:
    nested: Any = {"type": "function", "function": {"name": "f", "parameters": {}}}
    choice: Any = {"type": "function", "function": {"name": "f"}}
    checked = check_session({"tools": [nested], "tool_choice": choice})
    assert checked.session["tools"] == [{"type": "function", "name": "f", "parameters": {}}]
    assert checked.session["tool_choice"] == {"type": "function", "name": "f"}
    assert {problem.severity for problem in checked.problems} == {"note"}


def test_half_a_character_in_the_instructions_can_be_sent_after_all() -> None:
    checked = check_session({"instructions": "Hi \ud800"})
    assert checked.session["instructions"] == "Hi \ufffd"
    assert checked.is_valid
