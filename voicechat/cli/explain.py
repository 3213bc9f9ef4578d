"""`voicechat explain WORD`: a topic of the manual, or what an event, a field, an error or a finding means."""

from __future__ import annotations

import sys
from dataclasses import asdict
from difflib import get_close_matches

from voicechat import exit_codes
from voicechat.cli.printing import answer, print_json
from voicechat.cli.topics import TOPICS, page
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
        answer([asdict(one) for one in everything()], _listed(), as_json=as_json)
        return exit_codes.DONE
    if (text := page(word)) is not None:
        told = {"name": word, "kind": "topic", "meaning": text.partition("\n")[0], "next": "", "note": text}
        answer(told, text, as_json=as_json)
        return exit_codes.DONE
    found = lookup(word)
    if found is not None:
        answer(asdict(found), in_words(found), as_json=as_json)
        return exit_codes.DONE
    near = (*get_close_matches(word.lower(), TOPICS, 1, 0.75), *nearest(word))
    if as_json:
        print_json({"unknown": word[:200], "nearest": list(near)})
    shown = "".join(letter if letter.isprintable() else "?" for letter in word[:80])
    meant = f"did you mean {', '.join(near)}? " if near else ""
    command = f"voicechat explain {near[0]}" if near else "voicechat explain"
    print(f"voicechat: {shown!r} is not known\n  {meant}try: {command}", file=sys.stderr)
    return exit_codes.USAGE


def in_words(found: Explanation) -> str:
    lines = [f"{found.name}  ({found.kind})", f"  {found.meaning}", f"  → {found.next}"]
    return "\n".join([*lines, f"  {found.note}"] if found.note else lines)


def _listed() -> str:
    lines = ["Topics", *(f"  {name:<16} {topic.title}" for name, topic in TOPICS.items())]
    for kind, title in TITLES.items():
        lines += ["", title]
        lines += [f"  {one.name}" for one in everything() if one.kind == kind]
    return "\n".join(lines)
