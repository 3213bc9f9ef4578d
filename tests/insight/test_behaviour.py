"""Failures that nobody told of: only what the log shows to have happened, or not to have happened, gives them away."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

from tests.insight.session_log import Row, answered, ga_session, opened, spoken
from tests.support.each import each
from voicechat.insight.report import Report, diagnose


def read(text: str) -> Report:
    return diagnose(io.BytesIO(text.encode()), "log")


def told(text: str) -> list[str]:
    return [one.code for one in read(text).findings]


def lines(*events: Mapping[str, object]) -> str:
    """A log without times."""
    return "\n".join(map(json.dumps, events))


def rows(log: list[Row]) -> str:
    return lines(*({"t": t, "dir": way, "event": event} for t, way, event in log))


def completed(said: str, item: str = "i1") -> dict[str, Any]:
    kind = "conversation.item.input_audio_transcription.completed"
    return {"type": kind, "item_id": item, "transcript": said}


def ended(id: str, *output: Mapping[str, Any], status: str = "completed", **more: Any) -> dict[str, Any]:
    return {"type": "response.done", "response": {"id": id, "status": status, "output": list(output), **more}}


def transcribing(**wish: str) -> dict[str, Any]:
    """A configuration with these settings of the transcription."""
    audio = {"input": {"transcription": {"model": "x", **wish}}}
    return {"type": "session.updated", "session": {"type": "realtime", "audio": audio}}


CALLED = ended("r1", {"id": "i1", "type": "function_call", "name": "weather", "call_id": "c1", "arguments": "{}"})
RESULT = {"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "c1", "output": "{}"}}
AGAIN = {"type": "response.created", "response": {"id": "r2"}}
NAMES = transcribing(prompt="Names: Amira Okafor, Brightwater Clinic.") | {"type": "session.update"}
BY_SERVER = {"type": "cancelled", "reason": "turn_detected"}
DROPPED = [ended(f"r{n}", status="cancelled", status_details=BY_SERVER) for n in (1, 2)]
SAID = {"type": "message", "role": "assistant", "content": [{"type": "audio", "transcript": "Well, the"}]}
CUT = [ended(f"r{n}", SAID, status="cancelled", status_details={"reason": "turn_detected"}) for n in range(3)]
MEANT = [event for n, end in enumerate(CUT) for event in (end, completed("no, stop that", f"i{n}"))]
BOTH = ["audio", "text"]
WRITTEN = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "hi"}]}
SPOKE = {"type": "response.output_audio_transcript.done", "response_id": "r1", "transcript": "We open at nine daily."}
MUTED = """
10:00:00.000 << {"type":"response.created","response":{"id":"r1"}}
10:00:00.400 << {"type":"output_audio_buffer.started","response_id":"r1"}
10:00:00.410 playback started, muting microphone
10:00:03.000 << {"type":"response.done","response":{"id":"r1","status":"completed","output":[]}}
10:00:03.010 starting fallback timer for mic restoration
10:00:04.000 << {"type":"output_audio_buffer.stopped","response_id":"r1"}
10:00:30.000 still here
"""
BARGE_IN_DEBUG = """
10:00:00.000 response.created {"type":"response.created","response":{"id":"resp_1"}}
10:00:00.100 response.done status=cancelled reason=client_cancelled output_count=0 resp_1
10:00:00.200 [BARGE-IN DEBUG] is_ai_speaking=False rms=278
10:00:00.300 barge-in flow completed
"""
CLOSED = "WebSocket did close with code 1000"
INNER = "{ type: 'invalid_request_error', code: 'response_cancel_not_active', message: 'x', param: null }"
NESTED = f"context: {{\n  type: 'error',\n  error: {{\n    type: 'error',\n    error: {INNER}\n  }}\n}}\n"
FAILED = "{‘status’: ‘failed’, ‘status_details’: {‘error’: {‘code’: ‘server_error’}}}"
UNANSWERED = """10:00:01 response.created
10:00:03 response.done status=completed
10:00:10 input_audio_buffer.speech_started
10:00:12 input_audio_buffer.speech_stopped
10:00:12 input_audio_buffer.committed
"""
ENDS = [f"2026-01-05 10:00:0{n} response.done: status=cancelled reason=turn_detected" for n in (0, 4, 8)]
STARTED = {"type": "session.started", "session": {"id": "s1", "model": "gpt-live-1"}}
HANDED = {"type": "session.delegation.created", "delegation": {"id": "d1", "target": "client"}, "offset_ms": 900}
COMMENTARY = {"type": "session.commentary.append", "delegation_id": "d1", "text": "At noon."}
NO_FIELD = {"code": "unknown_parameter", "message": "Unknown parameter: 'session.turn_detection'."}
VESPER = {"type": "session.update", "event_id": "e1", "session": {"voice": "vesper"}}
FIXED = {"code": "invalid_value", "message": "x", "param": "session.voice", "client_event_id": "e1"}


def closed(reason: str) -> dict[str, str]:
    return {"type": "session.closed", "reason": reason}


LOGS: list[tuple[str, str, str]] = [
    ("a function call without output", lines(CALLED), "tool-output-unanswered"),
    ("a function call with its output", lines(CALLED, RESULT, AGAIN), ""),
    ("a log without the client's events shows the answer to the result", lines(CALLED, AGAIN), ""),
    ("a transcript that repeats the prompt", lines(completed("Names Amira Okafor, Brightwater Clinic"), NAMES),
     "transcript-hallucinated"),
    ("a name of the prompt in a sentence", lines(completed("My name is Amira Okafor and I would like to talk"), NAMES),
     ""),
    ("a subtitle", lines(completed("Thanks for watching!"), transcribing()), "transcript-hallucinated"),
    ("a subtitle in German", lines(completed("Untertitel der Amara.org-Community")), "transcript-hallucinated"),
    ("nearly a subtitle", lines(completed("I was watching the news.")), ""),
    ("a transcript in another script", lines(transcribing(language="en"), completed("시청해 주셔서 감사합니다")),
     "transcript-hallucinated"),
    ("a transcript in the script of its language", lines(transcribing(language="en"), completed("Hello there")), ""),
    ("responses dropped, by response.done alone", lines(*DROPPED), "cancelled-at-birth"),
    ("one response dropped: once happens to everybody", lines(DROPPED[0]), ""),
    ("a mic muted for playback and not unmuted", MUTED, "mic-never-reopened"),
    ("a debug line about barge-in is no act of the user", BARGE_IN_DEBUG, "cancelled-at-birth"),
    ("close 1000 before any response", f"session.created\nsent input_audio_buffer.append\n{CLOSED}", "connection-lost"),
    ("close 1000 after a response", f"session.created\n{lines(ended('r1', {}))}\n{CLOSED}", ""),
    ("nested errors", NESTED, "cancel-without-response"),
    ("typographic quotes", f"{{‘type’: ‘response.done’, ‘response’: {FAILED}}}", "response-failed"),
    ("text where audio was asked for", lines(ended("r1", WRITTEN, modalities=BOTH)), "answer-without-audio"),
    ("audio where audio was asked for", lines(ended("r1", SAID, modalities=BOTH)), ""),
    ("responses cut by turn detection again and again", lines(*CUT), "barge-in-too-eager"),
    ("responses cut with words that mean it", lines(*MEANT), ""),
    ("a transcript that repeats the response", lines(SPOKE, completed("we open at nine")), "self-echo"),
    ("a transcript that does not", lines(SPOKE, completed("and on Sunday please")), ""),
    ("a turn without a response, without a configuration", f"{UNANSWERED}10:00:40 still here\n", "no-response"),
    ("a turn with a response", f"{UNANSWERED}10:00:13 response.created\n10:00:40 still here\n", ""),
    ("a log that ends at a turn", UNANSWERED, ""),
    ("response.done lines seconds apart are several responses", "\n".join(ENDS), "barge-in-too-eager"),
    ("the same line three times is one response", "\n".join(ENDS[:1] * 3), ""),
    ("GPT-Live: a field it does not know",
     lines({"type": "session.start", "session": {}}, {"type": "error", "error": NO_FIELD}), "unknown-session-field"),
    ("GPT-Live: a field that is fixed", lines(STARTED, VESPER, {"type": "error", "error": FIXED}), "fixed-after-start"),
    ("GPT-Live: a delegation", lines(STARTED, HANDED), "delegation-unanswered"),
    ("GPT-Live: a delegation and its answer", lines(STARTED, HANDED, COMMENTARY), ""),
    ("GPT-Live: expired", lines(STARTED, closed("expired")), "session-expired"),
    ("GPT-Live: lost", lines(STARTED, closed("connection_lost")), "connection-lost"),
    ("GPT-Live: filtered", lines(STARTED, closed("content")), "response-incomplete"),
]  # fmt: skip


@each(("name", "log", "code"), LOGS, ids=lambda value: str(value)[:60])
def test_what_a_log_shows_is_named_and_nothing_else(name: str, log: str, code: str) -> None:
    assert told(log) == ([code] if code else [])


def test_send_without_connection_follows_from_connection_lost() -> None:
    log = "InvalidStateError: RTCDataChannel.readyState is not 'open'\nconnectionstatechange: failed\n"
    (cause,) = read(log).causes
    consequences = [one.code for one in cause.consequences]
    assert (cause.finding.code, consequences) == ("connection-lost", ["sends-without-connection"])


LIVE_TURN = {"type": "session.output_transcript.delta", "delta": "Hello", "start_ms": 0, "end_ms": 200}


@each(
    ("log", "verdict"),
    [
        ("the weather is fine", "nothing read"),
        ("session.created", "too little"),
        ("session.created\nERROR: flux capacitor exploded", "not understood"),
        (rows([*opened(0.0, ga_session()), *spoken(1.0, "u1")]), "too little"),
        (rows([*opened(0.0, ga_session()), *spoken(1.0, "u1"), *answered(3.4, "r1")]), "healthy"),
        (lines(STARTED, LIVE_TURN, closed("close_requested")), "healthy"),
    ],
)
def test_verdict_is_healthy_only_after_a_working_turn(log: str, verdict: str) -> None:
    report = read(log)
    assert (report.verdict, report.is_healthy) == (verdict, verdict == "healthy")


def test_unknown_error_line_is_quoted_once() -> None:
    report = read("ERROR 12: flux capacitor exploded\nERROR 13: flux capacitor exploded\nINFO no errors\n")
    assert report.reading.doubts == [(1, "ERROR 12: flux capacitor exploded")]


def test_timestamp_on_its_own_line_dates_the_lines_after_it() -> None:
    head = "2026-01-01 10:00:0{}.00\n0494008d\nUser\n"
    log = head.format(1) + "response.created: id=resp_1\n" + head.format(4) + "response.done: status=completed\n"
    report = read(log)
    assert report.reading.has_times and report.reading.ended_at == 3.0


def test_epoch_like_number_inside_a_sentence_is_no_timestamp() -> None:
    report = read("Cancellation failed: no active response found. call 1779354710")
    assert [one.code for one in report.findings] == ["cancel-without-response"] and not report.reading.has_times
