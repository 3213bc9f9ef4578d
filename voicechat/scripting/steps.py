"""One `[[step]]` of a script: its act, its moment, its wait; what is expected is read by `expected`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voicechat.audio.files import read_wav
from voicechat.core import user_events as did
from voicechat.core.user_events import UserAct
from voicechat.errors import AudioDeviceError
from voicechat.insight.explain.fields import FIELDS
from voicechat.local_server.speech.voice import FASTEST, SLOWEST
from voicechat.protocol.hand_written import read_event
from voicechat.scripting.complaints import Complain, Table, nearest_hint
from voicechat.scripting.event_names import read_wanted
from voicechat.scripting.expected import read_expectations
from voicechat.scripting.model import DEFAULT_LIMIT, Act, Do, Hold, Say, Silence, Sound, Step, Wait, When

MOST_REPEATS = 100
ASKING = ("response.create", "conversation.item.create", "input_audio_buffer.commit")
"""Events by hand that begin a turn."""
LONGEST_TEXT = 2_000
"""Characters that are spoken or typed in one step."""
PRESETS = ("balanced", "steady", "quick")
TURN_MODES = ("hands-free", "push-to-talk")
SWITCHES = ("press", "release", "stop", "pause", "again")
ACTS = (
    *("say", "say_file", "type", "hold", "silence", "send", "set", "mute", "barge_in", "turn_mode", "preset", "volume"),
    *SWITCHES,
)
SAYING = ("speed", "gain", "noise", "hold_key", "background")
KNOWN = (*ACTS, *SAYING, "label", "when", "wait", "limit", "expect", "repeat")


class StepReader:
    """Reads the steps in order: labels are known from the step that has them on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._labels: set[str] = set()

    def read(
        self, number: int, line: int, values: Mapping[str, Any], complain: Complain, *, is_first: bool = True
    ) -> Step:
        """`is_first`: not a repetition, so its label must be new."""
        table = Table(values, complain, KNOWN)
        label = table.text("label")
        if label and is_first and (label in self._labels or label == "talk"):
            complain("label", f"there is a step {label!r} already" if label != "talk" else "talk is the whole talk", "")
        asked = [name for name in ACTS if name in table]
        if len(asked) > 1:
            complain(asked[1], f"a step has one act, this has {' and '.join(asked)}", "make them two steps")
        act = self._act(asked[0], table) if asked else None
        if not (act or "wait" in table or "expect" in table):
            if not asked:
                complain("", "nothing is done, waited for or expected", f"acts: {', '.join(ACTS)}; or wait, expect")
        for name in SAYING:
            if name in table and not isinstance(act, Say):
                complain(name, f"{name} belongs to say or say_file", "")
        if label:
            self._labels.add(label)
        return Step(
            number,
            line,
            label,
            act,
            self._when(table),
            self._wait(table),
            read_expectations(table, frozenset(self._labels)),
            told(asked, values),
        )

    def _act(self, name: str, table: Table) -> Act | None:
        match name:
            case "say" | "say_file":
                return self._say(name, table)
            case "hold":
                return Hold(table.seconds("hold", 1.0, low=0.05, high=600.0))
            case "silence":
                return Silence(table.seconds("silence", 1.0, low=0.0, high=3600.0))
            case "type":
                return Do((did.TextEntered(self._words("type", table)),), begins_turn=True)
            case "set":
                return self._settings(table)
            case "send":
                return self._send(table)
            case "mute":
                return Do((did.MuteChosen(table.flag("mute")),))
            case "barge_in":
                return Do((did.BargeInChosen(table.flag("barge_in")),))
            case "turn_mode":
                mode = table.choice("turn_mode", TURN_MODES)
                return Do((did.TurnModeChosen("push-to-talk" if mode == "push-to-talk" else "hands-free"),))
            case "preset":
                chosen = table.choice("preset", PRESETS)
                names: dict[str, UserAct] = {
                    "steady": did.PresetChosen("steady"),
                    "quick": did.PresetChosen("quick"),
                }
                return Do((names.get(chosen, did.PresetChosen("balanced")),))
            case "volume":
                return Do((did.VolumeChosen(table.number("volume", 1.0, 0.0, 1.5)),))
        return self._switch(name, table)

    def _switch(self, name: str, table: Table) -> Act:
        if table.values.get(name) is not True:
            table.complain(name, f"write {name} = true", "")
        acts: dict[str, UserAct] = {
            "press": did.TalkPressed("control"),
            "release": did.TalkReleased("control"),
            "stop": did.StopPressed(),
            "pause": did.PauseToggled(),
            "again": did.AgainPressed(),
        }
        return Do((acts[name],), begins_turn=name in ("press", "again"))

    def _say(self, name: str, table: Table) -> Say:
        file: Path | None = None
        text = ""
        if name == "say":
            text = self._words("say", table)
            if text.strip() and not any(char.isalnum() for char in text):
                table.complain("say", "there is no word to say", "")
        else:
            file = self._folder / Path(table.text("say_file")).expanduser()
            try:
                read_wav(file)
            except AudioDeviceError as error:
                table.complain("say_file", error.message, error.hint)
        sound = Sound(
            text,
            file,
            table.number("speed", 1.0, SLOWEST, FASTEST),
            table.level("gain", 0.0, low=-60.0, high=40.0) or 0.0,
            table.level("noise", None),
        )
        if file is not None and "speed" in table:
            table.complain("speed", "a file is said as it is", "speed is for say")
        return Say(sound, table.flag("hold_key"), table.flag("background"))

    def _words(self, name: str, table: Table) -> str:
        text = table.text(name)
        if not text.strip():
            if isinstance(table.values[name], str):
                table.complain(name, f"{name} is empty", "")
        elif len(text) > LONGEST_TEXT:
            table.complain(name, f"{name} may have {LONGEST_TEXT} characters", "make it several steps")
        return text

    def _settings(self, table: Table) -> Act | None:
        values = table.values["set"]
        if not isinstance(values, dict) or not values:
            table.complain("set", "set must be a table", 'for example set = { "audio.output.speed" = 1.2 }')
            return None
        for path in values:
            if f"session.{path}" not in FIELDS:
                known = [name.removeprefix("session.") for name in FIELDS]
                table.complain("set", f"a session has no field {path!r}", nearest_hint(path, known))
        return Do(tuple(did.SettingChosen(path, value) for path, value in values.items()))

    def _send(self, table: Table) -> Act:
        value = table.values["send"]
        text = json.dumps(value, default=str) if isinstance(value, dict) else value
        reason = read_event(text) if isinstance(text, str) else "must be a table, or a text with JSON"
        if isinstance(reason, str):
            table.complain("send", f"this is no event: {reason}", 'for example send = { type = "response.create" }')
        begins_turn = isinstance(reason, dict) and reason.get("type") in ASKING
        return Do((did.RawEventEntered(str(text)),), begins_turn=begins_turn)

    def _when(self, table: Table) -> When | None:
        if "when" not in table:
            return None
        value = table.values["when"]
        if not isinstance(value, dict):
            table.complain(
                "when", "when must be a table", 'for example when = { after = "answer.audible", seconds = 2 }'
            )
            return None
        inner = _inner(table, "when", value, ("after", "where", "seconds"))
        return When(read_wanted(inner, "after"), inner.seconds("seconds", 0.0, high=600.0))

    def _wait(self, table: Table) -> Wait | None:
        limit = table.seconds("limit", DEFAULT_LIMIT, low=0.01, high=3600.0)
        if "wait" not in table:
            if "limit" in table:
                table.complain("limit", "limit belongs to wait", "expect has within")
            return None
        value = table.values["wait"]
        if isinstance(value, str):
            value = {"event": value}
        if not isinstance(value, dict):
            table.complain("wait", "wait must be an event or a table", 'for example wait = "answer.ended"')
            return None
        inner = _inner(table, "wait", value, ("event", "where", "limit"))
        return Wait(read_wanted(inner, "event"), inner.seconds("limit", limit, low=0.01, high=3600.0))


def _inner(table: Table, name: str, values: Mapping[str, Any], known: tuple[str, ...]) -> Table:
    """A table inside a step; its complaints name it."""
    return Table(values, lambda key, message, hint: table.complain(f"{name}.{key}", f"{name}: {message}", hint), known)


def told(asked: list[str], values: Mapping[str, Any]) -> str:
    """The act in a few words: `say "What is…"`, `press`."""
    if not asked:
        return ""
    value = values[asked[0]]
    if asked[0] in SWITCHES:
        return asked[0]
    shown = json.dumps(value, ensure_ascii=False, default=str)
    return f"{asked[0]} {shown if len(shown) <= 60 else shown[:59] + '…'}"
