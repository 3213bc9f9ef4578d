"""What the guide is and what it can do, said plainly: a small program with fixed skills, not a mind."""

from __future__ import annotations

from voicechat.local_server.brain.skill import Ask, Reply, say

_ABLE = (
    r"\bwhat (?:\w+ )?(?:can|could|do) (?:you|i|we) (?:do|ask|say|know|try|talk about|offer)\b"
    r"|\bwhat are you (?:good|able|capable)\b|\byour (?:skills|abilities|capabilities)\b"
    r"|\bwhat (?:things |else |all )?(?:can|could) (?:you|i|we)\b|\bhow can you help\b|\bcan you help\b"
    r"|\bhelp me$|^help$|^(?:i need )?help\b.*\bplease$|\bwhat should i (?:say|ask|try)\b"
    r"|\bgive me (?:some )?(?:ideas|examples)\b|\bi need help$"
)
_WHO = (
    r"\bwho are you\b|\bwhat are you\b|\bwhat is your name\b|\byour name\b|\bintroduce yourself\b"
    r"|\btell me about yourself\b"
    r"|\bare you (?:a |an |really |actually )*(?:human|real|robot|person|bot|machine|computer|program|ai"
    r"|a i|artificial|alive|chat ?gpt|siri|alexa|there)\b"
    r"|\bwho (?:made|built|created|wrote) you\b|\bwho (?:am i|is this|are we) (?:talking|speaking)\b"
    r"|\bwho is (?:this|there)\b|\bwhat am i talking to\b"
)
ABLE = (
    "I can tell the time and date, work out sums, convert units, set timers that ring, toss a coin, roll dice, spell, "
    "repeat after you, remember your name and notes, play a guessing game, tell jokes and stories, count, "
    "and explain every key of this program.",
    "Try: what is twelve times seven, set a timer for one minute, or tell me a long story, and interrupt me.",
)


def about(ask: Ask) -> Reply | None:
    """Say what it is, or what it can do."""
    if ask.heard.find(
        r"\bare you there\b|\b(?:can|do) you hear me\b|\b(?:can|do) you understand me\b|\bis (?:this"
        r"|it) (?:working|on)\b"
    ):
        return say("Yes, I hear you.")
    if ask.heard.find(_ABLE):
        return say(*ABLE)
    if ask.heard.find(_WHO):
        return say(
            "I am Echo guide, a small assistant built into voicechat.",
            "I am no language model: I run entirely on this computer and have a fixed set of skills. Ask "
            "what I can do.",
        )
    return None
