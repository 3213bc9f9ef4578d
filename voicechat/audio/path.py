"""The one 10 ms step of sound: loudspeaker, echo, meters, voice, gate, in that order, on one thread.

    playout ──▶ loudspeaker
       └──────▶ echo processing ◀── microphone
                     └──▶ meters ──▶ voice tracker ──▶ mic gate ──▶ line

Whoever owns a clock calls `process` every 10 ms: a sound device's callback, or a thread that keeps time. It takes
no lock, writes no log and allocates nothing that grows. Other threads ask for changes by appending to a deque; the
next block applies them, so the step never sees half a change. What happened is posted as facts; `post` must only
queue.

The loudspeaker gets its block at once. The microphone's may wait for the next one (`HeldBlock`), where nobody is kept
waiting by that: half of what a step costs is to find one's way back into the processor's caches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from voicechat.audio.barge_in import BargeInFacts, should_duck
from voicechat.audio.blocks import FRAME, SAMPLE_RATE, Block, Frame
from voicechat.audio.echo import Processing, VoiceProcessor, make_processor
from voicechat.audio.facts import (
    AssistantFellSilent,
    AssistantHeard,
    AudioFact,
    BargeInHappened,
    EchoMode,
    MicClosed,
    PlaybackDucked,
    PlaybackFlushed,
    ProcessingChanged,
    UplinkDrained,
    VoiceBegan,
    VoiceEnded,
)
from voicechat.audio.flatness import Flatness
from voicechat.audio.held_block import HeldBlock
from voicechat.audio.levels import Level, LevelMeter, NoiseMeter
from voicechat.audio.mic_gate import MicGate
from voicechat.audio.near_voice import DuplexMemory
from voicechat.audio.path_snapshot import AudioSnapshot
from voicechat.audio.playout import PlaybackSource, Playout
from voicechat.audio.quiet_pauses import QuietPauses
from voicechat.audio.rising_sound import RisingSound
from voicechat.audio.voice_activity import VoiceDetector, VoiceTracker, make_detector
from voicechat.audio.voice_trial import COLD_FOR, VoiceTrial

__all__ = ["AudioPath", "AudioSnapshot", "BargeInFacts"]

FELL_SILENT_AFTER = 0.1
"""Seconds without an audible sample that make silence a fact; shorter gaps are part of speech."""
_SILENT_MARGIN_DB = 6.0
"""dB above the noise floor below which a block between voices may be skipped to catch up."""
_MAYBE_VOICE_DB = 10.0
"""dB above the noise floor at which nothing may be taken from a block any more, however low its sound: `RisingSound`
does not hear much below 300 Hz. With 5 dB the noise came back in a third of the pauses in pink noise, with 8 in a car's
twelve times a minute."""

Post = Callable[[AudioFact], None]
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
        self._requests.append(lambda now: self._close_gate(now, drop=drop, is_told=is_told))

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
        self._requests.append(lambda now: self._set_processor(processor, now))

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

    def post(self, fact: AudioFact) -> None:
        """For whoever drives the path: report a fact about the device."""
        self._post(fact)

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
        self._notice_microphone(now)

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
            change = replace(change, near_end=not self._trial.is_doubtful(self._processor))
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
        found = self._echo.judge(now, self._echo_mode, place, is_cold=is_cold, noise_db=noise_db)
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
            self._post(PlaybackDucked(now, talked_over))
        if voice.began_at is not None and self._trial.is_won(voice, playback, self._processor):
            through = self._playout.flush(now)
            self._post(BargeInHappened(now, voice.began_at, playback))
            self._post(PlaybackFlushed(now, through))

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

    def _notice_microphone(self, now: float) -> None:
        if self._gate.has_drained():
            self._post(UplinkDrained(now))
        found = self._flatness.hear(self._raw_meter.flat_for, now, is_open=self._gate.is_open, is_real=self.mic_is_real)
        if found is not None:
            self._post(found)

    def _notice_loudspeaker(self, audible: bool, now: float) -> None:
        last = self._playout.last_audible_at
        if last is None:
            return
        if audible and not self._is_heard and not self._playout.is_dropping:
            self._is_heard = True
            self._post(AssistantHeard(now))
        elif self._is_heard and now - last >= FELL_SILENT_AFTER - 1e-6:
            self._is_heard = False
            self._post(AssistantFellSilent(now, last))

    def _open_gate(self, pre_roll: float, *, again: bool) -> None:
        self._gate.open(pre_roll, gain_db=self._processor.gain_db, again=again)
        self.mic_was_opened = True

    def _flush(self, now: float, through: int | None, queued: int | None) -> None:
        self._post(PlaybackFlushed(now, self._playout.flush(now, through, queued)))

    def _close_gate(self, now: float, *, drop: bool, is_told: bool) -> None:
        self._gate.close(drop=drop)
        if is_told:
            self._post(MicClosed(now))

    def _set_deafened(self, on: bool) -> None:
        self._playout.deafened = on

    def _set_barge_in(self, facts: BargeInFacts | None) -> None:
        self._trial.facts = facts

    def _set_processor(self, processor: VoiceProcessor, now: float) -> None:
        self._processor = processor
        self._echo.restart()
        self._post(ProcessingChanged(now, processor.words, processor.hears_over_playback))

    def _reset(self, now: float) -> None:
        self._processor.reset()
        self._echo.restart()
        self._memory.forget()
        self._playout.forget()
        self._detector.reset()
        ended = self._tracker.end(now)
        if ended is not None:
            self._post(ended)
        if self._is_heard:  # what goes on is posted again: a device that was lost played none of it
            self._is_heard = False
            self._post(AssistantFellSilent(now, self._playout.last_audible_at or now))
