"""A talk that goes on from an earlier one: its turns as they were heard, to be told to the new session. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from voicechat.core.remembering import SYSTEM, heard_of
from voicechat.core.state import Choices, Conversation, Part, Resumption, State, Turn, Wishes


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


def turns_of(state: State, at: float, now: float) -> tuple[Turn, ...]:
    """What was said in a talk that was in `state` at `at` on its own clock, as turns that are over at `now` on ours."""
    return tuple(_numbered(_over(turn, heard_of(state, turn, at), now) for turn in state.conversation.turns))


def _over(turn: Turn, text: str, now: float) -> Turn | None:
    """None for what nobody said: a notice, a turn without words."""
    if not text or (turn.who == "note" and not text.startswith(SYSTEM)):
        return None
    return Turn(
        key="",
        who=turn.who,
        at=now,
        item_id=turn.item_id if turn.who == "note" else "",
        call_id=turn.call_id,
        parts=() if turn.who in ("tool", "note") else (Part(text=text, final=True),),
        text=text,
        final=True,
        typed=turn.typed,
        committed=True,
        failed=turn.failed,
        done_at=None if turn.who in ("tool", "assistant") and not turn.done else now,
        complete_at=now,
        detail=turn.detail,
    )


def _numbered(turns: Iterable[Turn | None]) -> Iterable[Turn]:
    said = (turn for turn in turns if turn is not None)
    return (replace(turn, key=f"t{number}") for number, turn in enumerate(said, 1))
