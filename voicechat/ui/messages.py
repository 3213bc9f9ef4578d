"""Textual messages that cross the screen. Widgets post them upwards and know no sibling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.message import Message

from voicechat.core.user_events import UserAct
from voicechat.engine.link import (
    Ack,
    Batch,
    Devices,
    EngineHello,
    Finding,
    FromEngine,
    Goodbye,
    Jumped,
    Numbers,
    Playing,
    SessionShown,
    Snapshot,
    TapeShown,
    Turns,
    Unresponsive,
)


class SnapshotArrived(Message, bubble=False):
    """The newest state; an older one still waiting is worth nothing."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        """Latest wins."""
        return isinstance(message, SnapshotArrived)


class TurnsArrived(Message, bubble=False):
    """Changed entries of the transcript. Never replaced: each carries only what changed."""

    def __init__(self, turns: Turns) -> None:
        super().__init__()
        self.turns = turns


class BatchArrived(Message, bubble=False):
    """New events for the list."""

    def __init__(self, batch: Batch) -> None:
        super().__init__()
        self.batch = batch


class DevicesArrived(Message, bubble=False):
    """What there is to choose from; the newest list is the whole truth."""

    def __init__(self, devices: Devices) -> None:
        super().__init__()
        self.devices = devices

    def can_replace(self, message: Message) -> bool:
        """Latest wins."""
        return isinstance(message, DevicesArrived)


class SessionArrived(Message, bubble=False):
    """The configuration as it is now; the newest is the whole truth."""

    def __init__(self, session: SessionShown) -> None:
        super().__init__()
        self.session = session

    def can_replace(self, message: Message) -> bool:
        """Latest wins."""
        return isinstance(message, SessionArrived)


TOLD_BY_THE_TALK = frozenset(
    {"mic-silent", "self-echo", "connection-lost", "auth-failed", "quota-or-billing", "rate-limited", "session-expired"}
    | {"response-failed", "no-response", "transcription-failed"}
)
"""Findings whose happening already has a note of its own in the transcript: nobody needs two."""


class FindingArrived(Message, bubble=False):
    """A problem was found, has changed or has ended. Never replaced: each tells of one problem only."""

    def __init__(self, finding: Finding) -> None:
        super().__init__()
        self.finding = finding


class TapeArrived(Message, bubble=False):
    """A tape is being made, or no more."""

    def __init__(self, tape: TapeShown) -> None:
        super().__init__()
        self.tape = tape


class NumbersArrived(Message, bubble=False):
    """Times, tokens and money; the newest figures are the whole truth."""

    def __init__(self, numbers: Numbers) -> None:
        super().__init__()
        self.numbers = numbers

    def can_replace(self, message: Message) -> bool:
        """Latest wins."""
        return isinstance(message, NumbersArrived)


class JumpedArrived(Message, bubble=False):
    """A replay goes on at another moment. Never replaced: what follows builds on it."""

    def __init__(self, jumped: Jumped) -> None:
        super().__init__()
        self.jumped = jumped


class PlayingArrived(Message, bubble=False):
    """Where a replay is; the newest is the whole truth."""

    def __init__(self, playing: Playing) -> None:
        super().__init__()
        self.playing = playing

    def can_replace(self, message: Message) -> bool:
        """Latest wins."""
        return isinstance(message, PlayingArrived)


class EngineBegan(Message, bubble=False):
    """The engine said hello."""

    def __init__(self, hello: EngineHello) -> None:
        super().__init__()
        self.hello = hello


class EngineEnded(Message, bubble=False):
    """The engine said goodbye, or died and its host said it for it."""

    def __init__(self, goodbye: Goodbye) -> None:
        super().__init__()
        self.goodbye = goodbye


class CommandRefused(Message, bubble=False):
    """The engine did not do what the user asked for."""

    def __init__(self, ack: Ack) -> None:
        super().__init__()
        self.reason = ack.reason


class EngineSilent(Message, bubble=False):
    """The engine has answered no ping for `seconds`; 0: it answers again."""

    def __init__(self, record: Unresponsive) -> None:
        super().__init__()
        self.seconds = record.seconds


class UserDid(Message):
    """A widget asks the app to tell the engine."""

    def __init__(self, event: UserAct) -> None:
        super().__init__()
        self.event = event


class BadgePressed(Message):
    """The mouse went down on the badge: talk."""


class BadgeReleased(Message):
    """The mouse came up, wherever the pointer was: send."""


_ARRIVALS: dict[type[FromEngine], Callable[[Any], Message]] = {
    Snapshot: SnapshotArrived,
    Turns: TurnsArrived,
    Batch: BatchArrived,
    Devices: DevicesArrived,
    Finding: FindingArrived,
    SessionShown: SessionArrived,
    Numbers: NumbersArrived,
    TapeShown: TapeArrived,
    Jumped: JumpedArrived,
    Playing: PlayingArrived,
    EngineHello: EngineBegan,
    Unresponsive: EngineSilent,
    Goodbye: EngineEnded,
    Ack: CommandRefused,
}


def message_of(record: FromEngine) -> Message | None:
    """The message that carries one record to the screen; None for what concerns no screen."""
    if isinstance(record, Ack) and not record.reason:
        return None
    arrival = _ARRIVALS.get(type(record))
    return arrival(record) if arrival is not None else None
