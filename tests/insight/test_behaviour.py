"""Failures that nobody told of: only what the log shows to have happened, or not to have happened, gives them away."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping

from tests.insight.session_log import Row, ga_session, opened, spoken
from tests.support.each import each
from voicechat.insight.report import Report, diagnose


def read(text: str) -> Report:
    return diagnose(io.BytesIO(text.encode()), "log")


def told(text: str) -> list[str]:
    return [one.code for one in read(text).findings]


def lines(rows: Iterable[Row]) -> str:
    return "\n".join(json.dumps({"t": t, "dir": way, "event": event}) for t, way, event in rows) + "\n"


def completed(item: str, said: str) -> str:
    kind = "conversation.item.input_audio_transcription.completed"
    return json.dumps({"type": kind, "item_id": item, "transcript": said})


CALL = {"id": "i1", "type": "function_call", "name": "weather", "call_id": "call_1", "arguments": "{}"}
CALLED = json.dumps({"type": "response.done", "response": {"id": "r1", "status": "completed", "output": [CALL]}})
AGAIN = json.dumps({"type": "response.created", "response": {"id": "r2"}})


def test_function_call_without_output_is_a_finding() -> None:
    result = {"type": "function_call_output", "call_id": "call_1", "output": "{}"}
    sent = json.dumps({"type": "conversation.item.create", "item": result})
    assert told(CALLED) == ["tool-output-unanswered"]
    assert told(f"{CALLED}\n{sent}\n{AGAIN}") == []
    assert told(f"{CALLED}\n{AGAIN}") == [], "a log without the client's events shows the answer to the result"


@each(
    ("prompt", "said", "is_invented"),
    [
        ("Names: Amira Okafor, Brightwater Clinic.", "Names Amira Okafor, Brightwater Clinic", True),
        ("Names: Amira Okafor, Brightwater Clinic.", "My name is Amira Okafor and I would like to talk", False),
        ("", "Thanks for watching!", True),
        ("", "Untertitel der Amara.org-Community", True),
        ("", "I was watching the news.", False),
    ],
)
def test_transcript_of_prompt_or_subtitle_is_hallucinated(prompt: str, said: str, is_invented: bool) -> None:
    session = {"type": "transcription", "audio": {"input": {"transcription": {"model": "x", "prompt": prompt}}}}
    log = f"{completed('i1', said)}\n{json.dumps({'type': 'session.update', 'session': session})}"
    assert ("transcript-hallucinated" in told(log)) == is_invented


def test_transcript_in_another_script_is_hallucinated() -> None:
    wish = {"model": "x", "language": "en"}
    session = {"type": "session.updated", "session": {"type": "realtime", "audio": {"input": {"transcription": wish}}}}
    for said, expected in (("시청해 주셔서 감사합니다", True), ("Hello there", False)):
        log = f"{json.dumps(session)}\n{completed('i1', said)}"
        assert ("transcript-hallucinated" in told(log)) == expected, said


def test_response_cancelled_at_birth_is_found_from_response_done_alone() -> None:
    details = {"type": "cancelled", "reason": "turn_detected"}
    dropped = [{"id": f"r{n}", "status": "cancelled", "status_details": details, "output": []} for n in (1, 2)]
    ends = [json.dumps({"type": "response.done", "response": one}) for one in dropped]
    assert told("\n".join(ends)) == ["cancelled-at-birth"]
    assert told(ends[0]) == [], "once happens to everybody who goes on talking"


def test_mic_muted_at_playback_and_never_unmuted_is_a_finding() -> None:
    log = """
10:00:00.000 << {"type":"response.created","response":{"id":"r1"}}
10:00:00.400 << {"type":"output_audio_buffer.started","response_id":"r1"}
10:00:00.410 playback started, muting microphone
10:00:03.000 << {"type":"response.done","response":{"id":"r1","status":"completed","output":[]}}
10:00:03.010 starting fallback timer for mic restoration
10:00:04.000 << {"type":"output_audio_buffer.stopped","response_id":"r1"}
10:00:30.000 still here
"""
    assert told(log) == ["mic-never-reopened"]


def test_barge_in_debug_line_is_no_user_action() -> None:
    log = """
