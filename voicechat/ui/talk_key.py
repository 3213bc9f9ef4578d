"""What a talk key means now. Pure: presses, releases and the state of the session in, user events out.

In push-to-talk a press opens the mic or ends a latch; in hands-free it pauses the open mic. While no line is up it
always talks: the first words are kept.
"""

from __future__ import annotations

from voicechat.core.user_events import PauseToggled, TalkPressed, TalkReleased, UserEvent
from voicechat.core.view import View
from voicechat.ui.hold import HoldDetector, HoldTiming


class TalkKey:
    """One talker: the keyboard with its detector, and the mouse on the badge, which always knows its release."""

    def __init__(self, timing: HoldTiming | None = None) -> None:
        self.detector = HoldDetector(timing)
        self._mouse_talks = False

    def pressed(self, view: View, now: float) -> tuple[UserEvent, ...]:
        """The key went down (or repeated, where the two look alike)."""
        first = self.detector.phase == "up"
        meaning = self._meaning(view)
        told = self.detector.press(now, talks=meaning == "hold")
        return told if not first or meaning == "hold" else self._spent(meaning)

    def mouse_pressed(self, view: View) -> tuple[UserEvent, ...]:
        """The mouse went down on the badge."""
        meaning = self._meaning(view)
        self._mouse_talks = meaning == "hold"
        return (TalkPressed(source="mouse"),) if meaning != "pause" else self._spent(meaning)

    def mouse_released(self) -> tuple[UserEvent, ...]:
        """The mouse came up."""
        talked, self._mouse_talks = self._mouse_talks, False
        return (TalkReleased(source="mouse"),) if talked else ()

    @staticmethod
    def _spent(meaning: str) -> tuple[UserEvent, ...]:
        if meaning == "unlatch":
            return (TalkPressed(),)
        return (PauseToggled(),) if meaning == "pause" else ()

    @staticmethod
    def _meaning(view: View) -> str:
        if view.mic.state == "latched":
            return "unlatch"
        hands_free = view.mic.turn_mode != "push-to-talk" and view.connection.phase == "open"
        return "pause" if hands_free and view.mic.state != "remote" else "hold"
