"""Finds the explanation of a word, however it is written: beta or GA, short or whole, with a slip of the keyboard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from voicechat.insight.explain.errors import CLOSINGS, ERRORS, FAILED, STATES
from voicechat.insight.explain.fields import FIELDS, WRONG_FIELDS
from voicechat.insight.explain.local_events import LOCAL
from voicechat.insight.explain.problems import PROBLEMS
from voicechat.insight.explain.server_events import BETA_ONLY, CLIENT, SERVER

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
