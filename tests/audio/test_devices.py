"""Which device a wish means, and what is said when there is none."""

from __future__ import annotations

import builtins
import sys
from typing import Literal

import pytest

from tests.support.each import each
from tests.support.vaudio import VirtualAudio, virtual_audio
from voicechat.audio.devices import DeviceList, arrange, find_device, list_devices
from voicechat.errors import AudioDeviceError

__all__ = ["virtual_audio"]


def device(index: int, name: str, inputs: int, outputs: int, host: int = 0) -> dict[str, object]:
    return {
        "index": index,
        "name": name,
        "hostapi": host,
        "max_input_channels": inputs,
        "max_output_channels": outputs,
        "default_samplerate": 48000.0,
    }


def host(name: str, default_input: int = -1, default_output: int = -1) -> dict[str, object]:
    return {"name": name, "default_input_device": default_input, "default_output_device": default_output}


LAPTOP = arrange(
    [
        device(0, "HDA Intel: ALC257 Analog (hw:0,0)", 2, 2),
        device(1, "HDA Intel: HDMI 0 (hw:0,3)", 0, 8),
        device(2, "USB Microphone: Audio (hw:1,0)", 1, 0),
        device(3, "pulse", 32, 32),
        device(4, "default", 32, 32),
    ],
    [host("ALSA", 0, 0)],
)


def test_on_linux_the_sound_server_comes_before_a_raw_card_and_pipewire_before_pulse() -> None:
    assert LAPTOP.default_input == LAPTOP.default_output == "pulse"
    devices = arrange([device(0, "pulse", 2, 2), device(1, "pipewire", 2, 2)], [host("ALSA", 0, 0)])
    assert devices.default_input == "pipewire"


def test_without_a_sound_server_the_systems_own_choice_counts() -> None:
    devices = arrange(
        [device(0, "Built-in Microphone", 1, 0), device(1, "USB Mic", 1, 0), device(2, "Speakers", 0, 2)],
        [host("Core Audio", 1, 2)],
    )
    assert (devices.default_input, devices.default_output, devices.problem) == ("USB Mic", "Speakers", "")


def test_a_device_is_found_by_name_part_of_it_in_any_case_or_number() -> None:
    for wish, index in {"default": 3, "": 3, "pulse": 3, "usb mic": 2, "2": 2}.items():
        assert find_device(LAPTOP, wish, "input").index == index


@each(
    ("wish", "side", "message", "named", "unnamed"),
    [
        ("hda", "output", "fits several loudspeakers", ["0 HDA Intel: ALC257 Analog", "1 HDA Intel: HDMI 0"], "pulse"),
        ("headset", "input", "no microphone called “headset”", ["2 USB Microphone", "pulse"], "HDMI"),
        ("1", "input", "no microphone", [], "HDMI"),
    ],
)
def test_an_ambiguous_or_unknown_device_is_refused_with_those_there_are(
    wish: str, side: Literal["input", "output"], message: str, named: list[str], unnamed: str
) -> None:
    with pytest.raises(AudioDeviceError, match=message) as caught:
        find_device(LAPTOP, wish, side)
    assert all(name in caught.value.hint for name in named) and unnamed not in caught.value.hint


def test_windows_shows_each_device_once_and_under_the_fast_interface() -> None:
    devices = arrange(
        [device(0, "Microphone (Realtek(R) Au", 2, 0, 0), device(1, "Microphone (Realtek(R) Audio)", 2, 0, 1)],
        [host("MME", 0), host("Windows WASAPI", 1)],
    )
    assert [found.host for found in devices.inputs] == ["Windows WASAPI"]
    assert devices.problem == "no loudspeaker was found"


def test_a_bluetooth_headset_is_marked_with_what_its_microphone_costs() -> None:
    devices = arrange([device(0, "AirPods Pro", 1, 0), device(1, "AirPods Pro", 0, 2)], [host("Core Audio", 0, 1)])
    assert "telephone" in devices.inputs[0].note
    assert devices.outputs[0].note == ""


def test_a_machine_without_any_device_gets_a_sentence_and_a_cure() -> None:
    devices = arrange([], [host("ALSA")])
    assert devices.problem == "no microphone and no loudspeaker was found"
    assert devices.hint
    with pytest.raises(AudioDeviceError) as caught:
        find_device(devices, "default", "input")
    assert caught.value.retryable


def listed_where_the_import_fails(error: Exception, monkeypatch: pytest.MonkeyPatch) -> DeviceList:
    """As on a Linux machine where the import of sounddevice raises this."""
    genuine = builtins.__import__

    def fail(name: str, *args: object) -> object:
        if name == "sounddevice":
            raise error
        return genuine(name, *args)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(builtins, "__import__", fail)
    monkeypatch.setattr(sys, "platform", "linux")
    return list_devices()


def test_a_missing_portaudio_names_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = listed_where_the_import_fails(OSError("PortAudio library not found"), monkeypatch)
    assert devices.is_portaudio_missing
    assert "sudo apt install libportaudio2" in devices.hint


def test_a_broken_sound_configuration_is_reported_and_may_be_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    class PortAudioError(Exception):
        pass

    words = "Error initializing PortAudio: Unanticipated host error"
    devices = listed_where_the_import_fails(PortAudioError(f"{words} [PaErrorCode -9999]", -9999), monkeypatch)
    assert devices.problem == f"the sound system does not start: {words}"
    assert not devices.is_portaudio_missing


@pytest.mark.audio
def test_the_virtual_devices_are_listed_and_nothing_reaches_the_terminal(
    virtual_audio: VirtualAudio, capfd: pytest.CaptureFixture[str]
) -> None:
    devices = list_devices(refresh=True)
    assert devices.default_input == devices.default_output == "pulse"
    assert capfd.readouterr().err == ""
