"""What another turn detection would have done with the same speech: turns cut in a pause, against time waited.

Only the pause that ends a turn (`silence_duration_ms`) can be judged from a log: the server tells where each piece of
speech began and ended, so the pauses between the pieces are known, and those inside them were shorter than the setting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

HESITATION = 1_200
"""ms: a longer pause is between two turns, a shorter one inside a sentence."""
STEP = 100
MOST = 1_200
FEWEST_TURNS = 3
SHARE = 0.05
"""Of the turns that may still be cut by a setting that is proposed."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One value of silence_duration_ms, and what it would have done."""

    silence_ms: int
    cut: int
    """Turns that end in a pause inside a sentence."""
    later_ms: int
    """By how much each answer would begin later than now."""


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The setting in force first, then longer ones; `best` is None where nothing is to be gained."""

    turns: int
    settings: tuple[Setting, ...]
    best: Setting | None

    @property
    def gain(self) -> str:
        """`0 instead of 3 of 9 turns cut in a pause, +200 ms a turn`; empty where nothing is proposed."""
        if self.best is None:
            return ""
        cut = f"{self.best.cut} instead of {self.settings[0].cut} of {self.turns} turns cut in a pause"
        return f"{cut}, +{self.best.later_ms} ms a turn"

    @property
    def sentence(self) -> str:
        """`silence_duration_ms 700: 0 instead of 3 of 9 turns cut, +200 ms a turn`."""
        if self.best is None:
            return ""
        return f"silence_duration_ms {self.best.silence_ms} (now {self.settings[0].silence_ms}): {self.gain}"


def what_if(speech: Sequence[tuple[float, float]], silence_ms: float, padding_ms: float) -> WhatIf | None:
    """`speech`: (audio_start_ms, audio_end_ms) of each piece, as the server tells them.

    They hold the padding in front and the silence behind. None where there are too few pieces to say anything.
    """
    if len(speech) < FEWEST_TURNS:
        return None
    pauses = [(start + padding_ms) - (end - silence_ms) for (_, end), (start, _) in pairwise(speech)]
    inside = [pause for pause in pauses if 0 < pause <= HESITATION]
    now = round(silence_ms)
    longer = range(now - now % STEP + STEP, MOST + 1, STEP)
    settings = tuple(Setting(one, sum(pause > one for pause in inside), one - now) for one in (now, *longer))
    limit = SHARE * (len(speech) - len(inside))
    best = next((one for one in settings[1:] if one.cut <= limit), None)
    return WhatIf(len(speech), settings, best if settings[0].cut > limit else None)
