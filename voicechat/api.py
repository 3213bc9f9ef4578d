"""The public Python API: a conversation in your own asyncio program, without screen or engine process.

    async with Conversation(Settings(provider="local", mic="none", speaker="none")) as talk:
        answer = await talk.say("What is twelve times seven?")
        print(answer.text)

Settings are those of the command line; API keys come from the environment.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from voicechat.config.settings import Settings
from voicechat.core.events import (
    EndAsked,
    MuteChosen,
    StopPressed,
    TalkPressed,
    TalkReleased,
    TextEntered,
    ToolAllowed,
    ToolDenied,
)
from voicechat.core.view import ConnectionView, ToolAsk, TurnView, View
from voicechat.core.viewing import turn_views, view
from voicechat.engine.assemble import Talk
from voicechat.engine.taping import Taping
from voicechat.errors import RemoteProtocolError, SignallingError
from voicechat.session.happenings import Happening
from voicechat.tasks import spawn

__all__ = ["Answer", "Approve", "Conversation", "Happening", "Settings", "ToolAsk"]

Approve = Callable[[ToolAsk], bool | Awaitable[bool]]
"""Asked for each call of a tool that is not allowed beforehand; True lets it run."""

EVENTS_KEPT = 10_000
"""Happenings that wait for a slow reader of `events`; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: its response is done and its sound has ended."""

    text: str
    latency: float | None
    """Seconds from your words to its first sound."""
    cut_by: str
    """Who cut it short; empty when nobody did."""


class Conversation:
    """One talk. Use as an async context manager: it connects on entry and hangs up on exit.

    `tools` are functions the model may call (as in a file of `--tools`); each call is put to `approve` first. Without
    it nothing runs but what `Settings(allow_tools=...)` names.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        environ: Mapping[str, str] | None = None,
        *,
        tools: Sequence[Callable[..., Any]] = (),
        approve: Approve | None = None,
    ) -> None:
        self._settings = settings or Settings()
        self._tools = tuple(tools)
        self._approve = approve
        self._asked: dict[str, asyncio.Task[None]] = {}
        self._environ = os.environ if environ is None else environ
        self._happened: asyncio.Queue[Happening] = asyncio.Queue(EVENTS_KEPT)
        self._changed = asyncio.Event()
        self._talk: Talk | None = None
        self._taping: Taping | None = None

    async def __aenter__(self) -> Conversation:
        """Connect. Raises ConfigError, SignallingError, and TapeError where no tape can be made."""
        self._talk = talk = Talk(self._settings, self._environ, self._tools)
        talk.session.on_change = self._on_change
        self._taping = Taping(talk, lambda shown: None)
        talk.observers.add("list of events", self._keep)
        talk.observers.add("recording", self._taping.watch)
        try:
            if self._settings.record:
                self._taping.begin()
            await self._talk.start()
            await self._until_ready(self._settings.connect_timeout + 20.0)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the mic, hang up, close devices and our own server. Idempotent."""
        talk, self._talk = self._talk, None
        for task in self._asked.values():
            task.cancel()
        if talk is not None:
            try:
                await talk.close()
            finally:
                if self._taping is not None:
                    self._taping.end()

    async def say(self, text: str, timeout: float = 60.0) -> Answer:
        """Type a message and wait for its whole answer.

        Raises TimeoutError, SignallingError when the line is lost, RemoteProtocolError when the answer failed.
        """
        done = self.view().completed
        self._live().session.tell(TextEntered(text))
        async with asyncio.timeout(timeout):
            while self.view().completed <= done:
                self._raise_if_lost()
                await self._next_change()
        turn = next(turn for turn in reversed(self.transcript()) if turn.who == "assistant")
        if turn.failed:
            raise RemoteProtocolError(turn.failed, hint="ask again, or look at the events", retryable=True)
        return Answer(turn.text, turn.latency, turn.cut_by)

    def talk(self) -> None:
        """Press push-to-talk."""
        self._live().session.tell(TalkPressed("control"))

    def release(self) -> None:
        """Release push-to-talk."""
        self._live().session.tell(TalkReleased("control"))

    def stop(self) -> None:
        """Stop the answer at once."""
        self._live().session.tell(StopPressed())

    def mute(self, muted: bool = True) -> None:
        self._live().session.tell(MuteChosen(muted))

    def end(self) -> None:
        """End the session (R30); `close` follows at the end of the context."""
        self._live().session.tell(EndAsked())

    def view(self) -> View:
        """Microphone, reply and connection as they are now."""
        session = self._live().session
        return view(session.state, session.clock(), session.policy)

    def transcript(self) -> tuple[TurnView, ...]:
        session = self._live().session
        return turn_views(session.state, session.clock())

    async def events(self) -> AsyncIterator[Happening]:
        """Everything that flows, in and out and local, from the connection on. Ends with the conversation."""
        while self._talk is not None or not self._happened.empty():
            try:
                yield await asyncio.wait_for(self._happened.get(), 0.1)
            except TimeoutError:
                continue

    def _keep(self, happening: Happening) -> None:
        if self._happened.full():
            self._happened.get_nowait()
        self._happened.put_nowait(happening)

    def _on_change(self) -> None:
        self._changed.set()
        for ask in self.view().asked if self._talk is not None else ():
            if ask.call_id not in self._asked:
                self._asked[ask.call_id] = spawn(self._put_to_the_program(ask))

    async def _put_to_the_program(self, ask: ToolAsk) -> None:
        """A callback that fails has not allowed anything."""
        session, reason = self._live().session, "The program allows no calls."
        is_allowed = False
        if self._approve is not None:
            try:
                answer = self._approve(ask)
                is_allowed = bool(await answer if isinstance(answer, Awaitable) else answer)
                reason = ""
            except Exception as error:  # the edge of the program's code
                reason = f"Asking failed: {type(error).__name__}: {error}"
        session.tell(ToolAllowed(ask.call_id) if is_allowed else ToolDenied(ask.call_id, reason))

    def _live(self) -> Talk:
        if self._talk is None:
            raise SignallingError("the conversation is over", hint="use it inside `async with Conversation(...)`")
        return self._talk

    async def _next_change(self) -> None:
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), 0.1)

    async def _until_ready(self, timeout: float) -> None:
        async with asyncio.timeout(timeout):
            while not self._is_ready(self.view()):
                self._raise_if_lost()
                await self._next_change()

    @staticmethod
    def _is_ready(now: View) -> bool:
        return now.connection.phase == "open" and now.mic.state != "configuring" and now.has_all_tools

    @staticmethod
    def _is_line_missing(connection: ConnectionView) -> bool:
        return connection.lost_for is not None and not connection.rolls_over

    def _raise_if_lost(self) -> None:
        connection = self.view().connection
        # The line comes back by itself, but not the answer that was waited for: nothing is asked twice unasked.
        if connection.phase in ("refused", "lost", "ended") or self._is_line_missing(connection):
            raise SignallingError(connection.reason or "the line was lost", hint=connection.hint)
