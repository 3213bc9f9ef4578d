"""What a long conversation costs: one delta, and all turn views, at 1000 turns. Run by hand; nothing is asserted."""

from __future__ import annotations

import time
from collections.abc import Callable

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


def main() -> None:
    talk = connected(speaker="")
    for number in range(TURNS // 2):
        user, response, assistant = f"u{number}", f"r{number}", f"a{number}"
        talk.hear(committed(user, f"a{number - 1}"), transcribed(user, "What is the time?"), created(response))
        talk.hear(words(response, assistant, "It is nine."))
        talk.hear(done(response, output=(item(assistant, "assistant", transcript="It is nine."),)))
    talk.hear(created("last"), words("last", "alast", "Now "))
    state, policy = talk.state, talk.policy
    delta = words("last", "alast", "more ")
    late = transcribed("u0", "What?")
    print(f"{len(state.conversation.turns)} turns")
    print(
        f"delta of the newest answer  {microseconds(lambda: conversation.on_event(state, delta, 1.0, policy)):7.1f} µs"
    )
    print(
        f"transcript of the first turn {microseconds(lambda: conversation.on_event(state, late, 1.0, policy)):6.1f} µs"
    )
    new = committed("unew", "alast")
    print(f"a new turn                  {microseconds(lambda: conversation.on_event(state, new, 1.0, policy)):7.1f} µs")
    print(f"deadline                    {microseconds(lambda: conversation.deadline(state, 1.0, policy)):7.1f} µs")
    print(f"all turn views              {microseconds(lambda: turn_views(state, 1.0)):7.1f} µs")
    print(f"view                        {microseconds(lambda: talk.view):7.1f} µs")


if __name__ == "__main__":
    main()
