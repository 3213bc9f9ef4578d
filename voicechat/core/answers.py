"""What the assistant says and which tools it calls, written from the events of an answer.

One response is one turn. Deltas fill its parts, finals replace them, and `response.done.output` has the last word,
except that an interrupted answer never loses text: the server forgets what was not heard, the reader does not (R10).
"""

from __future__ import annotations

from msgspec.structs import replace

from voicechat.core.sounding import cut_answer, first_sound_if_playing
from voicechat.core.state import Conversation, Part, State, Turn
from voicechat.core.tool_turns import apply_call, is_call
from voicechat.core.transcript import (
    added,
    answered_items,
    changed,
    find_answer,
    find_item,
    next_key,
    part_index,
    placed,
    removed,
    settled,
    with_part,
    with_parts,
)
from voicechat.protocol.items import ContentPart, Item, Response
from voicechat.protocol.server_events import (
    InContent,
    ResponseContentPartAdded,
    ResponseContentPartDone,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
    ServerEvent,
)

SIDE_ANSWERS_KEPT = 16
"""Ids of side answers remembered; one that still speaks after so many others is long over."""


def on_answer_event(state: State, wire: ServerEvent, now: float) -> Conversation:
    """The conversation after one `response.*` event that carries text or items."""
    conversation = state.conversation
    match wire:
        case ResponseOutputAudioTranscriptDelta() | ResponseOutputTextDelta():
            return _delta(state, wire, now)
        case ResponseOutputAudioTranscriptDone(transcript=text):
            return _final(state, wire, text, spoken=True, now=now)
        case ResponseOutputTextDone(text=text):
            return _final(state, wire, text, spoken=False, now=now)
        case ResponseContentPartAdded(part=part):
            return _final(state, wire, "", spoken=is_spoken(part), now=now)
        case ResponseContentPartDone(part=part):
            return _final(state, wire, text_of(part), spoken=is_spoken(part), now=now)
        case ResponseCreated(response=response):
            return _created(state, response, now)
        case ResponseOutputItemAdded(response_id=response_id, item=item, output_index=output_index):
            return _output_item(state, response_id or "", item, output_index or 0, now, final=False)
        case ResponseOutputItemDone(response_id=response_id, item=item, output_index=output_index):
            return _output_item(state, response_id or "", item, output_index or 0, now, final=True)
        case ResponseDone(response=response):
            return _done(state, response, now)
        case _:
            return conversation


def on_assistant_item(state: State, item: Item, previous_item_id: str | None, now: float) -> Conversation:
    """`conversation.item.*` about an assistant message: it tells the place; the text only if the item is not ours yet.

    Some services announce the item before the answer names it: then it is the item of the answer now running.
    """
    conversation = state.conversation
    connection = state.connection.number
    index = find_item(conversation, connection, item.id or "")
    if index is not None:
        turn = _with_content(conversation.turns[index], item, None)
        is_first = turn.item_id == item.id
        return placed(conversation, index, turn, previous_item_id if is_first else None)[0]
    running = _running_answer(conversation, connection)
    if running is not None and not conversation.turns[running].item_id:
        turn = replace(conversation.turns[running], item_id=item.id or "")
        return placed(conversation, running, _with_content(turn, item, None), previous_item_id)[0]
    turn = Turn(next_key(conversation), "assistant", now, connection, item.id or "", final=True)
    turn = _with_content(replace(turn, done_at=now, complete_at=now, previous_item_id=previous_item_id or ""), item, 0)
    return added(conversation, turn)[0] if turn.text else conversation


def text_of(part: ContentPart) -> str:
    return part.transcript if part.transcript is not None else part.text or ""


def is_spoken(part: ContentPart) -> bool:
    return part.transcript is not None or part.type in ("audio", "output_audio")


