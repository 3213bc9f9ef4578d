"""Which device a wish means, and what is said when there is none."""

from __future__ import annotations

import builtins
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Literal

import pytest

from tests.support.each import each
from tests.support.vaudio import VirtualAudio, until, virtual_audio
from voicechat.audio.device_watch import DeviceWatch, ServerReports
from voicechat.audio.devices import DeviceList, arrange, decoded, devices_now, find_device, list_devices
from voicechat.audio.echo import PassThroughProcessor
from voicechat.audio.open import DuplexStream
from voicechat.audio.path import AudioPath
from voicechat.audio.sound_server import ask_server
from voicechat.core import events as on
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


# The process that looks for devices: it tells what changed, and it never outlives whoever asked for it


def children_of(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as told:
        return [int(word) for word in told.read().split()]


def is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as told:
            return told.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.audio
def test_whoever_dies_takes_the_watching_process_and_its_helper_with_them(virtual_audio: VirtualAudio) -> None:
    watching = subprocess.Popen(
        (sys.executable, "-P", "-m", "voicechat.audio.device_watch"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert watching.stdin is not None and watching.stdout is not None
    listed = decoded(watching.stdout.readline())
    assert listed.default_input == "pulse"
    until(lambda: bool(children_of(watching.pid)), 5.0, "it does not listen to the server")
    (helper,) = children_of(watching.pid)
    watching.stdin.close()
    assert watching.wait(timeout=5.0) == 0
    watching.stdout.close()
    until(lambda: not is_running(helper), 2.0, "its helper lives on")


@pytest.mark.audio
def test_a_server_that_dies_and_returns_is_seen(virtual_audio: VirtualAudio) -> None:
    watch = DeviceWatch()
    watch.start()
    until(lambda: watch.latest is not None and bool(watch.latest.inputs), 5.0, "nothing was listed")
    virtual_audio.stop()
    until(lambda: watch.latest is not None and not watch.latest.inputs, 8.0, "the loss was not seen")
    virtual_audio.start()
    until(lambda: watch.latest is not None and bool(watch.latest.inputs), 8.0, "the return was not seen")
    watch.close()
    watch.close()


def test_programs_that_look_for_devices_get_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pactl").write_text(f"#!/bin/sh\nenv > {tmp_path}/seen.$1\n")
    (tmp_path / "pactl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-never-here")
    ask_server()
    reports = ServerReports()
    reports.wait(0.5)
    reports.close()
    seen = [(tmp_path / f"seen.{verb}").read_text() for verb in ("info", "list", "subscribe")]
    assert all("PATH=" in text and "sk-never-here" not in text for text in seen)
    DeviceWatch().close()  # one that never started
    watch = DeviceWatch()
    watch.start()
    until(lambda: watch.latest is not None, 8.0, "nothing was listed")
    assert watch._process is not None
    with open(f"/proc/{watch._process.pid}/environ", "rb") as environ:
        assert b"sk-never-here" not in environ.read()
    watch.close()


# Devices that come and go while somebody talks, on a real sound server: what was wished for is what is used


WITHIN = 8.0
"""Seconds a device may take to be noticed on a loaded machine; alone it takes less than one."""


class Talk:
    """A stream on the server's devices, looked after as the engine does."""

    def __init__(self, server: VirtualAudio, mic: str, speaker: str = "default") -> None:
        self.server = server
        self.events: list[on.AudioEvent] = []
        self.path = AudioPath(self.events.append, processor=PassThroughProcessor())
        self.stream = DuplexStream(self.path, mic=mic, speaker=speaker, watcher=DeviceWatch())
        self.stream.start()

    def check(self) -> None:
        self.stream.check(time.monotonic())

    def restored(self) -> list[on.DeviceOpened]:
        self.check()
        return [posted for posted in self.events if isinstance(posted, on.DeviceOpened)]

    def listens_to(self) -> str:
        """The source the server gives us, by its name; empty while there is none."""
        sources = {
            line.split()[0]: line.split()[1] for line in self.server.tell("list", "short", "sources").splitlines()
        }
        return sources.get(self._source_and_client()[0], "")

    def opened_as(self) -> str:
        """The server's number for us, another one for each time the microphone is opened."""
        return self._source_and_client()[1]

    def _source_and_client(self) -> tuple[str, str]:
        """Streams without a client are the server's own."""
        streams = [line.split() for line in self.server.tell("list", "short", "source-outputs").splitlines()]
        ours = [(source, client) for _, source, client, *_ in streams if client != "-"]
        return ours[0] if ours else ("", "")

    def is_watched(self) -> bool:
        self.check()
        return self.stream._follower._seen is not None

    def wait_for(self, count: int) -> on.DeviceOpened:
        until(lambda: len(self.restored()) >= count, WITHIN, f"no news of the device; {self.events}")
        assert len(self.restored()) == count
        return self.restored()[-1]


def plug_in(server: VirtualAudio) -> list[str]:
    """A second microphone; the numbers that unplug it again."""
    feed = server.tell("load-module", "module-null-sink", "norewinds=1", "sink_name=usb_feed", "rate=48000")
    name = "source_properties=device.description=Headset"
    mic = server.tell("load-module", "module-remap-source", "source_name=usb", "master=usb_feed.monitor", name)
    return [mic, feed]


@pytest.mark.audio
def test_an_unplugged_microphone_is_replaced_until_it_is_back(virtual_audio: VirtualAudio) -> None:
    plugged = plug_in(virtual_audio)
    talk = Talk(virtual_audio, mic="Headset")
    assert (talk.stream.problem, talk.stream.mic_name, talk.listens_to()) == ("", "Headset", "usb")
    until(talk.is_watched, WITHIN, "nobody watches")
    for module in plugged:
        virtual_audio.tell("unload-module", module)
    gone = talk.wait_for(1)
    assert (gone.mic, talk.listens_to()) == ("Remapped Monitor of Null Output", "vmic")
    plug_in(virtual_audio)
    back = talk.wait_for(2)
    assert (back.mic, back.why) == ("Headset", "Headset is there again")
    assert (talk.listens_to(), talk.stream.problem) == ("usb", "")
    talk.stream.close()


@pytest.mark.audio
def test_the_systems_new_default_is_used_and_named(virtual_audio: VirtualAudio) -> None:
    plug_in(virtual_audio)
    talk = Talk(virtual_audio, mic="default")
    until(talk.is_watched, WITHIN, "nobody watches")
    opened_as = talk.opened_as()
    virtual_audio.tell("set-default-source", "usb")
    told = talk.wait_for(1)
    assert (told.mic, told.why) == ("Headset", "the system's default changed")
    assert talk.listens_to() == "usb"
    assert talk.opened_as() == opened_as
    talk.stream.close()


@pytest.mark.audio
def test_a_microphone_is_chosen_in_a_talk_and_a_wrong_choice_changes_nothing(
    virtual_audio: VirtualAudio,
) -> None:
    plug_in(virtual_audio)
    talk = Talk(virtual_audio, mic="default")
    assert talk.listens_to() == "vmic"
    talk.stream.change("Headset", None)
    told = talk.wait_for(1)
    assert (told.mic, told.why, talk.listens_to()) == ("Headset", "as you chose", "usb")
    talk.stream.change("Golden Microphone", None)
    told = talk.wait_for(2)
    assert (told.mic, told.why, talk.listens_to()) == ("Headset", "nothing was changed", "usb")
    (hint,) = [posted for posted in talk.events if isinstance(posted, on.SoundNoted)]
    assert hint.text.startswith("there is no microphone called “Golden Microphone”; nothing was changed")
    talk.stream.close()


@pytest.mark.audio
def test_devices_plugged_in_later_are_listed_without_touching_the_stream(
    virtual_audio: VirtualAudio,
) -> None:
    talk = Talk(virtual_audio, mic="default")
    assert "Headset" not in [device.name for device in devices_now().inputs]
    plug_in(virtual_audio)
    assert "Headset" in [device.name for device in devices_now().inputs]
    before = talk.stream.counters().total.callbacks
    until(lambda: talk.stream.counters().total.callbacks > before, 2.0, "the stream was disturbed")
    assert talk.restored() == []
    talk.stream.close()
