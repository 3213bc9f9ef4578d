"""Calls of tools as turns of their own: the name, the arguments, and the result when it is there."""

from __future__ import annotations

import json

from msgspec.structs import replace

from voicechat.core.events import ToolAnswered, ToolMoved
from voicechat.core.state import Conversation, Part, State, Turn
from voicechat.core.transcript import (
    added,
    answered_items,
    changed,
    find_answer,
    find_call,
    find_item,
    next_key,
    placed,
)
from voicechat.protocol.items import Item
from voicechat.protocol.server_events import (
    ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone,
    ResponseMcpCallArgumentsDelta,
    ResponseMcpCallArgumentsDone,
    ResponseMcpCallCompleted,
    ResponseMcpCallFailed,
)
from voicechat.protocol.wire import JsonValue

ARROW = "  →  "
"""Between arguments and result."""

ArgumentsEvent = (
    ResponseFunctionCallArgumentsDelta
    | ResponseFunctionCallArgumentsDone
    | ResponseMcpCallArgumentsDelta
    | ResponseMcpCallArgumentsDone
)


def is_call(item: Item) -> bool:
    return item.type in ("function_call", "mcp_call", "mcp_approval_request")


def apply_call(
    state: State, item: Item, previous_item_id: str | None, now: float, *, response_id: str = ""
) -> Conversation:
    """What an item says about a call: made known, its arguments, and for a server's own call its result."""
    conversation, index = _call(state, item.id or "", item.call_id or "", response_id, now)
    turn = conversation.turns[index]
    turn = replace(
        turn,
        item_id=item.id or turn.item_id,
        call_id=item.call_id or turn.call_id,
        text=item.name or turn.text,
        detail=item.arguments if item.arguments and not turn.done else turn.detail,
    )
    if item.type == "mcp_call" and item.error is not None:
        turn = _ended(turn, "", _reason(item.error), now)
    elif item.type == "mcp_call" and item.output is not None:
        turn = _ended(turn, item.output, "", now)
    return placed(conversation, index, turn, previous_item_id)[0]


def apply_output(state: State, item: Item, now: float) -> Conversation:
    """A `function_call_output` belongs to its call; one without a call we know of is not shown."""
    conversation = state.conversation
    index = find_call(conversation, state.connection.number, item.call_id or "")
    if index is None or conversation.turns[index].done:
        return conversation
    turn = _ended(conversation.turns[index], item.output or "", "", now)
    return changed(conversation, index, replace(turn, parts=(Part(item.id or "", final=True),)))


def apply_arguments(state: State, wire: ArgumentsEvent, now: float) -> Conversation:
    """Arguments as they grow; the final ones replace what grew."""
    if wire.response_id and wire.response_id in state.conversation.side_responses:
        return state.conversation
    call_id, name = "", ""
    if isinstance(wire, ResponseFunctionCallArgumentsDelta | ResponseFunctionCallArgumentsDone):
        call_id = wire.call_id or ""
    if isinstance(wire, ResponseFunctionCallArgumentsDone):
        name = wire.name or ""
    conversation, index = _call(state, wire.item_id or "", call_id, wire.response_id or "", now)
    turn = conversation.turns[index]
    if turn.done:
        return conversation
    if isinstance(wire, ResponseFunctionCallArgumentsDone | ResponseMcpCallArgumentsDone):
        return changed(conversation, index, replace(turn, detail=wire.arguments, text=name or turn.text, final=True))
    if turn.final:
        return conversation
    return changed(conversation, index, replace(turn, detail=turn.detail + wire.delta))


def apply_mcp_end(state: State, wire: ResponseMcpCallCompleted | ResponseMcpCallFailed, now: float) -> Conversation:
    """The server's own call is over; its item may add the result later."""
    conversation = state.conversation
    index = find_item(conversation, state.connection.number, wire.item_id or "")
    if index is None or conversation.turns[index].who != "tool":
        return conversation
    turn = conversation.turns[index]
    failed = "the call failed" if isinstance(wire, ResponseMcpCallFailed) else ""
    took = turn.latency if turn.latency is not None else max(0.0, now - turn.at)
    return changed(conversation, index, replace(turn, failed=turn.failed or failed, latency=took))


def apply_move(state: State, move: ToolMoved, now: float) -> Conversation:
    """It waits for the user's word, it runs here, or it will never be answered."""
    conversation = state.conversation
    index = _known(state, move.call_id)
    if index is None or conversation.turns[index].done:
        return conversation
    turn = _decided(conversation.turns[index], now)
    if move.stage == "asked":
        turn = replace(turn, asked_at=now, decided_at=None)
    if move.stage == "dropped":
        return changed(conversation, index, replace(turn, stage="", failed=move.why, done_at=now, final=True))
    return changed(conversation, index, replace(turn, stage=move.stage))


def apply_answer(state: State, answer: ToolAnswered, now: float) -> Conversation:
    """The output has left; nobody has to wait for the service to say so. An allowed call of the service goes on."""
    conversation = state.conversation
    index = _known(state, answer.call_id)
    if index is None or conversation.turns[index].done:
        return conversation
    turn = replace(_decided(conversation.turns[index], now), stage="")
    if turn.call_id != answer.call_id:  # a request of the service: it has no call id
        turn = _ended(turn, "" if answer.failed else "allowed", answer.failed, now)
    else:
        turn = _ended(replace(turn, latency=answer.seconds), answer.output, answer.failed, now)
    turn = replace(turn, latency=answer.seconds, parts=(Part(answer.item_id, final=True),))
    return changed(conversation, index, turn)


def _decided(turn: Turn, now: float) -> Turn:
    return replace(turn, decided_at=now) if turn.asked_at is not None and turn.decided_at is None else turn


def _known(state: State, call_id: str) -> int | None:
    index = find_call(state.conversation, state.connection.number, call_id)
    if index is None:
        index = find_item(state.conversation, state.connection.number, call_id)
    return index if index is not None and state.conversation.turns[index].who == "tool" else None


def _call(state: State, item_id: str, call_id: str, response_id: str, now: float) -> tuple[Conversation, int]:
    conversation = state.conversation
    connection = state.connection.number
    index = find_item(conversation, connection, item_id)
    if index is None or conversation.turns[index].who != "tool":
        index = find_call(conversation, connection, call_id)
    if index is not None:
        return conversation, index
    turn = Turn(next_key(conversation), "tool", now, connection, item_id, response_id=response_id, call_id=call_id)
    answer = find_answer(conversation, connection, response_id)
    answers = answered_items(state) if answer is None else conversation.turns[answer].answers
    return added(conversation, replace(turn, answers=answers))


def _ended(turn: Turn, output: str, failed: str, now: float) -> Turn:
    if turn.done:
        return turn
    detail = turn.detail + ARROW + output if output else turn.detail
    turn = replace(turn, stage="")
    took = turn.latency if turn.latency is not None else max(0.0, now - turn.at)
    return replace(turn, detail=detail, failed=failed, done_at=now, final=True, latency=took)


def _reason(error: JsonValue) -> str:
    """What a server says of a call that failed; it may be a word, an object with a message, or anything."""
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        return str(error["message"])
    return error if isinstance(error, str) else json.dumps(error)
