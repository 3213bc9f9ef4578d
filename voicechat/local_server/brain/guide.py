"""Echo guide, the built-in assistant: real skills, tried in order, and an honest answer when none fits.

It is deterministic: the clock comes with the turn and chance is passed in. One guide serves one session, because it
remembers what that session told it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from random import Random

from voicechat.local_server.brain.base import Output, Say, Turn
from voicechat.local_server.brain.skill import Ask, Memory, Reply, Skill, say
from voicechat.local_server.brain.skills.app_topics import app_help
from voicechat.local_server.brain.skills.arithmetic import arithmetic, units
from voicechat.local_server.brain.skills.client_tools import described_tool, named_tool, tool_results
from voicechat.local_server.brain.skills.clock import clock, relearn, remember, session_facts, timers
from voicechat.local_server.brain.skills.games import chance, guessing, reading, spelling
from voicechat.local_server.brain.skills.small_talk import about, echo, jokes, small_talk
from voicechat.local_server.brain.words import Heard

SKILLS: tuple[Skill, ...] = (
    tool_results,
    named_tool,
    guessing,
    echo,
    remember,
    timers,
    spelling,
    arithmetic,
    units,
    session_facts,
    clock,
    chance,
    jokes,
    reading,
    about,
    app_help,
    small_talk,
    described_tool,
)
"""The order is by how certain a skill is of its words: fixed phrases first, single words that may mean much last."""

EXACT_SKILLS: tuple[Skill, ...] = (timers, session_facts, app_help)
"""What a language model cannot know or do here: rings, measurements, and the keys of this program."""

_LONGEST_QUOTE = 200


class Guide:
    """The assistant that is always there."""

    def __init__(self, random: Random | None = None) -> None:
        self._random = random or Random()
        self.memory = Memory()
        self._is_new = True

    @property
    def label(self) -> str:
        """`built-in`."""
        return "built-in"

    async def answer(self, turn: Turn) -> AsyncIterator[Output]:
        """Yield the answer's sentences and actions; at once, for there is nothing to wait for."""
        if self._is_new:
            self._is_new = False
            self._catch_up(turn)
        for output in self.reply(turn) or self._unknown(turn):
            yield output

    def reply(self, turn: Turn, skills: tuple[Skill, ...] = SKILLS) -> Reply | None:
        """What the first fitting skill answers; None when none fits."""
        ask = Ask(turn, Heard(turn.text), self.memory, self._random)
        if not ask.heard.plain and not turn.tool_outputs and not _must_call(turn):
            return None if turn.text.strip() else _opening(turn)
        for skill in skills:
            if (reply := skill(ask)) is not None:
                return reply
        return None

    def _catch_up(self, turn: Turn) -> None:
        """A session that begins with a past goes on from another one: what was told there to be kept is kept."""
        for role, text in turn.history:
            if role == "user":
                relearn(Ask(replace(turn, text=text), Heard(text), self.memory, self._random))

    def _unknown(self, turn: Turn) -> Reply:
        """Say what was heard, so that the user knows whether hearing or knowing failed."""
        self.memory.unknown += 1
        quote = re.sub(r"\s+", " ", turn.text).strip()[:_LONGEST_QUOTE].rstrip(" .!?")
        heard = f"{'I heard' if turn.by_voice else 'You wrote'}: {quote}."
        if self.memory.unknown == 1:
            return say(
                heard,
                "I am only a small built-in assistant, and I have no answer to that. Ask what I can do.",
                "If you install Ollama on this computer, I use its language model by myself.",
            )
        return say(heard, "I have no answer to that. Ask what I can do.")


def _must_call(turn: Turn) -> bool:
    return bool(turn.tools) and turn.tool_choice not in ("auto", "none")


def _opening(turn: Turn) -> Reply:
    """An answer was asked for without a question: what the instructions put in quotes, or a greeting."""
    quoted = re.search(r"\bsay\b[^\"“]{0,40}[\"“]([^\"”]{1,500})[\"”]", turn.instructions, re.IGNORECASE)
    if quoted:
        return (Say(quoted[1].strip()),)
    return say("Hello! I am Echo guide, the assistant built into voicechat. Ask what I can do.")
