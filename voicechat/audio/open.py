"""From two wishes to running sound: the one place that chooses between devices, files and nothing.

A wish is "default", a device's name (or a part, or its number), "none", a path that ends in `.wav`, or `script:`.
Whatever is wrong with devices is told and worked around, because a talk without a loudspeaker is still a talk with a
transcript; a sound file that cannot be used is an error, because somebody asked for exactly this file.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np

from voicechat.audio.blocks import BLOCK, SAMPLE_RATE, Block, silent_block
from voicechat.audio.buffering import BALANCED, BUFFERING, Buffering
from voicechat.audio.device_watch import (
    DeviceWatch,
    DeviceWatcher,
    Follower,
    OpenEnds,
    Wishes,
    fallbacks,
    halves,
    wished,
    worth_trying,
)
from voicechat.audio.devices import BLUETOOTH_NOTE, Device
from voicechat.audio.files import WavMic, WavSpeaker
from voicechat.audio.paced_stream import FileEnds, MicSource, Pacer
from voicechat.audio.path import AudioPath
from voicechat.audio.portaudio import (
    CLOSE_WITHIN,
    OpenStream,
    PortAudioOpener,
    RunningStream,
    Samples,
    StreamOpener,
    close_in_time,
)
from voicechat.audio.script_mic import ScriptMic, is_script
from voicechat.audio.sound_format import RateBridge
from voicechat.audio.stream_counters import GAP, StreamCounters, Tally
from voicechat.audio.stream_watchdog import STUTTER_CURE, STUTTER_UNAVOIDABLE, STUTTERS, StreamWatchdog, Stutter
from voicechat.core.events import DeviceLost, DeviceMissing, DeviceOpened, SoundNoted
from voicechat.errors import AudioDeviceError

_EARS = 2
"""Channels of a microphone that count, and of a loudspeaker that are filled: further ones of a studio card carry other
instruments, and those of a surround receiver other walls."""


class StreamStep:
    """One open stream's rate and channels, between its callback and the path.

    What one callback of the device does: bring its block to the path's shape, step the path, bring the answer back.

    On the audio thread: no lock, no log, nothing that grows.
    """

    def __init__(self, path: AudioPath, ends: FileEnds, rate: int) -> None:
        self._path = path
        self._ends = ends
        self._out = silent_block()
        self._bridge = RateBridge(rate) if rate != SAMPLE_RATE else None

    def run(self, heard: Samples | None, fill: Samples | None, now: float) -> None:
        """`heard` is float32[n, channels] or None, `fill` is filled for the loudspeaker or None; n is the device's."""
        mic = mono(heard) if heard is not None else None
        size = len(mic) if mic is not None else len(fill) if fill is not None else 0
        if self._bridge is not None or size % BLOCK:
            self._bridged(mic, fill, now)
            return
        for begin in range(0, size, BLOCK):
            self._once(mic[begin : begin + BLOCK] if mic is not None else None, now)
            if fill is not None:
                _spread(fill[begin : begin + BLOCK], self._out)

    def _bridged(self, mic: Block | None, fill: Samples | None, now: float) -> None:
        """Another rate: the microphone's blocks set the pace, or the loudspeaker's where there is no microphone."""
        bridge = self._bridge = self._bridge or RateBridge(SAMPLE_RATE)
        if mic is not None:
            for block in bridge.capture(mic):
                self._once(block, now)
                bridge.deliver(self._out)
        while mic is None and fill is not None and bridge.ready < len(fill):
            self._once(None, now)
            bridge.deliver(self._out)
        played = bridge.take(len(fill) if fill is not None else bridge.ready)
        if fill is not None:
            _spread(fill, played)

    def _once(self, mic: Block | None, now: float) -> None:
        real = mic is not None and self._ends.mic is None
        self._path.process(mic if mic is not None and real else self._ends.read(), self._out, now)
        self._ends.write(self._out)


