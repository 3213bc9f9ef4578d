"""What each client event may hold, as it is written on the wire, in every dialect: for the form and its completion.

A session is judged by `session_config`; everything around it, items and the options of one answer, is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from voicechat.protocol.client_events import CLIENT_EVENTS
from voicechat.protocol.dialects import DialectName
from voicechat.protocol.problems import ABSENT, Checked, Report, kind_of
from voicechat.protocol.session_dialects import DIALECTS
from voicechat.protocol.session_fields import (
    BETA_SHAPES,
    FORMAT,
    INCLUDE,
    LIVE_SESSION,
    LIVE_UPDATE,
    MAX_OUTPUT_TOKENS,
    PROMPT,
    REALTIME,
    SEMANTIC_VAD,
    SERVER_VAD,
    TEMPERATURE,
    TOOL_CHOICE,
    TOOLS,
    TRACING,
    VOICE,
)
from voicechat.protocol.shapes import ByKind, Fields, Flag, FreeForm, ListOf, Number, Shape, Tagged, Text, Word

ROLES = ("user", "assistant", "system")
_NAME = Text()
_MAYBE = ByKind(text=_NAME, null=True)
_MS = Number(0, whole=True)


@dataclass(frozen=True, slots=True)
class ItemShape:
    """An item: its `type`, and for a message its `role`, say what else it holds."""

    messages: Mapping[str, Fields]
    others: Mapping[str, Fields]

    def check(self, value: object, path: str, report: Report) -> Checked:
        """See `Shape`."""
        if not isinstance(value, Mapping):
            return report.refused(value, path, f"is {kind_of(value)}, where an item belongs")
        kind, role = value.get("type"), value.get("role")
        if kind not in self.kinds:
            Word(self.kinds).check(kind, f"{path}.type", report)
            return ABSENT
        if kind != "message":
            return self.others[str(kind)].check(value, path, report)
        if role not in ROLES:
            Word(ROLES).check(role, f"{path}.role", report)
            return ABSENT
        return self.messages[str(role)].check(value, path, report)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Every type an item may have."""
        return ("message", *self.others)

    @property
    def variants(self) -> tuple[Fields, ...]:
        """Every form an item may have."""
        return (*self.messages.values(), *self.others.values())


_HEAD: dict[str, Shape] = {
    "id": _NAME,
    "object": Word(("realtime.item",)),
    "type": _NAME,
    "status": Word(("completed", "incomplete", "in_progress")),
}
_INPUT_TEXT = Fields({"text": _NAME}, required=("text",))
_USER = {
    "input_text": _INPUT_TEXT,
    "input_audio": Fields({"audio": _NAME, "transcript": _MAYBE}, required=("audio",)),
    "input_image": Fields(
        {"image_url": _NAME, "detail": Word(("auto", "low", "high"))},
        required=("image_url",),
    ),
}


def _message(parts: Mapping[str, Fields]) -> Fields:
    members = {**_HEAD, "role": Word(ROLES), "content": ListOf(Tagged(parts), at_least=1)}
    return Fields(members, required=("content",))


def _items(dialect: DialectName) -> ItemShape:
    said = "text" if dialect == "beta" else "output_text"
    messages = {"user": _USER, "assistant": {said: _INPUT_TEXT}, "system": {"input_text": _INPUT_TEXT}}
    others: dict[str, Fields] = {
        "function_call": Fields(
            {**_HEAD, "name": _NAME, "call_id": _NAME, "arguments": _NAME}, required=("name", "arguments")
        ),
        "function_call_output": Fields({**_HEAD, "call_id": _NAME, "output": _NAME}, required=("call_id", "output")),
    }
    if dialect != "beta":
        answer = {**_HEAD, "approval_request_id": _NAME, "approve": Flag(), "reason": _MAYBE}
        others["mcp_approval_response"] = Fields(answer, required=("approval_request_id", "approve"))
    return ItemShape({role: _message(parts) for role, parts in messages.items()}, others)


def _input(items: ItemShape) -> Shape:
    reference = Fields({"type": _NAME, "id": _NAME}, required=("id",))
    both = ItemShape(items.messages, {**items.others, "item_reference": reference})
    return ByKind(listing=ListOf(both), null=True)


