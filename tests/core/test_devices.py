"""A microphone that is not there: said, typed around, and looked for again when the user asks."""

from __future__ import annotations

from tests.support.script import at, opened, script
from voicechat.core.effects import OpenDevices, OpenMic
from voicechat.core.events import AgainPressed, DeviceMissing, DeviceOpened


def asked(talk: object, kind: type) -> list[float]:
    return [one.time for one in talk.effects if isinstance(one.what, kind)]  # type: ignore[attr-defined]  # a script


def test_without_a_microphone_nothing_is_on_air_and_r_looks_again() -> None:
    talk = script(at(0.0, DeviceMissing("no input device")), at(1.0, AgainPressed()), begin=opened(), until=2.0)
    assert talk.reason == "device lost"
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
