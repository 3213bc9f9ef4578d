"""Another microphone while talking, for real: the engine's own process on virtual devices of a sound server."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.engine.engine_client import EngineClient
from tests.support.vaudio import VirtualAudio, virtual_audio as virtual_audio
from voicechat.config.device_memory import read_memory
from voicechat.core.user_events import DevicesAsked, DevicesChosen
from voicechat.engine.link import Devices, Snapshot

pytestmark = pytest.mark.audio


def until(client: EngineClient, listed: str, in_use: str) -> Devices:
    """Until a microphone of this name is listed, and one of that name runs."""
    devices = client.until(
        Devices, lambda devices: any(listed in row.name for row in devices.mics.rows) and in_use in devices.mics.in_use
    )
    client.until(Snapshot, lambda shown: in_use in shown.view.mic.name)
    return devices


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
    with EngineClient(tmp_path, mic="default", speaker="default", fresh=True) as client:
        client.until(Snapshot)
        client.engine.send(DevicesAsked(True))
        plug_in(virtual_audio, "Yeti")
        rows = until(client, "Yeti", "").mics.rows
        name = next(row.name for row in rows if "Yeti" in row.name and "onitor" not in row.name)
        client.engine.send(DevicesChosen(mic=name))
        assert until(client, "Yeti", "Yeti").mics.wish_from == "chosen"
        assert read_memory(tmp_path / "state" / "devices.json").mic == name
