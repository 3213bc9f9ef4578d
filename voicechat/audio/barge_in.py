"""R7, decided where it cannot come late: in the audio callback, from facts that the conversation's core has set.

A cough is not an interruption, and nobody interrupts a first syllable. Pure.

Does the assistant hear itself? Compares what was played with what the microphone heard, before and after cancelling.

Every half second in which the loudspeaker was busy, the last second of the raw microphone is correlated with what was
played (GCC-PHAT: every frequency counts alike, so an echo stands 20 to 45 times above the rest in any room, another
voice 4 to 6 times). That yields delay and level of the echo, and from the level an expectation for every block: a
microphone that is louder than the expected echo hears somebody. A voice detected while it is *not* louder, and that
still correlates with the loudspeaker after cancelling, is the loudspeaker's own. Pure: blocks and times in, numbers
out; costs 0.3 % of a core while the assistant speaks and nothing worth naming otherwise.

Is the voice over the assistant somebody, or the assistant itself? All that speaks for and against it, in one place.

Two witnesses are asked for as long as a voice lasts: the canceller, which is cold in its first seconds, and the level,
which says what the echo alone explains. Before the voice is believed the level is asked once more, with the time at
which the echo comes looked up anew: where a device's delay has jumped, both witnesses are wrong at once.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from voicechat.audio.blocks import BLOCK, BLOCK_SECONDS, Block, mean_square
from voicechat.audio.echo import VoiceProcessor
from voicechat.audio.voice_activity import VoiceTracker
from voicechat.core.events import SelfEchoHeard

EchoMode = Literal["cancelled", "headphones", "shut"]
"""How the loudspeaker is kept from being taken for a voice: by the canceller, because headphones are worn, or by
shutting the microphone while it plays."""
_THINNED = 80
"""Samples of a block at 8 kHz: voices and small loudspeakers have nothing above that matters here."""
_SUM = np.ones(BLOCK // _THINNED, dtype=np.float32)
_RATE = 8_000
_WINDOW = 100
"""Blocks of microphone that are correlated at once: one second."""
_LATEST = 60
"""Blocks: an echo may come up to 0.6 s late, which is later than the canceller can follow (0.45 s)."""
_KEPT = _WINDOW + _LATEST
_SIZE = 16_384
"""Points of the transform: the first power of two above the samples kept."""
_EVERY = 50
"""Blocks from look to look."""
_EVERY_UNKNOWN = 20
"""The same until an echo was found: the canceller is cold then, and an answer may be interrupted after 1.2 s."""
_BUSY = 25
"""Blocks of a second in which the loudspeaker must have been audible for a look to be worth it."""
FAR_AUDIBLE = 1e-6
"""Mean square (-60 dBFS) above which a block of the loudspeaker counts as audible."""
STANDS_OUT = 8.0
"""Height of the correlation's peak over its RMS that is an echo: between 5.7 (highest of another voice) and 9.2."""
_STAYS_AFTER_CANCELLING = 7.0
"""The same for what is left of it."""
_EXPLAINED_DB = 4.0
"""A microphone less than this above the expected echo hears nobody else."""
_EXPLAINED = 10 ** (_EXPLAINED_DB / 10)
_FADES = 0.7
"""Energy that a room keeps from one block to the next (a reverberation time of 0.4 s)."""
_FREE_AFTER = 2
"""Looks at a busy loudspeaker and a quiet microphone after which there is no echo: a fifth of a second apart, from
the first on for which even the latest echo would have arrived."""
_QUIET = 10 ** (6.0 / 10)
"""A microphone whose loud blocks are less than this over its noise hears nobody, and no echo that was overlooked."""
_LOUD_SHARE = 90
"""Percentile of the blocks of a window that are its loud ones: one click is none."""
_EVERY_IN_DOUBT = 5
"""Blocks from look to look while a voice is heard where no echo was: it may be the loudspeaker, just switched on."""
_SUSPECT = 6.0
"""The same as `STANDS_OUT`, 0.2 s after a loudspeaker was switched on: 95 % of its echoes stood higher, and 95 % of
other voices lower."""
_LEAST = 40
"""Blocks of microphone that tell when the echo comes. With 25 the peak of an echo that has jumped is lost too often: 6
of 120 answers interrupted themselves, with these 2, without looking 34 of 96."""
_MOVED = _THINNED
"""Samples at 8 kHz: an echo that comes 10 ms sooner or later than it did is none that the canceller knows."""
_NEAR = 16
"""Samples around the known place in which the old echo would still be seen (2 ms); in a room it has company there."""
_GONE = 0.5
"""Share of the new peak below which it is not."""
_REMEMBERED = 9
"""Looks that make the estimate."""
ENOUGH = 0.3
"""Seconds of voice that was the loudspeaker's own before anybody is told: more than one cough of the canceller."""
_FORGIVEN = 0.05
"""Seconds taken off again by every look without one, so that rare leaks never add up."""
_MARGIN_DB = 9.0
"""dB over the noise from which an echo that is shut out would be taken for a voice."""
_SILENT_BLOCKS = 150
"""Blocks after the last audible one from which nothing needs to be kept."""

