"""Errors of the service that no other rule answers: the user reads them, the session goes on (PROTOCOL: errors).

`error` never ends a session by itself. Harmless races stay in the event list; what a rule handles is told by that rule.
"""

from __future__ import annotations

from voicechat.core.events import AnyEvent, Noticed, Received, SendRefused
from voicechat.core.policy import TurnPolicy
from voicechat.core.rules.configuration import concerns_session
from voicechat.core.rules.developer import is_mine
from voicechat.core.rules.result import NOTHING, RuleResult
from voicechat.core.rules.resuming import is_of_memory
from voicechat.core.rules.single_response import concerns_response
from voicechat.core.rules.typed_text import LONGEST, is_refused
from voicechat.core.state import State
from voicechat.failures import failure_of
from voicechat.protocol.items import ErrorDetail
from voicechat.protocol.server_events import ServerError

HARMLESS = frozenset(
    {
        "conversation_already_has_active_response",
        "response_cancel_not_active",
        "input_audio_buffer_commit_empty",
        "input_audio_buffer_clear_empty",
        "item_truncate_invalid_item_id",
        "item_retrieve_invalid_item_id",
        "item_delete_invalid_item_id",
        "item_create_duplicate_item_id",
    }
)
"""Races that every realtime client meets (R15); nothing is lost and nobody has to read them."""


TAKES = (ServerError,)
"""The server events that concern this rule."""


def on_event(state: State, event: AnyEvent, now: float, policy: TurnPolicy) -> RuleResult:
    """Tell the user what nobody else takes care of."""
    match event:
        case Received(event=ServerError(error=error)) if not _is_answered(state, error):
            return _told(error.message or error.code or "an error without words", error.code or error.type or "")
        case SendRefused(event_id=event_id) if is_mine(state, event_id):
            return NOTHING
        case SendRefused(client_event=kind, reason=reason) if kind not in ("response.create", "session.update"):
            return _told(f"{kind} could not be sent: {reason}", "send_refused")
        case _:
            return NOTHING


def _is_answered(state: State, error: ErrorDetail) -> bool:
    if is_mine(state, error.event_id) or is_refused(state, error):
        return True
    if is_of_memory(error) or failure_of(error.code or error.type or "").name == "session time":
        return True
    return error.code in HARMLESS or concerns_session(state, error) or concerns_response(state, error)


def _told(words: str, code: str) -> RuleResult:
    return RuleResult(None, (), (Noticed("error", f"The service says: {words[:LONGEST]}", code or "server_error"),))
