"""Why a WebSocket ended: its close code and reason as a sentence, a code that the failure table knows, and a hint.

Codes below 3000 are the standard's (RFC 6455 7.4.1); services add some of 3000 to 4999. The reason beside a code often
says more than the code: OpenAI closes an expired session with the "going away" 1001, and 1008 ("policy") is used for
keys, models, rates and full houses alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from voicechat.failures import UNKNOWN, Failure, by_name, failure_of, named_in
from voicechat.transports.credentials import without_secrets
from voicechat.transports.refusals import one_line

_ONLY_CODES = re.compile(r"[a-z0-9_.]+")


@dataclass(frozen=True, slots=True)
class Closing:
    """What a close means."""

    reason: str
    """One sentence without its full stop."""
    code: str
    """A code of the service (`session_expired`), else `close 1006`."""
    hint: str
    retryable: bool


def closing(
    close_code: int | None, reason: str, *, said: str = "", said_words: str = "", secrets: Iterable[str] = ()
) -> Closing:
    """What this end means. `said` and `said_words` are code and message of the last `error` event, which some services
    close upon."""
    number = 1006 if close_code is None else close_code
    quoted = one_line(without_secrets(reason, secrets)).rstrip(".")
    code, failure = named_in(quoted) or _from_error(said, said_words) or _from_number(number, quoted)
    sentence = failure.sentence
    if number != 1006 and failure.name in ("own code", "line lost"):
        sentence = f"{sentence} ({number})"
    if quoted and not _ONLY_CODES.fullmatch(quoted):
        sentence = f"{sentence}: {quoted}"
    return Closing(sentence, code, failure.cure, not failure.is_fatal)


def _from_error(said: str, words: str) -> tuple[str, Failure] | None:
    failure = failure_of(said, None, words) if said or words else UNKNOWN
    return (said if said in failure.codes else failure.codes[0], failure) if failure is not UNKNOWN else None


def _from_number(number: int, reason: str) -> tuple[str, Failure]:
    """4000 means the retired dialect at OpenAI, which closes with it without a word or with one that is known; others
    close with it for anything."""
    failure = failure_of(f"close {number}")
    if failure.name != "dialect":
        return f"close {number}", failure
    if reason:
        return "closed_with_own_code", by_name("own code")
    return failure.codes[0], failure
