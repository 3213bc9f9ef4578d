"""Calls of tools: allowed or not, run here, and their outputs sent in the order of the calls (R13).

A call is taken up when the answer that made it has ended well. Calls of a cancelled, failed or incomplete answer are
never run, nor are those whose own item is incomplete: their arguments may be cut short. What is neither allowed
beforehand nor for the rest of the talk waits for the user's word. Who else answers a call (by hand) takes it over.

Nothing here asks for an answer: `ToolAnswered` is announced for each output that left, and the reply gate wants one
answer when all outputs of a response are there. A call that nobody allowed in time is answered without asking for more,
because no timer creates a response (R14).
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from voicechat.core.effects import DropTools, Effect, RunTool
from voicechat.core.events import (
    Announcement,
    AnyEvent,
    LineLost,
    LineReleased,
    NewAsked,
    Noticed,
    Received,
    SendRefused,
    StopPressed,
    TimePassed,
    ToolAllowed,
    ToolAnswered,
    ToolDenied,
    ToolFinished,
    ToolMoved,
    ToolPolicy,
    ToolsCalled,
    ToolsNoted,
    ToolsOffered,
)
from voicechat.core.policy import TurnPolicy
from voicechat.core.rules.configuration import is_ready
from voicechat.core.rules.result import NOTHING, RuleResult
from voicechat.core.state import State, ToolCall, Tools
from voicechat.core.transcript import own_id
from voicechat.protocol.client_events import ConversationItemCreate
from voicechat.protocol.items import Item, Response
from voicechat.protocol.server_events import (
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDone,
    McpListToolsFailed,
    ResponseDone,
    ResponseOutputItemDone,
    ServerEvent,
)

ASK_LIMIT = 120.0
"""Seconds a call waits for the user's word. The model must not be left without an output for ever."""
MOST_CALLS = 32
"""Calls under way; more at once are refused, so that a model gone wild costs nothing."""
LONGEST_REASON = 300
MOST_NAMED = 8
"""Tools of a server that a note names."""
ITEM = "tool"
"""How the ids of our output items begin."""
DENIED = "The user did not allow this call; it was not run."
STOPPED = "The user stopped this before it was run."
CUT_SHORT = "This call was not run: its arguments were cut short. Make it again if it is still wanted."
TOO_MANY = f"This call was not run: {MOST_CALLS} others are under way. Wait for their results first."


TAKES = (
    ResponseOutputItemDone,
    ResponseDone,
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDone,
    McpListToolsFailed,
)
"""The server events that concern this rule."""


def on_event(state: State, event: AnyEvent, now: float, policy: TurnPolicy) -> RuleResult:
    """Take calls up, allow, deny, pass results on, forget."""
    match event:
        case Received():
            return _on_wire(state, event.event, now)
        case ToolAllowed(call_id, for_rest_of_talk):
            return _allowed(state, call_id, now, always=for_rest_of_talk)
        case ToolDenied(call_id, reason):
            words = f"{DENIED} {reason[:LONGEST_REASON]}".strip()
            return _decided(state, (call_id,), words, "you did not allow it", now)
        case ToolFinished(call_id, output, failed):
            return _finished(state, call_id, output, failed, now)
        case ToolsOffered(are_all=are_all) if are_all != state.tools.are_all:
            return _changed(state, replace(state.tools, are_all=are_all))
        case ToolsNoted(text, level):
            return RuleResult(None, (), (Noticed(level, text, "tools"),))
        case StopPressed() if state.tools.calls:
            return _stopped(state, now)
        case TimePassed() if late := _overdue(state, now):
            return _expired(state, late, now)
        case SendRefused(event_id=event_id, reason=reason) if f"{ITEM}-" in event_id:
            return RuleResult(None, (), (Noticed("error", f"The result of a tool was not sent: {reason}.", "tool"),))
        case LineLost() | LineReleased() | NewAsked():
            return _forgotten(state, anew=isinstance(event, NewAsked))
        case _:
            return NOTHING


