"""What the user wishes of the sound while talking: which devices, and what is done to the microphone's sound.

The wishes live here, what carries them out is elsewhere: `apply` opens devices, the audio path swaps its processing.
A device is wished for by name. Flags and configuration come first, then what was chosen on the screen in an earlier
talk, then the system's default; a choice made now beats them all for this talk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from voicechat.audio.devices import Device, DeviceList
from voicechat.audio.echo import Processing
from voicechat.audio.open import CHOSEN, REFUSED
from voicechat.audio.path import AudioPath, BargeInFacts
from voicechat.config.device_memory import FORGOTTEN, DeviceMemory, read_memory, write_memory
from voicechat.config.settings import Settings
from voicechat.core import effects as do, events as on, user_events as did
from voicechat.core.effects import AudioEffect
from voicechat.core.policy import TurnPolicy
from voicechat.core.user_events import EchoMode, SoundWish, SpeechGiven
from voicechat.engine.link import DeviceRow, Devices, DeviceSide, SoundFacts, WishFrom
from voicechat.engine.ports import Line, Tell
from voicechat.tasks import sentence, spawn


class Sound:
    """An AudioPort over an AudioPath.

    The audio path as the session sees it. Translates effects into its requests, decides nothing.
    """

    def __init__(self, path: AudioPath, policy: TurnPolicy) -> None:
        self._path = path
        self.on_reopen: Callable[[], None] = lambda: None
        """Called when the devices should be looked for again."""
        self._barge_in = BargeInFacts(
            min_playback=policy.min_playback,
            min_voice=policy.min_voice,
            cold_extra=policy.cold_echo_extra_voice,
            cold_for=policy.cold_echo_for,
            duck_after=policy.duck_after,
        )

    def perform(self, effect: AudioEffect) -> None:
        match effect:
            case do.OpenMic(pre_roll=pre_roll, again=again):
                self._path.open_mic(pre_roll, again=again)
            case do.SendKept(since=since, until=until):
                self._path.send_kept(since, until)
            case do.CloseMic(drop=drop):
                self._path.close_mic(drop=drop)
            case do.SilencePlayback(through=through):
                self._path.flush(through)
            case do.BeginPlayback(generation=generation):
                self._path.begin_playback(generation)
            case do.AllowBargeIn(allowed=allowed):
                self._path.set_barge_in(self._barge_in if allowed else None)
            case do.OpenDevices():
                self.on_reopen()
            case do.SetVolume(volume=volume, deafened=deafened):
                self._path.set_volume(volume)
                self._path.deafen(deafened)

    def play(self, line: Line | None) -> None:
        """The line whose remote audio the loudspeaker plays."""
        self._path.set_source(line)


LOOK_EVERY = 1.0
"""Seconds between looks at the system's devices while their list is on the screen."""
MOST_ROWS = 64
"""Devices of one kind that are listed; the frame to the screen stays small whatever a system claims to have."""
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class SideWish:
    """`default`, `none`, a device's name or a sound file, and who wished for it."""

    wish: str = "default"
    wish_from: WishFrom = "system"


@dataclass(frozen=True, slots=True)
class DeviceWishes:
    """Both sides."""

    mic: SideWish = SideWish()
    speaker: SideWish = SideWish()


def wishes_of(settings: Settings, memory: DeviceMemory) -> DeviceWishes:
    """What was written down beats what was chosen in an earlier talk. Pure."""

    def side(name: str, written: str, remembered: str) -> SideWish:
        if name in settings.given:
            return SideWish(written, "settings")
        return SideWish(remembered, "remembered") if remembered else SideWish(written, "system")

    return DeviceWishes(side("mic", settings.mic, memory.mic), side("speaker", settings.speaker, memory.speaker))


