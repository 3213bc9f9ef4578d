"""The configuration in force: the full session object (GA form), how an update changes it, and what it means.

Fields that an update leaves out keep their value. Defaults are the documented ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from voicechat.local_server.brain import FunctionTool
from voicechat.local_server.refusals import check, invalid, missing
from voicechat.protocol.dialects import DialectName, detect_dialect
from voicechat.protocol.event_shapes import SESSIONS
from voicechat.protocol.session_dialects import DIALECTS, get_path
from voicechat.protocol.session_fields import TRANSCRIPTION_SESSION
from voicechat.protocol.wire import JsonValue

Fields: TypeAlias = dict[str, JsonValue]

DEFAULT_INSTRUCTIONS = (
    "You are the small built-in assistant of voicechat. Answer in one or two short English sentences."
)
DEFAULT_VOICE = "heart"
MODEL = "voicechat-local"
_ANSWERED: Fields = {"create_response": True, "interrupt_response": True}
_TURN_DETECTION: Mapping[JsonValue, Fields] = {
    "server_vad": {
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "idle_timeout_ms": None,
        **_ANSWERED,
    },
    "semantic_vad": {"eagerness": "auto", **_ANSWERED},
}
"""Defaults by type."""
_EAGERNESS_MS = {"low": 1500, "medium": 800, "auto": 800, "high": 400}
"""The service waits at most 8, 4 and 2 s and ends earlier when the words sound finished. We judge by silence alone, so
these are the shortest pauses that rarely fall inside a sentence at each degree of patience."""


class TurnDetection(msgspec.Struct, frozen=True):
    """When a turn of the user begins and ends: what the session says of it, under the protocol's names."""

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500
    eagerness: str = ""
    """Of a semantic detection, in place of `silence_duration_ms`."""
    idle_timeout_ms: int | None = None
    """After the last answer's sound, until the server speaks up by itself."""
    create_response: bool = True
    interrupt_response: bool = True

    @property
    def silence_ms(self) -> int:
        return _EAGERNESS_MS.get(self.eagerness, self.silence_duration_ms)


class SessionConfig:
    """One state of a session's configuration. Never changed in place: an update makes a new one."""

    def __init__(self, session: Mapping[str, JsonValue]) -> None:
        self.session: Fields = dict(session)
        is_transcription = session.get("type") == "transcription"
        self.kind: Literal["realtime", "transcription"] = "transcription" if is_transcription else "realtime"
        self.instructions = _text(session.get("instructions"))
        self.is_spoken = session.get("output_modalities") != ["text"]
        """Whether answers are sound (with a transcript) rather than text."""
        self.input_format, self.output_format = (
            _text(get_path(session, ("audio", side, "format", "type"))) or "audio/pcm" for side in ("input", "output")
        )
        voice = get_path(session, ("audio", "output", "voice"))
        self.voice = _text(voice.get("id") if isinstance(voice, dict) else voice) or DEFAULT_VOICE
        """There is one voice, so every name means it."""
        speed = get_path(session, ("audio", "output", "speed"))
        self.speed = float(speed) if isinstance(speed, int | float) else 1.0
        transcription = get_path(session, ("audio", "input", "transcription"))
        self.transcribes = isinstance(transcription, dict)
        """Whether the client gets the user's words; off unless configured."""
        self.language = _text(get_path(session, ("audio", "input", "transcription", "language"))).lower()
        """What the client says the user speaks; empty when it does not say."""
        turns = get_path(session, ("audio", "input", "turn_detection"))
        self.turn_detection = msgspec.convert(turns, TurnDetection) if turns else None
        """None when the client commits by itself."""
        limit = session.get("max_output_tokens")
        self.max_output_tokens = limit if isinstance(limit, int) else None
        tools = session.get("tools")
        self.tools = tuple(
            FunctionTool(_text(tool.get("name")), _text(tool.get("description")), part(tool, "parameters"))
            for tool in (tools if isinstance(tools, list) else [])
            if isinstance(tool, dict) and tool.get("type") == "function"
        )
        choice = session.get("tool_choice")
        self.tool_choice = _text(choice.get("name") if isinstance(choice, dict) else choice) or "auto"
        """auto, none, required, or the name of the one function."""


