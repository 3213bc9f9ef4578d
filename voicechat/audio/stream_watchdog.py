"""What tells a living stream from a dead, a spinning or a late one; asked every 100 ms, told by the audio thread.

What it looks for has all been seen: the stream ended by itself (a sound server that died: 10 ms), no callback for 500
ms (an unplugged card), and a stream thread that spins after an underflow (the ALSA pulse plug-in: 105 % of a core,
cured by abort and start within 2 ms). Out of step: after a stall of the sound server, and after one start in eight, 30
ms or more wait on the way from the microphone (see `alsa`) and would do so for the rest of the talk; after one start in
fourteen 10 ms less wait for the loudspeaker, and each pause of 15 ms is heard instead of 25. Abort and start cure both.
Starved: after a stall of 6 s PulseAudio gave 5 to 20 % of the microphone's sound for half a minute, a callback now and
then, so that the stream looked alive.
"""

from __future__ import annotations

import time
from collections import deque

from voicechat.audio.blocks import BLOCK_SECONDS
from voicechat.audio.portaudio import StreamTimes

MANY = 5
WITHIN = 10.0
"""So many looks in so many seconds that found the loudspeaker run dry in the middle of sound."""
STUTTERS = "audio dropouts: this machine is too busy for the size of the audio buffer"
STUTTER_CURE = "use --latency high (a larger buffer), or close busy programs"
STUTTER_UNAVOIDABLE = "close busy programs"
"""Where the most waits already."""


class Stutter:
    """Asked at every look after the stream. Pure: counts and times in, one answer out.

    When a loudspeaker that ran dry now and then has become a stutter, which the user should be told with its cure.

    One underrun is 5 to 20 ms of silence that few notice, and who is to blame cannot be changed; several in a short
    time are heard by everybody, and mean that this machine pauses longer than the sound that waits in the device.
    """

    def __init__(self) -> None:
        self._counted = 0
        self._times: deque[float] = deque(maxlen=MANY)
        self._is_told = False

    def is_news(self, underflows: int, now: float, *, is_quiet: bool) -> bool:
        """True once, when it has become one. `underflows`: all so far; those of a silence are heard by nobody."""
        has_more, self._counted = underflows > self._counted, underflows
        if has_more and not is_quiet:
            self._times.append(now)
        if self._is_told or len(self._times) < MANY or now - self._times[0] > WITHIN:
            return False
        self._is_told = True
        return True


LOST_AFTER = 0.5
"""Seconds without a callback that mean the device is lost (R26)."""
FIRST_CALL_WITHIN = 1.0
"""Seconds a fresh stream may take until its first callback."""
SPIN_SHARE = 0.6
"""Share of a core on the stream's thread that is not work (our step takes 5 %) but a spin."""
_SPIN_WINDOW = 1.0
"""Seconds over which that share is taken."""
USUAL_LAG = 0.01
"""Seconds that the microphone's sound is on its way where nothing waits: one block."""
BEHIND_BY = 0.03
"""Seconds more than that which mean that sound waits; PulseAudio's own figure wanders by 15 ms."""
OUT_OF_STEP_FOR = 1.0
"""Seconds that it, or too little for the loudspeaker, must have been so."""
STARVED_SHARE = 0.5
"""Share of real time in callbacks below which a stream that still calls is of no use."""
STARVED_FOR = 2.0
"""Seconds over which that share is taken."""
_CURES = 2
"""Attempts to cure it after which the device itself is taken to be so late, as Bluetooth is."""


class StreamWatchdog:
    """One stream's signs of life.

    `block`: seconds of sound in a callback; `least_lead`: seconds that wait for the loudspeaker when all is well.
    """

    def __init__(self, now: float, *, block: float = BLOCK_SECONDS, least_lead: float = 0.0) -> None:
        self.failure = ""
        """Why the stream is of no use any more, in words; set by whoever saw it."""
        self.has_finished = False
        self.started_at = now
        self.called_at: float | None = None
        """The newest callback; None before the first."""
        self.times = StreamTimes()
        self._thread_cpu = 0.0
        self._spin_mark: tuple[float, float] | None = None
        self._most_lag = USUAL_LAG + BEHIND_BY
        self._least_lead = least_lead
        self._out_of_step_since: float | None = None
        self._cures = 0
        self._block = block
        self._calls = 0
        self._calls_mark: tuple[float, int] | None = None
        self._starved = 0

    def called(self, now: float) -> float:
        """A callback began, on the audio thread. Seconds since the one before; 0.0 for the first."""
        before, self.called_at = self.called_at, now
        self._thread_cpu = time.thread_time()
        self._calls += 1
        return now - before if before is not None else 0.0

    def begin_again(self, now: float) -> None:
        """The same stream was started once more."""
        self.has_finished = False
        self.started_at = now
        self.called_at = None
        self._cures += self._out_of_step_since is not None
        self._spin_mark = self._out_of_step_since = self._calls_mark = None

    def why_lost(self, now: float) -> str:
        """Empty while the stream lives."""
        if self.failure:
            return self.failure
        if self.has_finished:
            return "the sound device ended the stream"
        if self.called_at is None:
            waited = now - self.started_at >= FIRST_CALL_WITHIN
            return "the sound device never asked for sound" if waited else ""
        return "the sound device stopped asking for sound" if now - self.called_at >= LOST_AFTER else ""

    def is_spinning(self, now: float) -> bool:
        """Whether the stream's thread burns a core without a reason."""
        if self._spin_mark is None:
            self._spin_mark = (now, self._thread_cpu)
            return False
        since, cpu = self._spin_mark
        if now - since < _SPIN_WINDOW:
            return False
        self._spin_mark = (now, self._thread_cpu)
        return self._thread_cpu - cpu > SPIN_SHARE * (now - since)

    def is_starved(self, now: float) -> bool:
        """Whether callbacks came for less than half of the last two seconds; when a new start cured nothing, it fails.

        To be asked until it is true: that begins the stream again.
        """
        if self._calls_mark is None:
            self._calls_mark = (now, self._calls) if self.called_at is not None else None
            return False
        since, calls = self._calls_mark
        if now - since < STARVED_FOR:
            return False
        share = (self._calls - calls) * self._block / (now - since)
        self._calls_mark = (now, self._calls)
        if share >= STARVED_SHARE:
            self._starved = 0
            return False
        self._starved += 1
        if self._starved > 1:
            self.failure = f"the sound device delivers only {100 * share:.0f} % of its sound"
        return self._starved == 1

    def is_out_of_step(self, now: float) -> bool:
        """Whether the microphone's sound has been waiting, or the loudspeaker been short, for long enough to act."""
        lag, lead = self.times.mic_lag, self.times.speaker_lead
        if lag <= self._most_lag and lead >= self._least_lead:
            self._out_of_step_since, self._cures = None, 0
            return False
        self._out_of_step_since = now if self._out_of_step_since is None else self._out_of_step_since
        if now - self._out_of_step_since < OUT_OF_STEP_FOR:
            return False
        if self._cures == _CURES:
            self._most_lag, self._least_lead = max(self._most_lag, lag + BEHIND_BY), min(self._least_lead, 0.8 * lead)
        return self._cures < _CURES
