"""Finds the explanation of a word, however it is written: beta or GA, short or whole, with a slip of the keyboard.

Codes of errors, of closings and of HTTP, and the states and reasons of answers: what happened, what helps.

The codes of findings: what each means, and the first thing to check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from voicechat.failures import FAILURES, as_sentence
from voicechat.insight.explain.events import BETA_ONLY, CLIENT, FIELDS, LOCAL, SERVER, WRONG_FIELDS

PROBLEMS: dict[str, tuple[str, str]] = {
    "mic-silent": ("The open microphone gives only zeros.", "Device, permission, hardware mute."),
    "self-echo": ("The assistant's own voice is taken for yours.", "Headphones, echo cancellation, less volume."),
    "segments-too-short": ("One sentence becomes several turns.", "Raise silence_duration_ms."),
    "unknown-session-field": ("An update was refused for an unknown field.", "`voicechat session check FILE`."),
    "wrong-field-type": ("An update was refused for a value.", "`voicechat session check FILE`."),
    "dialect-mismatch": ("Client and service use different spellings, beta and GA.", 'dialect = "auto".'),
    "beta-retired": ("The beta interface was asked for where it is switched off.", "Leave the header OpenAI-Beta out."),
    "model-retired": ("The model asked for has been switched off.", "Choose a current one."),
    "voice-locked": ("The voice was to change after it had been heard.", "Leave it out of later updates."),
    "config-too-late": ("The first answer came before the configuration.", "Wait for session.updated."),
    "cancelled-at-birth": ("An answer was cancelled before its first word.", "Who sent response.cancel?"),
    "cancelled-by-client": ("The client cut its own answer.", "Who sent response.cancel?"),
    "barge-in-too-eager": ("Noise cuts answers.", "interrupt_response, threshold, headset."),
    "active-response-conflict": ("Two answers at a time were asked for.", "One place asks; wait for response.done."),
    "cancel-without-response": ("Nothing was there to cancel.", "Cancel only between created and done."),
    "duplicate-create": ("One turn got two answers.", "One item, one response."),
    "empty-commit": ("Less than 100 ms of sound were committed.", "Clear instead of commit."),
    "commit-with-server-vad": ("The client commits although the server detects turns.", "Leave commit out."),
    "empty-transcript": ("Sounds without words count as turns.", 'threshold, or preset = "steady".'),
    "transcription-off": ("Your words are not written down.", "Set audio.input.transcription."),
    "transcription-failed": ("Your words could not be written down.", "The transcription model and language."),
    "transcription-late": ("Transcripts come later than 5 s.", "A faster transcription model."),
    "mic-never-reopened": ("The mic stays closed after an answer.", "Which event does the client wait for?"),
    "mic-reopened-too-early": ("The mic opened while the answer was audible.", "Never at response.done alone."),
    "mic-open-during-playback": ("The open mic hears the answer.", "Close it while the assistant is audible."),
    "no-response": ("An answer that was due never began.", "Does anybody ask? Does the service live?"),
    "response-failed": ("The service could not make an answer.", "status_details.error in response.done."),
    "response-incomplete": ("An answer stopped before its end.", "max_output_tokens, or the content filter."),
    "quota-or-billing": ("Out of quota or money.", "The billing page; retrying changes nothing."),
    "rate-limited": ("Too many requests or tokens.", "Wait as the service says."),
    "auth-failed": ("The key is not accepted.", "Complete, for this service, valid?"),
    "token-expired": ("A short-lived token had run out.", "Fetch one right before each connect."),
    "session-expired": ("The session reached its maximum duration.", "Begin a new one at 55 minutes."),
    "session-limit": ("The session's end is near, or the server is full.", "A new session; or end another one."),
    "slow-first-sound": ("The first sound of answers comes late.", "The numbers say which step takes long."),
    "tool-output-unanswered": ("A tool's result got no answer.", "One response.create after all outputs."),
    "connection-lost": ("The line broke, or none could be opened.", "The network; r reconnects."),
    "socket-leaked": ("An old connection is still open beside the new one.", "Close it before you open another."),
    "truncate-without-clear": ("A truncated answer was heard to its end.", "output_audio_buffer.clear over WebRTC."),
    "audio-tail-missing": ("The ends of answers are cut off.", "Who stops playback at response.done?"),
    "audio-format-mismatch": ("Another kind of sound is sent than was agreed on.", "Codec and rate, 24 kHz mono."),
    "empty-response-after-tool": ("The answer to a tool's result is empty.", "call_id, output as a string."),
    "mcp-no-tools": ("A tool server gives no tools.", "server_url, authorization, allowed_tools."),
    "handshake-refused": (
        "The service refused the connection's request.",
        "URL, deployment, model, content type, SDP.",
    ),
    "client-sends-invalid-json": ("The service could not read what was sent.", "JSON text frames; audio as base64."),
    "client-event-refused": ("The service refused an event for one of its fields.", "The message names the field."),
    "audio-buffer-full": ("More sound was appended than the service keeps.", "Commit or clear; turn detection."),
    "model-cannot-do-realtime": ("The model is not one of the Realtime API.", "Choose a realtime model."),
    "sends-without-connection": ("The client sent without an open connection.", "Wait for open; stop at close."),
    "client-unknown-event": ("A library failed on an event it does not know.", "Update it; pass over unknown types."),
    "truncate-past-the-end": ("A truncation behind the answer's end.", "audio_end_ms at most what was received."),
    "unknown-call-id": ("A tool's result for an unknown call.", "call_id of the function_call, same session."),
    "transcript-hallucinated": ("A transcript of unspoken words.", "prompt, language, threshold."),
    "delegation-unanswered": ("GPT-Live handed over a task and got nothing.", "commentary.append or thinking.append."),
    "fixed-after-start": ("GPT-Live keeps this from the session's start.", "Give it with session.start."),
    "answer-without-audio": ("An answer came as text though sound was asked for.", "History, output_modalities."),
    "talk-over": ("The assistant went on while the user spoke.", "interrupt_response; clear what is queued."),
    "turn-ended-early": ("An answer began in the middle of a sentence.", "silence_duration_ms, or semantic_vad."),
    "sound-disagrees": ("A tape's sound and its events differ.", "Device, buffers, turn_detection.threshold."),
    "side-request-interferes": ("A side request stops answers.", "conversation none, or a text endpoint."),
}
"""Code of a finding -> what it means, what to check."""


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
    "api_version_mismatch": ("A secret of one interface, beta or GA, was used in the other.", "Make both in GA."),
    "item_create_duplicate_item_id": ("An item of this id exists already.", "Harmless: it was sent twice."),
    "session_expired": (
        "The session reached its maximum duration, 60 minutes at OpenAI.",
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
    "server_error": ("The service had trouble of its own.", "Ask again; if it stays, check its status page."),
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
