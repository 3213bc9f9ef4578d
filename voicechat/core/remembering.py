"""The conversation as text items, for a session that has not heard it (R27). Pure.

What was heard is told, not what was said: the model must not build on words that the user never got. The newest turns
come first when there is not room for all; they are told in their order.

A conversation that continues an earlier one: its turns, to be sent to the new session as text. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from voicechat.core.continuous import is_translation
from voicechat.core.policy import TurnPolicy
from voicechat.core.sounding import has_loudspeaker
from voicechat.core.spoken_text import weight
from voicechat.core.state import Choices, Conversation, Cut, Part, Resumption, State, Turn, Wishes
from voicechat.core.tool_turns import ARROW
from voicechat.core.transcript import own_id
from voicechat.core.view import TurnView
from voicechat.core.viewing import split
from voicechat.protocol.items import ContentPart, Item


def begun(wishes: Wishes, choices: Choices, turns: tuple[Turn, ...] = ()) -> State:
    """The state a talk starts from. With the turns of an earlier talk it greets nobody, and asks for nothing."""
    if not turns:
        return State(wishes=wishes, choices=choices)
    return State(
        wishes=replace(wishes, greeting=""),
        choices=choices,
        conversation=Conversation(turns=turns, made=len(turns)),
        resumption=Resumption(is_due=True),
    )


def turns_of(views: Iterable[TurnView], now: float) -> tuple[Turn, ...]:
    """The turns of a conversation that ended, from their views; they count as complete at `now` on our clock.

    Notices are left out: they were about the session that ended.
    """
    kept = (view for view in views if (view.text or view.rest) and not _is_notice(view))
    return tuple(replace(_over(view, now), key=f"t{number}") for number, view in enumerate(kept, 1))


def _is_notice(view: TurnView) -> bool:
    return view.who == "note" and not (view.item_id and view.text.startswith(SYSTEM))


def _over(view: TurnView, now: float) -> Turn:
    """A turn to which nothing is added any more."""
    text = view.text + view.rest
    spoken = False if view.written else None
    is_answered = view.who != "tool" or not view.partial
    turn = Turn(
        key="",
        who=view.who,
        at=now,
        item_id=view.item_id if view.who == "note" else "",
        call_id=view.call_id,
        parts=() if view.who in ("tool", "note") else (Part(text=text, spoken=spoken, final=True),),
        text=text,
        final=True,
        typed=view.typed,
        committed=True,
        failed=view.failed,
        done_at=now if is_answered else None,
        complete_at=now,
        detail=view.detail,
        translation=view.translation,
    )
    if view.who != "assistant" or not (view.rest or view.cut_by):
        return turn
    heard = (view.cut_at or 1.0) if view.text else 0.0
    cut = Cut(view.cut_by or "line", heard, estimated=view.cut_is_estimate or not view.cut_by)
    # The pace at which the part that was heard ends inside its last word, so that it is split there again.
    return replace(turn, cut=cut, heard=heard, pace=(weight(view.text) - 0.5) / heard if heard else 1.0)


PREFIX = "kept"
"""Of the ids of these items; what the service says about them is no news."""
SYSTEM = "system: "
"""How a note begins that the model was told (see `user_turns.on_system_item`)."""
LONGEST_OUTPUT = 4_000
"""Characters of a tool's arguments or output; a page somebody fetched is not worth the room of ten turns."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a new session is told."""

    items: tuple[tuple[str, Item], ...] = ()
    """(key of the turn, item), oldest first; a call of a tool and its output are two items of one turn."""
    turns: int = 0
    left_out: int = 0
    """Older turns for which there was no room."""


