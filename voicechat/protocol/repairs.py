"""Spellings of older guides and of lenient services, turned into the fields of the specification before decoding.

Each was seen in the wild: `type` and `event_id` as one-element lists, `audio_start_ms` in `speech_stopped`, `delta` in
`response.text.done`, a session's fields beside `type`, `error` as a bare string. A repair that guesses is noted; a
dialect is not a mistake and is not noted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from voicechat.protocol.dialects import item_to_ga, response_to_ga
from voicechat.protocol.json_text import Notes
from voicechat.protocol.server_events import (
    ConversationItemInputAudioTranscriptionFailed,
    InputAudioBufferSpeechStopped,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputTextDone,
    ServerError,
)
from voicechat.protocol.wire import JsonValue, WireEvent

Fields: TypeAlias = dict[str, JsonValue]

_OTHER_NAMES: dict[type[WireEvent], tuple[str, str]] = {
    InputAudioBufferSpeechStopped: ("audio_start_ms", "audio_end_ms"),
    ResponseOutputTextDone: ("delta", "text"),
    ResponseOutputAudioTranscriptDone: ("delta", "transcript"),
}
"""Where guides name a field wrongly: the wrong and the right name."""

_ERROR_FIELDS = ("message", "code", "param")


def event_type(raw: Mapping[str, JsonValue], notes: Notes, *, may_be_error: bool) -> str:
    """The type of an event; empty if it has none. An HTTP-style body `{"error": ...}` counts as an error event."""
    kind = raw.get("type")
    if isinstance(kind, list) and kind and isinstance(kind[0], str):
        notes.add("type: a list, where a string belongs; its first word counts")
        kind = kind[0]
    if isinstance(kind, str):
        return kind
    if may_be_error and kind is None and raw.get("error"):
        notes.add("type: missing; read as an error")
        return "error"
    return ""


def repaired(record: type[WireEvent], raw: Mapping[str, JsonValue], notes: Notes) -> Fields:
    """The fields of an event under the names of `record`; `raw` is left as it is."""
    fields: Fields = {name: value for name, value in raw.items() if name != "type"}
    _unlisted(fields, "event_id", notes, "event_id")
    if record in _OTHER_NAMES:
        _renamed(fields, *_OTHER_NAMES[record], notes)
    if "session" in record.__struct_fields__:
        _wrapped_session(fields, notes)
    if record in (ServerError, ConversationItemInputAudioTranscriptionFailed):
        _gathered_error(fields, notes)
    if isinstance(item := fields.get("item"), dict):
        fields["item"] = item_to_ga(item)
    if record in (ResponseCreated, ResponseDone) and isinstance(response := fields.get("response"), dict):
        fields["response"] = _flat_response(response)
    return fields


def _unlisted(fields: Fields, name: str, notes: Notes, path: str) -> None:
    value = fields.get(name)
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        fields[name] = value[0]
        notes.add(f"{path}: a list, where a string belongs; its first word counts")


def _renamed(fields: Fields, wrong: str, right: str, notes: Notes) -> None:
    if wrong in fields and right not in fields:
        fields[right] = fields.pop(wrong)
        notes.add(f"{wrong}: the field is called {right}; read as that")


def _wrapped_session(fields: Fields, notes: Notes) -> None:
    """Some guides show the session's fields beside `type`."""
    beside = {name: value for name, value in fields.items() if name != "event_id"}
    if "session" not in fields and beside:
        fields["session"] = beside
        notes.add("session: its fields stood beside type; read as the session")


def _gathered_error(fields: Fields, notes: Notes) -> None:
    """An error may be a bare string (vLLM), or its fields may stand beside `type`."""
    error = fields.get("error")
    if isinstance(error, str) or (error is None and "message" in fields):
        beside: Fields = {name: fields[name] for name in _ERROR_FIELDS if name in fields}
        fields["error"] = {**beside, "message": error} if isinstance(error, str) else beside
        notes.add("error: not an object; read as its message")
    elif isinstance(error, dict):
        tidy = dict(error)
        for name in ("type", "event_id"):
            _unlisted(tidy, name, notes, f"error.{name}")
        if isinstance(code := tidy.get("code"), int) and not isinstance(code, bool):
            tidy["code"] = str(code)
            notes.add("error.code: a number, where a string belongs; read as text")
        fields["error"] = tidy


def _flat_response(response: Fields) -> Fields:
    """GA names, and the voice where `Response` has it."""
    fields = response_to_ga(response)
    audio = fields.get("audio")
    output = audio.get("output") if isinstance(audio, dict) else None
    voice = output.get("voice") if isinstance(output, dict) else None
    if isinstance(voice, dict):
        voice = voice.get("id")
    if voice is not None:
        fields["voice"] = voice
    return fields
