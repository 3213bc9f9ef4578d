"""Turns as the screen shows them: what was heard, what was not, and where an answer was cut (R10)."""

from __future__ import annotations

from voicechat.core.sounding import has_loudspeaker, heard_seconds, is_spoken, is_unheard
from voicechat.core.spoken_text import heard_length
from voicechat.core.state import Cut, State, Turn
from voicechat.core.view import TurnView

MOST_KEPT = 8192
"""Views kept for turns that will not change by themselves; beyond it they are all made anew."""
_kept: dict[str, tuple[Turn, float | None, TurnView]] = {}
# A screen asks 20 times a second and a long talk has a thousand turns: the view of a record is made once. Known by the
# turn's key and the record's identity, because comparing a turn costs as much as viewing it; of each turn the last one.


def turn_views(state: State, now: float) -> tuple[TurnView, ...]:
    """Every turn in display order. Only answers that are sounding change with time alone."""
    conversation = state.conversation
    rate = conversation.chars_per_second
    start = conversation.started_at
    at_once = not has_loudspeaker(state)
    return tuple(
        _kept_view(turn, start)
        if _is_fixed(turn)
        else _view(turn, now, rate, start, at_once, is_unheard=is_unheard(turn, state))
        for turn in conversation.turns
    )


def split(turn: Turn, now: float, rate: float, *, at_once: bool = False) -> int:
    """How many characters of an answer were or are audible at `now`; the rest is not heard (yet).

    `rate`: narrow characters a second for an answer that has not sounded. `at_once`: there is no loudspeaker, so
    nothing waits for it. A written answer is read, not heard; a spoken one that is over uncut was heard
    in full.
    """
    if turn.who != "assistant" or not is_spoken(turn):
        return len(turn.text)
    rate = rate if turn.pace is None else turn.pace
    if turn.cut is not None:
        return heard_length(turn.text, turn.cut.heard, rate)
    if turn.complete_at is not None or at_once:
        return len(turn.text)
    return heard_length(turn.text, heard_seconds(turn, now), rate)


def _is_fixed(turn: Turn) -> bool:
    """Whether neither time nor the learned pace can change how the turn looks."""
    if turn.who != "assistant":
        return True
    return turn.complete_at is not None and (turn.cut is None or turn.pace is not None)


def _kept_view(turn: Turn, start: float | None) -> TurnView:
    known = _kept.get(turn.key)
    if known is not None and known[0] is turn and known[1] == start:
        return known[2]
    if len(_kept) >= MOST_KEPT:
        _kept.clear()
    made = _view(turn, turn.at, 0.0, start, at_once=False)
    _kept[turn.key] = (turn, start, made)
    return made


def _view(
    turn: Turn, now: float, rate: float, start: float | None, at_once: bool, *, is_unheard: bool = False
) -> TurnView:
    at = 0.0 if start is None else max(0.0, turn.at - start)
    if turn.who == "note":
        return TurnView(
            turn.key,
            "note",
            at,
            turn.text,
            level=turn.level,
            detail=turn.detail,
            count=turn.count,
            item_id=turn.item_id,
        )
    heard = split(turn, now, rate, at_once=at_once)
    cut = Cut("device", turn.heard) if is_unheard else turn.cut
    return TurnView(
        turn.key,
        turn.who,
        at,
        text=turn.text[:heard],
        rest=turn.text[heard:],
        partial=_is_growing(turn),
        typed=turn.typed,
        written=turn.who == "assistant" and not is_spoken(turn),
        unheard=turn.unheard and turn.complete_at is not None and turn.cut is None,
        committed=turn.committed,
        failed=turn.failed,
        vad="" if turn.speech_began_ms is None else "started" if turn.speech_ended_ms is None else "stopped",
        spoken=turn.spoken,
        latency=turn.latency,
        cut_by="" if cut is None else cut.by,
        cut_at=0.0 if cut is None else cut.heard,
        cut_is_estimate=cut is not None and cut.estimated,
        false_alarm=turn.false_alarm,
        detail=turn.detail,
        stage=turn.stage,
        item_id=turn.item_id,
        call_id=turn.call_id,
        translation=turn.translation,
    )


def _is_growing(turn: Turn) -> bool:
    match turn.who:
        case "assistant":
            return turn.complete_at is None and turn.cut is None
        case "tool":
            return not turn.done
        case _:
            return not turn.final
