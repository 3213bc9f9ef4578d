"""Lines of text -> what was printed in them: whole events, the bare name of one, or a sentence about the client.

An event may be printed over many lines, with the console's prefix on each, or be cut off. Its name may be told in one
line and its body in the next. The same event may be printed twice, by the socket and by a handler.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import msgspec

from voicechat.insight.readers.loose import FIELD_BELOW, Loose, bare_event, outlined, read_loose
from voicechat.insight.readers.narration import (
    CLIENT,
    IN_TEXT,
    SERVER,
    WireDirection,
    complaints_in,
    direction_of,
    failures_in,
    is_name,
    is_plain,
    is_rule,
    is_written,
    looks_like_an_error,
    narrated,
    spelled_in,
)
from voicechat.insight.readers.shorthand import fields, short_name, with_body
from voicechat.insight.readers.talk import ENDS, ROLES, TURN, says, turn_in
from voicechat.insight.readers.timing import time_in
from voicechat.insight.readers.unwrapping import Found, Told, mended, unwrapped
from voicechat.insight.records import IN_PROSE, NAMED
from voicechat.journal.redact import without_keys

MOST_LINES = 600
"""Lines that one printed object may take."""
LONGEST_LINE = 1_000_000
SEEN = 64
"""Events that are remembered to know the second printing of one."""
NEAR = 4
"""Lines between an event and what a handler says of it."""
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-_]|[\u200b\u200e\u200f\ufeff]")
_CURLY = re.compile(r"[{\[,:]\s?[\u2018\u2019\u201c\u201d]\w{1,40}[\u2018\u2019\u201c\u201d]\s?:")
_STRAIGHT = str.maketrans("\u2018\u2019\u201c\u201d", "''\"\"")
_STARS = re.compile(r"(['\"])\*\*(\w{1,40})\*\*\1")
"""A word in bold type inside a program's quotation marks."""
_HEAD_WORD = re.compile(r"[A-Za-z]{2,}")
MOST_HEAD_WORDS = 4
"""Before a time: a level, a thread, the name of a logger."""
_LOGCAT = re.compile(
    r"^(?:[VDIWEF]/[\w.-]+\s*\(\s*\d+\):|[VDIWEF]\s+[\w.-]+\s*:|flutter:|\d+\s+\d+\s+[VDIWEF]\s+[\w.-]+\s*:)\s?"
)
_SENDS = re.compile(
    r"(?:^|\W)(?:send(?:ing|s)?|sent|out(?:going|bound)?|client|emit(?:ting)?|>+|→|->|⬆|📤|发送|上行)(?:\W|$)", re.I
)
_RECEIVES = re.compile(
    r"(?:^|\W)(?:receiv(?:e|ed|ing)|recv|got|in(?:coming|bound)?|server|<+|←|<-|⬇|📥|收到|接收|下行)(?:\W|$)", re.I
)
_WAITED_FOR = re.compile(
    r"(?:wait(?:ing|s)? (?:for|on)|until|before|expect(?:ing|ed)?|no|never|without|missing|after|when|once|on|"
    r"handle[rs]?|listen\w{0,20}|subscribe\w{0,20}|ignor\w{1,20}|unknown|unhandled|due to|because of|"
    r"等待|直到|没有|未收到|忽略)"
    r"(?:\s*+[:'\"`\[(])?\s*+$",
    re.I,
)
_DID_NOT_COME = re.compile(r"['\"`*]{0,3}:? (?:timeout|timed out|overdue|missing|(?:was |is )?(?:never|not) )", re.I)
_MENTIONED = re.compile(r"[^`\n]{0,40}`\)?(?: [^\W\d]\w*['’]?\w*,?){2}")
"""What follows on an event's name in a sentence of prose: "Multiple `response.create` calls being sent"."""
_BESIDE = re.compile(r"(?:wait(?:ing|s)?\b|等待|直到|未收到|\bno\b|\bnever\b|\bwithout\b|\btimeout\b)[^{]{0,40}$", re.I)
_TIME_LINE = re.compile(r"(?:(\d\d):)?(\d\d):(\d\d\.\d+)\s*$")
_INSIDE = re.compile(r"\s+\S|[\"'}\])]|[\w$]+\s*[:=]\s*|\[\[")
"""How a line goes on that belongs to the object before it."""
_CUTTABLE = ("item_id", "response_id", "event_id", "call_id")
_OUTPUT = "function_call_output"
"""A client may name it together with the response.create that follows."""
MOST_DOUBTS = 20
LONGEST_DOUBT = 200
"""Characters of a line that is kept as not understood."""
_VARIABLE = re.compile(r"[\d\W_]+")
PROSE = 8
"""Words of a sentence about a turn, and not of a line that tells that one began or ended."""
LONGEST_SENTENCE = 8000
"""Characters of a printed line, beside its objects, that are read as a sentence."""
_CODE = re.compile(
    r"^\s*\|.*\|\s*$|::test_\w|\b(?:pytest|npm|yarn|cargo|go) (?:-\w|run|test)\b|"
    r"\b(?:console|logger|logging|log)\.\w{1,12}\([\"'`f]|\.send\(JSON\.stringify|"
    r"^\s*(?:const|let|var|await|return|import|def|async|case|if|else|elif)\b[^\n]{0,200}[;:{}]\s*$|"
    r"\$\{\w|\bthrow (?:new )?\w+\(|^\s*(?:[-*•]|\d{1,2}\.)\s+(?:ensure|check|verify|confirm|make sure)\b",
    re.I,
)
"""A line of a program's source, of its tests or of a manual's table: nothing of it happened."""
_NOTES = ("//", "Note over ")
"""How comments in a program and in a diagram begin; `->>` is an arrow of one."""
_SUPPOSED = re.compile(
    r"\W*(?:(?:possible|likely|potential|probable|common) )?(?:causes?|reasons?|solutions?|fix(?:es)?|checks?)\W*$",
    re.I,
)
"""The heading of a list in which nothing happened; `_POINT`: a line of one."""
_POINT = re.compile(r"(?:[-*•·]|\d{1,2}[.)])\s")
_CONTENT = re.compile(r"^\s*['\"]?(?:text|content|delta)['\"]?: ?(['\"]).*\1,?\s*$")
"""A line out of an object that was printed: what somebody says."""
_PLAIN = re.compile(r"[\[(\x1b=#*\\]")
"""Signs of a tag, of colours or of a program before an event."""
_CLOSES = re.compile(r"[}\])]")
_OBJECT = re.compile(r"[{\[]|\b[A-Z][A-Za-z]{2,60}\((?=\w{1,40}[=:])")
_HAPPENED = re.compile(
    r"\.(?!speed)(?:[a-z]+ed|done|delta|in_progress|update|create|cancel|commit|clear|append|delete)$"
)
"""How names of events end that no table knows; `session.tools` is a field."""
_STREAM = re.compile(
    r"\b(?:session|conn(?:ection)?|call(?:Sid)?|sid|job)(?:[-_ ]?id)?[=#]\s?(?!call_)([\w-]*\d[\w-]*)", re.I
)
"""`[conn=42]`, `session#3`: what tells several sessions in one log apart."""
TAG_WITHIN = 100
"""Characters at the start of a line in which that is looked for."""
_CUT = re.compile(r"(?:\.\.\.|…)(?!.*[{\[(,]\s*$)")
_WORTH = re.compile(
    r"\"?'?type'?\"?\s*[:=]|event_?[iI]d|status|\b(?:session|response)['\"]?\s*[:=]\s*\{|\{\s*$|\[\s*$|\($"
)


