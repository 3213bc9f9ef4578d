"""The rows behind F4: what can be set, between which values, and what holds now. Pure: records in, rows out.

A value shown is the one the service returned (R22); while a change is under way it is the one asked for. What does not
apply stays in its place and says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import Literal, TypeAlias

import msgspec

from voicechat.core.user_events import (
    BargeInChosen,
    EchoChosen,
    GainChosen,
    NoiseChosen,
    PresetChosen,
    SettingChosen,
    SettingValue,
    TurnModeChosen,
    UserAct,
)
from voicechat.core.view import MicView
from voicechat.engine.link import SessionShown, SoundFacts
from voicechat.ui.wording import Keys

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Standing = Literal["", "waiting", "refused", "kept", "other", "suggested"]
"""What became of the user's choice: under way, not taken, taken for the next session, or the service chose else. Where
nothing was chosen: the diagnosis suggests another value."""

VAD = "audio.input.turn_detection"
TRANSCRIPTION = "audio.input.transcription"
PRESET = "preset"


@dataclass(frozen=True, slots=True)
class Look:
    """A wish that concerns the screen alone."""

    what: Literal["theme", "motion", "devices"]
    value: str = ""


Act: TypeAlias = "UserAct | Look"


Option: TypeAlias = "tuple[str, Act]"
"""One word of a row that can be chosen."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One row the cursor can stand on: several words side by side, a slider, a text, or a door to elsewhere."""

    key: str
    """Its path in the session, or a name of its own."""
    label: str
    text: str = ""
    """The value in words."""
    options: tuple[Option, ...] = ()
    chosen: int = -1
    """Which option holds; -1: none of them."""
    slides: bool = False
    """The options are steps of a slider."""
    edits: str | None = None
    """Enter edits this text."""
    door: Act | None = None
    """Enter goes there."""
    why: str = ""
    """It does not apply, because."""
    note: str = ""
    was: str = ""
    standing: Standing = ""
    reason: str = ""

    @property
    def is_open(self) -> bool:
        return not self.why

    def next(self, step: int) -> Act | None:
        """What the neighbour of the present value does; the ends hold, words go round."""
        if not self.options or not self.is_open:
            return None
        if not self.slides:
            return self.options[(self.chosen + step) % len(self.options)][1]
        at = min(len(self.options) - 1, max(0, self.chosen + step))
        return self.options[at][1] if at != self.chosen else None


Group = tuple[str, tuple[Setting, ...]]
"""A titled group of rows."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the rows are made of."""

    shown: SessionShown = field(default_factory=SessionShown)
    mic: MicView = field(default_factory=MicView)
    sound: SoundFacts = field(default_factory=SoundFacts)
    is_line_up: bool = False
    theme: str = ""
    themes: tuple[str, ...] = ()
    is_calm: bool = False
    keys: Keys = field(default_factory=Keys)
    moved: Mapping[str, SettingValue] = field(default_factory=dict)
    """What was just moved here and is not known to the engine yet."""


@lru_cache(maxsize=8)
def document(text: str) -> dict[str, Json]:
    """The JSON of a session; an empty one for anything else."""
    try:
        decoded: dict[str, Json] = msgspec.json.decode(text, type=dict)
        return decoded
    except msgspec.MsgspecError:
        return {}


def at_path(session: Mapping[str, Json], path: str) -> Json:
    value: Json = dict(session)
    for name in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


class Values:
    """Answers what holds now, path by path."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.shown = facts.shown
        self._in_force = document(self.shown.document)
        self._wish = document(self.shown.wish)
        self._was = {path: document(f'{{"was":{text}}}').get("was") for path, text in self.shown.was}
        self._refused = dict(self.shown.refused)
        self.suggested = {path: (value, gain) for path, value, gain in self.shown.suggested}
        self.turns_are_ours = facts.mic.turn_mode == "push-to-talk" or self.shown.local_detection
        self.is_beta = self.shown.dialect == "beta"

    def now(self, path: str) -> Json:
        """The service's word, or ours while it has none."""
        if path in self.facts.moved:
            return _plain(self.facts.moved[path])
        kept = self.turns_are_ours and path.startswith(f"{VAD}.")
        is_told = self.facts.is_line_up and bool(self._in_force) and path not in self.shown.pending
        return at_path(self._in_force if is_told and not kept else self._wish, path)

    def wished(self, path: str) -> Json:
        return at_path(self._wish, path)

    def was(self, path: str) -> Json:
        """What undo goes back to; None where nothing was changed."""
        return self._was.get(path)

    def is_changed(self, path: str) -> bool:
        return path in self._was

    def standing(self, path: str) -> tuple[Standing, str]:
        """What became of a choice made in this talk, and why."""
        if path in self.shown.pending or path in self.facts.moved:
            return ("waiting", "") if self.facts.is_line_up else ("kept", "kept, sent with the next session")
        if path in self._refused:
            return "refused", self._refused[path]
        if path not in self._was or path == PRESET:
            return "", ""
        if not self.facts.is_line_up:
            return "kept", "kept, sent with the next session"
        if self.turns_are_ours and path.startswith(VAD):
            return "", ""
        wished, in_force = at_path(self._wish, path), at_path(self._in_force, path)
        if wished == in_force or wished is None:
            return "", ""
        fixed = path == "audio.output.voice" and self.shown.voice_fixed
        return (
            ("kept", f"{wished} from the next session on · {_new(self.facts.keys)}")
            if fixed
            else ("other", "the service uses another")
        )


