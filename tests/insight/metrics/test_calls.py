"""Tool calls: when each was made and answered, and what came of it, however often that is told."""

from __future__ import annotations

from typing import Any

from voicechat.insight.metrics.calls import ToolCall, ToolCalls

FUNCTION = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"}


def fed(*steps: tuple[float, Any, str, dict[str, Any]]) -> dict[str, ToolCall]:
    calls = ToolCalls()
    for at, direction, name, event in steps:
        calls.feed(at, direction, {"type": name, **event}, 3)
    return calls.by_id


def test_a_function_is_answered_by_its_first_result() -> None:
    output = {"item": {"type": "function_call_output", "call_id": "c1", "output": "17"}}
    (call,) = fed(
        (1.0, "in", "response.output_item.added", {"item": FUNCTION | {"arguments": ""}}),
        (1.1, "in", "response.output_item.done", {"item": FUNCTION}),
        (1.2, "in", "response.done", {"response": {"output": [FUNCTION, None, {"type": "message"}]}}),
        (2.0, "local", "tool.finished", {"call_id": "c1", "output": "17"}),
        (2.1, "out", "conversation.item.create", output),
    ).values()
    assert call == ToolCall("c1", True, 3, "weather", 1.1, "{}", 2.0, "17", "ok")


def test_a_failed_or_dropped_tool_result_keeps_its_outcome_once_it_is_sent() -> None:
    output = {"item": {"type": "function_call_output", "call_id": "c1", "output": "error"}}
    for name, event, outcome in (
        ("tool.finished", {"failed": "no such city"}, "failed"),
        ("tool.moved", {"stage": "dropped", "why": "the answer was cut"}, "dropped"),
    ):
        (call,) = fed(
            (1.0, "in", "response.output_item.done", {"item": FUNCTION}),
            (2.0, "local", name, {"call_id": "c1", **event}),
            (2.1, "out", "conversation.item.create", output),
        ).values()
        assert (call.outcome, call.ended) == (outcome, 2.0) and call.why


def test_a_tool_of_the_service_lasts_from_its_item_to_the_end_of_it() -> None:
    item = {"type": "mcp_call", "id": "m1", "name": "search"}
    (call,) = fed(
        (1.0, "in", "response.output_item.added", {"item": item}),
        (1.5, "in", "response.output_item.done", {"item": item | {"error": {"type": "protocol_error"}}}),
    ).values()
    assert (call.is_ours, call.began, call.ended, call.outcome) == (False, 1.0, 1.5, "failed")


def test_what_answers_no_call_is_passed_over() -> None:
    assert fed((1.0, "local", "tool.finished", {"call_id": "c9"}), (2.0, "in", "response.done", {"response": 3})) == {}
