"""Function calls, MCP servers and delegations."""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.checks import check
from voicechat.insight.records import (
    LOG_ENDED,
    TIME_PASSED,
    Ended,
    Evidence,
    Finding,
    Record,
    elapsed,
    found,
    number,
    part,
    text,
)
from voicechat.insight.session_model import SessionModel

DELEGATION_UNANSWERED = "delegation-unanswered"
DELEGATION_UNANSWERED_LIMIT = 15.0
"""Seconds: a tool may take a while, and a caller hears nothing of it."""


@check(DELEGATION_UNANSWERED, TIME_PASSED, LOG_ENDED, "session.commentary.append", "session.thinking.append")
def delegation_unanswered(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Was a task that GPT-Live handed to the client never answered?"""
    if record.type.startswith("session."):
        if not model.delegations:
            yield Ended(DELEGATION_UNANSWERED, record.mark())
        return
    late = [
        one
        for one in model.delegations.values()
        if record.type == LOG_ENDED or (elapsed(one, record.mark()) or 0.0) > DELEGATION_UNANSWERED_LIMIT
    ]
    if not late:
        return
    yield found(
        DELEGATION_UNANSWERED,
        "error",
        "The model handed a task to the client, and got nothing back.",
        cause="session.delegation.created carries no text: the client reads the ask from the transcript and answers "
        "it; until then the model has nothing to say about it.",
        cure="Answer each session.delegation.created with session.commentary.append (spoken) or "
        "session.thinking.append (silent), with its delegation.id as delegation_id; also where the task failed.",
        evidence=tuple(late),
        rests_on="GPT-Live: a delegation with target client is the client's to answer",
        confidence=0.9,
    )


EMPTY_RESPONSE_AFTER_TOOL = "empty-response-after-tool"


@check(EMPTY_RESPONSE_AFTER_TOOL, "response.done")
def empty_response_after_tool(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Was the answer to a tool's result empty?"""
    response = part(record.event, "response")
    answer = model.answers.get(text(response, "id")) or model.newest
    if answer is None or answer.done is None or answer.done.seq != record.seq or answer.status not in ("completed", ""):
        return
    if answer.after_tool is None or answer.first_output is not None or answer.output_items != 0:
        return
    tokens = number(part(response, "usage"), "output_tokens")
    began = model.playback.began
    if tokens or (began is not None and began.seq > answer.created.seq):
        return
    yield found(
        EMPTY_RESPONSE_AFTER_TOOL,
        "error",
        "The answer to a tool's result was empty: response.done came with no output at all.",
        cause="The model had nothing to speak about: the output was empty or no text, belonged to another call_id, or "
        "response.create went out before the output was in the conversation.",
        cure="Send function_call_output with the call_id of the call and output as a string (JSON.stringify the "
        "result), wait for its conversation.item event, then send one response.create.",
        evidence=(answer.after_tool, answer.asked, answer.created, answer.done),
        rests_on="tool outputs are answered once, after all of them; an answer to one has output",
        confidence=0.9,
    )


MCP_NO_TOOLS = "mcp-no-tools"


@check(
    MCP_NO_TOOLS,
    "mcp_list_tools.failed",
    "conversation.item.done",
    "conversation.item.added",
    "conversation.item.created",
)
def mcp_no_tools(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Did a tool server give the session no tools?"""
    if record.type == "mcp_list_tools.failed":
        yield _finding("A tool server (MCP) could not be asked for its tools.", "", record.mark())
        return
    item = part(record.event, "item")
    if text(item, "type") != "mcp_list_tools":
        return
    label = text(item, "server_label", 60)
    tools = item.get("tools")
    if isinstance(tools, list) and tools:
        yield Ended(f"{MCP_NO_TOOLS}:{label}", record.mark())
        yield Ended(MCP_NO_TOOLS, record.mark())
    elif tools == [] and record.type == "conversation.item.done":
        named = f" {label}" if label else ""
        yield _finding(f"The tool server{named} (MCP) gave the session no tools.", label, record.mark(label))


def _finding(title: str, label: str, mark: Evidence) -> Finding:
    return found(
        MCP_NO_TOOLS,
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


TOOL_OUTPUT_UNANSWERED = "tool-output-unanswered"
TOOL_OUTPUT_UNANSWERED_LIMIT = 5.0
"""Seconds: the client asks at once, after all outputs and after response.done."""
EVENTS = 4
ENDED_AT_ONCE = 3.0
"""Seconds: who ends the talk so soon after a call, wanted it to end there."""


@check(TOOL_OUTPUT_UNANSWERED, TIME_PASSED, LOG_ENDED, "response.created", "input_audio_buffer.committed")
def tool_output_unanswered(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Was a tool called, and its result never sent; or sent, and no answer asked for?"""
    if record.type == "response.created":
        yield Ended(TOOL_OUTPUT_UNANSWERED, record.mark())
        return
    yield from _call_without_result(model, record)
    output = model.tool_output
    waits, sorry = model.last["client.waits"], model.sorry("no-reply")
    is_waiting = output is not None and record.type == LOG_ENDED and bool(sorry or (waits and waits.seq > output.seq))
    if (
        output is None
        or not (model.witness.prints_answers or is_waiting)
        or not model.witness.prints_sent
        or model.is_ended
        or model.active is not None
        or model.unanswered
    ):
        return
    waited = elapsed(output, record.mark())
    spoke = model.last["input_audio_buffer.speech_started"]
    if waited is not None:
        is_overdue = waited > TOOL_OUTPUT_UNANSWERED_LIMIT
    else:
        later = [mark for mark in (spoke, model.new_input) if mark is not None and mark.seq > output.seq]
        goes_on = record.type == LOG_ENDED and bool(later)
        is_overdue = is_waiting or goes_on or (record.type != TIME_PASSED and record.seq - output.seq >= EVENTS)
    if not is_overdue:
        return
    made = next((one.done for one in reversed(model.answers.values()) if one.calls), None)
    yield found(
        TOOL_OUTPUT_UNANSWERED,
        "error",
        "A tool's result was handed over, and nobody asked for the answer to it.",
        cause="A function_call_output only adds an item; the model says nothing until response.create.",
        cure="After the last function_call_output, and after response.done of the answer that called the tool, send "
        "one response.create.",
        evidence=(made, output, sorry if is_waiting else None),
        rests_on="tool outputs are answered once, after all of them",
        confidence=0.9,
    )


def _call_without_result(model: SessionModel, record: Record) -> Iterator[Finding]:
    """The model waits for a result; a log that leaves out what the client sends would show the answer to it."""
    call = model.call
    if call is None or record.type != LOG_ENDED or model.witness.is_ours:
        return
    went_on = elapsed(call, record.mark())
    if model.is_ended and record.seq - call.seq < EVENTS and (went_on is None or went_on < ENDED_AT_ONCE):
        return
    yield found(
        TOOL_OUTPUT_UNANSWERED,
        "warning",
        "A tool was called, and its result never came back to the model.",
        cause="The client sent no conversation.item.create with a function_call_output, so the model says nothing.",
        cure="Run the function, send a function_call_output with the call_id of the call, then one response.create; "
        "also where it fails: the output then says so.",
        evidence=(call,),
        rests_on="a function call is answered by a function_call_output with its call_id",
        confidence=0.85 if record.seq - call.seq >= EVENTS else 0.6,
        key="call",
    )