def fresh_config(model: str, session_id: str, *, transcription: bool = False) -> SessionConfig:
    heard: Fields = {
        "format": {"type": "audio/pcm", "rate": 24000},
        "noise_reduction": None,
        "transcription": None,
        "turn_detection": {"type": "server_vad", **_TURN_DETECTION["server_vad"]},
    }
    if transcription:
        head: Fields = {"type": "transcription", "id": session_id, "object": "realtime.transcription_session"}
        return SessionConfig({**head, "audio": {"input": heard}, "include": None})
    return SessionConfig(
        {
            "type": "realtime",
            "id": session_id,
            "object": "realtime.session",
            "model": model,
            "output_modalities": ["audio"],
            "instructions": DEFAULT_INSTRUCTIONS,
            "tools": [],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
            "tracing": None,
            "truncation": "auto",
            "prompt": None,
            "include": None,
            "audio": {
                "input": heard,
                "output": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "voice": DEFAULT_VOICE,
                    "speed": 1.0,
                },
            },
        }
    )


def first_config(
    session: Fields, model: str, dialect: DialectName, session_id: str, *more: Fields
) -> tuple[SessionConfig, DialectName]:
    """The configuration a session starts with: the defaults, under the key's session, under what the handshake asked
    for; either may be nothing. Raises Refusal."""
    named = [name for one in (session, *more) if isinstance(name := one.get("model"), str) and name]
    config = fresh_config(named[0] if named else model or MODEL, session_id)
    for one in (session, *more):
        if one:
            config, dialect = updated(config, read_update(one, dialect)), dialect_of(one, dialect)
    return config, dialect


def read_update(session: Fields, dialect: DialectName, *, is_beta_transcription: bool = False) -> Fields:
    """A client's session object as a GA patch. Raises Refusal.

    The dialect is what the session speaks so far; a flat object without `type` is beta whatever was spoken before, a
    typed one is GA. Mixed spellings are refused by the shape of the dialect that was recognised.
    """
    if dialect_of(session, dialect) == "beta":
        check(session, SESSIONS["beta"], "session")
        check_beta_modalities(session, "session")
        patch = DIALECTS["ga"].session(session).session
        return {**patch, "type": "transcription" if is_beta_transcription else "realtime"}
    if "type" not in session:
        raise missing("session.type")
    check(session, TRANSCRIPTION_SESSION if session["type"] == "transcription" else SESSIONS["ga"], "session")
    return session


def check_beta_modalities(fields: Fields, path: str) -> None:
    """Beta makes no sound without text. Raises Refusal."""
    if fields.get("modalities") == ["audio"]:
        raise invalid(f"{path}.modalities", "supported combinations are: ['text'] and ['audio', 'text'].")


def dialect_of(session: Fields, spoken: DialectName) -> DialectName:
    if "type" in session:
        return "ga"
    return detect_dialect(session) or spoken


def updated(config: SessionConfig, patch: Fields) -> SessionConfig:
    """The configuration with a checked patch laid over it."""
    kind = patch.get("type", config.session.get("type"))
    if kind != config.session.get("type"):
        ident = _text(config.session.get("id"))
        config = fresh_config(_text(config.session.get("model")), ident, transcription=kind == "transcription")
    # The model of a session is fixed by the handshake: a repeated name is no error and changes nothing.
    given = {name: value for name, value in patch.items() if name not in ("type", "audio", "model")}
    session = {**config.session, **given}
    if isinstance(audio := patch.get("audio"), dict):
        session["audio"] = _with_audio(part(config.session, "audio"), audio)
    return SessionConfig(session)


def _with_audio(old: Fields, new: Fields) -> Fields:
    audio = dict(old)
    for side in new:
        before, given = part(old, side), part(new, side)
        audio[side] = {**before, **given}
        if turns := part(given, "turn_detection"):
            kind, kept = turns.get("type"), part(before, "turn_detection")
            known = kept if kept.get("type") == kind else {"type": kind, **_TURN_DETECTION[kind]}
            audio[side] = {**before, **given, "turn_detection": {**known, **turns}}
    return audio


def part(fields: Mapping[str, JsonValue], name: str) -> Fields:
    """The object in this field; empty where there is none."""
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""
