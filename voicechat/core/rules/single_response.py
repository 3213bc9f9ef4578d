"""One answer at a time, created and cancelled by one author (R8, R12, R14-R16).

`ReplyWanted` asks for an answer; it is created as soon as the slot is free, and the slot is free again at
`response.done` or when the service refuses or never answers. Nothing else in voicechat creates a response: no timer, no
reconnect, no mic event. `AnswerInterrupted` ends the running one in R8's order; the loudspeaker is silent already.
"""

from __future__ import annotations

from msgspec.structs import replace

from voicechat.core.continuous import is_translation
from voicechat.core.effects import Effect
from voicechat.core.events import (
    Announcement,
    AnswerAskedByHand,
    AnswerInterrupted,
    AnyEvent,
    ConfigurationInForce,
    Interrupter,
    LineLost,
    LineReleased,
    Noticed,
    Received,
    ReplyWanted,
    SendRefused,
    TimePassed,
)
from voicechat.core.policy import TurnPolicy
from voicechat.core.rules.budget import is_spent
from voicechat.core.rules.configuration import is_ready
from voicechat.core.rules.playback import unheard_items
from voicechat.core.rules.reply_gate import client_decides, has_words
from voicechat.core.rules.result import NOTHING, RuleResult
from voicechat.core.state import Responses, State
from voicechat.failures import as_sentence, cure_of_answer
from voicechat.protocol.client_events import (
    ConversationItemTruncate,
    OutputAudioBufferClear,
    ResponseCancel,
    ResponseCreate,
)
from voicechat.protocol.items import ErrorDetail, Response
from voicechat.protocol.server_events import (
    ConversationItemInputAudioTranscriptionCompleted,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
    ServerError,
    ServerEvent,
)
from voicechat.protocol.session_dialects import get_path
from voicechat.protocol.wire import JsonValue

UNNAMED = "?"
"""Stands for the id of a response that came without one."""
BUSY = "conversation_already_has_active_response"
NOT_ACTIVE = "response_cancel_not_active"
MOST_CALLS_OF_ONE = 16
"""Newest entries of the transcript among which a call of the active response is looked for."""


def on_event(state: State, event: AnyEvent, now: float, policy: TurnPolicy) -> RuleResult:
    """Create, keep waiting, cancel, free the slot."""
    slot = state.responses
    match event:
        case Received():
            return _on_wire(state, event.event, now, policy)
        case ReplyWanted(why="again") if slot.stalled_at is not None:
            return _asked_anew(state, now)
        case ReplyWanted() if state.choices.only_writes:
            return NOTHING
        case ReplyWanted(item_id, why):
            return _wanted(state, item_id, state.wishes.greeting if why == "greeting" else "", now)
        case AnswerAskedByHand(event_id) if not slot.active_id and slot.asked_at is None:
            return _changed(state, replace(_asked(slot, event_id, now), asked_for=()))
        case AnswerInterrupted(by):
            return _interrupted(state, by, now)
        case ConfigurationInForce() if slot.wanted:
            return _create_if_free(state, slot, now)
        case TimePassed():
            return _time_passed(state, now, policy)
        case SendRefused(event_id=event_id, reason=reason) if _is_asking(slot, event_id):
            return _not_answered(state, now, f"The request for an answer could not be sent: {reason}.")
        case LineLost() | LineReleased():
            return _forgotten(state, now)
        case _:
            return NOTHING


def deadline(state: State, now: float, policy: TurnPolicy) -> float | None:
    """R15: so long an answer, the end of another one, or of a cancelled one is waited for, or that it goes on."""
    slot = state.responses
    earliest: float | None = None
    for since in (slot.asked_at, slot.busy_since, slot.cancelled_at, _expected_since(state)):
        if since is not None and (earliest is None or since < earliest):
            earliest = since
    due = None if earliest is None else earliest + policy.answer_limit
    moved_at = _moved_at(state)
    if moved_at is None:
        return due
    stalls_at = moved_at + policy.stall_limit
    return stalls_at if due is None else min(due, stalls_at)


