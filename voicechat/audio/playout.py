"""What the loudspeaker plays: pulls the assistant's sound, shapes its loudness, and can fall silent at once.

A flush never waits: the next block fades out in 5 ms, and what still arrives of the cancelled response is dropped (R8).
Sound that arrives has no name over WebRTC, so responses are counted: `begin` says which generation arrives from now on,
and `flush` drops every generation up to a number. A later generation is played whatever was flushed before: nothing
latches. Pure: the time is passed in, the source is a port.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from voicechat.audio.blocks import BLOCK, BLOCK_SECONDS, FROM_INT16, SAMPLE_RATE, Block, Frame, mean_square, to_float

LOUDEST = 1.5
"""Highest volume; above it even soft voices clip."""
DUCKED = 10.0 ** (-12.0 / 20.0)
"""Gain while somebody talks over the assistant and we are not sure yet: clearly lower, still understood."""
AUDIBLE = 10.0 ** (-60.0 / 10.0)
"""Mean square above which a block is audible. Measured before volume and duck, so that a soft setting does not turn the
assistant's quiet syllables into silence; with the volume at zero nothing is audible."""
ANSWER_GAP = 1.0
"""Seconds of silence after which no answer is running, and sound of a later generation counts as another answer."""
_GAIN_STEP = 0.2
"""Most the gain changes in one block: full to silent in 50 ms, without a click."""
_LOWEST, _HIGHEST = np.float32(-1.0), np.float32(1.0)
_CANNOT_CLIP = 1.0 / BLOCK
"""Mean square up to which no single sample of a block can lie outside [-1, 1]."""
_FADE_IN = 0.005
"""Seconds of fade where sound is let in again in the middle of it."""


class PlaybackSource(Protocol):
    """Where the assistant's sound comes from: a jitter buffer, or a queue of received audio."""

    def pull(self, now: float, samples: int) -> Frame:
        """The next `samples` as int16 at 48 kHz; silence when there is nothing. Called from the audio thread.

        Asked block by block, so that a late packet costs one block and not a whole frame.
        """
        ...

    @property
    def newest(self) -> int:
        """The number of the newest response that is known here; 0 where sound has no names. From any thread."""
        ...

    def flush(self, through: int | None = None) -> None:
        """Drop what is queued, of responses up to this number; None: of all. Called from the audio thread."""
        ...


