"""`voicechat explain WORD`: what an event, a field, an error or a finding means, and what to do about it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from voicechat import exit_codes
from voicechat.insight.explain.lookup import Explanation, everything, lookup, nearest

TITLES = {
    "server event": "What a service says",
    "client event": "What a client says",
    "local event": "What happens here",
    "session field": "Fields of a session",
    "error": "Errors",
    "closing": "Closings and HTTP",
    "answer": "States of an answer, and reasons",
    "problem": "Findings",
}


def explain_command(word: str, *, as_json: bool) -> int:
    """Print one explanation, or without a word the names of all. Unknown: the nearest names on stderr, status 2."""
    if not word:
        print(_listed_as_json() if as_json else _listed())
        return exit_codes.DONE
    found = lookup(word)
    if found is not None:
        print(json.dumps(asdict(found), ensure_ascii=False) if as_json else in_words(found))
        return exit_codes.DONE
    near = nearest(word)
    if as_json:
        print(json.dumps({"unknown": word[:200], "nearest": list(near)}, ensure_ascii=False))
    shown = "".join(letter if letter.isprintable() else "?" for letter in word[:80])
    hint = f"did you mean {', '.join(near)}?" if near else "`voicechat explain` lists what there is"
    print(f"voicechat: nobody here knows {shown!r} · {hint}", file=sys.stderr)
    return exit_codes.USAGE


def in_words(found: Explanation) -> str:
    """Name and kind, the sentence, the next step."""
    lines = [f"{found.name}  ({found.kind})", f"  {found.meaning}", f"  → {found.next}"]
    return "\n".join([*lines, f"  {found.note}"] if found.note else lines)


def _listed() -> str:
    lines: list[str] = []
    for kind, title in TITLES.items():
        lines += ["", title] if lines else [title]
        lines += [f"  {one.name}" for one in everything() if one.kind == kind]
    return "\n".join(lines)


def _listed_as_json() -> str:
    return json.dumps([asdict(one) for one in everything()], ensure_ascii=False)