def _answer(state: State, response_id: str, item_id: str, now: float) -> tuple[Conversation, int | None]:
    """The turn of an answer, made where a service skips `response.created`; no turn for a side answer."""
    conversation = state.conversation
    connection = state.connection.number
    if response_id in conversation.side_responses:
        return conversation, None
    index = find_answer(conversation, connection, response_id)
    if index is None and not response_id:
        index = find_item(conversation, connection, item_id)
        index = _running_answer(conversation, connection) if index is None else index
    if index is not None and conversation.turns[index].who == "assistant":
        return conversation, index
    turn = Turn(next_key(conversation), "assistant", now, connection, response_id=response_id)
    turn = replace(turn, answers=answered_items(state))
    conversation, place = added(_earlier_closed(conversation, connection, now), turn)
    return first_sound_if_playing(state, conversation, place, now), place


def _running_answer(conversation: Conversation, connection: int) -> int | None:
    """The newest answer, if it is not done yet."""
    turns = conversation.turns
    for index in range(len(turns) - 1, -1, -1):
        turn = turns[index]
        if turn.connection < connection:
            return None
        if turn.who == "assistant":
            return None if turn.done else index
    return None


def _earlier_closed(conversation: Conversation, connection: int, now: float) -> Conversation:
    """One answer at a time (R12): a new one means that the one before is done, even if nobody said so."""
    index = _running_answer(conversation, connection)
    if index is None:
        return conversation
    return changed(conversation, index, replace(conversation.turns[index], done_at=now))


def _created(state: State, response: Response, now: float) -> Conversation:
    conversation = state.conversation
    response_id = response.id or ""
    if response.conversation_id:
        if not conversation.conversation_named:
            conversation = replace(conversation, conversation_named=True)
    elif conversation.conversation_named and response_id:
        side = (*conversation.side_responses[1 - SIDE_ANSWERS_KEPT :], response_id)
        return replace(conversation, side_responses=side)
    connection = state.connection.number
    if find_answer(conversation, connection, response_id) is not None:
        return conversation
    running = _running_answer(conversation, connection)
    if running is not None and not conversation.turns[running].response_id:
        return changed(conversation, running, replace(conversation.turns[running], response_id=response_id))
    return _answer(replace(state, conversation=conversation), response_id, "", now)[0]


def _delta(
    state: State, wire: ResponseOutputAudioTranscriptDelta | ResponseOutputTextDelta, now: float
) -> Conversation:
    conversation, index = _answer(state, wire.response_id or "", wire.item_id or "", now)
    if index is None:
        return conversation
    turn = conversation.turns[index]
    part = _part_at(turn, wire)
    if part.final or not wire.delta:
        return conversation
    spoken = part.spoken or isinstance(wire, ResponseOutputAudioTranscriptDelta)
    return _written(conversation, index, replace(part, text=part.text + wire.delta, spoken=spoken))


def _final(state: State, wire: InContent, text: str, *, spoken: bool, now: float) -> Conversation:
    """A part's own final text; an empty one only tells that the part exists."""
    conversation, index = _answer(state, wire.response_id or "", wire.item_id or "", now)
    if index is None:
        return conversation
    turn = conversation.turns[index]
    part = _part_at(turn, wire)
    if text:
        part = replace(part, text=_kept(turn, part.text, text), final=True)
    return _written(conversation, index, replace(part, spoken=spoken or bool(part.spoken)))


def _part_at(turn: Turn, wire: InContent) -> Part:
    wanted = Part(wire.item_id or "", wire.output_index or 0, wire.content_index)
    known = part_index(turn.parts, wanted)
    return wanted if known is None else turn.parts[known]


def _written(conversation: Conversation, index: int, part: Part) -> Conversation:
    """Put a part into its answer; an id that was unknown so far may be what other turns waited for."""
    before = conversation.turns[index]
    is_new_item = bool(part.item_id) and before.item_id != part.item_id
    turn = with_part(before if before.item_id else replace(before, item_id=part.item_id), part)
    conversation = changed(conversation, index, turn)
    if is_new_item and all(known.item_id != part.item_id for known in before.parts):
        return settled(conversation, index)[0]
    return conversation


