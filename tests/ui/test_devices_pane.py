"""`d`: microphone and loudspeaker are chosen while talking; the list tells what runs, and Space stays with the talk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import structs

from tests.support.each import each
from tests.support.fake_engine import FakeEngine
from tests.support.scenes import DEVICES, FREE, GONE, HOSTILE, OPEN
from tests.support.screen import Stage, lines, showing, text, until
from voicechat.core import user_events as did
from voicechat.core.view import View
from voicechat.engine.link import DeviceRow, Devices, DeviceSide, Meters, Snapshot, SoundFacts
from voicechat.ui.app import VoiceChatApp
from voicechat.ui.options import UiOptions
from voicechat.ui.screens.devices import DevicesScreen, device_choices
from voicechat.ui.settings_rows import switches

SIZES = [(60, 16), (80, 24), (120, 36), (180, 50)]


@asynccontextmanager
async def devices(scene: str = "talk") -> AsyncIterator[Stage]:
    """`d`, and the engine's list."""
    async with showing(scene, (120, 36)) as (app, engine, pilot):
        await pilot.press("d")
        engine.deliver(DEVICES)
        await until(pilot, lambda: "Blue Yeti" in text(app))
        yield app, engine, pilot


async def test_enter_chooses_at_once_and_the_list_stays_until_escape() -> None:
    async with devices() as (app, engine, pilot):
        await pilot.press("down", "down", "enter")
        assert engine.sent[-1] == did.DevicesChosen(mic="Blue Yeti")
        mics = structs.replace(DEVICES.mics, wish="Blue Yeti", wish_from="chosen", in_use="Blue Yeti")
        engine.deliver(structs.replace(DEVICES, mics=mics))
        await until(pilot, lambda: "● Blue Yeti" in text(app))
        assert "remembered for the next talk" in text(app)


async def test_the_loudspeaker_and_the_sound_are_chosen_in_the_same_place() -> None:
    async with devices() as (_app, engine, pilot):
        await pilot.press(*["down"] * 6, "enter", *["down"] * 3, "enter", "left", "down", "right", "down", "enter")
        assert engine.sent[1:] == [
            did.DevicesChosen(speaker="Built-in Speakers"),
            did.EchoChosen("headphones"),
            did.EchoChosen("off"),
            did.NoiseChosen(False),
            did.GainChosen(False),
        ]


async def test_space_talks_and_the_level_stands_beside_the_microphone_that_runs() -> None:
    async with devices("ptt") as (app, engine, pilot):
        await pilot.press("space")
        assert engine.sent[-1] == did.TalkPressed()
        engine.deliver(Snapshot(View(FREE, connection=OPEN), Meters(input=-23)))
        await until(pilot, lambda: any("follow the system" in line and "−23 dB" in line for line in lines(app)))


async def test_what_is_plugged_in_appears_and_the_cursor_stays_where_it_is() -> None:
    async with devices() as (app, engine, pilot):
        await pilot.press("down", "down")
        rows = (DeviceRow("Another"), *DEVICES.mics.rows)
        engine.deliver(structs.replace(DEVICES, mics=structs.replace(DEVICES.mics, rows=rows)))
        await until(pilot, lambda: "Another" in text(app))
        await pilot.press("enter")
        assert engine.sent[-1] == did.DevicesChosen(mic="Blue Yeti")


async def test_a_click_chooses_and_a_headsets_warning_and_a_missing_device_are_told() -> None:
    async with devices() as (app, engine, pilot):
        assert "telephone" in text(app)
        row = next(y for y, line in enumerate(lines(app)) if "Blue Yeti" in line)
        await pilot.click(offset=(70, row))
        assert engine.sent[-1] == did.DevicesChosen(mic="Blue Yeti")
        engine.deliver(GONE)
        await until(pilot, lambda: "◉ Blue Yeti" in text(app))
        assert "is not there now" in text(app)


