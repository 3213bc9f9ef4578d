"""From two wishes to running sound: the one place that chooses between devices, files and nothing.

A wish is "default", a device's name (or a part, or its number), "none", a path that ends in `.wav`, or `script:`.
Whatever is wrong with devices is told and worked around, because a talk without a loudspeaker is still a talk with a
transcript; a sound file that cannot be used is an error, because somebody asked for exactly this file.
"""

from __future__ import annotations

from typing import Protocol

from voicechat.audio.buffering import BALANCED, Buffering
from voicechat.audio.device_watch import DeviceWatch
from voicechat.audio.duplex_stream import DuplexStream
from voicechat.audio.files import WavMic, WavSpeaker
from voicechat.audio.paced_stream import MicSource
from voicechat.audio.path import AudioPath
from voicechat.audio.script_mic import ScriptMic, is_script
from voicechat.audio.stream_counters import StreamCounters


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

        What would not open is told by a DeviceHint and the devices of before stay; StreamRestored tells the end.
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
