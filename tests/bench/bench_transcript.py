"""What a long conversation costs: one transcript delta, and all turn views, at 1000 turns.

python -m tests.bench.bench_transcript
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from tests.bench.bars import Figure, judge
from tests.support.script import committed, connected, created, done, item, transcribed, words
from voicechat.core.rules import conversation
from voicechat.core.viewing import turn_views

TURNS = 1000
ROUNDS = 2000


def microseconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    for _ in range(ROUNDS):
        call()
    return (time.perf_counter() - begun) / ROUNDS * 1e6


def main() -> int:
    talk = connected(speaker="")
    for number in range(TURNS // 2):
        user, response, assistant = f"u{number}", f"r{number}", f"a{number}"
        talk.hear(committed(user, f"a{number - 1}"), transcribed(user, "What is the time?"), created(response))
        talk.hear(words(response, assistant, "It is nine."))
        talk.hear(done(response, output=(item(assistant, "assistant", transcript="It is nine."),)))
    talk.hear(created("last"), words("last", "alast", "Now "))
    state, policy = talk.state, talk.policy
    events = {
        "delta of the newest answer": words("last", "alast", "more "),
        "transcript of the first turn": transcribed("u0", "What?"),
        "a new turn": committed("unew", "alast"),
    }
    calls: dict[str, Callable[[], object]] = {
        what: lambda event=event: conversation.on_event(state, event, 1.0, policy)  # type: ignore[misc]
        for what, event in events.items()
    }
    calls["deadline"] = lambda: conversation.deadline(state, 1.0, policy)
    calls["all turn views"] = lambda: turn_views(state, 1.0)
    calls["view"] = lambda: talk.view
    figures = [Figure(what, [microseconds(call)], "us") for what, call in calls.items()]
    return judge(f"{len(state.conversation.turns)} turns", figures)


if __name__ == "__main__":
    sys.exit(main())
