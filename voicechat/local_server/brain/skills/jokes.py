"""Jokes, one after another, none twice before all were told."""

from __future__ import annotations

from voicechat.local_server.brain.skill import Ask, Reply, say

JOKES = (
    ("Why did the microphone go to school?", "It wanted to be a little more sound."),
    ("Why do programmers mix up Halloween and Christmas?", "Because Oct 31 is Dec 25."),
    ("What do you call a bear without teeth?", "A gummy bear."),
    ("I told my computer that I needed a break.", "It said no problem, and went to sleep."),
    ("Why did the bicycle fall over?", "It was two tired."),
    ("What do you call an echo that never answers?", "A very good listener."),
    ("How does the ocean say hello?", "It waves."),
    ("Why was the math book sad?", "It had too many problems."),
    ("I would tell you a joke about network packets,", "but you might not get it."),
    ("What is orange and sounds like a parrot?", "A carrot."),
)


def jokes(ask: Ask) -> Reply | None:
    """Tell the next joke."""
    wants = ask.heard.find(
        r"\bjokes?\b|\bmake me laugh\b|\bsomething funny\b|\bbe funny\b|\b(?:cheer|crack) me up\b|\bchoke\b$"
    )
    another = ask.memory.told_jokes and ask.heard.find(r"^(?:tell me )?(?:another|1 more|another 1|more)(?: 1)?$")
    if not (wants or another) or ask.heard.has("no joke", "joking"):
        return None
    joke = JOKES[ask.memory.told_jokes % len(JOKES)]
    ask.memory.told_jokes += 1
    return say(*joke)
