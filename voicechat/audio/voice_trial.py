"""Is the voice over the assistant somebody, or the assistant itself? All that speaks for and against it, in one place.

Two witnesses are asked for as long as a voice lasts: the canceller, which is cold in its first seconds, and the level,
which says what the echo alone explains. Before the voice is believed the level is asked once more, with the time at
which the echo comes looked up anew: where a device's delay has jumped, both witnesses are wrong at once.
"""

from __future__ import annotations

from voicechat.audio.barge_in import BargeInFacts, Heard, is_granted
from voicechat.audio.echo import VoiceProcessor
from voicechat.audio.self_echo import EchoWatch
from voicechat.audio.voice_activity import VoiceTracker

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