def _kept(turn: Turn, old: str, new: str) -> str:
    """The text to show: of an interrupted answer the longer one, because the server shortens what was not heard."""
    return old if turn.cut is not None and len(old) > len(new) else new


def _output_item(
    state: State, response_id: str, item: Item, output_index: int, now: float, *, final: bool
) -> Conversation:
    if is_call(item):
        if response_id and response_id in state.conversation.side_responses:
            return state.conversation
        return apply_call(state, item, None, now, response_id=response_id)
    if item.type not in (None, "message") or item.role not in (None, "assistant"):
        return state.conversation
    conversation, index = _answer(state, response_id, item.id or "", now)
    if index is None or not item.id:
        return conversation
    turn = conversation.turns[index]
    place = part_index(turn.parts, Part(item.id, output_index))
    part = Part(item.id, output_index) if place is None else turn.parts[place]
    conversation = _written(conversation, index, replace(part, item_id=item.id))
    if not final:
        return conversation
    index = find_item(conversation, state.connection.number, item.id)
    if index is None:
        return conversation
    return changed(conversation, index, _with_content(conversation.turns[index], item, output_index))


def _with_content(turn: Turn, item: Item, output_index: int | None) -> Turn:
    """The turn with what an item says of its own content. Empty content says nothing: it is only not ready."""
    for content_index, content in enumerate(item.content):
        text = text_of(content)
        if not text:
            continue
        wanted = Part(item.id or "", output_index or 0, content_index)
        known = part_index(turn.parts, wanted)
        part = wanted if known is None else turn.parts[known]
        spoken = part.spoken or is_spoken(content)
        turn = with_part(turn, replace(part, text=_kept(turn, part.text, text), spoken=spoken, final=True))
    return turn


def _done(state: State, response: Response, now: float) -> Conversation:
    """`output` is authoritative; then the status says whether the answer ended well and who ended it (R16)."""
    conversation, index = _answer(state, response.id or "", "", now)
    if index is None or conversation.turns[index].final:
        return conversation
    turn = conversation.turns[index]
    messages = [(place, item) for place, item in enumerate(response.output) if item.type in (None, "message")]
    for place, item in messages:
        turn = _with_content(turn, item, place)
    said = {item.id for _, item in messages if any(text_of(content) for content in item.content)}
    if said and turn.cut is None and response.status == "completed":
        turn = with_parts(turn, tuple(part for part in turn.parts if not part.item_id or part.item_id in said))
    turn = _ended(state, turn, response, now)
    conversation = changed(conversation, index, replace(turn, done_at=now, final=True))
    if not turn.text and turn.cut is None and not turn.failed and turn.first_sound_at is None:
        conversation = removed(conversation, index)  # It only called tools; they have turns of their own.
    for item in response.output:
        if is_call(item):
            here = replace(state, conversation=conversation)
            conversation = apply_call(here, item, None, now, response_id=response.id or "")
    return conversation


def _ended(state: State, turn: Turn, response: Response, now: float) -> Turn:
    details = response.status_details
    match response.status:
        case "cancelled" if turn.cut is None:
            by = state.responses.cancelled_by
            if by is None:
                by = "you" if details is not None and details.reason == "client_cancelled" else "server"
            return cut_answer(turn, by, now)
        case "failed":
            error = details.error if details is not None else None
            why = (error.message or error.code or error.type) if error is not None else None
            return replace(turn, failed=why or "the service gave no reason")
        case "incomplete":
            reason = details.reason if details is not None else None
            return replace(turn, failed=f"incomplete: {reason or 'no reason given'}")
        case _:
            return turn


def without_item(turn: Turn, item_id: str) -> Turn | None:
    """The answer without one of its items; None if nothing is left of it."""
    left = tuple(part for part in turn.parts if part.item_id != item_id)
    if turn.who != "assistant" or not any(part.text for part in left):
        return None
    return with_parts(replace(turn, item_id=left[0].item_id if turn.item_id == item_id else turn.item_id), left)
