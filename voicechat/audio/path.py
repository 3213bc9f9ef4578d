"""The one 10 ms step of sound: loudspeaker, echo, meters, voice, gate, in that order, on one thread.

    playout ──▶ loudspeaker
       └──────▶ echo processing ◀── microphone
                     └──▶ meters ──▶ voice tracker ──▶ mic gate ──▶ line

Whoever owns a clock calls `process` every 10 ms: a sound device's callback, or a thread that keeps time. It takes
no lock, writes no log and allocates nothing that grows. Other threads ask for changes by appending to a deque; the
next block applies them, so the step never sees half a change. What happened is posted as events of the core;
`post` must only queue.

The loudspeaker gets its block at once. The microphone's may wait for the next one (`HeldBlock`), where nobody is kept
waiting by that: half of what a step costs is to find one's way back into the processor's caches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from msgspec import structs

from voicechat.audio.barge_in import COLD_FOR, BargeInFacts, EchoMode, VoiceTrial, should_duck
from voicechat.audio.blocks import BLOCK, BLOCK_SECONDS, FRAME, SAMPLE_RATE, Block, Frame, mean_square, silent_block
from voicechat.audio.devices import silent_cure
from voicechat.audio.echo import Processing, VoiceProcessor, make_processor
from voicechat.audio.levels import Level, LevelMeter, NoiseMeter
from voicechat.audio.mic_gate import MicGate
from voicechat.audio.near_voice import DuplexMemory
from voicechat.audio.playout import PlaybackSource, Playout
from voicechat.audio.voice_activity import VoiceDetector, VoiceTracker, make_detector
from voicechat.core.events import (
    AssistantFellSilent,
    AssistantHeard,
    AudioEvent,
    BargeInHappened,
    EchoChanged,
    MicClosed,
    MicFlat,
    MicLive,
    PlaybackDucked,
    PlaybackFlushed,
    UplinkDrained,
    VoiceBegan,
    VoiceEnded,
)


@dataclass(frozen=True, slots=True)
class AudioSnapshot:
    """How the sound path is right now, for meters that look 12 to 20 times a second. Levels are dBFS, times seconds.

    What other threads may know of the audio path.
    """

    in_db: float
    """Level of the processed microphone: what would be sent."""
    in_peak_db: float
    """Peak of the raw microphone."""
    in_clipped: float
    """Share of raw samples at full scale in the last second, 0 to 1."""
    noise_db: float
    out_db: float
    gate_open: bool
    backlog: float
    """Seconds waiting for the line."""
    underruns: int
    late: int
    """Times the device reported a gap or an overflow."""
    restarts: int
    """Times the stream was reopened or kicked."""
    echo_name: str
    detector_name: str
    mic_name: str
    speaker_name: str
    flat_for: float
    """Seconds of bit-exact zeros from the microphone."""
    echo_level_db: float | None = None
    """The echo in the raw microphone against what was played, dB; None while none is found (headphones, silence)."""
    echo_delay: float | None = None
    """Seconds from handing a sample to the loudspeaker to its echo; None while none is found."""
    echo_return_loss_db: float | None = None
    """How much of the echo the canceller takes out, dB, gain control not counted; None while it is not known."""


class HeldBlock:
    """What was heard and played in one step. Copies into its own memory: a device takes its buffers back.

    A block of the microphone that waits for the next one, so that both are heard in one go.

    A step out of a sleep of 10 ms costs 480 microseconds, one right behind it 230, one behind many 100: what lies
    between is memory that other work has driven out of the processor's caches. In a talk this saves 50 to 90 of 600 a
    block.
    """

    def __init__(self) -> None:
        self.waits = False
        """Whether there is one."""
        self.mic = silent_block()
        """float32[480]."""
        self.out = silent_block()
        """float32[480] that the loudspeaker got in the same step."""
        self.out_energy = 0.0
        """Mean square of it."""
        self.at = 0.0
        """When that was, seconds of the path's clock."""

    def keep(self, mic: Block, out: Block, out_energy: float, at: float) -> None:
        """Hold this one."""
        np.copyto(self.mic, mic)
        np.copyto(self.out, out)
        self.out_energy, self.at, self.waits = out_energy, at, True


