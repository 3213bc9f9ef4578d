"""Did a tool server give the session no tools?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.findings import Ended, Evidence, Finding, found
from voicechat.insight.records import Record, part, text
from voicechat.insight.session_model import SessionModel

CODE = "mcp-no-tools"
ON = ("mcp_list_tools.failed", "conversation.item.done", "conversation.item.added", "conversation.item.created")


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    if record.type == "mcp_list_tools.failed":
        yield _finding("A tool server (MCP) could not be asked for its tools.", "", record.mark())
        return
    item = part(record.event, "item")
    if text(item, "type") != "mcp_list_tools":
        return
    label = text(item, "server_label", 60)
    tools = item.get("tools")
    if isinstance(tools, list) and tools:
        yield Ended(f"{CODE}:{label}", record.mark())
        yield Ended(CODE, record.mark())
    elif tools == [] and record.type == "conversation.item.done":
        named = f" {label}" if label else ""
        yield _finding(f"The tool server{named} (MCP) gave the session no tools.", label, record.mark(label))


def _finding(title: str, label: str, mark: Evidence) -> Finding:
    return found(
        CODE,
        "error",
        title,
        cause="The service itself asks the server for its tools; a wrong server_url, a missing authorization, or a "
        "list of allowed_tools that names none of them leaves the model without.",
        cure="Check server_url from the open internet, put the token into the tool's authorization field, compare "
        "allowed_tools with the server's own names, and send session.update with the tool once more.",
        evidence=(mark,),
        rests_on="mcp_list_tools.failed, or an mcp_list_tools item without tools: the model cannot call any",
        confidence=0.95,
        key=label,
    )
