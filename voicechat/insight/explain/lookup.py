"""Finds the explanation of a word, however it is written: beta or GA, short or whole, with a slip of the keyboard.

Codes of errors, of closings and of HTTP, and the states and reasons of answers: what happened, what helps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from voicechat.failures import FAILURES, as_sentence
from voicechat.insight.explain.fields import FIELDS, WRONG_FIELDS
from voicechat.insight.explain.local_events import LOCAL
from voicechat.insight.explain.problems import PROBLEMS
from voicechat.insight.explain.server_events import BETA_ONLY, CLIENT, SERVER

_STALE = "Harmless: the item is of an old connection, or is gone. Forget ids when the connection changes."

ERRORS: dict[str, tuple[str, str]] = {
    "conversation_already_has_active_response": (
        "An answer was asked for while another one runs; the request was dropped.",
        "Wait for response.done and ask again if it is still wanted; one place should ask.",
    ),
    "response_cancel_not_active": ("A cancel found nothing to cancel.", "Harmless: the answer had just ended."),
    "input_audio_buffer_commit_empty": (
        "Less than 100 ms of sound were in the buffer that was committed.",
        "Harmless after a tap; with turn detection on the client commits nothing.",
    ),
    "input_audio_buffer_clear_empty": ("The buffer that was cleared was empty.", "Harmless."),
    "cannot_update_voice": (
        "The voice had been heard already and cannot change; the whole update was refused.",
        "Leave the voice out of later updates, or begin a new session.",
    ),
    "unknown_parameter": (
        "The service does not know the field in `param`; the whole update was refused.",
        "Leave it out, or check its name: `voicechat session check FILE`.",
    ),
    "invalid_value": (
        "A value is none of those allowed, or out of range.",
        "The message names the field and the values.",
    ),
    "invalid_type": ("A value has the wrong type: text, number and object are not exchanged.", "Look at `param`."),
    "invalid_request_error": ("The request is not right; the message says why.", "Look at `code` and `param`."),
    "missing_required_parameter": ("A field that must be there is not.", "session.type is missing in most cases."),
    "item_truncate_invalid_item_id": ("The answer to be cut is not known.", _STALE),
    "item_retrieve_invalid_item_id": ("The item asked for is not known.", _STALE),
    "item_delete_invalid_item_id": ("The item to be deleted is not known.", _STALE),
    "item_create_duplicate_item_id": ("An item of this id exists already.", "Harmless: it was sent twice."),
    "session_expired": (
        "The session reached its longest time, 60 minutes at OpenAI.",
        "Begin a new one; nothing can be resumed, the last turns can be given as text.",
    ),
    "beta_api_shape_disabled": (
        "The beta interface was asked for, and OpenAI has switched it off.",
        "Leave the header OpenAI-Beta out and speak GA.",
    ),
    "insufficient_quota": ("The account has no quota left.", "Look at billing; retrying changes nothing."),
    "credit_balance_exhausted": ("The account's credit is used up.", "Add credit; retrying changes nothing."),
    "billing_hard_limit_reached": ("The spending limit of the account is reached.", "Raise it, or wait for the month."),
    "account_deactivated": ("The account is closed.", "Write to the service."),
    "invalid_api_key": ("The key is not accepted.", "Is it complete, for this service, and still valid?"),
    "token_expired": ("A short-lived token has run out.", "Fetch a new one right before each connect."),
    "model_not_found": ("There is no such model, or not for this key.", "Check the name; ask for access."),
    "rate_limit_exceeded": (
        "Too many requests or tokens in a short time; often told only inside response.done.",
        "Wait as rate_limits.updated says, then ask once more.",
    ),
    "inference_rate_limit_exceeded": (
        "Azure's name for rate_limit_exceeded.",
        "Wait, or raise the deployment's limit.",
    ),
    "server_error": ("The service had trouble of its own.", "Ask again; if it stays, look at its status page."),
    "content_filter": (
        "The service's filter stopped the answer.",
        "Say it differently; no session field turns it off.",
    ),
    "invalid_event_for_transport": (
        "This event does not exist on this kind of connection.",
        "append belongs to WebSocket, output_audio_buffer.clear to WebRTC.",
    ),
    "invalid_json": (
        "The service could not read what was sent.",
        "One text frame of JSON an event; audio as base64, never as a binary frame.",
    ),
    "invalid_model": ("The model cannot be used at this address.", "Choose a model of the Realtime API."),
    "invalid_tool_call_id": (
        "A tool's result named a call that the conversation does not have.",
        "The call_id of the function_call, in the same session.",
    ),
    "session_limit_reached": ("The server holds as many sessions as it can.", "End one, or wait."),
    "model_load_error": ("The server could not load its model.", "Look at the server's own log."),
    "audio_unintelligible": ("The sound could not be understood.", "Speak closer; check the level of the microphone."),
    "OperationNotSupported": (
        "Azure: this model cannot be used at this address.",
        "A transcription model does not belong into ?model=.",
    ),
}
"""`error.code` of services where there is more to say than the failure table does."""

FAILED: dict[str, tuple[str, str]] = {
    code: (as_sentence(row.sentence), as_sentence(row.cure))
    for row in FAILURES
    if row.family != "device"
    for code in row.codes[:1]
}
"""The codes of our own handshake, from the table that the talk itself goes by."""

CLOSINGS: dict[str, tuple[str, str]] = {
    str(number): (f"{what}: {row.sentence}.", as_sentence(row.cure))
    for row in FAILURES
    for what, numbers in (("WebSocket closed", row.closes), ("HTTP", row.statuses))
    for number in numbers
}
"""Close codes of WebSocket and statuses of the handshake, from the same table."""

STATES: dict[str, tuple[str, str]] = {
    "in_progress": ("The answer is being made.", "response.done ends it."),
    "completed": ("The answer was made to its end.", "Its sound may still play."),
    "cancelled": ("The answer was stopped.", "status_details.reason says by whom."),
    "failed": ("The answer could not be made.", "status_details.error says why."),
    "incomplete": ("The answer stopped before its end.", "status_details.reason says why."),
    "turn_detected": ("Cancelled by the server, because it heard you speak.", "interrupt_response false prevents it."),
    "client_cancelled": ("Cancelled by the client's response.cancel.", "Look for the one who sent it."),
    "max_output_tokens": ("The answer reached its longest length.", 'Raise max_output_tokens, or write "inf".'),
}
"""Status and reason of a response."""


Kind = Literal["server event", "client event", "local event", "session field", "error", "closing", "answer", "problem"]
NEAREST = 5
"""Names offered for one that is not known."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one word means, in a sentence, and what normally follows or what to check, in a line."""

    name: str
    """Its own name, whatever it was asked by; a GA path for a field."""
    kind: Kind
    meaning: str
    next: str
    note: str = ""
    """How it was asked by differs from its name."""


