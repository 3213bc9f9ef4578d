"""The list of turns and its order (R25), as pure operations on a `Conversation`.

Everything here costs what it changes: turns are looked for from the end, where the talk is, and one turn is replaced at
a time. An index into `turns` is only good until the next operation.
"""

from __future__ import annotations

from typing import Literal

from msgspec.structs import replace

from voicechat.core.state import Conversation, Part, State, Turn

Turns = tuple[Turn, ...]


def own_id(state: State, kind: Literal["msg", "fc", "fco", "mcpr"], name: str) -> str:
    """The id of an item of ours and of the event that creates it, which errors about it quote."""
    return f"{kind}_{name}" if state.wishes.prefixes_ids else name


def find_item(conversation: Conversation, connection: int, item_id: str) -> int | None:
    """Where the turn that holds this item of this line stands; None for an unknown or empty id."""
    return _position(conversation.turns, connection, item_id)


def find_answer(conversation: Conversation, connection: int, response_id: str) -> int | None:
    """Where the answer with this response id stands."""
    if not response_id:
        return None
    turns = conversation.turns
    for index in range(len(turns) - 1, -1, -1):
        turn = turns[index]
        if turn.response_id == response_id and turn.who == "assistant" and turn.connection == connection:
            return index
    return None


def find_call(conversation: Conversation, connection: int, call_id: str) -> int | None:
    """Where the tool call with this id stands."""
    if not call_id:
        return None
    turns = conversation.turns
    for index in range(len(turns) - 1, -1, -1):
        turn = turns[index]
        if turn.call_id == call_id and turn.connection == connection:
            return index
    return None


def answered_items(state: State) -> tuple[str, ...]:
    """The items that the response under way was asked for, through the tools that were called for them.

    The service asks itself for what follows a call that it made itself (MCP).
    """
    slot = state.responses
    if not slot.active_id and slot.asked_at is None:
        newest = next((turn for turn in reversed(state.conversation.turns) if turn.who != "note"), None)
        return newest.answers if newest is not None and newest.who == "tool" and not newest.call_id else ()
    outputs = [turn for turn in state.conversation.turns if turn.who == "tool" and turn.answers and turn.parts]
    through = [item for turn in outputs if turn.parts[0].item_id in slot.asked_for for item in turn.answers]
    return tuple(dict.fromkeys((*slot.asked_for, *through)))


def answer_to(state: State, item_id: str) -> str | None:
    """The key of the newest answer to this item; None where it got none."""
    turns = reversed(state.conversation.turns)
    return next((turn.key for turn in turns if turn.who == "assistant" and item_id in turn.answers), None)


def is_awaited(state: State, item_id: str) -> bool:
    """Whether an answer to this item, or the rest of it, may still come: asked for, made, heard, or a tool runs."""
    slot = state.responses
    turns = [turn for turn in state.conversation.turns if item_id in turn.answers]
    tools = [turn for turn in turns if turn.who == "tool"]
    items = {item_id, *(turn.call_id for turn in tools), *(part.item_id for turn in tools for part in turn.parts)}
    asked_for = slot.asked_for if slot.active_id or slot.asked_at is not None else ()
    if items & {*slot.wanted, *asked_for, state.gate.held} - {""}:
        return slot.stalled_at is None
    if any(not turn.done for turn in tools):
        return True
    if not turns:
        return False
    last = turns[-1]
    return not last.call_id if last.who == "tool" else last.complete_at is None and not last.failed


def holds_item(turn: Turn, item_id: str) -> bool:
    """Whether an item of the wire is (a part of) this turn."""
    return turn.item_id == item_id or any(part.item_id == item_id for part in turn.parts)


def changed(conversation: Conversation, index: int, turn: Turn) -> Conversation:
    """The conversation with one turn replaced; the same record if nothing differs."""
    if conversation.turns[index] is turn:
        return conversation
    turns = list(conversation.turns)
    turns[index] = turn
    return replace(conversation, turns=tuple(turns))


def removed(conversation: Conversation, index: int) -> Conversation:
    turns = conversation.turns
    return replace(conversation, turns=turns[:index] + turns[index + 1 :])


def next_key(conversation: Conversation) -> str:
    """The key of the next turn: counted here, because servers hand out the same ids again after a reconnect."""
    return f"t{conversation.made + 1}"


def added(conversation: Conversation, turn: Turn) -> tuple[Conversation, int]:
    """Put a new turn where it belongs: at the end, but a user who is still speaking stays below what is answered."""
    turns = conversation.turns
    place = len(turns)
    if turn.who in ("assistant", "tool"):
        while place > 0 and _is_still_speaking(turns[place - 1]):
            place -= 1
    grown = replace(conversation, turns=(*turns[:place], turn, *turns[place:]), made=conversation.made + 1)
    if not turn.item_id:
        return grown, place
    return settled(grown, place)