FLAT_AFTER = 5.0
"""Seconds of bit-exact zeros from an open mic that make it flat (R26)."""


class Flatness:
    """Turns seconds of zeros into two events. Pure: the time is passed in, block by block.

    Does an open microphone give nothing but zeros? That is a muted or forbidden one, never a quiet room (R26).
    """

    def __init__(self) -> None:
        self._is_flat = False
        self._open_blocks = 0

    def hear(self, flat_for: float, *, is_open: bool, is_real: bool) -> MicFlat | MicLive | None:
        """One block, up to which there were zeros for `flat_for` seconds; sound files may be silent (`is_real`).

        Zeros count while the mic is open: what nobody wanted to hear need not have been there.
        """
        self._open_blocks = self._open_blocks + 1 if is_open else 0
        heard_flat_for = min(flat_for, self._open_blocks * BLOCK_SECONDS)
        if self._is_flat and flat_for == 0.0:
            self._is_flat = False
            return MicLive()
        if not self._is_flat and heard_flat_for >= FLAT_AFTER and is_real and is_open:
            self._is_flat = True
            return MicFlat(heard_flat_for, silent_cure())
        return None


_HOLD_BLOCKS = 100
"""1 s: no pause inside a sentence. With 0.4 s the sentence went on with a soft sound that was suppressed."""
_FALL_BLOCKS = 30
"""0.3 s from the voice with its noise to the pause without."""
_RAMP = np.arange(1, BLOCK + 1, dtype=np.float32) / np.float32(BLOCK)


class QuietPauses:
    """Chooses between the voice with its noise and the same with the noise suppressed, without a click.

    Noise is taken out of the pauses, and nothing at all out of the voice.

    A suppressor that runs through a voice takes soft consonants with the noise: people like it, recognisers misread
    them, and a recogniser is who listens here. In pauses it can take no word, and there it helps: the other side's
    voice detection hears silence, and nothing is read into the hum of a fan. So there are two signals, one with the
    noise and one without, and this says which of them is sent.

    Nothing may be held back to see a voice coming, so doubt decides for the voice: whatever stands out of the noise
    floor passes as it is, at once, and for a second after; only then does the noise go, slowly enough not to be heard
    going. What has been said before a gate opens (the pre-roll) is past and cannot be repaired, so nothing is
    suppressed while it is closed. While the loudspeaker is heard, the suppressor also takes out what the canceller
    leaves, and runs through.
    """

    def __init__(self) -> None:
        self._share = 1.0
        """Of the untouched voice in what was sent last, 0 to 1."""
        self._hold = 0

    def mix(self, voice: Block, suppressed: Block, *, may_be_voice: bool, is_in_echo: bool) -> Block:
        """float32[480] of both, of the same moment. `is_in_echo`: the loudspeaker was audible lately."""
        self._hold = _HOLD_BLOCKS if may_be_voice else max(0, self._hold - 1)
        if is_in_echo:
            share = 0.0
        elif self._hold:
            share = 1.0
        else:
            share = max(0.0, self._share - 1.0 / _FALL_BLOCKS)
        before, self._share = self._share, share
        if before == share:
            return voice if share else suppressed
        ramp = np.float32(before) + _RAMP * np.float32(share - before)
        return suppressed + (voice - suppressed) * ramp


_REACH = 8
"""Samples between the two of a difference: most of 3 kHz, nothing of 6 kHz, a fiftieth of what hums at 150 Hz."""
_STRAYS = 6.0
"""Mean strayings above the mean energy at which a sound has risen. With five, pink noise and a fan's rise some three
times a minute; with six, less than once."""
_LEAST, _MOST = 1.25, 3.0
"""Times the mean energy; what is 5 dB louder has risen in the unsteadiest noise."""
_LEARN, _LEARN_RISEN = 0.02, 0.005
"""Weight of the newest block in the mean: 0.5 s. Where nobody speaks a noise may change, so what has risen counts,
too, but for little, as it may be the beginning of a voice: 0.1 s of it add a tenth, a noise 10 dB louder is known
after 2 s."""
_AT_FIRST = 100
"""Blocks over which the first mean is made: 1 s."""
_INAUDIBLE = 1e-7
"""Mean energies stay above it (-70 dBFS), or after digital silence a noise would be new for very long."""


