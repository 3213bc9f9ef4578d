"""R23 and --session: preset below, session file above it, explicit options on top."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from voicechat.config.load import checked, load_settings
from voicechat.config.settings import Settings
from voicechat.config.wish import Plan, plan
from voicechat.errors import ConfigError


def planned(tmp_path: Path, session: str = "", **flags: Any) -> Plan:
    empty = tmp_path / "config.toml"
    empty.write_text("")
    if session:
        (tmp_path / "s.json").write_text(session)
        flags["session"] = str(tmp_path / "s.json")
    return plan(load_settings(flags, {}, empty))


def heard(result: Plan) -> Any:
    return result.wishes.session["audio"]["input"]


BALANCED = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "create_response": True,
    "interrupt_response": False,
}


def test_r23_balanced_writes_every_value_out(tmp_path: Path) -> None:
    result = planned(tmp_path)
    assert heard(result)["turn_detection"] == BALANCED
    assert result.choices.barge_in
    assert result.policy.reopen_delay == 0.3
    assert not result.policy.reply_to_transcript_only


def test_r23_steady_replies_only_to_a_transcript(tmp_path: Path) -> None:
    result = planned(tmp_path, preset="steady")
    assert heard(result)["turn_detection"] == BALANCED | {
        "threshold": 0.3,
        "silence_duration_ms": 300,
        "create_response": False,
    }
    assert not result.choices.barge_in
    assert result.policy.reply_to_transcript_only
    assert result.policy.reopen_delay == 0.4


def test_r23_quick_lets_the_server_interrupt(tmp_path: Path) -> None:
    result = planned(tmp_path, preset="quick")
    assert heard(result)["turn_detection"] == BALANCED | {"silence_duration_ms": 200, "interrupt_response": True}
    assert result.policy.mic_open_during_playback


def test_single_options_overrule_a_preset(tmp_path: Path) -> None:
    result = planned(tmp_path, preset="steady", barge_in=True, voice="ash", model="m", language="de", output="text")
    session = result.wishes.session
    assert result.choices.barge_in
    assert (session["model"], session["output_modalities"]) == ("m", ["text"])
    assert session["audio"]["output"]["voice"] == "ash"
    assert heard(result)["transcription"]["language"] == "de"


def test_a_session_file_overrules_the_preset_but_not_a_flag(tmp_path: Path) -> None:
    text = """{ // pasted
      "type": "session.update",
      "session": {"type": "realtime", "instructions": "Be a pirate.", "audio": {
        "input": {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}, "output": {"voice": "cedar"}}}}"""
    result = planned(tmp_path, text, voice="ash")
    assert result.wishes.session["instructions"] == "Be a pirate."
    assert heard(result)["turn_detection"] == {"type": "semantic_vad", "eagerness": "low"}
    assert result.wishes.session["audio"]["output"]["voice"] == "ash"


def test_a_beta_session_file_is_translated(tmp_path: Path) -> None:
    result = planned(tmp_path, '{"modalities": ["text", "audio"], "voice": "verse", "turn_detection": null}')
    assert result.wishes.session["audio"]["output"]["voice"] == "verse"
    assert result.choices.local_detection


def test_a_wrong_session_file_names_the_field(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="max_speech_ms") as error:
        planned(tmp_path, '{"turn_detection": {"type": "server_vad", "max_speech_ms": 5000}}')
    assert "session check" in error.value.hint


def test_a_transcription_session_is_no_conversation(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="transcription session"):
        planned(tmp_path, '{"type": "transcription", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}')


def test_push_to_talk_is_a_choice_of_the_user(tmp_path: Path) -> None:
    result = planned(tmp_path, turn_mode="push-to-talk")
    assert result.choices.turn_mode == "push-to-talk"
    assert result.choices.turns_are_ours


def test_settings_of_a_program_count_as_given_and_are_checked() -> None:
    settings = checked(Settings(provider="openai", voice="cedar", model="mine", instructions="Be brief.", budget=2))
    session = plan(settings).wishes.session
    assert (session["audio"]["output"]["voice"], session["model"]) == ("cedar", "mine")
    assert session["instructions"] == "Be brief." and settings.given >= {"voice", "model", "budget"}
    for wrong, hint in ({"preset": "quik"}, "quick"), ({"volume": 9}, "0 to 1.5"), ({"voice": 3}, "any name"):
        with pytest.raises(ConfigError) as refused:
            checked(Settings(**wrong))
        assert hint in refused.value.hint