@dataclass(slots=True)
class Line:
    """Something that a line told."""

    number: int
    found: Found


@dataclass(slots=True)
class _Open:
    """An object whose brackets are not closed yet."""

    number: int
    text: str
    t: float | None
    told: WireDirection | None
    lines: int = 1


@dataclass(slots=True)
class Printed:
    """Reads lines one by one; `end` gives what was still open."""

    last_time: float | None = None
    """Of the last line that had one."""
    has_prose: bool = True
    """People may have written beside what a program printed."""
    speakers: Mapping[str, str] = field(default_factory=dict)
    """Names of a dialogue -> what a line of theirs tells."""
    doubts: list[tuple[int, str]] = field(default_factory=list)
    """Lines (by number) that tell of an error, and of nothing that is understood."""
    _doubted: set[str] = field(default_factory=set)
    _record_time: float | None = None
    _open: _Open | None = None
    _held: Line | None = None
    """An event that was only named; its body may stand in the next line, or its fields in those below."""
    _until: int = 0
    """The last line that belongs to it."""
    _indent: int = 0
    _below: list[str] = field(default_factory=list)
    """Lines of its fields."""
    _whole: dict[str, int] = field(default_factory=dict)
    """The line in which an event of each kind was last printed with its fields."""
    _seen: dict[tuple[str, str], None] = field(default_factory=dict)
    _sentence: str = ""
    """A line of prose that the next one goes on with."""
    _is_supposed: bool = False
    """The list of causes that there may be goes on."""

    def read(self, number: int, raw: str) -> Iterator[Line]:
        """What one line tells, which may be the end of an object that began some lines before."""
        if (whole := self._whole_event(number, raw)) is not None:
            yield from self._tell(whole)
            return
        line = raw[:LONGEST_LINE].rstrip("\r\n")
        if "\x1b" in line or not line.isascii():
            line = _ANSI.sub("", mended(line)).rstrip("\r\n")
            # A web page makes typographic quotation marks out of a program's.
            if _CURLY.search(line):
                line = line.translate(_STRAIGHT)
        if "**" in line:
            line = _STARS.sub(r"\1\2\1", line)
        if self._is_of_a_list(number, line) or self._is_below(number, line):
            return
        self._indent = _indent(line) - line.lstrip().startswith("type:")
        stamp = time_in(line)
        rest = _LOGCAT.sub("", _without_time(line, stamp[1], stamp[2]) if stamp else line)
        t = stamp[0] if stamp else None
        if stamp is None and self._record_time is not None:
            t = self._record_time  # the lines of one record, of which the first one is its time
        elif stamp is not None:
            self.last_time = t
            self._record_time = t if not line[stamp[2] :].strip() else None
        head = line[:TAG_WITHIN]
        tag = _STREAM.search(head) if "=" in head or "#" in head else None
        is_told = self._open is not None
        for told in self._go_on(number, rest, t) if self._open is not None else self._begin(number, rest, t):
            is_told = True
            if tag is not None and not told.found.stream:
                told.found.stream = tag[1]
            yield from self._tell(told)
        if not is_told and self._open is None:
            self.doubt(number, line)
        if self._held is not None and self._open is None and self._until < number:
            yield from self._let_go()

    def _whole_event(self, number: int, raw: str) -> Line | None:
        """A time, a few words and one event as JSON, which is nine in ten lines of most logs; half the work."""
        begin = raw.find("{")
        head = raw[:begin]
        if begin < 0 or self._open is not None or self._held is not None or not raw.isascii() or _PLAIN.search(head):
            return None
        try:
            event = _quick.decode(raw[begin:])
        except (msgspec.DecodeError, RecursionError):
            return None
        way, stamp = bare_event(event), time_in(head)
        if way is None or stamp is None or "..." in raw:
            return None
        self.last_time, self._record_time = stamp[0], None
        return Line(number, Found(event, stamp[0], way))

    def doubt(self, number: int, line: str) -> None:
        """Keep a line that tells of an error in words that nobody here understands; the same words once."""
        said = without_keys(line.strip())[:LONGEST_DOUBT]
        if len(self.doubts) >= MOST_DOUBTS or not looks_like_an_error(said):
            return
        plain = _VARIABLE.sub("", said)
        if plain not in self._doubted:
            self._doubted.add(plain)
            self.doubts.append((number, said))

    def _is_of_a_list(self, number: int, line: str) -> bool:
        """The list of events of a console, copied as text: who sent it, its name and its time, a line each."""
        held = self._held
        if held is None or self._until != number - 1 or self._open is not None:
            return False
        time = _TIME_LINE.fullmatch(line)
        if time is not None:
            t = int(time[1] or 0) * 3600 + int(time[2]) * 60 + float(time[3])
            held.found = Found(held.found.event, t, held.found.dir)
            self._until = number
        return time is not None

    def _is_below(self, number: int, line: str) -> bool:
        """A field of the event that was only named, indented below its name; or one that belongs to such a field."""
        indent = _indent(line)
        if self._held is None or self._until != number - 1 or self._open is not None or indent <= self._indent:
            return False
        first, before = (self._below[0], self._below[-1]) if self._below else ("", "")
        is_inside = (
            first
            and indent > _indent(first)
            and (before.endswith(":") or indent <= _indent(before.replace("- ", "  ")))
        )
        if not is_inside and FIELD_BELOW.match(line) is None:
            return False
        self._below.append(line.rstrip())
        self._until = number
        return True

    def end(self) -> Iterator[Line]:
        """The log ends; half an object is told as far as it goes."""
        if self._open is not None:
            for told in self._close(self._open):
                yield from self._tell(told)
        yield from self._let_go()

    def _tell(self, line: Line) -> Iterator[Line]:
        """An event, unless it was printed a moment ago; one that was only named gives way to its body."""
        event = line.found.event
        kind, id = str(event.get("type")), str(event.get("event_id") or "")
        if id and (kind, id) in self._seen:
            return
        if NAMED in event and line.number - self._whole.get(kind, -NEAR) < NEAR:
            return  # a handler's word about what was just printed as a whole
        if NAMED not in event:
            self._whole[kind] = line.number
        if id:
            self._seen[kind, id] = None
            if len(self._seen) > SEEN:
                del self._seen[next(iter(self._seen))]
        held = self._held
        if held is not None and held.found.event.get("type") == kind and _tells_more(line, held) and not self._below:
            self._held = None
        else:
            yield from self._let_go()
        if NAMED in event:
            self._held, self._until = line, line.number
        else:
            yield line

    def _let_go(self) -> Iterator[Line]:
        held, self._held = self._held, None
        if held is not None and self._below:
            known = {name: part for name, part in held.found.event.items() if name != NAMED}
            held.found.event = known | with_body(known["type"], "", outlined(self._below))
            self._below = []
        if held is not None:
            yield held

    def _go_on(self, number: int, rest: str, t: float | None) -> Iterator[Line]:
        open_ = self._open
        assert open_ is not None
        is_new = IN_TEXT.search(rest) is not None and _INSIDE.match(rest) is None
        if is_new or open_.lines >= MOST_LINES or len(open_.text) > LONGEST_LINE:
            yield from self._close(open_)
            yield from self._begin(number, rest, t)
            return
        open_.text += "\n" + rest
        open_.lines += 1
        if _CLOSES.search(rest) is None:
            return
        value = _object_in(open_.text, is_open=True)
        if value is not None and value.is_whole:
            yield from self._close(open_)

    def _close(self, open_: _Open) -> Iterator[Line]:
        self._open = None
        value = _object_in(open_.text, is_open=True)
        events = [] if value is None else list(self._events(open_.number, value.value, open_.t, open_.told))
        if not events and value is not None and isinstance(value.value, Mapping):
            events = list(self._named_beside(open_.number, open_.text.partition("\n")[0], value, open_.t, open_.told))
        yield from events or self.failures(open_.number, " ".join(open_.text.split()), open_.t)

    def failures(self, number: int, text: str, t: float | None) -> Iterator[Line]:
        """What an object that is no event tells of refusals, lost lines and turns."""
        if _CODE.search(text):
            return
        found = list(failures_in(text)) or [turn for turn in (turn_in(text),) if turn is not None]
        for told in found:
            yield Line(number, Found(told, t, "in" if told["type"] == "error" else "local"))

    def _begin(self, number: int, rest: str, t: float | None) -> Iterator[Line]:
        plain = rest.lstrip()
        if not plain or plain.startswith(_NOTES) or "->>" in rest or _CODE.search(rest) or _CONTENT.match(rest):
            return
        self._is_supposed = _SUPPOSED.match(plain) is not None or (
            self._is_supposed and _POINT.match(plain) is not None
        )
        if self._is_supposed:
            return
        told = _direction(rest)
        if '\\"type\\"' in rest:
            rest = rest.replace('\\"', '"')
        value = _object_in(rest)
        if value is None:
            yield from self._of_sentence(number, rest, t, told)
            return
        if not value.is_whole and _CUT.search(rest) is None and len(rest) < LONGEST_LINE:
            self._open = _Open(number, rest, t, told)
            return
        before = next(failures_in(rest[: rest.find("{")]), None) if "{" in rest else None
        if before is not None and before.get("code") == "client-unknown-event":
            yield Line(number, Found(before, t, "local"))
            return
        events = list(self._events(number, value.value, t, told))
        if not events and isinstance(value.value, Mapping):
            events = list(self._named_beside(number, rest, value, t, told))
        if events or not (isinstance(value.value, Mapping) and value.value.get("role") in ROLES):  # who speaks in it
            yield from events or self._of_sentence(number, rest, t, told)

    def _named_beside(
        self, number: int, rest: str, value: Loose, t: float | None, told: WireDirection | None
    ) -> Iterator[Line]:
        """`responseDone(...)`, `response.done {...}`: the name stands before the body."""
        named, end = self._name_in(rest)
        named = named or spelled_in(rest)
        if named:
            yield Line(number, Found(with_body(named, rest[end:], value.value), t, direction_of(named, told)))

    def _events(self, number: int, value: Any, t: float | None, told: WireDirection | None) -> Iterator[Line]:
        if (bare := bare_event(value)) is not None:
            event = _without_cut_ids(value)
            yield Line(number, Found(event, t, bare))
            return
        for one in unwrapped(value, t, told):
            if isinstance(one, Told):
                yield from self._of_words(number, one)
            if isinstance(one, Found):
                event = _without_cut_ids(one.event)
                yield Line(number, Found(event, t if t is not None else one.t, one.dir))

    def _of_words(self, number: int, told: Told) -> Iterator[Line]:
        """A sentence out of an object that was printed."""
        value = _object_in(told.text)
        if value is not None and value.is_whole:
            for one in unwrapped(value.value, told.t):
                if isinstance(one, Found):
                    yield Line(number, one)
            return
        yield from self._of_sentence(number, told.text, told.t, None, is_prose=False)

    def _of_sentence(
        self, number: int, rest: str, t: float | None, told: WireDirection | None, *, is_prose: bool = True
    ) -> Iterator[Line]:
        rest = rest[:LONGEST_SENTENCE]
        speaker, words = says(rest) if self.speakers else ("", "")
        if speaker in self.speakers and (words.endswith(ENDS) or next(failures_in(rest), None) is None):
            if kind := self.speakers[speaker]:
                yield Line(number, Found({"type": kind, "words": words, "told": rest}, t, "local"))
            return
        name, end = self._name_in(rest)
        event = fields(name, rest[end:]) | {NAMED: True} if name else {}
        if event.get("transcript"):  # what somebody says
            yield Line(number, Found(event, t, direction_of(name, told)))
            return
        if name and (refused := _refused_instead(name, rest)) is not None:
            yield Line(number, Found(refused, t, "in" if refused["type"] == "error" else "local"))
            return
        if _OUTPUT in rest and name not in ("conversation.item.create", "") and told != "in":
            item = {"type": "conversation.item.create", "item": {"type": _OUTPUT}}
            yield Line(number, Found(item, t, "out"))
        if name:
            yield Line(number, Found(event, t, direction_of(name, told)))
        before, self._sentence = self._sentence, rest if is_prose and is_plain(rest) and rest[-1:] not in ".:?!" else ""
        if before and rest[:1].islower() and is_rule(before) and is_plain(rest):
            return
        acts = list(narrated(IN_TEXT.sub(" ", rest) if name else rest))
        is_of_turn = any(act["type"].startswith(TURN) for act in acts)
        is_prose = is_prose and self.has_prose and t is None
        if is_prose and (len(rest.split()) >= PROSE or not is_of_turn):
            if not any(act.get("words") for act in acts):
                yield from (Line(number, Found(one, t, "local")) for one in complaints_in(rest))
        for act in acts:
            if name and act["type"] in ("error", "playback.began", "playback.ended", "client.waits", "response.cancel"):
                continue
            is_told = is_prose and (is_plain if act["type"] == "error" else is_written)(rest)
            said = {**act, IN_PROSE: True} if is_told else act
            yield Line(number, Found(said, t, "in" if act["type"] == "error" else "local"))

    def _name_in(self, rest: str) -> tuple[str, int]:
        """The event that a sentence is about, if it says that it came or left, and where its name ends."""
        for match in IN_TEXT.finditer(rest):
            name = match[0].rstrip(".")
            if not (name in SERVER or name in CLIENT or (is_name(name) and _HAPPENED.search(name))):
                continue
            before = rest[max(0, match.start() - 80) : match.start()]
            if before.endswith("`") and _MENTIONED.match(rest, match.end()):
                continue
            if _WAITED_FOR.search(before) or _BESIDE.search(before) or _DID_NOT_COME.match(rest, match.end()):
                continue
            return name, match.end()
        return short_name(rest) or ("", 0)


