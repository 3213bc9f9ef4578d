"""The audio path as the session sees it: effects in, core events out. Translates, decides nothing."""

from __future__ import annotations

from collections.abc import Callable

from voicechat.audio import facts
from voicechat.audio.devices import silent_cure
from voicechat.audio.facts import AudioFact
from voicechat.audio.path import AudioPath, BargeInFacts
from voicechat.core import effects as do, events as on
from voicechat.core.effects import AudioEffect
from voicechat.core.events import Event
from voicechat.core.policy import TurnPolicy
from voicechat.engine.ports import Line
from voicechat.engine.sound_desk import CHOSEN, REFUSED


class Sound:
    """An AudioPort over an AudioPath."""

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


def teller(tell: Callable[[Event], None], speaker_name: Callable[[], str]) -> Callable[[AudioFact], None]:
    """How the audio path reports to the session: each fact becomes the core's event of the same name."""

    def post(fact: AudioFact) -> None:
        event = core_event(fact, speaker_name)
        if event is not None:
            tell(event)

    return post


def core_event(fact: AudioFact, speaker_name: Callable[[], str]) -> Event | None:
    """None for facts the core has no use for (a scripted microphone)."""
    match fact:
        case facts.AssistantHeard():
            return on.AssistantHeard()
        case facts.AssistantFellSilent(last_audible_at=last):
            return on.AssistantFellSilent(last)
        case facts.VoiceBegan(began_at=began):
            return on.VoiceBegan(began)
        case facts.VoiceEnded(ended_at=ended, duration=duration, near_end=near_end):
            return on.VoiceEnded(ended, duration, near_end)
        case facts.BargeInHappened(voice_began_at=began):
            return on.BargeInHappened(began)
        case facts.UplinkDrained():
            return on.UplinkDrained()
        case facts.MicFlat(duration=duration):
            return on.MicFlat(duration, silent_cure())
        case facts.MicLive():
            return on.MicLive()
        case facts.MicFileEnded():
            return on.MicFileEnded()
        case facts.StreamLost(reason=reason):
            return on.DeviceLost(speaker_name(), reason)
        case facts.StreamRestored(name=name, why=why):
            return on.DeviceOpened(mic=name, speaker=speaker_name(), why="" if why in (CHOSEN, REFUSED) else why)
        case facts.DeviceProblem(reason=reason, hint=hint):
            return on.DeviceMissing(reason, hint)
        case facts.ProcessingChanged(words=words, hears_over_playback=hears):
            return on.EchoChanged(words, hears)
        case facts.SelfEcho(level_db=level, delay=delay, cancelled_db=cancelled, mode=mode):
            return on.SelfEchoHeard(level, delay, cancelled, mode)
        case facts.DeviceHint(reason=reason, hint=hint):
            return on.SoundNoted(" · ".join(part for part in (reason, hint) if part), code="device_note")
        case facts.PlaybackFlushed(through=through):
            return on.PlaybackFlushed(through)
        case facts.PlaybackDucked(ducked=ducked):
            return on.PlaybackDucked(ducked)
        case facts.MicClosed():
            return on.MicClosed()
        case facts.ScriptBegan() | facts.ScriptEnded():
            return None