10:00:00.000 response.created {"type":"response.created","response":{"id":"resp_1"}}
10:00:00.100 response.done status=cancelled reason=client_cancelled output_count=0 resp_1
10:00:00.200 [BARGE-IN DEBUG] is_ai_speaking=False rms=278
10:00:00.300 barge-in flow completed
"""
    assert told(log) == ["cancelled-at-birth"]


def test_close_1000_before_any_response_is_connection_lost() -> None:
    log = "session.created\nsent input_audio_buffer.append\nWebSocket did close with code 1000"
    assert told(log) == ["connection-lost"]
    worked = json.dumps({"type": "response.done", "response": {"id": "r1", "status": "completed", "output": [{}]}})
    assert told(f"session.created\n{worked}\nWebSocket did close with code 1000") == []


def test_send_without_connection_follows_from_connection_lost() -> None:
    log = "InvalidStateError: RTCDataChannel.readyState is not 'open'\nconnectionstatechange: failed\n"
    (cause,) = read(log).causes
    assert (cause.finding.code, [one.code for one in cause.consequences]) == (
        "connection-lost",
        ["sends-without-connection"],
    )


@each(
    ("log", "verdict"),
    [
        ("the weather is fine", "nothing read"),
        ("session.created", "too little"),
        ("session.created\nERROR: flux capacitor exploded", "not understood"),
        (lines([*opened(0.0, ga_session()), *spoken(1.0, "u1")]), "healthy"),
    ],
)
def test_verdict_is_healthy_only_after_a_working_turn(log: str, verdict: str) -> None:
    report = read(log)
    assert (report.verdict, report.is_healthy) == (verdict, verdict == "healthy")


def test_unknown_error_line_is_quoted_once() -> None:
    report = read("ERROR 12: flux capacitor exploded\nERROR 13: flux capacitor exploded\nINFO no errors\n")
    assert report.reading.doubts == [(1, "ERROR 12: flux capacitor exploded")]


def test_nested_error_objects_are_read() -> None:
    inner = "{ type: 'invalid_request_error', code: 'response_cancel_not_active', message: 'x', param: null }"
    log = "context: {\n  type: 'error',\n  error: {\n    type: 'error',\n    error: " + inner + "\n  }\n}\n"
    assert told(log) == ["cancel-without-response"]


def test_typographic_quotes_are_read_as_ascii_quotes() -> None:
    failed = "{‘status’: ‘failed’, ‘status_details’: {‘error’: {‘code’: ‘server_error’}}}"
    log = f"{{‘type’: ‘response.done’, ‘response’: {failed}}}"
    assert told(log) == ["response-failed"]


def test_timestamp_on_its_own_line_dates_the_lines_after_it() -> None:
    head = "2026-01-01 10:00:0{}.00\n0494008d\nUser\n"
    log = head.format(1) + "response.created: id=resp_1\n" + head.format(4) + "response.done: status=completed\n"
    report = read(log)
    assert report.reading.has_times and report.reading.ended_at == 3.0


def test_epoch_like_number_inside_a_sentence_is_no_timestamp() -> None:
    report = read("Cancellation failed: no active response found. call 1779354710")
    assert [one.code for one in report.findings] == ["cancel-without-response"] and not report.reading.has_times


def live(*events: Mapping[str, object]) -> list[str]:
    return told("\n".join(json.dumps(one) for one in events))


STARTED = {"type": "session.started", "session": {"id": "s1", "model": "gpt-live-1"}}
HANDED = {"type": "session.delegation.created", "delegation": {"id": "d1", "target": "client"}, "offset_ms": 900}


def test_gpt_live_is_judged_by_its_own_rules() -> None:
    refused = {"code": "unknown_parameter", "message": "Unknown parameter: 'session.turn_detection'."}
    update = {"type": "session.update", "event_id": "e1", "session": {"voice": "vesper"}}
    fixed = {"code": "invalid_value", "message": "x", "param": "session.voice", "client_event_id": "e1"}
    answer = {"type": "session.commentary.append", "delegation_id": "d1", "text": "At noon."}
    spoken = {"type": "session.output_transcript.delta", "delta": "Hello", "start_ms": 0, "end_ms": 200}
    assert live({"type": "session.start", "session": {}}, {"type": "error", "error": refused}) == [
        "unknown-session-field"
    ]
    assert live(STARTED, update, {"type": "error", "error": fixed}) == ["fixed-after-start"]
    assert live(STARTED, HANDED) == ["delegation-unanswered"]
    assert live(STARTED, HANDED, answer) == []
    assert live(STARTED, {"type": "session.closed", "reason": "expired"}) == ["session-expired"]
    assert live(STARTED, {"type": "session.closed", "reason": "connection_lost"}) == ["connection-lost"]
    assert live(STARTED, {"type": "session.closed", "reason": "content"}) == ["response-incomplete"]
    log = "\n".join(
        json.dumps(one) for one in (STARTED, spoken, {"type": "session.closed", "reason": "close_requested"})
    )
    assert read(log).is_healthy


def test_text_response_where_audio_was_requested_is_a_finding() -> None:
    def ended(kind: str) -> str:
        item = {"type": "message", "role": "assistant", "content": [{"type": kind, "text": "hi", "transcript": "hi"}]}
        response = {"id": "r1", "status": "completed", "output": [item], "modalities": ["audio", "text"]}
        return json.dumps({"type": "response.done", "response": response})

    assert (told(ended("text")), told(ended("audio"))) == (["answer-without-audio"], [])


def test_repeated_turn_detected_cancels_are_barge_in_too_eager() -> None:
    item = {"type": "message", "content": [{"type": "audio", "transcript": "Well, the"}]}
    cut = {"status": "cancelled", "status_details": {"reason": "turn_detected"}, "output": [item]}
    ends = [json.dumps({"type": "response.done", "response": {"id": f"r{n}", **cut}}) for n in range(3)]
    assert told("\n".join(ends)) == ["barge-in-too-eager"]
    meant = [end + "\n" + completed(f"i{n}", "no, stop that") for n, end in enumerate(ends)]
    assert told("\n".join(meant)) == []


def test_transcript_that_repeats_the_response_is_self_echo() -> None:
    spoke = {
        "type": "response.output_audio_transcript.done",
        "response_id": "r1",
        "transcript": "We open at nine daily.",
    }
    for said, expected in (("we open at nine", ["self-echo"]), ("and on Sunday please", [])):
        assert told(f"{json.dumps(spoke)}\n{completed('i1', said)}") == expected


def test_turn_without_response_is_a_finding_without_session_config() -> None:
    spoke = "10:00:10 speech_started\n".replace("speech", "input_audio_buffer.speech")
    spoke += "10:00:12 input_audio_buffer.speech_stopped\n10:00:12 input_audio_buffer.committed\n"
    before = "10:00:01 response.created\n10:00:03 response.done status=completed\n"
    assert told(f"{before}{spoke}10:00:40 still here\n") == ["no-response"]
    assert told(f"{before}{spoke}10:00:13 response.created\n10:00:40 still here\n") == []
    assert told(f"{before}{spoke}") == []


def test_response_done_lines_seconds_apart_are_several_responses() -> None:
    cut = [f"2026-01-05 10:00:0{n} response.done: status=cancelled reason=turn_detected" for n in (0, 4, 8)]
    assert told("\n".join(cut)) == ["barge-in-too-eager"]
    assert told("\n".join(cut[:1] * 3)) == []
