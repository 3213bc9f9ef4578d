"""A conversation that continues an earlier one: its turns, to be sent to the new session as text. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from voicechat.core.remembering import SYSTEM
from voicechat.core.spoken_text import weight
from voicechat.core.state import Choices, Conversation, Cut, Part, Resumption, State, Turn, Wishes
from voicechat.core.view import TurnView


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
