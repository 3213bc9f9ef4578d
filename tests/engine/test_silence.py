"""Silence has one author: what the core, the stop key's thread and the audio callback flush, heard at the loudspeaker.

The real core, audio path, playout and adapter on one fake clock; only the device and the network are left out.
"""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace

import numpy as np
import pytest

from tests.support.script import created, done, opened
from tests.support.sources import SteadyTone
from voicechat.audio.echo import PassThroughProcessor
from voicechat.audio.path import AudioPath
from voicechat.audio.stream_counters import StreamCounters
from voicechat.core import events as on
from voicechat.core.effects import AudioEffect, Effect
from voicechat.core.events import Event
from voicechat.core.policy import TurnPolicy
from voicechat.core.step import next_deadline, step
from voicechat.engine.link import Command
from voicechat.engine.service import Service, TalkScene
from voicechat.engine.sound_desk import Sound
from voicechat.protocol.client_events import ResponseCancel

LOUD = 0.1
SILENT = 0.001


class Loudspeaker:
    """A conversation whose loudspeaker can be measured. The service's sound is a tone that is switched on and off."""

    def __init__(self) -> None:
        self.policy = TurnPolicy()
        self.state = opened()
        self.now = 0.0
        self.effects: list[Effect] = []
        self._events: deque[Event] = deque()
        self.path = AudioPath(self._events.append, processor=PassThroughProcessor())
        self.sound = Sound(self.path, self.policy)
        self.tone = SteadyTone()
        self.tone.is_silent = True
        self.path.set_source(self.tone)
        self._reader = Service.__new__(Service)
        self._reader._talk = SimpleNamespace(path=self.path)  # type: ignore[assignment]

    def tell(self, event: Event) -> None:
        result = step(self.state, event, self.now, self.policy)
        self.state = result.state
        self.effects += result.effects
        for effect in result.effects:
            if isinstance(effect, AudioEffect):
                self.sound.perform(effect)

    def plays(self, seconds: float) -> float:
        """The peak of the last tenth of so many seconds."""
        peak = 0.0
        for block in range(round(seconds * 100)):
            out = np.zeros(480, dtype=np.float32)
            self.now = round(self.now + 0.01, 6)
            self.path.process(np.zeros(480, dtype=np.float32), out, self.now)
            while self._events:
                self.tell(self._events.popleft())
            due = next_deadline(self.state, self.now, self.policy)
            if due is not None and due <= self.now:
                self.tell(on.TimePassed())
            if block >= round(seconds * 90):
                peak = max(peak, float(np.max(np.abs(out))))
        return peak

    def response(self, name: str, seconds: float) -> float:
        """A response of so many seconds, and its peak at the loudspeaker."""
        self.tell(created(name))
        self.tone.is_silent = False
        peak = self.plays(seconds)
        self.tone.is_silent = True
        self.tell(done(name))
        self.plays(2.0)
        return peak

    def stop_key(self, *, arrives_after: float = 0.02) -> None:
        """The key, first obeyed by the thread that reads it and `arrives_after` seconds later by the core."""
        self._reader._apply_at_once(Command(1, on.StopPressed()))
        self.plays(arrives_after)
        self.tell(on.StopPressed())


@pytest.mark.parametrize("arrives_after", [0.0, 0.02, 0.5])
def test_stop_while_idle_keeps_the_next_response_audible(arrives_after: float) -> None:
    talk = Loudspeaker()
    assert talk.response("r1", 1.0) > LOUD
    for count in range(3):
        talk.stop_key(arrives_after=arrives_after)
        assert talk.response(f"next-{count}", 1.0) > LOUD


def test_stop_while_idle_keeps_a_stream_without_responses_audible() -> None:
    talk = Loudspeaker()
    talk.stop_key()
    talk.tone.is_silent = False
    assert talk.plays(0.5) > LOUD


@pytest.mark.parametrize("arrives_after", [0.0, 0.02, 0.5])
def test_stop_silences_the_running_response_and_not_the_next(arrives_after: float) -> None:
    talk = Loudspeaker()
    talk.tell(created("r1"))
    talk.tone.is_silent = False
    assert talk.plays(1.0) > LOUD
    talk.stop_key(arrives_after=arrives_after)
    assert talk.plays(1.0) < SILENT
    assert len([one for one in talk.effects if isinstance(one, ResponseCancel)]) == 1
    talk.tell(done("r1", "cancelled"))
    assert talk.response("r2", 1.0) > LOUD


def test_stop_between_request_and_response_drops_that_response_only() -> None:
    talk = Loudspeaker()
    talk.tell(on.TextEntered("Hello"))
    talk.stop_key()
    assert talk.response("r1", 1.0) < SILENT
    assert talk.response("r2", 1.0) > LOUD


def test_mute_key_refused_by_the_core_leaves_the_mic_open() -> None:
    talk = Loudspeaker()
    talk.plays(0.1)
    assert talk.state.microphone.is_open
    talk._reader._apply_at_once(Command(1, on.MuteChosen(True)))  # closes the gate; the core never hears of it
    talk.plays(0.1)
    assert talk.path.snapshot().gate_open


def test_the_output_level_is_none_while_the_loudspeaker_is_lost() -> None:
    speaker = Loudspeaker()
    speaker.tell(created("r1"))
    speaker.tone.is_silent = False
    speaker.plays(0.5)
    session = SimpleNamespace(state=speaker.state, performer=SimpleNamespace(line=None))
    talk = SimpleNamespace(path=speaker.path, session=session, counters=StreamCounters)
    scene = TalkScene(talk)  # type: ignore[arg-type]
    assert scene.meters(speaker.now).output is not None
    speaker.tell(on.DeviceLost("Loudspeaker", "it hangs"))
    session.state = speaker.state
    assert scene.meters(speaker.now).output is None
