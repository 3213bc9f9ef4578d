"""Event names in both dialects, and who sends which: no name is sent by both sides."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from voicechat.protocol.client_events import CLIENT_EVENTS
from voicechat.protocol.dialects import GA_NAMES
from voicechat.protocol.server_events import SERVER_EVENTS

WireDirection = Literal["in", "out"]

_BETA_CLIENT = {name for name, ga in GA_NAMES.items() if ga in CLIENT_EVENTS}
_BETA_SERVER = {name for name, ga in GA_NAMES.items() if ga in SERVER_EVENTS}
CLIENT = frozenset(CLIENT_EVENTS) | _BETA_CLIENT
SERVER = frozenset(SERVER_EVENTS) | _BETA_SERVER
"""Also events of services that are not in the table are events; see `is_name`."""
FAMILIES = (
    "session.",
    "conversation.",
    "input_audio_buffer.",
    "output_audio_buffer.",
    "response.",
    "rate_limits.",
    "transcription_session.",
    "mcp_list_tools.",
)
_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+")
IN_TEXT = re.compile(
    r"(?<![\w./-])(?:session|conversation|input_audio_buffer|output_audio_buffer|response|rate_limits|"
    r"transcription_session|mcp_list_tools)(?:\.[a-z][a-z0-9_]*)+(?![\w(])"
)
"""An event's name where it stands alone; `session.update(` is a call in somebody's program."""


ERROR_KINDS = re.compile(r"[a-z]+(?:_[a-z]+)*_error")
_SPELLED = re.compile(
    r"\b(?:RealtimeServerEvent|RealtimeClientEvent|Realtime)?"
    r"((?:[sS]ession|[rR]esponse|[cC]onversation|[iI]nputAudioBuffer|[oO]utputAudioBuffer|[rR]ateLimits|[mM]cp)[A-Z]\w{3,60})"
)
_PLAIN = {re.sub(r"[^a-z]", "", name): name for name in sorted((CLIENT | SERVER) - {"error"})}


def spelled_in(text: str) -> str:
    """An event's name as programs spell it: `responseDone`, `ResponseDoneEvent`, `InputAudioBufferSpeechStarted`."""
    for match in _SPELLED.finditer(text):
        plain = match[1].lower().replace("_", "")
        for word in (plain, plain.removesuffix("event"), plain.removesuffix("message")):
            if word in _PLAIN:
                return _PLAIN[word]
    return ""


def is_name(name: object) -> bool:
    """Whether this is what an event may be called."""
    if not isinstance(name, str):
        return False
    return name in SERVER or name in CLIENT or (name.startswith(FAMILIES) and _NAME.fullmatch(name) is not None)


def is_refusal(value: Mapping[str, Any]) -> bool:
    """Whether an object is the inside of an `error` event: `{type: invalid_request_error, code, message, param}`."""
    kind = value.get("type")
    if not isinstance(value.get("message"), str) or not ("code" in value or "param" in value):
        return False
    return isinstance(kind, str) and ERROR_KINDS.fullmatch(kind) is not None


def is_response(value: Mapping[str, Any]) -> bool:
    """Whether an object is a response without its event around it."""
    if value.get("object") != "realtime.response":
        return False
    return value.get("status") in ("completed", "cancelled", "failed", "incomplete")


def is_event(value: Mapping[str, Any]) -> bool:
    """Whether an object is an event. An `error` needs its body: the type alone is a word that many things have."""
    kind = value.get("type")
    if kind == "error":
        return isinstance(value.get("error"), Mapping | str) or "event_id" in value
    return is_name(kind)


def direction_of(name: str, told: WireDirection | None) -> WireDirection:
    """Who sent it: the name says so; of an unknown one only the log can tell."""
    if name in CLIENT:
        return "out"
    if name in SERVER:
        return "in"
    return told or "in"
