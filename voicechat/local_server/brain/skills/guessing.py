"""The number-guessing game: the guide thinks of a number, the user finds it in as few guesses as possible."""

from __future__ import annotations

import math
import re

from voicechat.local_server.brain.numbers import HOMOPHONES
from voicechat.local_server.brain.skill import Ask, Reply, say
from voicechat.local_server.brain.words import counted

_START = (
    r"\b(?:guess(?:ing)?|guest)\b.*\b(?:game|numbers?)\b|\b(?:play|start|begin)\b.*\b(?:game|guess(?:ing)?|number)\b"
    r"|\blet us play\b|^(?:play )?(?:a )?(?:game|games)$|\bthink of a number\b|\bi want (?:to )?(?:play"
    r"|a game)\b|\bplay (?:with me|again)\b"
)
_STOP = (
    r"\b(?:stop|quit|end|exit|enough|give up|i give|no more|cancel|leave)\b|\bwhat (?:is|was) (?:it"
    r"|the number)\b|\btell me\b"
)
_HIGHEST = 1_000_000


def guessing(ask: Ask) -> Reply | None:
    """Start a game, or go on with the one that is on. What is neither a guess nor "stop" is for other skills."""
    if ask.memory.secret is None:
        return _start(ask) if ask.heard.find(_START) else None
    if ask.heard.find(_STOP) and not ask.heard.find(r"\b(?:time|joke|story|date|timer)\b"):
        return _give_up(ask)
    if ask.heard.find(r"\bhint\b|\bhelp me\b"):
        return say(f"The number is {'even' if ask.memory.secret % 2 == 0 else 'odd'}.")
    guess = _guess_in(ask.heard.line)
    return None if guess is None else _judge(ask, guess)


def _start(ask: Ask) -> Reply:
    match = ask.heard.find(r"(?:between 1 and|to|up to) (\d+)")
    ask.memory.highest = min(max(int(match[1]), 2), _HIGHEST) if match else 100
    ask.memory.secret = ask.random.randint(1, ask.memory.highest)
    ask.memory.guesses = 0
    needed = math.ceil(math.log2(ask.memory.highest + 1))
    return say(
        f"I am thinking of a number between 1 and {ask.memory.highest}.",
        f"Guess it; {needed} guesses are always enough if you are clever. Say stop to give up.",
    )


def _guess_in(line: str) -> int | None:
    """The number guessed: the only number in a short utterance."""
    found: list[str] = re.findall(r"(?<![\w.])\d+(?![\w.])", line)
    if len(found) == 1 and not re.search(
        r"[-+*/%]|\b(?:times|plus|minus|minutes?|seconds?|hours?|percent|divided)\b", line
    ):
        return int(found[0]) if len(found[0]) <= 9 else None
    return HOMOPHONES.get(line)


def _judge(ask: Ask, guess: int) -> Reply:
    secret = ask.memory.secret
    if not 1 <= guess <= ask.memory.highest:
        return say(f"The number is between 1 and {ask.memory.highest}.")
    ask.memory.guesses += 1
    if guess == secret:
        ask.memory.secret = None
        return say(
            f"Yes, {guess} is right! You needed {_counted_guesses(ask.memory.guesses)}.",
            "Say play again for another game.",
        )
    return say(f"{guess} is too {'low' if secret is not None and guess < secret else 'high'}.")


def _give_up(ask: Ask) -> Reply:
    secret, ask.memory.secret = ask.memory.secret, None
    return say(f"The number was {secret}. Thanks for playing.")


def _counted_guesses(count: int) -> str:
    return "1 guess" if count == 1 else counted(count, "guess").replace("guesss", "guesses")
