"""The line in memory behaves as a real one towards whoever uses it."""

from __future__ import annotations

import numpy as np
import pytest

from voicechat.engine.ports import Line
from voicechat.errors import SignallingError
from voicechat.transports.loopback import LoopbackLine
from voicechat.transports.target import LineTarget

TARGET = LineTarget(base_url="http://127.0.0.1", key="k", model="m")


class Heard:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.ends: list[str] = []

    def on_text(self, text: str, *, translated: bool = False) -> None:
        self.texts.append(text)

    def on_closed(self, reason: str, code: str = "") -> None:
        self.ends.append(reason)

    def on_received(self, text: str) -> None:
        """Nothing is translated here."""

    def on_sent(self, text: str) -> None:
        """Nothing is sent by the line itself."""

    def on_noted(self, text: str, code: str) -> None:
        """Nothing is noted here."""


def line(heard: Heard) -> LoopbackLine:
    return LoopbackLine(uplink=lambda: np.full(960, 7, np.int16), heard=heard)


async def test_text_and_sound_go_both_ways_while_it_is_open() -> None:
    ours = line(heard := Heard())
    as_port: Line = ours
    assert as_port.send("early") == "the line is not open"
    assert (await ours.open(TARGET)).call_id == "call_1"
    assert as_port.send("hello") == "" and ours.sent == ["hello"]
    ours.say("answer")
    assert heard.texts == ["answer"]
    ours.speak(np.arange(1, 1_001, dtype=np.int16))
    assert as_port.pull(1.0)[0] == 1
    assert (second := as_port.pull(1.02))[39] == 1_000 and not second[40:].any()
    assert not as_port.pull(1.04).any()
    assert (ours.hear() == 7).all()


async def test_a_flush_drops_what_was_spoken() -> None:
    ours = line(Heard())
    await ours.open(TARGET)
    ours.speak(np.ones(9_600, np.int16))
    ours.flush()
    assert not ours.pull(0.0).any()


async def test_a_lost_line_is_told_once_and_an_own_close_not_at_all() -> None:
    ours = line(heard := Heard())
    await ours.open(TARGET)
    ours.drop("cable cut")
    ours.drop("again")
    assert heard.ends == ["cable cut"]
    await ours.open(TARGET)
    await ours.close(hang_up=True)
    assert ours.hung_up and heard.ends == ["cable cut"]
    ours.say("too late")
    assert heard.texts == []


async def test_a_refusal_is_raised_once_and_large_messages_are_refused() -> None:
    ours = line(Heard())
    ours.refuse_next = SignallingError("no", hint="yes")
    with pytest.raises(SignallingError):
        await ours.open(TARGET)
    await ours.open(TARGET)
    assert "at most" in ours.send("x" * 300_000)