def _refused_instead(name: str, rest: str) -> Mapping[str, Any] | None:
    """A sentence that an event was refused, or that a library does not know it: it tells of no such event."""
    told = next(failures_in(rest), None)
    if told is None or told["type"] not in ("error", "client.failed"):
        return None
    return told if name in CLIENT or told["type"] == "client.failed" else None


def _object_in(text: str, *, is_open: bool = False) -> Loose | None:
    """The first object in a line that may be an event, strictly read if it can be. `is_open`: it was begun as one."""
    begin = text.find("{")
    if begin >= 0 and text.endswith("}") and "[" not in (head := text[:begin]) and "(" not in head:
        try:
            return Loose(_quick.decode(text[begin:]), len(text), True)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            pass
    for match in islice(_OBJECT.finditer(text), 6):
        at = match.start()
        if text[at] == "[" and _looks_like_a_tag(text, at):
            continue
        try:
            value, end = _decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            pass
        else:
            if isinstance(value, dict | list) and value:
                return Loose(value, end, True)
            continue
        if not (is_open or _WORTH.search(text[at : at + 4000]) or IN_TEXT.search(text[:at])):
            continue
        loose = read_loose(text, at)
        if loose is not None and loose.value:
            return loose
        if loose is not None and not loose.is_whole:
            return loose
    return None