Thin = npt.NDArray[np.float32]
Spectrum = npt.NDArray[np.complex128]
"""As numpy's types have it; single precision where numpy keeps that of its input."""


class Coupling:
    """How the loudspeaker reaches the microphone, over the last looks. Other threads may read the three figures."""

    def __init__(self) -> None:
        self.level_db: float | None = None
        """Echo against what was played, dB: the lower quartile, because whoever talks over it only adds."""
        self.delay: float | None = None
        """Seconds."""
        self.loss_db: float | None = None
        """What cancelling takes out, dB; never more than lies between echo and noise."""
        self._levels: deque[float] = deque(maxlen=_REMEMBERED)
        self._delays: deque[float] = deque(maxlen=_REMEMBERED)
        self._losses: deque[float] = deque(maxlen=_REMEMBERED)

    def learn(self, level_db: float, delay: float, loss_db: float | None) -> None:
        """One more look; without a loss where somebody talked over the echo."""
        self._levels.append(level_db)
        self._delays.append(delay)
        self.level_db = sorted(self._levels)[len(self._levels) // 4]
        self.delay = sorted(self._delays)[len(self._delays) // 2]
        if loss_db is not None:
            self._losses.append(loss_db)
            self.loss_db = sorted(self._losses)[len(self._losses) // 2]

    def move(self, delay: float) -> None:
        """The same echo, from now on at another time."""
        self._delays.clear()
        self._delays.append(delay)
        self.delay = delay


class EchoWatch:
    """Feed it every block, in order; one thread only (the audio thread)."""

    def __init__(self) -> None:
        self.coupling = Coupling()
        self.excess_db = 0.0
        """How much louder the microphone was in the newest block than echo and noise explain, dB; 0 if unknown."""
        self.has_looked = False
        """Whether enough was played since the start to have looked for an echo, found or not."""
        self._far, self._mic, self._clean = (np.zeros((_KEPT, _THINNED), dtype=np.float32) for _ in range(3))
        self._far_energy, self._mic_energy, self._clean_energy = (np.zeros(_KEPT) for _ in range(3))
        self._own_voice, self._near_voice = np.zeros(_KEPT, dtype=np.bool_), np.zeros(_KEPT, dtype=np.bool_)
        self._looked_at = 0
        self._at = 0
        self._blocks = 0
        self._silent_for = _SILENT_BLOCKS
        self._expected = 0.0
        self._beyond = 0.0
        self._gain = 0.0
        self._lag = 0
        self._place = 0
        self._look_from = 0
        self._moved = 0.0
        self._noise_db = 0.0
        self._own = self._own_lately = 0.0
        self._misses = 0
        self._quiet_looks = 0
        self._height = 0.0
        self._told: tuple[str, ...] = ()

    def restart(self) -> None:
        """Devices or processing are new: what was measured no longer holds."""
        self.coupling = Coupling()
        self._gain = self._expected = self._beyond = self.excess_db = self._own = self._own_lately = 0.0
        self._blocks = self._misses = self._looked_at = self._quiet_looks = self._look_from = 0
        self._moved = 0.0
        self._far_energy[:] = 0.0
        self.has_looked = False

    @property
    def is_coupled(self) -> bool:
        """Whether an echo of the loudspeaker has been found in the microphone."""
        return self._gain > 0.0

    @property
    def is_free(self) -> bool:
        """Whether nothing of the loudspeaker reaches the microphone: looked for where it would show, and not found."""
        return self._quiet_looks >= _FREE_AFTER

    @property
    def is_suspect(self) -> bool:
        """Whether what is heard where no echo was may be one that has just come up."""
        return self.is_free and self._height >= _SUSPECT

    @property
    def heard(self) -> float:
        """Energy of the newest block of the microphone; 0 while the loudspeaker has long been silent."""
        return float(self._mic_energy[self._at]) if self._blocks else 0.0

    @property
    def beyond(self) -> float:
        """The part of it that neither echo nor noise explain, 0 while no echo is known."""
        return self._beyond

    @property
    def is_explained(self) -> bool:
        """Whether the echo alone would make the microphone as loud as it is."""
        return self.is_coupled and self.excess_db < _EXPLAINED_DB

    def hear(self, mic: Block, far: Block, clean: Block, *, is_voice: bool, gain_db: float, noise_db: float) -> bool:
        """Take in one step of the path; whether it was time to look (then ask `judge`).

        `is_voice`: the detector takes `clean` for a voice; `gain_db` is what the gain control added to it.
        """
        far_energy = mean_square(far)
        self._silent_for = 0 if far_energy > FAR_AUDIBLE else self._silent_for + 1
        if self._silent_for >= _SILENT_BLOCKS:
            self._blocks = self._looked_at = self._look_from = 0
            self._expected = self._beyond = self.excess_db = 0.0
            return False
        at = self._at = (self._at + 1) % _KEPT
        for ring, block in ((self._far, far), (self._mic, mic), (self._clean, clean)):
            np.dot(block.reshape(_THINNED, BLOCK // _THINNED), _SUM, out=ring[at])
        self._far_energy[at] = far_energy
        self._mic_energy[at] = mean_square(mic)
        self._clean_energy[at] = mean_square(clean) * 10 ** (-gain_db / 10)
        self._noise_db = noise_db
        self._expect(at)
        self._near_voice[at] = is_voice and self.is_coupled and not self.is_explained
        self._own_voice[at] = is_voice and not self._near_voice[at]
        self._blocks += 1
        return self._blocks >= _EVERY and self._blocks % self._every(is_voice=is_voice) == 0

    def _every(self, *, is_voice: bool) -> int:
        if self.is_free and is_voice:
            return _EVERY_IN_DOUBT
        return _EVERY if self.is_coupled or self._misses >= _REMEMBERED else _EVERY_UNKNOWN

    def judge(self, mode: EchoMode, place: tuple[str, ...], *, is_cold: bool, noise_db: float) -> SelfEchoHeard | None:
        """Measure the echo anew; an event when the loudspeaker is taken for a voice and `place` was not told so yet.

        `place` names devices and processing. The leaks of a cold canceller are not held against it.
        """
        order = self._order()
        busy = self._far_energy[order] > FAR_AUDIBLE
        if int(np.count_nonzero(busy[-_WINDOW:])) < _BUSY or self._blocks < self._look_from:
            return None
        self.has_looked = True
        far = self._far_spectrum(order)
        was_free = self.is_free
        if not self._measure(order, far):
            self._quiet_looks += self._is_quiet(order, busy, noise_db)
            return None
        self._quiet_looks = 0
        if was_free:
            self._excuse()
        if was_free or self._moved:
            return None
        self._own = max(0.0, self._own + self._own_lately)
        self._own_lately = self._own_seconds(order, far, mode, noise_db, is_cold=is_cold)
        situation = (mode, *place)
        level, delay = self.coupling.level_db, self.coupling.delay
        if self._own < ENOUGH or situation == self._told or level is None or delay is None:
            return None
        self._told = situation
        cancelled = self.coupling.loss_db if mode == "cancelled" else None
        return SelfEchoHeard(level, delay, max(0.0, cancelled or 0.0), mode)

    def look_again(self, lasted: float) -> bool:
        """Whether a voice of so many seconds still is what was played, after cancelling; asked before it is believed.

        And whether the echo still comes when it did (`take_move`).

        A sound server that stalled, or a wireless link that caught up, moves it by tens of milliseconds. The canceller
        lets it pass then for seconds, and where it is not expected it stands out like a person.
        """
        if not self.is_coupled or self._blocks < _EVERY:
            return False
        newest = min(max(round(lasted / BLOCK_SECONDS), _LEAST), _WINDOW)
        order = self._order()
        far, rows = self._far_spectrum(order), order[-newest:]
        found = _correlated(far, self._mic[rows])
        if _height(found) >= STANDS_OUT:
            self._follow(found)
        return _height(_correlated(far, self._clean[rows])) >= _STAYS_AFTER_CANCELLING

    def take_move(self) -> float:
        """By how many seconds the echo comes later than it did (negative: sooner); told once, 0.0 else."""
        moved, self._moved = self._moved, 0.0
        return moved

    def reckon(self, blocks: int) -> tuple[float, float]:
        """`heard` and `beyond`, summed over the newest blocks, as the echo is known now; one second at most."""
        heard = beyond = self._expected = 0.0
        for at in self._order()[_KEPT - min(blocks, _WINDOW) :]:
            self._expect(int(at))
            heard += float(self._mic_energy[at])
            beyond += self._beyond
        return heard, beyond

    def _order(self) -> npt.NDArray[np.intp]:
        """The ring's rows, oldest first."""
        return np.arange(self._at + 1, self._at + 1 + _KEPT) % _KEPT

    def _far_spectrum(self, order: npt.NDArray[np.intp]) -> Spectrum:
        return np.fft.rfft(self._far[order].reshape(-1), _SIZE)

    def _expect(self, at: int) -> None:
        if not self.is_coupled:
            self._beyond = 0.0
            return
        heard = self._gain * float(self._far_energy[at - self._lag])
        self._expected = max(heard, self._expected * _FADES)
        explained = self._expected + 10 ** (self._noise_db / 10)
        energy = float(self._mic_energy[at])
        self.excess_db = 10 * math.log10(max(energy, 1e-12) / explained)
        self._beyond = max(0.0, energy - _EXPLAINED * explained)

    def _measure(self, order: npt.NDArray[np.intp], far: Spectrum) -> bool:
        """Delay and level of the echo in the raw microphone; whether there is one."""
        found = _correlated(far, self._mic[order[_LATEST:]])
        self._height = _height(found)
        if self._height < STANDS_OUT:
            self._misses += 1
            if self._misses >= _REMEMBERED:  # the echo is gone: headphones were plugged in, or the volume is down
                self.coupling = Coupling()
                self._gain = 0.0
            return False
        self._misses = 0
        self._follow(found)
        lag = self._lag
        played = float(np.sum(self._far_energy[order[_LATEST - lag : _KEPT - lag]]))
        heard = float(np.sum(self._mic_energy[order[_LATEST:]]))
        left = float(np.sum(self._clean_energy[order[_LATEST:]]))
        is_talked_over = bool(self._near_voice[order[_LATEST:]].any())
        loss = None if is_talked_over else 10 * math.log10(max(heard, 1e-12) / max(left, 1e-12))
        self.coupling.learn(10 * math.log10(max(heard, 1e-12) / max(played, 1e-12)), self._place / _RATE, loss)
        self._gain = 10 ** ((self.coupling.level_db or 0.0) / 10)
        return True

    def _follow(self, found: Thin) -> None:
        """Take the peak's place for the echo's; another one than before only once nothing is left at the old one."""
        place, before = int(np.argmax(found)), self._place
        if self.is_coupled and abs(place - before) > _MOVED:
            if float(found[max(0, before - _NEAR) : before + _NEAR].max()) >= _GONE * float(found[place]):
                return
            self._moved = (place - before) / _RATE
            self.coupling.move(place / _RATE)
            self._look_from = self._blocks + _WINDOW  # until then a look would see both
            self._excuse()
        self._place, self._lag = place, min(place // _THINNED, _LATEST - 1)

    def _excuse(self) -> None:
        """What came through until now was nobody's fault."""
        self._looked_at, self._own_lately = self._blocks, 0.0

    def _is_quiet(self, order: npt.NDArray[np.intp], busy: npt.NDArray[np.bool_], noise_db: float) -> bool:
        """Whether the loudspeaker was busy so long ago that its echo must be here, and nothing at all is."""
        loud = float(np.percentile(self._mic_energy[order[_LATEST:]], _LOUD_SHARE))
        return int(np.count_nonzero(busy[:_WINDOW])) >= _BUSY and loud < _QUIET * 10 ** (noise_db / 10)

    def _own_seconds(
        self,
        order: npt.NDArray[np.intp],
        far: Spectrum,
        mode: EchoMode,
        noise_db: float,
        *,
        is_cold: bool,
    ) -> float:
        """Seconds since the last look in which the loudspeaker was, or would have been, taken for a voice.

        They count from the next look on: it may find that the echo has moved meanwhile, as no canceller foresees.
        """
        newest = order[-min(_EVERY, self._blocks - self._looked_at) :]
        self._looked_at = self._blocks
        if mode == "shut":
            loud = self._mic_energy[newest] > 10 ** ((noise_db + _MARGIN_DB) / 10)
            return float(np.count_nonzero(loud)) * BLOCK_SECONDS
        blocks = int(np.count_nonzero(self._own_voice[newest]))
        if is_cold:
            return 0.0
        if blocks == 0 or _height(_correlated(far, self._clean[order[_LATEST:]])) < _STAYS_AFTER_CANCELLING:
            return -_FORGIVEN
        return blocks * BLOCK_SECONDS


def _correlated(far: Spectrum, heard: Thin) -> Thin:
    """How well the newest blocks of the microphone fit what was played; index: samples at 8 kHz that they are late."""
    padded = np.zeros(_SIZE, dtype=np.float32)
    padded[_KEPT * _THINNED - heard.size : _KEPT * _THINNED] = heard.reshape(-1)
    cross = np.fft.rfft(padded) * np.conj(far)
    cross /= np.abs(cross) + np.float32(1e-12)
    found: Thin = np.abs(np.fft.irfft(cross)[: _LATEST * _THINNED]).astype(np.float32)
    return found


def _height(found: Thin) -> float:
    """That of the peak over the RMS."""
    return float(found.max()) / math.sqrt(mean_square(found) + 1e-20)


COLD_FOR = 3.0
"""Seconds of far-end sound in which leaks are not held against the canceller. A voice that begins in them, before the
answer may be interrupted, counts as begun over a cold one."""
_UNPROVEN_FOR = 5.0
"""Seconds of far-end sound in which a voice that the echo explains is taken for a leak. Leaks that lasted as long
as a voice were seen until 3.9 s; whoever speaks so softly stands out once the loudspeaker is turned down."""
_BEYOND = 0.35
"""Share of a voice's energy, in blocks that are louder than explained and beyond what is explained, that is somebody's.
After 0.25 s it was 0.15 or less in 95 % of 150 leaks of a cold canceller, 0.56 or more in 95 % of 184 voices 6 dB over
the echo. Blocks must not be counted instead: in the tail of a reverberation many stand out, and all are soft."""
_ASKED_EVERY = 5
"""Blocks after which a voice that was refused is looked at again: a look costs more than a step."""


class VoiceBalance:
    """How much of what was heard during one voice the echo does not explain. Energies, so that loud blocks decide."""

    def __init__(self) -> None:
        self._heard = self._beyond = 0.0
        self._blocks = 0

    @property
    def stands_out(self) -> bool:
        """Whether somebody must have added to the echo; False before anything was heard."""
        return self._heard > 0.0 and self._beyond >= _BEYOND * self._heard

    def add(self, watch: EchoWatch) -> None:
        """One more block of the voice, which `watch` has heard last."""
        self._heard += watch.heard
        self._beyond += watch.beyond
        self._blocks += 1

    def recount(self, watch: EchoWatch) -> None:
        """The echo came at another time than was believed: look at the same blocks once more."""
        self._heard, self._beyond = watch.reckon(self._blocks)

    def forget(self) -> None:
        """The voice is over, or was none."""
        self._heard = self._beyond = 0.0
        self._blocks = 0


class VoiceTrial:
    """One voice after the other; the audio thread only. The processor is passed in, because it may be exchanged."""

    def __init__(self) -> None:
        self.facts: BargeInFacts | None = None
        """Under which conditions the assistant may be interrupted; None: it may not."""
        self.echo = EchoWatch()
        self._balance = VoiceBalance()
        self._began_cold = False
        self._refused_for = _ASKED_EVERY
        """Blocks since a voice was refused."""

    @property
    def has_stood_out(self) -> bool:
        """Whether the present voice, or what may become one, is louder as a whole than the echo explains."""
        return self._balance.stands_out

    def hear(self, *, is_going: bool) -> None:
        """The echo watch has heard one more block; `is_going`: of a voice, or of what may become one."""
        self._refused_for += 1
        if is_going:
            self._balance.add(self.echo)
        else:
            self._balance.forget()

    def begin(self, processor: VoiceProcessor) -> None:
        """A voice was noticed."""
        self._began_cold = self._is_cold(processor)

    def follow_echo(self, processor: VoiceProcessor) -> bool:
        """Where the echo comes at another time than it did, what rests on that is learnt and counted anew."""
        moved = self.echo.take_move()
        if moved:
            processor.follow_echo(moved)
            self._balance.recount(self.echo)
        return moved != 0.0

    def is_won(self, voice: VoiceTracker, playback: float, processor: VoiceProcessor) -> bool:
        """Whether the voice has earned the floor (R7). `playback`: seconds that the answer was heard."""
        facts = self.facts
        if facts is None or self._refused_for < _ASKED_EVERY:
            return False
        heard = self._heard(voice, playback, processor)
        if not is_granted(facts, heard):
            return False
        is_played = self.echo.look_again(voice.lasted)
        if self.follow_echo(processor):
            heard = self._heard(voice, playback, processor)
        is_won = is_granted(facts, heard) and not (heard.is_doubtful and is_played)
        if not is_won:
            self._refused_for = 0
        return is_won

    def is_doubtful(self, processor: VoiceProcessor) -> bool:
        """Whether the echo alone explains how loud the microphone was during the present voice."""
        if self.echo.is_coupled:
            return not self._balance.stands_out
        is_cold = self._began_cold or self._is_cold(processor)
        return self.echo.is_suspect or (is_cold and not self.echo.has_looked)

    def _heard(self, voice: VoiceTracker, playback: float, processor: VoiceProcessor) -> Heard:
        is_cold = self._began_cold or self._is_cold(processor)
        return Heard(
            playback=playback,
            lasted=voice.lasted,
            sure_for=voice.sure_for,
            is_cold=is_cold,
            is_doubtful=self.is_doubtful(processor),
            may_be_echo=not processor.cancels_echo or processor.is_cold(_UNPROVEN_FOR),
        )

    def _is_cold(self, processor: VoiceProcessor) -> bool:
        """Also asked when a voice begins: the leak of a cold canceller is no voice for lasting until it is warm."""
        return processor.is_cold(COLD_FOR if self.facts is None else self.facts.cold_for)


@dataclass(frozen=True, slots=True)
class BargeInFacts:
    """The assistant may be interrupted, under these conditions. All are seconds."""

    min_playback: float
    """The answer must have been audible for so long."""
    min_voice: float
    """The voice must have lasted for so long."""
    cold_extra: float
    """Added to `min_voice` while the echo canceller is cold."""
    cold_for: float
    """So much far-end sound makes the canceller warm."""
    duck_after: float
    """From so much voice on, the loudspeaker is turned down while we are not sure yet."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What speaks for and against a voice over the assistant, in one moment."""

    playback: float
    """Seconds of this answer that were audible, 0 when none is running."""
    lasted: float
    """Seconds of the voice, what led into it included."""
    sure_for: float
    """Seconds of it since the detector was sure."""
    is_cold: bool = False
    """The canceller is cold, or was when the voice began: its leaks sound like voices."""
    is_doubtful: bool = False
    """The echo alone explains how loud the microphone was during this voice."""
    may_be_echo: bool = False
    """Nothing cancels the echo, or nothing has for long enough: what the echo explains is no voice at all."""


def is_granted(facts: BargeInFacts, heard: Heard) -> bool:
    """Whether the voice has earned the floor.

    A voice that stands out of the echo counts from its first sound. One that may be a leak must be sure for longer,
    and over a cold canceller (or none) it must stand out: whoever speaks softly does so as soon as the loudspeaker has
    been turned down for it.
    """
    if heard.playback <= 0.0 or heard.lasted <= 0.0 or not _reached(heard.playback, facts.min_playback):
        return False
    if heard.is_doubtful and (heard.is_cold or heard.may_be_echo):
        return False
    if heard.is_cold or heard.is_doubtful:
        return _reached(heard.sure_for, facts.min_voice + facts.cold_extra)
    return _reached(heard.lasted, facts.min_voice)


def should_duck(facts: BargeInFacts, *, heard: float, voice_lasted: float) -> bool:
    """Whether to turn down for a voice that may become an interruption."""
    return heard > 0.0 and voice_lasted > 0.0 and _reached(voice_lasted, facts.duck_after)


def _reached(seconds: float, needed: float) -> bool:
    """Times are sums of 10 ms steps; a rounding error must not cost a block."""
    return seconds >= needed - 1e-6
