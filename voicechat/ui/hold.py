"""How long is a key held, when most terminals only tell that it was pressed? Pure; the clock is an argument.

With true releases the matter is plain: press and release, and the core tells a tap from a hold. Without them the end of
a hold is the first key repeat that does not come. Repeats come every 15 to 92 ms on the systems measured, after 225 to
660 ms; the longest of the last 16 intervals and three times their median decide what "does not come" means. The floor
of 180 ms keeps false releases at 2 in 100 holds under a busy screen; over SSH 350 to 600 ms are needed for that. A
false release costs nothing if a repeat follows within the grace: it rejoins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from voicechat.core.user_events import FocusLost, TalkPressed, TalkRejoined, TalkReleased, TalkTapped, UserEvent

Phase = Literal["up", "armed", "held", "grace", "spent"]


@dataclass(frozen=True, slots=True)
class HoldTiming:
    """Durations in seconds; see the module for their reasons."""

    first_repeat: float = 0.8
    """Longest wait for a first repeat (the X server's default delay is 0.66)."""
    floor: float = 0.18
    cap: float = 0.4
    unlearned: float = 0.25
    grace: float = 0.22
    """A little less than the 0.25 s for which the core keeps an inferred release open: messages take time."""

    @staticmethod
    def over_network() -> HoldTiming:
        """Over SSH or mosh, where repeats come in clumps."""
        return HoldTiming(floor=0.35, cap=0.6, unlearned=0.45)


class HoldDetector:
    """Turns presses, repeats and releases of one key into the user events of push-to-talk.

    Phases: *up*; *armed* (pressed, kind unknown, the mic is open already); *held* (a repeat came); *grace* (released by
    inference, may be taken back); *spent* (this press has done its work, its repeats mean nothing).
    """

    def __init__(self, timing: HoldTiming | None = None) -> None:
        self.timing = timing or HoldTiming()
        self.has_release = False
        """The terminal reports releases."""
        self.phase: Phase = "up"
        self.extra = 0
        """Presses behind one that was spent at once: a single one was a second tap, or the first repeat of a hold."""
        self._since = 0.0
        self._last = 0.0
        self._intervals: deque[float] = deque(maxlen=16)
        self._learned: float | None = None

    @property
    def is_down(self) -> bool:
        return self.phase in ("armed", "held")

    @property
    def gap(self) -> float:
        """So long without a repeat means released."""
        timing = self.timing
        if len(self._intervals) >= 3:
            ordered = sorted(self._intervals)
            wanted = max(3 * ordered[len(ordered) // 2], 1.5 * ordered[-1]) + 0.03
        else:
            wanted = self._learned or timing.unlearned
        return min(max(wanted, timing.floor), timing.cap)

    def press(self, now: float, *, talks: bool = True) -> tuple[UserEvent, ...]:
        """The key went down, or repeated: without true releases the two look alike.

        `talks`: a press now opens a hold. Otherwise (it ends a latch, it pauses an open mic) it is spent at once and
        only swallows its own repeats; what it meant is the caller's.
        """
        match self.phase:
            case "up":
                return self._begin(now, talks)
            case _ if self.has_release:
                return ()  # a repeat of a key that is down
            case "spent":
                self._last, self.extra = now, self.extra + 1
                return ()
            case "grace":
                self._hold(now)
                return (TalkRejoined(),)
            case _:
                self._hold(now)
                return ()

    def _begin(self, now: float, talks: bool) -> tuple[UserEvent, ...]:
        self._since = self._last = now
        self._intervals.clear()
        self.phase, self.extra = "armed" if talks else "spent", 0
        return (TalkPressed(),) if talks else ()

    def _hold(self, now: float) -> None:
        if self.phase == "held":
            self._intervals.append(now - self._last)
        self.phase, self._last = "held", now

    def release(self, now: float) -> tuple[UserEvent, ...]:
        was_down, self.phase = self.is_down, "up"
        return (TalkReleased(),) if was_down else ()

    def focus_lost(self) -> tuple[UserEvent, ...]:
        """The window lost the keyboard; the real release goes to another one."""
        was_down, self.phase = self.is_down, "up"
        return (FocusLost(),) if was_down else ()

    def tick(self, now: float) -> tuple[UserEvent, ...]:
        """Call at `deadline()`, or any time."""
        due = self.deadline()
        if due is None or now < due:
            return ()
        match self.phase:
            case "armed":
                self.phase = "up"  # a first repeat later than this does not exist, so none has to be swallowed
                return (TalkTapped(),)
            case "held":
                if len(self._intervals) >= 3:
                    self._learned = self.gap
                self.phase, self._last = "grace", now
                return (TalkReleased(inferred=True),)
            case _:
                self.phase = "up"
        return ()

    def deadline(self) -> float | None:
        """When `tick` next matters; None: never by itself."""
        if self.has_release:
            return None
        match self.phase:
            case "armed":
                return self._since + self.timing.first_repeat
            case "held":
                return self._last + self.gap
            case "grace":
                return self._last + self.timing.grace
            case "spent":
                return max(self._since + self.timing.first_repeat, self._last + self.gap)
        return None


def is_remote(environment: Iterable[str]) -> bool:
    """Whether names in the environment say that the keyboard is far away."""
    return any(name in ("SSH_CONNECTION", "SSH_TTY", "MOSH_IP") for name in environment)
