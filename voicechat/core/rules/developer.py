"""The user's own hand on the talk: raw client events, and items deleted, cut, fetched or put in (R12, R15, R20).

A raw event leaves as it was written, so this rule only sees to it that the rest of the talk is not surprised: it gives
the event an id, so that a refusal can be told, and tells of an answer that was asked for by hand, so that no second one
is created meanwhile. Nothing here asks for an answer by itself.
"""

from __future__ import annotations

from msgspec.structs import replace

from voicechat.core.effects import BY_HAND, Effect, ItemEvent, SendByHand
from voicechat.core.events import (
    Announcement,
    AnswerAskedByHand,
    AnswerInterrupted,
    AnyEvent,
    ItemDeletionAsked,
    ItemRetrievalAsked,
    ItemTextEntered,
    ItemTruncationAsked,
    Noticed,
    RawEventEntered,
    Received,
    SendRefused,
)
from voicechat.core.policy import TurnPolicy
from voicechat.core.rules.budget import is_spent
from voicechat.core.rules.result import NOTHING, RuleResult
from voicechat.core.rules.single_response import BUSY, is_asking
from voicechat.core.state import Hands, Part, State, Turn
from voicechat.protocol.client_events import (
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemRetrieve,
    ConversationItemTruncate,
)
from voicechat.protocol.hand_written import read_event, spelled_by_hand
from voicechat.protocol.items import ContentPart, ErrorDetail, Item
from voicechat.protocol.server_events import ServerError
from voicechat.protocol.wire import type_of

MOST_REMEMBERED = 32
"""Event ids kept to know a refusal by; a service answers within seconds."""
LONGEST_WORDS = 300
NO_LINE = "not connected"


TAKES = (ServerError,)
"""The server events that concern this rule."""


def on_event(state: State, event: AnyEvent, now: float, policy: TurnPolicy) -> RuleResult:
    """Send what the user wrote or asked for, and tell what became of it if it was refused."""
    match event:
        case RawEventEntered(text):
            return _raw(state, text)
        case ItemDeletionAsked() | ItemTruncationAsked() | ItemRetrievalAsked():
            return _on_item(state, event)
        case ItemTextEntered(text) if text.strip():
            return _inserted(state, event)
        case Received(event=ServerError(error=error)) if is_mine(state, error.event_id):
            return _refused_by_service(state, error)
        case SendRefused(event_id=event_id, client_event=kind, reason=reason) if is_mine(state, event_id):
            if is_asking(state, event_id):
                return NOTHING  # the slot is freed and told by the rule that owns it
            return _told(f"{kind} was not sent: {reason}.")
        case _:
            return NOTHING


def is_mine(state: State, event_id: str | None) -> bool:
    """Whether the user sent the client event with this id by hand."""
    return bool(event_id) and any(event_id == mine for mine, _ in state.hands.mine)


def _raw(state: State, text: str) -> RuleResult:
    event = read_event(text)
    if isinstance(event, str):
        return _told(f"The event was not sent: {event}.")
    kind = str(event["type"])
    if state.connection.phase != "open":
        return _told(f"{kind} was not sent: {NO_LINE}.")
    if kind == "response.create" and is_spent(state):
        return _told("response.create was not sent: your budget is spent.")
    hands, event_id = _next(state, state.hands)
    given = event.get("event_id")
    if isinstance(given, str) and given:
        event_id = given
    event["event_id"] = event_id
    effect = SendByHand(spelled_by_hand(event), kind, event_id)
    options = event.get("response")
    is_side = isinstance(options, dict) and options.get("conversation") == "none"
    asks = (AnswerAskedByHand(event_id),) if kind == "response.create" and not is_side else ()
    return _sent(state, _remembered(hands, event_id, kind), (effect,), asks)


