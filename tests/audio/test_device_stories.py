"""Devices that come and go while somebody talks, on a real sound server: what was wished for is what is used."""

from __future__ import annotations

import time

import pytest

from tests.support.vaudio import VirtualAudio, until, virtual_audio
from voicechat.audio import facts as fact
from voicechat.audio.device_watch import DeviceWatch
from voicechat.audio.devices import devices_now
from voicechat.audio.echo import PassThroughProcessor
from voicechat.audio.open import DuplexStream
from voicechat.audio.path import AudioPath

__all__ = ["virtual_audio"]

WITHIN = 8.0
"""Seconds a device may take to be noticed on a loaded machine; alone it takes less than one."""


class Talk:
    """A stream on the server's devices, looked after as the engine does."""

    def __init__(self, server: VirtualAudio, mic: str, speaker: str = "default") -> None:
        self.server = server
        self.facts: list[fact.AudioFact] = []
        self.path = AudioPath(self.facts.append, processor=PassThroughProcessor())
        self.stream = DuplexStream(self.path, mic=mic, speaker=speaker, watcher=DeviceWatch())
        self.stream.start()

    def check(self) -> None:
        self.stream.check(time.monotonic())

    def restored(self) -> list[fact.StreamRestored]:
        self.check()
        return [posted for posted in self.facts if isinstance(posted, fact.StreamRestored)]

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

    def wait_for(self, count: int) -> fact.StreamRestored:
        until(lambda: len(self.restored()) >= count, WITHIN, f"no news of the device; {self.facts}")
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
    assert (gone.name, talk.listens_to()) == ("Remapped Monitor of Null Output", "vmic")
    plug_in(virtual_audio)
    back = talk.wait_for(2)
    assert (back.name, back.why) == ("Headset", "Headset is there again")
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
    assert (told.name, told.why) == ("Headset", "the system's default changed")
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
    assert (told.name, told.why, talk.listens_to()) == ("Headset", "as you chose", "usb")
    talk.stream.change("Golden Microphone", None)
    told = talk.wait_for(2)
    assert (told.name, told.why, talk.listens_to()) == ("Headset", "nothing was changed", "usb")
    (hint,) = [posted for posted in talk.facts if isinstance(posted, fact.DeviceHint)]
    assert hint.reason == "there is no microphone called “Golden Microphone”; nothing was changed"
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
