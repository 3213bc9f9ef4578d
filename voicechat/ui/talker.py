"""Keys and mouse as talk events: which of them is the talk key, what it means now, when it went up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

from textual.timer import Timer

from voicechat.core.user_events import PauseToggled, TalkPressed, TalkReleased
from voicechat.ui.bindings import keys_of
from voicechat.ui.hold import HoldDetector, HoldTiming
from voicechat.ui.keyboard import KeyMoved

if TYPE_CHECKING:
    from voicechat.ui.app import VoiceChatApp


class Talker:
    """The talk key of one app, and the mouse on the badge, which always knows its release.

    In push-to-talk a press opens the mic or ends a latch; in hands-free it pauses the open mic. While no line is up it
    always talks: the first words are kept.
    """

    def __init__(self, app: VoiceChatApp) -> None:
        self.app = app
        self.detector = HoldDetector(HoldTiming.over_network() if app.remote else HoldTiming())
        self._mouse_talks = False
        self._down_key = ""
        self._timer: Timer | None = None

    @property
    def has_release(self) -> bool:
        return self.detector.has_release

    def keyboard_known(self, reports_release: bool) -> None:
        self.detector.has_release = reports_release
        self._release_learnt()

    def _release_learnt(self) -> None:
        """How the end of a hold is known, for deck, footer and cards."""
        self.app.talk.release = "true" if self.has_release else "remote" if self.app.remote else "guessed"

    def key_moved(self, message: KeyMoved) -> None:
        if not self.has_release:
            return
        if message.kind == "release" and message.key == self._down_key:
            self._down_key = ""
            self.app.tell(*self.detector.release(time.monotonic()))
        elif message.kind == "press" and self.is_talk_key(message.key):
            if self._down_key == message.key:  # its release was lost; a key that repeats says so
                self.app.tell(*self.detector.release(time.monotonic()))
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
        """The talk key went down (or repeated, where the two look alike)."""
        is_first, meaning = self.detector.phase == "up", self._meaning()
        told = self.detector.press(time.monotonic(), talks=meaning == "hold")
        if is_first and meaning != "hold":
            told = (PauseToggled() if meaning == "pause" else TalkPressed(),)
        self.app.tell(*told)
        self._arm_timer()

    def mouse_pressed(self) -> None:
        meaning = self._meaning()
        self._mouse_talks = meaning == "hold"
        self.app.tell(PauseToggled() if meaning == "pause" else TalkPressed(source="mouse"))

    def mouse_released(self) -> None:
        talked, self._mouse_talks = self._mouse_talks, False
        if talked:
            self.app.tell(TalkReleased(source="mouse"))

    def _meaning(self) -> Literal["hold", "unlatch", "pause"]:
        view = self.app.view
        if view.mic.state == "latched":
            return "unlatch"
        hands_free = view.mic.turn_mode != "push-to-talk" and view.connection.phase == "open"
        return "pause" if hands_free and view.mic.state != "remote" else "hold"

    def focus_lost(self) -> None:
        """The window lost the keyboard: a hold ends."""
        self._down_key = ""
        self.app.tell(*self.detector.focus_lost())
        self._arm_timer()

    def _arm_timer(self) -> None:
        """One timer at the detector's deadline instead of polling."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        due = self.detector.deadline()
        if due is not None:
            self._timer = self.app.set_timer(max(0.001, due - time.monotonic()), self._hold_due)

    def _hold_due(self) -> None:
        if not self.app.is_shown:  # it is being taken down
            return
        self.app.tell(*self.detector.tick(time.monotonic()))
        if self.detector.phase == "up" and self.detector.extra == 1:
            self.app.notice(f"{self.app.talk.keys.of('ptt')} twice within 0.8 s counted once")
        self._arm_timer()
        self._release_learnt()
