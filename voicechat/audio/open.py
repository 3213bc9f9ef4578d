"""From two wishes to running sound: the one place that chooses between devices, files and nothing.

A wish is "default", a device's name (or a part, or its number), "none", or a path that ends in `.wav`. Whatever is
wrong with devices is told and worked around, because a talk without a loudspeaker is still a talk with a
transcript; a sound file that cannot be used is an error, because somebody asked for exactly this file.
"""

from __future__ import annotations

from typing import Protocol

from voicechat.audio.duplex_stream import LATENCY, DuplexStream
from voicechat.audio.files import WavMic, WavSpeaker
from voicechat.audio.paced_stream import PacedStream
from voicechat.audio.path import AudioPath


class RunningAudio(Protocol):
    """Something that drives the path."""

    mic_name: str
    speaker_name: str
    problem: str
    """What is missing and how to get it; empty when all is well."""

    def start(self) -> None:
        """Let the sound run; never raises for a device."""
        ...

    def check(self, now: float) -> None:
        """Look after it; call about every 100 ms."""
        ...

    def close(self) -> None:
        """Give devices back, finish files."""
        ...


def is_file(wish: str) -> bool:
    """Whether a wish names a sound file rather than a device."""
    return wish.lower().endswith(".wav")


def open_audio(
    path: AudioPath, mic: str = "default", speaker: str = "default", *, latency: float = LATENCY
) -> RunningAudio:
    """What drives the path for these wishes; call `start` on it. Raises AudioDeviceError for an unusable sound file."""
    file_mic = WavMic(mic) if is_file(mic) else None
    file_speaker = WavSpeaker(speaker) if is_file(speaker) else None
    mic_device = None if file_mic is not None or mic == "none" else mic
    speaker_device = None if file_speaker is not None or speaker == "none" else speaker
    if mic_device is None and speaker_device is None:
        return PacedStream(path, file_mic, file_speaker)
    return DuplexStream(
        path,
        mic=mic_device,
        speaker=speaker_device,
        latency=latency,
        file_mic=file_mic,
        file_speaker=file_speaker,
    )