class SoundDesk:
    """Takes `SoundWish`es, keeps what is wished for, and knows what there is to choose from."""

    def __init__(
        self,
        settings: Settings,
        path: AudioPath,
        memory_file: Path,
        *,
        tell: Tell,
        look: Callable[[], DeviceList],
    ) -> None:
        self._settings = settings
        self._path = path
        self._memory_file = memory_file
        self._tell = tell
        self._look = look
        self._memory = read_memory(memory_file)
        self.wishes = wishes_of(settings, self._memory)
        self.keeps_waiting = False
        self.on_change: Callable[[str, str], None] = lambda mic, speaker: None
        """Called with what was chosen: microphone and loudspeaker, empty where a side stays as it is."""
        self.on_wait: Callable[[], bool] = lambda: False
        """Called when a lost device is to be waited for; False where that cannot be."""
        self.on_speech: Callable[[SpeechGiven], None] = lambda given: None
        """Called when the scripted microphone is to speak."""
        self.can_wait = False
        self._listed: DeviceList | None = None
        self._looking: asyncio.Task[None] | None = None
        self._before: DeviceWishes | None = None
        self._kept_before = self._memory

    def obey(self, wish: SoundWish) -> None:
        """Carry out what the user wants, or set it going."""
        match wish:
            case did.DevicesAsked(shown=shown):
                self._show(shown)
            case did.DevicesChosen(mic=mic, speaker=speaker):
                self._choose(mic, speaker)
            case did.KeepWaitingChosen():
                self.keeps_waiting = self.on_wait()
            case did.EchoChosen(mode=mode):
                self._path.set_processing(echo=mode == "on", headphones=mode == "headphones")
            case did.NoiseChosen(enabled=enabled):
                self._path.set_processing(noise=enabled)
            case did.GainChosen(enabled=enabled):
                self._path.set_processing(gain=enabled)
            case did.SpeechGiven():
                self.on_speech(wish)

    def close(self) -> None:
        """Stop looking."""
        self._show(False)

    @property
    def facts(self) -> SoundFacts:
        """What can be switched, as it is."""
        wished = self._path.processing
        return SoundFacts(
            echo=echo_mode(wished),
            noise=wished.noise,
            gain=wished.gain,
            latency=self._settings.latency,
            can_wait=self.can_wait,
            keeps_waiting=self.keeps_waiting,
        )

    @property
    def devices(self) -> Devices | None:
        """What there is to choose from; None while nobody looks."""
        listed = self._listed
        if listed is None or self._looking is None:
            return None
        mics = side_of(self.wishes.mic, listed.inputs, self._path.mic_name)
        speakers = side_of(self.wishes.speaker, listed.outputs, self._path.speaker_name)
        return Devices(mics, speakers, listed.problem, listed.hint)

    def _show(self, shown: bool) -> None:
        if shown and self._looking is None:
            self._looking = spawn(self._keep_looking(), self._looking_failed)
        elif not shown and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    def _looking_failed(self, error: Exception) -> None:
        self._listed = DeviceList((), (), "", "", f"the sound devices could not be listed: {sentence(error)}")

    async def _keep_looking(self) -> None:
        while True:
            self._listed = await asyncio.to_thread(self._look)
            await asyncio.sleep(LOOK_EVERY)

    def take_outcome(self, why: str) -> None:
        """Sound runs on devices again. A choice that could not be had is taken back, and not kept for later either."""
        self.keeps_waiting = False
        if why == REFUSED and self._before is not None:
            self.wishes = self._before
            self._keep(self._kept_before)
        if why in (REFUSED, CHOSEN):
            self._before = None

    def _choose(self, mic: str, speaker: str) -> None:
        if self._before is None:
            self._before, self._kept_before = self.wishes, self._memory
        if mic:
            self.wishes = replace(self.wishes, mic=chosen(mic))
        if speaker:
            self.wishes = replace(self.wishes, speaker=chosen(speaker))
        self._keep(self._memory.with_choice(mic, speaker))
        self.on_change(mic, speaker)

    def _keep(self, memory: DeviceMemory) -> None:
        if memory == self._memory:
            return
        self._memory = memory
        if reason := write_memory(self._memory_file, memory):
            self._tell(on.SoundNoted(f"The choice holds for this talk only: it could not be kept ({reason}).", "info"))


def chosen(wish: str) -> SideWish:
    """A wish of this talk; following the system is nobody's choice any more."""
    return SideWish(wish, "system" if wish == "default" else "chosen")


def echo_mode(processing: Processing) -> EchoMode:
    """What was asked of the echo, as the screen switches it. Pure."""
    if processing.headphones:
        return "headphones"
    return "on" if processing.echo else "off"


def side_of(wish: SideWish, there: tuple[Device, ...], in_use: str) -> DeviceSide:
    """One side for the screen; the end that stands for the system's default is no row of its own. Pure."""
    default = next((device.title for device in there if device.is_default), "")
    own = (device for device in there if not (device.is_default and device.stands_for))
    rows = tuple(DeviceRow(device.name[:LONGEST_NAME], device.note) for device in own)
    shown = wish.wish if wish.wish in FORGOTTEN else wish.wish[:LONGEST_NAME]
    return DeviceSide(rows[:MOST_ROWS], shown, wish.wish_from, in_use[:LONGEST_NAME], default[:LONGEST_NAME])
