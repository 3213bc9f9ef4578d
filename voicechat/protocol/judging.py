"""What would become of an event written by hand, said before it is sent: one line, live while it is typed.

Nothing written by hand is mended on its way, so what the session check would translate is wrong here, and the way out
is named. Pure: text and situation in, sentence out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from voicechat.protocol.dialects import DialectName
from voicechat.protocol.event_shapes import client_types, event_shape
from voicechat.protocol.hand_written import read_event
from voicechat.protocol.problems import Problem, Report, beta_path, canonical_path, nearest
from voicechat.protocol.server_events import SERVER_EVENTS
from voicechat.protocol.session_config import check_session
from voicechat.protocol.session_dialects import DIALECTS
from voicechat.protocol.shapes import Fields
from voicechat.protocol.templates import ANY_ITEM, templates
from voicechat.protocol.wire import JsonValue

Level = Literal["good", "doubt", "wrong", "unreadable"]
"""unreadable: no event, it cannot leave. wrong: the protocol does not know it like this. doubt: it may be refused."""
_UNKNOWN = "is not a setting the service knows"
_LACKS = "lacks "
MOST_NAMED = 6
"""Names listed of what is allowed; the line has to stay readable, and Tab offers them all."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides, beside the text, whether the service will take it."""

    dialect: DialectName = "ga"
    transport: Literal["WebRTC", "WebSocket"] = "WebRTC"
    is_open: bool = True
    is_answering: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line about a text."""

    level: Level
    words: str
    type: str = ""


def judge(text: str, now: Situation) -> Verdict:
    """The worst thing that can be said about it, or that it is valid and what it costs."""
    event = read_event(text)
    if isinstance(event, str):
        return Verdict("unreadable", event)
    kind = str(event["type"])
    shape = event_shape(kind, now.dialect)
    if shape is None:
        return _unknown(kind, now.dialect)
    wrong, doubt = _checked(event, kind, shape, now.dialect)
    if wrong:
        return Verdict("wrong", wrong, kind)
    if words := _untimely(kind, event, now) or doubt:
        return Verdict("doubt", words, kind)
    return Verdict("good", f"valid · {_cost(kind, now.dialect)}", kind)


def _unknown(kind: str, dialect: DialectName) -> Verdict:
    shown = kind[:60]
    if kind in SERVER_EVENTS:
        return Verdict("wrong", f"type: only a service says {shown}", kind)
    other: DialectName = "ga" if dialect == "beta" else "beta"
    if kind in client_types(other):
        return Verdict("wrong", f"type: the {dialect} dialect has no {shown}", kind)
    if guess := nearest(kind, client_types(dialect)):
        return Verdict("wrong", f"type: {shown} is not known, {guess}", kind)
    return Verdict("doubt", f"type: {shown} is not in the protocol; it is sent as it is", kind)


def _checked(event: dict[str, JsonValue], kind: str, shape: Fields, dialect: DialectName) -> tuple[str, str]:
    """(what is wrong, what is doubtful), empty where nothing is."""
    session = event.get("session")
    has_session = kind.endswith("session.update")
    rest = {name: value for name, value in event.items() if not (has_session and name == "session")}
    report = Report()
    required = tuple(name for name in shape.required if not (has_session and name == "session"))
    checked = Fields(shape.members, required).check(rest, "event", report)
    if checked != rest:
        return _first(report.problems) or "the service knows this event in another form", ""
    if has_session:
        return _session(session, kind, dialect)
    return "", _first(report.problems)


def _session(session: JsonValue, kind: str, dialect: DialectName) -> tuple[str, str]:
    if not isinstance(session, dict):
        return 'session: is missing; everything to change goes into "session": { … }', ""
    wishes = {**session, "type": "transcription"} if kind.startswith("transcription") else session
    result = check_session(wishes, dialect=dialect)
    if dialect == "ga" and "type" not in session:
        return 'session.type: is missing, write "realtime"', ""
    asked = DIALECTS[dialect].session(result.session).session
    problems = list(result.problems)
    if dialect == "beta":
        asked.pop("type", None)
    if asked == session:
        doubts = [problem for problem in problems if problem.severity == "warning"]
        return "", _first(doubts)
    return _first(problems) or _first_difference(session, asked, dialect), ""


def _first_difference(written: dict[str, JsonValue], taken: dict[str, JsonValue], dialect: DialectName) -> str:
    """A session that is right in the other dialect, or in both at once."""
    for name in written:
        if name not in taken:
            path = f"session.{name[:60]}"
            there = beta_path(path) if dialect == "beta" else canonical_path(path)
            return f"{path}: not known in the {dialect} dialect" + (f", it is {there} there" if there != path else "")
    name = next((name for name in written if written[name] != taken[name]), "type")
    return f"session.{name[:60]}: written in another way in the {dialect} dialect"


def _first(problems: list[Problem]) -> str:
    """The worst of them in words: errors come before warnings, warnings before notes."""
    order = {"error": 0, "warning": 1, "note": 2}
    worst = min(problems, key=lambda problem: order[problem.severity], default=None)
    return "" if worst is None else _sentence(worst)


def _sentence(problem: Problem) -> str:
    """`session.turn_detection.max_speech_ms: not known, did you mean silence_duration_ms?`"""
    path = problem.path.removeprefix("event.").removeprefix("event") or "event"
    message, hint = problem.message.removeprefix("is left out: "), problem.hint
    if message == _UNKNOWN:
        message = "not known"
    if message.startswith(_LACKS):
        name = message.removeprefix(_LACKS).partition(",")[0]
        return f"{name if path == 'event' else f'{path}.{name}'}: is missing"
    if hint.startswith("did you mean"):
        message = message.partition(":")[0]
    more = ", …" if len(problem.allowed) > MOST_NAMED else ""
    allowed = "" if hint or not problem.allowed else f"allowed: {', '.join(problem.allowed[:MOST_NAMED])}{more}"
    return ", ".join(part for part in (f"{path}: {message}", hint, allowed) if part)


def _untimely(kind: str, event: dict[str, JsonValue], now: Situation) -> str:
    if not now.is_open:
        return "not connected: it cannot be sent now"
    if event.get("item_id") == ANY_ITEM:
        return "item_id: put the id of an item here"
    response = event.get("response")
    is_side = isinstance(response, dict) and response.get("conversation") == "none"
    match kind:
        case "response.create" if now.is_answering and not is_side:
            return "an answer is running: the server will refuse this"
        case "response.cancel" if not now.is_answering and not event.get("response_id"):
            return "no answer is running: the server will refuse this"
        case "input_audio_buffer.append" if now.transport == "WebRTC":
            return "over WebRTC the microphone is a track of its own: the server may refuse this"
        case "output_audio_buffer.clear" if now.transport == "WebSocket":
            return "only WebRTC has this buffer: the server will refuse this"
        case "session.input_audio_buffer.append" | "session.close":
            return "only a translation session takes this"
        case _:
            return ""


def _cost(kind: str, dialect: DialectName) -> str:
    if kind == "response.create":
        return "costs one answer"
    answer = next((one.answered_by for one in templates(dialect) if one.type == kind), "")
    return f"costs nothing · answered by {answer}" if answer else "costs nothing · no answer comes"
