"""A TOML file becomes a script, and everything that is wrong in it is found before anybody is called.

[talk]                        # settings, as in the configuration file
[script]                      # name, timeout
[room]                        # echo, delay, noise of the virtual room
[sound]                       # what the recording of the talk must show
[vars]                        # ${name} in any text below
[[step]]                      # one act, one wait, what is expected
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from voicechat.audio.files import read_wav
from voicechat.audio.script_mic import LONGEST_DELAY, Room
from voicechat.config.key_lines import key_lines, line_of
from voicechat.config.load import Document, LineError, place_of, read_document, setting_of
from voicechat.core import user_events as did
from voicechat.core.user_events import UserAct
from voicechat.errors import AudioDeviceError, ConfigError
from voicechat.insight.explain.events import FIELDS
from voicechat.local_server.speech.voice import FASTEST, SLOWEST
from voicechat.protocol.hand_written import read_event
from voicechat.scripting.expected import (
    Complain,
    Complaint,
    Table,
    nearest_hint,
    read_codes,
    read_event_pattern,
    read_expectations,
)
from voicechat.scripting.model import (
    DEFAULT_LIMIT,
    Act,
    Do,
    Hold,
    Say,
    Script,
    Silence,
    Sound,
    SoundExpectation,
    Step,
    Wait,
    When,
)

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
    """Reads the steps in order: labels are known from the step that has them on.

    One `[[step]]` of a script: its act, its moment, its wait; what is expected is read by `expected`.
    """

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
            act_text(asked, values),
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
        return When(read_event_pattern(inner, "after"), inner.seconds("seconds", 0.0, high=600.0))

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
        return Wait(read_event_pattern(inner, "event"), inner.seconds("limit", limit, low=0.01, high=3600.0))


def _inner(table: Table, name: str, values: Mapping[str, Any], known: tuple[str, ...]) -> Table:
    """A table inside a step; its complaints name it."""
    return Table(values, lambda key, message, hint: table.complain(f"{name}.{key}", f"{name}: {message}", hint), known)


def act_text(asked: list[str], values: Mapping[str, Any]) -> str:
    """The act in a few words: `say "What is…"`, `press`."""
    if not asked:
        return ""
    value = values[asked[0]]
    if asked[0] in SWITCHES:
        return asked[0]
    shown = json.dumps(value, ensure_ascii=False, default=str)
    return f"{asked[0]} {shown if len(shown) <= 60 else shown[:59] + '…'}"


EXAMPLE = """\
# A script for `voicechat run --script FILE`: it talks, waits and judges; for the tests of a voice agent.
# `--check-script` only checks it, `--junit FILE` and `--json` write the results.
# Exit status: 0 everything held, 1 an expectation failed, 2 the script is wrong, 3 no connection, 4 no sound.
[script]
name = "an example"
timeout = 90              # seconds for the whole talk

[talk]                    # settings as in config.toml, but no mic; the environment and options overrule them
provider = "local"

[room]                    # what the microphone hears besides the words
# noise = -60             # dBFS; echo = -30 (dB) and delay = 0.06 (s) let it hear the loudspeaker

[sound]                   # what the two tracks of the talk must show, whatever the events tell
no_findings = true        # or codes: ["talk-over", "self-echo", "turn-ended-early", "barge-in-too-eager", ...]
wait_below = 5.0          # the longest wait for an answer, from the last sound that was sent

[vars]
question = "What is twelve times seven?"    # ${question} in any text below

# A step: at most one act, then a wait, then what is expected. All times are seconds.
# Acts: say, say_file (with speed, gain, noise), type, hold, silence, press, release, stop, pause, again, mute,
#       barge_in, turn_mode, preset, volume, set = { "audio.output.speed" = 1.2 }, send = { type = "response.create" }
# Waits: answer.audible, answer.ended, or any event that `voicechat run --json` prints.
[[step]]
label = "ask"
say = "${question}"
wait = { event = "answer.ended", limit = 30 }       # or wait = "answer.ended": 20 s
expect = [
    { contains_any = ["84", "eighty-four", "eighty four"] },    # contains, not_contains, matches, not_matches
    { said = "${question}", word_errors = 0.5, soft = true },       # how well your words were recognised
    { text = "answer", matches = '\\d\\d' },          # text: answer, heard, unheard, you
    { first_sound_below = 5.0, soft = true },       # silent_in_below, transcript_below; soft: the talk goes on
    { events = ["response.created", "response.done"], no_events = ["error"] },
]

