"""The session: an inbox, a clock and one timer around the pure core.

`tell` may be called from any thread; everything else runs on the event loop. One event at a time: stamp it, step the
core, carry out the effects, then ask the core when it next wants to be woken.

Names for what happened on this side of the wire: `mic.closed`, `voice.began`, `line.opened` and their like.

They stand in the same list as wire events, so a reader of a log sees why the mic closed between two server events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from voicechat.core import effects as do, events as on
from voicechat.core.effects import Effect
from voicechat.core.events import AnyEvent, ConnectWanted, EndAsked, Event, TimePassed
from voicechat.core.policy import TurnPolicy
from voicechat.core.remembering import begun
from voicechat.core.state import Choices, Turn, Wishes
from voicechat.core.step import next_deadline, overdue, step
from voicechat.engine.perform import OpenLine, Performer
from voicechat.engine.ports import AudioPort
from voicechat.journal.entry import Happening, Watch

EVENT_NAMES: dict[type, str] = {
    on.TalkPressed: "talk.pressed",
    on.TalkReleased: "talk.released",
    on.TalkRejoined: "talk.rejoined",
    on.TalkTapped: "talk.latched",
    on.FocusLost: "focus.lost",
    on.MuteChosen: "mute.chosen",
    on.PauseToggled: "pause.toggled",
    on.TurnModeChosen: "turn_mode.chosen",
    on.BargeInChosen: "barge_in.chosen",
    on.SettingChosen: "setting.chosen",
    on.PresetChosen: "preset.chosen",
    on.SettingUndone: "setting.undone",
    on.StopPressed: "stop.pressed",
    on.AgainPressed: "again.pressed",
    on.TextEntered: "text.entered",
    on.EndAsked: "end.asked",
    on.NewAsked: "new.asked",
    on.AttendanceChanged: "attendance.changed",
    on.GoOnChosen: "go_on.chosen",
    on.BudgetNear: "budget.near",
    on.BudgetSpent: "budget.spent",
    on.BudgetBlind: "budget.blind",
    on.ToolsOffered: "tools.offered",
    on.ToolAllowed: "tool.allowed",
    on.ToolDenied: "tool.denied",
    on.ToolFinished: "tool.finished",
    on.TurnTranslated: "translation",
    on.SideNoted: "side.noted",
    on.ToolMoved: "tool.moved",
    on.AssistantHeard: "assistant.audible",
    on.AssistantFellSilent: "assistant.silent",
    on.VoiceBegan: "voice.began",
    on.VoiceEnded: "voice.ended",
    on.BargeInHappened: "barge_in.happened",
    on.PlaybackFlushed: "playback.flush_applied",
    on.MicClosed: "mic.close_applied",
    on.PlaybackDucked: "playback.ducked",
    on.UplinkDrained: "mic.drained",
    on.MicFlat: "mic.flat",
    on.MicLive: "mic.live",
    on.MicFileEnded: "mic.file_ended",
    on.DeviceOpened: "device.opened",
    on.DeviceLost: "device.lost",
    on.DeviceMissing: "device.missing",
    on.EchoChanged: "echo.changed",
    on.SelfEchoHeard: "echo.self_heard",
    on.ConnectWanted: "connect.wanted",
    on.LineStep: "line.step",
    on.LineOpened: "line.opened",
    on.LineFailed: "line.failed",
    on.LineLost: "line.lost",
    on.SendRefused: "send.refused",
    on.AnswerInterrupted: "answer.interrupted",
    on.Noticed: "notice",
}
EFFECT_NAMES: dict[type, str] = {
    do.OpenMic: "mic.opened",
    do.CloseMic: "mic.closed",
    do.SilencePlayback: "playback.flushed",
    do.BeginPlayback: "playback.began",
    do.Connect: "line.connecting",
    do.HangUp: "line.hanging_up",
    do.RunTool: "tool.run",
    do.DropTools: "tools.dropped",
}
PRIVATE = ("session", "definitions")
RENAMED = {"type": "client_event"}
"""A field of ours must not hide the name of the event."""


def described(happening: AnyEvent | Effect) -> dict[str, Any] | None:
    """The local event of a core event or effect; None for what has its own form on the wire or says nothing new."""
    name = EVENT_NAMES.get(type(happening)) or EFFECT_NAMES.get(type(happening))
    if name is None:
        return None
    details = {field.name: getattr(happening, field.name) for field in fields(happening)}
    return {"type": name} | {RENAMED.get(key, key): value for key, value in details.items() if key not in PRIVATE}


STUCK_WAIT = 1.0
"""Seconds until a deadline that has passed without effect is looked at again."""


class Session:
    """One conversation with one server, from the first connect to `end`."""

    def __init__(
        self,
        wishes: Wishes,
        choices: Choices,
        policy: TurnPolicy,
        *,
        audio: AudioPort,
        open_line: OpenLine,
        clock: Callable[[], float],
        watch: Watch = lambda happening: None,
        turns: tuple[Turn, ...] = (),
    ) -> None:
        """`turns`: of an earlier talk, from which this one goes on."""
        self.state = begun(wishes, choices, turns)
        self.policy = policy
        self.clock = clock
        self.on_change: Callable[[], None] = lambda: None
        """Called on the loop after each step that changed the state."""
        self.record: Callable[[float, Event, tuple[Effect, ...]], None] | None = None
        """Told of each input of the core with its moment, and of what was decided, before it is carried out."""
        self._watch = watch
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False
        self._stuck: tuple[str, ...] = ()
        """The rules whose deadline was last found to have passed without effect."""
        self._performer = Performer(audio, open_line, self.tell, watch, clock)

    @property
    def performer(self) -> Performer:
        return self._performer

    def tell(self, event: Event) -> None:
        """Queue one event. Safe from any thread; order of one thread is kept."""
        self._loop.call_soon_threadsafe(self._handle, event)

    def start(self) -> None:
        self.tell(ConnectWanted())

    async def close(self) -> None:
        """R30: end the conversation, hang up, and wait until the line is down."""
        self._handle(EndAsked())
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        await self._performer.close()

    def _handle(self, event: Event) -> None:
        now = self.clock()
        before = self.state
        result = step(before, event, now, self.policy)
        self.state = result.state
        self._note(event, now)
        if self.record is not None:
            self.record(now, event, result.effects)
        for announcement in result.announced:
            self._note(announcement, now)
        self._performer.dialect = result.state.configuration.dialect
        for effect in result.effects:
            local = described(effect)
            if local is not None:
                self._watch(Happening(now, "local", local))
            self._performer.perform(effect)
        if result.state is not before:
            self.on_change()
        has_changed = result.state is not before or bool(result.effects)
        self._arm(now, is_stuck=isinstance(event, TimePassed) and not has_changed)

    def _note(self, event: AnyEvent, now: float) -> None:
        local = described(event)
        if local is not None:
            self._watch(Happening(now, "local", local))

    def _arm(self, now: float, *, is_stuck: bool) -> None:
        """One timer, at the earliest deadline any rule derives from the facts. `is_stuck`: time passed and changed
        nothing, so a deadline that has passed would come again at once, without end."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = None if self._is_closed else next_deadline(self.state, now, self.policy)
        if deadline is None:
            return
        wait = max(0.0, deadline - now)
        if is_stuck and deadline <= now:
            wait = STUCK_WAIT
            self._note_stuck(now)
        self._timer = self._loop.call_later(wait, self._handle, TimePassed())

    def _note_stuck(self, now: float) -> None:
        """A defect of these rules, told once."""
        rules = overdue(self.state, now, self.policy)
        if rules != self._stuck:
            self._stuck = rules
            message = f"the deadline of {', '.join(rules)} has passed and changes nothing"
            self._watch(Happening(now, "local", {"type": "engine.defect", "message": message}))
