"""The path driven by a sound device: one duplex stream, and the watchdog that brings it back.

PortAudio calls us every 10 ms on a thread of its own; the callback does one step of the path and counts. Everything
that may take time or fail (closing a dead stream, looking for devices, opening) happens on a helper thread that
`check` starts, because `check` is called from the loop that also paces the line. While no device runs, a paced
thread stands in, so the answer, the requests and the line go on (R26).

What the watchdog looks for, all seen in practice: the stream ended by itself (a sound server that died: 10 ms), no
callback for 500 ms (an unplugged card), and a stream thread that spins after an underflow (the ALSA pulse plug-in:
105 % of a core, cured by abort and start within 2 ms).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

import numpy as np

from voicechat.audio.blocks import SAMPLE_RATE, Block, silent_block
from voicechat.audio.facts import DeviceProblem, StreamLost, StreamRestored
from voicechat.audio.files import WavMic, WavSpeaker
from voicechat.audio.paced_stream import FileEnds, Pacer
from voicechat.audio.path import AudioPath
from voicechat.audio.portaudio import OpenStream, PortAudioOpener, RunningStream, Samples, StreamOpener
from voicechat.audio.resample import RateBridge
from voicechat.errors import AudioDeviceError

LATENCY = 0.03
"""Seconds asked of the device: 40 ms round trip without a gap on a sound server; 20 ms already has them under load."""
LOST_AFTER = 0.5
"""Seconds without a callback that mean the device is lost (R26)."""
FIRST_CALL_WITHIN = 1.0
"""Seconds a fresh stream may take until its first callback."""
BACK_OFF = (0.0, 0.5, 1.0, 2.0, 5.0)
"""Seconds before each attempt to reopen; the last one repeats (R26)."""
HEALTHY_AFTER = 5.0
"""Seconds of running after which the next loss starts the back-off anew."""
SPIN_SHARE = 0.6
"""Share of a core on the stream's thread that is not work (our step takes 5 %) but a spin."""
_SPIN_WINDOW = 1.0
"""Seconds over which that share is taken."""
_CLOSE_WITHIN = 1.0
"""Seconds a dead stream may take to close before it is left behind; some never return."""
_PATIENCE_WITH_WISH = 1
"""Attempts for the wished devices alone, before the default is taken: a headset that changes its profile returns."""
_PATIENCE_WITH_BOTH = 4
"""Attempts for both sides, before one alone is taken: a cable that slipped out is put back within seconds."""

Wishes = tuple[str | None, str | None]
"""Microphone and loudspeaker: "default", a name, or None for a side without a device."""


