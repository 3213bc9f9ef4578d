"""Which items get an answer when the client decides (R13).

With `create_response: true` the service answers by itself and this gate stands open. With `false` an answer is wanted
only for words: a transcript with a letter or a digit, a committed push-to-talk item, typed text, tool outputs, or a
greeting. One item, one answer. No timer ever asks for one: a missing transcript waits for the user (R14).
"""

from __future__ import annotations

from typing import Literal

from msgspec.structs import replace

from voicechat.core.events import (
    AgainPressed,
    Announcement,
    AnyEvent,
    ConfigurationInForce,
    FalseAlarm,
    LineLost,
    LineReleased,
    NewAsked,
    Noticed,
    Received,
    ReplyWanted,
    StopPressed,
    TalkDropped,
    TimePassed,
    ToolAnswered,
    ToolsCalled,
)
from voicechat.core.policy import TurnPolicy
from voicechat.core.rules.result import NOTHING, RuleResult
from voicechat.core.state import ReplyGate, State
from voicechat.protocol.items import Item
from voicechat.protocol.server_events import (
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionFailed,
    InputAudioBufferCommitted,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
)

TRANSCRIPTION = ("audio", "input", "transcription")
_TRANSCRIPTION_PATH = "session.audio.input.transcription"

MOST_GROUPS = 8
"""Answers whose calls are waited for; older ones were never answered by whoever does it by hand."""
MOST_ROUNDS = 25
"""Answers in a row that may call tools before you say something: a model that never stops calling costs for ever."""
MOST_REMEMBERED = 64
"""Items kept as decided; transcripts older than that do not come any more."""


def client_decides(state: State, policy: TurnPolicy) -> bool:
    """Whether `create_response` is false and R13 applies. Without transcripts it cannot, so the service decides."""
    wants = state.choices.only_writes or (policy.reply_to_transcript_only and not state.gate.server_replies)
    if not wants:
        return False
    return not any(path.startswith(_TRANSCRIPTION_PATH) for path in state.configuration.refused)


def has_words(text: str) -> bool:
    """At least one letter or digit, of any script."""
    return any(letter.isalnum() for letter in text)


TAKES = (
    InputAudioBufferCommitted,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionFailed,
    ResponseDone,
    ResponseCreated,
    ConversationItemAdded,
    ConversationItemCreated,
)
"""The server events that concern this rule."""


def on_event(state: State, event: AnyEvent, now: float, policy: TurnPolicy) -> RuleResult:
    """Announce `ReplyWanted` for what deserves an answer."""
    gate = state.gate
    match event:
        case Received():
            return _on_wire(state, event.event, now, policy)
        case TimePassed() if gate.waiting:
            return _time_passed(state, now, policy)
        case ConfigurationInForce() if state.wishes.greeting and not gate.greeted:
            return _changed(state, replace(gate, greeted=True), ReplyWanted("", "greeting"))
        case AgainPressed() if state.connection.phase == "open" and is_answer_missing(state):
            return _changed(state, replace(gate, unanswered=(), again_at=now), ReplyWanted("", "again"))
        case LineLost() | LineReleased():
            return _changed(state, replace(gate, waiting=(), answered=(), calls=(), unanswered=(), held=""))
        case ToolsCalled(call_ids):
            return _changed(state, _called(gate, call_ids))
        case ToolAnswered(call_id, item_id, asks=asks):
            return _answered(state, call_id, item_id, asks=asks)
        case FalseAlarm() | TalkDropped() if gate.held:
            return _released(state)
        case StopPressed() if gate.held:
            return _changed(state, replace(gate, held=""))
        case NewAsked():
            return _changed(state, ReplyGate())
        case _:
            return NOTHING


def deadline(state: State, now: float, policy: TurnPolicy) -> float | None:
    """R13: so long a transcript is waited for."""
    return state.gate.waiting[0][1] + policy.transcript_limit if state.gate.waiting else None