def _expected_since(state: State) -> float | None:
    """Since when the service owes an answer to speech; None while one is under way."""
    slot = state.responses
    if slot.expected_at is None or slot.active_id or slot.asked_at is not None:
        return None
    return max(slot.expected_at, slot.done_at or 0.0)


def _moved_at(state: State) -> float | None:
    """When the active response last showed a sign of life; None while it need not show any."""
    slot, sound = state.responses, state.playback
    if not slot.active_id or slot.moved_at is None or slot.stalled_at is not None or slot.cancelled_at is not None:
        return None
    if sound.is_audible:
        return None
    for turn in state.conversation.turns[-MOST_CALLS_OF_ONE:]:
        if turn.who == "tool" and turn.response_id == slot.active_id and not turn.done:
            return None
    return max(slot.moved_at, sound.last_audible_at or 0.0)


def concerns_response(state: State, error: ErrorDetail) -> bool:
    """Whether an error is the answer to our `response.create`, or to a cancel that came too late."""
    return error.code in (BUSY, NOT_ACTIVE) or _is_asking(state.responses, error.event_id)


def is_asking(state: State, event_id: str | None) -> bool:
    """Whether this client event is the request whose answer is awaited."""
    return _is_asking(state.responses, event_id)


def _is_asking(slot: Responses, event_id: str | None) -> bool:
    return slot.asked_at is not None and bool(event_id) and event_id == slot.event_id


def _is_free(state: State, slot: Responses) -> bool:
    return is_ready(state) and not slot.active_id and slot.asked_at is None and slot.busy_since is None


def _wanted(state: State, item_id: str, instructions: str, now: float) -> RuleResult:
    slot = state.responses
    if item_id in slot.wanted or (slot.asked_at is not None and item_id in slot.asked_for):
        return NOTHING
    slot = replace(slot, wanted=(*slot.wanted, item_id), instructions=instructions or slot.instructions)
    slot = replace(slot, retried=False)
    return _create_if_free(state, slot, now)


def _create_if_free(state: State, slot: Responses, now: float) -> RuleResult:
    """R12: one create, for everything that is wanted; then nothing until it is answered. Never beyond the budget."""
    if not slot.wanted or is_spent(state) or not _is_free(state, slot):
        return _changed(state, slot)
    creates = slot.creates + 1
    event_id = f"answer-{state.connection.number}-{creates}"
    options: dict[str, JsonValue] | None = {"instructions": slot.instructions} if slot.instructions else None
    asked = replace(slot, asked_for=slot.wanted, wanted=(), creates=creates, instructions="")
    return _changed(state, _asked(asked, event_id, now), ResponseCreate(response=options, event_id=event_id))


def _asked_anew(state: State, now: float) -> RuleResult:
    """`again` for a response that stalled: it is cancelled, and what it was asked for is asked once more."""
    slot = state.responses
    cancel = _cancel(state, slot.active_id, slot.sends + 1)
    freed = replace(_freed(slot, now), last_id=slot.active_id, last_status="cancelled", last_ended_by="you")
    freed = replace(freed, wanted=slot.wanted or slot.asked_for or ("",), sends=slot.sends + 1, retried=False)
    asked = _create_if_free(state, freed, now)
    return replace(asked, effects=(cancel, *asked.effects))


def _asked(slot: Responses, event_id: str, now: float) -> Responses:
    """A request for an answer has left, ours or one the user wrote; its answer takes the slot."""
    slot = replace(slot, asked_at=now, event_id=event_id, cancelled_by=None, cancelled_at=None)
    return replace(slot, missing_since=None, missing_why="")


