"""What can be said about a configuration: one sentence per problem, with its place and the way out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final, Literal, TypeAlias

from voicechat.protocol.session_dialects import BETA_NAMES, GA_PATHS
from voicechat.protocol.wire import JsonValue

Severity: TypeAlias = Literal["error", "warning", "note"]


class Absent:
    """The type of `ABSENT`: nothing is sent for this field (null would be a statement)."""


ABSENT: Final = Absent()
Checked: TypeAlias = "JsonValue | Absent"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, doubtful or translated.

    error: the service would refuse it, and no translation exists; it is left out. warning: a wish was changed, dropped
    or may not work. note: said differently, but nothing is lost.
    """

    path: str
    """As the user wrote it, from `session` on."""
    severity: Severity
    message: str
    """Follows the path in a sentence: "session.voice is a number, where text belongs"."""
    hint: str = ""
    """The next step."""
    allowed: tuple[str, ...] = ()
    """What may stand there, where that can be listed."""

    def __str__(self) -> str:
        parts = [f"{self.path} {self.message}"]
        if self.hint:
            parts.append(self.hint)
        if self.allowed:
            parts.append(f"allowed: {', '.join(self.allowed)}")
        return "; ".join(parts)


@dataclass(slots=True)
class Report:
    """Collects problems while a configuration is checked."""

    overruled: Collection[str] = ()
    """Canonical paths where a provider is known to allow more than OpenAI; the check only notes there and below."""
    problems: list[Problem] = field(default_factory=list)

    def refused(self, value: object, path: str, message: str, hint: str = "", allowed: tuple[str, ...] = ()) -> Checked:
        """Record an error and leave the value out, unless the provider is known to take it."""
        if canonical_path(path) in self.overruled and is_json(value):
            self.note(path, f"{message}; this provider takes it")
            return value  # type: ignore[return-value]  # proved by is_json
        self.problems.append(Problem(path, "error", message, hint, allowed))
        return ABSENT

    def warn(self, path: str, message: str, hint: str = "", allowed: tuple[str, ...] = ()) -> None:
        """A wish was changed or dropped, or may not work."""
        self.problems.append(Problem(path, "warning", message, hint, allowed))

    def note(self, path: str, message: str, hint: str = "") -> None:
        """Said differently, nothing lost."""
        self.problems.append(Problem(path, "note", message, hint))


def nearest(word: str, words: Collection[str]) -> str:
    """`did you mean ...?` for the known word that looks most like this one; empty if none does."""
    found = get_close_matches(word.lower(), list(words), n=1, cutoff=0.6)
    return f"did you mean {found[0]}?" if found else ""


def canonical_path(path: str) -> str:
    """A path of either dialect in GA spelling: `session.voice` is `session.audio.output.voice`."""
    parts = path.split(".")
    if len(parts) > 1 and parts[0] == "session" and parts[1] in GA_PATHS:
        return ".".join(("session", *GA_PATHS[parts[1]], *parts[2:]))
    return path


def beta_path(path: str) -> str:
    """A GA path in beta spelling, where beta has the field."""
    parts = tuple(path.split(".")[1:])
    for length in range(len(parts), 0, -1):
        if parts[:length] in BETA_NAMES:
            return ".".join(("session", BETA_NAMES[parts[:length]], *parts[length:]))
    return path


def is_json(value: object, depth: int = 0) -> bool:
    """Whether JSON can say this value: no dates, no NaN, no endless nesting."""
    match value:
        case float():
            return value - value == 0  # neither NaN nor infinite
        case None | bool() | int() | str():
            return True
        case dict():
            return depth < 64 and all(isinstance(key, str) and is_json(one, depth + 1) for key, one in value.items())
        case list():
            return depth < 64 and all(is_json(one, depth + 1) for one in value)
        case _:
            return False


def kind_of(value: object) -> str:
    """What a value is, in a user's words."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return f"a {type(value).__name__}"