def is_answer_missing(state: State) -> bool:
    """Something was said or asked and got no answer, so `again` makes sense."""
    responses = state.responses
    if responses.stalled_at is not None:
        return True
    if responses.active_id or responses.asked_at is not None:
        return False
    failed = responses.last_status in ("failed", "incomplete") or responses.last_ended_by == "line"
    return bool(state.gate.unanswered or state.gate.held) or responses.missing_since is not None or failed


def _on_wire(state: State, wire: ServerEvent, now: float, policy: TurnPolicy) -> RuleResult:
    match wire:
        case InputAudioBufferCommitted(item_id=str(item_id)) if item_id not in state.gate.answered:
            return _committed(state, item_id, now, policy)
        case ConversationItemInputAudioTranscriptionCompleted(item_id=str(item_id), transcript=transcript):
            return _transcribed(state, item_id, transcript, policy)
        case ConversationItemInputAudioTranscriptionFailed(item_id=str(item_id), error=error):
            return _not_transcribed(state, item_id, error.message or error.code or "")
        case ResponseDone(response=response):
            is_side = (response.id or "") in state.conversation.side_responses
            calls = tuple(item.call_id for item in response.output if _is_call(item) and item.call_id)
            is_done = response.status == "completed" and calls and not is_side
            return _changed(state, _called(state.gate, calls)) if is_done else NOTHING
        case ResponseCreated(response=response) if state.gate.held:
            is_side = (response.id or "") in state.conversation.side_responses
            return NOTHING if is_side else _changed(state, replace(state.gate, held=""))
        case ConversationItemAdded(item=item) | ConversationItemCreated(item=item) if state.gate.calls:
            return _tool_answered(state, item)
        case _:
            return NOTHING


def _committed(state: State, item_id: str, now: float, policy: TurnPolicy) -> RuleResult:
    """What the server will not answer by itself is answered at once (ours), or when its words are known (R13).

    What is only written down waits for nothing.
    """
    if state.choices.only_writes:
        return NOTHING
    by = state.segment.awaited_by if state.choices.turns_are_ours else ""
    if by == "push-to-talk":
        return _wanted(state, item_id, "push-to-talk")
    if client_decides(state, policy):
        if any(item_id == waiting for waiting, _ in state.gate.waiting):
            return NOTHING
        return _changed(state, replace(state.gate, waiting=(*state.gate.waiting, (item_id, now))))
    return _wanted(state, item_id, "local") if by == "local" else NOTHING


def _transcribed(state: State, item_id: str, transcript: str, policy: TurnPolicy) -> RuleResult:
    """Noise has no words and gets no answer; either way the item is decided."""
    is_waiting = any(item_id == waiting for waiting, _ in state.gate.waiting)
    if not is_waiting and (not client_decides(state, policy) or item_id in state.gate.answered):
        return NOTHING
    if state.choices.only_writes:
        return _changed(state, _decided(state.gate, item_id))
    if has_words(transcript):
        return _wanted(state, item_id, "transcript")
    return _released(replace(state, gate=_decided(state.gate, item_id)))


def _not_transcribed(state: State, item_id: str, reason: str) -> RuleResult:
    if not any(item_id == waiting for waiting, _ in state.gate.waiting):
        return NOTHING
    gate = _decided(state.gate, item_id)
    text = f"Your words were not recognised{f': {reason}' if reason else ''}."
    notice = Noticed("warning", text, "transcription_failed")
    return _changed(state, replace(gate, unanswered=(*gate.unanswered, item_id)), notice)


def _time_passed(state: State, now: float, policy: TurnPolicy) -> RuleResult:
    """No transcript in time: this turn waits for `again`, and from the next turn on the server replies."""
    late = tuple(item_id for item_id, since in state.gate.waiting if now >= since + policy.transcript_limit)
    if not late:
        return NOTHING
    gate = state.gate
    for item_id in late:
        gate = _decided(gate, item_id)
    gate = replace(gate, unanswered=(*gate.unanswered, *late)[-MOST_REMEMBERED:], server_replies=True)
    text = (
        f"No transcript came within {policy.transcript_limit:g} s; from the next turn on the service answers by itself."
    )
    return _changed(state, gate, Noticed("warning", text, "transcript_missing"))


