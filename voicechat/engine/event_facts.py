"""What the inspector filters and follows by: the ids an event carries, and what its type alone does not say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voicechat.core.rules.server_errors import HARMLESS
from voicechat.journal.entry import Happening
from voicechat.protocol.client_events import CLIENT_EVENTS
from voicechat.protocol.dialects import ga_name
from voicechat.protocol.server_events import SERVER_EVENTS

LONGEST_ID = 128
_TOOL_ITEMS = ("function_call", "function_call_output", "mcp_call", "mcp_list_tools", "mcp_approval_request")


def refs_of(event: Mapping[str, Any]) -> tuple[str, str, str]:
    """The response, item and call an event names, at the top or in its `response` or `item`; empty where none."""
    response, item = _part(event, "response"), _part(event, "item")
    return (
        _id(event.get("response_id")) or _id(response.get("id")),
        _id(event.get("item_id")) or _id(item.get("id")),
        _id(event.get("call_id")) or _id(item.get("call_id")),
    )


def tags_of(happening: Happening) -> tuple[str, ...]:
    """`audio`, `tool`, `harmless`, `unknown`, and the ones the session gave it."""
    event, name = happening.event, str(happening.event.get("type", ""))
    tags = list(happening.tags)
    if "audio.delta" in name or name == "input_audio_buffer.append":
        tags.append("audio")
    if _part(event, "item").get("type") in _TOOL_ITEMS:
        tags.append("tool")
    code = _part(event, "error").get("code")
    if name == "error" and isinstance(code, str) and code in HARMLESS:
        tags.append("harmless")
    known = SERVER_EVENTS if happening.dir == "in" else CLIENT_EVENTS
    if happening.dir != "local" and ga_name(name) not in known:
        tags.append("unknown")
    return tuple(tags)


def _part(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = event.get(name)
    return value if isinstance(value, Mapping) else {}


def _id(value: object) -> str:
    return value[:LONGEST_ID] if isinstance(value, str) else ""
