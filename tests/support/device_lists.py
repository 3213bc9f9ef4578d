"""Devices to choose from, with one of them gone, and a talk that has lost it."""

from __future__ import annotations

import msgspec

from voicechat.engine.link import (
    DeviceRow,
    Devices,
    DeviceSide,
    SoundFacts,
)

_HEADSET = "Bluetooth: its microphone turns the headset to telephone quality; another mic sounds better"
DEVICES = Devices(
    DeviceSide(
        (DeviceRow("Built-in Mic"), DeviceRow("Blue Yeti"), DeviceRow("AirPods Pro", _HEADSET)),
        in_use="Built-in Mic",
        default="Built-in Mic",
    ),
    DeviceSide(
        (DeviceRow("Built-in Speakers"), DeviceRow("USB Audio Interface (4 channels)")),
        "USB Audio Interface (4 channels)",
        "remembered",
        "USB Audio Interface (4 channels)",
        "Built-in Speakers",
    ),
)
GONE = msgspec.structs.replace(
    DEVICES, mics=DeviceSide(DEVICES.mics.rows[::2], "Blue Yeti", "chosen", "none", "Built-in Mic")
)
WAITABLE = SoundFacts(can_wait=True)
