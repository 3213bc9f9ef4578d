"""Sessions of other people's clients, each with the one cause it should be found to have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.foreign_logs import says
from tests.support.healthy_sessions import HEALTHY, Session, called_a_tool, plain, pushed, turn
from tests.support.session_log import (
    TRANSCRIBED,
    Row,
    answered,
    beta_session,
    came,
    done,
    ga_session,
    opened,
    refused,
    sent,
    spoken,
    update,
)

__all__ = ["BROKEN", "HEALTHY", "Session", "plain"]


def mute_for_ever(words: str, after: list[Row] | None = None) -> list[Row]:
    """Field story a: it waits for an event that never comes."""
    return [
        *opened(),
        says(0.4, "🎤 Microphone enabled"),
        *spoken(1, "item_u1"),
        came(3.6, "response.created", response={"id": "resp_1", "status": "in_progress"}),
        came(4.0, "response.output_audio_transcript.delta", response_id="resp_1", delta="It is noon."),
        says(4.1, words),
        done(4.8, "resp_1"),
        came(4.9, "rate_limits.updated", rate_limits=[]),
        *(after or []),
        says(40.0, "heartbeat ok"),
        came(41.0, "rate_limits.updated", rate_limits=[]),
        *[says(42.0 + n, "heartbeat ok") for n in range(8)],
        *[came(52.0 + n, "rate_limits.updated", rate_limits=[]) for n in range(8)],
    ]


def noise_cuts() -> list[Row]:
    rows = opened()
    for n in range(3):
        t = 1 + 8 * n
        rows += spoken(t, f"item_u{n}")
        rows += answered(t + 2.6, f"resp_{n}", "Let me tell you everything about it.", heard=False)[:3]
        rows += [
            came(t + 3.6, "input_audio_buffer.speech_started", item_id=f"item_n{n}", audio_start_ms=1000 * (t + 3.6)),
            came(t + 3.65, "output_audio_buffer.cleared", response_id=f"resp_{n}"),
            done(t + 3.7, f"resp_{n}", "cancelled", "turn_detected"),
            came(t + 4.1, "input_audio_buffer.speech_stopped", item_id=f"item_n{n}", audio_end_ms=1000 * (t + 4.1)),
            came(t + 4.1, "input_audio_buffer.committed", item_id=f"item_n{n}"),
            came(t + 4.4, TRANSCRIBED, item_id=f"item_n{n}", transcript=""),
        ]
    return rows


def cancels_at_birth(words: str | None = None) -> list[Row]:
    rows = opened()
    for n in range(2):
        t = 1 + 8 * n
        rows += spoken(t, f"item_u{n}")
        rows += [came(t + 2.6, "response.created", response={"id": f"resp_{n}", "status": "in_progress"})]
        rows += [says(t + 2.64, words)] if words else []
        rows += [
            sent(t + 2.65, "response.cancel", event_id=f"x{n}"),
            done(t + 2.8, f"resp_{n}", "cancelled", "client_cancelled"),
        ]
    return rows + turn(20, 5)


def cuts_itself(words: str | None = None) -> list[Row]:
    rows = opened()
    for n in range(2):
        t = 1 + 9 * n
        rows += spoken(t, f"item_u{n}")
        rows += answered(t + 2.6, f"resp_{n}", "Once upon a time there was", heard=False)[:3]
        rows += [says(t + 4.55, words)] if words else []
        rows += [
            sent(t + 4.6, "response.cancel", event_id=f"x{n}"),
            done(t + 4.8, f"resp_{n}", "cancelled", "client_cancelled"),
        ]
    return rows + turn(22, 5)


def two_authors() -> list[Row]:
    rows = opened()
    for n in range(2):
        t = 1 + 8 * n
        rows += spoken(t, f"item_u{n}")
        rows += answered(t + 2.6, f"resp_{n}", heard=False)[:1]
        rows += [
            sent(t + 2.7, "response.create", event_id=f"r{n}"),
            refused(t + 2.8, "conversation_already_has_active_response", "Conversation already has an active response"),
        ]
        rows += answered(t + 2.6, f"resp_{n}", heard=False)[1:]
    return rows


def twice() -> list[Row]:
    rows = opened(0, ga_session(create_response=False))
    for n in range(2):
        t = 1 + 12 * n
        rows += spoken(t, f"item_u{n}")
        rows += [sent(t + 2.5, "response.create", event_id=f"a{n}"), *answered(t + 2.6, f"resp_a{n}", heard=False)[:4]]
        rows += [sent(t + 3.8, "response.create", event_id=f"b{n}"), *answered(t + 4.0, f"resp_b{n}", heard=False)]
    return rows


def noise_answered() -> list[Row]:
    rows = opened()
    for n in range(3):
        t = 1 + 9 * n
        rows += spoken(t, f"item_n{n}", "." if n else "", seconds=0.7)
        rows += answered(t + 1.3, f"resp_{n}", "Hello? Are you there?", heard=False)
    return rows


def pieces() -> list[Row]:
    rows = opened(0, ga_session(create_response=False, silence_duration_ms=200))
    t = 1.0
    for n, words in enumerate(("I would like", "to know", "what the", "weather is")):
        rows += spoken(t, f"item_p{n}", words, seconds=0.7)
        t += 1.2
    return [
        *sorted(rows, key=lambda row: row[0]),
        sent(t, "response.create"),
        *answered(t + 0.4, "resp_1", heard=False),
    ]


def refused_field(field: str, session: dict[str, Any], code: str = "unknown_parameter", saying: str = "") -> list[Row]:
    dialect = beta_session() if "type" not in session else ga_session()
    return [
        *opened(0, dialect),
        update(0.2, **session),
        refused(0.4, code, saying or f"Unknown parameter: '{field}'.", param=field, event_id="u1"),
        *turn(2, 1),
    ]


def committed_under_vad() -> list[Row]:
    rows = opened()
    for n in range(2):
        t = 1 + 9 * n
        rows += spoken(t, f"item_u{n}")
        rows += [
            sent(t + 2.1, "input_audio_buffer.commit", event_id=f"k{n}"),
            refused(t + 2.2, "input_audio_buffer_commit_empty", "buffer too small, expected at least 100ms of audio"),
        ]
        rows += answered(t + 2.6, f"resp_{n}", heard=False)
    return rows


def empty_taps() -> list[Row]:
    rows = [*opened(0, ga_session(vad=None))]
    for n in range(2):
        rows += [
            sent(2 + n, "input_audio_buffer.commit", event_id=f"k{n}"),
            refused(2.1 + n, "input_audio_buffer_commit_empty", "buffer too small. Expected at least 100ms of audio"),
        ]
    return rows + pushed()[3:]


def reopened_too_early() -> list[Row]:
    rows = [*opened(), says(0.5, "🎤 Mic enabled")]
    for n in range(2):
        t = 1 + 10 * n
        whole = answered(t + 2.6, f"resp_{n}", "A long story that takes its time to be told", heard=False)
        rows += [*spoken(t, f"item_u{n}"), *whole[:3], says(t + 3.1, "🔇 Muting mic, assistant speaking"), whole[3]]
        rows += [says(t + 3.7, "🎤 response.done received - unmuting mic"), *whole[4:]]
    return rows


def translated_aside() -> list[Row]:
    rows = opened()
    for n in range(2):
        t = 1 + 9 * n
        rows += spoken(t, f"item_u{n}")
        rows += answered(t + 2.6, f"resp_{n}", "Once upon a time", heard=False)[:3]
        rows += [
            says(t + 3.6, "POST /v1/chat/completions translate user transcript"),
            sent(t + 3.7, "response.cancel", event_id=f"x{n}"),
            done(t + 3.9, f"resp_{n}", "cancelled", "client_cancelled"),
        ]
    return rows + turn(22, 5)


def leaked() -> list[Row]:
    old = answered(3.6, "resp_old", "I am the first assistant", heard=False)
    return [
        *opened(),
        *spoken(1, "item_u1"),
        *old[:3],
        came(4.3, "session.created", session=ga_session() | {"id": "sess_2"}),
        *old[3:],
        *turn(9, 2),
    ]


def truncated_over_webrtc() -> list[Row]:
    rows = opened()
    for n in range(2):
        t = 1 + 12 * n
        whole = answered(t + 2.6, f"resp_{n}", "A long story", heard=False, seconds=6.0)
        rows += [*spoken(t, f"item_u{n}"), *whole[:4]]
        rows += [sent(t + 4.5, "conversation.item.truncate", item_id="item_a", content_index=0, audio_end_ms=900)]
        rows += whole[4:]
    return rows


def tail_thrown_away() -> list[Row]:
    rows = opened()
    for n in range(2):
        t = 1 + 9 * n
        whole = answered(t + 2.6, f"resp_{n}", "The end of this is never heard", heard=False)
        rows += [*spoken(t, f"item_u{n}"), *whole[:4], sent(t + 3.65, "output_audio_buffer.clear")]
        rows += [came(t + 3.7, "output_audio_buffer.cleared", response_id=f"resp_{n}")]
    return rows


def wrong_rate() -> list[Row]:
    session = ga_session()
    session["audio"]["input"]["format"] = {"type": "audio/pcm", "rate": 24000}
    rows = [*opened(0, session), says(0.3, "AudioRecord started: sampleRate=16000 channels=1")]
    for n in range(3):
        t = 1 + 8 * n
        rows += [came(t, "input_audio_buffer.speech_started", item_id=f"item_{n}", audio_start_ms=700 * t)]
        rows += [came(t + 2, "input_audio_buffer.speech_stopped", item_id=f"item_{n}", audio_end_ms=700 * t + 1400)]
        rows += [came(t + 2.1, "input_audio_buffer.committed", item_id=f"item_{n}")]
        rows += [came(t + 2.4, TRANSCRIBED, item_id=f"item_{n}", transcript="quick chipmunk talk")]
        rows += [row for row in answered(t + 2.6, f"resp_{n}", heard=False) if "buffer" not in row[2]["type"]]
    return rows


def silent_after_tool() -> list[Row]:
    rows = called_a_tool()[:-5]
    return [
        *rows,
        came(4.8, "response.created", response={"id": "resp_2", "status": "in_progress"}),
        came(5.0, "response.done", response={"id": "resp_2", "status": "completed", "output": []}),
        *turn(9, 3),
    ]


def no_tools() -> list[Row]:
    item = {"id": "item_m", "type": "mcp_list_tools", "server_label": "docs", "tools": []}
    return [
        *opened(),
        came(0.5, "mcp_list_tools.in_progress", item_id="item_m"),
        came(1.5, "mcp_list_tools.failed", item_id="item_m"),
        came(1.6, "conversation.item.done", item=item),
        *turn(3, 1),
    ]


def never_answered() -> list[Row]:
    quiet = [came(10.0 + n, "rate_limits.updated", rate_limits=[]) for n in range(14)]
    return [*opened(), *turn(1, 1), came(8.0, "rate_limits.updated", rate_limits=[]), *spoken(9, "item_u2"), *quiet]


def refused_money() -> list[Row]:
    error = {"type": "insufficient_quota", "code": "insufficient_quota", "message": "You exceeded your current quota"}
    return [
        *opened(),
        *spoken(1, "item_u1"),
        came(3.6, "response.created", response={"id": "resp_1", "status": "in_progress"}),
        done(3.8, "resp_1", "failed", error=error),
    ]


def one_error(code: str, message: str) -> Callable[[], list[Row]]:
    return lambda: [*plain(), refused(40, code, message)]


LISTENS = "🔇 Muting mic while assistant speaks, will unmute on output_audio_buffer.cleared"
BROKEN = (
    Session("R2 waits for cleared for ever", "mic-never-reopened", lambda: mute_for_ever(LISTENS), True),
    Session(
        "R2 waits in Chinese",
        "mic-never-reopened",
        lambda: mute_for_ever("麦克风已静音（AI正在说话），等待 output_audio_buffer.stopped 后恢复"),
        True,
    ),
    Session("R2 reopened at response.done", "mic-reopened-too-early", reopened_too_early, True),
    Session("R7 noise cuts", "barge-in-too-eager", noise_cuts),
    Session("R12 cancelled at birth", "cancelled-at-birth", cancels_at_birth),
    Session("R12 two authors", "active-response-conflict", two_authors),
    Session("R12 asked twice", "duplicate-create", twice),
    Session("R14 a timer cuts", "cancelled-by-client", lambda: cuts_itself("response timer fired"), True),
    Session("R14 cuts itself", "cancelled-by-client", cuts_itself),
    Session("R24 a translation cuts", "side-request-interferes", translated_aside, True),
    Session("R13 noise is answered", "empty-transcript", noise_answered),
    Session("R17 a sentence in pieces", "segments-too-short", pieces, needs_times=True),
    Session(
        "R20 max_speech_ms",
        "unknown-session-field",
        lambda: refused_field(
            "session.turn_detection.max_speech_ms", {"turn_detection": {"type": "server_vad", "max_speech_ms": 5000}}
        ),
    ),
    Session(
        "R20 post_speech_silence_ms",
        "unknown-session-field",
        lambda: refused_field(
            "session.audio.input.turn_detection.post_speech_silence_ms",
            {"type": "realtime", "audio": {"input": {"turn_detection": {"post_speech_silence_ms": 5000}}}},
        ),
    ),
    Session(
        "R20 output_audio_format as an object",
        "wrong-field-type",
        lambda: refused_field(
            "session.output_audio_format",
            {"output_audio_format": {"type": "pcm16"}},
            "invalid_type",
            "Invalid type for 'session.output_audio_format': expected one of 'pcm16', got an object instead.",
        ),
    ),
    Session(
        "R20 the other dialect",
        "dialect-mismatch",
        lambda: refused_field(
            "session.type", {"type": "realtime"}, "unknown_parameter", "Unknown parameter: 'session.type'."
        ),
    ),
    Session("R19 commits under VAD", "commit-with-server-vad", committed_under_vad),
    Session("R18 taps", "empty-commit", empty_taps),
    Session("R27 an old socket", "socket-leaked", leaked),
    Session("R8 truncated over WebRTC", "truncate-without-clear", truncated_over_webrtc, needs_times=True),
    Session("R2 the tail is thrown away", "audio-tail-missing", tail_thrown_away),
    Session("16 kHz into 24", "audio-format-mismatch", wrong_rate, True),
    Session("R13 silent after a tool", "empty-response-after-tool", silent_after_tool),
    Session("MCP without tools", "mcp-no-tools", no_tools),
    Session("R15 never answered", "no-response", never_answered),
    Session("no money", "quota-or-billing", refused_money),
    Session(
        "an hour is over",
        "session-expired",
        one_error("session_expired", "Your session hit the maximum duration of 60 minutes."),
    ),
    Session(
        "another voice",
        "voice-locked",
        one_error("cannot_update_voice", "Cannot update a conversation's voice if assistant audio is present."),
    ),
    Session(
        "nothing to cancel",
        "cancel-without-response",
        lambda: [
            *plain(),
            sent(40, "response.cancel", event_id="x1"),
            refused(40.1, "response_cancel_not_active", "Cancellation failed: no active response found", event_id="x1"),
        ],
    ),
)