class DuplexStream:
    """A microphone and a loudspeaker, or one of them, with files or nothing on the other side.

    `start` never raises: what cannot be opened becomes `problem` and a DeviceProblem fact, the rest runs, and where
    nothing could be opened `check` keeps trying.
    """

    def __init__(
        self,
        path: AudioPath,
        *,
        mic: str | None,
        speaker: str | None,
        latency: float = LATENCY,
        file_mic: WavMic | None = None,
        file_speaker: WavSpeaker | None = None,
        opener: StreamOpener | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.problem = ""
        self.mic_name = file_mic.name if file_mic is not None else "none"
        self.speaker_name = file_speaker.name if file_speaker is not None else "none"
        self._path = path
        self._wishes: Wishes = (mic, speaker)
        self._latency = latency
        self._ends = FileEnds(path, file_mic, file_speaker)
        self._opener: StreamOpener = opener if opener is not None else PortAudioOpener()
        self._clock = clock
        self._out = silent_block()
        self._bridge: RateBridge | None = None
        self._stream: RunningStream | None = None
        self._stand_in: Pacer | None = None
        self._helper: threading.Thread | None = None
        self._generation = 0
        self._is_closed = False
        self._failure = ""
        self._has_finished = False
        self._started_at = 0.0
        self._called_at: float | None = None
        self._thread_cpu = 0.0
        self._spin_mark: tuple[float, float] | None = None
        self._attempts = 0
        self._retry_at = 0.0

    def start(self) -> None:
        """Open what can be opened and let the sound run."""
        self._tell_names()
        error = self._open_one_of([self._wishes, *_halves(self._wishes)], refresh=False)
        if error is not None:
            self.problem = str(error)
            self._path.post(DeviceProblem(self._clock(), error.message, error.hint))
        if self._stream is None and error is not None:
            self._put_off(self._clock(), error)
            self._begin_stand_in()

    def check(self, now: float) -> None:
        """Look after the stream; to be called about every 100 ms. Never blocks."""
        if self._is_closed or (self._helper is not None and self._helper.is_alive()):
            return
        if self._stream is None:
            if now >= self._retry_at:
                self._aside(self._reopen)
            return
        reason = self._why_lost(now)
        if reason:
            self._lose(reason, now)
        elif self._is_spinning(now):
            self._aside(self._kick)
        elif self._attempts and now - self._started_at >= HEALTHY_AFTER:
            self._attempts = 0

    def settle(self, timeout: float) -> None:
        """Wait until a repair that is under way is done."""
        if self._helper is not None:
            self._helper.join(timeout)

    def close(self) -> None:
        """Silence, and the devices are given back; safe to call twice."""
        self._is_closed = True
        self.settle(_CLOSE_WITHIN)
        self._generation += 1
        stream, self._stream = self._stream, None
        if stream is not None:
            _close_in_time(stream)
        self._end_stand_in()
        self._ends.close()

    # Opening and repairing: on the caller's thread at start, later on the helper's.

    def _open_one_of(self, choices: list[Wishes], *, refresh: bool) -> AudioDeviceError | None:
        """Open the first choice that works; the first refusal, if there was any."""
        refusal: AudioDeviceError | None = None
        for wishes in dict.fromkeys(choices):
            try:
                self._open(wishes, refresh=refresh and refusal is None)
            except AudioDeviceError as error:
                refusal = refusal or error
            else:
                break
        return refusal

    def _open(self, wishes: Wishes, *, refresh: bool) -> None:
        mine = self._generation + 1

        def callback(heard: Samples | None, fill: Samples | None, gap: bool) -> None:
            self._on_block(mine, heard, fill, gap)

        def finished() -> None:
            self._has_finished = self._has_finished or mine == self._generation

        opened = self._opener.open(*wishes, self._latency, callback=callback, finished=finished, refresh=refresh)
        self._end_stand_in()
        self._prepare(opened.rate)
        self._path.mic_is_real = wishes[0] is not None
        self._generation = mine
        try:
            opened.stream.start()
        except Exception as error:  # the seam hides PortAudio's own error type
            self._generation += 1
            _close_in_time(opened.stream)
            raise AudioDeviceError(f"the sound device did not start: {error}", retryable=True) from error
        self._stream = opened.stream
        self._take_names(opened)

    def _prepare(self, rate: int) -> None:
        """A new device: its delay, room and rate are unknown to echo canceller and watchdog."""
        self._path.reset()
        self._bridge = RateBridge(rate) if rate != SAMPLE_RATE else None
        self._failure = ""
        self._begin_watch()

    def _take_names(self, opened: OpenStream) -> None:
        if self._wishes[0] is not None:
            self.mic_name = opened.mic_name or "none"
        if self._wishes[1] is not None:
            self.speaker_name = opened.speaker_name or "none"
        self._tell_names()

    def _tell_names(self) -> None:
        self._path.mic_name = self.mic_name
        self._path.speaker_name = self.speaker_name

    def _begin_watch(self) -> None:
        self._has_finished = False
        self._called_at = None
        self._spin_mark = None
        self._started_at = self._clock()

    def _lose(self, reason: str, now: float) -> None:
        self._generation += 1
        stream, self._stream = self._stream, None
        self._retry_at = now + self._next_back_off()
        self._path.post(StreamLost(now, reason))

        def retire() -> None:
            if stream is not None:
                _close_in_time(stream)
            self._begin_stand_in()

        self._aside(retire)

    def _reopen(self) -> None:
        choices = [self._wishes]
        if self._attempts > _PATIENCE_WITH_WISH:
            choices.append(_defaults(self._wishes))
        if self._attempts > _PATIENCE_WITH_BOTH:
            choices.extend(_halves(self._wishes))
        error = self._open_one_of(choices, refresh=True)
        now = self._clock()
        if self._is_closed and self._stream is not None:
            _close_in_time(self._stream)
            return
        if self._stream is not None:
            self._path.restarts += 1
            self._path.post(StreamRestored(now, self.mic_name))
            self.problem = str(error) if error is not None else ""
        elif error is not None:
            self._put_off(now, error)
            self._begin_stand_in()

    def _kick(self) -> None:
        """Abort and start the same stream: 1 to 2 ms, and the spin is over."""
        stream = self._stream
        if stream is None:
            return
        self._path.restarts += 1
        self._path.reset()
        try:
            stream.abort()
            self._begin_watch()
            stream.start()
        except Exception as error:  # the seam hides PortAudio's own error type; the next check reopens
            self._failure = f"the sound device did not start again: {error}"

    def _put_off(self, now: float, error: AudioDeviceError) -> None:
        """Without the sound library no later attempt can do better."""
        self._retry_at = now + self._next_back_off() if error.retryable else math.inf

    def _next_back_off(self) -> float:
        pause = BACK_OFF[min(self._attempts, len(BACK_OFF) - 1)]
        self._attempts += 1
        return pause

    def _begin_stand_in(self) -> None:
        if not self._is_closed and self._stand_in is None:
            self._stand_in = Pacer(self._path, self._ends, self._clock)
            self._stand_in.start()

    def _end_stand_in(self) -> None:
        stand_in, self._stand_in = self._stand_in, None
        if stand_in is not None:
            stand_in.close()

    def _aside(self, work: Callable[[], None]) -> None:
        self._helper = threading.Thread(target=work, name="audio-repair", daemon=True)
        self._helper.start()

    # The watchdog's questions.

    def _why_lost(self, now: float) -> str:
        if self._failure:
            return self._failure
        if self._has_finished:
            return "the sound device ended the stream"
        if self._called_at is None:
            waited = now - self._started_at >= FIRST_CALL_WITHIN
            return "the sound device never asked for sound" if waited else ""
        return "the sound device stopped asking for sound" if now - self._called_at >= LOST_AFTER else ""

    def _is_spinning(self, now: float) -> bool:
        if self._spin_mark is None:
            self._spin_mark = (now, self._thread_cpu)
            return False
        since, cpu = self._spin_mark
        if now - since < _SPIN_WINDOW:
            return False
        self._spin_mark = (now, self._thread_cpu)
        return self._thread_cpu - cpu > SPIN_SHARE * (now - since)

    # The audio thread.

    def _on_block(self, generation: int, heard: Samples | None, fill: Samples | None, gap: bool) -> None:
        if generation != self._generation or self._failure:
            if fill is not None:
                fill[:] = 0.0
            return
        now = self._clock()
        self._called_at = now
        self._thread_cpu = time.thread_time()
        self._path.late += gap
        try:
            self._step(heard, fill, now)
        except Exception as error:  # the edge of a thread; the watchdog reports it and reopens
            self._failure = f"the sound path failed: {error!r}"

    def _step(self, heard: Samples | None, fill: Samples | None, now: float) -> None:
        mic = _mono(heard) if heard is not None else None
        if self._bridge is not None:
            self._step_bridged(self._bridge, mic, fill, now)
            return
        self._step_once(mic, now)
        if fill is not None:
            fill[:] = self._out[:, np.newaxis]

    def _step_bridged(self, bridge: RateBridge, mic: Block | None, fill: Samples | None, now: float) -> None:
        """Another rate: the microphone's blocks set the pace, or the loudspeaker's where there is no microphone."""
        if mic is not None:
            for block in bridge.capture(mic):
                self._step_once(block, now)
                bridge.deliver(self._out)
        while mic is None and fill is not None and bridge.ready < len(fill):
            self._step_once(None, now)
            bridge.deliver(self._out)
        played = bridge.take(len(fill) if fill is not None else bridge.ready)
        if fill is not None:
            fill[:] = played[:, np.newaxis]

    def _step_once(self, mic: Block | None, now: float) -> None:
        real = mic is not None and self._ends.mic is None
        self._path.process(mic if mic is not None and real else self._ends.read(), self._out, now)
        self._ends.write(self._out)


def _mono(samples: Samples) -> Block:
    """float32[n, channels] to float32[n]; a copy, because PortAudio takes its buffer back."""
    if samples.shape[1] == 1:
        return samples[:, 0].copy()
    mixed: Block = samples.mean(axis=1, dtype=np.float32)
    return mixed


def _halves(wishes: Wishes) -> list[Wishes]:
    """Each side alone, where both were wished: an assistant that is heard is better than none."""
    mic, speaker = wishes
    return [(None, speaker), (mic, None)] if mic is not None and speaker is not None else []


def _defaults(wishes: Wishes) -> Wishes:
    mic, speaker = wishes
    return ("default" if mic is not None else None, "default" if speaker is not None else None)


def _close_in_time(stream: RunningStream) -> None:
    """Abort and close on a thread of its own; PortAudio may hang on a card that is gone."""

    def shut() -> None:
        try:
            stream.abort()
            stream.close()
        except Exception:  # a dead stream may refuse even that, and there is nobody left to tell
            return

    closer = threading.Thread(target=shut, name="audio-close", daemon=True)
    closer.start()
    closer.join(_CLOSE_WITHIN)