def mono(samples: Samples) -> Block:
    """float32[n, channels] to float32[n]; a copy, because PortAudio takes its buffer back."""
    if samples.shape[1] == 1:
        return samples[:, 0].copy()
    mixed: Block = samples[:, :_EARS].mean(axis=1, dtype=np.float32)
    return mixed


def _spread(fill: Samples, block: Block) -> None:
    """One channel to both ears, and silence to whatever else there is."""
    fill[:, :_EARS] = block[:, np.newaxis]
    if fill.shape[1] > _EARS:
        fill[:, _EARS:] = 0.0


BACK_OFF = (0.0, 0.5, 1.0, 2.0)
"""Seconds before each attempt to reopen; the last one repeats (R26), so a device is used 3 s after its return."""
CHOSEN, REFUSED = "as you chose", "nothing was changed"
"""Why sound runs again after a choice."""
HEALTHY_AFTER = 5.0  # seconds of running after which the next loss starts the back-off anew
FOLLOW_AFTER = 2.0  # seconds before devices are watched: the start has better things to do


class DuplexStream:
    """A microphone and a loudspeaker, or one of them, or none, with files or nothing on the other side.

    `start` never raises: what cannot be opened becomes `problem` and an event, the rest runs, and where nothing could
    be opened `check` keeps trying. `watcher` tells which devices there are; without one nothing is followed.
    """

    def __init__(
        self,
        path: AudioPath,
        *,
        mic: str | None,
        speaker: str | None,
        buffering: Buffering = BALANCED,
        file_mic: MicSource | None = None,
        file_speaker: WavSpeaker | None = None,
        opener: StreamOpener | None = None,
        watcher: DeviceWatcher | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.problem = ""
        self._path = path
        self._wishes: Wishes = (mic, speaker)
        self._asked: Wishes | None = None
        self._buffering = buffering
        self._ends = FileEnds(path, file_mic, file_speaker, clock)
        self._opener: StreamOpener = opener if opener is not None else PortAudioOpener()
        self._follower = Follower(watcher)
        self._clock = clock
        self._open_ends = OpenEnds()
        self._stream: RunningStream | None = None
        self._step = StreamStep(path, self._ends, 48_000)
        self._watchdog = StreamWatchdog(clock())
        self._tally = Tally()
        self._stutter = Stutter()
        self._stand_in: Pacer | None = None
        self._helper: threading.Thread | None = None
        self._helper_began_at = 0.0
        self._began_at = 0.0
        self._generation = 0
        self._is_closed = False
        self._attempts = 0
        self._waits = False
        self._retry_at = 0.0
        self._hinted: frozenset[str] = frozenset()

    @property
    def mic_name(self) -> str:
        """What is heard: a device, a file or "none"."""
        return _title(self._open_ends.mic, self._ends.mic)

    @property
    def speaker_name(self) -> str:
        """What plays."""
        return _title(self._open_ends.speaker, self._ends.speaker)

    def counters(self) -> StreamCounters:
        """How well the device was served, since it was opened last and in all."""
        return self._tally.read()

    def start(self) -> None:
        """Open what can be opened and let the sound run."""
        self._began_at = self._clock()
        self._tell_names()
        error = None
        if self._wishes != (None, None):
            error = self._open_one_of([self._wishes, *fallbacks(self._wishes), *halves(self._wishes)], refresh=False)
        if error is not None:
            self.problem = str(error)
            self._tell_shortfall(error)
        if self._stream is None:
            self._begin_stand_in()
            if error is not None:
                self._put_off(self._clock(), error)

    def change(self, mic: str | None, speaker: str | None) -> None:
        """Use other devices from now on: "default", a name, or "none"; None or "" leaves that side as it is.

        Returns at once; the next `check` begins it. What would not open is told and the devices of before stay.
        """
        now = self._asked or self._wishes
        self._asked = (wished(mic, now[0]), wished(speaker, now[1]))

    def keep_waiting(self) -> None:
        """No other device in the place of the one that was lost, until it is there again or others are wished."""
        self._waits = True

    def check(self, now: float) -> None:
        """Look after the stream; to be called about every 100 ms. Never blocks."""
        if self._is_closed or (self._helper is not None and self._helper.is_alive()):
            return
        if self._asked is not None:
            self._aside(self._obey)
        elif self._stream is None:
            self._wait_for_devices(now)
        elif reason := self._watchdog.why_lost(now):
            self._lose(reason, now)
        elif self._watchdog.is_spinning(now) or self._watchdog.is_starved(now):
            self._aside(self._kick)
        elif self._watchdog.is_out_of_step(now) and self._path.is_quiet:
            self._aside(self._kick)
        else:
            self._look_around(now)

    def stuck_for(self, now: float) -> float:
        """Seconds for which a repair has been under way: PortAudio's terminate may never return; 0.0 without one."""
        is_busy = self._helper is not None and self._helper.is_alive()
        return now - self._helper_began_at if is_busy else 0.0

    def settle(self, timeout: float) -> None:
        """Wait until a repair that is under way is done."""
        if self._helper is not None:
            self._helper.join(timeout)

    def close(self) -> None:
        """Silence, and the devices are given back; safe to call twice."""
        self._is_closed = True
        self.settle(CLOSE_WITHIN)
        self._let_go()
        self._end_stand_in()
        self._ends.close()
        self._follower.close()

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
        block, lead = self._buffering.block, self._buffering.least_lead
        watchdog = StreamWatchdog(self._clock(), block=block, least_lead=lead)

        def callback(heard: Samples | None, fill: Samples | None, flags: int) -> None:
            self._on_block(mine, heard, fill, flags)

        def finished() -> None:
            watchdog.has_finished = True

        opened = self._opener.open(*wishes, self._buffering, callback=callback, finished=finished, refresh=refresh)
        self._end_stand_in()
        self._path.reset()
        self._step = StreamStep(self._path, self._ends, opened.rate)
        self._path.mic_is_real = wishes[0] is not None
        watchdog.started_at, watchdog.times = self._clock(), opened.times
        self._watchdog = watchdog
        self._generation = mine
        try:
            opened.stream.start()
        except Exception as error:  # the seam hides PortAudio's own error type
            self._generation += 1
            close_in_time(opened.stream)
            raise AudioDeviceError(f"the sound device did not start: {error}", retryable=True) from error
        self._stream = opened.stream
        self._take_ends(opened)

    def _take_ends(self, opened: OpenStream) -> None:
        self._open_ends = OpenEnds(opened.mic, opened.speaker)
        self._tell_names()
        self._warn_of_bluetooth()

    def _tell_names(self) -> None:
        self._path.mic_name = self.mic_name
        self._path.speaker_name = self.speaker_name

    def _warn_of_bluetooth(self) -> None:
        mic = self._open_ends.mic
        if mic is not None and mic.note == BLUETOOTH_NOTE and mic.title not in self._hinted:
            self._hinted |= {mic.title}
            self._note(f"{mic.title} is the microphone. {mic.note}", "--mic chooses another")

    def _tell_shortfall(self, error: AudioDeviceError) -> None:
        """A wish was not fulfilled: a problem where a side is missing now, else a hint which other device is used."""
        lacks = (self._wishes[0] is not None and self._open_ends.mic is None) or (
            self._wishes[1] is not None and self._open_ends.speaker is None
        )
        if lacks:
            self._path.post(DeviceMissing(error.message, error.hint))
            return
        used = f"microphone {self.mic_name}, loudspeaker {self.speaker_name} meanwhile"
        self._note(f"{error.message}; {used}", error.hint)

    def _note(self, reason: str, hint: str) -> None:
        """Something about a device that is worth a sentence; the sound runs."""
        self._path.post(SoundNoted(" · ".join(filter(None, (reason, hint))), code="device_note"))

    def _tell_of_return(self, why: str) -> None:
        """Sound runs again, perhaps on other devices."""
        self._path.post(DeviceOpened(self.mic_name, self._path.speaker_name, why=why))

    def _let_go(self) -> None:
        """Close the stream, whatever state it is in; what it still calls is not heard."""
        self._generation += 1
        stream, self._stream = self._stream, None
        if stream is not None:
            close_in_time(stream)

    def _retire(self) -> None:
        """The stream gives way to the stand-in; opening may take a second, and the talk goes on meanwhile."""
        self._let_go()
        self._begin_stand_in()

    def _lose(self, reason: str, now: float) -> None:
        self._generation += 1
        self._retry_at = now + self._next_back_off()
        self._tally.lost()
        self._path.post(DeviceLost(self._path.speaker_name, reason))
        self._aside(self._retire)

    def _reopen(self) -> None:
        choices = worth_trying(self._wishes, self._attempts, only_wish=self._waits)
        self._bring_back(self._open_one_of(choices, refresh=True), "")

    def _bring_back(self, error: AudioDeviceError | None, why: str) -> None:
        """After an attempt to open: say that sound is back, or wait for the next attempt."""
        now = self._clock()
        if self._is_closed:
            self._let_go()
        elif self._stream is not None:
            self._waits = False
            self._path.restarts += 1
            self._tally.restarted()
            self._tell_of_return(why)
            self.problem = str(error) if error is not None else ""
        elif error is not None:
            self._put_off(now, error)
            self._begin_stand_in()

    def _switch(self, why: str) -> None:
        """The same wishes mean other devices now."""
        self._retire()
        self._bring_back(self._open_one_of([self._wishes, *fallbacks(self._wishes)], refresh=True), why)

    def _obey(self) -> None:
        """The user's new wishes, or those of before where the new ones cannot be had."""
        asked, self._asked = self._asked, None
        if asked is None or self._is_closed:
            return
        self._retire()
        self._attempts, self._waits = 0, False
        refusal = self._open_one_of([asked], refresh=True) if asked != (None, None) else None
        if refusal is None:
            self._take_wishes(asked)
            return
        self._note(f"{refusal.message}; {REFUSED}", refusal.hint)
        if self._wishes != (None, None):
            again = [self._wishes, *fallbacks(self._wishes), *halves(self._wishes)]
            self._bring_back(self._open_one_of(again, refresh=False), REFUSED)

    def _take_wishes(self, asked: Wishes) -> None:
        """They are fulfilled. A device in the place of a sound file: the file is done."""
        self._wishes = asked
        self._ends.drop(mic=asked[0] is not None, speaker=asked[1] is not None)
        if asked == (None, None):
            self._open_ends, self.problem = OpenEnds(), ""
            self._tell_of_return(CHOSEN)
        self._tell_names()
        self._bring_back(None, CHOSEN)

    def _kick(self) -> None:
        """Abort and start the same stream: 1 to 2 ms, and the spin is over."""
        stream = self._stream
        if stream is None:
            return
        self._path.restarts += 1
        self._tally.restarted()
        self._path.reset()
        watchdog = self._watchdog
        try:
            stream.abort()
            watchdog.begin_again(self._clock())
            stream.start()
        except Exception as error:  # the seam hides PortAudio's own error type; the next check reopens
            watchdog.failure = f"the sound device did not start again: {error}"

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
        self._helper_began_at = self._clock()
        self._helper.start()

    # Following the devices as they come and go, on the caller's thread.

    def _wait_for_devices(self, now: float) -> None:
        """Nothing is open: try again when its time has come, or at once when other devices are there."""
        if self._wishes == (None, None) or self._retry_at == math.inf:
            return
        if self._follower.has_news() or now >= self._retry_at:
            self._aside(self._reopen)

    def _look_around(self, now: float) -> None:
        if self._stutter.is_news(self._tally.underflows, now, is_quiet=self._path.is_quiet):
            cure = STUTTER_UNAVOIDABLE if self._buffering == BUFFERING["high"] else STUTTER_CURE
            self._note(STUTTERS, cure)
        if self._attempts and now - self._watchdog.started_at >= HEALTHY_AFTER:
            self._attempts = 0
        if now - self._began_at < FOLLOW_AFTER:
            return
        self._take_moved(self._follower.moved(self._open_ends))
        why = self._follower.reason_to_switch(self._wishes, self._open_ends, now)
        if why:
            self._aside(lambda: self._switch(why))

    def _take_moved(self, ends: OpenEnds) -> None:
        """The sound server put another device behind ours; delay and room are new, the stream is the same."""
        before = (self.mic_name, self.speaker_name)
        self._open_ends = ends
        if before == (self.mic_name, self.speaker_name):
            return
        self._tell_names()
        self._path.reset()
        self._tell_of_return("the system's default changed")
        self._warn_of_bluetooth()

    # The audio thread.

    def _on_block(self, generation: int, heard: Samples | None, fill: Samples | None, flags: int) -> None:
        watchdog = self._watchdog
        if generation != self._generation or watchdog.failure:
            if fill is not None:
                fill[:] = 0.0
            return
        now = self._clock()
        self._tally.called(flags, is_late=watchdog.called(now) > self._buffering.late_after)
        if flags & GAP:
            self._path.late += 1
        try:
            self._step.run(heard, fill, now)
        except Exception as error:  # the edge of a thread; the watchdog reports it and reopens
            watchdog.failure = f"the sound path failed: {error!r}"
        self._tally.took(self._clock() - now)


def _title(device: Device | None, file: MicSource | WavSpeaker | None) -> str:
    if device is not None:
        return device.title
    return file.name if file is not None else "none"


class RunningAudio(Protocol):
    """Something that drives the path."""

    problem: str
    """What is missing and how to get it; empty when all is well."""

    @property
    def mic_name(self) -> str:
        """What is heard: a device, a file or "none"."""
        ...

    @property
    def speaker_name(self) -> str:
        """What plays."""
        ...

    def start(self) -> None:
        """Let the sound run; never raises for a device."""
        ...

    def check(self, now: float) -> None:
        """Look after it; call about every 100 ms."""
        ...

    def stuck_for(self, now: float) -> float:
        """Seconds for which the sound library has not come back from a repair; 0.0 where none is under way."""
        ...

    def change(self, mic: str | None, speaker: str | None) -> None:
        """Use other devices: "default", a name or "none"; None or "" leaves that side as it is. Returns at once.

        What would not open is told by a SoundNoted and the devices of before stay; DeviceOpened tells the end.
        """
        ...

    def keep_waiting(self) -> None:
        """No other device in the place of a lost one, until it is back or others are wished."""
        ...

    def counters(self) -> StreamCounters:
        """How well the device was served, since it was opened last and in all."""
        ...

    def close(self) -> None:
        """Give devices back, finish files."""
        ...


def is_file(wish: str) -> bool:
    """Whether a wish names a sound file rather than a device."""
    return wish.lower().endswith(".wav")


def open_audio(
    path: AudioPath,
    mic: str = "default",
    speaker: str = "default",
    *,
    buffering: Buffering = BALANCED,
    script: ScriptMic | None = None,
) -> RunningAudio:
    """What drives the path for these wishes; call `start` on it. Raises AudioDeviceError for an unusable sound file.

    `script` is heard where a scripted microphone is wished for.
    """
    file_mic: MicSource | None = script if is_script(mic) else WavMic(mic) if is_file(mic) else None
    file_speaker = WavSpeaker(speaker) if is_file(speaker) else None
    return DuplexStream(
        path,
        mic=None if file_mic is not None or mic == "none" or is_script(mic) else mic,
        speaker=None if file_speaker is not None or speaker == "none" else speaker,
        buffering=buffering,
        file_mic=file_mic,
        file_speaker=file_speaker,
        watcher=DeviceWatch(),
    )
