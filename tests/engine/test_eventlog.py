"""The rows a developer reads: audio elided, the telling part in the summary, always valid JSON."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from voicechat.engine.eventlog import BATCH_LIMIT, EventLog, row_of
from voicechat.journal.entry import Happening


def row(event: dict[str, Any], **more: Any) -> Any:
    return row_of(Happening(12.5, "in", event, **more), 7, 10.0)


def test_audio_is_elided_and_its_size_is_told() -> None:
    audio = base64.b64encode(bytes(range(256)) * 20).decode()
    result = row({"type": "response.output_audio.delta", "delta": audio})
    assert json.loads(result.payload)["delta"] == f"<{len(audio)} bytes of base64>"
    assert result.summary == f"<{len(audio)} bytes of base64>"
    assert result.t == 2.5


def test_words_are_never_taken_for_audio() -> None:
    text = "There once was a lamp. " * 30
    result = row({"type": "response.output_audio_transcript.delta", "delta": text})
    assert json.loads(result.payload)["delta"] == text


def test_item_audio_deep_inside_is_elided_too() -> None:
    audio = base64.b64encode(b"\x01\x7f" * 4000).decode()
    event = {"type": "conversation.item.retrieved", "item": {"content": [{"type": "input_audio", "audio": audio}]}}
    assert audio not in row(event).payload


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (
            {"type": "error", "error": {"code": "bad", "message": "No such field", "param": "session.x"}},
            "bad · No such field · session.x",
        ),
        ({"type": "error", "error": "just text"}, "just text"),
        (
            {
                "type": "response.done",
                "response": {"id": "r1", "status": "cancelled", "status_details": {"reason": "turn_detected"}},
            },
            "cancelled · turn_detected · r1",
        ),
        (
            {"type": "conversation.item.added", "item": {"type": "message", "role": "user", "id": "i"}},
            "user · message · i",
        ),
        ({"type": "input_audio_buffer.speech_started", "audio_start_ms": 1250}, "at 1.25 s of the input audio"),
        ({"type": "conversation.item.truncated", "audio_end_ms": 2960}, "at 2.96 s of its audio"),
        ({"type": "mic.opened", "pre_roll": 0.3}, "pre_roll=0.3"),
        (
            {
                "type": "session.update",
                "session": {"type": "realtime", "audio": {"input": {"turn_detection": {"silence_duration_ms": 500}}}},
            },
            "audio.input.turn_detection.silence_duration_ms 500",
        ),
        (
            {
                "type": "session.update",
                "session": {"voice": "alloy", "tools": [{}, {}], "speed": 1.5, "instructions": "x"},
            },
            "voice alloy · tools [2] · speed 1.5 · 1 more",
        ),
        (
            {
                "type": "session.created",
                "session": {
                    "type": "realtime",
                    "id": "sess_1",
                    "model": "m",
                    "audio": {
                        "input": {"turn_detection": {"type": "server_vad"}},
                        "output": {"voice": "marin"},
                    },
                },
            },
            "m · marin · server_vad · sess_1",
        ),
        ({"type": "session.updated", "session": {"id": "s", "voice": "alloy", "turn_detection": None}}, "alloy · s"),
        ({"type": "response.created", "response": None}, ""),
    ],
)
def test_the_summary_says_the_most(event: dict[str, Any], told: str) -> None:
    assert row(event).summary == told


def test_an_event_without_a_usable_type_is_still_a_row() -> None:
    assert row({"type": 3}).type == "unknown"


def test_a_flood_is_bounded_and_counted() -> None:
    log = EventLog()
    for number in range(BATCH_LIMIT + 5):
        log.watch(Happening(number, "in", {"type": "x"}))
    batch = log.take()
    assert batch is not None
    assert (len(batch.rows), batch.dropped) == (BATCH_LIMIT, 5)
    assert log.take() is None


def test_moments_of_our_own_facts_are_told_in_session_time() -> None:
    ended = Happening(12.5, "local", {"type": "voice.ended", "ended_at": 12.25, "voiced": 0.5})
    assert json.loads(row_of(ended, 0, 10.0).payload) == {"type": "voice.ended", "ended_at": 2.25, "voiced": 0.5}
