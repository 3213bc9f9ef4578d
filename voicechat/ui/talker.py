"""Keys and mouse as talk events: which of them is the talk key, when it went up, and how that is known."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from textual.timer import Timer

from voicechat.ui.bindings import keys_of
from voicechat.ui.hold import HoldTiming, TalkKey
from voicechat.ui.keyboard import KeyMoved

if TYPE_CHECKING:
    from voicechat.ui.app import VoiceChatApp


class Talker:
    """The talk key of one app."""

    def __init__(self, app: VoiceChatApp) -> None:
        self.app = app
        self.key = TalkKey(HoldTiming.over_network() if app.remote else HoldTiming())
        self.has_release = False
        """The terminal reports the release of a key."""
        self._down_key = ""
        self._timer: Timer | None = None

    def keyboard_known(self, reports_release: bool) -> None:
        """The terminal said what it can report."""
        self.has_release = self.key.detector.has_release = reports_release
        self.release_learnt()

    def release_learnt(self) -> None:
        """How the end of a hold is known, for deck, footer and cards."""
        if self.has_release:
            self.app.talk.release = "true"
        elif self.key.detector.only_taps:
            self.app.talk.release = "tap"
        else:
            self.app.talk.release = "remote" if self.app.remote else "guessed"

    def key_moved(self, message: KeyMoved) -> None:
        """A true press or release."""
        if not self.has_release:
            return
        if message.kind == "release" and message.key == self._down_key:
            self._down_key = ""
            self.app.tell(*self.key.detector.release(time.monotonic()))
        elif message.kind == "press" and self.is_talk_key(message.key):
            if self._down_key == message.key:  # its release was lost; a key that repeats says so
                self.app.tell(*self.key.detector.release(time.monotonic()))
            elif self._down_key:
                return
            self._down_key = message.key
            self.press()

    def is_talk_key(self, key: str) -> bool:
        """Whether this key talks now: in a text field the letter one does not."""
        if key in keys_of("vc.ptt_any", self.app.keymap).split(","):
            return True
        focused = self.app.focused
        types = focused is not None and focused.check_consume_key("space", " ")
        return key in keys_of("vc.ptt", self.app.keymap).split(",") and not types

    def press(self) -> None:
        """The talk key went down."""
        self.app.tell(*self.key.pressed(self.app.view, time.monotonic()))
        self._arm_timer()

    def focus_lost(self) -> None:
        """The window lost the keyboard: a hold ends."""
        self._down_key = ""
        self.app.tell(*self.key.detector.focus_lost())
        self._arm_timer()

    def _arm_timer(self) -> None:
        """One timer at the detector's deadline instead of polling."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        due = self.key.detector.deadline()
        if due is not None:
            self._timer = self.app.set_timer(max(0.001, due - time.monotonic()), self._hold_due)

    def _hold_due(self) -> None:
        self.app.tell(*self.key.detector.tick(time.monotonic()))
        self._arm_timer()
        self.release_learnt()