def deadline(state: State, now: float, policy: TurnPolicy) -> float | None:
    """When the first of the calls that wait for the user's word has waited too long."""
    if not state.tools.calls:
        return None
    return min((call.since + ASK_LIMIT for call in asked(state)), default=None)


def asked(state: State) -> tuple[ToolCall, ...]:
    """Calls that wait for the user's word, oldest first."""
    return tuple(call for call in state.tools.calls if call.stage == "asked")


# the wire
def _on_wire(state: State, wire: ServerEvent, now: float) -> RuleResult:
    tools = state.tools
    match wire:
        case ResponseOutputItemDone(response_id=response_id, item=item) if _is_call(item):
            seen = (*tools.seen, (response_id or "", item))[-MOST_CALLS:]
            return _changed(state, replace(tools, seen=seen))
        case ResponseDone(response=response):
            return _answer_ended(state, response, now)
        case ConversationItemAdded(item=item) | ConversationItemCreated(item=item) if tools.calls:
            return _answered_elsewhere(state, item)
        case ConversationItemDone(item=Item(type="mcp_list_tools") as item) if item.tools:
            return RuleResult(None, (), (_listed(item),))
        case McpListToolsFailed():
            words = "The service could not list the tools of an MCP server."
            return RuleResult(None, (), (Noticed("warning", words, "tools_not_listed"),))
        case _:
            return NOTHING


def _listed(item: Item) -> Noticed:
    """What a server that the service calls has to offer."""
    names = [str(tool.get("name", "?"))[:64] for tool in item.tools or ()]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    told = ", ".join(names[:MOST_NAMED]) + more
    return Noticed("info", f"MCP server {item.server_label or '?'} is there: {told}.", "tools")


def _is_call(item: Item) -> bool:
    return item.type in ("function_call", "mcp_approval_request")


def _answer_ended(state: State, response: Response, now: float) -> RuleResult:
    tools = state.tools
    seen = tuple(item for response_id, item in tools.seen if response_id in ("", response.id or ""))
    items = tuple(item for item in response.output if _is_call(item)) or seen
    state = replace(state, tools=replace(tools, seen=())) if tools.seen else state
    if not items or (response.id or "") in state.conversation.side_responses:
        return NOTHING if not tools.seen else RuleResult(state)
    if (response.status or "completed") != "completed":
        why = "not run: the answer was " + ("cut" if response.status == "cancelled" else str(response.status))
        ids = (_call_id(item) for item in items)
        return RuleResult(state, (), tuple(ToolMoved(call_id, "dropped", why) for call_id in ids if call_id))
    return _taken_up(state, items, response.id or "", now)


def _call_id(item: Item) -> str:
    return (item.call_id if item.type == "function_call" else item.id) or ""


def _taken_up(state: State, items: Sequence[Item], response_id: str, now: float) -> RuleResult:
    """Every call of one answer, each with what is to be done about it now."""
    known = {call.call_id for call in state.tools.calls}
    calls: list[ToolCall] = []
    effects: list[Effect] = []
    news: list[Announcement] = []
    for item in items:
        if not (call_id := _call_id(item)) or call_id in known:
            continue
        known.add(call_id)
        policy = _policy_of(state, item)
        if policy is None:
            news += _left_to_the_user(state, item)
            continue
        call = _judged(state, item, response_id, policy, len(state.tools.calls) + len(calls), now)
        calls.append(call)
        if call.stage == "running":
            effects.append(RunTool(call.call_id, call.name, call.arguments))
        if call.stage != "finished":
            news.append(ToolMoved(call.call_id, call.stage))
    if not calls:
        return RuleResult(state, (), tuple(news))
    functions = tuple(call.call_id for call in calls if call.kind == "function")
    if functions:
        news.insert(0, ToolsCalled(functions))
    taken = replace(state.tools, calls=(*state.tools.calls, *calls))
    return _sent(replace(state, tools=taken), effects, news)


def _policy_of(state: State, item: Item) -> ToolPolicy | None:
    """None: this call is not ours to answer."""
    if item.type == "mcp_approval_request":
        return "ask"
    offer = next((offer for offer in state.wishes.tools if offer.name == item.name), None)
    if offer is not None:
        return offer.policy
    return None if item.name in _declared(state) else "never"


