"""What the engine says, on its way to the screen: states at a pace that can be read, everything else at once."""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import structs
from textual.timer import Timer

from voicechat.core.view import View
from voicechat.engine.link import (
    Ack,
    Batch,
    Devices,
    EngineHello,
    FromEngine,
    Goodbye,
    Meters,
    Numbers,
    SessionShown,
    Snapshot,
    TapeShown,
    Turns,
    Unresponsive,
)
from voicechat.insight.records import Finding
from voicechat.ui import messages
from voicechat.ui.pace import after_death, is_urgent, paintings_a_second, unhurried, without_response
from voicechat.ui.sanitise import clean, cleaned

if TYPE_CHECKING:
    from voicechat.ui.app import VoiceChatApp

RESTARTS_A_MINUTE = 3
AT_ONCE = 0.004
"""Seconds too early that are not worth a timer, which costs as much as half a frame."""


class Feed:
    """The records of one app's engine, and whether it lives, hangs or may be started again."""

    def __init__(self, app: VoiceChatApp) -> None:
        self.app = app
        self.silent_for = 0.0
        """Seconds for which the engine has not responded."""
        self._shown = View()
        self._shown_at = 0.0
        self._show_timer: Timer | None = None
        self._restarts: deque[float] = deque(maxlen=RESTARTS_A_MINUTE)

    def deliver(self, record: FromEngine) -> None:
        """Called from the reader thread: one Textual message for each record that concerns a screen."""
        if type(record) in messages.SHOWN and not (isinstance(record, Ack) and not record.reason):
            with suppress(RuntimeError):  # the loop has closed while the engine was still talking
                self.app.post_message(messages.Arrived(record))

    def take(self, record: FromEngine) -> None:
        match record:
            case Snapshot():
                self._take_snapshot(record)
            case Turns():
                turns = cleaned(record)
                self.app.talk.take_turns(turns)
                self.app.manual.take_turns(turns)
            case Batch():  # the list makes odd characters visible itself
                self.app.talk.developer.take_batch(record)
                self.app.manual.take_batch(record)
            case Devices():  # names stay as they are, because a choice is made by name
                self.app.talk.devices = record
            case TapeShown():
                self.app.talk.tape = cleaned(record)
                self.app.recording = record.folder or self.app.recording
            case SessionShown():  # its document is data, cleaned where a value is painted
                reasons = tuple((path, clean(why, one_line=True)) for path, why in record.refused)
                self.app.talk.session = structs.replace(record, refused=reasons)
            case Numbers():
                self.app.talk.numbers = cleaned(record)
            case Finding():
                self.app.talk.take_finding(cleaned(record))
            case Ack():
                self.app.notice(clean(record.reason, one_line=True))
            case EngineHello():
                self.app.talk.engine_died(None)
            case Unresponsive() if self.app.died is None:
                self.silent_for = record.seconds
                self.app.name_window()
                self.show()
            case Goodbye():
                self._engine_ended(record)

    def _take_snapshot(self, snapshot: Snapshot) -> None:
        """Urgent changes at once, figures at the present pace."""
        self.app.view, self.app.meters, self.app.sound = (
            unhurried(cleaned(snapshot.view)),
            snapshot.meters,
            snapshot.sound,
        )
        self.app.talk.now = float(int(snapshot.t))
        self.app.talk.developer.take_state(snapshot.t, self.app.view.mic, self.app.meters)
        if self.app.away:
            self.app.name_window()
        is_calm = self.app.options.motion == "calm"
        rate = paintings_a_second(remote=self.app.remote, calm=is_calm, away=self.app.away)
        wait = self._shown_at + 1 / rate - time.monotonic()
        if wait <= AT_ONCE or is_urgent(self._shown, self.app.view):
            self.show()
        elif self._show_timer is None:
            self._show_timer = self.app.set_timer(wait, self.show)

    def show(self) -> None:
        if self._show_timer is not None:
            self._show_timer.stop()
            self._show_timer = None
        if not self.app.is_shown:
            return
        self._shown, self._shown_at = self.app.view, time.monotonic()
        if self.silent_for:
            view = without_response(self.app.view, self.silent_for, self.app.talk.keys)
            self.app.talk.show_state(view, Meters(), self.app.sound)
        else:
            self.app.talk.show_state(self.app.view, self.app.meters, self.app.sound)

    def _engine_ended(self, goodbye: Goodbye) -> None:
        self.app.died, self.silent_for = goodbye, 0.0
        self.app.view, self.app.meters = after_death(self.app.view, self.app.spoken), Meters()
        self.app.talk.tape = TapeShown()
        self.show()
        self.app.talk.engine_died(clean(goodbye.cause), may_restart=self.may_restart())
        if goodbye.restart and self.may_restart():
            self.restart()

    def may_restart(self) -> bool:
        now = time.monotonic()
        return len([at for at in self._restarts if now - at < 60]) < RESTARTS_A_MINUTE

    def restart(self) -> None:
        self._restarts.append(time.monotonic())
        self.app.died, self.silent_for = None, 0.0
        self.app.talk.engine_died(None)
        self.app.engine.restart()