async def test_palette_switches_echo_noise_and_gain_and_k_needs_a_lost_device() -> None:
    async with showing("talk", (120, 36)) as (app, engine, pilot):
        await pilot.press("k")
        for action in ("switch('echo', 'headphones')", "switch('noise')", "switch('gain')"):
            await app.run_action(action)
        await pilot.pause()
        assert engine.sent == [did.EchoChosen("headphones"), did.NoiseChosen(False), did.GainChosen(False)]
        assert "gain control off" in text(app)


async def test_a_lost_device_is_chosen_anew_or_waited_for_from_the_deck() -> None:
    async with showing("device-lost", (120, 36)) as (app, engine, pilot):
        assert "d chooses · k keeps waiting for it" in text(app)
        await pilot.press("k")
        assert engine.sent == [did.KeepWaitingChosen()]
        waits = SoundFacts(can_wait=True, keeps_waiting=True)
        engine.deliver(Snapshot(app.view, Meters(), waits))
        await until(pilot, lambda: "Blue Yeti was lost · waiting for it" in text(app))


async def test_a_dead_engine_takes_the_list_along() -> None:
    async with devices() as (app, engine, pilot):
        engine.die("killed")
        await until(pilot, lambda: "Enter starts it again" in text(app))
        assert "Blue Yeti" not in text(app)


async def test_a_list_opened_before_the_engine_is_ready_is_asked_for_when_it_is() -> None:
    engine = FakeEngine()
    app = VoiceChatApp(engine, UiOptions())
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: engine.starts == 1)
        await pilot.press("d")
        assert engine.sent == []
        engine.show(View(FREE, connection=OPEN))
        await until(pilot, lambda: engine.sent == [did.DevicesAsked(True)])


@each(
    ("echo", "mode", "words"),
    [
        ("AEC3", "on", "cancelled"),
        ("headphones: echo cancelling off", "headphones", "headphones"),
        ("echo cancelling off: half duplex", "off", "half duplex"),
        ("no echo canceller here: half duplex", "on", "cancelled but not possible here: half duplex"),
    ],
)
def test_the_echo_row_tells_what_is_really_done(echo: str, mode: did.EchoMode, words: str) -> None:
    row = switches(SoundFacts(echo=mode), echo)[0]
    assert words == f"{row.text} {row.note}".strip()


async def test_two_devices_of_one_hostile_name_are_listed_and_chosen_by_their_whole_name() -> None:
    async with devices() as (app, engine, pilot):
        engine.deliver(Devices(DeviceSide((DeviceRow(HOSTILE), DeviceRow(HOSTILE)))))
        await until(pilot, lambda: text(app).count("free[/]") == 2)
        await pilot.press("home", "down", "enter")
        assert engine.sent[-1] == did.DevicesChosen(mic=HOSTILE)


def test_a_part_of_a_name_marks_the_device_it_means() -> None:
    side = structs.replace(DEVICES.mics, wish="yeti", wish_from="settings", in_use="Blue Yeti")
    marked = {device.text: device.mark for device in device_choices("mic", side)}
    assert [name for name, mark in marked.items() if mark != "○"] == ["Blue Yeti"]
    assert "yeti" not in marked


async def test_until_the_list_has_come_it_says_that_it_is_looking_and_not_none() -> None:
    async with showing("talk", (120, 36)) as (app, engine, pilot):
        await pilot.press("d")
        await until(pilot, lambda: text(app).count("looking for devices …") == 2)
        assert "none: you only type" not in text(app)
        engine.deliver(DEVICES)
        await until(pilot, lambda: "none: you only type" in text(app))
        assert "looking" not in text(app)


async def test_the_cursor_begins_at_the_chosen_device_however_late_the_list_comes() -> None:
    async with showing("talk", (120, 36)) as (app, engine, pilot):
        await pilot.press("d")
        await until(pilot, lambda: "looking for devices …" in text(app))
        engine.deliver(structs.replace(DEVICES, mics=structs.replace(DEVICES.mics, wish="Blue Yeti")))
        await until(pilot, lambda: "none: you only type" in text(app))
        screen = app.screen
        assert isinstance(screen, DevicesScreen)
        assert screen.listed.current == "mic Blue Yeti"
