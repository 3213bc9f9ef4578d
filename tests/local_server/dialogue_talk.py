"""Drives the server's pure dialogue: a fake detector for which loud is voice, a clock that is a number, and shorthands.

Sound is fed in frames of 32 ms and moves the clock with it, as a microphone would.
"""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tests.support.local_server import loud_is_voice
from voicechat.local_server.answer import Finished, Piece, Spoken
from voicechat.local_server.brain import Say
from voicechat.local_server.conversation import Out, Recognise, Reply, StopReply
from voicechat.local_server.dialogue import Dialogue, Transport
from voicechat.local_server.listening import Ears
from voicechat.local_server.session_config import Fields, first_config
from voicechat.local_server.sound import Pcm
from voicechat.protocol.dialects import DialectName
from voicechat.protocol.server_events import ServerError
from voicechat.protocol.wire import WireEvent, type_of

E = TypeVar("E")
FRAME = 512


class Talk:
    """One dialogue and everything it has put out."""

    def __init__(
        self, transport: Transport = "websocket", session: Fields | None = None, dialect: DialectName = "ga"
    ) -> None:
        counters: dict[str, itertools.count[int]] = {}
        started = first_config(session or {}, "test", dialect, "sess_1")
        self.now = 100.0
        self.dialogue = Dialogue(
            transport=transport,
            config=started[0],
            dialect=started[1],
            ears=Ears(loud_is_voice),
            new_id=lambda kind: f"{kind}_{next(counters.setdefault(kind, itertools.count(1)))}",
            local_time=lambda: datetime(2026, 11, 21, 12, 0, tzinfo=UTC),
        )
        self.outs: list[Out] = []
        self.dialogue.opened()
        self.take()

    def take(self) -> list[Out]:
        """What has come out of the last step."""
        outs = self.dialogue.outs()
        self.outs += outs
        return outs

    def send(self, kind: str, **fields: object) -> list[Out]:
        """The client says something."""
        return self.say(json.dumps({"type": kind, **fields}))

    def say(self, text: str) -> list[Out]:
        """The client sends a message as it is."""
        self.dialogue.receive(text, self.now)
        return self.take()

    def update(self, **session: object) -> list[Out]:
        return self.send("session.update", session={"type": "realtime", **session})

    def listen(self, **fields: object) -> list[Out]:
        """Change what concerns the input, transcription on."""
        return self.update(audio={"input": {"transcription": {"model": "m"}, **fields}})

    def voice(self, seconds: float) -> list[Out]:
        return self._hear(np.full(FRAME, 0.5, np.float32), seconds)

    def silence(self, seconds: float) -> list[Out]:
        return self._hear(np.zeros(FRAME, np.float32), seconds)

    def _hear(self, frame: NDArray[np.float32], seconds: float) -> list[Out]:
        outs: list[Out] = []
        for _ in range(round(seconds / 0.032)):
            self.now += 0.032
            self.dialogue.hear(frame, self.now)
            outs += self.take()
        return outs

    def recognise(self, text: str) -> list[Out]:
        """Answer the newest recognition that was asked for."""
        asked = self.all(Recognise)[-1]
        self.dialogue.listening.recognised(asked.item_id, asked.tag, text)
        return self.take()

    def user_says(self, text: str, seconds: float = 1.0) -> list[Out]:
        """A whole turn under turn detection: voice, a pause in which the words come, and the rest of the silence."""
        outs = [*self.voice(seconds), *self.silence(0.25), *self.recognise(text), *self.silence(0.35)]
        return outs

    def answer(self, text: str, seconds: float = 2.0, *, complete: bool = True) -> list[Out]:
        """The brain and the voice answer the newest reply that was asked for, with one sentence."""
        reply = self.all(Reply)[-1]
        if reply.is_spoken:
            sound = np.full(int(24_000 * seconds), 0.25, np.float32)
            outs = self.made(Spoken(text, sound))
        else:
            outs = self.made(Say(text))
        return [*outs, *(self.made(Finished()) if complete else [])]

    def made(self, piece: Piece) -> list[Out]:
        """A piece of the newest reply that was asked for."""
        self.dialogue.responses.made(self.all(Reply)[-1].response_id, piece, self.now)
        return self.take()

    def play(self, seconds: float) -> Pcm:
        """Let the track take so much sound (WebRTC); the clock moves with it."""
        frames = []
        for _ in range(round(seconds / 0.02)):
            self.now += 0.02
            frames.append(self.dialogue.responses.pull(self.now))
            self.take()
        return np.concatenate(frames)

    def wait(self, seconds: float) -> list[Out]:
        self.now += seconds
        self.dialogue.time_passed(self.now)
        return self.take()

    def all(self, kind: type[E], outs: list[Out] | None = None) -> list[E]:
        return [out for out in (self.outs if outs is None else outs) if isinstance(out, kind)]

    def last(self, kind: type[E]) -> E:
        return self.all(kind)[-1]

    def one(self, kind: type[E], outs: list[Out]) -> E:
        found = self.all(kind, outs)
        assert len(found) == 1, f"{len(found)} of {kind.__name__} in {names(outs)}"
        return found[0]


def names(outs: list[Out]) -> list[str]:
    """Event types and action names, in order."""
    return [type_of(out) if isinstance(out, WireEvent) else type(out).__name__ for out in outs]


def events(outs: list[Out]) -> list[str]:
    """Event types alone."""
    return [name for name in names(outs) if name not in ("Recognise", "Reply", "StopReply")]


def code_of(outs: list[Out]) -> str:
    """The code of the one error in there."""
    errors = [out for out in outs if isinstance(out, ServerError)]
    assert len(errors) == 1, names(outs)
    return errors[0].error.code or ""


__all__ = ["Recognise", "Reply", "StopReply", "Talk", "code_of", "events", "names"]
