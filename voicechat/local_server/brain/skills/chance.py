"""Coins, dice, random numbers and choices. The source of chance is passed in, so a seed makes them repeatable."""

from __future__ import annotations

import re

from voicechat.local_server.brain.skill import Ask, Reply, say
from voicechat.local_server.brain.words import counted, listed

_MOST_DICE = 20
_MOST_SIDES = 1_000_000


def chance(ask: Ask) -> Reply | None:
    """Toss, roll, draw or choose."""
    return _coin(ask) or _dice(ask) or _number(ask) or _choice(ask)


def _coin(ask: Ask) -> Reply | None:
    match = ask.heard.find(
        r"\b(?:flip|flick|toss|throw|flipping|tossing|slip|clip)\b.*?\b(?:(\d+) )?(?:coins?|coyne?)\b"
    )
    if match is None and not ask.heard.find(r"\b(?:heads?|hands|head) (?:or|and|are) tails?\b|^coin (?:flip|toss)$"):
        return None
    count = min(int(match[1]) if match and match[1] else 1, _MOST_DICE)
    if count <= 1:
        return say(f"{ask.random.choice(('Heads', 'Tails'))}.")
    heads = sum(ask.random.random() < 0.5 for _ in range(count))
    return say(f"{counted(count, 'coin')}: {heads} heads and {count - heads} tails.")


def _dice(ask: Ask) -> Reply | None:
    match = ask.heard.find(
        r"\b(?:roll|throw|cast|rolling|role|row|toss)\b.*?\b(?:(\d+) )?(?:(\d+) sided )?"
        r"(?:dice|die|dies|dye|dyes|d (\d+))\b"
    )
    if match is None:
        return None
    sides = min(int(match[2] or match[3] or 6), _MOST_SIDES)
    count = min(max(int(match[1] or 1), 1), _MOST_DICE)
    if sides < 2:
        return say("A die needs at least two sides.")
    rolled = [ask.random.randint(1, sides) for _ in range(count)]
    if count == 1:
        return say(f"You rolled a {rolled[0]}.")
    return say(f"You rolled {listed([str(value) for value in rolled])}: {sum(rolled)} together.")


def _number(ask: Ask) -> Reply | None:
    if not ask.heard.find(r"\brandom\b|\b(?:pick|choose|give me|draw|say|think of|any) (?:a |any |me a )?number\b"):
        return None
    if ask.heard.has("guess"):
        return None
    match = ask.heard.find(r"(?:between|from|of|range)? ?(\d+) (?:and|to|through|-|until|2) (\d+)")
    upto = ask.heard.find(r"(?:up to|below|under|to|until) (\d+)")
    low, high = (int(match[1]), int(match[2])) if match else (1, int(upto[1]) if upto else 100)
    low, high = min(low, high), min(max(low, high), 10**12)
    return say(f"{ask.random.randint(min(low, high), high)}, a random number between {low} and {high}.")


def _choice(ask: Ask) -> Reply | None:
    match = ask.heard.find(
        r"^(?:help me )?(?:pick|choose|decide|select)(?: (?:between|from|among|1 of|either))*:? (.+)"
    )
    if match is None:
        return None
    things = [part.strip() for part in re.split(r"\bor\b|\band\b|,", match[1]) if part.strip()]
    return say(f"I choose {ask.random.choice(things)}.") if 1 < len(things) <= 20 else None
