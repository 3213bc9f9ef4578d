"""Spellings of old guides and lenient services are understood, and said to be odd."""

from __future__ import annotations

import json

from tests.support.wire_samples import sample
from voicechat.protocol.client_events import ResponseCreate, SessionUpdate
from voicechat.protocol.codec import decode_client, decode_server
from voicechat.protocol.items import ErrorDetail
from voicechat.protocol.server_events import (
    ConversationItemInputAudioTranscriptionFailed,
    InputAudioBufferSpeechStopped,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputTextDone,
    ServerError,
    SessionUpdated,
)


def test_speech_stopped_with_a_start_still_tells_when_it_stopped() -> None:
    decoded = decode_server('{"type": "input_audio_buffer.speech_stopped", "audio_start_ms": 2360, "item_id": "i"}')
    assert decoded.event == InputAudioBufferSpeechStopped(audio_end_ms=2360, item_id="i")
    assert decoded.notes == ("audio_start_ms: the field is called audio_end_ms; read as that",)


def test_the_right_name_wins_over_the_wrong_one() -> None:
    text = '{"type": "input_audio_buffer.speech_stopped", "audio_start_ms": 1, "audio_end_ms": 2}'
    assert decode_server(text).event == InputAudioBufferSpeechStopped(audio_end_ms=2)


def test_a_finished_text_called_delta_is_the_text() -> None:
    assert decode_server('{"type": "response.text.done", "delta": "Hi."}').event == ResponseOutputTextDone(text="Hi.")
    transcript = decode_server('{"type": "response.audio_transcript.done", "delta": "Hi."}').event
    assert transcript == ResponseOutputAudioTranscriptDone(transcript="Hi.")


def test_type_and_event_id_in_lists_are_taken_out() -> None:
    decoded = decode_server('{"type": ["error"], "event_id": ["e1"], "error": {"type": ["server_error"]}}')
    assert decoded.event == ServerError(event_id="e1", error=ErrorDetail(type="server_error"))
    assert [note.split(":")[0] for note in decoded.notes] == ["type", "event_id", "error.type"]
    failed = sample("conversation.item.input_audio_transcription.failed")
    failed["type"] = [failed["type"]]
    assert isinstance(decode_server(json.dumps(failed)).event, ConversationItemInputAudioTranscriptionFailed)


def test_session_fields_beside_the_type_are_the_session() -> None:
    decoded = decode_client('{"type": "session.update", "event_id": "c1", "voice": "verse", "turn_detection": null}')
    assert decoded.event == SessionUpdate(event_id="c1", session={"voice": "verse", "turn_detection": None})
    assert decoded.notes[0].startswith("session: ")
    updated = decode_server('{"type": "session.updated", "voice": "verse"}').event
    assert updated == SessionUpdated(session={"voice": "verse"})


def test_an_error_may_be_a_mere_string_or_lie_open() -> None:
    vllm = decode_server('{"type": "error", "error": "model not loaded", "code": "internal"}')
    assert vllm.event == ServerError(error=ErrorDetail(message="model not loaded", code="internal"))
    assert len(vllm.notes) == 1
    flat = decode_server('{"type": "error", "message": "busy", "code": 503}').event
    assert isinstance(flat, ServerError) and flat.error.message == "busy"


def test_a_numeric_error_code_is_kept_as_text() -> None:
    event = decode_server('{"type": "error", "error": {"code": 429, "message": "slow down"}}').event
    assert event == ServerError(error=ErrorDetail(code="429", message="slow down"))


def test_the_options_of_an_asked_for_response_are_left_alone() -> None:
    event = decode_client('{"type": "response.create", "response": {"modalities": ["text"], "voice": "ash"}}').event
    assert event == ResponseCreate(response={"modalities": ["text"], "voice": "ash"})