def _new(keys: Keys) -> str:
    """How a new session is begun."""
    return f'press {keys.of("commands")} and type "new"'


Choices = Sequence[tuple[str, SettingValue]]


def placed(values: Values, setting: Setting, was: str = "") -> Setting:
    standing, reason = values.standing(setting.key)
    return replace(setting, standing=standing, reason=reason, was=was if was != setting.text else "")


def words(values: Values, path: str, label: str, choices: Choices, *, why: str = "", note: str = "") -> Setting:
    """A row of words; a value that is none of them stands before them."""
    now, was = values.now(path), values.was(path)
    listed = list(choices)
    if isinstance(now, str) and now and not any(same(value, now) for _, value in choices):
        listed.insert(0, (now, now))
    chosen = next((at for at, (_, value) in enumerate(listed) if same(value, now)), -1)
    before = next((text for text, value in listed if same(value, was)), was if isinstance(was, str) else "")
    row = _row(path, label, [(text, SettingChosen(path, value)) for text, value in listed], chosen, note)
    return placed(values, replace(row, why=why), before if values.is_changed(path) else "")


def slider(values: Values, path: str, label: str, steps: Choices, *, why: str = "", default: Json = None) -> Setting:
    """A row of steps; a value between two of them lies at the nearest and keeps its own word."""
    now = values.now(path)
    now = default if now is None else now
    chosen = nearest(now, [_plain(value) for _, value in steps])
    row = _row(path, label, [(text, SettingChosen(path, value)) for text, value in steps], chosen)
    before = worded(values.was(path), steps) if values.is_changed(path) else ""
    row = placed(values, replace(row, text=worded(now, steps), slides=True, why=why), before)
    if row.standing or why or path not in values.suggested:
        return row
    better, gain = values.suggested[path]
    said = f"{worded(better, steps)}: {gain} · Enter takes it"
    return replace(row, door=SettingChosen(path, better), standing="suggested", reason=said)


def text_row(values: Values, path: str, label: str, empty: str, *, why: str = "") -> Setting:
    """A row whose value is typed."""
    now, was = values.now(path), values.was(path)
    text = now if isinstance(now, str) else ""
    setting = Setting(path, label, text, edits=text, why=why, note="" if text else empty)
    return placed(values, setting, was if isinstance(was, str) and len(was) <= 12 else "")


def same(choice: SettingValue, value: Json) -> bool:
    """Whether a choice is what holds; a service may add members of its own to an object."""
    if isinstance(choice, dict) and isinstance(value, dict):
        return all(value.get(name) == one for name, one in choice.items())
    return _plain(choice) == value


def worded(value: Json, steps: Choices) -> str:
    """A value in the words of its slider: `200 ms`."""
    exact = next((text for text, step in steps if _plain(step) == value), "")
    if exact or not isinstance(value, int | float) or isinstance(value, bool):
        return exact
    unit = next((text.partition(" ")[2] for text, step in reversed(steps) if isinstance(step, int | float)), "")
    return f"{value:g} {unit}".strip()


def nearest(value: Json, steps: Sequence[Json]) -> int:
    """Which step a value is, or lies at; the ends are what has no number (`off`, `no limit`)."""
    if value in steps:
        return list(steps).index(value)
    if not isinstance(value, int | float):
        return 0
    numbers = [(at, step) for at, step in enumerate(steps) if isinstance(step, int | float)]
    return min(numbers, key=lambda one: abs(float(one[1]) - float(value)))[0] if numbers else 0


def _plain(value: SettingValue) -> Json:
    return value  # type: ignore[return-value]  # a narrower spelling of the same type


Steps = tuple[tuple[str, SettingValue], ...]

