"""Devices and sound processing are chosen while talking, by name, and what was chosen is there again next time."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from voicechat.audio.devices import Device, DeviceList
from voicechat.audio.echo import Processing, make_processor
from voicechat.audio.open import CHOSEN, REFUSED
from voicechat.audio.path import AudioPath
from voicechat.config.device_memory import DeviceMemory, read_memory, write_memory
from voicechat.config.load import load_settings
from voicechat.config.settings import Settings
from voicechat.core import user_events as did
from voicechat.core.events import Event
from voicechat.engine.sound_desk import SideWish, SoundDesk


def device(name: str, *, is_default: bool = False, stands_for: str = "") -> Device:
    return Device(1, name, "ALSA", 1, 48_000, is_default, stands_for=stands_for)


LISTED = DeviceList(
    (device("pulse", is_default=True, stands_for="Built-in Mic"), device("Built-in Mic"), device("Blue Yeti")),
    (device("Speakers", is_default=True),),
    "pulse",
    "Speakers",
)


class Stage:
    """A desk over a real audio path, and what it set going."""

    def __init__(self, folder: Path, settings: Settings | None = None) -> None:
        self.file = folder / "devices.json"
        self.told: list[Event] = []
        self.changes: list[tuple[str, str]] = []
        self.listed = LISTED
        self.path = AudioPath(self.told.append, processor=make_processor(Processing(echo=False, headphones=True)))
        self.desk = SoundDesk(
            settings or Settings(), self.path, self.file, tell=self.told.append, look=lambda: self.listed
        )
        self.desk.on_change = lambda mic, speaker: self.changes.append((mic, speaker))


def test_a_chosen_microphone_is_used_at_once_and_remembered_by_name(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.desk.obey(did.DevicesChosen(mic="Blue Yeti"))
    assert stage.changes == [("Blue Yeti", "")]
    assert Stage(tmp_path).desk.wishes.mic == SideWish("Blue Yeti", "remembered")
    stage.desk.obey(did.DevicesChosen(mic="default"))
    assert Stage(tmp_path).desk.wishes.mic == SideWish("default", "system")


def test_a_flag_or_the_configuration_beats_what_is_remembered(tmp_path: Path) -> None:
    write_memory(tmp_path / "devices.json", DeviceMemory("Blue Yeti", "Studio"))
    empty = tmp_path / "empty.toml"
    empty.write_text('[devices]\nspeaker = "Speakers"\n')
    settings = load_settings({"mic": "default"}, {}, empty)
    wishes = Stage(tmp_path, settings).desk.wishes
    assert (wishes.mic, wishes.speaker) == (SideWish("default", "settings"), SideWish("Speakers", "settings"))


def test_a_choice_that_could_not_be_had_is_taken_back_and_forgotten(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.desk.obey(did.DevicesChosen(mic="Built-in Mic"))
    stage.desk.take_outcome(CHOSEN)
    stage.desk.obey(did.DevicesChosen(mic="Blue Yeti"))
    stage.desk.take_outcome(REFUSED)
    assert stage.desk.wishes.mic.wish == "Built-in Mic"
    assert read_memory(stage.file).mic == "Built-in Mic"


def test_a_choice_that_cannot_be_kept_still_holds_and_is_said(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "nowhere")
    stage.desk.obey(did.DevicesChosen(speaker="Studio"))
    assert stage.changes == [("", "Studio")]
    assert "holds for this talk only" in repr(stage.told)


async def test_the_list_is_there_while_somebody_looks_and_follows_what_is_plugged_in(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    assert not is_listing(stage)
    stage.desk.obey(did.DevicesAsked(True))
    await listed(stage, ["Built-in Mic", "Blue Yeti"])
    assert stage.desk.devices is not None
    assert (stage.desk.devices.mics.default, stage.desk.devices.mics.in_use) == ("Built-in Mic", "none")
    stage.desk.obey(did.DevicesAsked(False))
    assert not is_listing(stage)


def is_listing(stage: Stage) -> bool:
    return stage.desk.devices is not None


async def listed(stage: Stage, names: list[str]) -> None:
    async with asyncio.timeout(5):
        while stage.desk.devices is None or [row.name for row in stage.desk.devices.mics.rows] != names:
            await asyncio.to_thread(time.sleep, 0.005)


def test_echo_noise_and_gain_are_switched_while_talking_and_told_as_they_are(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    assert stage.desk.facts.echo == "headphones"
    modes: tuple[did.EchoMode, ...] = ("off", "on", "headphones")
    for mode in modes:
        stage.desk.obey(did.EchoChosen(mode))
        assert stage.desk.facts.echo == mode
    stage.desk.obey(did.NoiseChosen(False))
    stage.desk.obey(did.GainChosen(False))
    assert (stage.desk.facts.noise, stage.desk.facts.gain) == (False, False)


def test_where_a_lost_device_cannot_be_waited_for_the_screen_is_not_told_so(tmp_path: Path) -> None:
    stage = Stage(tmp_path)

    def waits() -> bool:
        return stage.desk.facts.keeps_waiting

    stage.desk.obey(did.KeepWaitingChosen())
    assert not waits()
    stage.desk.on_wait = lambda: True
    stage.desk.obey(did.KeepWaitingChosen())
    assert waits()
    stage.desk.take_outcome("")
    assert not waits()
