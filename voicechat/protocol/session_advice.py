"""Wishes that are legal alone and do not go together, or that one kind of model or service does not fulfil.

All of it is doubt, never refusal: models change faster than clients, so the wish is sent and the user is told.
"""

from __future__ import annotations

from collections.abc import Mapping

from voicechat.protocol.problems import Report
from voicechat.protocol.session_dialects import BETA_VOICES, get_path
from voicechat.protocol.session_fields import TRANSCRIPTION_MODELS, VOICES
from voicechat.protocol.wire import JsonValue

_TRANSCRIPTION = ("audio", "input", "transcription")
_TURNS = ("audio", "input", "turn_detection")
_PLAIN_MODELS = ("gpt-realtime", "gpt-realtime-1.5", "gpt-realtime-mini", "gpt-4o-realtime", "gpt-4o-mini-realtime")

ONLY_WITH = {
    "delay": ("gpt-realtime-whisper",),
    "languages": ("gpt-transcribe", "gpt-live-transcribe"),
    "keywords": ("gpt-transcribe", "gpt-live-transcribe"),
}
"""Fields of a transcription that only some of the known models have."""
NO_PROMPT = ("gpt-4o-transcribe-diarize", "gpt-realtime-whisper")
"""Models without a prompt."""
MANUAL_ONLY = ("gpt-realtime-whisper",)
"""Models that detect no turns in a transcription session: the client commits."""


def advise(session: Mapping[str, JsonValue], report: Report) -> None:
    """Tell what will probably not work as wished."""
    transcription = get_path(session, _TRANSCRIPTION)
    if isinstance(transcription, dict):
        _advise_transcription(transcription, report)
        _advise_manual_whisper(session, transcription.get("model"), report)
        _advise_captions_only(session, report)
    model = session.get("model")
    if isinstance(model, str) and _is_plain(model):
        for name in ("reasoning", "parallel_tool_calls"):
            if name in session:
                report.warn(f"session.{name}", f"is refused by {model}, which does not reason", "leave it out")


def beta_doubts(session: Mapping[str, JsonValue], report: Report) -> None:
    """What beta services may be too old to know."""
    voice = get_path(session, ("audio", "output", "voice"))
    if voice in VOICES and voice not in BETA_VOICES:
        report.warn("session.voice", f"is {voice}, which beta services may not know", allowed=BETA_VOICES)
    model = get_path(session, (*_TRANSCRIPTION, "model"))
    if model == "gpt-4o-transcribe-diarize":
        report.warn("session.input_audio_transcription.model", f"is {model}, which beta services may not know")


def _advise_transcription(transcription: Mapping[str, JsonValue], report: Report) -> None:
    path = ".".join(("session", *_TRANSCRIPTION))
    model = transcription.get("model")
    if model not in TRANSCRIPTION_MODELS:
        return  # another provider's model, or an Azure deployment: nothing is known about it
    for name, models in ONLY_WITH.items():
        if name in transcription and model not in models:
            report.warn(f"{path}.{name}", f"is not known to {model}", f"it works with {' and '.join(models)}")
    if "prompt" in transcription and model in NO_PROMPT:
        report.warn(f"{path}.prompt", f"is not known to {model}", "leave it out")


def _advise_manual_whisper(session: Mapping[str, JsonValue], model: JsonValue, report: Report) -> None:
    if session.get("type") == "transcription" and model == "gpt-realtime-whisper":
        if get_path(session, _TURNS) is not None:
            path = ".".join(("session", *_TURNS))
            report.warn(
                path, "does not work with gpt-realtime-whisper", "set it to null; the client then ends the turns"
            )


def _advise_captions_only(session: Mapping[str, JsonValue], report: Report) -> None:
    """Captions by a text-only session also make the model answer, in text and for money."""
    turns = get_path(session, _TURNS)
    answers = not isinstance(turns, dict) or turns.get("create_response") is not False
    if session.get("output_modalities") == ["text"] and answers:
        hint = "for captions alone set create_response to false, or use a transcription session"
        report.note("session.output_modalities", "is text: the model still writes an answer to each turn", hint)


def _is_plain(model: str) -> bool:
    return model in _PLAIN_MODELS or any(model.startswith(f"{known}-20") for known in _PLAIN_MODELS)