def _interrupted(state: State, by: Interrupter, now: float) -> RuleResult:
    """R8, after the loudspeaker: cancel what is active, then make the service forget what was not heard."""
    slot = state.responses
    effects: list[Effect] = []
    sends = slot.sends
    is_running = bool(slot.active_id) or slot.asked_at is not None
    if slot.active_id and by not in ("server", "line") and slot.cancelled_by is None:
        sends += 1
        effects.append(_cancel(state, slot.active_id, sends))
    unheard = _unheard(state, by, now, sends + 1)
    effects += unheard
    if is_running and slot.cancelled_by is None:
        slot = replace(slot, cancelled_by=by, cancelled_at=now if by != "server" else None)
    # What was still wanted is answered with the turn that the user takes now.
    slot = replace(slot, wanted=(), instructions="", busy_since=None, stalled_at=None, sends=sends + len(unheard))
    return _changed(state, slot, *effects)


def _cancel(state: State, response_id: str, sends: int) -> ResponseCancel:
    named = None if response_id == UNNAMED else response_id
    return ResponseCancel(response_id=named, event_id=f"stop-{state.connection.number}-{sends}")


def _unheard(state: State, by: Interrupter, now: float, sends: int) -> tuple[Effect, ...]:
    """WebRTC: the server knows what it played and drops the rest. WebSocket: only we know what was played."""
    if state.connection.phase != "open" or by == "line":
        return ()
    event_id = f"stop-{state.connection.number}-{sends}"
    if state.connection.transport == "WebRTC":
        return () if by == "server" else (OutputAudioBufferClear(event_id=event_id),)
    return tuple(
        ConversationItemTruncate(
            item_id=item_id,
            audio_end_ms=int(heard * 1000),
            event_id=f"stop-{state.connection.number}-{sends + place}",
        )
        for place, (item_id, heard) in enumerate(unheard_items(state, now))
    )


def _on_wire(state: State, wire: ServerEvent, now: float, policy: TurnPolicy) -> RuleResult:
    slot = state.responses
    match wire:
        case ResponseCreated(response=response):
            return _created(state, response, now)
        case ResponseDone(response=response):
            return _done(state, response, now)
        case ServerError(error=error):
            return _error(state, error, now)
        case InputAudioBufferCommitted() if _service_answers(state, policy):
            return _changed(state, replace(slot, expected_at=now))
        case InputAudioBufferSpeechStarted() if slot.expected_at is not None:
            return _changed(state, replace(slot, expected_at=None))
        case ConversationItemInputAudioTranscriptionCompleted(transcript=text) if not has_words(text):
            return _changed(state, replace(slot, expected_at=None)) if slot.expected_at is not None else NOTHING
        case _ if slot.active_id and getattr(wire, "response_id", "") in (None, slot.active_id):
            return _changed(state, _moved(slot, wire, now))
        case _:
            return NOTHING


def _service_answers(state: State, policy: TurnPolicy) -> bool:
    """Whether committed speech is answered without being asked for (`create_response`)."""
    if state.choices.only_writes or state.choices.turns_are_ours or is_translation(state):
        return False
    asks_itself = get_path(state.configuration.effective, ("audio", "input", "turn_detection", "create_response"))
    return not client_decides(state, policy) and asks_itself is not False


def _moved(slot: Responses, wire: ServerEvent, now: float) -> Responses:
    """A sign of life of the active response; one that had stalled goes on."""
    is_delta = isinstance(wire, ResponseOutputAudioDelta | ResponseOutputAudioTranscriptDelta | ResponseOutputTextDelta)
    first = now if slot.first_delta_at is None and is_delta else slot.first_delta_at
    return replace(slot, moved_at=now, stalled_at=None, first_delta_at=first)


