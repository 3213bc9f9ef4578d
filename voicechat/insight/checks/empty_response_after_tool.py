"""Was the answer to a tool's result empty?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.findings import Ended, Finding, found
from voicechat.insight.records import Record, number, part, text
from voicechat.insight.session_model import SessionModel

CODE = "empty-response-after-tool"
ON = ("response.done",)


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
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
        CODE,
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