THRESHOLD: Steps = tuple((f"{n / 20:g}", n / 20) for n in range(21))
SILENCE: Steps = tuple((f"{n} ms", n) for n in (*range(100, 1000, 50), *range(1000, 3001, 100)))
PADDING: Steps = tuple((f"{n} ms", n) for n in range(0, 1001, 50))
IDLE: Steps = (("off", None), *((f"{n} ms", n) for n in range(5000, 30_001, 1000)))
SPEED: Steps = tuple((f"{n / 20:g} ×", n / 20) for n in range(5, 31))
TEMPERATURE: Steps = tuple((f"{n / 20:g}", n / 20) for n in range(12, 25))
TOKENS: Steps = (*((f"{n} tokens", n) for n in (64, 128, 256, 512, 1024, 2048, 4096)), ("no limit", "inf"))
ECHO: tuple[tuple[str, Act], ...] = (
    ("cancelled", EchoChosen("on")),
    ("headphones", EchoChosen("headphones")),
    ("half duplex", EchoChosen("off")),
)
MOST_THEMES = 6


@cache
def known_names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Voices and transcription models that the tables know. Loaded when the drawer is: the first frame has no need."""
    from voicechat.protocol.session_fields import TRANSCRIPTION_MODELS, VOICES

    return VOICES, TRANSCRIPTION_MODELS


def groups(facts: Facts) -> tuple[Group, ...]:
    values = Values(facts)
    return (
        ("TURNS", _turns(values)),
        ("TURN DETECTION", _detector(values)),
        ("VOICE", _voice(values)),
        ("SOUND", _sound(values)),
        ("APPEARANCE", _looks(facts)),
    )


_MODES = ("hands-free", "push-to-talk", "transcribe")


def _turns(values: Values) -> tuple[Setting, ...]:
    mic, name = values.facts.mic, values.shown.preset
    modes = (
        ("open mic", TurnModeChosen("hands-free")),
        ("push-to-talk", TurnModeChosen("push-to-talk")),
        ("transcribe", TurnModeChosen("transcribe")),
    )
    presets = tuple((one, PresetChosen(one)) for one in ("balanced", "steady", "quick"))
    barge_in = (("on", BargeInChosen(True)), ("off", BargeInChosen(False)))
    at = next((at for at, one in enumerate(presets) if one[0] == name), -1)
    row = _row(PRESET, "preset", presets, at, note="" if name else "your own")
    return (
        _row("turn_mode", "turn mode", modes, _MODES.index(mic.turn_mode), note=_key(values, "turn_mode")),
        placed(values, row),
        _row("barge_in", "barge-in", barge_in, not mic.barge_in, note=_key(values, "barge_in")),
    )


def _detector(values: Values) -> tuple[Setting, ...]:
    kind = _kind(values)
    is_talk = values.facts.mic.turn_mode == "push-to-talk"
    no_detector = "push-to-talk: you end each turn" if is_talk else "off: voicechat detects turns itself"
    server = "" if kind == "server_vad" else no_detector if kind is None else "only with the server detector"
    semantic = "" if kind == "semantic_vad" else no_detector if kind is None else "only with the semantic detector"
    beta = "not in the beta dialect" if values.is_beta else ""
    cut = "" if values.facts.mic.barge_in else "only with barge-in on"
    answers: Steps = (("every turn", True), ("turns with words", False))
    interrupts: Steps = (("by the server", True), ("by voicechat", False))
    return (
        _kind_row(values, kind, "" if not is_talk else no_detector),
        Setting("level", "level"),
        slider(values, f"{VAD}.threshold", "threshold", THRESHOLD, why=server, default=0.5),
        slider(values, f"{VAD}.silence_duration_ms", "silence", SILENCE, why=server, default=500),
        slider(values, f"{VAD}.prefix_padding_ms", "padding", PADDING, why=server, default=300),
        slider(values, f"{VAD}.idle_timeout_ms", "idle timeout", IDLE, why=server or beta),
        words(values, f"{VAD}.eagerness", "eagerness", EAGERNESS, why=semantic),
        words(values, f"{VAD}.create_response", "answers", answers, why=no_detector if kind is None else ""),
        words(values, f"{VAD}.interrupt_response", "interrupts", interrupts, why=no_detector if kind is None else cut),
    )


EAGERNESS: Steps = tuple((one, one) for one in ("auto", "low", "medium", "high"))


def _key(values: Values, name: str) -> str:
    return f"({values.facts.keys.of(name)})"


def _kind(values: Values) -> Json:
    """server_vad, semantic_vad, or None for off."""
    return None if values.turns_are_ours else values.now(f"{VAD}.type") or "server_vad"


def _kind_row(values: Values, kind: Json, why: str) -> Setting:
    path = f"{VAD}.type"
    row = words(values, path, "detector", (("server", "server_vad"), ("semantic", "semantic_vad")), why=why)
    options = (*row.options, ("off", SettingChosen(VAD, None)))
    chosen = len(options) - 1 if kind is None else row.chosen
    standing, reason = values.standing(VAD if VAD in values.shown.pending else path)
    row = _row(path, row.label, options, chosen)
    return replace(row, why=why, standing=standing, reason=reason)


def _voice(values: Values) -> tuple[Setting, ...]:
    shown = values.shown
    voices: Steps = tuple((name, name) for name in known_names()[0])
    voice = words(values, "audio.output.voice", "voice", voices, note="from next session" if shown.voice_fixed else "")
    heat = "" if values.is_beta else "only in the beta dialect"
    how: Steps = (("sound", ["audio"]), ("text", ["text"]))
    tools: Steps = (("auto", "auto"), ("never", "none"), ("always", "required"))
    return (
        _edited(voice),
        slider(values, "audio.output.speed", "speed", SPEED, default=1.0),
        text_row(values, "instructions", "instructions", "none"),
        words(values, "output_modalities", "answers in", how),
        slider(values, "max_output_tokens", "answer limit", TOKENS, default="inf"),
        words(values, "tool_choice", "tools", tools),
        slider(values, "temperature", "temperature", TEMPERATURE, why=heat, default=0.8),
        _format(values, "output"),
    )


def switches(sound: SoundFacts, echo: str) -> tuple[Setting, ...]:
    """What is done to the sound on this machine. `echo`: what really becomes of it (`MicView.echo`)."""
    at = next((at for at, (_, act) in enumerate(ECHO) if act == EchoChosen(sound.echo)), 0)
    cannot = sound.echo == "on" and bool(echo) and "aec" not in echo.lower()
    return (
        _row("echo", "echo", ECHO, at, note="but not possible here: half duplex" if cannot else ""),
        _row("noise", "noise", (("suppressed", NoiseChosen(True)), ("as it is", NoiseChosen(False))), not sound.noise),
        _row("gain", "gain", (("automatic", GainChosen(True)), ("as it is", GainChosen(False))), not sound.gain),
    )


def _sound(values: Values) -> tuple[Setting, ...]:
    mic, sound = values.facts.mic, values.facts.sound
    models: Steps = (("off", None), *((name, name) for name in known_names()[1]))
    near: SettingValue = {"type": "near_field"}
    noise: Steps = (("off", None), ("near", near), ("far", {"type": "far_field"}))
    is_off = "" if isinstance(values.now(TRANSCRIPTION), dict) else "only with a transcript"
    return (
        Setting("mic", "microphone", mic.name or "none", door=Look("devices")),
        Setting("speaker", "loudspeaker", mic.speaker or "none", door=Look("devices")),
        *switches(sound, mic.echo),
        words(values, "audio.input.noise_reduction", "server noise", noise),
        _edited(_transcript(values, models)),
        text_row(values, f"{TRANSCRIPTION}.language", "language", "detected", why=is_off),
        text_row(values, f"{TRANSCRIPTION}.prompt", "expects", "no names or words given", why=is_off),
        _format(values, "input"),
    )


def _transcript(values: Values, models: Steps) -> Setting:
    """`off` is no model but no transcription at all."""
    row = words(values, f"{TRANSCRIPTION}.model", "transcript", models)
    options = ((text, SettingChosen(TRANSCRIPTION, None) if text == "off" else act) for text, act in row.options)
    return replace(row, options=tuple(options))


def _format(values: Values, side: str) -> Setting:
    path = f"audio.{side}.format"
    if values.shown.transport == "WebRTC":
        return Setting(path, f"{side} as", "Opus", why="fixed over WebRTC: Opus")
    pcm: SettingValue = {"type": "audio/pcm", "rate": 24000}
    formats: Steps = (("pcm", pcm), ("µ-law", {"type": "audio/pcmu"}), ("A-law", {"type": "audio/pcma"}))
    return words(values, path, f"{side} as", formats)


def _looks(facts: Facts) -> tuple[Setting, ...]:
    names = facts.themes[:MOST_THEMES]
    listed = names if facts.theme in names else (*names, facts.theme)
    themes = (*((name, Look("theme", name)) for name in listed), ("more", Look("theme")))
    motion = (("full", Look("motion", "full")), ("calm", Look("motion", "calm")))
    at = listed.index(facts.theme) if facts.theme in listed else -1
    return _row("theme", "theme", themes, at), _row("motion", "motion", motion, facts.is_calm)


def _row(key: str, label: str, options: Sequence[Option], chosen: int, note: str = "") -> Setting:
    text = options[chosen][0] if chosen >= 0 else ""
    return Setting(key, label, text, tuple(options), int(chosen), note=note)


def _edited(row: Setting) -> Setting:
    """Any name is passed on: it may be typed."""
    return replace(row, edits=row.text if row.text != "off" else "")
