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

from voicechat.config.load import checked
from voicechat.config.settings import Settings
from voicechat.core.events import (
    EndAsked,
    GoOnChosen,
    MuteChosen,
    StopPressed,
    TalkPressed,
    TalkReleased,
    TextEntered,
    ToolAllowed,
    ToolDenied,
)
from voicechat.core.rules.budget import dollars, is_spent
from voicechat.core.rules.typed_text import newest_item
from voicechat.core.transcript import answer_to, is_awaited
from voicechat.core.view import ConnectionView, ToolAsk, TurnView, View
from voicechat.core.viewing import turn_views, view
from voicechat.engine.assemble import Talk
from voicechat.engine.control import too_large
from voicechat.engine.taping import Taping
from voicechat.errors import ConfigError, RemoteProtocolError, SignallingError
from voicechat.failures import cure_of_answer
from voicechat.insight.metrics.prices import read_prices
from voicechat.journal.entry import Entry
from voicechat.tasks import spawn

__all__ = ["Answer", "Approve", "Conversation", "Entry", "Settings", "ToolAsk"]

Approve = Callable[[ToolAsk], bool | Awaitable[bool]]
"""Asked for each call of a tool that is not allowed beforehand; True lets it run."""

EVENTS_KEPT = 10_000
"""Events that wait for a slow reader of `events`; the oldest go first."""


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
    it nothing runs but what `Settings(allow_tools=...)` names. Raises ConfigError for a setting that is not allowed.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        environ: Mapping[str, str] | None = None,
        *,
        tools: Sequence[Callable[..., Any]] = (),
        approve: Approve | None = None,
    ) -> None:
        self._settings = checked(settings or Settings())
        self._tools = tuple(tools)
        self._approve = approve
        self._asked: dict[str, asyncio.Task[None]] = {}
        self._environ = os.environ if environ is None else environ
        self._happened: asyncio.Queue[Entry] = asyncio.Queue(EVENTS_KEPT)
        self._changed = asyncio.Event()
        self._typing = asyncio.Lock()
        self._talk: Talk | None = None
        self._taping: Taping | None = None

    async def __aenter__(self) -> Conversation:
        """Connect. Raises ConfigError, SignallingError, and TapeError where no tape can be made."""
        if problems := read_prices(self._settings.prices)[1]:
            raise ConfigError(f"prices: {problems[0]}", hint="text_in, audio_out and so on, in US dollars a million")
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
        """Type a message and wait for the whole answer to this message; one that sounds already is not it.

        Raises ConfigError for an empty or too long text and where the budget is spent, TimeoutError after `timeout`
        seconds, SignallingError when the line is lost, RemoteProtocolError when the answer failed, was refused or will
        not come.
        """
        if reason := too_large(TextEntered(text)) or ("" if text.strip() else "a message needs words"):
            raise ConfigError(reason, hint="change the text")
        try:
            async with asyncio.timeout(timeout):
                item_id = await self._typed(text)
                while is_awaited(self._live().session.state, item_id):
                    self._raise_if_lost()
                    self._raise_if_spent()
                    await self._next_change()
        except TimeoutError as error:
            raise TimeoutError(f"no whole answer came within {timeout:g} s") from error
        key = answer_to(self._live().session.state, item_id)
        turn = next((turn for turn in self.transcript() if turn.key == key), None)
        if turn is None or turn.cut_by == "line":
            self._raise_if_lost()
        if turn is None or turn.failed:
            why = turn.failed if turn is not None else self._live().session.state.responses.missing_why
            why = why or "the message got no answer: it was stopped, or answered with another turn"
            cure = cure_of_answer(why)
            hint = "ask again, or look at the events" if cure == "ask again" else cure
            raise RemoteProtocolError(why, hint=hint, retryable=cure == "ask again")
        return Answer(turn.text, turn.latency, turn.cut_by)

    async def _typed(self, text: str) -> str:
        """Send a message; the id of its item. One at a time, so that each gets its own."""
        async with self._typing:
            await self._ready()
            before = self._live().session.state.typing.sent
            self._live().session.tell(TextEntered(text))
            while self._live().session.state.typing.sent == before:
                self._raise_if_lost()
                await self._next_change()
            return newest_item(self._live().session.state)

    def talk(self) -> None:
        """Press push-to-talk."""
        self._live().session.tell(TalkPressed("control"))

    def release(self) -> None:
        """Release push-to-talk."""
        self._live().session.tell(TalkReleased("control"))

    def stop(self) -> None:
        """Stop the answer at once."""
        self._live().session.tell(StopPressed())

    def go_on(self) -> None:
        """Talk on although the budget is spent."""
        self._live().session.tell(GoOnChosen())

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

    async def events(self) -> AsyncIterator[Entry]:
        """Everything that flows, in and out and local, from the connection on. Ends with the conversation."""
        while self._talk is not None or not self._happened.empty():
            try:
                yield await asyncio.wait_for(self._happened.get(), 0.1)
            except TimeoutError:
                continue

    def _keep(self, entry: Entry) -> None:
        if self._happened.full():
            self._happened.get_nowait()
        self._happened.put_nowait(entry)

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
        try:
            async with asyncio.timeout(timeout):
                await self._ready()
        except TimeoutError as error:
            missing = "its tools are not loaded" if not self.view().has_all_tools else "the session is not configured"
            message = f"the conversation was not ready after {timeout:g} s: {missing}"
            raise SignallingError(message, hint="`voicechat doctor` says more", retryable=True) from error

    async def _ready(self) -> None:
        while not self._is_ready(self.view()):
            self._raise_if_lost()
            await self._next_change()

    @staticmethod
    def _is_ready(now: View) -> bool:
        return now.connection.phase == "open" and now.mic.state != "configuring" and now.has_all_tools

    @staticmethod
    def _is_line_missing(connection: ConnectionView) -> bool:
        return connection.lost_for is not None and not connection.rolls_over

    def _raise_if_spent(self) -> None:
        state = self._live().session.state
        if is_spent(state) and state.responses.wanted and not state.responses.active_id:
            hint = "Settings(budget=...) sets it, go_on() goes beyond it"
            raise ConfigError(f"the budget of {dollars(state.budget.amount)} is spent", hint=hint)

    def _raise_if_lost(self) -> None:
        connection = self.view().connection
        # The line comes back by itself, but not the answer that was waited for: nothing is asked twice unasked.
        if connection.phase in ("refused", "lost", "ended") or self._is_line_missing(connection):
            raise SignallingError(connection.reason or "the connection was lost", hint=connection.hint)
