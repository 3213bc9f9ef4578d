"""The kinds of values a session field may hold, each able to check itself and to say what is wrong.

A shape returns the valid part of what it was given: one bad member of an object is left out and told, the others stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from voicechat.protocol.json_text import clean_text
from voicechat.protocol.problems import ABSENT, Absent, Checked, Report, canonical_path, is_json, kind_of, nearest
from voicechat.protocol.wire import JsonValue


class Shape(Protocol):
    """Something that a value can be checked against."""

    def check(self, value: object, path: str, report: Report) -> Checked:
        """The valid part of the value, or ABSENT; what is wrong goes to the report."""


@dataclass(frozen=True, slots=True)
class Text:
    """Any text. `known` are the usual words: others pass, but a near miss is pointed out."""

    known: tuple[str, ...] = ()

    def check(self, value: object, path: str, report: Report) -> Checked:
        """See `Shape`."""
        if not isinstance(value, str):
            return report.refused(value, path, f"is {kind_of(value)}, where text belongs", allowed=self.known)
        if self.known and value not in self.known and (guess := nearest(value, self.known)):
            report.warn(path, f"is {value!r}, which is not a name this client knows; sent as it is", guess)
        if (clean := clean_text(value)) != value:
            report.warn(path, "holds half a character (a lone surrogate), which cannot be sent", "it was replaced")
        return clean


@dataclass(frozen=True, slots=True)
class Word:
    """One of a closed list of words."""

    words: tuple[str, ...]

    def check(self, value: object, path: str, report: Report) -> Checked:
        """See `Shape`."""
        if isinstance(value, str) and value in self.words:
            return value
        if not isinstance(value, str):
            return report.refused(value, path, f"is {kind_of(value)}, where a word belongs", allowed=self.words)
        return report.refused(
            value, path, f"is {value[:60]!r}, which the service does not know", nearest(value, self.words), self.words
        )


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    def check(self, value: object, path: str, report: Report) -> Checked:
        """See `Shape`."""
        if isinstance(value, bool):
            return value
        hint = f"write {value.lower()} without quotes" if isinstance(value, str) and value else ""
        return report.refused(value, path, f"is {kind_of(value)}", hint, ("true", "false"))


@dataclass(frozen=True, slots=True)
class Number:
    """A number. Outside `low`..`high` (documented) it is refused, outside `soft_low`..`soft_high` it is doubted."""

    low: float
    high: float | None = None
    soft_low: float | None = None
    soft_high: float | None = None
    whole: bool = False
    only: tuple[int, ...] = ()
    """The numbers between `low` and `high` that are taken, where not all are."""
    why: str = ""
    """Added to a refusal by range."""

    def check(self, value: object, path: str, report: Report) -> Checked:
        """See `Shape`."""
        kind = "a whole number" if self.whole else "a number"
        if isinstance(value, bool) or not isinstance(value, int | float) or not is_json(value):
            quoted = isinstance(value, str) and value.strip().replace(".", "", 1).isdigit()
            hint = f"write {str(value).strip()} without quotes" if quoted else ""
            return report.refused(value, path, f"is {kind_of(value)}, where {kind} belongs", hint, self.allowed())
        if self.whole and isinstance(value, float):
            if not value.is_integer():
                return report.refused(value, path, f"is {value}, where {kind} belongs", allowed=self.allowed())
            value = int(value)
        is_beyond = value < self.low or (self.high is not None and value > self.high)
        if is_beyond or (self.only and value not in self.only):
            what = "not one of those that the service takes" if self.only else "out of range"
            return report.refused(value, path, f"is {value}, which is {what}", self.why, self.allowed())
        low, high = self.soft_low, self.soft_high
        if (low is not None and value < low) or (high is not None and value > high):
            usual = f"{_plain(low)} to {_plain(high)}"
            report.warn(path, f"is {value}, which is unusual; the service may refuse it", f"usual: {usual}")
        return value

    def allowed(self) -> tuple[str, ...]:
        """The documented range in words."""
        if self.only:
            return tuple(map(str, self.only))
        if self.high is None:
            return (f"{_plain(self.low)} or more",)
        same = self.low == self.high
        return (_plain(self.low),) if same else (f"{_plain(self.low)} to {_plain(self.high)}",)


def _plain(number: float | None) -> str:
    return "any" if number is None else f"{number:g}" if abs(number) < 100_000 else str(int(number))


@dataclass(frozen=True, slots=True)
class FreeForm:
    """Any JSON object; what is in it is the user's business (a tool's parameters, a prompt's variables)."""

    def check(self, value: object, path: str, report: Report) -> Checked:
        """See `Shape`."""
        if isinstance(value, dict) and is_json(value):
            return value
        what = kind_of(value) if not isinstance(value, dict) else "an object that JSON cannot say"
        return report.refused(value, path, f"is {what}, where an object belongs")


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list; a bad member is left out, the others stay."""

    inner: Shape
    at_least: int = 0

    def check(self, value: object, path: str, report: Report) -> Checked:
        """See `Shape`."""
        if not isinstance(value, list):
            return report.refused(value, path, f"is {kind_of(value)}, where a list belongs")
        kept: list[JsonValue] = []
        for index, one in enumerate(value):
            checked = self.inner.check(one, f"{path}[{index}]", report)
            if not isinstance(checked, Absent):
                kept.append(checked)
        if len(kept) < self.at_least:
            return ABSENT if value else report.refused(value, path, "is empty", "leave it out for the service's choice")
        return kept


@dataclass(frozen=True, slots=True)
class Mistake:
    """A field name that guides and chat answers use and no service knows."""

    why: str
    means: str = ""
    """The field that was meant; its value is taken over. Empty if there is none."""
    hint: str = ""
    severity: Literal["error", "warning"] = "error"
    """How bad it is to leave it out; a translation is always a warning."""


@dataclass(frozen=True, slots=True)
class Fields:
    """An object with known members."""

    members: Mapping[str, Shape]
    required: tuple[str, ...] = ()
    mistakes: Mapping[str, Mistake] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Names that exist, but not here, and where they live."""

    def check(self, value: object, path: str, report: Report) -> Checked:
        """See `Shape`."""
        if not isinstance(value, Mapping):
            return report.refused(value, path, f"is {kind_of(value)}, where an object belongs", allowed=self.names())
        kept: dict[str, JsonValue] = {}
        for name, one in value.items():
            target, inner = self.member(str(name), one, value, path, report)
            if not isinstance(inner, Absent):
                kept[target] = inner
        for name in self.required:
            if name not in value:
                report.refused(None, path, f"lacks {name}, without which it means nothing", allowed=self.names())
                return ABSENT
            if name not in kept:
                return ABSENT
        return kept

    def names(self) -> tuple[str, ...]:
        """What may stand here."""
        return tuple(self.members)

    def member(
        self, name: str, value: object, siblings: Mapping[str, object], path: str, report: Report
    ) -> tuple[str, Checked]:
        """The valid part of one member, and the name it goes by."""
        here = f"{path}.{named(name)}"
        if name in self.members:
            return name, check_member(self.members[name], value, here, report)
        mistake = self.mistakes.get(name)
        if mistake is None:
            return name, self.unknown(name, value, here, report)
        if mistake.means and mistake.means not in siblings:
            report.warn(here, f"is not a name the service knows: {mistake.why}", f"sent as {mistake.means}")
            return mistake.means, self.members[mistake.means].check(value, here, report)
        if mistake.severity == "error":
            return name, report.refused(value, here, mistake.why, mistake.hint, self.names())
        report.warn(here, f"is left out: {mistake.why}", mistake.hint)
        return name, ABSENT

    def unknown(self, name: str, value: object, here: str, report: Report) -> Checked:
        """A name nobody knows, with the best guess of what was meant."""
        hint = f"it lives at {self.elsewhere[name]}" if name in self.elsewhere else nearest(name, self.names())
        return report.refused(value, here, "is not a setting the service knows", hint, self.names())


