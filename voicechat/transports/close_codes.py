"""Why a WebSocket ended: its close code and reason as a sentence, a code that the failure table knows, and a hint.

Codes below 3000 are the standard's (RFC 6455 7.4.1); services add some of 3000 to 4999. The reason beside a code often
says more than the code: OpenAI closes an expired session with the "going away" 1001.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from voicechat.transports.credentials import without_secrets
from voicechat.transports.refusals import FATAL, one_line

_CODE = re.compile(r"[a-z][a-z0-9_]{3,63}")
_KNOWN = FATAL | {
    "beta_api_shape_disabled",
    "session_expired",
    "rate_limit_exceeded",
    "inference_rate_limit_exceeded",
    "server_error",
    "session_limit_reached",
    "model_load_error",
    "invalid_request_error",
    "unknown_parameter",
}


@dataclass(frozen=True, slots=True)
class Closing:
    """What a close means."""

    reason: str
    """One sentence without its full stop."""
    code: str
    """A code of the service (`session_expired`), else `close 1006`."""
    hint: str
    retryable: bool


_MEANINGS: dict[int, tuple[str, str, bool]] = {
    1000: ("the service ended the session", "r begins a new one", True),
    1001: ("the service is going away", "try again in a moment", True),
    1002: ("the service says that our end broke the protocol", "is base_url the address of a Realtime service?", False),
    1003: ("the service does not take this kind of data", "check the session's sound formats", False),
    1006: ("the connection broke without a word", "check the network", True),
    1007: ("the service could not read what was sent", "check what was sent by hand last", False),
    1008: ("the service's rules do not allow this", "check the key, the model and the account", False),
    1009: ("a message was too large", "send less at once", False),
    1010: ("the service wants an extension of the protocol", "is base_url the address of a Realtime service?", False),
    1011: ("the service had trouble of its own", "try again in a moment", True),
    1012: ("the service restarts", "try again in a moment", True),
    1013: ("the service is overloaded", "try again in a moment", True),
    1014: ("a gateway got no proper answer from the service", "try again in a moment", True),
    1015: ("the encryption failed", "check the clock of this machine and the address", False),
    3000: ("the service did not accept the key", "is it for this service, and still valid?", False),
    3003: ("the service does not allow this with this key", "ask for access or choose another model", False),
    3008: ("the service waited too long for us", "try again in a moment", True),
}
_BY_NAME: dict[str, tuple[str, str, bool]] = {
    "session_expired": ("the session reached its longest time", "a new one goes on", True),
    "beta_api_shape_disabled": (
        "the service no longer speaks the beta dialect",
        "use dialect ga, without an OpenAI-Beta header",
        False,
    ),
    "rate_limit_exceeded": ("the service refuses calls for now", "wait a little", True),
    "session_limit_reached": ("the service holds as many sessions as it may", "wait, or end another one", True),
}
_WORDS = (
    (re.compile(r"session.{0,40}(expired|maximum duration)|maximum duration", re.I), "session_expired"),
    (re.compile(r"beta.{0,40}(disabled|no longer|not supported|deprecated)", re.I), "beta_api_shape_disabled"),
    (re.compile(r"(incorrect|invalid) api key", re.I), "invalid_api_key"),
    (re.compile(r"exceeded your current quota", re.I), "insufficient_quota"),
)
"""Services that give a sentence and no code."""


def closing(close_code: int | None, reason: str, *, said: str = "", secrets: Iterable[str] = ()) -> Closing:
    """What this end means. `said` is the code of the last `error` event, which some services close upon."""
    number = 1006 if close_code is None else close_code
    quoted = one_line(without_secrets(reason, secrets))
    name = _named(quoted, number) or (said if said in _KNOWN else "")
    sentence, hint, retryable = _BY_NAME.get(name) or _MEANINGS.get(number) or _other(number)
    if name in FATAL:
        hint, retryable = "look at the key, the model's name and the billing page", False
    if quoted and quoted != name and name not in _BY_NAME:
        sentence = f"{sentence}: {quoted.rstrip('.')}"
    return Closing(sentence, name or f"close {number}", hint, retryable)


def _named(reason: str, number: int) -> str:
    """The service's code for it: in the reason (the last of `type.code` says most), or what its sentence means."""
    known = [str(word) for word in _CODE.findall(reason.lower()) if word in _KNOWN]
    if known:
        return known[-1]
    if number == 4000 and not reason:
        return "beta_api_shape_disabled"
    return next((name for pattern, name in _WORDS if pattern.search(reason)), "")


def _other(number: int) -> tuple[str, str, bool]:
    if 4000 <= number < 5000 or 3000 <= number < 4000:
        return f"the service ended the session with its code {number}", "its documentation may say why", False
    return f"the connection was closed with code {number}", "try again in a moment", True
