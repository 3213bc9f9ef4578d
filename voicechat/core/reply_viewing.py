"""What the assistant is doing, in one word for the deck."""

from __future__ import annotations

from voicechat.core.policy import TurnPolicy
from voicechat.core.rules.push_to_talk import is_talking
from voicechat.core.sounding import has_loudspeaker, heard_seconds, is_output_inaudible
from voicechat.core.state import State, Turn
from voicechat.core.view import ReplyState, ReplyView

SHOWN_FOR = 3.0
"""Seconds for which an end (finished, cut, stopped) is shown before `ready`."""
CUT_WORDS = {
    "you": "you stopped it",
    "barge-in": "you cut in",
    "push-to-talk": "you cut in",
    "server": "server cut it",
    "line": "line lost",
    "device": "device lost",
}


def reply_view(state: State, now: float, policy: TurnPolicy) -> ReplyView:
    """The reply state at `now`; what is happening comes before what has happened."""
    answer = _newest(state, "assistant")
    name, seconds, detail = (
        _happening(state, answer, now, policy) or _happened(state, answer, now) or ("ready", 0.0, "")
    )
    unheard = answer is not None and answer.unheard if name == "finished" else is_output_inaudible(state)
    return ReplyView(name, round(max(0.0, seconds), 1), detail, _last_latency(state), unheard)


Told = tuple[ReplyState, float, str]
"""State, seconds, detail."""


def _happening(state: State, answer: Turn | None, now: float, policy: TurnPolicy) -> Told | None:
    if state.connection.phase != "open":
        return "no-session", now - state.connection.since, ""
    turns = reversed(state.conversation.turns)
    sounding = next((turn for turn in turns if turn.who == "assistant" and turn.sounding), None)
    if sounding is not None:  # the newest answer may still be in the making behind one that was asked for before
        return ("finishing" if sounding.done else "speaking"), heard_seconds(sounding, now), ""
    listening_since = _listening_since(state, now, policy)
    if listening_since is not None:
        return "listening", now - listening_since, ""
    slot = state.responses
    is_pausing = answer is not None and answer.done and answer.complete_at is None and answer.cut is None
    if answer is not None and is_pausing and answer.first_sound_at is not None and not slot.active_id:
        return "finishing", answer.heard, ""
    if slot.stalled_at is not None:
        return "no-answer", now - slot.stalled_at, slot.missing_why
    tool = _running_tool(state, now)
    if slot.active_id and answer is not None and not answer.done and answer.text and not has_loudspeaker(state):
        return "speaking", 0.0, ""
    if slot.active_id or slot.asked_at is not None or tool:
        since = slot.asked_at if slot.asked_at is not None else slot.created_at
        return "thinking", 0.0 if since is None else now - since, tool
    if is_pausing and answer is not None and answer.parts:
        return "thinking", now - answer.at, ""
    if _is_waiting(state, now, policy):
        return "waiting", 0.0, ""
    return None


def _happened(state: State, answer: Turn | None, now: float) -> Told | None:
    slot = state.responses
    if slot.missing_since is not None:
        return "no-answer", now - slot.missing_since, slot.missing_why
    is_of_this_line = slot.done_at is not None and slot.done_at >= state.connection.since
    since = 0.0 if slot.done_at is None else now - slot.done_at
    if slot.last_status == "failed" and is_of_this_line:
        return "failed", since, slot.last_error
    if slot.last_status == "incomplete" and since < SHOWN_FOR:
        return "incomplete", since, slot.last_reason
    if answer is None:
        return None
    ended_at = answer.complete_at
    if answer.cut is not None:
        ended_at = answer.last_sound_at if answer.last_sound_at is not None else answer.done_at
    if ended_at is None or now - ended_at >= SHOWN_FOR:
        return None
    if answer.cut is None:
        return "finished", answer.heard, ""
    who = CUT_WORDS[answer.cut.by]
    if answer.first_sound_at is None and not answer.text:
        return "cancelled-at-birth", 0.0, who
    return ("stopped" if answer.cut.by == "you" else "cut"), answer.cut.heard, who


def _listening_since(state: State, now: float, policy: TurnPolicy) -> float | None:
    """Since when the user's turn is being taken: a press that is on the air, or a voice that the server hears."""
    talk = state.talk
    if talk.opened_at is not None and is_talking(talk, now, policy):
        return talk.opened_at
    voice = state.voice
    if state.choices.local_detection and state.microphone.is_open and voice.ended_at is None:
        return voice.began_at
    for turn in reversed(state.conversation.turns):
        if turn.who == "you" and not turn.typed:
            is_speaking = turn.speech_began_ms is not None and turn.speech_ended_ms is None and not turn.committed
            is_here = turn.connection == state.connection.number and state.microphone.is_open
            return turn.at if is_speaking and is_here and not turn.final else None
        if turn.who == "assistant" and turn.complete_at is not None:
            return None
    return None


def _is_waiting(state: State, now: float, policy: TurnPolicy) -> bool:
    """The user's turn is on its way: committed or about to be, its words or its answer not here yet."""
    if state.segment.awaiting_item or state.gate.waiting:
        return True
    turn = next((turn for turn in reversed(state.conversation.turns) if turn.who in ("you", "assistant")), None)
    if turn is None or turn.who != "you" or turn.connection != state.connection.number:
        return False
    if turn.final or turn.last_sound_at is None:
        return False
    return now < turn.last_sound_at + policy.answer_limit


def _running_tool(state: State, now: float) -> str:
    """The call that is being worked on, with its seconds."""
    for turn in reversed(state.conversation.turns):
        if turn.who == "tool" and not turn.done and turn.connection == state.connection.number:
            if turn.stage == "asked":
                return f"{turn.text or 'a tool'} waits for your word"
            return f"{turn.text or 'a tool'} {max(0.0, now - turn.at):.1f} s" if not turn.failed else ""
        if turn.who != "note":
            return ""
    return ""


def _newest(state: State, who: str) -> Turn | None:
    return next((turn for turn in reversed(state.conversation.turns) if turn.who == who), None)


def _last_latency(state: State) -> float | None:
    for turn in reversed(state.conversation.turns):
        if turn.who == "assistant" and turn.latency is not None:
            return turn.latency
    return None
