"""Which language and library wrote a log, and cures in that language."""

from __future__ import annotations

import io

from tests.support.each import each
from voicechat.cli.diagnose import Words
from voicechat.insight.cures import client_of
from voicechat.insight.report import diagnose

REFUSED = "{'type': 'error', 'error': {'type': 'invalid_request_error', 'code': 'input_audio_buffer_commit_empty'}}"


@each(
    ("text", "words"),
    [
        ('Traceback (most recent call last):\n  File "talk.py", line 3, in main', "Python"),
        ("    at send (http://localhost:3000/static/js/bundle.js:57956:13)", "JavaScript"),
        ("{ type: 'error', error: { code: 'x' } }", "JavaScript"),
        ("  at com.example.Talk.open(Talk.kt:31)", "Java or Kotlin"),
        ("  at Talk.Session.Send(String text) in /src/Session.cs:line 12", "C#"),
        ("Talk/Session.swift:12 connection failed", "Swift"),
        ("goroutine 7 [running]:\nmain.go:12", "Go"),
        ("thread 'main' panicked at src/talk.rs:9:5", "Rust"),
        ("E (4512) websocket_client: transport failed", "C or C++"),
        ("flutter: session closed", "Dart"),
        ("2025 ERROR:livekit.plugins.openai:Error in recv_task", "livekit-agents"),
        ("websockets.exceptions.ConnectionClosedError: no close frame received", "websockets"),
        ("Connection closed with code 1006.", ""),
        ('{"type": "error", "error": {"code": "session_expired"}}', ""),
    ],
)
def test_language_and_library_are_told_by_what_only_they_print(text: str, words: str) -> None:
    assert client_of(text).words == words


def test_two_languages_in_equal_parts_are_none() -> None:
    assert client_of("talk.py:12 sent\nTalk.swift:12 received").language == ""


def test_cures_are_written_in_the_language_of_the_client() -> None:
    def told(log: str) -> str:
        return Words(100).of(diagnose(io.BytesIO(log.encode()), "log"))

    python, unknown = told(REFUSED), told(REFUSED.replace("'", '"'))
    assert "written by Python" in python and "\n  python " in python and "\n  js " not in python
    assert "\n  python " in unknown and "\n  js " in unknown
    assert "pipecat takes these fields in SessionProperties" in told(
        'pipecat: {"type": "error", "error": {"type": "invalid_request_error", "code": "unknown_parameter", '
        '"param": "session.voice", "message": "Unknown parameter: \'session.voice\'."}}'
    )
