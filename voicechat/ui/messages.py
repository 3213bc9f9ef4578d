"""Textual messages that cross the screen. Widgets post them upwards and know no sibling."""

from __future__ import annotations

from textual.message import Message

from voicechat.core.user_events import UserAct
from voicechat.engine.link import (
    Ack,
    Batch,
    Devices,
    EngineHello,
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
from voicechat.insight.records import Finding

NEWEST_ONLY = frozenset({Snapshot, Devices, SessionShown, Numbers, Playing})
"""Records of which the newest is the whole truth: an older one that still waits is dropped."""
SHOWN = NEWEST_ONLY | {Turns, Batch, Finding, TapeShown, Jumped, EngineHello, Unresponsive, Goodbye, Ack}
"""Records that concern a screen."""
TOLD_BY_THE_TALK = frozenset(
    {"mic-silent", "self-echo", "connection-lost", "auth-failed", "quota-or-billing", "rate-limited", "session-expired"}
    | {"response-failed", "no-response", "transcription-failed"}
)
"""Findings whose happening already has a note of its own in the transcript."""


class Arrived(Message, bubble=False):
    """A record of the engine."""

    def __init__(self, record: FromEngine) -> None:
        super().__init__()
        self.record = record

    def can_replace(self, message: Message) -> bool:
        """Latest wins where the newest is the whole truth."""
        kind = type(self.record)
        return kind in NEWEST_ONLY and isinstance(message, Arrived) and type(message.record) is kind


class UserDid(Message):
    """A widget asks the app to tell the engine."""

    def __init__(self, event: UserAct) -> None:
        super().__init__()
        self.event = event


class BadgeMoved(Message):
    """The mouse went down on the badge (talk), or came up, wherever the pointer was (send)."""

    def __init__(self, *, is_down: bool) -> None:
        super().__init__()
        self.is_down = is_down
