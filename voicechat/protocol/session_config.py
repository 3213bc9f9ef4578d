"""What may stand in a `session.update`, and what is done with what may not.

GA services refuse a whole update for one bad field, so nothing is sent unchecked. A configuration may be written in
either dialect, with the wrong names that guides pass on, wrapped in an event or bare; the result is always a GA session
holding the valid part, and a list of problems in plain words. Check again with `dialect` once the service has shown
which one it speaks: some wishes exist in one dialect only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from voicechat.protocol.dialects import Dialect, detect_dialect
from voicechat.protocol.problems import Absent, Problem as Problem, Report, beta_path, canonical_path
from voicechat.protocol.session_advice import advise, beta_doubts
from voicechat.protocol.session_dialects import (
    GA_PATHS,
    get_path,
    has_path,
    in_dialect,
    session_to_beta,
    set_path,
)
from voicechat.protocol.session_fields import BETA_SHAPES, REALTIME, TEMPERATURE, TRANSCRIPTION_SESSION
from voicechat.protocol.session_repair import EVENT_KINDS, repaired, unwrapped
from voicechat.protocol.shapes import Fields, check_member
from voicechat.protocol.wire import JsonValue

SessionKind = Literal["realtime", "transcription"]


@dataclass(frozen=True, slots=True)
class CheckedSession:
    """The valid part of a configuration, and what became of the rest."""

    session: dict[str, JsonValue]
    """GA form, `type` included. Holds `temperature` only if it was checked for the beta dialect."""
    problems: tuple[Problem, ...]
    kind: SessionKind
    dialect: Dialect | None
    """What it was written in; None if it could be either."""

    @property
    def is_valid(self) -> bool:
        """Whether every wish can be sent, if need be in other words."""
        return not any(problem.severity == "error" for problem in self.problems)


def check_session(
    config: Mapping[str, JsonValue], *, dialect: Dialect | None = None, overruled: Collection[str] = ()
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


def to_dialect(session: Mapping[str, JsonValue], dialect: Dialect) -> tuple[dict[str, JsonValue], tuple[Problem, ...]]:
    """A GA session in the words of a dialect, and what that dialect has no words for or may not know."""
    done = in_dialect(session, dialect)
    report = Report()
    for lost in done.lost:
        report.warn(lost.path, f"is left out: {lost.why}")
    if dialect == "beta":
        beta_doubts(session, report)
    return done.session, tuple(report.problems)


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
    session: dict[str, JsonValue], value: JsonValue, dialect: Dialect | None, report: Report
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
