"""How late packets come, compared with the fastest of their kind, and how long a buffer must therefore wait.

The transit of a packet is its arrival minus its media time. Clocks of two machines share no zero, so a transit means
nothing by itself; its distance from the smallest transit of the last five seconds is the extra delay that the network
and the sender's pacing gave this packet. Five seconds keep a drift of 200 ppm below one millisecond.

Pure: arrival times are passed in, in seconds.

Making a piece of speech a little shorter or longer without a change of pitch.

The jitter buffer uses it to drift back to its target delay without dropping a word: where it is quiet, any length can
go; in voiced speech exactly one pitch period goes (or comes again), joined by a cross-fade, which is what WSOLA does
for one step. Speech with no clear period (a consonant, music) is left alone: the caller tries the next packet.

Mono int16, 48 kHz; pure.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]

QUIET_RMS = 120.0
"""About -49 dBFS: below this a join of any length is inaudible."""
_SHORTEST_PERIOD = 120
"""2.5 ms = 400 Hz, the highest voice we care for."""
_LONGEST_PERIOD = 720
"""15 ms = 67 Hz, the lowest."""
ALIKE = 0.85
"""Normalised correlation from which two neighbouring periods may be merged unheard."""
_DECIMATION = 6
"""The coarse search runs at 8 kHz: 36 times less work, and refined at full rate afterwards."""


def is_quiet(pcm: Pcm) -> bool:
    """Whether this is a pause (or the breath in one)."""
    return pcm.size == 0 or float(np.sqrt(np.mean(np.square(pcm, dtype=np.float32)))) < QUIET_RMS


def shorten(pcm: Pcm, most: int, *, least_alike: float = ALIKE) -> Pcm:
    """`pcm` with up to `most` samples (and at most half of it) taken out; the same array when that would be heard.

    A lower `least_alike` (-1 to 1) is for those who must catch up at the price of being heard.
    """
    lag = _lag(pcm, min(most, pcm.size // 2), least_alike)
    if lag == 0:
        return pcm
    joined = _cross_fade(pcm[:lag], pcm[lag : 2 * lag])
    return np.concatenate((joined, pcm[2 * lag :]))


def lengthen(pcm: Pcm, most: int) -> Pcm:
    """`pcm` with up to `most` samples put in by repeating a stretch of it; the same array when that would be heard."""
    lag = _lag(pcm, min(most, pcm.size // 2), ALIKE)
    if lag == 0:
        return pcm
    joined = _cross_fade(pcm[lag : 2 * lag], pcm[:lag])
    return np.concatenate((pcm[:lag], joined, pcm[lag:]))


def _lag(pcm: Pcm, most: int, least_alike: float) -> int:
    """How many samples can be merged with the as many that follow them; 0 when none can."""
    if most < _SHORTEST_PERIOD:
        return 0
    if is_quiet(pcm):
        return most
    return _period(pcm.astype(np.float32), min(most, _LONGEST_PERIOD), least_alike)


def _period(x: NDArray[np.float32], longest: int, least_alike: float) -> int:
    """The pitch period at the start of `x`, or 0 when the signal does not repeat itself well enough."""
    coarse = x[: x.size // _DECIMATION * _DECIMATION].reshape(-1, _DECIMATION).mean(axis=1)
    lags = range(_SHORTEST_PERIOD // _DECIMATION, longest // _DECIMATION + 1)
    best = max(lags, key=lambda lag: _likeness(coarse, lag)) * _DECIMATION
    near = range(max(_SHORTEST_PERIOD, best - _DECIMATION), min(longest, best + _DECIMATION) + 1, 2)
    lag = max(near, key=lambda lag: _likeness(x, lag))
    return lag if _likeness(x, lag) >= least_alike else 0


def _likeness(x: NDArray[np.float32], lag: int) -> float:
    """Correlation of the first `lag` samples with the next `lag`, -1 to 1."""
    a, b = x[:lag], x[lag : 2 * lag]
    energy = float(np.dot(a, a)) * float(np.dot(b, b))
    return float(np.dot(a, b)) / energy**0.5 if energy > 0.0 else 0.0


def _cross_fade(out: Pcm, into: Pcm) -> Pcm:
    """From `out` to `into`, both of one length, linearly."""
    rising = np.linspace(0.0, 1.0, out.size, dtype=np.float32)
    mixed: Pcm = np.rint(out * (1.0 - rising) + into * rising).astype(np.int16)
    return mixed


_RATE = 48_000
_REVIEW_EVERY = 0.5
_TOLERANCE = 0.005
_HOLD_AFTER_LATE = 2.0
"""Seconds for which a late packet forbids shrinking: it rarely comes alone."""
_STRETCH_EVERY = 0.1
"""At most one stretch of speech in so many seconds: about 8 % faster, which nobody notices."""
_HURRY = _RATE // 10
"""More samples than this to take out: every packet may be stretched."""
_PATIENCE = 0.1
"""Seconds without a fitting place to shorten, after which a buffer in a hurry takes any (music, noise)."""


class DelayKeeper:
    """Decides when sound is made shorter or longer, and by how much.

    Bringing the delay of a receive buffer back to its target, a little at a time and unheard.

    The buffer tells how much slack each packet had when it was used; twice a second that is compared with the target,
    and the difference becomes a number of samples to take out of the sound (or to put in). Sound is decoded by whole
    packets and played by whole blocks, so slack changes in steps of one block only. What is left over between two
    steps is delay that buys nothing and may always go.

    Pure: time is passed in, in seconds; sound is mono int16 at 48 kHz.
    """

    def __init__(self) -> None:
        self._lowest_slack = math.inf
        self._reviewed_at = -math.inf
        self._late_at = -math.inf
        self._stretched_at = -math.inf
        self._to_remove = 0

    @property
    def wants_less(self) -> bool:
        """Whether more sound at hand would help: there is some to take out."""
        return self._to_remove > 0

    def begin(self, now: float) -> None:
        """Playing begins after a silence; what was measured before is void."""
        self._reviewed_at = now
        self._to_remove, self._lowest_slack = 0, math.inf

    def packet_was_late(self, now: float) -> None:
        """A packet came after it was due. (One that never comes is no reason to wait longer.)"""
        self._late_at = now

    def delay_grew(self) -> None:
        """Something was invented without moving on, so what the last review wished for is out of date."""
        self._to_remove = 0

    def packet_used(self, slack: float, target: float, left_over: int, step: int, now: float) -> None:
        """A packet was used `slack` seconds after its ideal arrival; `left_over` samples were still unplayed.

        `step` is the size of the blocks that are played.
        """
        self._lowest_slack = min(self._lowest_slack, slack)
        if now < self._reviewed_at + _REVIEW_EVERY:
            return
        spare = (self._lowest_slack - target) * _RATE
        tolerance = _TOLERANCE * _RATE
        if spare < -tolerance:
            steps = math.floor(spare / step)
        elif now < self._late_at + _HOLD_AFTER_LATE:
            steps = 0
        else:
            steps = max(0, math.floor((spare - tolerance) / step))
        self._to_remove = steps * step + left_over
        self._reviewed_at, self._lowest_slack = now, math.inf

    def is_due(self, pcm: Pcm, now: float) -> bool:
        """Whether this piece of sound may be made shorter or longer now."""
        return self._to_remove != 0 and (
            self._to_remove > _HURRY or now >= self._stretched_at + _STRETCH_EVERY or is_quiet(pcm)
        )

    def stretched(self, pcm: Pcm, now: float) -> Pcm:
        """`pcm` nearer to the wanted length; the same array when no fitting place was found in it."""
        if self._to_remove > 0:
            any_place = self._to_remove > _HURRY and now >= self._stretched_at + _PATIENCE
            out = shorten(pcm, self._to_remove, least_alike=-1.0 if any_place else ALIKE)
        else:
            out = lengthen(pcm, -self._to_remove)
        if out is not pcm:
            self._to_remove -= pcm.size - out.size
            self._stretched_at = now
        return out


_WINDOW = 5.0
"""Seconds of packets remembered."""
_RECENT = 0.5
"""Seconds: makes a fresh burst of lateness count before it is 3 % of the window."""
_MOST = 2_000
"""Packets remembered at most: five seconds of the shortest."""
_ON_TIME = 0.97
_ON_TIME_RECENTLY = 0.9
_MARGIN = 0.005
"""Seconds on top of the quantile: the audio callback is not on time either."""
_TOO_FEW = 50
"""Below so many packets what was known before still counts."""
_UNKNOWN = 0.01
"""Seconds to wait on a line of which nothing is known yet."""
_RESTARTED = 0.5
"""Seconds: a transit that jumps so far was not delayed, the sender's media clock was set anew."""
_PAUSED = 0.06
"""Seconds: off by so much after a silence, the sender's media clock stood still during it."""
_LOSS_WEIGHT = 0.004


