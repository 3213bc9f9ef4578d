"""Three spellings of one protocol: GA; beta, which OpenAI has retired but gateways still speak; and xAI's, which is GA
with a few session fields elsewhere.

Inside voicechat everything is GA. What comes in is understood in either spelling whatever the service claims to speak;
what goes out is spelled in the one dialect that was agreed on. The handshake says nothing about the dialect: it is
known from the first session event. Session fields, and whole events on their way out, are translated by
`session_dialects`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from voicechat.protocol.wire import JsonValue

DialectName: TypeAlias = Literal["ga", "beta", "xai"]

GA_NAMES = {
    "transcription_session.update": "session.update",
    "transcription_session.created": "session.created",
    "transcription_session.updated": "session.updated",
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
}
"""Beta event type -> GA event type, where they differ. `conversation.item.created` stays itself: GA has two for it."""

_GA_MARKS = ("audio", "output_modalities", "max_output_tokens", "truncation", "reasoning", "parallel_tool_calls")
_BETA_MARKS = (
    "modalities",
    "input_audio_format",
    "output_audio_format",
    "input_audio_transcription",
    "input_audio_noise_reduction",
    "turn_detection",
    "voice",
    "speed",
    "max_response_output_tokens",
    "temperature",
)

_GA_CONTENT = {"text": "output_text", "audio": "output_audio"}
_BETA_CONTENT = {ga: beta for beta, ga in _GA_CONTENT.items()}


def ga_name(event_type: str) -> str:
    """The GA spelling of an event type; unknown types are their own."""
    return GA_NAMES.get(event_type, event_type)


def detect_dialect(session: Mapping[str, object]) -> DialectName | None:
    """Which dialect a session object is written in; None if it could be either.

    `audio` or `type` beats all else: some GA-like services keep single beta fields (`voice`, `turn_detection`).
    """
    if "audio" in session or session.get("type") in ("realtime", "transcription", "translation"):
        return "ga"
    if any(mark in session for mark in _BETA_MARKS):
        return "beta"
    return "ga" if any(mark in session for mark in _GA_MARKS) else None


def item_to_ga(item: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """An item's fields with GA content types. Only an assistant has `text` and `audio`, so no role is asked for."""
    return _with_content(item, _GA_CONTENT)


def item_to_beta(item: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """An item's fields with beta content types."""
    return _with_content(item, _BETA_CONTENT)


def _with_content(item: Mapping[str, JsonValue], names: Mapping[str, str]) -> dict[str, JsonValue]:
    content = item.get("content")
    if not isinstance(content, list):
        return dict(item)
    return {**item, "content": [_with_type(part, names) for part in content]}


def _with_type(part: JsonValue, names: Mapping[str, str]) -> JsonValue:
    if isinstance(part, dict) and isinstance(kind := part.get("type"), str) and kind in names:
        return {**part, "type": names[kind]}
    return part


def response_to_ga(response: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """A response object of either dialect with GA names: modalities, output items, and the voice in `audio.output`."""
    fields = dict(response)
    if "modalities" in fields:
        spoken = modalities_to_ga(fields.pop("modalities"))
        fields.setdefault("output_modalities", spoken)
    if "voice" in fields and "audio" not in fields:
        fields["audio"] = {"output": {"voice": fields.pop("voice")}}
    if isinstance(output := fields.get("output"), list):
        fields["output"] = [item_to_ga(item) if isinstance(item, dict) else item for item in output]
    return fields


def response_to_beta(response: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """A GA response object with beta names; usage loses what beta never counted."""
    fields = dict(response)
    if "output_modalities" in fields:
        fields["modalities"] = modalities_to_beta(fields.pop("output_modalities"))
    audio = fields.pop("audio", None)
    if isinstance(audio, dict) and isinstance(output := audio.get("output"), dict) and "voice" in output:
        fields["voice"] = output["voice"]
    if isinstance(items := fields.get("output"), list):
        fields["output"] = [item_to_beta(item) if isinstance(item, dict) else item for item in items]
    if isinstance(usage := fields.get("usage"), dict):
        fields["usage"] = _usage_to_beta(usage)
    return fields


def _usage_to_beta(usage: dict[str, JsonValue]) -> dict[str, JsonValue]:
    details = usage.get("input_token_details")
    if not isinstance(details, dict):
        return usage
    known = {name: count for name, count in details.items() if name not in ("image_tokens", "cached_tokens_details")}
    return {**usage, "input_token_details": known}


def modalities_to_ga(modalities: JsonValue) -> JsonValue:
    """Beta's `["text", "audio"]` is GA's `["audio"]`: sound always carries its transcript."""
    if isinstance(modalities, list) and "audio" in modalities:
        return ["audio"]
    return modalities


def modalities_to_beta(modalities: JsonValue) -> JsonValue:
    """Beta cannot answer in sound alone, it has to be told both."""
    if isinstance(modalities, list) and "audio" in modalities:
        return ["text", "audio"]
    return modalities