class Playout:
    """Fills the loudspeaker's blocks. One thread only (the audio thread) may call it."""

    def __init__(self) -> None:
        self.last_audible_at: float | None = None
        """When the last audible block was handed out; None before the first."""
        self.volume = 1.0
        """Wished gain, 0 to `LOUDEST`."""
        self.deafened = False
        """Play nothing, but keep everything running."""
        self.ducked = False
        """Play about 12 dB softer."""
        self.energy = 0.0
        """Mean square of the newest block for the loudspeaker, at most 1; clipping may have made the block softer."""
        self._source: PlaybackSource | None = None
        self._fade_block: Block | None = None
        self.generation = 0
        """Of the sound that arrives now: the number of the response, counted by the core."""
        self.dropped_through = -1
        """The newest generation that was flushed."""
        self._fades_in = False
        self._gain = 1.0
        self._answer_began_at: float | None = None
        self._answer = 0
        """Generation of the answer that was heard last."""

    @property
    def is_dropping(self) -> bool:
        """Whether what arrives now belongs to a response that was flushed."""
        return self.generation <= self.dropped_through

    def set_source(self, source: PlaybackSource | None) -> None:
        """Play from another source, or from none."""
        self._source = source

    def set_volume(self, volume: float) -> None:
        """Wish a gain; outside 0 to `LOUDEST` it is limited."""
        self.volume = min(max(volume, 0.0), LOUDEST)

    def flush(self, now: float, through: int | None = None, queued: int | None = None, fade: float = 0.005) -> int:
        """Fall silent within `fade` seconds and drop all sound of generations up to `through`; which one that is.

        None: up to the one that arrives now, for fast paths that cannot know better. A flush of generations that are
        over already changes nothing. `queued`: the newest response of the source when the flush was asked for.
        """
        through = self.generation if through is None else through
        if through >= self.generation:
            if not self.is_dropping:
                self._fade_block = self._next_block(now) * _fade_out(fade)
            if self._source is not None:
                self._source.flush(queued)
            self._answer_began_at = None
        self.dropped_through = max(self.dropped_through, through)
        return through

    def begin(self, generation: int) -> None:
        """Sound that arrives from now on is of this generation; an older number changes nothing."""
        was_dropping = self.is_dropping
        self.generation = max(self.generation, generation)
        self._fades_in = self._fades_in or (was_dropping and not self.is_dropping)

    def forget(self) -> None:
        """The device was reopened: how the loudspeaker reaches the microphone has to be learnt anew, from here on."""
        self._answer_began_at = None

    def heard(self, now: float) -> float:
        """Seconds from the first to the last audible sample of the running answer; 0.0 when none is running (R7)."""
        if self._answer_began_at is None or self.last_audible_at is None:
            return 0.0
        return self.last_audible_at - self._answer_began_at if now - self.last_audible_at < ANSWER_GAP else 0.0

    def fill(self, out: Block, now: float) -> bool:
        """Write the next 10 ms into `out` (float32[480]); whether it is audible."""
        old_gain = self._gain
        self._gain = gain = self._next_gain()
        is_steady = self._fade_block is None and not self._fades_in and not self.is_dropping
        if old_gain == gain and is_steady:
            audible = self._fill_steadily(out, now)
        else:
            block = self._choose_block(now)
            audible = max(old_gain, gain) > 0.0 and mean_square(block) > AUDIBLE
            gains = np.float32(gain) if old_gain == gain else np.linspace(old_gain, gain, BLOCK, dtype=np.float32)
            np.multiply(block, gains, out=out)
            self._limit(out)
        if audible and not self.is_dropping:
            self._note_audible(now)
        return audible

    def _fill_steadily(self, out: Block, now: float) -> bool:
        """The usual block: conversion and volume in one go, and one look at its energy for all that ask."""
        if self._source is None:
            out[:] = 0.0
            self.energy = 0.0
            return False
        np.multiply(self._source.pull(now, BLOCK), np.float32(FROM_INT16 * self._gain), out=out)
        self._limit(out)
        return self.energy > AUDIBLE * self._gain * self._gain

    def _limit(self, out: Block) -> None:
        self.energy = min(1.0, mean_square(out))
        if self.energy > _CANNOT_CLIP:
            np.maximum(out, _LOWEST, out=out)  # np.clip costs four times as much for so short an array
            np.minimum(out, _HIGHEST, out=out)

    def _choose_block(self, now: float) -> Block:
        block = self._next_block(now)
        if self._fade_block is not None:
            block, self._fade_block = self._fade_block, None
            return block
        if self.is_dropping:
            return np.zeros(BLOCK, dtype=np.float32)
        if self._fades_in:
            self._fades_in = False
            return block * _fade_out(_FADE_IN)[::-1]
        return block

    def _next_block(self, now: float) -> Block:
        if self._source is None:
            return np.zeros(BLOCK, dtype=np.float32)
        return to_float(self._source.pull(now, BLOCK))

    def _next_gain(self) -> float:
        wanted = 0.0 if self.deafened else self.volume * (DUCKED if self.ducked else 1.0)
        return self._gain + min(max(wanted - self._gain, -_GAIN_STEP), _GAIN_STEP)

    def _note_audible(self, now: float) -> None:
        last = self.last_audible_at
        is_another = last is None or (self.generation != self._answer and now - last >= ANSWER_GAP)
        if self._answer_began_at is None or is_another:
            self._answer_began_at = now - BLOCK_SECONDS
        self._answer = self.generation
        self.last_audible_at = now


def _fade_out(seconds: float) -> Block:
    """Gains of one block that fall from 1 to 0 within `seconds` and stay there."""
    length = min(max(int(seconds * SAMPLE_RATE), 1), BLOCK)
    gains = np.zeros(BLOCK, dtype=np.float32)
    gains[:length] = np.linspace(1.0, 0.0, length, dtype=np.float32)
    return gains
