"""What a skill of the guide is: a function that looks at one utterance and answers it, or leaves it to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from voicechat.local_server.brain.base import Output, Say, Turn
from voicechat.local_server.brain.words import Heard

Reply = tuple[Output, ...]


@dataclass
class Memory:
    """What one session told the guide. It lives and dies with the session; nothing is written to disk."""

    name: str = ""
    notes: list[str] = field(default_factory=list)
    timers: list[tuple[datetime, str]] = field(default_factory=list)
    """When each rings, and its label; past ones are dropped when looked at."""
    secret: int | None = None
    """The number to be guessed while a game is on."""
    highest: int = 100
    guesses: int = 0
    asked: str = ""
    """The question the guide asked last and waits for: `timer`, or empty."""
    told_jokes: int = 0
    told_stories: int = 0
    reading: tuple[str, ...] = ()
    """The sentences of the last long thing, so that "go on" works after an interruption."""
    unknown: int = 0
    """How many utterances it could do nothing with: the long explanation is given once."""


@dataclass(frozen=True)
class Ask:
    """One utterance with everything a skill may use."""

    turn: Turn
    heard: Heard
    memory: Memory
    random: Random


Skill = Callable[[Ask], Reply | None]


def say(*sentences: str) -> Reply:
    """A reply that only speaks; each argument may be spoken while the next is still to come."""
    return tuple(Say(sentence) for sentence in sentences)
