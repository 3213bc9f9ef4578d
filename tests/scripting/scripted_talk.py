"""A talk that goes as a test has written it down: events at their times, on a clock that nobody waits for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from voicechat.core.user_events import SpeechGiven, TalkPressed, UserAct
from voicechat.core.view import ConnectionView, MicView, ReplyState, ReplyView, TurnView, View
from voicechat.engine.link import Batch, FromEngine, Meters, Snapshot, Turns
from voicechat.exit_codes import TalkOver
from voicechat.journal.entry import Entry
from voicechat.scripting.judging import TalkObserver
from voicechat.scripting.model import Script, Sound
from voicechat.scripting.playing import Player, Result, TalkControls

BEGAN = 1000.0
"""The reader's clock when the talk began."""
CLIP = 0.5
"""Seconds that everything takes to be said."""


def row(t: float, type: str, dir: Literal["in", "out", "local"] = "local", **fields: Any) -> Entry:
    """One event as the engine tells it."""
    return Entry(round(t * 1000), t, dir, {"type": type, **fields})


def snapshot(t: float, reply: ReplyState = "ready") -> Snapshot:
    """The talk is up, and the assistant does this."""
    return Snapshot(View(MicView("hands-free"), ReplyView(reply), ConnectionView("open")), Meters(), t=t)


@dataclass
class Talk:
    """Answers every turn after 1 s with 2 s of sound, unless it is told otherwise."""

    script: Script
    then: Callable[[Talk, UserAct], None] | None = None
    now: float = BEGAN
    over_at: float = math.inf
    """The line is lost at this time."""
    sent: list[tuple[float, UserAct]] = field(default_factory=list)
    told: list[Result] = field(default_factory=list)
    coming: list[tuple[float, FromEngine]] = field(default_factory=list)
    seen: TalkObserver = field(default_factory=TalkObserver)

    def __post_init__(self) -> None:
        clips = {sound: Path(f"{place}.wav") for place, sound in enumerate(self.script.sounds)}
        self.clips: dict[Sound, Path] = clips
        self.seen.take(snapshot(0.0), self.now)
        controls = TalkControls(self.send, self.pump, lambda: self.now, self.told.append)
        self.player = Player(self.script, clips, self.seen, controls)

    @property
    def t(self) -> float:
        return self.now - BEGAN

    def send(self, act: UserAct) -> None:
        self.sent.append((self.t, act))
        if isinstance(act, SpeechGiven):
            begins = self.t if act.at is None else max(self.t, act.at)
            self.at(begins, row(begins, "script.began", label=act.label))
            self.at(begins + CLIP, row(begins + CLIP, "script.ended", label=act.label))
        if isinstance(act, TalkPressed):
            self.at(self.t, row(self.t, "talk.pressed"))
        if self.then is not None:
            self.then(self, act)

    def at(self, t: float, *rows: Entry) -> None:
        self.coming.append((t, Batch(rows)))

    def answer(self, after: float, id: str = "r1", text: str = "All is well.", lasts: float = 2.0) -> None:
        """The service answers `after` seconds from now."""
        t = self.t + after
        response = {"id": id}
        self.at(t, row(t, "response.created", "in", response=response))
        self.coming.append((t, Turns((TurnView(id, "assistant", text=text, partial=True),), (id,))))
        self.at(t + 0.1, row(t + 0.1, "response.output_audio_transcript.delta", "in", response_id=id, delta=text))
        self.at(t + 0.2, row(t + 0.2, "assistant.audible"))
        self.coming.append((t + 0.21, snapshot(t + 0.21, "speaking")))
        done = row(t + 0.3, "response.done", "in", response={"id": id, "status": "completed"})
        self.at(t + 0.3, done)
        self.at(t + lasts, row(t + lasts, "assistant.silent"))
        self.coming.append((t + lasts + 0.01, snapshot(t + lasts + 0.01, "finished")))

    def pump(self, seconds: float) -> None:
        self.now += seconds
        due = sorted((one for one in self.coming if one[0] <= self.t), key=lambda one: one[0])
        self.coming = [one for one in self.coming if one[0] > self.t]
        for _, message in due:
            self.seen.take(message, self.now)
        if self.t >= self.over_at:
            raise TalkOver(3, "the connection was lost")

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(result.what, result.outcome) for result in self.player.results.results]
