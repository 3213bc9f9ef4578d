"""What a Live client may send, declared: the session it starts, the body of its WebRTC offer, and every command.

Unknown fields are errors, as at the service. What this server cannot do (decisions) is refused by name.
"""

from __future__ import annotations

from voicechat.local_server.session_shape import TOOLS
from voicechat.local_server.shapes import (
    Shape,
    anything,
    array,
    boolean,
    either,
    integer,
    mapping,
    nullable,
    one_of,
    record,
    refused,
    tagged,
    text,
)

MOST_HISTORY = 128
_NAME, _LONG, _APPEND = text(256), text(65_536), text(4_000)
_AUDIO = text(20 * 1024 * 1024)
_PCM_RATE = either(integer(16_000, 16_000), lambda rate: rate == 16_000, integer(24_000, 24_000))
_FORMAT = tagged(
    {
        "audio/pcm": record({"type": anything, "rate": _PCM_RATE}, required=("rate",)),
        "audio/pcmu": record({"type": anything, "rate": integer(8_000, 8_000)}, required=("rate",)),
        "audio/pcma": record({"type": anything, "rate": integer(8_000, 8_000)}, required=("rate",)),
    }
)
_VOICE = either(text(128), lambda voice: isinstance(voice, str), record({"id": text(128)}, required=("id",)))
_DELAY = nullable(integer(0, 60_000))
_RESPONSES: dict[str, Shape] = {
    "model": _NAME,
    "instructions": nullable(_LONG),
    "tools": nullable(TOOLS),
    "tool_choice": anything,
    "parallel_tool_calls": nullable(boolean),
    "max_output_tokens": nullable(integer(1, 1_000_000)),
    "reasoning": anything,
    "text": anything,
    "service_tier": nullable(_NAME),
}
_NO_DECISIONS = refused("this server delegates no decisions.")


def _delegation(required: tuple[str, ...]) -> Shape:
    responses = record(_RESPONSES, required)
    kinds: dict[str, Shape] = {
        "client": record({"type": anything, "acknowledgement_delay_ms": _DELAY}),
        "responses": record({"type": anything, "responses": responses, "acknowledgement_delay_ms": _DELAY}),
        "decisions": _NO_DECISIONS,
    }
    return nullable(tagged(kinds))


def _message(role: str, *kinds: str) -> Shape:
    part = record({"type": one_of(*kinds), "text": _LONG}, required=("text",))
    head = {"id": nullable(_NAME), "type": one_of("message"), "status": nullable(_NAME), "role": one_of(role)}
    return record({**head, "content": array(part, 1, fewest=1)}, required=("content",))


_HISTORY = tagged(
    {
        "developer": _message("developer", "input_text"),
        "user": _message("user", "input_text"),
        "assistant": _message("assistant", "text", "output_text"),
    },
    key="role",
)


def _session(media: str) -> Shape:
    audio: dict[str, Shape] = {"output": record({"voice": nullable(_VOICE)})}
    if media == "websocket":
        audio["format"] = nullable(_FORMAT)
    fields: dict[str, Shape] = {
        "model": _NAME,
        "instructions": nullable(_LONG),
        "input": nullable(array(_HISTORY, MOST_HISTORY)),
        "audio": nullable(record(audio)),
        "delegation": _delegation(("model",)),
        "triggers": nullable(array(_NO_DECISIONS, 2)),
        "store": nullable(boolean),
        "client": nullable(record({"data_channel": mapping(anything)}, required=("data_channel",))),
        "safety_identifier": nullable(_NAME),
    }
    return record(fields, required=("model",))


SESSION: dict[str, Shape] = {"websocket": _session("websocket"), "webrtc": _session("webrtc")}
"""What a session may be started with, by its media."""
OFFER = record(
    {
        "session": SESSION["webrtc"],
        "transport": record({"type": one_of("webrtc"), "sdp": text(262_144)}, required=("type", "sdp")),
    },
    required=("session", "transport"),
)
"""The body of a WebRTC offer."""
_UPDATE = record({"delegation": _delegation(()), "triggers": nullable(array(_NO_DECISIONS, 2))})


def _command(**fields: Shape) -> Shape:
    return record({"type": anything, "event_id": nullable(text(512)), **fields}, tuple(fields))


_SPOKEN = {"content": _APPEND, "delegation_id": nullable(_NAME)}
COMMANDS: dict[str, Shape] = {
    "session.start": _command(session=SESSION["websocket"]),
    "session.update": _command(session=_UPDATE),
    "session.input_audio.append": _command(audio=_AUDIO),
    "session.input_audio.mute": _command(),
    "session.input_audio.unmute": _command(),
    "session.output_audio.fixture.play": _command(audio=_AUDIO),
    "session.instructions.append": _command(**_SPOKEN),
    "session.thinking.append": _command(**_SPOKEN),
    "session.commentary.append": _command(**_SPOKEN),
    "response.item.create": _command(item=mapping(anything)),
    "response.create": _command(),
    "session.close": _command(),
}
"""Every command a client may send, by its type."""
