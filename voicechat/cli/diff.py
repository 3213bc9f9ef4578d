"""`voicechat diff A B`: two talks turn by turn. Made for \"it worked yesterday\" and for a server against another."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from voicechat import exit_codes
from voicechat.cli.printing import print_json, say
from voicechat.cli.tapes import tape_named
from voicechat.journal.comparing import Comparison, Exchange, Pair, compare, in_words, summed_up
from voicechat.journal.past_talk import PastTalk, read_talk
from voicechat.ui.plain.talk import may_color

DIFFERENT = 1
"""Exit status, as of `diff`."""


def diff_command(a: str, b: str, *, threshold: float, as_json: bool) -> int:
    """Exit 0: equal enough. 1: different. Raises TapeError (2) for what cannot be read."""
    first, second = read_talk(tape_named(a)), read_talk(tape_named(b))
    for name, talk in ((a, first), (b, second)):
        if talk.problem:
            say(f"{name} was read in part: {talk.problem}")
    comparison = compare(first, second, threshold)
    if as_json:
        print_json(as_plain(first, second, comparison, threshold))
    else:
        colors = may_color(sys.stdout, os.environ)
        print(in_words(first, second, comparison, (Path(a).name, Path(b).name), colors=colors))
    return exit_codes.DONE if comparison.is_equal else DIFFERENT


def as_plain(a: PastTalk, b: PastTalk, comparison: Comparison, threshold: float) -> dict[str, Any]:
    """The contract of `diff --json`. Seconds everywhere."""
    return {
        "equal": comparison.is_equal,
        "summary": summed_up(comparison),
        "threshold": threshold,
        "a": _talk(a),
        "b": _talk(b),
        "configuration": [{"field": name, "a": x, "b": y} for name, x, y in comparison.configuration],
        "findings": {"only_a": list(comparison.findings_a), "only_b": list(comparison.findings_b)},
        "turns": [_pair(pair) for pair in comparison.pairs],
    }


def _talk(talk: PastTalk) -> dict[str, Any]:
    transcript = talk.transcript
    return {name: getattr(transcript, name) for name in ("title", "started_at", "model")} | {"length": talk.length}


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "equal": pair.is_equal,
        "a": _exchange(pair.number_a, pair.a),
        "b": _exchange(pair.number_b, pair.b),
        "you": [{"in": part.kind, "text": part.text} for part in pair.you],
        "assistant": [{"in": part.kind, "text": part.text} for part in pair.assistant],
        "timings": [asdict(one) for one in pair.timings],
        "missing_events": dict(pair.missing),
        "extra_events": dict(pair.extra),
        "moved_events": list(pair.moved),
        "cut": {"a": pair.cut_a, "b": pair.cut_b},
    }


def _exchange(number: int | None, exchange: Exchange | None) -> dict[str, Any] | None:
    return None if exchange is None else {"turn": number, "t": exchange.t}