def _on_item(state: State, wish: ItemDeletionAsked | ItemTruncationAsked | ItemRetrievalAsked) -> RuleResult:
    turn = _turn(state, wish.turn)
    if isinstance(turn, str):
        return _told(turn)
    match wish:
        case ItemDeletionAsked():
            return _changed(state, *(ConversationItemDelete(item_id=item_id) for item_id in _items_of(turn)))
        case ItemRetrievalAsked():
            return _changed(state, ConversationItemRetrieve(item_id=turn.item_id))
        case ItemTruncationAsked():
            return _truncated(state, turn)


def _truncated(state: State, turn: Turn) -> RuleResult:
    """What sounds is cut as by `stop`, so that loudspeaker and service forget the same; what was cut, where it was."""
    if turn.who != "assistant" or (turn.cut is None and not turn.sounding):
        return _told("Only an answer that was interrupted, or that sounds, can be cut.")
    if turn.cut is None:
        return RuleResult(None, (), (AnswerInterrupted("you"),))
    part = next((part for part in turn.parts if part.spoken and part.item_id), Part(turn.item_id))
    heard = round(turn.cut.heard * 1000)
    cut = ConversationItemTruncate(item_id=part.item_id, content_index=part.content_index, audio_end_ms=heard)
    return _changed(state, cut)


def _inserted(state: State, wish: ItemTextEntered) -> RuleResult:
    after: str | None = None
    if wish.after:
        turn = _turn(state, wish.after)
        if isinstance(turn, str):
            return _told(turn)
        after = _items_of(turn)[-1]
    elif state.connection.phase != "open":
        return _told(f"The text was not sent: {NO_LINE}.")
    kind = "output_text" if wish.role == "assistant" else "input_text"
    content = (ContentPart(type=kind, text=wish.text.strip()),)
    item = Item(id=_next(state, state.hands)[1], type="message", role=wish.role, content=content)
    return _changed(state, ConversationItemCreate(item=item, previous_item_id=after))


def _turn(state: State, key: str) -> Turn | str:
    """The turn, if the service of today's line knows it; else why nothing can be done to it."""
    turn = next((turn for turn in reversed(state.conversation.turns) if turn.key == key), None)
    if turn is None:
        return "This turn is gone."
    if state.connection.phase != "open":
        return f"Nothing was changed: {NO_LINE}."
    if turn.connection != state.connection.number:
        return "This turn belongs to an earlier session; the service no longer has it."
    if not turn.item_id:
        return "The service has no item for this turn."
    return turn


def _items_of(turn: Turn) -> tuple[str, ...]:
    """Every item of the wire that is part of the turn, in order."""
    ids = (turn.item_id, *(part.item_id for part in turn.parts))
    return tuple(dict.fromkeys(item_id for item_id in ids if item_id))


def _refused_by_service(state: State, error: ErrorDetail) -> RuleResult:
    if is_asking(state, error.event_id) and error.code != BUSY:
        return NOTHING  # told by the rule that waits for the answer
    kind = next(kind for mine, kind in state.hands.mine if mine == error.event_id)
    words = (error.message or error.code or "no reason given")[:LONGEST_WORDS]
    return _told(f"The service refused your {kind}: {words}")


def _next(state: State, hands: Hands) -> tuple[Hands, str]:
    sent = hands.sent + 1
    return replace(hands, sent=sent), f"{BY_HAND}{state.connection.number}-{sent}"


def _remembered(hands: Hands, event_id: str, kind: str) -> Hands:
    return replace(hands, mine=(*hands.mine, (event_id, kind))[-MOST_REMEMBERED:])


def _changed(state: State, *events: ItemEvent) -> RuleResult:
    hands = state.hands
    effects: list[Effect] = []
    for event in events:
        hands, event_id = _next(state, hands)
        hands = _remembered(hands, event_id, type_of(event))
        effects.append(replace(event, event_id=event_id))
    return _sent(state, hands, tuple(effects))


def _sent(
    state: State, hands: Hands, effects: tuple[Effect, ...], announced: tuple[Announcement, ...] = ()
) -> RuleResult:
    return RuleResult(replace(state, hands=hands), effects, announced)


def _told(words: str) -> RuleResult:
    return RuleResult(None, (), (Noticed("error", words, "hand_refused"),))