def _declared(state: State) -> tuple[object, ...]:
    """Functions the session offers, ours or those of a prompt at the service, answered here or not."""
    offered = (state.wishes.session.get("tools"), state.configuration.effective.get("tools"))
    lists = (tools for tools in offered if isinstance(tools, list))
    return tuple(tool.get("name") for tools in lists for tool in tools if isinstance(tool, dict))


def _left_to_the_user(state: State, item: Item) -> tuple[Noticed, ...]:
    if item.name not in _declared(state):
        return ()
    text = f"Nothing here answers {item.name}: --tools FILE would, or send a function_call_output by hand (c)."
    return (Noticed("info", text, "tool_unanswered"),)


def _judged(state: State, item: Item, response_id: str, policy: ToolPolicy, others: int, now: float) -> ToolCall:
    """A new call, at the stage where it begins."""
    is_approval = item.type == "mcp_approval_request"
    call = ToolCall(
        _call_id(item),
        item.name or "",
        item.arguments or "",
        kind="approval" if is_approval else "function",
        server=item.server_label or "" if is_approval else "",
        response_id=response_id,
        since=now,
    )
    if (item.status or "completed") != "completed":
        return _ended(call, CUT_SHORT, "not run: its arguments were cut short")
    if others >= MOST_CALLS:
        return _ended(call, TOO_MANY, "not run: too many calls at once")
    if policy == "never":
        is_known = any(offer.name == call.name for offer in state.wishes.tools)
        words = DENIED if is_known else f"There is no tool called {call.name!r}."
        return _ended(call, words, "never allowed" if is_known else "there is no such tool")
    if policy == "always" or call.allowance in state.tools.always:
        return replace(call, stage="finished") if is_approval else replace(call, stage="running")
    return call


def _answered_elsewhere(state: State, item: Item) -> RuleResult:
    """The user wrote the output by hand: ours would be a second one."""
    if item.type not in ("function_call_output", "mcp_approval_response"):
        return NOTHING
    answered = item.call_id if item.type == "function_call_output" else item.approval_request_id
    rest = tuple(call for call in state.tools.calls if call.call_id != answered)
    if len(rest) == len(state.tools.calls):
        return NOTHING
    return _sent(replace(state, tools=replace(state.tools, calls=rest)), [], [])


# the user's word
def _allowed(state: State, call_id: str, now: float, *, always: bool) -> RuleResult:
    chosen = next((call for call in asked(state) if call.call_id == call_id), None)
    if chosen is None:
        return NOTHING
    tools = state.tools
    if always and chosen.allowance not in tools.always:
        tools = replace(tools, always=(*tools.always, chosen.allowance))
    effects: list[Effect] = []
    news: list[Announcement] = []
    calls: list[ToolCall] = []
    for call in tools.calls:
        is_meant = call.call_id == call_id or (always and call.allowance == chosen.allowance)
        if call.stage != "asked" or not is_meant:
            calls.append(call)
        elif call.kind == "approval":
            calls.append(replace(call, stage="finished", since=now))
        else:
            calls.append(replace(call, stage="running", since=now))
            effects.append(RunTool(call.call_id, call.name, call.arguments))
            news.append(ToolMoved(call.call_id, "running"))
    return _sent(replace(state, tools=replace(tools, calls=tuple(calls))), effects, news)


def _decided(state: State, ids: Sequence[str], output: str, why: str, now: float, *, asks: bool = True) -> RuleResult:
    """These of the waiting calls are not run, and the model is told so."""
    calls = tuple(
        replace(_ended(call, output, why), since=now, asks=asks)
        if call.stage == "asked" and call.call_id in ids
        else call
        for call in state.tools.calls
    )
    if calls == state.tools.calls:
        return NOTHING
    return _sent(replace(state, tools=replace(state.tools, calls=calls)), [], [])


