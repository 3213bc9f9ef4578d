"""Translates finished lines beside the talk (R24): one request at a time for each side, and results told as events.

The talk never waits for it and never hears of it: what comes out is `TurnTranslated` for the transcript, at most one
note for each kind of trouble, and what it cost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from voicechat.core.side_events import SideNoted, TurnTranslated
from voicechat.core.view import TurnView
from voicechat.insight.metrics.usage import NOTHING, Usage
from voicechat.journal.entry import Happening, Watch
from voicechat.tasks import sentence, spawn
from voicechat.translation.asker import Asker, Failed, Outcome
from voicechat.translation.asking import Translated, Useless
from voicechat.translation.backlog import Backlog, Fresh, Line, Side
from voicechat.translation.wish import Wish

LOOK_EVERY = 0.1
"""Seconds between two looks at the transcript."""
WAITS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds of back-off after the first, second, ... trouble in a row, where the service names none itself."""
MOST_TRIES = 6
"""So often a line is offered to a service that wants fewer requests."""


class Translator:
    """`start` on a loop, `close` at the end."""

    def __init__(
        self,
        wish: Wish,
        turns: Callable[[], Sequence[TurnView]],
        tell: Callable[[TurnTranslated | SideNoted], None],
        clock: Callable[[], float],
        watch: Watch = lambda happening: None,
        *,
        asker: Asker | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`turns` is the transcript now; `pause` waits so many seconds (a test does it without)."""
        self._asker = asker or Asker(wish)
        self._turns = turns
        self._tell = tell
        self._clock = clock
        self._watch = watch
        self._pause = pause
        self._fresh = Fresh()
        self._backlogs: dict[Side, Backlog] = {"you": Backlog(), "assistant": Backlog()}
        self._news: dict[Side, asyncio.Event] = {"you": asyncio.Event(), "assistant": asyncio.Event()}
        self._noted: set[str] = set()
        self._troubles = 0
        """In a row, of both sides: they share one service."""
        self._is_hopeless = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Look at the transcript from now on."""
        work = (self._look_on(), self._work("you"), self._work("assistant"))
        self._tasks = [spawn(one, self._failed) for one in work]

    async def close(self) -> None:
        """Requests under way are given up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._asker.close()

    def look(self) -> None:
        """Take the lines that have become whole."""
        for line in self._fresh.of(self._turns(), self._clock()):
            if self._is_hopeless:
                self._leave(line, "failed")
                continue
            dropped = self._backlogs[line.side].put(line)
            if dropped is not None:
                self._leave(dropped, "dropped")
                self._note("behind", "Translation cannot keep up: some lines are left out, short ones first.")
            self._news[line.side].set()

    async def _look_on(self) -> None:
        before: Sequence[TurnView] = ()
        while True:
            turns = self._turns()
            if turns != before or self._fresh.is_settling:
                before = turns
                self.look()
            await asyncio.sleep(LOOK_EVERY)

    async def _work(self, side: Side) -> None:
        backlog, news = self._backlogs[side], self._news[side]
        while True:
            line = backlog.take()
            if line is None:
                news.clear()
                await news.wait()
            elif self._is_hopeless:
                self._leave(line, "failed")
            else:
                await self._translate(line)

    async def _translate(self, line: Line) -> None:
        """Until there is a translation, or none to be had."""
        for attempt in range(MOST_TRIES):
            outcome = await self._asked(line)
            if isinstance(outcome, Translated):
                self._troubles = 0
                self._tell(TurnTranslated(line.key, outcome.text, "" if outcome.text else "same"))
                return
            self._note_failure(outcome)
            if isinstance(outcome, Failed) and outcome.kind == "never":
                self._give_up(line)
                return
            wait = self._next_wait(outcome)
            is_last = not (isinstance(outcome, Failed) and outcome.kind == "wait") or attempt == MOST_TRIES - 1
            if is_last:
                self._leave(line, "failed")
            await self._pause(wait)
            if is_last:
                return

    async def _asked(self, line: Line) -> Outcome:
        """One request, and a second one for what a second one may mend."""
        outcome = await self._counted(line)
        if isinstance(outcome, Useless) or (isinstance(outcome, Failed) and outcome.kind == "again"):
            outcome = await self._counted(line)
        return outcome

    async def _counted(self, line: Line) -> Outcome:
        outcome = await self._asker.ask(line.text)
        usage = NOTHING if isinstance(outcome, Failed) else outcome.usage
        if usage.total:
            self._watch(Happening(self._clock(), "local", used_event(self._asker.model, usage)))
        return outcome

    def _next_wait(self, outcome: Outcome) -> float:
        """Trouble in a row makes us rarer, so that a service that is down is left in peace."""
        wait = WAITS[min(self._troubles, len(WAITS) - 1)]
        self._troubles += 1
        if isinstance(outcome, Failed) and outcome.after is not None:
            return max(outcome.after, 0.1)
        return wait

    def _give_up(self, line: Line) -> None:
        """Nothing that could be done during this talk would help: nobody is asked again."""
        self._is_hopeless = True
        self._leave(line, "failed")
        for backlog in self._backlogs.values():
            for waiting in backlog.clear():
                self._leave(waiting, "failed")

    def _failed(self, error: Exception) -> None:
        """A defect of ours."""
        self._is_hopeless = True
        self._note("defect", f"Translation stopped after an error ({sentence(error)}); the talk goes on.")

    def _leave(self, line: Line, why: Literal["failed", "dropped"]) -> None:
        self._tell(TurnTranslated(line.key, "", why))

    def _note_failure(self, outcome: Outcome) -> None:
        """One note for each kind of trouble in a talk: who reads it once has read it."""
        if isinstance(outcome, Failed):
            ending = {"never": " Lines stay as they are.", "wait": " It is asked less often."}.get(outcome.kind, "")
            hint = f" Next step: {outcome.hint.rstrip('.?')}." if outcome.hint else ""
            self._note(outcome.kind, f"Translation: {self._asker.host} {outcome.why}.{ending}{hint}")
        elif isinstance(outcome, Useless):
            self._note("useless", f"Translation: {self._asker.host} did not translate: {outcome.why}.")

    def _note(self, kind: str, text: str) -> None:
        if kind not in self._noted:
            self._noted.add(kind)
            self._tell(SideNoted(text, f"translation_{kind}"))


def used_event(model: str, usage: Usage) -> dict[str, object]:
    """What a request used, for the numbers and the tape."""
    return {
        "type": "translation.used",
        "model": model,
        "usage": {
            "input_tokens": usage.input.total,
            "input_token_details": {"cached_tokens": usage.cached.total},
            "output_tokens": usage.output.total,
        },
    }