@dataclass(frozen=True, slots=True)
class Tagged:
    """An object whose `type` says which members it may have."""

    variants: Mapping[str, Fields]

    def check(self, value: object, path: str, report: Report) -> Checked:
        """See `Shape`."""
        if not isinstance(value, Mapping):
            hint = f'such as {{"type": "{next(iter(self.variants))}"}}'
            return report.refused(value, path, f"is {kind_of(value)}, where an object belongs", hint)
        kind = self._kind(value, path, report)
        if kind not in self.variants:
            Word(tuple(self.variants)).check(value.get("type"), f"{path}.type", report)
            return ABSENT
        members = {name: one for name, one in value.items() if name != "type"}
        kept = self.variants[kind].check(members, path, report)
        return {"type": kind, **kept} if isinstance(kept, dict) else kept

    def _kind(self, value: Mapping[str, object], path: str, report: Report) -> str:
        """The type, guessed from the members where it is missing."""
        if "type" in value:
            return str(value["type"])
        guess = max(self.variants, key=lambda kind: len(value.keys() & set(self.variants[kind].members)))
        report.warn(path, f"has no type; taken for {guess}", allowed=tuple(self.variants))
        return guess


@dataclass(frozen=True, slots=True)
class ByKind:
    """One shape per kind of JSON value, for fields that take several; `null` says whether null is a value here."""

    text: Shape | None = None
    number: Shape | None = None
    table: Shape | None = None
    listing: Shape | None = None
    null: bool = False

    def check(self, value: object, path: str, report: Report) -> Checked:
        """See `Shape`."""
        if value is None and self.null:
            return None
        shape = self.shape_for(value)
        return shape.check(value, path, report) if shape else ABSENT

    def shape_for(self, value: object) -> Shape | None:
        """The shape for a value of this kind; for a kind that is not taken, the one to be told about instead."""
        match value:
            case str():
                shape = self.text
            case bool():
                shape = None
            case int() | float():
                shape = self.number
            case Mapping():
                shape = self.table
            case list():
                shape = self.listing
            case _:
                shape = None
        return shape or self.table or self.number or self.text


def named(name: str) -> str:
    """A member's name as it may stand in a path; one that no service ever had is quoted and cut."""
    return name if name.isascii() and name.replace("-", "_").isidentifier() and len(name) <= 60 else repr(name[:60])


def check_member(shape: Shape, value: object, path: str, report: Report) -> Checked:
    """A named value against its shape; null, where it is not a value, says nothing and is left out."""
    if value is None and not (isinstance(shape, ByKind) and shape.null):
        report.note(path, "is null, which says nothing here; left out")
        return ABSENT
    if canonical_path(path) in report.overruled and is_json(value):
        trial = Report()
        checked = shape.check(value, path, trial)
        wrong = next((problem for problem in trial.problems if problem.severity == "error"), None)
        if wrong is not None:
            report.note(path, f"is nothing that OpenAI takes ({wrong.path} {wrong.message}); this provider may")
            return value  # type: ignore[return-value]  # proved by is_json
        report.problems += trial.problems
        return checked
    return shape.check(value, path, report)