ITEMS: dict[DialectName, ItemShape] = {"ga": _items("ga"), "beta": _items("beta"), "xai": _items("xai")}
_BETA_TOOL_CHOICE = ByKind(text=Word(("none", "auto", "required")), table=FreeForm())
_FOR_ONE_ANSWER: dict[str, Shape] = {
    "conversation": Word(("auto", "none")),
    "instructions": _MAYBE,
    "metadata": ByKind(table=FreeForm(), null=True),
    "tools": TOOLS,
}
RESPONSES: dict[DialectName, Fields] = {
    "ga": Fields(
        {
            **_FOR_ONE_ANSWER,
            "input": _input(ITEMS["ga"]),
            "output_modalities": REALTIME.members["output_modalities"],
            "audio": Fields({"output": Fields({"format": FORMAT, "voice": VOICE})}),
            "max_output_tokens": MAX_OUTPUT_TOKENS,
            "tool_choice": TOOL_CHOICE,
            "parallel_tool_calls": Flag(),
            "reasoning": REALTIME.members["reasoning"],
            "prompt": PROMPT,
        }
    ),
    "beta": Fields(
        {
            **_FOR_ONE_ANSWER,
            "input": _input(ITEMS["beta"]),
            "modalities": ListOf(Word(("audio", "text")), at_least=1),
            "voice": _NAME,
            "output_audio_format": Word(("pcm16", "g711_ulaw", "g711_alaw")),
            "max_response_output_tokens": MAX_OUTPUT_TOKENS,
            "temperature": TEMPERATURE,
            "tool_choice": _BETA_TOOL_CHOICE,
        }
    ),
    "xai": Fields({"instructions": _MAYBE, "modalities": ListOf(Word(("audio", "text")), at_least=1)}),
}
_BETA_SERVER_VAD = Fields({name: one for name, one in SERVER_VAD.members.items() if name != "idle_timeout_ms"})
_BETA_OF_ITS_OWN: dict[str, Shape] = {
    "turn_detection": ByKind(table=Tagged({"server_vad": _BETA_SERVER_VAD, "semantic_vad": SEMANTIC_VAD}), null=True),
    "modalities": ListOf(Word(("audio", "text")), at_least=1),
    "input_audio_format": Word(("pcm16", "g711_ulaw", "g711_alaw")),
    "output_audio_format": Word(("pcm16", "g711_ulaw", "g711_alaw")),
    "instructions": _NAME,
    "model": _NAME,
    "temperature": TEMPERATURE,
    "tools": TOOLS,
    "tool_choice": _BETA_TOOL_CHOICE,
    "tracing": TRACING,
    "include": INCLUDE,
}
_AS_IN_GA = ("model", "instructions", "audio", "tools", "tool_choice", "reasoning")
_XAI_SESSION: dict[str, Shape] = {
    **{name: REALTIME.members[name] for name in _AS_IN_GA},
    **{name: BETA_SHAPES[name] for name in ("modalities", "voice", "turn_detection")},
}
SESSIONS: dict[DialectName, Fields] = {
    "ga": REALTIME,
    "beta": Fields({**BETA_SHAPES, **_BETA_OF_ITS_OWN}),
    "xai": Fields(_XAI_SESSION),
}
"""For completion, and for the local server; what our client sends is for `check_session` to say."""

_LIVE_SESSION = replace(LIVE_SESSION, required=("model",))
_APPEND: dict[str, Shape] = {"content": _NAME, "delegation_id": _MAYBE}
_LIVE_MEMBERS: dict[str, dict[str, Shape]] = {
    "session.start": {"session": _LIVE_SESSION},
    "session.update": {"session": LIVE_UPDATE},
    "session.input_audio.append": {"audio": _NAME},
    "session.input_audio.mute": {},
    "session.input_audio.unmute": {},
    "session.output_audio.fixture.play": {"audio": _NAME},
    "session.instructions.append": _APPEND,
    "session.thinking.append": _APPEND,
    "session.commentary.append": _APPEND,
    "response.item.create": {"item": FreeForm()},
    "response.create": {},
    "session.close": {},
}
LIVE_COMMANDS = {
    kind: Fields({"type": _NAME, "event_id": _MAYBE, **members}, tuple(members))
    for kind, members in _LIVE_MEMBERS.items()
}
"""The client events of GPT-Live."""
_OFFERED = Fields({"type": Word(("webrtc",)), "sdp": _NAME}, required=("type", "sdp"))
LIVE_OFFER = Fields({"session": _LIVE_SESSION, "transport": _OFFERED}, required=("session", "transport"))
"""The body that opens a call with GPT-Live."""

TRANSCRIPTION_UPDATE = "transcription_session.update"


def client_types(dialect: DialectName) -> tuple[str, ...]:
    """Every client event of a dialect, as it is spelled there."""
    spelled = (DIALECTS[dialect].event_name(kind) for kind in CLIENT_EVENTS)
    extra = (TRANSCRIPTION_UPDATE,) if dialect == "beta" else ()
    return (*(name for name in spelled if name), *extra)


def event_shape(kind: str, dialect: DialectName) -> Fields | None:
    """The members of a client event; None for a type this dialect has not."""
    if kind not in client_types(dialect):
        return None
    own, required = _own_members(kind, dialect)
    return Fields({"type": Word((kind,)), "event_id": _MAYBE, **own}, required=required)


def _own_members(kind: str, dialect: DialectName) -> tuple[dict[str, Shape], tuple[str, ...]]:
    match kind:
        case "session.update" | "transcription_session.update":
            return {"session": SESSIONS[dialect]}, ("session",)
        case "input_audio_buffer.append" | "session.input_audio_buffer.append":
            return {"audio": _NAME}, ("audio",)
        case "conversation.item.create":
            return {"item": ITEMS[dialect], "previous_item_id": _MAYBE}, ("item",)
        case "conversation.item.truncate":
            members: dict[str, Shape] = {"item_id": _NAME, "content_index": _MS, "audio_end_ms": _MS}
            return members, ("item_id", "content_index", "audio_end_ms")
        case "conversation.item.retrieve" | "conversation.item.delete":
            return {"item_id": _NAME}, ("item_id",)
        case "response.create":
            return {"response": ByKind(table=RESPONSES[dialect], null=True)}, ()
        case "response.cancel":
            return {"response_id": _MAYBE}, ()
        case _:
            return {}, ()
