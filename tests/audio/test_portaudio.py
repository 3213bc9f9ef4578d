"""What PortAudio is asked for on each system, and what a refusal says; PortAudio itself is a stand-in."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from tests.support.each import each
from voicechat.audio.buffering import BUFFERING
from voicechat.audio.devices import BLUETOOTH_NOTE, Device, DeviceList, arrange, find_device
from voicechat.audio.portaudio import MIC_ROOM, OpenStream, PortAudioOpener, Samples, close_in_time, make_mic_room
from voicechat.audio.sound_server import ask_server, parse
from voicechat.audio.stream_counters import INPUT_OVERFLOW, OUTPUT_UNDERFLOW
from voicechat.errors import AudioDeviceError


class PortAudioError(Exception):
    pass


@dataclass
class FakeSoundDevice:
    """As the module `sounddevice`: it remembers what it was asked for and refuses what it is told to refuse."""

    refuses: Callable[[dict[str, object]], str] = lambda asked: ""
    busy: tuple[int, ...] = ()
    asked: list[dict[str, object]] = field(default_factory=list)
    routes: list[tuple[str | None, str | None]] = field(default_factory=list)
    PortAudioError = PortAudioError

    def _open(self, **asked: object) -> SimpleNamespace:
        self.asked.append(asked)
        self.routes.append((os.environ.get("PULSE_SOURCE"), os.environ.get("PULSE_SINK")))
        if refusal := self.refuses(asked):
            raise PortAudioError(f"Error opening Stream: {refusal} [PaErrorCode -9985]", -9985)
        return SimpleNamespace()

    RawStream = RawInputStream = RawOutputStream = _open

    def check_input_settings(self, device: int, **asked: object) -> None:
        if device in self.busy:
            raise PortAudioError("Device unavailable", -9985)

    check_output_settings = check_input_settings

    @staticmethod
    def WasapiSettings(**settings: object) -> tuple[str, object]:
        return "WASAPI", settings

    @staticmethod
    def CoreAudioSettings(**settings: object) -> tuple[str, object]:
        return "CoreAudio", settings


def device(index: int, name: str, host: str, channels: int = 2, rate: int = 48_000, **more: object) -> Device:
    return Device(index, name, host, channels, rate, True, **more)  # type: ignore[arg-type]  # checked by the callers


Opening = Callable[..., OpenStream]


@pytest.fixture
def sound(monkeypatch: pytest.MonkeyPatch) -> FakeSoundDevice:
    sound = FakeSoundDevice()
    monkeypatch.setattr("voicechat.audio.portaudio.load_sounddevice", lambda: sound)
    return sound


@pytest.fixture
def opening(monkeypatch: pytest.MonkeyPatch, sound: FakeSoundDevice) -> Opening:
    def open_them(mic: Device | None, speaker: Device | None, latency: str = "balanced") -> OpenStream:
        listed = DeviceList((mic,) if mic else (), (speaker,) if speaker else (), "", "")
        monkeypatch.setattr("voicechat.audio.portaudio.list_devices", lambda refresh: listed)
        wishes = ("default" if mic else None, "default" if speaker else None)
        return PortAudioOpener().open(*wishes, BUFFERING[latency], callback=hear, finished=lambda: None, refresh=False)

    return open_them


def alsa(channels: tuple[int, int] = (2, 2), rate: int = 48_000) -> tuple[Device, Device]:
    return device(0, "Mic", "ALSA", channels[0], rate), device(1, "Box", "ALSA", channels[1], rate)


HEARD: list[int] = []


def hear(heard: Samples | None, fill: Samples | None, flags: int) -> None:
    HEARD.append(flags)


def test_windows_shares_the_device_and_lets_the_system_convert_the_rate(
    sound: FakeSoundDevice, opening: Opening
) -> None:
    opening(device(4, "Microphone", "Windows WASAPI", rate=44_100), device(5, "Speakers", "Windows WASAPI"))
    shared = ("WASAPI", {"exclusive": False, "auto_convert": True})
    assert sound.asked[0]["extra_settings"] == (shared, shared)
    assert sound.asked[0]["samplerate"] == 48_000
    assert sound.asked[0]["device"] == (4, 5)


def test_the_mac_converts_too_and_the_devices_own_rate_is_left_alone(sound: FakeSoundDevice, opening: Opening) -> None:
    opening(device(0, "MacBook Pro Microphone", "Core Audio", 1), device(1, "AirPods", "Core Audio", rate=24_000))
    gentle = {"change_device_parameters": False, "fail_if_conversion_required": False, "conversion_quality": "high"}
    assert sound.asked[0]["extra_settings"] == (("CoreAudio", gentle), ("CoreAudio", gentle))
    assert sound.asked[0]["channels"] == (1, 2)


def test_linux_needs_no_setting_and_a_servers_device_is_opened_by_its_route(
    sound: FakeSoundDevice, opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULSE_SOURCE", "mine")
    monkeypatch.delenv("PULSE_SINK", raising=False)
    usb = device(102, "USB", "sound server", 1, route="alsa_input.usb", opened_as=7)
    opening(usb, device(7, "pulse", "ALSA", 32))
    assert sound.asked[0]["extra_settings"] == (None, None)
    assert sound.asked[0]["device"] == (7, 7)
    assert sound.routes == [("alsa_input.usb", None)]
    assert os.environ["PULSE_SOURCE"] == "mine"


@pytest.mark.parametrize(
    ("host", "knows_periods", "latency"),
    [("ALSA", True, (MIC_ROOM, 0.02)), ("ALSA", False, (0.02, 0.02)), ("Core Audio", True, (0.02, 0.02))],
)
def test_on_linux_the_microphone_may_fall_behind_where_the_period_stays_one_block(
    sound: FakeSoundDevice,
    opening: Opening,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    knows_periods: bool,
    latency: tuple[float, float],
) -> None:
    monkeypatch.setattr("voicechat.audio.portaudio.make_mic_room", lambda module: knows_periods)
    opening(device(0, "default", host), device(0, "default", host))
    assert sound.asked[0]["latency"] == latency


def test_a_portaudio_without_alsa_is_left_as_it_is() -> None:
    for module in (SimpleNamespace(_libname="libm.so.6"), SimpleNamespace()):
        assert not make_mic_room(module)  # type: ignore[arg-type]


@each(("name", "waits", "frames"), [("low", 0.01, 480), ("balanced", 0.02, 480), ("high", 0.06, 960)])
def test_each_latency_has_its_buffer_and_its_block(
    sound: FakeSoundDevice, opening: Opening, name: str, waits: float, frames: int
) -> None:
    opening(*alsa(), name)
    assert (sound.asked[-1]["latency"], sound.asked[-1]["blocksize"]) == ((waits, waits), frames)


@each(("rate", "frames"), [(44_100, 441), (16_000, 160), (8_000, 80), (96_000, 960), (22_050, 220)])
def test_a_device_that_refuses_48_khz_is_opened_at_its_own_rate(
    sound: FakeSoundDevice, opening: Opening, rate: int, frames: int
) -> None:
    sound.refuses = lambda asked: "" if asked["samplerate"] == rate else "Invalid sample rate"
    assert opening(*alsa(rate=rate)).rate == rate
    assert sound.asked[-1]["blocksize"] == frames


def test_a_card_that_insists_on_all_its_channels_gets_them(sound: FakeSoundDevice, opening: Opening) -> None:
    sound.refuses = lambda asked: "" if asked["channels"] == (10, 8) else "Invalid number of channels"
    opening(*alsa((10, 8)))
    assert sound.asked[-1]["samplerate"] == 48_000


def test_the_microphone_that_another_program_holds_is_named_alone(
    sound: FakeSoundDevice, opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    sound.refuses = lambda asked: "Device unavailable"
    sound.busy = (3,)
    with pytest.raises(AudioDeviceError) as caught:
        opening(device(3, "USB Mic (hw:1,0)", "ALSA"), device(4, "HDA (hw:0,0)", "ALSA"))
    assert caught.value.message == "“USB Mic (hw:1,0)” is in use by another program"
    assert "fuser" in caught.value.hint
    assert caught.value.retryable


def test_a_refusal_is_reported_without_the_call_that_was_refused(sound: FakeSoundDevice, opening: Opening) -> None:
    sound.refuses = lambda asked: "Unanticipated host error"
    with pytest.raises(AudioDeviceError, match="Unanticipated host error") as caught:
        opening(*alsa())
    assert "Error opening" not in caught.value.message


def test_what_windows_forbids_is_said_as_what_it_is(
    sound: FakeSoundDevice, opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")

    def forbid(asked: dict[str, object]) -> str:
        host = (13, -2147024891, "0x80070005 Access is denied")
        raise PortAudioError("Unanticipated host error", -9999, host)

    sound.refuses = forbid
    with pytest.raises(AudioDeviceError, match="does not let this program use “Microphone”") as caught:
        opening(device(0, "Microphone", "Windows WASAPI"), None)
    assert "Settings > Privacy > Microphone" in caught.value.hint


@each(
    ("overflow", "underflow", "flags"),
    [(False, False, 0), (True, False, INPUT_OVERFLOW), (True, True, INPUT_OVERFLOW | OUTPUT_UNDERFLOW)],
)
def test_the_two_kinds_of_gap_are_told_apart_and_priming_is_none(
    sound: FakeSoundDevice, opening: Opening, overflow: bool, underflow: bool, flags: int
) -> None:
    class Status(SimpleNamespace):
        def __bool__(self) -> bool:
            return True  # "priming output" is a status too

    opened = opening(*alsa())
    callback = sound.asked[-1]["callback"]
    assert callable(callback)
    silence = np.zeros((480, 1), dtype=np.float32)
    times = SimpleNamespace(currentTime=5.03, inputBufferAdcTime=5.0, outputBufferDacTime=5.055)
    callback(silence, silence, 480, times, Status(input_overflow=overflow, output_underflow=underflow))
    assert opened.times.mic_lag == pytest.approx(0.03)
    assert opened.times.speaker_lead == pytest.approx(0.025)
    assert HEARD.pop() == flags


def test_portaudio_reinitialises_only_after_pending_closes(
    sound: FakeSoundDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It frees what `Pa_CloseStream` works on: the engine ended by signal 11 when a sound server came and went."""
    monkeypatch.setattr("voicechat.audio.portaudio.CLOSE_WITHIN", 0.01)
    order: list[str] = []
    server_goes_on = threading.Event()

    def close() -> None:
        server_goes_on.wait()
        order.append("closed")

    def list_devices(refresh: bool) -> DeviceList:
        order.append("reinitialised" if refresh else "listed")
        return DeviceList((), (), "", "", "no device")

    monkeypatch.setattr("voicechat.audio.portaudio.list_devices", list_devices)
    close_in_time(SimpleNamespace(close=close))
    later = threading.Timer(0.05, server_goes_on.set)
    for refresh in (False, True):
        with pytest.raises(AudioDeviceError, match="no device"):
            PortAudioOpener().open(
                "default", None, BUFFERING["balanced"], callback=hear, finished=lambda: None, refresh=refresh
            )
        if not refresh:
            later.start()
    later.join()
    assert order == ["listed", "closed", "reinitialised"]


