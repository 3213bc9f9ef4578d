"""When a stream is opened anew because devices came, went or changed places."""

from __future__ import annotations

from tests.audio.test_stream_watchdog import Seen
from tests.support.each import each
from voicechat.audio.device_watch import Follower, OpenEnds, as_moved, fallbacks, halves, reason_to_switch
from voicechat.audio.devices import Device, DeviceList


def end(name: str, *, host: str = "Core Audio", is_default: bool = False, route: str = "", behind: str = "") -> Device:
    return Device(1, name, host, 2, 48_000, is_default, stands_for=behind, route=route)


BUILT_IN = end("Built-in", is_default=True)
HEADSET = end("Headset")
BOX = end("Box", is_default=True)


def listed(*mics: Device, speakers: tuple[Device, ...] = (BOX,)) -> DeviceList:
    return DeviceList(mics, speakers, "", "")


NEW_DEFAULT = (end("Built-in"), end("Headset", is_default=True))


@each(
    ("there", "wish", "now", "reason"),
    [
        ((BUILT_IN, HEADSET), "Headset", HEADSET, ""),
        ((BUILT_IN, HEADSET), "Headset", BUILT_IN, "Headset is there again"),
        ((BUILT_IN,), "Headset", BUILT_IN, ""),
        ((BUILT_IN,), "Headset", None, "Built-in is there now"),
        ((BUILT_IN, HEADSET), "default", BUILT_IN, ""),
        (NEW_DEFAULT, "default", BUILT_IN, "the system's default is now Headset"),
        (NEW_DEFAULT, "Other", BUILT_IN, "the system's default is now Headset"),
        ((BUILT_IN,), "Headset", end("Headset", route="usb"), "Headset is gone"),
        ((), "default", BUILT_IN, ""),
        ((BUILT_IN, HEADSET), None, None, ""),
    ],
)
def test_the_requested_device_is_used_while_it_is_there_and_the_default_meanwhile(
    there: tuple[Device, ...], wish: str | None, now: Device | None, reason: str
) -> None:
    assert reason_to_switch(listed(*there), (wish, "default"), OpenEnds(now, BOX)) == reason


def test_a_raw_card_that_looks_absent_because_we_use_it_is_not_left() -> None:
    ours, there = end("USB (hw:1,0)", host="ALSA"), listed(end("HDA (hw:0,0)", is_default=True))
    for wish in ("default", "USB"):
        assert reason_to_switch(there, (wish, None), OpenEnds(ours)) == ""


def test_what_a_server_moved_by_itself_is_no_reason_but_has_another_name() -> None:
    before = OpenEnds(end("pulse", is_default=True, behind="Built-in"), BOX)
    there = listed(end("pulse", is_default=True, behind="Headset"))
    assert reason_to_switch(there, ("default", "default"), before) == ""
    moved = as_moved(there, before)
    assert moved.mic is not None and moved.mic.title == "Headset"
    assert moved.speaker is BOX


def test_one_side_alone_gives_way_before_both_do() -> None:
    assert fallbacks(("usb", "box")) == [("default", "box"), ("usb", "default"), ("default", "default")]
    assert fallbacks(("usb", None)) == [("default", None)]
    assert fallbacks(("default", "default")) == []
    assert halves(("usb", None)) == []
    assert halves(("usb", "box"))[0] == (None, "box")


def test_a_device_that_does_not_open_is_tried_less_until_a_change() -> None:
    seen = Seen()
    follower = Follower(seen)
    seen.latest = listed(BUILT_IN, HEADSET)
    open_now = OpenEnds(BUILT_IN)
    tried = [now for now in range(100) if follower.reason_to_switch(("Headset", None), open_now, float(now))]
    assert tried == [0, 5, 35, 65, 95]
    seen.latest = listed(BUILT_IN, HEADSET, end("Third"))
    assert follower.reason_to_switch(("Headset", None), OpenEnds(BUILT_IN), 100.0)


def test_devices_that_came_are_news_once() -> None:
    seen = Seen()
    follower = Follower(seen)
    assert not follower.has_news()
    seen.latest = DeviceList((), (), "", "")
    assert not follower.has_news()
    seen.latest = listed(BUILT_IN)
    assert follower.has_news()
    assert not follower.has_news()