def _created(state: State, response: Response, now: float) -> RuleResult:
    """The slot is taken, by our request or by a server that answers by itself."""
    slot = state.responses
    response_id = response.id or UNNAMED
    if response_id == slot.active_id or response_id in state.conversation.side_responses:
        return NOTHING
    is_cancelled = slot.asked_at is not None and slot.cancelled_by is not None
    born = replace(slot, active_id=response_id, asked_at=None, created_at=now, first_delta_at=None)
    born = replace(born, missing_since=None, missing_why="", busy_since=None, expected_at=None, moved_at=now)
    born = replace(born, stalled_at=None, retried=slot.retried and slot.asked_at is None)
    born = born if slot.asked_at is not None else replace(born, asked_for=())
    if not is_cancelled:
        return _changed(state, replace(born, cancelled_by=None, cancelled_at=None))
    # Cancelled while it had no name yet; a cancel sent then would have been lost.
    stopped = replace(born, cancelled_at=now, sends=slot.sends + 1)
    return _changed(state, stopped, _cancel(state, response_id, stopped.sends))


def _done(state: State, response: Response, now: float) -> RuleResult:
    slot = state.responses
    response_id = response.id or UNNAMED
    if slot.active_id and slot.active_id != response_id and UNNAMED not in (slot.active_id, response_id):
        return NOTHING
    if response_id in state.conversation.side_responses:
        return NOTHING
    if not slot.active_id and slot.asked_at is not None:
        # The end of an answer that a server began by itself before ours; ours is still on its way.
        return NOTHING
    details = response.status_details
    error = details.error if details else None
    why = (error.message or error.code or error.type or "") if error else ""
    status = response.status or "completed"
    reason = (details.reason or "") if details else ""
    ended = _freed(slot, now)
    ended = replace(ended, last_id=response_id, last_status=status, last_reason=reason, last_error=why)
    ended = replace(ended, last_ended_by=_who_cancelled(slot, reason) if status == "cancelled" else None)
    notices: tuple[Announcement, ...] = ()
    if status == "failed":
        cure = cure_of_answer(why, (error.code or error.type or "") if error else "")
        may_ask = cure == "ask again"
        step = "" if may_ask else f" {as_sentence(cure)}"
        text = f"The answer failed: {(why or 'the service gave no reason').rstrip('.')}.{step}"
        notices = (Noticed("error", text, "answer_failed" if may_ask else "answer_refused"),)
    done = _create_if_free(state, ended, now)
    return replace(done, announced=notices)


def _freed(slot: Responses, now: float) -> Responses:
    slot = replace(slot, moved_at=None, stalled_at=None)
    return replace(slot, active_id="", done_at=now, cancelled_by=None, cancelled_at=None, busy_since=None)


def _who_cancelled(slot: Responses, reason: str) -> Interrupter:
    """R16. What we did not cancel the server did, unless it says that a client asked for it (a hand-made event)."""
    if slot.cancelled_by is not None:
        return slot.cancelled_by
    return "you" if reason == "client_cancelled" else "server"


def _error(state: State, error: ErrorDetail, now: float) -> RuleResult:
    slot = state.responses
    if error.code == BUSY and slot.asked_at is not None and not _is_anothers(state, error):
        return _busy(state, now)
    if error.code == NOT_ACTIVE and slot.active_id and slot.cancelled_by is not None:
        ended = replace(_freed(slot, now), last_status="cancelled", last_ended_by=slot.cancelled_by)
        return _create_if_free(state, replace(ended, last_id=slot.active_id, last_reason="", last_error=""), now)
    if error.event_id and error.event_id in (*slot.wanted, *slot.asked_for):
        return _not_taken(state, error.event_id)
    if _is_asking(slot, error.event_id):
        return _not_answered(
            state, now, f"The service refused to answer: {error.message or error.code or 'no reason'}."
        )
    return NOTHING


def _not_taken(state: State, item_id: str) -> RuleResult:
    """An item of ours was refused (its event has its id): an answer to nothing but that is not wanted, or ended."""
    slot = state.responses
    is_running = bool(slot.active_id) or slot.asked_at is not None
    if is_running and slot.asked_for == (item_id,):
        return RuleResult(None, (), (AnswerInterrupted("you"),))
    return _changed(state, replace(slot, wanted=tuple(one for one in slot.wanted if one != item_id)))