# What a sound server's own words mean


INFO = "Server Name: PulseAudio (on PipeWire 1.2.7)\nDefault Sink: alsa_output.pci\nDefault Source: bluez_input.AA_BB\n"
SOURCES = """Source #41
	State: SUSPENDED
	Name: alsa_output.pci.monitor
	Description: Monitor of Built-in Audio
	Sample Specification: s32le 2ch 48000Hz
	Monitor of Sink: alsa_output.pci
Source #42
	State: IDLE
	Name: alsa_input.pci
	Description: Built-in = Audio: Analog
	Sample Specification: s32le 2ch 44100Hz
	Monitor of Sink: n/a
	Properties:
		device.bus = "pci"
Source #57
	Name: bluez_input.AA_BB
	Description: Headset von Zoë
	Sample Specification: s16le 1ch 16000Hz
	Monitor of Sink: n/a
Source #58
	Name: broken
"""
ALSA = {"name": "ALSA", "default_input_device": 0, "default_output_device": 0}
SINKS = "Sink #40\n\tName: alsa_output.pci\n\tDescription: Built-in Audio\n\tSample Specification: s32le 2ch 48000Hz\n"


def raw(index: int, name: str) -> dict[str, object]:
    both = {"max_input_channels": 32, "max_output_channels": 32}
    return {"index": index, "name": name, "hostapi": 0, "default_samplerate": 44100.0, **both}