[[step]]
label = "story"
type = "Tell me a story."
wait = "answer.audible"

[[step]]
label = "stop"
when = { after = "answer.audible", seconds = 1 }    # so long after that moment
stop = true
wait = "answer.ended"
expect = [{ cut_by = "you" }]                       # you, barge-in, push-to-talk, server, line, nobody
"""
"""A commented script that runs; `voicechat run --script-example` prints it."""

LARGEST = 1024 * 1024
"""Bytes of a script."""
MOST_STEPS = 2_000
SECTIONS = ("talk", "script", "room", "sound", "vars", "step")
REFUSED = {
    "mic": "the script itself is what the microphone hears",
    "api_key_command": "a script runs no commands; it belongs into the configuration file",
}
"""Settings a script cannot have, and why."""
_STEP = re.compile(r"^[ \t]*\[\[[ \t]*step[ \t]*\]\]", re.MULTILINE)
_VARIABLE = re.compile(r"\$\{([^{}]*)\}")


@dataclass
class Reading:
    """What came of reading: the script, and what is wrong with it. A script with complaints must not be run."""

    path: Path
    script: Script | None = None
    complaints: list[Complaint] = field(default_factory=list)


def read_script(path: Path) -> Reading:
    """Read and check a script. Nothing is raised: whatever is wrong is a complaint."""
    reading = Reading(path)
    try:
        document = read_document(path, "--script", LARGEST)
    except ConfigError as error:
        line, _ = place_of(error)
        message = error.message.removeprefix(f"{path}:{line} " if line else f"{path} ")
        reading.complaints.append(Complaint(line, "", message, error.hint))
        return reading
    reading.script = _Reader(document, reading.complaints).script()
    reading.complaints.sort(key=lambda one: one.line)
    return reading


class _Reader:
    def __init__(self, document: Document, complaints: list[Complaint]) -> None:
        self._whole = document
        self._path, self._document, text = document.path, document.table, document.text
        self._complaints = complaints
        heads = [match.start() for match in _STEP.finditer(text)]
        ends = [*heads[1:], len(text)][: len(heads)]
        self._steps = [(text.count("\n", 0, at), key_lines(text[at:end])) for at, end in zip(heads, ends, strict=True)]
        """Lines before each step, and where its keys stand below that."""

    def script(self) -> Script:
        top = Table(self._document, self._complainer(), SECTIONS)
        head = self._section("script", ("name", "timeout"))
        steps = self._read_steps(self._variables(top))
        return Script(
            self._path,
            head.text("name", self._path.stem) or self._path.stem,
            steps,
            self._settings(),
            self._room(),
            head.seconds("timeout", 120.0, low=1.0, high=86_400.0),
            self._sound() if "sound" in top else None,
        )

    def _complainer(self, section: str = "") -> Complain:
        def complain(key: str, message: str, hint: str) -> None:
            keys = tuple(part for part in (section, key) if part)
            where = f"[{section}]" if section else ""
            self._complaints.append(Complaint(self._whole.line(keys), where, message, hint))

        return complain

    def _section(self, name: str, known: tuple[str, ...]) -> Table:
        complain, value = self._complainer(name), self._document.get(name, {})
        if not isinstance(value, dict):
            complain("", f"must be a table: [{name}]", "")
            value = {}
        return Table(value, complain, known)

    def _room(self) -> Room:
        room = self._section("room", ("echo", "delay", "noise"))
        delay = room.seconds("delay", 0.06, low=0.0, high=LONGEST_DELAY)
        return Room(room.level("echo", None), delay, room.level("noise", None))

    def _sound(self) -> SoundExpectation:
        table = self._section("sound", ("no_findings", "wait_below"))
        if not table.values:
            table.complain("", "nothing is expected of the sound", "for example no_findings = true")
        wait = table.seconds("wait_below", 1.0, low=0.001, high=600.0) if "wait_below" in table else None
        return SoundExpectation(read_codes("no_findings", table) if "no_findings" in table else None, wait)

    def _settings(self) -> dict[str, Any]:
        """`[talk]`, checked as the configuration file is."""
        complain, values = self._complainer("talk"), self._document.get("talk", {})
        if not isinstance(values, dict):
            complain("", "must be a table: [talk]", "")
            return {}
        settings: dict[str, Any] = {}
        for name, value in values.items():
            if name in REFUSED:
                complain(name, f"{name} is no setting of a script", REFUSED[name])
                continue
            try:
                known, said = setting_of(self._whole, ("talk", name), value)
            except LineError as error:
                self._complaints.append(Complaint(error.line, "[talk]", f"{name} {error.reason.strip()}", error.hint))
            except ConfigError as error:
                complain(name, error.message, error.hint)
            else:
                settings[known] = said.value
        return settings

    def _variables(self, top: Table) -> dict[str, str]:
        values = top.values.get("vars", {})
        complain = self._complainer("vars")
        if not isinstance(values, dict):
            complain("", "must be a table: [vars]", "")
            return {}
        for name, value in values.items():
            if not isinstance(value, str | int | float):
                complain(name, f"{name} must be a text or a number", "")
        return {name: str(value) for name, value in values.items()}

    def _read_steps(self, variables: Mapping[str, str]) -> tuple[Step, ...]:
        entries = self._document.get("step", [])
        complain = self._complainer()
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            complain("step", "steps are written [[step]]", "")
            return ()
        if not entries:
            complain("", "there is no [[step]]", 'for example [[step]] and then say = "What is two plus two?"')
        steps: list[Step] = []
        reader = StepReader(self._path.parent)
        for number, entry in enumerate(entries, 1):
            steps += self._repeated(reader, number, entry, variables)
            if len(steps) > MOST_STEPS:
                complain("step", f"more than {MOST_STEPS} steps", "make it two scripts")
                return ()
        return tuple(steps)

    def _repeated(
        self, reader: StepReader, number: int, entry: Mapping[str, Any], variables: Mapping[str, str]
    ) -> list[Step]:
        times = entry.get("repeat", 1)
        complain = self._step_complainer(number, str(entry.get("label", "")))
        if isinstance(times, bool) or not isinstance(times, int) or not 1 <= times <= MOST_REPEATS:
            complain("repeat", f"repeat must be a whole number from 1 to {MOST_REPEATS}", "")
            times = 1
        steps = []
        for round_number in range(1, times + 1):
            known = {**variables, "round": str(round_number)}
            # What is wrong is wrong in every round, and said once.
            hear = complain if round_number == 1 else _keep_quiet
            filled = {key: _filled(value, known, key, hear) for key, value in entry.items()}
            step = reader.read(number, self._line(number, ()), filled, hear, is_first=round_number == 1)
            if times > 1:
                step = replace(step, told=f"{step.told} ({round_number} of {times})")
            steps.append(step)
        return steps

    def _line(self, number: int, keys: tuple[str, ...]) -> int:
        if len(self._steps) != len(self._document.get("step", ())):
            return 0
        before, lines = self._steps[number - 1]
        return before + line_of(lines, ("step", *keys))

    def _step_complainer(self, number: int, label: str) -> Complain:
        where = f"step {number}" + (f" ({label})" if label else "")

        def complain(key: str, message: str, hint: str) -> None:
            self._complaints.append(
                Complaint(self._line(number, tuple(filter(None, key.split(".")))), where, message, hint)
            )

        return complain


def _keep_quiet(key: str, message: str, hint: str) -> None:
    """For rounds after the first."""


def _filled(value: Any, known: Mapping[str, str], key: str, complain: Complain) -> Any:
    """The value with `${name}` replaced in every text."""
    if isinstance(value, dict):
        return {name: _filled(inner, known, f"{key}.{name}", complain) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, known, key, complain) for inner in value]
    if not isinstance(value, str):
        return value

    def one(match: re.Match[str]) -> str:
        if match[1] in known:
            return known[match[1]]
        complain(key, f"there is no variable {match[1]!r}", f"variables: {', '.join(sorted(known))}")
        return ""

    return _VARIABLE.sub(one, value)