def _without_cut_ids(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """A log that shortens its lines makes many ids one."""
    ids = [(name, event[name]) for name in _CUTTABLE if name in event]
    cut = [name for name, id in ids if isinstance(id, str) and ("..." in id or "…" in id)]
    return {name: part for name, part in event.items() if name not in cut} if cut else event


def _without_time(line: str, start: int, end: int) -> str:
    """A line without its time and what stands before that, unless a sentence does."""
    head = line[:start]
    rest = line[end:].lstrip(" ]|)\t")
    return f"{head} {rest}" if len(_HEAD_WORD.findall(head)) > MOST_HEAD_WORDS else rest


def _tells_more(line: Line, held: Line) -> bool:
    """The body of what was only named, or its name once more and the time with it."""
    event, known = line.found.event, held.found.event
    is_timed = held.found.t is None and line.found.t is not None
    return NAMED not in event or (is_timed and len(event) >= len(known))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _looks_like_a_tag(text: str, at: int) -> bool:
    """`[INFO]`, `[12:00:01]`, `[Realtime]`: a prefix, not a list."""
    end = text.find("]", at)
    return 0 < end - at < 40 and "{" not in text[at:end] and '"' not in text[at:end]


def _direction(rest: str) -> WireDirection | None:
    head = rest[:60]
    if _SENDS.search(head):
        return "out"
    return "in" if _RECEIVES.search(head) else None


_decoder = json.JSONDecoder(strict=False)
_quick = msgspec.json.Decoder(dict[str, Any])
