"""`voicechat devices`, as a user sees it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from voicechat.audio.devices import Device, DeviceList
from voicechat.cli import devices as command
from voicechat.exit_codes import AUDIO, DONE

MIC = Device(2, "USB \x1b[31mMic", "ALSA", 1, 48_000, True, note="Bluetooth: sounds like a telephone")
BOX = Device(3, "Speakers", "ALSA", 2, 44_100, False)


def show(monkeypatch: pytest.MonkeyPatch, devices: DeviceList, *, as_json: bool = False) -> int:
    monkeypatch.setattr(command, "list_devices", lambda: devices)
    return command.devices_command(as_json)


def test_devices_are_shown_with_number_default_and_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(monkeypatch, DeviceList((MIC,), (BOX,), MIC.name, "")) == DONE
    lines = capsys.readouterr().out.splitlines()
    assert next(line for line in lines if "Mic " in line).startswith(" *   2  USB")
    assert next(line for line in lines if "Speakers" in line and "44100" in line).startswith("     3")
    assert any("telephone" in line for line in lines)


def test_a_devices_name_cannot_paint_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    show(monkeypatch, DeviceList((MIC,), (), MIC.name, ""))
    assert "\x1b" not in capsys.readouterr().out


def test_what_comes_goes_and_becomes_the_default_is_told_as_it_happens(capsys: pytest.CaptureFixture[str]) -> None:
    headset = Device(4, "Headset", "ALSA", 1, 16_000, True)
    quiet = replace(MIC, is_default=False)
    lists = [
        DeviceList((MIC,), (BOX,), MIC.name, ""),
        DeviceList((quiet, headset), (BOX,), headset.name, ""),
        DeviceList((headset,), (), headset.name, ""),
    ]
    assert command.devices_command(watch=True, changes=lambda: lists) == DONE
    told = capsys.readouterr().out.split("Watching; Ctrl+C ends.\n")[1].splitlines()
    assert told == [
        "+ microphone  Headset",
        "* microphone  Headset is the default now",
        "- microphone  USB Mic",
        "- loudspeaker  Speakers",
    ]


def test_a_program_gets_one_object_a_change(capsys: pytest.CaptureFixture[str]) -> None:
    lists = [DeviceList((MIC,), (BOX,), MIC.name, ""), DeviceList((MIC,), (), MIC.name, "")]
    assert command.devices_command(as_json=True, watch=True, changes=lambda: lists) == DONE
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (len(first["outputs"]), len(second["outputs"])) == (1, 0)


def test_a_sound_servers_default_names_the_device_behind_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = Device(0, "pulse", "ALSA", 32, 44_100, True, stands_for="Desk Mic")
    show(monkeypatch, DeviceList((shared,), (), "pulse", ""))
    assert "pulse → Desk Mic" in capsys.readouterr().out


def test_no_device_is_an_answer_with_a_cure_and_not_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(monkeypatch, DeviceList((), (), "", "", "no microphone was found", "Plug one in.")) == DONE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "No microphone was found.\nPlug one in.\n"


def test_a_missing_library_is_status_4(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = DeviceList((), (), "", "", "PortAudio is not installed", "apt", is_portaudio_missing=True)
    assert show(monkeypatch, missing) == AUDIO


def test_json_is_one_object_for_programs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(monkeypatch, DeviceList((MIC,), (BOX,), MIC.name, ""), as_json=True) == DONE
    told = json.loads(capsys.readouterr().out)
    assert told["inputs"][0]["index"] == 2
    assert told["default_input"] == MIC.name
