"""The events a script can name: those of the wire, our own, and the moments of an answer."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache

from voicechat.insight.explain.local_events import LOCAL
from voicechat.insight.explain.server_events import BETA_ONLY, CLIENT, SERVER
from voicechat.scripting.complaints import Table
from voicechat.scripting.model import ANSWER_AUDIBLE, ANSWER_ENDED, Wanted

SIMPLE = (str, int, float, bool)


@cache
def known_events() -> frozenset[str]:
    """Every event that is explained."""
    return frozenset((*SERVER, *CLIENT, *BETA_ONLY, *LOCAL, ANSWER_AUDIBLE, ANSWER_ENDED))


def misspelt(name: str) -> str:
    """The event that was probably meant; empty for a known name and for one that looks like none of ours.

    Services have events of their own, so a name that resembles nothing passes.
    """
    if name in known_events():
        return ""
    near = get_close_matches(name, known_events(), n=1, cutoff=0.75)
    return near[0] if near else "" if "." in name else ANSWER_ENDED


def read_wanted(table: Table, key: str) -> Wanted:
    """The event under `key`, with the values of its fields under `where`."""
    name = table.text(key)
    if not name:
        table.complain(key, f"{key} must name an event", "`voicechat explain` lists them")
    elif meant := misspelt(name):
        table.complain(key, f"there is no event {name!r}", f"did you mean {meant}?")
    where = table.values.get("where", {})
    if not isinstance(where, dict) or not all(isinstance(value, SIMPLE) for value in where.values()):
        table.complain("where", "where holds fields and values", 'for example where = { "response.status" = "failed" }')
        where = {}
    return Wanted(name, where)