def _stopped(state: State, now: float) -> RuleResult:
    """Stop means: no more of this. What runs is noted when it ends, what waits is not run, nothing is asked."""
    quiet = tuple(replace(call, asks=False) for call in state.tools.calls)
    state = replace(state, tools=replace(state.tools, calls=quiet))
    ids = [call.call_id for call in asked(state)]
    result = _decided(state, ids, STOPPED, "you stopped it", now, asks=False)
    return result if result.state is not None else RuleResult(state)


def _overdue(state: State, now: float) -> tuple[ToolCall, ...]:
    return tuple(call for call in asked(state) if now >= call.since + ASK_LIMIT)


def _expired(state: State, late: Sequence[ToolCall], now: float) -> RuleResult:
    words = f"The user did not allow this call within {ASK_LIMIT:g} s; it was not run."
    result = _decided(state, [call.call_id for call in late], words, "not allowed in time", now, asks=False)
    text = f"{late[0].name} was not run: you did not allow it within {ASK_LIMIT:g} s. r asks for an answer anyway."
    return replace(result, announced=(*result.announced, Noticed("warning", text, "tool_expired")))


# results
def _finished(state: State, call_id: str, output: str, failed: str, now: float) -> RuleResult:
    calls = tuple(
        replace(_ended(call, output, failed), seconds=max(0.0, now - call.since), since=now)
        if call.stage == "running" and call.call_id == call_id
        else call
        for call in state.tools.calls
    )
    if calls == state.tools.calls:
        return NOTHING  # of a line that is gone
    return _sent(replace(state, tools=replace(state.tools, calls=calls)), [], [])


def _ended(call: ToolCall, output: str, failed: str) -> ToolCall:
    return replace(call, stage="finished", output=output, failed=failed)


def _sent(state: State, effects: list[Effect], news: list[Announcement]) -> RuleResult:
    """Send every output whose turn has come: within one answer in the order of its calls."""
    if not is_ready(state):
        return RuleResult(state, tuple(effects), tuple(news))
    kept: list[ToolCall] = []
    sent = state.tools.sent
    for call in state.tools.calls:
        is_early = any(other.response_id == call.response_id and other.kind == "function" for other in kept)
        if call.stage != "finished" or (call.kind == "function" and is_early):
            kept.append(call)
            continue
        sent += 1
        name = f"{ITEM}-{state.connection.number}-{sent}"
        item_id = own_id(state, "fco" if call.kind == "function" else "mcpr", name)
        effects.append(_output(call, item_id))
        took = call.seconds if call.kind == "function" else None
        asks = call.asks and call.kind == "function"
        news.append(ToolAnswered(call.call_id, item_id, call.output, call.failed, took, asks))
    tools = replace(state.tools, calls=tuple(kept), sent=sent)
    return RuleResult(replace(state, tools=tools), tuple(effects), tuple(news))


def _output(call: ToolCall, item_id: str) -> ConversationItemCreate:
    if call.kind == "function":
        item = Item(id=item_id, type="function_call_output", call_id=call.call_id, output=call.output)
        return ConversationItemCreate(item=item, event_id=item_id)
    is_allowed = not call.failed
    answer = Item(
        id=item_id,
        type="mcp_approval_response",
        approval_request_id=call.call_id,
        approve=is_allowed,
        reason=None if is_allowed else call.output,
    )
    return ConversationItemCreate(item=answer, event_id=item_id)


def _forgotten(state: State, *, anew: bool) -> RuleResult:
    """The ids of a line mean nothing to the next one; what was allowed for the talk stays allowed (R27)."""
    tools = state.tools
    always = () if anew else tools.always
    if not (tools.calls or tools.seen) and always == tools.always:
        return NOTHING
    dropped = tuple(ToolMoved(call.call_id, "dropped", "the connection was lost") for call in tools.calls)
    effects = (DropTools(),) if any(call.stage == "running" for call in tools.calls) else ()
    return RuleResult(
        replace(state, tools=Tools(always=always, sent=tools.sent, are_all=tools.are_all)), effects, dropped
    )


def _changed(state: State, tools: Tools) -> RuleResult:
    return RuleResult(replace(state, tools=tools))