def memory_of(state: State, now: float, policy: TurnPolicy) -> Memory:
    """Text items of the conversation before this line, within the limits of `policy`; a translation has no items."""
    if is_translation(state):
        return Memory()
    number = state.connection.number
    waiting = Counter(state.typing.kept)
    told: list[tuple[str, tuple[Item, ...]]] = []
    count, size, left_out = 0, 0, 0
    for turn in reversed(state.conversation.turns):
        if turn.typed and not turn.committed and waiting[turn.text] > 0:
            waiting[turn.text] -= 1  # it goes out by itself, as what it is
            continue
        items = _items(state, turn, f"{PREFIX}-{number}-{turn.key}", heard_of(state, turn, now))
        if not items:
            continue
        count, size = count + len(items), size + sum(_size(item) for item in items)
        if left_out or count > policy.remembered_items or size > policy.remembered_bytes:
            left_out += 1
            continue
        told.append((turn.key, items))
    pairs = tuple((key, item) for key, items in reversed(told) for item in items)
    return Memory(pairs, len(told), left_out)


def history_of(memory: Memory) -> list[dict[str, Any]]:
    """The memory as messages in the form of the Realtime API, for a session that begins with them; calls of tools have
    no place there."""
    return [
        {
            "type": "message",
            "role": item.role,
            "content": [{"type": item.content[0].type, "text": " ".join(part.text or "" for part in item.content)}],
        }
        for _, item in memory.items
        if item.type == "message" and item.content
    ]


def renamed(conversation: Conversation, connection: int, items: tuple[tuple[str, str], ...]) -> Conversation:
    """The turns under the ids of the new line: what was told it is no new turn, and the old ids mean nothing."""
    ids = dict(items)
    turns = tuple(_renamed(turn, connection, ids[turn.key]) if turn.key in ids else turn for turn in conversation.turns)
    return replace(conversation, turns=turns)


def is_remembered(state: State, item_id: str | None) -> bool:
    """Whether the service speaks of an item that this line was told at its beginning."""
    return bool(item_id) and any(item_id == known for _, known in state.resumption.items)


def _renamed(turn: Turn, connection: int, item_id: str) -> Turn:
    parts = tuple(replace(part, item_id=item_id) for part in turn.parts)
    return replace(
        turn,
        connection=connection,
        item_id=item_id,
        previous_item_id="",
        response_id="",
        committed=turn.committed or turn.who == "you",
        parts=parts,
    )


def heard_of(state: State, turn: Turn, now: float) -> str:
    """The part of an answer that was heard; of every other turn all of it."""
    if turn.who != "assistant":
        return turn.text.strip()
    rate = state.conversation.chars_per_second
    return turn.text[: split(turn, now, rate, at_once=not has_loudspeaker(state))].strip()


def _items(state: State, turn: Turn, name: str, text: str) -> tuple[Item, ...]:
    """One turn as items; nothing where nothing was said, or only a note for the reader."""
    match turn.who:
        case "tool":
            return _call(state, turn, name)
        case "note" if text.startswith(SYSTEM) and turn.item_id:
            return (_message(own_id(state, "msg", name), "system", text.removeprefix(SYSTEM)),)
        case "you" | "assistant" if text:
            return (_message(own_id(state, "msg", name), "user" if turn.who == "you" else "assistant", text),)
        case _:
            return ()


def _message(item_id: str, role: str, text: str) -> Item:
    kind = "output_text" if role == "assistant" else "input_text"
    return Item(id=item_id, type="message", role=role, content=(ContentPart(type=kind, text=text),))


def _call(state: State, turn: Turn, name: str) -> tuple[Item, ...]:
    """A function call with its output; a call of the service's own, which has no id here, in a sentence."""
    if not turn.done or not turn.text:
        return ()
    arguments, _, output = (part[:LONGEST_OUTPUT] for part in turn.detail.partition(ARROW))
    output = output or turn.failed or "(no output)"
    if not turn.call_id:
        return (
            _message(
                own_id(state, "msg", name), "system", f"The tool {turn.text} was called with {arguments}: {output}"
            ),
        )
    id, output_id = own_id(state, "fc", name), own_id(state, "fco", f"{name}-out")
    call = Item(id=id, type="function_call", call_id=turn.call_id, name=turn.text, arguments=arguments or "{}")
    return call, Item(id=output_id, type="function_call_output", call_id=turn.call_id, output=output)


def _size(item: Item) -> int:
    """Bytes of what is said in it; the names around it are not counted."""
    texts = (*(part.text or "" for part in item.content), item.arguments or "", item.output or "")
    return sum(len(text.encode("utf-8", "replace")) for text in texts)