class RepairWait(NamedTuple):
    """Seconds that make it likely that the packet after a lost one is at hand when the lost one is due."""

    seconds: float
    from_loss: float
    """Share of lost packets from which it is taken."""
    until_loss: float
    """And below which it is given up."""


REPAIR_WAITS = (
    RepairWait(0.0, 0.0, 0.0),
    # Half a packet: a repair that comes 10 ms late still serves for its second half. It buys one concealed frame in a
    # hundred at 10 % loss, which is not worth the delay where less is lost.
    RepairWait(0.01, 0.07, 0.05),
    # With 19 % lost, 10 ms leave 5.3 words in a hundred wrong, 25 ms 3.9 and 30 ms 3.6; without any loss it is 3.3
    # (123 words, 20 seeds; delay 20 ms and jitter 10 ms, twice).
    RepairWait(0.03, 0.15, 0.11),
)
"""Least first."""


class ArrivalDelay:
    """The delay distribution of one stream and the wait that makes 97 % of its packets come in time."""

    def __init__(self) -> None:
        self.can_repair = True
        """Whether packets carry what repairs the one before (FEC): else waiting for the next one buys nothing."""
        self._known, self._recent = _Sorted(), _Sorted()
        self._count = 0
        self._last = 0.0
        self._before = _UNKNOWN
        self._loss = 0.0
        self._repair = 0
        self._needed = _UNKNOWN
        self._floor = 0.0

    @property
    def floor(self) -> float:
        """The smallest transit of the window."""
        return self._floor

    @property
    def needed(self) -> float:
        """Seconds to hold a packet that came by the fastest road, so that the slower ones come in time as well.

        With much loss it pays to have the next packet at hand too, because it repairs the lost one.
        """
        return self._needed + (REPAIR_WAITS[self._repair].seconds if self.can_repair else 0.0)

    def add(self, transit: float, spacing: float = 0.02) -> None:
        """One packet came; packets stand for `spacing` seconds each."""
        if self._count and abs(transit - self._last) > _RESTARTED:
            self.begin_anew()
        spacing = max(spacing, _WINDOW / _MOST)
        self._known.add(transit, round(_WINDOW / spacing))
        self._recent.add(transit, round(_RECENT / spacing))
        self._last = transit
        self._count += 1
        self._weigh_loss(self._loss * (1.0 - _LOSS_WEIGHT))
        self._measure()

    def begin_after_silence(self, transit: float) -> None:
        """The next packet ends a silence: a sender that stamps only what it speaks has a new zero now."""
        if self._count and abs(transit - self._floor) > _PAUSED:
            self.begin_anew()

    def begin_anew(self) -> None:
        """Transits so far cannot be compared with those that come; what they taught about the line remains."""
        self._count, self._before = 0, self._needed
        self._known, self._recent = _Sorted(), _Sorted()

    def lost(self) -> None:
        """One packet was not there when it was due, though later ones were."""
        self._weigh_loss(self._loss + _LOSS_WEIGHT)

    def came_after_all(self) -> None:
        """One that was taken for lost was only late, which its transit tells already."""
        self._weigh_loss(max(0.0, self._loss - _LOSS_WEIGHT))

    def _weigh_loss(self, loss: float) -> None:
        self._loss = loss
        while self._repair + 1 < len(REPAIR_WAITS) and loss > REPAIR_WAITS[self._repair + 1].from_loss:
            self._repair += 1
        while self._repair and loss <= REPAIR_WAITS[self._repair].until_loss:
            self._repair -= 1

    def _measure(self) -> None:
        self._floor = self._known.quantile(0.0)
        late = max(self._known.quantile(_ON_TIME), self._recent.quantile(_ON_TIME_RECENTLY))
        wait = late - self._floor + _MARGIN
        self._needed = max(wait, self._before) if self._count < _TOO_FEW else wait


class _Sorted:
    """The newest numbers, kept in order of size all the time.

    Sorting 250 of them anew for each packet, on the audio thread, costs ten times as much as putting one in its place.
    """

    def __init__(self) -> None:
        self._newest: deque[float] = deque()
        self._ordered: list[float] = []

    def add(self, value: float, most: int) -> None:
        """Take in one number and forget all but the newest `most`."""
        self._newest.append(value)
        insort(self._ordered, value)
        while len(self._newest) > most:
            del self._ordered[bisect_left(self._ordered, self._newest.popleft())]

    def quantile(self, share: float) -> float:
        """The smallest number that at least `share` of them do not exceed."""
        return self._ordered[max(0, math.ceil(share * len(self._ordered)) - 1)]
