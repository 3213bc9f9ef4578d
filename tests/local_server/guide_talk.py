"""Talks to the built-in guide in one line, with a fixed clock and fixed chance."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from voicechat.local_server.brain.base import Output, Role, Say, Turn
from voicechat.local_server.brain.guide import Guide

NOON = datetime(2026, 11, 21, 15, 7, tzinfo=ZoneInfo("Europe/Berlin"))
"""Saturday, 3:07 in the afternoon."""


class Talk:
    """One session with the guide: it keeps the history, as the server does."""

    def __init__(self, seed: int = 1, turn: Turn | None = None) -> None:
        self.guide = Guide(Random(seed))
        self.turn = turn or Turn("", NOON)
        self.history: list[tuple[Role, str]] = []

    async def outputs(self, text: str, *, after: float = 0.0) -> list[Output]:
        """Everything the guide wants done; `after` seconds pass first."""
        self.turn = replace(
            self.turn, text=text, history=tuple(self.history), now=self.turn.now + timedelta(seconds=after)
        )
        outputs = [output async for output in self.guide.answer(self.turn)]
        self.history.append(("user", text))
        self.history.append(("assistant", said(outputs)))
        return outputs

    async def ask(self, text: str, *, after: float = 0.0) -> str:
        """The words of the answer."""
        return said(await self.outputs(text, after=after))

    def heard_only(self, text: str) -> None:
        """The user cut in: only this much of the last answer was heard."""
        self.history[-1] = ("assistant", text)


def said(outputs: list[Output]) -> str:
    """The spoken part of an answer."""
    return " ".join(output.text for output in outputs if isinstance(output, Say))
