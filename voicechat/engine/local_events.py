"""Names for what happened on this side of the wire: `mic.closed`, `voice.began`, `line.opened` and their like.

They stand in the same list as wire events, so a reader of a log sees why the mic closed between two server events.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from voicechat.core import effects as do, events as on
from voicechat.core.effects import Effect
from voicechat.core.events import AnyEvent

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
