"""What you type becomes an item and wants an answer (R13); typed with no line up, it is kept and sent later."""

from __future__ import annotations

from msgspec.structs import replace

from voicechat.core.events import AnyEvent, ConfigurationInForce, NewAsked, Noticed, Received, ReplyWanted, TextEntered
from voicechat.core.policy import TurnPolicy
from voicechat.core.rules.configuration import is_ready
from voicechat.core.rules.result import NOTHING, RuleResult
from voicechat.core.state import State, Typing
from voicechat.core.transcript import own_id
from voicechat.protocol.client_events import ConversationItemCreate
from voicechat.protocol.items import ContentPart, ErrorDetail, Item
from voicechat.protocol.server_events import ServerError

LONGEST = 300
"""Characters of a service's own words that are shown."""
MOST_KEPT = 16
"""Messages kept for a line that is not up."""


TAKES = (ServerError,)
"""The server events that concern this rule."""


def on_event(state: State, event: AnyEvent, now: float, policy: TurnPolicy) -> RuleResult:
    """Send typed text, or keep it."""
    match event:
        case TextEntered(text) if text.strip():
            return _sent(state, (text.strip(),)) if is_ready(state) else _kept(state, text.strip())
        case ConfigurationInForce() if state.typing.kept:
            return _sent(state, state.typing.kept)
        case Received(event=ServerError(error=error)) if is_refused(state, error):
            text = f"The service did not take your message: {(error.message or error.code or 'no reason')[:LONGEST]}"
            return RuleResult(None, (), (Noticed("error", text, "message_refused"),))
        case NewAsked():
            return RuleResult(replace(state, typing=Typing(sent=state.typing.sent)))
        case _:
            return NOTHING


def _sent(state: State, texts: tuple[str, ...]) -> RuleResult:
    """All of it as items, and one answer to all of it."""
    first = state.typing.sent + 1
    ids = [_id(state, first + place) for place in range(len(texts))]
    items = tuple(
        ConversationItemCreate(item=_item(id, text), event_id=id) for id, text in zip(ids, texts, strict=True)
    )
    typing = Typing(sent=state.typing.sent + len(texts))
    return RuleResult(replace(state, typing=typing), items, (ReplyWanted(ids[-1], "text"),))


def _kept(state: State, text: str) -> RuleResult:
    kept = state.typing.kept
    if len(kept) >= MOST_KEPT:
        notice = Noticed("warning", f"Not connected, and {MOST_KEPT} messages wait already; r reconnects.", "kept_full")
        return RuleResult(None, (), (notice,))
    return RuleResult(replace(state, typing=replace(state.typing, kept=(*kept, text))))


def newest_item(state: State) -> str:
    """The id of the last typed text that was sent over this line."""
    return _id(state, state.typing.sent)


def is_refused(state: State, error: ErrorDetail) -> bool:
    """Whether the service did not take what was typed."""
    return (error.event_id or "").startswith(_id(state, ""))


def _id(state: State, number: int | str) -> str:
    return own_id(state, "msg", f"typed-{state.connection.number}-{number}")


def _item(item_id: str, text: str) -> Item:
    return Item(id=item_id, type="message", role="user", content=(ContentPart(type="input_text", text=text),))
