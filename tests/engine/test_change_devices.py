"""Another microphone while talking, for real: the engine's own process on virtual devices of a sound server."""

from __future__ import annotations

import queue
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.command import environ_for
from tests.support.vaudio import VirtualAudio, virtual_audio as virtual_audio
from voicechat.config.device_memory import read_memory
from voicechat.config.load import load_settings
from voicechat.core.user_events import DevicesAsked, DevicesChosen
from voicechat.engine.host import EngineProcess
from voicechat.engine.link import Devices, FromEngine, Goodbye, Snapshot

PATIENCE = 20.0
pytestmark = pytest.mark.audio


class Client:
    """An engine without a screen, and the newest of what it said."""

    def __init__(self, folder: Path) -> None:
        config = folder / "empty.toml"
        config.write_text('base_url = "http://127.0.0.1:9/v1"\n')
        self._heard: queue.SimpleQueue[FromEngine] = queue.SimpleQueue()
        self.engine = EngineProcess(load_settings({}, {}, config), environ_for(folder))
        self.engine.start(self._heard.put)
        self.devices, self.mic, self.is_ready = Devices(), "", False

    def until(self, name: str, in_use: str) -> None:
        """Until a microphone of this name is listed, and one of that name runs."""
        deadline = time.monotonic() + PATIENCE
        while not (self.is_ready and name in self.names and in_use in self.mic and in_use in self.devices.mics.in_use):
            message = self._heard.get(timeout=max(0.0, deadline - time.monotonic()))
            assert not isinstance(message, Goodbye), message.cause
            if isinstance(message, Devices):
                self.devices = message
            elif isinstance(message, Snapshot):
                self.mic, self.is_ready = message.view.mic.name, True

    @property
    def names(self) -> str:
        return "\n".join(row.name for row in self.devices.mics.rows)


def plug_in(audio: VirtualAudio, name: str) -> None:
    """One more virtual microphone."""
    feed = f"sink_name={name}_feed rate=48000 channels=1 format=s16le norewinds=1"
    source = f"source_name={name} master={name}_feed.monitor source_properties=device.description={name}"
    for module in (f"module-null-sink {feed}", f"module-remap-source {source}"):
        command = ["pactl", f"--server=unix:{audio.socket}", "load-module", *module.split()]
        subprocess.run(command, check=True, capture_output=True)


def test_a_new_microphone_is_listed_chosen_and_remembered_in_a_talk(
    virtual_audio: VirtualAudio, tmp_path: Path
) -> None:
    client = Client(tmp_path)
    try:
        client.until("", "")
        client.engine.send(DevicesAsked(True))
        plug_in(virtual_audio, "Yeti")
        client.until("Yeti", "")
        name = next(row.name for row in client.devices.mics.rows if "Yeti" in row.name and "onitor" not in row.name)
        client.engine.send(DevicesChosen(mic=name))
        client.until("Yeti", "Yeti")
        assert client.devices.mics.wish_from == "chosen"
        assert read_memory(tmp_path / "state" / "devices.json").mic == name
    finally:
        client.engine.close()
