"""A microphone that is not there: said, typed around, and looked for again when the user asks."""

from __future__ import annotations

from tests.support.script import at, opened, script
from voicechat.core.effects import OpenDevices, OpenMic
from voicechat.core.events import (
    AgainPressed,
    DeviceLost,
    DeviceMissing,
    DeviceOpened,
    EchoChanged,
    SoundNoted,
)


def asked(talk: object, kind: type) -> list[float]:
    return [one.time for one in talk.effects if isinstance(one.what, kind)]  # type: ignore[attr-defined]  # a script


def test_without_a_microphone_nothing_is_on_air_and_r_looks_again() -> None:
    talk = script(at(0.0, DeviceMissing("no input device")), at(1.0, AgainPressed()), begin=opened(), until=2.0)
    assert talk.reason == "no microphone"
    assert asked(talk, OpenDevices) == [1.0]


def test_r_leaves_a_microphone_that_works_alone() -> None:
    talk = script(at(1.0, AgainPressed()), begin=opened(), until=2.0)
    assert asked(talk, OpenDevices) == []


def test_a_microphone_that_turned_up_is_used() -> None:
    found = at(1.0, DeviceOpened("Yeti", "Speakers"))
    talk = script(at(0.0, DeviceMissing("no input device")), found, begin=opened(), until=2.0)
    assert talk.reason == ""
    assert asked(talk, OpenMic)[-1] == 1.0


def test_a_missing_loudspeaker_is_a_note_and_the_mic_stays() -> None:
    talk = script(at(0.0, DeviceMissing("no output device", "", "loudspeaker")), begin=opened(), until=1.0)
    assert talk.reason == ""
    assert any("Answers cannot be heard" in turn.text for turn in talk.state.conversation.turns)


def notes(talk: object) -> list[str]:
    return [turn.text for turn in talk.state.conversation.turns if turn.who == "note"]  # type: ignore[attr-defined]


def test_a_lost_device_is_told_once_with_the_next_step_and_again_when_sound_is_back() -> None:
    lost = DeviceLost("Speakers", "the sound device stopped answering")
    back = at(3.0, DeviceOpened("Built-in Mic", "Speakers"))
    talk = script(at(1.0, lost), at(1.5, lost), back, begin=opened(), until=4.0)
    told = "\n".join(notes(talk))
    assert told.count("Sound stopped: the sound device stopped answering") == 1
    assert "Another device may be chosen." in told or "another device may be chosen." in told
    assert "Sound is back: microphone Built-in Mic, loudspeaker Speakers." in told


def test_devices_that_changed_by_themselves_are_told_and_chosen_ones_are_not() -> None:
    moved = DeviceOpened("Headset", "Headset", why="the system's default changed")
    talk = script(at(1.0, DeviceOpened("Yeti", "Speakers")), at(2.0, moved), begin=opened(), until=3.0)
    told = notes(talk)
    assert "The system's default changed: microphone Headset, loudspeaker Headset." in told
    assert not any("Yeti" in text for text in told)


def test_a_remark_about_a_device_is_a_note() -> None:
    remark = SoundNoted(
        "AirPods is the microphone. It sounds like a telephone · --mic chooses another", code="device_note"
    )
    talk = script(at(1.0, remark), begin=opened(), until=2.0)
    assert remark.text in notes(talk)


def test_the_deck_is_told_how_echo_is_treated_from_now_on() -> None:
    changed = EchoChanged("echo cancelling off: half duplex", hears_over_playback=False)
    talk = script(at(1.0, changed), begin=opened(), until=2.0)
    assert talk.state.microphone.echo == "echo cancelling off: half duplex"