def placed(
    conversation: Conversation, index: int, turn: Turn, previous_item_id: str | None
) -> tuple[Conversation, int]:
    """Replace a turn and, if this told its id or what comes before it, move what has to move.

    `previous_item_id` None is "not said": over half of the compatible services leave it out everywhere, so it is not
    read as "first in the conversation".
    """
    before = conversation.turns[index]
    if previous_item_id and not holds_item(turn, previous_item_id):
        turn = replace(turn, previous_item_id=previous_item_id)
    conversation = changed(conversation, index, turn)
    if turn.item_id == before.item_id and turn.previous_item_id == before.previous_item_id:
        return conversation, index
    return settled(conversation, index)


def settled(conversation: Conversation, index: int) -> tuple[Conversation, int]:
    """Move the turn behind the one it follows, and behind it those that follow it, as far as the ids are known.

    Contradictions (a circle of `previous_item_id`) end in some order, never in a loop, and lose nothing.
    """
    turn = conversation.turns[index]
    turns = conversation.turns
    place = _position(turns, turn.connection, turn.previous_item_id)
    if place is not None and place > index:
        turns = _moved_down(turns, index, place)
    elif place is not None and any(between.who != "note" for between in turns[place + 1 : index]):
        turns = (*turns[: place + 1], turn, *turns[place + 1 : index], *turns[index + 1 :])
    turns = _followers_moved(turns, turn)
    if turns is not conversation.turns:
        conversation = replace(conversation, turns=turns)
        index = _index_of(turns, turn)
    return conversation, index


def with_part(turn: Turn, part: Part) -> Turn:
    """The turn with one part put in its place (by output and content index) or replaced, and the text that follows."""
    known = part_index(turn.parts, part)
    if known is None:
        parts = sorted((*turn.parts, part), key=lambda piece: (piece.output_index, piece.content_index))
        return with_parts(turn, tuple(parts))
    return with_parts(turn, (*turn.parts[:known], part, *turn.parts[known + 1 :]))


def with_parts(turn: Turn, parts: tuple[Part, ...]) -> Turn:
    return replace(turn, parts=parts, text=joined(parts))


def part_index(parts: tuple[Part, ...], wanted: Part) -> int | None:
    """Where the same part stands: same content index of the same item, or of the same output where no id was given."""
    for index, part in enumerate(parts):
        if part.content_index != wanted.content_index:
            continue
        if part.item_id and wanted.item_id:
            if part.item_id == wanted.item_id:
                return index
        elif part.output_index == wanted.output_index:
            return index
    return None


def joined(parts: tuple[Part, ...]) -> str:
    """The text of all parts; a blank between two that do not bring one."""
    if len(parts) == 1:
        return parts[0].text
    text = ""
    for part in parts:
        if text and part.text and not text[-1].isspace() and not part.text[0].isspace():
            text += " "
        text += part.text
    return text


def _is_still_speaking(turn: Turn) -> bool:
    has_begun = turn.who == "you" and turn.speech_began_ms is not None
    return has_begun and turn.speech_ended_ms is None and not turn.committed


def _position(turns: Turns, connection: int, item_id: str) -> int | None:
    if not item_id:
        return None
    for index in range(len(turns) - 1, -1, -1):
        turn = turns[index]
        # Written out, not `holds_item`: a late transcript looks through the whole conversation.
        if turn.item_id == item_id or (turn.parts and turn.who != "you" and holds_item(turn, item_id)):
            if turn.connection == connection:
                return index
        elif turn.connection < connection and not turn.typed:
            return None
    return None


def _index_of(turns: Turns, turn: Turn) -> int:
    return next(index for index in range(len(turns) - 1, -1, -1) if turns[index] is turn)


def _moved_down(turns: Turns, index: int, place: int) -> Turns:
    """`turns[index]` to right behind `turns[place]`, together with those between that follow it."""
    block = [turns[index]]
    passed: list[Turn] = []
    for turn in turns[index + 1 : place + 1]:
        follows = bool(turn.previous_item_id) and any(
            leader.connection == turn.connection and holds_item(leader, turn.previous_item_id) for leader in block
        )
        (block if follows else passed).append(turn)
    if block[-1] is turns[place]:
        return turns  # It follows what follows it: the ids contradict each other.
    return (*turns[:index], *passed, *block, *turns[place + 1 :])


def _followers_moved(turns: Turns, leader: Turn) -> Turns:
    """Bring behind `leader` those that were told to follow it before it was known."""
    if not leader.item_id:
        return turns
    place = _index_of(turns, leader)
    held = {leader.item_id, *(part.item_id for part in leader.parts if part.item_id)}
    early = [turn for turn in turns[:place] if turn.previous_item_id in held and turn.connection == leader.connection]
    for turn in reversed(early):
        turns = _moved_down(turns, _index_of(turns, turn), _index_of(turns, leader))
    return turns