class RisingSound:
    """Compares each block with the noise so far. Give it no voice, or it will take it for noise.

    Does the microphone hear something that was not there a moment ago? The first soft consonant, before it is a voice.

    Words that noise suppression cost were first words ("The meeting" became "Meeting", "Please" became "These"): a
    voice begins with sounds softer than the noise around them, and a threshold that all noises must stay under
    notices them 30 to 50 ms late. But steady noise is very even between 500 Hz and 6 kHz, where consonants are: there
    its 10 ms energies stray by 6 to 9 %, and a rise by half stands out of it. So each noise sets its own threshold.

    It listens to the raw microphone, which is 16 ms earlier than what is sent of the same moment: time enough to open.
    """

    def __init__(self) -> None:
        self._difference = np.zeros(BLOCK - _REACH, dtype=np.float32)
        self._mean = _INAUDIBLE
        self._straying = 0.1
        """Mean distance of the energies of noise from their mean, as a share of it."""
        self._heard = 0

    def hear(self, mic: Block) -> bool:
        """Take in float32[480] of the raw microphone; whether it stands out of what came before."""
        np.subtract(mic[_REACH:], mic[:-_REACH], out=self._difference)
        energy = mean_square(self._difference)
        ratio = energy / self._mean
        has_risen = ratio > min(_MOST, max(_LEAST, 1.0 + _STRAYS * self._straying))
        if self._heard < _AT_FIRST:
            self._heard += 1
            self._mean += (energy - self._mean) / self._heard
        elif has_risen:
            self._mean += _LEARN_RISEN * (min(energy, _MOST * self._mean) - self._mean)
        else:
            self._mean += _LEARN * (energy - self._mean)
        self._mean = max(self._mean, _INAUDIBLE)
        if not has_risen:
            self._straying += _LEARN * (abs(ratio - 1.0) - self._straying)
        return has_risen


__all__ = ["AudioPath", "AudioSnapshot", "BargeInFacts"]

FELL_SILENT_AFTER = 0.1
"""Seconds without an audible sample that make silence a fact; shorter gaps are part of speech."""
_SILENT_MARGIN_DB = 6.0
"""dB above the noise floor below which a block between voices may be skipped to catch up."""
_MAYBE_VOICE_DB = 10.0
"""dB above the noise floor at which nothing may be taken from a block any more, however low its sound: `RisingSound`
does not hear much below 300 Hz. With 5 dB the noise came back in a third of the pauses in pink noise, with 8 in a car's
twelve times a minute."""

Post = Callable[[AudioEvent], None]
_Request = Callable[[float], None]


