"""Spelling: "spell necessary", "how do you spell rhythm", "how many letters has banana", "spell that backwards"."""

from __future__ import annotations

import re

from voicechat.local_server.brain.skill import Ask, Reply, say
from voicechat.local_server.brain.words import counted

_LONGEST = 60
_SPELL = (
    r"\b(?:spell|spelling of|spelled|spelt)(?: out)?(?: (?:the|a))?(?: (?:word|name"
    r"|words))?[\s:,\"“'‘]+(.+?)[\"”'’.?!\s]*$"
)
_SPELLED = r"\bhow (?:is|do you get)(?: the word)?[\s\"“]+([^\s\"”]+)[\s\"”]+(?:spell|spelled|spelt|written)\b"
_LETTERS = (
    r"\bhow many letters (?:are |are there |does |do |has |have )*(?:in |has |have )?(?:the )?(?:word )?[\"“]?(\w+)"
)
_FILLER_END = re.compile(r"\s*\b(?:for me|please|backwards?|correctly|in english)\b[\s.,!?]*$", re.IGNORECASE)


def spelling(ask: Ask) -> Reply | None:
    """Spell the word, letter by letter, or count its letters."""
    if word := ask.heard.original(_LETTERS):
        count = sum(char.isalpha() for char in word)
        return say(f"{word.capitalize()} has {counted(count, 'letter')}.") if count else None
    if not ask.heard.has("spell", "spelling", "spelled", "spelt"):
        return None
    word = _FILLER_END.sub("", _FILLER_END.sub("", ask.heard.original(_SPELLED) or ask.heard.original(_SPELL)))
    if re.search(r"\bhow (?:is|do you|do i|would you|should i)\b", word):
        return None
    if word.lower() in ("that", "it", "this", "my name"):
        word = ask.memory.name if word.lower() == "my name" else _last_word(ask)
    letters = [char.upper() for char in word if char.isalnum()]
    if not letters:
        return say("Which word? Say for example: spell rhythm.")
    if len(letters) > _LONGEST:
        return say("That is too long to spell. Give me one word.")
    if ask.heard.has("backwards", "backward"):
        return say(f"{word} backwards: {', '.join(reversed(letters))}.")
    return say(f"{word}: {', '.join(letters)}.")


def _last_word(ask: Ask) -> str:
    for role, text in reversed(ask.turn.history):
        words: list[str] = re.findall(r"[^\W_]+", text)
        if role == "user" and words:
            return words[-1]
    return ""
