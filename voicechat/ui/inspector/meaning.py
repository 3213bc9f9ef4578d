"""What an event means and what normally follows it, from the texts of `voicechat explain`."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=512)
def meaning_of(name: str) -> tuple[str, str]:
    """The two sentences; empty ones where there is no text about it."""
    from voicechat.insight.explain.lookup import lookup  # its tables are read when first asked for

    found = lookup(name)
    return (found.meaning, found.next) if found is not None else ("", "")