class AudioPath:
    """Everything between microphone, loudspeaker and line. See the module's text for who may call what."""

    def __init__(
        self,
        post: Post,
        *,
        processor: VoiceProcessor | None = None,
        detector: VoiceDetector | None = None,
    ) -> None:
        self.mic_name = "none"
        self.speaker_name = "none"
        self.late = 0
        self.restarts = 0
        self.mic_is_real = False
        """Whether zeros from the microphone mean trouble; sound files and no microphone at all may be silent."""
        self.mic_was_opened = False
        """Whether the gate has ever been open; a sound file that plays the microphone waits for it."""
        self.played: Callable[[float, Block], None] | None = None
        """Gets what the loudspeaker plays, float32[480], and when; on the audio thread, so it may only queue."""
        self._post = post
        self._processor = processor if processor is not None else make_processor()
        self._wished = self._processor.processing
        self._detector = detector if detector is not None else make_detector()
        self._tracker = VoiceTracker(self._detector.lag)
        self._playout = Playout()
        self._source: PlaybackSource | None = None
        self._memory = DuplexMemory()
        self._gate = MicGate(self._memory)
        self._held = HeldBlock()
        self._pauses = QuietPauses()
        self._rising = RisingSound()
        self._raw_meter = LevelMeter()
        self._meter = NoiseMeter()
        self._out_meter = Level()
        self._requests: deque[_Request] = deque()
        self._trial = VoiceTrial()
        self._echo = self._trial.echo
        self._probability = 0.0
        self._is_heard = False
        self._flatness = Flatness()

    def process(self, mic: Block, out: Block, now: float) -> None:
        """One step: `mic` is float32[480] as captured, `out` float32[480] is filled for the loudspeaker."""
        if self._requests:
            self._hear_held()  # what was heard before a request is none of its business
            while self._requests:
                self._requests.popleft()(now)
        audible = self._playout.fill(out, now)
        if self.played is not None:
            self.played(now, out.copy())
        self._notice_loudspeaker(audible, now)
        if not self._held.waits and self._may_wait():
            self._held.keep(mic, out, self._playout.energy, now)
            return
        self._hear_held()
        self._hear(mic, out, self._playout.energy, now)

    # Requests: any thread may make them, the next block carries them out.

    def open_mic(self, pre_roll: float, *, again: bool = False) -> None:
        """Send the microphone, starting `pre_roll` seconds ago (R6, R7); `again`: also what another line was sent."""
        self._requests.append(lambda now: self._open_gate(pre_roll, again=again))

    def send_kept(self, since: float, until: float) -> None:
        """Send what was heard from `since` to `until` seconds ago; the mic stays as it is."""
        self._requests.append(lambda now: self._gate.send(since, until))

    def close_mic(self, *, drop: bool = False, is_told: bool = False) -> None:
        """Send silence. What is queued still leaves, unless `drop` asks otherwise (a mute, a lost line).

        `is_told`: report it as `MicClosed`, for a caller that acts ahead of the core.
        """
        self._requests.append(lambda now: self._close_gate(drop=drop, is_told=is_told))

    def flush(self, through: int | None = None) -> None:
        """Silence the loudspeaker now and drop generations up to `through`, None: up to the present one (R8)."""
        queued = self._source.newest if self._source is not None else None
        self._requests.append(lambda now: self._flush(now, through, queued))

    def begin_playback(self, generation: int) -> None:
        """Sound that arrives from now on belongs to this generation of response audio."""
        self._requests.append(lambda now: self._playout.begin(generation))

    def set_volume(self, volume: float) -> None:
        """Loudness of the assistant, 0 to 1.5."""
        self._requests.append(lambda now: self._playout.set_volume(volume))

    def deafen(self, on: bool) -> None:
        """Play nothing, without stopping anything."""
        self._requests.append(lambda now: self._set_deafened(on))

    def set_source(self, source: PlaybackSource | None) -> None:
        """Play the assistant from here."""
        self._source = source
        self._requests.append(lambda now: self._playout.set_source(source))

    def set_barge_in(self, facts: BargeInFacts | None) -> None:
        """The assistant may be interrupted by voice under these conditions; None: it may not."""
        self._requests.append(lambda now: self._set_barge_in(facts))

    def set_processing(
        self,
        *,
        echo: bool | None = None,
        noise: bool | None = None,
        gain: bool | None = None,
        headphones: bool | None = None,
    ) -> None:
        """Switch parts of the processing; None leaves one as it is. Builds here (1 ms), swaps at the next block."""
        wishes = {"echo": echo, "noise": noise, "gain": gain, "headphones": headphones}
        self._wished = replace(self._wished, **{part: wish for part, wish in wishes.items() if wish is not None})
        processor = make_processor(self._wished)
        self._requests.append(lambda now: self._set_processor(processor))

    def reset(self) -> None:
        """The device was reopened: delay, room and voice are new."""
        self._requests.append(self._reset)

    # What other threads may read.

    def pull(self) -> Frame:
        """The next 20 ms for the line, int16[960]; from the line's thread, every 20 ms."""
        return self._gate.pull()

    def waiting(self) -> float | None:
        """Seconds of microphone that wait for the line; None while it is closed and no frame waits."""
        backlog = self._gate.backlog
        return backlog if self._gate.is_open or backlog >= FRAME / SAMPLE_RATE else None

    @property
    def is_quiet(self) -> bool:
        """Whether a pause of some blocks would go unnoticed: nobody speaks."""
        return not (self._is_heard or self._tracker.is_going)

    @property
    def processing(self) -> Processing:
        """What was last wished of the processing."""
        return self._wished

    def post(self, event: AudioEvent) -> None:
        """For the owner of the device: report what happened to it."""
        self._post(event)

    def snapshot(self) -> AudioSnapshot:
        """Cheap; reads plain numbers, so two of them may be of neighbouring blocks."""
        return AudioSnapshot(
            in_db=self._meter.level_db,
            in_peak_db=self._raw_meter.peak_db,
            in_clipped=self._raw_meter.clipped,
            noise_db=self._meter.noise_db,
            out_db=self._out_meter.level_db,
            gate_open=self._gate.is_open,
            backlog=self._gate.backlog,
            underruns=self._gate.underruns,
            late=self.late,
            restarts=self.restarts,
            echo_name=self._processor.name,
            detector_name=self._detector.name,
            mic_name=self.mic_name,
            speaker_name=self.speaker_name,
            flat_for=self._raw_meter.flat_for if self.mic_is_real else 0.0,
            echo_level_db=self._echo.coupling.level_db,
            echo_delay=self._echo.coupling.delay,
            echo_return_loss_db=self._echo.coupling.loss_db if self._processor.cancels_echo else None,
        )

    # The parts of a step, on the audio thread only.

    def _may_wait(self) -> bool:
        """Whether nobody waits for this block: the line does not, and it belongs to no voice that could interrupt."""
        may_interrupt = self._trial.facts is not None and self._tracker.is_going
        return not (may_interrupt or self._gate.is_waited_for)

    def _hear_held(self) -> None:
        held = self._held
        if held.waits:
            held.waits = False
            self._hear(held.mic, held.out, held.out_energy, held.at)

    def _hear(self, mic: Block, out: Block, out_energy: float, now: float) -> None:
        """What the microphone heard while `out` was played."""
        clean = self._processor.process(mic, out)
        self._raw_meter.measure(mic)
        self._meter.measure(clean)
        self._out_meter.take(out_energy)
        self._follow_voice(clean, now)
        self._watch_echo(mic, out, clean, now)
        self._consider_interruption(now)
        self._memory.push(mic, out)
        self._gate.push(self._without_noise(mic, clean), is_silent=self._is_silent())
        self._notice_microphone()

    def _follow_voice(self, clean: Block, now: float) -> None:
        level_db, noise_db = self._meter.level_db, self._meter.noise_db
        if self._tracker.asks(level_db, noise_db):
            self._probability = self._detector.hear(clean)
        else:
            self._detector.put_off(clean)
        stands_out = self._echo.is_coupled and not self._echo.is_explained
        change = self._tracker.hear(
            self._probability,
            level_db,
            noise_db,
            now,
            stands_out=stands_out,
            has_stood_out=self._trial.has_stood_out,
            may_be_echo=self._echo.is_explained,
        )
        if isinstance(change, VoiceEnded):
            change = structs.replace(change, near_end=not self._trial.is_doubtful(self._processor))
        self._trial.hear(is_going=self._tracker.is_going)
        if change is None:
            return
        if isinstance(change, VoiceBegan):
            self._trial.begin(self._processor)
        self._post(change)

    def _watch_echo(self, mic: Block, out: Block, clean: Block, now: float) -> None:
        noise_db, gain_db = self._raw_meter.noise_db, self._processor.gain_db
        is_time = self._echo.hear(mic, out, clean, is_voice=self._tracker.is_going, gain_db=gain_db, noise_db=noise_db)
        if not is_time:
            return
        is_cold = self._processor.is_cold(COLD_FOR)
        place = (self.mic_name, self.speaker_name)
        found = self._echo.judge(self._echo_mode, place, is_cold=is_cold, noise_db=noise_db)
        self._processor.trust_mic(self._echo.is_free)
        self._trial.follow_echo(self._processor)
        if found is not None:
            self._post(found)

    @property
    def _echo_mode(self) -> EchoMode:
        if self._processor.cancels_echo:
            return "cancelled"
        return "headphones" if self._processor.hears_over_playback else "shut"

    def _consider_interruption(self, now: float) -> None:
        facts, voice = self._trial.facts, self._tracker
        playback = self._playout.heard(now)
        talked_over = facts is not None and should_duck(facts, heard=playback, voice_lasted=voice.lasted)
        if talked_over != self._playout.ducked:
            self._playout.ducked = talked_over
            self._post(PlaybackDucked(talked_over))
        if voice.began_at is not None and self._trial.is_won(voice, playback, self._processor):
            through = self._playout.flush(now)
            self._post(BargeInHappened(voice.began_at))
            self._post(PlaybackFlushed(through))

    def _without_noise(self, mic: Block, clean: Block) -> Block:
        voice, is_in_echo = self._processor.voice, self._memory.is_in_echo and not self._echo.is_free
        if voice is clean:
            return clean
        may_be_voice = self._tracker.is_active or not self._gate.is_open
        if not (may_be_voice or is_in_echo):
            stands_out = self._meter.level_db > self._meter.noise_db + _MAYBE_VOICE_DB
            may_be_voice = self._rising.hear(mic) or stands_out
        return self._pauses.mix(voice, clean, may_be_voice=may_be_voice, is_in_echo=is_in_echo)

    def _is_silent(self) -> bool:
        quiet = self._meter.level_db < self._meter.noise_db + _SILENT_MARGIN_DB
        return quiet and not self._tracker.is_active

    def _notice_microphone(self) -> None:
        if (left := self._gate.drained()) is not None:
            self._post(UplinkDrained(left))
        found = self._flatness.hear(self._raw_meter.flat_for, is_open=self._gate.is_open, is_real=self.mic_is_real)
        if found is not None:
            self._post(found)

    def _notice_loudspeaker(self, audible: bool, now: float) -> None:
        last = self._playout.last_audible_at
        if last is None:
            return
        if audible and not self._is_heard and not self._playout.is_dropping:
            self._is_heard = True
            self._post(AssistantHeard())
        elif self._is_heard and now - last >= FELL_SILENT_AFTER - 1e-6:
            self._is_heard = False
            self._post(AssistantFellSilent(last))

    def _open_gate(self, pre_roll: float, *, again: bool) -> None:
        self._gate.open(pre_roll, gain_db=self._processor.gain_db, again=again)
        self.mic_was_opened = True

    def _flush(self, now: float, through: int | None, queued: int | None) -> None:
        self._post(PlaybackFlushed(self._playout.flush(now, through, queued)))

    def _close_gate(self, *, drop: bool, is_told: bool) -> None:
        self._gate.close(drop=drop)
        if is_told:
            self._post(MicClosed())

    def _set_deafened(self, on: bool) -> None:
        self._playout.deafened = on

    def _set_barge_in(self, facts: BargeInFacts | None) -> None:
        self._trial.facts = facts

    def _set_processor(self, processor: VoiceProcessor) -> None:
        self._processor = processor
        self._echo.restart()
        self._post(EchoChanged(processor.words, processor.hears_over_playback))

    def _reset(self, now: float) -> None:
        self._processor.reset()
        self._echo.restart()
        self._memory.forget()
        self._playout.forget()
        self._detector.reset()
        ended = self._tracker.end()
        if ended is not None:
            self._post(ended)
        if self._is_heard:  # what goes on is posted again: a device that was lost played none of it
            self._is_heard = False
            self._post(AssistantFellSilent(self._playout.last_audible_at or now))
