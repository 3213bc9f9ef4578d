"""What may stand in a `session.update`, and what is done with what may not.

GA services refuse a whole update for one bad field, so nothing is sent unchecked. A configuration may be written in
either dialect, with the wrong names that guides pass on, wrapped in an event or bare; the result is always a GA session
holding the valid part, and a list of problems in plain words. Check again with `dialect` once the service has shown
which one it speaks: some wishes exist in one dialect only.

Session values as guides, chat answers and the other dialect write them, brought into GA form before the check.

Names are the business of `session_fields`; this is about values: a format as a word or as an object, turn detection
switched off with false, `language: auto`, tools in the chat-completion shape. What is only another spelling is noted;
what takes a guess is a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from voicechat.protocol.dialects import DialectName, detect_dialect, modalities_to_ga
from voicechat.protocol.live import MODELS
from voicechat.protocol.problems import (
    ABSENT,
    Absent,
    Checked,
    Problem as Problem,
    Report,
    beta_path,
    canonical_path,
    kind_of,
    nearest,
)
from voicechat.protocol.session_advice import advise, beta_doubts
from voicechat.protocol.session_dialects import (
    BETA_NAMES,
    FORMATS,
    GA_PATHS,
    Path,
    flat_tool_choice,
    flat_tools,
    get_path,
    has_path,
    session_to_beta,
    set_path,
)
from voicechat.protocol.session_fields import (
    BETA_SHAPES,
    LIVE_SESSION,
    LIVE_UPDATE,
    REALTIME,
    TEMPERATURE,
    TRANSCRIPTION_MODELS,
    TRANSCRIPTION_SESSION,
)
from voicechat.protocol.shapes import Fields, check_member, named
from voicechat.protocol.wire import JsonValue

Repair: TypeAlias = "Callable[[JsonValue, str, Report], Checked]"

EVENT_KINDS = {
    f"{prefix}session.{verb}": "transcription" if prefix else "realtime"
    for prefix in ("", "transcription_")
    for verb in ("update", "created", "updated")
}
"""Types of events that carry a session, and the kind of session they speak of."""
_OFF_WORDS = ("none", "off", "disabled", "null", "manual")
_GA_FORMATS = ("audio/pcm", "audio/pcmu", "audio/pcma")


def unwrapped(config: object, report: Report) -> tuple[dict[str, JsonValue], str]:
    """The session inside what was pasted, and the type of the event it was pasted with (empty if it was bare)."""
    if not isinstance(config, Mapping):
        report.refused(config, "session", f"is {kind_of(config)}, where an object belongs")
        return {}, ""
    fields = {str(name): value for name, value in config.items()}
    kind = fields.get("type")
    event = kind if isinstance(kind, str) and kind in EVENT_KINDS else ""
    inner = fields.get("session")
    if event and "session" not in fields:
        report.warn("session", "is missing: its fields stand beside type", "they were wrapped in session")
        return {name: value for name, value in fields.items() if name not in ("type", "event_id")}, event
    if "session" not in fields:
        return fields, ""
    if not isinstance(inner, Mapping):
        report.refused(inner, "session", f"is {kind_of(inner)}, where an object belongs")
        return {}, event
    session = {str(name): value for name, value in inner.items()}
    for name, value in fields.items():
        if name not in ("type", "event_id", "session"):
            _take_in(session, name, value, report)
    return session, event


def _take_in(session: dict[str, JsonValue], name: str, value: JsonValue, report: Report) -> None:
    """A field found beside `session`."""
    if (name in REALTIME.members or name in BETA_NAMES.values()) and name not in session:
        report.warn(f"session.{name}", "stood beside session", "it was moved inside")
        session[name] = value
    else:
        report.warn(named(name), "stands beside session and is no part of it; left out")


def repaired(session: Mapping[str, JsonValue], report: Report) -> dict[str, JsonValue]:
    """The session with the values of known fields in GA form, wherever they stand; the given one is not changed."""
    result = dict(session)
    for path, repair in _REPAIRS.items():
        _repair_at(result, path, repair, "session", report)
        if path in BETA_NAMES:
            _repair_at(result, (BETA_NAMES[path],), repair, "session", report)
    return result


def _repair_at(parent: dict[str, JsonValue], path: Path, repair: Repair, where: str, report: Report) -> None:
    name = path[0]
    if name not in parent:
        return
    value, here = parent[name], f"{where}.{name}"
    if len(path) > 1:
        if isinstance(value, Mapping):
            inner = dict(value)
            _repair_at(inner, path[1:], repair, here, report)
            parent[name] = inner
        return
    fixed = repair(value, here, report)
    if isinstance(fixed, Absent):
        del parent[name]
    else:
        parent[name] = fixed


def _is_beta_place(path: str) -> bool:
    return ".audio." not in path


def _format(value: JsonValue, path: str, report: Report) -> Checked:
    """Beta says a word, GA an object; guides put the word into the object and the object where the word belongs."""
    allowed = tuple(FORMATS) if _is_beta_place(path) else _GA_FORMATS
    if isinstance(value, str):
        if value in FORMATS or value in _GA_FORMATS:
            if not (value in FORMATS and _is_beta_place(path)):
                report.note(path, f"is the word {value!r}, where GA has an object; translated")
            return dict(FORMATS.get(value, {"type": value}))
        hint = nearest(value, allowed)
        return report.refused(value, path, f"is {value[:60]!r}, which no service knows", hint, allowed)
    if not isinstance(value, Mapping):
        return value
    words = [word for name in ("type", "format", "encoding", "codec") if isinstance(word := value.get(name), str)]
    if words and words[0] in _GA_FORMATS and _is_beta_place(path):
        report.note(path, "is an object, where the beta dialect has one word; translated")
        return dict(value)
    known = next((word for word in words if word in FORMATS), "")
    if known:
        report.warn(path, "is an object with a beta word in it; sound has a fixed shape", f"taken for {known}", allowed)
        return dict(FORMATS[known])
    if _is_beta_place(path) or not words:
        message = "is an object, where the beta dialect has one word" if _is_beta_place(path) else "has no type"
        return report.refused(None, path, message, "leave it out over WebRTC", allowed)
    return dict(value)


def _turn_detection(value: JsonValue, path: str, report: Report) -> Checked:
    if isinstance(value, Mapping):
        off = value.get("enabled") is False or str(value.get("type", "server_vad")).lower() in _OFF_WORDS
    else:
        off = value is False or (isinstance(value, str) and value.lower() in _OFF_WORDS)
    if off:
        report.warn(path, "is switched off", "sent as null, which is how the service says so")
        return None
    if value is True:
        report.note(path, "is true; it is on anyway and was left out")
        return ABSENT
    if isinstance(value, str) and value in ("server_vad", "semantic_vad"):
        report.note(path, f"is the word {value!r}, where an object belongs; translated")
        return {"type": value}
    return value


def _transcription(value: JsonValue, path: str, report: Report) -> Checked:
    if value is False or (isinstance(value, Mapping) and value.get("enabled") is False):
        report.warn(path, "is switched off", "sent as null, which is how the service says so")
        return None
    if value is True:
        hint = f'write {{"model": "{TRANSCRIPTION_MODELS[0]}"}}'
        return report.refused(value, path, "is true, where an object with a model belongs", hint)
    if isinstance(value, str):
        report.warn(path, f"is text, where an object belongs; {value[:60]!r} was taken for the model")
        return {"model": value}
    if not isinstance(value, Mapping):
        return value
    fields = dict(value)
    if fields.pop("enabled", None) is not None:
        report.warn(f"{path}.enabled", "is left out: the object itself switches transcription on, null switches it off")
    _language(fields, path, report)
    return fields


def _language(fields: dict[str, JsonValue], path: str, report: Report) -> None:
    """No language means that the service finds out; `auto` would be taken for a language."""
    language = fields.get("language")
    if not isinstance(language, str):
        return
    if language.strip().lower() in ("auto", "", "detect", "multi"):
        report.note(f"{path}.language", f"is {language!r}; left out, for then the service finds out by itself")
        del fields["language"]
    elif not (len(language) in (2, 3) and language.isalpha() and language.islower()):
        report.warn(f"{path}.language", f"is {language[:60]!r}; ISO-639-1 has two small letters, such as en")


def _noise_reduction(value: JsonValue, path: str, report: Report) -> Checked:
    off = value is False or (isinstance(value, str) and value.lower() in _OFF_WORDS)
    if off:
        report.warn(path, "is switched off", "sent as null, which is how the service says so")
        return None
    if isinstance(value, str):
        report.note(path, f"is the word {value[:60]!r}, where an object belongs; translated")
        return {"type": value}
    return value


def _modalities(value: JsonValue, path: str, report: Report) -> Checked:
    if isinstance(value, str):
        report.note(path, f"is the word {value[:60]!r}, where a list belongs; translated")
        return [value]
    if isinstance(value, list) and "audio" in value and len(value) > 1:
        if path.endswith(".output_modalities"):
            report.warn(path, "asks for sound and text", 'sent as ["audio"]: sound always carries its transcript')
        return ["audio"] if set(map(str, value)) <= {"audio", "text"} else value
    return modalities_to_ga(value)


def _tools(value: JsonValue, path: str, report: Report) -> Checked:
    flat = flat_tools(value)
    if flat != value:
        report.note(path, "nests name and parameters in function, as chat completions do; translated")
    return flat


def _tool_choice(value: JsonValue, path: str, report: Report) -> Checked:
    flat = flat_tool_choice(value)
    if flat != value:
        report.note(path, "nests the name in function, as chat completions do; translated")
    return flat


_REPAIRS: dict[Path, Repair] = {
    ("audio", "input", "format"): _format,
    ("audio", "output", "format"): _format,
    ("audio", "input", "turn_detection"): _turn_detection,
    ("audio", "input", "transcription"): _transcription,
    ("audio", "input", "noise_reduction"): _noise_reduction,
    ("output_modalities",): _modalities,
    ("tools",): _tools,
    ("tool_choice",): _tool_choice,
}


SessionKind = Literal["realtime", "transcription", "live", "live update"]


@dataclass(frozen=True, slots=True)
class CheckedSession:
    """The valid part of a configuration, and what became of the rest."""

    session: dict[str, JsonValue]
    """GA form, `type` included. Holds `temperature` only if it was checked for the beta dialect."""
    problems: tuple[Problem, ...]
    kind: SessionKind
    dialect: DialectName | None
    """What it was written in; None if it could be either."""

    @property
    def is_valid(self) -> bool:
        """Whether every wish can be sent, if need be in other words."""
        return not any(problem.severity == "error" for problem in self.problems)


def check_session(
    config: Mapping[str, JsonValue], *, dialect: DialectName | None = None, overruled: Collection[str] = ()
) -> CheckedSession:
    """Check a configuration for a service that speaks `dialect` (None: not known yet, taken for GA).

    `overruled` are GA paths such as `session.audio.input.format.rate` where the provider is known to take what OpenAI
    refuses: values there pass with a note.
    """
    report = Report(overruled)
    wishes, event = unwrapped(config, report)
    is_transcription = wishes.get("type") == "transcription" or EVENT_KINDS.get(event) == "transcription"
    kind: SessionKind = "transcription" if is_transcription else "realtime"
    session = _valid_part(repaired(wishes, report), kind, report)
    if "temperature" in wishes and kind == "realtime":
        _weigh_temperature(session, wishes["temperature"], dialect, report)
    if dialect == "beta":
        session = _without_ga_only(session, report)
    advise(session, report)
    return CheckedSession(session, tuple(report.problems), kind, detect_dialect(wishes))


def is_live_session(config: Mapping[str, JsonValue]) -> bool:
    """Whether a configuration is meant for GPT-Live, by its event, its model or a field that nothing else has."""
    inner = config.get("session")
    session = inner if isinstance(inner, Mapping) else config
    model = session.get("model")
    is_model = isinstance(model, str) and model.startswith(MODELS)
    return config.get("type") in ("session.start", "session.started") or is_model or "delegation" in session


def check_live_session(config: Mapping[str, JsonValue]) -> CheckedSession:
    """Check what a GPT-Live session starts with, or the update of one.

    Nothing is translated: the service refuses what it does not know.
    """
    report = Report()
    kind: SessionKind = "live update" if config.get("type") == "session.update" else "live"
    fields = LIVE_UPDATE if kind == "live update" else LIVE_SESSION
    inner = config.get("session")
    session: dict[str, JsonValue] = {}
    for name, value in (inner if isinstance(inner, Mapping) else config).items():
        target, checked = fields.member(str(name), value, {}, "session", report)
        if not isinstance(checked, Absent):
            session[target] = checked
    if isinstance(inner, Mapping):
        for name in config.keys() - {"type", "event_id", "session", "transport"}:
            report.warn(named(name), "stands beside session and is no part of it; left out")
    if kind == "live" and "model" not in session:
        report.refused(None, "session", "lacks model: GPT-Live takes it here, never from the address")
    if "format" in (audio if isinstance(audio := session.get("audio"), Mapping) else {}):
        report.note("session.audio.format", "is for WebSocket; over WebRTC the service refuses it")
    return CheckedSession(session, tuple(report.problems), kind, None)


def without(session: Mapping[str, JsonValue], path: str) -> dict[str, JsonValue]:
    """The session without a field that the service refused, named as the service named it (R22).

    The path may be in either dialect, with or without `session.` in front, whichever dialect the session is in. What
    cannot stand alone goes as a whole: a tool whose name was refused, turn detection whose type was. A path that is not
    there changes nothing.
    """
    full = path if path.startswith("session.") else f"session.{path}"
    for candidate in (full, canonical_path(full), beta_path(full)):
        steps = _steps(candidate)
        if steps and _is_there(session, steps):
            left = _removed(dict(session), steps)
            return left if isinstance(left, dict) else {}
    return dict(session)


def _valid_part(wishes: Mapping[str, JsonValue], kind: SessionKind, report: Report) -> dict[str, JsonValue]:
    fields = TRANSCRIPTION_SESSION if kind == "transcription" else REALTIME
    session: dict[str, JsonValue] = {"type": kind}
    for name, value in wishes.items():
        if name not in GA_PATHS and name != "temperature":
            target, checked = fields.member(name, value, wishes, "session", report)
            if not isinstance(checked, Absent):
                session[target] = checked
    session["type"] = kind
    for name in (name for name in GA_PATHS if name in wishes):
        _take_beta_field(session, name, wishes[name], fields, report)
    return session


def _take_beta_field(
    session: dict[str, JsonValue], name: str, value: JsonValue, fields: Fields, report: Report
) -> None:
    """A flat field of the beta dialect, put where GA has it. Said twice, the GA spelling counts."""
    path = GA_PATHS[name]
    if fields is TRANSCRIPTION_SESSION and path[:2] != ("audio", "input"):
        report.warn(f"session.{name}", "is left out: a transcription session only listens")
        return
    checked = check_member(BETA_SHAPES[name], value, f"session.{name}", report)
    if isinstance(checked, Absent):
        return
    if not has_path(session, path):
        set_path(session, path, checked)
    elif get_path(session, path) != checked:
        report.warn(f"session.{name}", f"and session.{'.'.join(path)} differ", "the latter counts")


def _weigh_temperature(
    session: dict[str, JsonValue], value: JsonValue, dialect: DialectName | None, report: Report
) -> None:
    if dialect != "beta":
        report.warn("session.temperature", "is left out: only services of the beta dialect know it")
        return
    checked = check_member(TEMPERATURE, value, "session.temperature", report)
    if not isinstance(checked, Absent):
        session["temperature"] = checked


def _without_ga_only(session: dict[str, JsonValue], report: Report) -> dict[str, JsonValue]:
    """What beta has no words for is taken out now, so that what is shown is what is sent."""
    # from the end of a list, because taking one tool out renumbers those behind it
    for lost in reversed(session_to_beta(session).lost):
        report.warn(lost.path, f"is left out: {lost.why}")
        session = without(session, lost.path)
    beta_doubts(session, report)
    return session


def _steps(path: str) -> list[str | int]:
    """`session.tools[0].name` as tools, 0, name."""
    parts = path.replace("[", ".").replace("]", "").split(".")[1:]
    return [int(part) if part.isdecimal() and len(part) < 6 else part for part in parts]


def _is_there(value: JsonValue | Mapping[str, JsonValue], steps: list[str | int]) -> bool:
    if not steps:
        return True
    match value, steps[0]:
        case Mapping(), str(name):
            return name in value and _is_there(value[name], steps[1:])
        case list(), int(index):
            return index < len(value) and _is_there(value[index], steps[1:])
        case _:
            return False


def _removed(value: JsonValue, steps: list[str | int]) -> JsonValue | Absent:
    """The value without what is at `steps`; absent if nothing meaningful is left."""
    match value, steps:
        case dict(), [str(name), *rest]:
            inner = _removed(value[name], rest) if rest and rest != ["type"] else Absent()
            kept = {key: one for key, one in value.items() if key != name or not isinstance(inner, Absent)}
            if not isinstance(inner, Absent):
                kept[name] = inner
            return kept or Absent()
        case list(), [int(index), *_]:
            return [one for place, one in enumerate(value) if place != index]
        case _:
            return Absent()