def test_monitors_are_no_microphones_and_names_are_read_whole() -> None:
    server = parse(INFO, SOURCES, SINKS)
    assert [source.title for source in server.sources] == ["Built-in = Audio: Analog", "Headset von Zoë", "broken"]
    assert (server.sources[0].rate, server.sources[0].channels, server.sources[0].number) == (44_100, 2, 42)
    assert [source.is_bluetooth for source in server.sources] == [False, True, False]
    assert (server.default_source, server.default_sink) == ("bluez_input.AA_BB", "alsa_output.pci")


def test_what_the_user_chose_for_every_program_counts_and_nonsense_is_no_device() -> None:
    assert parse(INFO, SOURCES, SINKS, environ={"PULSE_SOURCE": "alsa_input.pci"}).default_source == "alsa_input.pci"
    server = parse("", "nonsense\nSource #\nSource #x\n\tName: y\n", "Sink #1\n\tDescription: nameless\n")
    assert (server.sources, server.sinks, server.default_source) == ((), (), "")
    assert ask_server({"PATH": "/nonexistent"}) is None, "without pactl"


def test_the_servers_devices_are_listed_between_its_default_and_raw_cards() -> None:
    devices = arrange(
        [raw(0, "USB (hw:1,0)"), raw(3, "pulse"), raw(4, "default")],
        [ALSA],
        parse(INFO, SOURCES, SINKS),
    )
    names = [device.name for device in devices.inputs]
    assert names == ["pulse", "Built-in = Audio: Analog", "Headset von Zoë", "broken", "USB (hw:1,0)"]
    default = find_device(devices, "default", "input")
    assert (default.name, default.title, default.note) == ("pulse", "Headset von Zoë", BLUETOOTH_NOTE)
    chosen = find_device(devices, "142", "input")
    assert (chosen.route, chosen.opened_as) == ("alsa_input.pci", 3)
    assert find_device(devices, "bluez_input", "input").name == "Headset von Zoë"
    assert [device.is_default for device in devices.inputs] == [True, False, False, False, False]


def test_two_devices_of_one_make_are_told_apart() -> None:
    twins = "".join(f"Source #{n}\n\tName: usb.{n}\n\tDescription: USB Mic\n\tMonitor of Sink: n/a\n" for n in (1, 2))
    devices = arrange(
        [raw(0, "pulse")],
        [ALSA],
        parse(INFO, twins, SINKS),
    )
    assert [device.name for device in devices.inputs] == ["pulse", "USB Mic (usb.1)", "USB Mic (usb.2)"]
