"""Long answers, good for trying out interruptions: stories, counting, the alphabet, and "go on" after a cut.

Each sentence is its own `Say`, so that the voice begins at once and a cut loses only what was not heard.
"""

from __future__ import annotations

import re

from voicechat.local_server.brain.skill import Ask, Reply, say
from voicechat.local_server.brain.skills.stories import LONG_STORIES, STORIES

_MOST_NUMBERS = 200
_WORDS_PER_SECOND = 2.6
"""The built-in voice at its own pace."""
_LONGEST_TALK = 300
_A_LINE = 10
_STORY = r"\b(?:stor(?:y|ies)|tale|fairy tale|bedtime|history about)\b"
_LONG = (
    r"\b(?:read|say|tell|talk|speak)\b.*\b(?:something|anything|a) long\b|\blong (?:text|answer|speech"
    r"|reply|monologue)\b"
    r"|\bkeep (?:talking|speaking|going)\b|\b(?:read|tell)(?: me)? something\b|\btalk to me$"
    r"|\bgive me a (?:speech|lecture|monologue)\b"
    r"|\b(?:talk|speak)\b.*\b(?:for a (?:while|bit|long time)|a lot)\b"
)
_TALK_FOR = r"\b(?:talk|speak|say something|read|go on)\b.*\bfor (?:about )?(a|half a|\d+) (second|minute)s?\b"
_GO_ON = (
    r"^(?:(?:please )?(?:go on|continue|carry on|keep going|go ahead|proceed|and then|what next"
    r"|resume|finish(?: it| the story)?))\b"
)


def reading(ask: Ask) -> Reply | None:
    """Something long, or the rest of it."""
    return _count(ask) or _go_on(ask) or _alphabet(ask) or _table(ask) or _timed(ask) or _story(ask)


def _read(ask: Ask, sentences: tuple[str, ...]) -> Reply:
    ask.memory.reading = sentences
    return say(*sentences)


def _story(ask: Ask) -> Reply | None:
    if not ask.heard.find(_STORY) and not ask.heard.find(_LONG):
        return None
    stories = LONG_STORIES if ask.heard.find(_LONG) or ask.heard.has("long", "longer", "very long") else STORIES
    story = stories[ask.memory.told_stories % len(stories)]
    ask.memory.told_stories += 1
    return _read(ask, story)


def _timed(ask: Ask) -> Reply | None:
    """ "Talk for 30 seconds": as many sentences as fill the time."""
    match = ask.heard.find(_TALK_FOR)
    if match is None:
        return None
    amount = {"a": 1.0, "half a": 0.5}.get(match[1]) or float(match[1])
    seconds = min(amount * (60 if match[2] == "minute" else 1), _LONGEST_TALK)
    wanted, words = seconds * _WORDS_PER_SECOND, 0
    sentences: list[str] = []
    supply = [sentence for story in (*LONG_STORIES, *STORIES) for sentence in story]
    while words < wanted:
        sentence = supply[len(sentences) % len(supply)]
        sentences.append(sentence)
        words += len(sentence.split())
    return _read(ask, tuple(sentences))


def _count(ask: Ask) -> Reply | None:
    if not ask.heard.find(r"\b(?:count|counting|countdown)\b") or ask.heard.find(r"\bcount (?:the|my|how)\b"):
        return None
    between = ask.heard.find(r"(?:from|between) (\d+) (?:down )?(?:to|and|until|till|up to|2) (\d+)")
    upto = ask.heard.find(r"(?:to|till|until|up to|2|too) (\d+)")
    down = ask.heard.find(r"\b(?:down|backwards?|countdown)\b")
    if between:
        first, last = int(between[1]), int(between[2])
    elif down:
        start = ask.heard.find(r"(?:from|at) (\d+)")
        first, last = int(start[1]) if start else int(upto[1]) if upto else 10, 0 if ask.heard.has("zero", "0") else 1
    else:
        first, last = 1, int(upto[1]) if upto else 10
    if down and first < last:
        first, last = last, first
    step = 1 if last >= first else -1
    numbers = [str(value) for value in range(first, last + step, step)[:_MOST_NUMBERS]]
    lines = [", ".join(numbers[at : at + _A_LINE]) + "." for at in range(0, len(numbers), _A_LINE)]
    if abs(last - first) >= _MOST_NUMBERS:
        lines.append(f"I stop here: {_MOST_NUMBERS} numbers are enough at once.")
    return _read(ask, tuple(lines))


def _alphabet(ask: Ask) -> Reply | None:
    if not ask.heard.find(
        r"\b(?:say|recite|tell|sing|read|give)\b.*\b(?:alphabet|a b cs?|abcs?)\b|^(?:the )?alphabet$"
    ):
        return None
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return _read(ask, tuple(", ".join(letters[at : at + 7]) + "." for at in range(0, 26, 7)))


def _table(ask: Ask) -> Reply | None:
    match = ask.heard.find(
        r"\b(\d+)(?: times| multiplication)? tables?\b|\b(?:times|multiplication) tables? (?:of|for) (\d+)\b"
    )
    if match is None:
        return None
    number = int(match[1] or match[2])
    return _read(ask, tuple(f"{factor} times {number} is {factor * number}." for factor in range(1, 11)))


def _go_on(ask: Ask) -> Reply | None:
    """The rest of what was being read, from the sentence that was cut."""
    if not ask.memory.reading or not ask.heard.find(_GO_ON):
        return None
    heard = _letters(" ".join(text for role, text in ask.turn.history[-12:] if role == "assistant"))
    rest = ask.memory.reading
    while rest and _letters(rest[0]) in heard:
        rest = rest[1:]
    return say(*rest) if rest else say("That was all of it.")


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