def lookup(name: str) -> Explanation | None:
    """The explanation of an event, a field, an error, a closing code or a problem. None: nobody knows it.

    Short names do (`created` alone is too short, `speech_stopped` or `threshold` is not), and so do the names of the
    beta dialect.
    """
    word = _plain(name)
    book = table()
    if word in book:
        return book[word]
    if (other := _other_spelling(word)) is not None and other in book:
        return replace(book[other], note=f"{name.strip()} is another spelling of {book[other].name}")
    ends = [key for key in book if key.endswith(f".{word}")]
    shortest = [key for key in ends if len(key) == min(map(len, ends))]
    if len(shortest) == 1 and len(word) > 3 and (len(ends) == 1 or book[shortest[0]].kind == "session field"):
        return book[shortest[0]]
    return None


def nearest(name: str) -> tuple[str, ...]:
    """Known names that look like this one, the best first."""
    from difflib import get_close_matches

    word = _plain(name)
    names = {key: one.name for key, one in table().items()}
    holding = [own for key, own in names.items() if len(word) > 2 and word in key]
    short = {key.rsplit(".", 1)[-1]: own for key, own in names.items()}
    close = [names[key] for key in get_close_matches(word, names, n=NEAREST, cutoff=0.6)]
    close += [short[key] for key in get_close_matches(word.rsplit(".", 1)[-1], short, n=NEAREST, cutoff=0.7)]
    return tuple(dict.fromkeys([*close, *holding]))[:NEAREST]


def everything() -> tuple[Explanation, ...]:
    """All there is, kind by kind."""
    return tuple(table().values())


@cache
def table() -> Mapping[str, Explanation]:
    """Every explanation by the plain form of its name. The first to claim a name keeps it."""
    book: dict[str, Explanation] = {}
    sources: tuple[tuple[Kind, Mapping[str, tuple[str, str]]], ...] = (
        ("server event", SERVER),
        ("server event", BETA_ONLY),
        ("client event", CLIENT),
        ("local event", LOCAL),
        ("session field", FIELDS),
        ("session field", WRONG_FIELDS),
        ("error", ERRORS),
        ("error", FAILED),
        ("closing", CLOSINGS),
        ("answer", STATES),
        ("problem", PROBLEMS),
    )
    for kind, entries in sources:
        for name, (meaning, following) in entries.items():
            book.setdefault(_plain(name), Explanation(name, kind, meaning, following))
    return book


def _plain(name: str) -> str:
    return name.strip().strip("'\"`").rstrip(".").lower()


def _other_spelling(word: str) -> str | None:
    """The GA name of a beta event, the GA path of a beta field, a path without `session.` in front."""
    from voicechat.protocol.dialects import GA_NAMES
    from voicechat.protocol.session_dialects import GA_PATHS

    if word in GA_NAMES:
        return GA_NAMES[word]
    parts = word.removeprefix("session.").split(".")
    if parts[0] in GA_PATHS:
        return ".".join(("session", *GA_PATHS[parts[0]], *parts[1:]))
    whole = f"session.{word}"
    return whole if whole in table() else None
