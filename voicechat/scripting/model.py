"""A script as it was read: steps in order, each an act, a wait and what is expected. Durations are seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from voicechat.audio.script_mic import Room
from voicechat.core.user_events import UserAct

DEFAULT_LIMIT = 20.0
"""Seconds a wait may take."""
DEFAULT_WITHIN = 3.0
"""Seconds until what is expected has to be so: words and figures come a little after the sound."""
ANSWER_AUDIBLE, ANSWER_ENDED = "answer.audible", "answer.ended"
"""Moments that no single event tells: the first sound (or word) of an answer, and its end for the listener."""


@dataclass(frozen=True, slots=True)
class EventPattern:
    """An event that is waited for: its type and the values that some of its fields must have."""

    type: str
    where: Mapping[str, Any] = field(default_factory=dict)
    """Dotted path -> value."""


@dataclass(frozen=True, slots=True)
class When:
    """The moment of an act: so many seconds after an event of this turn."""

    after: EventPattern
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Sound:
    """What is said: words for the local voice, or a sound file."""

    text: str = ""
    file: Path | None = None
    speed: float = 1.0
    gain: float = 0.0
    """dB."""
    noise: float | None = None
    """White noise under it, dBFS."""


@dataclass(frozen=True, slots=True)
class Say:
    """Speak into the microphone."""

    sound: Sound
    holds_key: bool = False
    """Push-to-talk is down from the first to the last sample."""
    in_background: bool = False
    """The next step does not wait for its end."""


@dataclass(frozen=True, slots=True)
class Do:
    """What a hand does: type, press, stop, mute, choose."""

    acts: tuple[UserAct, ...]
    begins_turn: bool = False
    """A turn of yours begins with it; waits and expectations look at what came since."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep push-to-talk down for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Silence:
    """Let time pass."""

    seconds: float


Act = Say | Do | Hold | Silence


@dataclass(frozen=True, slots=True)
class Wait:
    """Go on when this has happened; it is a failure when it has not within `limit`."""

    wanted: EventPattern
    limit: float = DEFAULT_LIMIT


Source = Literal["answer", "heard", "unheard", "you"]
"""Whose words: the newest answer as a whole, the heard or unheard part of the newest one that was cut, or yours."""
Criterion = Literal[
    "contains",
    "contains_any",
    "not_contains",
    "matches",
    "not_matches",
    "said",
    "cut_by",
    "first_sound_below",
    "silent_in_below",
    "transcript_below",
    "events",
    "no_events",
    "findings",
    "no_findings",
    "tool",
    "mic",
]


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing that has to be so."""

    criterion: Criterion
    value: Any
    """As the criterion has it: texts, a regular expression, seconds, events, codes."""
    source: Source = "answer"
    word_errors: float = 0.0
    """Share of wrong words that `said` allows."""
    args: Mapping[str, Any] = field(default_factory=dict)
    """Arguments the tool was called with, among others."""
    since: str = ""
    """`talk`, the label of an earlier step, or empty: the beginning of this turn."""
    within: float = DEFAULT_WITHIN
    is_soft: bool = False
    """The talk goes on when it fails; the script has failed all the same."""


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of the script."""

    number: int
    line: int
    label: str = ""
    act: Act | None = None
    when: When | None = None
    wait: Wait | None = None
    expectations: tuple[Expectation, ...] = ()
    told: str = ""
    """The act in a few words."""


@dataclass(frozen=True, slots=True)
class SoundExpectation:
    """What the recording of the whole talk must show; None: not asked."""

    no_findings: tuple[str, ...] | None = None
    """Codes; empty: none of any kind."""
    wait_below: float | None = None
    """Seconds from the last sound that was sent of a turn to the answer's first one, the longest of the talk."""


@dataclass(frozen=True, slots=True)
class Script:
    """A whole script; `settings` are checked, by name."""

    path: Path
    name: str
    steps: tuple[Step, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    room: Room = field(default_factory=Room)
    timeout: float = 120.0
    """Seconds the whole talk may take."""
    sound: SoundExpectation | None = None

    @property
    def sounds(self) -> tuple[Sound, ...]:
        """Everything that is said, each once."""
        return tuple(dict.fromkeys(step.act.sound for step in self.steps if isinstance(step.act, Say)))
