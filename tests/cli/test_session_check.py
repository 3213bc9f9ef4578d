"""`voicechat session check` says in plain sentences what is wrong, and what would be sent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from openai.types.live.session_config import SessionConfig
from pydantic import TypeAdapter

from tests.support.command import Ran, here
from tests.support.each import each

GOOD = '{"type": "realtime", "audio": {"output": {"voice": "marin"}}}'
WRONG = '{"turn_detection": {"type": "server_vad", "max_speech_ms": 5000, "post_speech_silence_ms": 700}}'


def check(*arguments: str, stdin: str = "") -> Ran:
    return here("session", "check", *arguments, stdin=stdin)


def test_a_good_file_is_called_valid(tmp_path: Path) -> None:
    file = tmp_path / "session.json"
    file.write_text(GOOD)
    result = check(str(file))
    assert (result.code, result.out) == (0, "Valid: a realtime session, no problems.\n")


def test_a_mistake_is_explained_and_ends_with_status_2() -> None:
    result = check("-", stdin=WRONG)
    assert result.code == 2
    lines = result.out.splitlines()
    assert lines[0].startswith("error:   session.turn_detection.max_speech_ms does not exist")
    assert "did you mean silence_duration_ms" in lines[1]
    assert lines[2].strip().startswith("allowed: threshold, prefix_padding_ms, silence_duration_ms")
    assert "warning: session.turn_detection.post_speech_silence_ms" in result.out
    assert lines[-1] == "Not valid: a realtime session with 1 error, 1 warning. Invalid fields would not be sent."


def test_warnings_alone_end_with_status_0() -> None:
    result = check("-", stdin='voice = "ash"\ntemperature = 0.8\n')
    assert result.code == 0
    assert "only services of the beta dialect know it" in result.out


def test_names_of_beta_are_said_to_be_sent_as_those_of_ga() -> None:
    result = check("-", stdin='{"session": {"type": "realtime", "modalities": ["audio"], "voice": "ash"}}')
    told, verdict = result.out.splitlines()
    assert told.endswith("modalities → output_modalities, voice → audio.output.voice.")
    assert (result.code, verdict) == (0, "Valid: a realtime session, no problems.")
    assert "sent as GA's" not in check("-", "--dialect", "beta", stdin='{"modalities": ["audio", "text"]}').out


def test_show_prints_what_would_be_sent_and_nothing_else_on_stdout() -> None:
    result = check("-", "--show", stdin=WRONG)
    assert result.code == 2
    assert json.loads(result.out) == {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "audio": {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 700}}},
        },
    }
    assert "max_speech_ms" in result.err


def test_show_speaks_beta_when_asked() -> None:
    result = check(
        "-", "--show", "--dialect", "beta", stdin='{"voice": "ash", "temperature": 0.7, "truncation": "auto"}'
    )
    assert json.loads(result.out) == {"type": "session.update", "session": {"voice": "ash", "temperature": 0.7}}
    assert "session.truncation is left out" in result.err
    assert result.code == 0


def test_json_is_for_programs() -> None:
    result = check("-", "--json", stdin=WRONG)
    told = json.loads(result.out)
    assert result.code == 2
    assert (told["valid"], told["kind"], told["written_in"], told["dialect"]) == (False, "realtime", "beta", "ga")
    assert {problem["severity"] for problem in told["problems"]} == {"error", "warning"}
    assert told["update"]["type"] == "session.update"


def test_a_transcription_session_is_recognised() -> None:
    text = '{"type": "transcription_session.update", "session": {"input_audio_transcription": {"model": "whisper-1"}}}'
    result = check("-", "--show", "--dialect", "beta", stdin=text)
    assert json.loads(result.out)["type"] == "transcription_session.update"
    assert "a transcription session" in result.err


@pytest.mark.parametrize("name", ["", "missing.json"])
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, name: str) -> None:
    result = check(str(tmp_path / name))
    assert result.code == 2
    assert result.out == ""
    assert "cannot read" in result.err and "Traceback" not in result.err


def test_a_slip_names_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "session.json"
    file.write_text('{\n  "voice" "ash"\n}')
    result = check(str(file))
    assert result.code == 2
    assert "session.json, line 2, column 11" in result.err


def test_a_file_of_megabytes_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "huge.json"
    file.write_bytes(b" " * (4 * 1024 * 1024 + 1))
    assert "longer than 4 MB" in check(str(file)).err


def test_bytes_that_are_no_text_are_refused_in_words(tmp_path: Path) -> None:
    file = tmp_path / "noise.bin"
    file.write_bytes(bytes(range(256)))
    result = check(str(file))
    assert result.code == 2 and "noise.bin" in result.err


def test_no_control_sequence_of_the_file_reaches_the_terminal() -> None:
    text = '{"voice\\u001b[2J\\n": "x", "instructions": "\\u001b]52;c;eA==\\u0007", "tool_choice": "\\u001b[31m"}'
    result = check("-", "--show", stdin=text)
    assert "\x1b" not in result.out + result.err
    assert "\x07" not in result.out + result.err


def test_a_secret_in_a_pasted_header_is_not_repeated() -> None:
    result = check("-", "--show", stdin='{"type": "realtime", "authorization": "Bearer sk-123", "voice": "ash"}')
    assert "sk-123" not in result.out + result.err
    assert result.code == 0


LIVE = {
    "type": "session.start",
    "session": {
        "model": "gpt-live-1",
        "instructions": "Be brief.",
        "input": [{"role": "user", "type": "message", "content": [{"type": "input_text", "text": "Hi."}]}],
        "audio": {"format": {"type": "audio/pcm", "rate": 16000}, "output": {"voice": "marin"}},
        "delegation": {
            "type": "responses",
            "responses": {"model": "gpt-5.2", "tools": [{"type": "web_search"}], "reasoning": {"effort": "low"}},
            "acknowledgement_delay_ms": 400,
        },
        "store": True,
        "client": {"data_channel": {"allowed_client_events": ["session.close"], "allowed_server_events": "all"}},
        "safety_identifier": None,
    },
}


def test_a_live_session_is_recognised_and_valid_for_the_openai_package() -> None:
    TypeAdapter(SessionConfig).validate_python(LIVE["session"])
    result = check("-", stdin=json.dumps(LIVE))
    assert result.code == 0
    assert result.out.splitlines() == [
        "note:    session.audio.format is for WebSocket; over WebRTC the service refuses it",
        "Valid: a GPT-Live session with 1 note.",
    ]
    assert json.loads(check("-", "--show", stdin=json.dumps(LIVE)).out) == LIVE


def test_an_update_of_a_live_session_changes_delegation_and_triggers_only() -> None:
    session = {"delegation": {"type": "responses", "responses": {"instructions": "Be brief."}}, "triggers": []}
    update = {"type": "session.update", "session": session}
    result = check("-", stdin=json.dumps(update))
    assert (result.code, result.out) == (0, "Valid: an update of a GPT-Live session, no problems.\n")
    assert json.loads(check("-", "--show", stdin=json.dumps(update)).out) == update
    session["model"] = "gpt-live-1"
    result = check("-", stdin=json.dumps(update))
    assert result.code == 2
    assert "session.model GPT-Live fixes it when the session starts" in result.out


@each(
    ("field", "value", "words"),
    [
        ("turn_detection", {"type": "server_vad"}, "GPT-Live has no turns"),
        ("tools", [], "it lives at session.delegation.responses.tools"),
        ("voice", "marin", "it lives at session.audio.output.voice"),
        ("voicex", "marin", "session.voicex is not a setting the service knows"),
        ("audio", {"format": {"type": "audio/pcm", "rate": 20000}}, "allowed: 16000, 24000"),
        ("audio", {"input": {}}, "leave audio.input out"),
        ("delegation", {"type": "responses", "responses": {}}, "session.delegation.responses lacks model"),
        ("input", [{"role": "system", "content": [{}]}], "session.input[0].role is 'system'"),
        ("model", None, "session lacks model"),
    ],
)
def test_what_a_live_service_would_refuse_is_explained(field: str, value: object, words: str) -> None:
    result = check("-", "--dialect", "live", stdin=json.dumps({"model": "gpt-live-1", field: value}))
    assert result.code == 2
    assert words in result.out
