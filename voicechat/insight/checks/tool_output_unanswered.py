"""Was a tool called, and its result never sent; or sent, and no answer asked for?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.findings import Ended, Finding, found
from voicechat.insight.records import LOG_ENDED, TIME_PASSED, Record, elapsed
from voicechat.insight.session_model import SessionModel

CODE = "tool-output-unanswered"
ON = (TIME_PASSED, LOG_ENDED, "response.created", "input_audio_buffer.committed")
LIMIT = 5.0
"""Seconds: the client asks at once, after all outputs and after response.done."""
EVENTS = 4
ENDED_AT_ONCE = 3.0
"""Seconds: who ends the talk so soon after a call, wanted it to end there."""


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    if record.type == "response.created":
        yield Ended(CODE, record.mark())
        return
    yield from _call_without_result(model, record)
    output = model.tool_output
    if (
        output is None
        or not model.witness.prints_answers
        or not model.witness.prints_sent
        or model.is_ended
        or model.active is not None
        or model.unanswered
    ):
        return
    waited = elapsed(output, record.mark())
    if waited is not None:
        is_overdue = waited > LIMIT
    else:
        is_overdue = record.type != TIME_PASSED and record.seq - output.seq >= EVENTS
    if not is_overdue:
        return
    made = next((one.done for one in reversed(model.answers.values()) if one.calls), None)
    yield found(
        CODE,
        "error",
        "A tool's result was handed over, and nobody asked for the answer to it.",
        cause="A function_call_output only adds an item; the model says nothing until response.create.",
        cure="After the last function_call_output, and after response.done of the answer that called the tool, send "
        "one response.create.",
        evidence=(made, output),
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
        CODE,
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
