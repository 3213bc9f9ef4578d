"""Repeats: "repeat after me ...", "say hello world", and "say that again" for its own last answer."""

from __future__ import annotations

import re

from voicechat.local_server.brain.skill import Ask, Reply, say

_LONGEST = 1_000
_AFTER_ME = (
    r"\b(?:repeat|say|speak)(?: this| that| it| these words| the following)?,? after me[\s,:;.\-\"“]*(.+?)[\"”]?\s*$"
)
_SAY = (
    r"^(?:(?:ok|so|hey|please|now|can you|could you|would you)[,\s]+)*(?:say|repeat)(?: the (?:words?"
    r"|sentence|phrase)| the following| this)?"
    r"[\s,:\"“]+(.+?)[\"”]?\s*$"
)
_AGAIN = (
    r"\b(?:say|repeat|tell me) (?:that|it|this|yourself|what you said|the last (?:one|thing|sentence"
    r"|answer))(?: again| once more| 1 more time)?$"
    r"|\bwhat did you (?:just )?say$|^(?:again|once more|pardon|pardon me|sorry what|come again|repeat"
    r"|say again|1 more time)$"
    r"|\bi did not (?:hear|understand|get|catch) (?:that|you|it)\b"
)


def echo(ask: Ask) -> Reply | None:
    """Say what the user wants said, or the last answer again."""
    politely = re.match(r"\W*(?:can|could|would|will) you\b", ask.heard.text, re.IGNORECASE)
    if words := ask.heard.original(_AFTER_ME):
        return say((words.rstrip("?") if politely else words)[:_LONGEST])
    if ask.heard.find(r"after me$"):
        return say("I am listening. Say: repeat after me, and then the words.")
    if ask.heard.find(r"\bwhat did i (?:just )?say$|\bwhat was my (?:last )?(?:sentence|question)$"):
        return _users_words(ask)
    if ask.heard.find(_AGAIN):
        return _again(ask)
    words = ask.heard.original(_SAY)
    if not words or ask.heard.find(
        r"\bsay (?:hello|hi|goodbye|something|anything|when|how|what|a number|my name|the alphabet"
        r"|the (?:\w+ )+tables?)\b"
    ):
        return None
    return say(re.sub(r",?\s*please[.!]?$", "", words, flags=re.IGNORECASE)[:_LONGEST])


def _users_words(ask: Ask) -> Reply:
    for role, text in reversed(ask.turn.history):
        if role == "user" and text.strip():
            return say(f"You said: {text.strip()[:_LONGEST]}")
    return say("You have not said anything before that.")


def _again(ask: Ask) -> Reply:
    for role, text in reversed(ask.turn.history):
        if role == "assistant" and text.strip():
            return say(text.strip()[:_LONGEST])
    return say("I have not said anything yet.")