def _tool_answered(state: State, item: Item) -> RuleResult:
    """R13: tool outputs are answered once, after all of them."""
    return _answered(state, item.call_id or "", item.id or "") if item.type == "function_call_output" else NOTHING


def _called(gate: ReplyGate, call_ids: tuple[str, ...]) -> ReplyGate:
    """One group an answer: outputs of a slow tool must not keep the next answer's tools waiting."""
    known = {call_id for group in gate.calls for call_id in group}
    group = tuple(dict.fromkeys(call_id for call_id in call_ids if call_id not in known))
    return replace(gate, calls=(*gate.calls, group)[-MOST_GROUPS:]) if group else gate


def _answered(state: State, call_id: str, item_id: str, *, asks: bool = True) -> RuleResult:
    """The last output of an answer's calls decides. While the user has the turn, that turn's answer will know it."""
    gate = state.gate
    group = next((group for group in gate.calls if call_id in group), None)
    if group is None:
        return NOTHING
    rest = tuple(one for one in group if one != call_id)
    groups = tuple(rest if one is group else one for one in gate.calls)
    gate = replace(gate, calls=tuple(one for one in groups if one))
    if rest or not asks:
        return _changed(state, gate)
    if has_the_turn(state):
        return _changed(state, replace(gate, held=item_id or call_id))
    if _rounds(state) >= MOST_ROUNDS:
        text = f"The model has called tools in {MOST_ROUNDS} answers in a row: it is not asked again by itself."
        gate = replace(gate, unanswered=(*gate.unanswered, item_id or call_id)[-MOST_REMEMBERED:])
        return _changed(state, gate, Noticed("warning", text, "tools_in_a_row"))
    return _changed(state, gate, ReplyWanted(item_id, "tool"))


def _rounds(state: State) -> int:
    """Answers that have called tools since you spoke, typed or pressed `r` last."""
    rounds: set[str] = set()
    for turn in reversed(state.conversation.turns):
        if turn.who == "you" or turn.at <= state.gate.again_at:
            break
        if turn.who == "tool":
            rounds.add(turn.response_id)
    return len(rounds)


def has_the_turn(state: State) -> bool:
    """The user is speaking, or has spoken and the answer to it has not begun."""
    if state.talk.pressed_at is not None or state.segment.awaiting_item or state.gate.waiting:
        return True
    newest = next((turn for turn in reversed(state.conversation.turns) if turn.who != "note"), None)
    is_mine = newest is not None and newest.who == "you" and not newest.typed
    return is_mine and newest is not None and newest.connection == state.connection.number


def _released(state: State) -> RuleResult:
    """The user's turn came to nothing: the outputs that waited for its answer want one of their own."""
    held = state.gate.held
    wanted = (ReplyWanted(held, "tool"),) if held else ()
    return _changed(state, replace(state.gate, held=""), *wanted)


def _is_call(item: Item) -> bool:
    return item.type == "function_call"


def _wanted(state: State, item_id: str, why: Literal["transcript", "push-to-talk", "local"]) -> RuleResult:
    return _changed(state, _decided(state.gate, item_id), ReplyWanted(item_id, why))


def _decided(gate: ReplyGate, item_id: str) -> ReplyGate:
    waiting = tuple(entry for entry in gate.waiting if entry[0] != item_id)
    return replace(gate, waiting=waiting, answered=(*gate.answered, item_id)[-MOST_REMEMBERED:])


def _changed(state: State, gate: ReplyGate, *announced: Announcement) -> RuleResult:
    return RuleResult(replace(state, gate=gate), (), announced)
