"""What a sound server's own words mean."""

from __future__ import annotations

from voicechat.audio.devices import BLUETOOTH_NOTE, arrange, find_device
from voicechat.audio.sound_server import ask_server, parse

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
