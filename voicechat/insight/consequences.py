"""What follows from what: one fault shows in many ways, and only its cause is worth a finding of its own.

A refused configuration leaves transcription off; a mic that hears the answer brings noise turns, cut answers and
conflicts. The table says what can follow, and is no proof: a consequence is folded into its cause only where an event
ties them, one that both were seen in (the same update, the same piece of speech, the same answer), or where it follows
on the heels of a cause that ends or deafens the session. Two refusals are always two causes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from voicechat.insight.records import Finding, near

_REFUSED_CONFIG = tuple(
    """
    transcription-off commit-with-server-vad segments-too-short empty-transcript barge-in-too-eager config-too-late
    empty-commit active-response-conflict:both duplicate-create audio-format-mismatch no-response transcription-late
    """.split()
)
_NO_SERVICE = ("no-response", "connection-lost", "mic-never-reopened", "response-failed", "tool-output-unanswered")
_CUT = ("cancelled-at-birth", "cancelled-by-client", "cancel-without-response", "active-response-conflict")
_HEARS_ITSELF = tuple(
    """
    barge-in-too-eager empty-transcript segments-too-short cancelled-at-birth duplicate-create
    active-response-conflict no-response slow-first-sound
    """.split()
)
FOLLOWS_FROM: dict[str, tuple[str, ...]] = {
    "beta-retired": _NO_SERVICE,
    "model-retired": _NO_SERVICE,
    "handshake-refused": ("client-event-refused", *_NO_SERVICE),
    "auth-failed": ("token-expired", *_NO_SERVICE),
    "token-expired": ("auth-failed", *_NO_SERVICE),
    "quota-or-billing": ("rate-limited", "slow-first-sound", *_NO_SERVICE),
    "rate-limited": ("slow-first-sound", *_NO_SERVICE),
    "session-expired": ("session-limit", "socket-leaked", *_NO_SERVICE),
    "session-limit": _NO_SERVICE,
    "socket-leaked": ("session-limit", "duplicate-create", *_CUT, *_HEARS_ITSELF),
    "dialect-mismatch": _REFUSED_CONFIG,
    "unknown-session-field": _REFUSED_CONFIG,
    "wrong-field-type": _REFUSED_CONFIG,
    "voice-locked": _REFUSED_CONFIG,
    "config-too-late": ("voice-locked", "transcription-off"),
    "side-request-interferes": ("duplicate-create", "no-response", *_CUT),
    "mic-reopened-too-early": ("self-echo", "mic-open-during-playback", *_CUT, *_HEARS_ITSELF),
    "self-echo": ("mic-open-during-playback", *_CUT, *_HEARS_ITSELF),
    "mic-open-during-playback": (*_CUT, *_HEARS_ITSELF),
    "mic-silent": ("empty-commit", "empty-transcript", "no-response", "transcription-failed", "transcription-late"),
    "audio-format-mismatch": ("empty-transcript", "transcription-failed", "segments-too-short", "no-response"),
    "commit-with-server-vad": (
        "empty-commit",
        "active-response-conflict",
        "duplicate-create",
        "empty-transcript",
        "segments-too-short",
        "cancelled-at-birth",
    ),
    "duplicate-create": ("active-response-conflict",),
    "active-response-conflict": ("duplicate-create", "no-response", "tool-output-unanswered", "cancelled-at-birth"),
    "cancelled-at-birth": ("cancelled-by-client", "cancel-without-response", "no-response"),
    "cancelled-by-client": ("cancelled-at-birth", "cancel-without-response", "no-response"),
    "segments-too-short": ("cancelled-at-birth", "empty-transcript", "duplicate-create", "active-response-conflict"),
    "barge-in-too-eager": ("cancelled-at-birth", "empty-transcript"),
    "empty-transcript": ("cancelled-at-birth",),
    "transcription-off": ("no-response:client", "no-response:server", "no-response:nobody", "transcription-late"),
    "transcription-failed": ("no-response", "transcription-late"),
    "transcription-late": ("slow-first-sound", "no-response"),
    "empty-commit": ("no-response",),
    "response-failed": ("no-response", "tool-output-unanswered", "mic-never-reopened"),
    "mcp-no-tools": ("no-response",),
    "connection-lost": ("sends-without-connection", "no-response", "mic-never-reopened", "tool-output-unanswered"),
    "mic-never-reopened": ("mic-silent", "no-response"),
}
"""Cause -> codes (or ids of one kind of finding) that it explains where both are found."""
ENDS_IT = set(
    """
    beta-retired model-retired auth-failed token-expired quota-or-billing session-expired session-limit
    handshake-refused connection-lost
    """.split()
)
"""Causes after which there is no session; programs often print what broke before they print why."""
EITHER_ORDER = ENDS_IT.union(
    "self-echo barge-in-too-eager segments-too-short side-request-interferes duplicate-create".split()
)
"""Causes that are sure only after some time, so that their first consequences may be told before them."""
SURE = 0.75
AT_ITS_HEELS = ENDS_IT.union(
    """
    rate-limited response-failed socket-leaked side-request-interferes mic-reopened-too-early mic-open-during-playback
    mic-silent audio-format-mismatch
    """.split()
)
"""Causes that have no event in common with what follows from them, only the time."""
WITHIN = 10.0
"""Seconds; `EVENTS` where there are no times."""
EVENTS = 40


@dataclass(frozen=True, slots=True)
class Cause:
    """A finding, and what is explained by it."""

    finding: Finding
    consequences: tuple[Finding, ...] = ()


def by_cause(findings: Sequence[Finding]) -> list[Cause]:
    """The causes in the order they were given, each with what follows from it."""
    explained: dict[str, Finding] = {}
    for one in findings:
        cause = _cause_of(one, findings, explained)
        if cause is not None:
            explained[one.id] = cause
    roots = [one for one in findings if one.id not in explained]
    below = [one for one in findings if one.id in explained]
    return [
        Cause(root, tuple(one for one in below if one.id != root.id and _leads_to(one, root, explained)))
        for root in roots
    ]


def _cause_of(one: Finding, findings: Iterable[Finding], explained: dict[str, Finding]) -> Finding | None:
    for other in findings:
        follow = FOLLOWS_FROM.get(other.code, ())
        if other.id == one.id or (one.code not in follow and one.id not in follow):
            continue
        if other.confidence < SURE or _leads_to(other, one, explained):
            continue
        is_in_order = other.code in EITHER_ORDER or other.evidence[0].seq <= one.evidence[-1].seq
        if is_in_order and _are_tied(other, one):
            return other
    return None


def _are_tied(cause: Finding, one: Finding) -> bool:
    """An event that both were seen in; else nearness, where the cause is of the kind that leaves no other trace."""
    pairs = [(before, after) for before in cause.evidence for after in one.evidence]
    if any(before.seq == after.seq for before, after in pairs):
        return True
    return cause.code in AT_ITS_HEELS and any(near(before, after, WITHIN, EVENTS) for before, after in pairs)


def _leads_to(first: Finding, target: Finding, explained: dict[str, Finding]) -> bool:
    """`first` is itself explained by `target`: two that can follow from each other keep one order."""
    here: Finding | None = first
    for _ in range(len(explained) + 2):
        if here is None:
            return False
        if here.id == target.id:
            return True
        here = explained.get(here.id)
    return True
