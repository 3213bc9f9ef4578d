"""A microphone that a script speaks into: sounds are put into it at exact times, and the room can answer with an echo.

It stands where a device would stand, so voice detection, gate, pre-roll, echo cancelling and interruption are the real
ones. A wish for it reads `script:` and may furnish the room: `script:echo=-20,delay=0.06,noise=-60` hears the
loudspeaker 20 dB softer after 60 ms, over white noise of -60 dBFS.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from voicechat.audio.blocks import BLOCK, BLOCK_SECONDS, SAMPLE_RATE, Block, silent_block
from voicechat.errors import AudioDeviceError

WISH = "script:"
LONGEST_DELAY = 1.0
"""Seconds; no room answers later."""
_NOISE_SECONDS = 2
_SEED = 7
"""The same room in every run."""


@dataclass(frozen=True, slots=True)
class Room:
    """Where the scripted talk takes place."""

    echo: float | None = None
    """The loudspeaker in the microphone, dB against what is played; None: headphones."""
    delay: float = 0.06
    """Seconds until it is there; one step of the path (0.01) at least."""
    noise: float | None = None
    """White noise, dBFS; None: digital silence."""


@dataclass(frozen=True, slots=True)
class ScriptBegan:
    """The scripted microphone speaks from here on; `at` (seconds on its clock) is the moment of its first sample."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class ScriptEnded:
    """The scripted microphone has said it to its end."""

    at: float
    label: str


@dataclass(slots=True)
class _Speech:
    """A sound on its way; `left` is what was not heard yet, float32."""

    left: Block
    label: str
    at: float
    is_heard: bool = False


class ScriptMic:
    """See the module's text. `say` may be called from any thread, the rest is the audio thread's.

    Sounds that overlap are mixed.
    """

    name = "script"
    finished = False
    waits = False
    """It is heard from the beginning: what is said before the mic opens is the pre-roll's."""

    def __init__(
        self, room: Room, post: Callable[[ScriptBegan | ScriptEnded], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._post = post
        self._clock = clock
        self._asked: deque[_Speech] = deque()
        self._going: list[_Speech] = []
        self._gain = 0.0 if room.echo is None else 10.0 ** (room.echo / 20.0)
        # The step of the path hears before it plays, so one block passes at least.
        self._echo: Block = np.zeros(max(BLOCK, round(room.delay * SAMPLE_RATE)), np.float32)
        self._noise: Block | None = None
        if room.noise is not None:
            noise = np.random.default_rng(_SEED).standard_normal(_NOISE_SECONDS * SAMPLE_RATE)
            self._noise = (noise * 10.0 ** (room.noise / 20.0)).astype(np.float32)
        self._position = 0

    def say(self, sound: Block, label: str, at: float) -> None:
        """Speak `sound` (float32, 48 kHz) from time `at` on, or from now on if that is over."""
        self._asked.append(_Speech(sound, label, at))

    def read(self) -> Block:
        """The next 10 ms, float32[480]: voices, echo and noise."""
        now = self._clock()
        block = silent_block() if self._noise is None else self._next_noise()
        if self._gain:
            block += self._echo[:BLOCK]
        while self._asked:
            self._going.append(self._asked.popleft())
        for speech in self._going:
            self._add(speech, block, now)
        if any(not len(speech.left) for speech in self._going):
            self._going = [speech for speech in self._going if len(speech.left)]
        return block

    def hear(self, out: Block) -> None:
        """What the loudspeaker plays in this step; it comes back after the room's delay."""
        if self._gain:
            self._echo = np.concatenate([self._echo[BLOCK:], out * np.float32(self._gain)])

    def _add(self, speech: _Speech, block: Block, now: float) -> None:
        start = 0 if speech.is_heard else max(0, round((speech.at - now) * SAMPLE_RATE))
        if start >= BLOCK:
            return
        if not speech.is_heard:
            speech.is_heard = True
            self._post(ScriptBegan(now + start / SAMPLE_RATE, speech.label))
        piece, speech.left = speech.left[: BLOCK - start], speech.left[BLOCK - start :]
        block[start : start + len(piece)] += piece
        if not len(speech.left):
            self._post(ScriptEnded(now + BLOCK_SECONDS, speech.label))

    def _next_noise(self) -> Block:
        assert self._noise is not None
        block = self._noise[self._position : self._position + BLOCK].copy()
        self._position = (self._position + BLOCK) % len(self._noise)
        return block


def is_script(wish: str) -> bool:
    """Whether a wish for a microphone names a scripted one."""
    return wish.startswith(WISH)


def wish_of(room: Room) -> str:
    """The wish that furnishes this room."""
    parts = {"echo": room.echo, "delay": room.delay, "noise": room.noise}
    return WISH + ",".join(f"{name}={value:g}" for name, value in parts.items() if value is not None)


def room_of(wish: str) -> Room:
    """The room a wish furnishes. Raises AudioDeviceError for words that furnish none."""
    hint = f"for example {WISH}echo=-20,delay=0.06,noise=-60"
    values: dict[str, float] = {}
    for part in filter(None, wish.removeprefix(WISH).split(",")):
        name, _, value = part.partition("=")
        try:
            values[name] = float(value)
        except ValueError as error:
            raise AudioDeviceError(f"a scripted microphone has no {part[:40]!r}", hint=hint) from error
        if name not in ("echo", "delay", "noise"):
            raise AudioDeviceError(f"a scripted microphone has no {name[:40]!r}", hint=hint)
    delay = values.get("delay", 0.06)
    levels = [values[name] for name in ("echo", "noise") if name in values]
    if not (0.0 <= delay <= LONGEST_DELAY and all(-120.0 <= level <= 0.0 for level in levels)):
        raise AudioDeviceError("no room is like that: levels are -120 to 0 dB, a delay 0 to 1 s", hint=hint)
    return Room(values.get("echo"), delay, values.get("noise"))