def _is_anothers(state: State, error: ErrorDetail) -> bool:
    """The refusal of a second `response.create` that the user wrote says nothing about the first."""
    return error.event_id != state.responses.event_id and any(error.event_id == mine for mine, _ in state.hands.mine)


def _busy(state: State, now: float) -> RuleResult:
    """R15: not an error. Wait for the end of the other answer, then ask once more if it is still wanted."""
    slot = state.responses
    if slot.retried:
        return _not_answered(state, now, "The service is busy with another answer.")
    still_wanted = slot.asked_for if slot.cancelled_by is None else ()
    waiting = replace(slot, asked_at=None, cancelled_by=None, cancelled_at=None, wanted=(*still_wanted, *slot.wanted))
    if slot.active_id:
        return _changed(state, replace(waiting, retried=True))
    return _changed(state, replace(waiting, retried=True, busy_since=now))


def _time_passed(state: State, now: float, policy: TurnPolicy) -> RuleResult:
    slot = state.responses
    if slot.asked_at is not None and now >= slot.asked_at + policy.answer_limit:
        return _not_answered(state, now, f"No answer came within {policy.answer_limit:g} s.")
    if slot.busy_since is not None and now >= slot.busy_since + policy.answer_limit:
        return _not_answered(state, now, "The service says it is answering already, but nothing comes.")
    if slot.cancelled_at is not None and now >= slot.cancelled_at + policy.answer_limit:
        ended = replace(_freed(slot, now), last_id=slot.active_id, last_status="cancelled")
        freed = _changed(state, replace(ended, last_ended_by=slot.cancelled_by))
        if freed.state is None or not slot.wanted:
            return freed
        return _not_answered(freed.state, now, "The service never ended the answer that was stopped.")
    expected_since, moved_at = _expected_since(state), _moved_at(state)
    if expected_since is not None and now >= expected_since + policy.answer_limit:
        return _not_answered(state, now, f"No answer to what you said came within {policy.answer_limit:g} s.")
    if moved_at is not None and now >= moved_at + policy.stall_limit:
        what = f"The answer stalled: nothing of it came for {policy.stall_limit:g} s."
        stalled = replace(slot, stalled_at=now, missing_why=what)
        return replace(_changed(state, stalled), announced=(_offer(what),))
    return NOTHING


def _not_answered(state: State, now: float, what: str) -> RuleResult:
    """The slot is free again and the user may ask again; nothing is asked by itself (R14)."""
    slot = replace(state.responses, asked_at=None, wanted=(), busy_since=None, retried=False, missing_since=now)
    slot = replace(slot, cancelled_by=None, cancelled_at=None, expected_at=None, missing_why=what)
    return replace(_changed(state, slot), announced=(_offer(what),))


def _offer(what: str) -> Noticed:
    return Noticed("warning", what, "no_answer")


def _forgotten(state: State, now: float) -> RuleResult:
    """The ids of the old line mean nothing to the next one; what ran was ended by the line (R16)."""
    old = state.responses
    fresh = Responses(creates=old.creates, sends=old.sends, done_at=old.done_at, last_id=old.last_id)
    fresh = replace(
        fresh,
        last_status=old.last_status,
        last_reason=old.last_reason,
        last_error=old.last_error,
        last_ended_by=old.last_ended_by,
    )
    if old.active_id or old.asked_at is not None:
        fresh = replace(fresh, last_id=old.active_id, last_status="cancelled", done_at=now)
        fresh = replace(fresh, last_reason="", last_error="", last_ended_by=old.cancelled_by or "line")
    return _changed(state, fresh)


def _changed(state: State, slot: Responses, *effects: Effect) -> RuleResult:
    return RuleResult(replace(state, responses=slot), effects)
