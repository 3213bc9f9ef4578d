"""Any log as records: which kind of file it is, and its events one by one, each with its line and its time.

A file of one JSON object a line is streamed: a million events take no more memory than one. A whole JSON document
(an array, a HAR file, an export) is read at once, up to a limit; everything else is text.
"""

from __future__ import annotations

import io
import json
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Any, BinaryIO, Literal, TypeVar

import msgspec

from voicechat.insight.cures import Client, client_of
from voicechat.insight.readers.loose import Shapes
from voicechat.insight.readers.narration import CLIENT, SURE
from voicechat.insight.readers.printed import Printed
from voicechat.insight.readers.talk import OF_CONVERSATION, ROLES, TURN, Turns, speakers_in
from voicechat.insight.readers.timing import EPOCH, Clock, second_of_id, time_of, unit_of
from voicechat.insight.readers.unwrapping import MERE_BODIES, Found, encoding_of, mended, time_within, unwrapped
from voicechat.insight.records import Direction, Record, record_of
from voicechat.protocol.dialects import GA_NAMES

Kind = Literal["tape", "lines of JSON", "JSON document", "text", "sound"]
SAMPLE = 256 * 1024
BLOCK = 32 * 1024
"""Bytes of lines that are decoded at once: what they hold fits the cache of a core; 256 kB take a fifth longer."""
LARGEST_DOCUMENT = 256 * 1024 * 1024
"""Bytes of a JSON document that is read whole."""
LOOKED_AT = 1024
"""Bytes of an object that is no event in which words about a failure are looked for."""
LOOKED_AT_FOR_UNIT = 500
"""Events from which the unit of bare numbers is told."""
LONGEST_LINE = 16 * 1024 * 1024
_decoder = msgspec.json.Decoder()
_Line = TypeVar("_Line")
_MERE_BODIES = frozenset(MERE_BODIES)
_KNOWN: dict[str, tuple[str, Direction]] = {
    name: (GA_NAMES.get(name, name), "out" if name in CLIENT else "in") for name in SURE
}
"""The name of an event -> its GA name, and who sends it."""
_ID = re.compile(r'"(event|item|resp|sess|call|conv)_[0-9A-Za-z]{13,}')


@dataclass(slots=True)
class Reading:
    """What became of a log; complete when its records have been walked through."""

    kind: Kind = "text"
    encoding: str = "utf-8"
    lines: int = 0
    events: int = 0
    unread: int = 0
    """Lines that should have been JSON and were not."""
    has_times: bool = False
    began: float = 0.0
    """The first time of all as the log tells it, seconds; the records count from there."""
    ended_at: float | None = None
    """Session time of the last line that had one, also if it told of nothing."""
    times_from_ids: bool = False
    """No line had a time; seconds come from when the service made its ids."""
    types: Counter[str] = field(default_factory=Counter)
    last_time: float | None = None
    """As the log tells it."""
    client: Client = field(default_factory=Client)
    """Who wrote it, as far as it tells."""
    doubts: list[tuple[int, str]] = field(default_factory=list)
    """Lines that tell of an error and were not understood."""
    _line_of: array[int] = field(default_factory=lambda: array("q"))

    def line_of(self, seq: int) -> int:
        """The line of the file that the record with this number stands in, from 1."""
        return self._line_of[seq] if 0 <= seq < len(self._line_of) else 0


def read_log(stream: BinaryIO, reading: Reading) -> Iterator[Record]:
    """The records of a log, in order, and `reading` filled on the way. Nothing in a log raises."""
    sample = stream.read(SAMPLE)
    reading.encoding = encoding_of(sample)
    source = _Rejoined(sample, stream)
    text = sample.decode(reading.encoding, "replace")
    reading.kind = kind_of(text, is_whole=len(sample) < SAMPLE)
    if reading.kind != "tape":
        reading.client = client_of(text)
    turns = Turns("" if reading.kind == "tape" else text)
    if reading.kind in ("tape", "lines of JSON") and reading.encoding == "utf-8":
        yield from _of_lines(source, reading, turns)
        return
    if reading.kind == "JSON document":
        found = _of_document(source.read_all(LARGEST_DOCUMENT).decode(reading.encoding, "replace"))
    elif reading.kind == "text":
        found = _of_text(source, reading, text)
    else:
        found = _of_json_lines(source, reading)
    yield from _records(_with_turns(found, turns), reading)


def kind_of(sample: str, *, is_whole: bool) -> Kind:
    """The kind of a file that begins like this."""
    head = sample.lstrip("\ufeff \t\r\n")
    first, _, rest = head.partition("\n")
    if first.startswith('{"tape":'):
        return "tape"
    if head[:1] not in ("{", "["):
        return "text"
    is_line = _is_json(first)
    if is_line and (first.lstrip()[:1] == "{") and (not rest.strip() or rest.lstrip()[:1] == "{"):
        return "lines of JSON"
    if is_whole:
        return "JSON document" if _is_json(head) else "text"
    return "JSON document" if (head[:1] == "[" and head[1:].lstrip()[:1] in ("{", '"')) or not is_line else "text"


def _with_turns(found: Iterator[tuple[int, Found]], turns: Turns) -> Iterator[tuple[int, Found]]:
    """A conversation told in words becomes events, unless the log holds such events."""
    for line, one in found:
        kind = str(one.event.get("type"))
        if kind.startswith(TURN):
            told = turns.events(one.event, one.t) if turns.is_on else turns.words(one.event)
            yield from ((line, Found(event, one.t, "in", one.stream)) for event in told)
            continue
        turns.is_on = turns.is_on and OF_CONVERSATION.match(kind) is None
        yield line, one


def _records(found: Iterator[tuple[int, Found]], reading: Reading) -> Iterator[Record]:
    """Numbered, with session time, in the words of the checks."""
    numbers = _Numbers(reading)
    yield from numbers.begin(list(islice(found, LOOKED_AT_FOR_UNIT)))
    for line, one in found:
        yield numbers.record(line, one)
    numbers.end()


class _Numbers:
    """Gives each event of a log its number and its session time."""

    def __init__(self, reading: Reading) -> None:
        self._reading, self._unit = reading, 1.0
        self._clock, self._ids = Clock(), Clock()
        self.next = 0
        self.has_unit = False
        """It has seen enough to know what 1 stands for in the times of the log."""

    def begin(self, head: list[tuple[int, Found]]) -> Iterator[Record]:
        """The first events, from which the unit of bare numbers is told."""
        if self._reading.kind != "text":  # clocks, dates and units beside the numbers: no number is bare there
            self._unit = unit_of([(one.t, _made_at(one)) for _, one in head])
        self.has_unit = True
        for line, one in head:
            yield self.record(line, one)

    def time(self, raw: float) -> float | None:
        """Session time of a time that the log tells."""
        return self._clock.tell(raw * self._unit)

    def record(self, line: int, one: Found) -> Record:
        """The next event, which stands in this line."""
        reading, seq = self._reading, self.next
        if one.t is not None:
            t = self._clock.tell(one.t * self._unit)
            if not reading.has_times:
                reading.began, reading.has_times = one.t * self._unit, True
        elif reading.has_times:
            t = None
        else:
            t = self._ids.tell(_made_at(one))
            reading.times_from_ids = reading.times_from_ids or t is not None
        record = record_of(seq, t, one.dir, one.event, one.stream)
        reading._line_of.append(line)
        self.next = reading.events = seq + 1
        reading.types[record.type] += 1
        return record

    def end(self) -> None:
        """Nothing more comes."""
        reading = self._reading
        if reading.has_times:
            last = reading.last_time
            reading.ended_at = None if last is None else self._clock.tell(last * self._unit)


class _TapeLine(msgspec.Struct, gc=False):
    """A line of a tape as far as checks read it; inputs and effects have no `event`."""

    event: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    t: float = -1.0
    dir: Literal["in", "out", "local", ""] = ""
    notes: Any = msgspec.UNSET


_tape_decoder = msgspec.json.Decoder(_TapeLine)


def _decoded(decoder: msgspec.json.Decoder[_Line], block: bytes) -> Sequence[_Line | bytes]:
    """Each line of whole ones, decoded; in a block with one that is not as it should be, those stay bytes."""
    count = block.count(b"\n") + (not block.endswith(b"\n"))
    try:
        told = decoder.decode_lines(block)
        if len(told) == count:
            return told
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    lines: list[_Line | bytes] = []
    for raw in block.split(b"\n")[:count]:
        try:
            lines.append(decoder.decode(raw))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            lines.append(raw)
    return lines


def _made_at(one: Found) -> float | None:
    """The second of a server's event, by the ids it made."""
    if one.dir != "in":
        return None
    for name in ("event_id", "item_id", "response_id"):
        said = one.event.get(name)
        if isinstance(said, str) and (made := second_of_id(said)) is not None:
            return made
    for name in ("item", "response", "session"):
        inner = one.event.get(name)
        if isinstance(inner, Mapping) and isinstance(inner.get("id"), str):
            made = second_of_id(inner["id"])
            if made is not None:
                return made
    return None


def _of_json_lines(source: _Rejoined, reading: Reading) -> Iterator[tuple[int, Found]]:
    lines = _JsonLines(reading)
    for number, raw in source.lines():
        reading.lines = number
        yield from lines.read(number, raw)


def _of_lines(source: _Rejoined, reading: Reading, turns: Turns) -> Iterator[Record]:
    """Tapes, and the most frequent kind of other logs, in half the time and less: whole blocks are decoded at once.

    Of a tape half the lines are no events; elsewhere an object with the keys of one that was read before costs a few
    looks into tables. What is not as usual (a cut line, an event that no table has) is read as in any other log.
    """
    lines, head, numbers = _JsonLines(reading), list[tuple[int, Found]](), _Numbers(reading)
    plans, line_of, unset = lines.shapes.plans, reading._line_of, msgspec.UNSET
    is_tape = numbers.has_unit = reading.kind == "tape"
    is_timed, zero, first = False, 0.0, 0
    for block in source.blocks():
        raw: list[bytes] = []
        kinds: list[str] = []
        told = _decoded(_tape_decoder if is_tape else _decoder, block)
        for number, value in enumerate(told, first + 1):
            known: tuple[str, Direction] | None = None
            event: Any = msgspec.UNSET
            t: float | None = None
            if type(value) is _TapeLine:
                if (event := value.event) is unset:
                    continue
                name, way = event.get("type"), value.dir
                if is_timed and type(name) is str and 0.0 <= value.t < EPOCH and value.notes is unset:
                    t = round(value.t - zero, 6)
                    if way == "local":
                        known = GA_NAMES.get(name, name), "local"
                    elif way and ("event_id" in event or _MERE_BODIES.isdisjoint(event)):
                        known = _KNOWN.get(name)
            elif is_timed and type(value) is dict and (plan := plans.get(tuple(value))) is not None and plan.is_plain:
                event = value[plan.body]
                name = event.get("type") if type(event) is dict else None
                known = _KNOWN.get(name) if type(name) is str else None
                if known is not None and ("event_id" in event or _MERE_BODIES.isdisjoint(event)):
                    is_local = plan.direction and value[plan.direction] == "local"
                    told_at = None if is_local else time_of(value[plan.time])
                    t = None if told_at is None else numbers.time(told_at)
            if known is not None and t is not None:
                line_of.append(number)
                kinds.append(known[0])
                yield Record(numbers.next, t, known[1], event, known[0])
                numbers.next += 1
                continue
            raw = raw or block.split(b"\n")
            line = raw[number - first - 1]
            found = lines.read(number, line) if is_tape else _with_turns(iter(lines.read(number, line, value)), turns)
            if numbers.has_unit:
                for place, one in found:
                    yield numbers.record(place, one)
            else:
                head += found
                if len(head) >= LOOKED_AT_FOR_UNIT:
                    yield from numbers.begin(head)
            is_timed = numbers.has_unit and reading.has_times and (is_tape or not turns.is_on)
            zero = reading.began
        reading.types.update(kinds)
        first += len(told)
        reading.lines, reading.events = first, numbers.next
    if not numbers.has_unit:
        yield from numbers.begin(head)
    numbers.end()


class _JsonLines:
    """Reads lines of JSON, each wrapped in its own way."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._printed, self.shapes = Printed(doubts=reading.doubts), Shapes()
        self._is_plain = reading.encoding in ("utf-8", "utf-8-sig")

    def read(self, number: int, raw: bytes, value: Any = b"") -> Iterable[tuple[int, Found]]:
        """What one line tells, nearly always one event. `value`: what it decodes to, where that is known."""
        reading, printed = self._reading, self._printed
        if isinstance(value, bytes):
            value = _value_of(raw if self._is_plain else raw.decode(reading.encoding, "replace").encode())
        printed.has_prose = value is _NOTHING
        if printed.has_prose:
            reading.unread += bool(raw.strip())
            told = printed.read(number, raw.decode(reading.encoding, "replace")) if raw.strip() else ()
            return [(line.number, line.found) for line in told]
        if reading.kind == "tape" and isinstance(value, dict) and "event" not in value:
            return ()
        quick = self.shapes.quickly(value)
        if quick is not None:
            return ((number, quick),)
        found = list(_told_in(value, number, printed))
        if not found and isinstance(value, dict) and value.get("role") not in ROLES:
            text = raw[:LOOKED_AT].decode(reading.encoding, "replace")
            found = [(number, line.found) for line in printed.failures(number, text, time_within(value))]
            if not found:
                printed.doubt(number, text)
        if len(found) == 1:
            self.shapes.learn(value, found[0][1])
        return found


def _told_in(value: Any, number: int, printed: Printed) -> Iterator[tuple[int, Found]]:
    """Events of one value; sentences in it are read as lines of text are."""
    for one in unwrapped(value):
        if isinstance(one, Found):
            yield number, one
            continue
        for line in printed.read(number, one.text):
            found = line.found
            yield number, Found(found.event, found.t if found.t is not None else one.t, found.dir, one.stream)


def _of_document(text: str) -> Iterator[tuple[int, Found]]:
    try:
        value = json.loads(mended_document(text))
    except (ValueError, RecursionError):
        return
    printed = Printed()
    places = _Places(text)
    told: list[tuple[int, Found]] = []
    for one in unwrapped(value):
        if isinstance(one, Found):
            told.append((places.line_of(one.event), one))
            continue
        for line in printed.read(places.line, one.text):
            t = line.found.t if line.found.t is not None else one.t
            told.append((places.line, Found(line.found.event, t, line.found.dir, one.stream)))
    yield from reversed(told) if _is_newest_first(told) else told


def _is_newest_first(told: list[tuple[int, Found]]) -> bool:
    """Lists on a page often grow at their top."""
    times = [one.t for _, one in told if one.t is not None]
    if len(times) < 2:
        times = [made for _, one in told if (made := _made_at(one)) is not None]
    steps = [later - earlier for earlier, later in pairwise(times)]
    back, on = sum(step < 0 for step in steps), sum(step > 0 for step in steps)
    if back or on:
        return back > 2 * on
    kinds = [str(one.event.get("type")) for _, one in told]
    return "session.created" in kinds[1:] and kinds[0] != "session.created" and kinds[-1] == "session.created"


def mended_document(text: str) -> str:
    """Without a byte order mark, and with the letters it was meant to have."""
    text = text.removeprefix("\ufeff")
    return text if text.isascii() else "\n".join(mended(line) for line in text.split("\n"))


def _of_text(source: _Rejoined, reading: Reading, sample: str) -> Iterator[tuple[int, Found]]:
    printed = Printed(doubts=reading.doubts, speakers=speakers_in(sample))
    t: float | None = None
    for number, raw in source.lines(reading.encoding):
        reading.lines = number
        text = raw.decode(reading.encoding, "replace") if isinstance(raw, bytes) else raw
        for line in printed.read(number, text):
            t = line.found.t = line.found.t if line.found.t is not None else t
            yield line.number, line.found
        reading.last_time = printed.last_time if printed.last_time is not None else reading.last_time
    for line in printed.end():
        line.found.t = line.found.t if line.found.t is not None else t
        yield line.number, line.found


class _Places:
    """Lines of the events of a document: each is looked for behind the one before."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.line = 1

    def line_of(self, event: Mapping[str, Any]) -> int:
        for mark in (event.get("event_id"), event.get("type")):
            if not isinstance(mark, str) or not mark:
                continue
            found = self._text.find(f'"{mark}', self._at)
            if found < 0:
                found = self._text.find(mark, self._at)
            if found >= 0:
                self.line += self._text.count("\n", self._at, found)
                self._at = found + 1
                return self.line
        return self.line


class _Rejoined:
    """A stream whose beginning was read already."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = head
        self._rest = rest

    def read_all(self, most: int) -> bytes:
        return self._head + self._rest.read(max(0, most - len(self._head)))

    def lines(self, encoding: str = "utf-8") -> Iterator[tuple[int, bytes]]:
        """(number, line) from 1; a line beyond the limit counts as several."""
        if encoding.startswith("utf-16"):
            text = self.read_all(LARGEST_DOCUMENT).decode(encoding, "replace")
            yield from ((number, line.encode(encoding)) for number, line in enumerate(text.splitlines(), 1))
            return
        number = 0
        last = b""
        for last in io.BytesIO(self._head):
            if last.endswith(b"\n"):
                number += 1
                yield number, last
        if not last.endswith(b"\n"):
            number += 1
            yield number, last + self._rest.readline(LONGEST_LINE)
        while raw := self._rest.readline(LONGEST_LINE):
            number += 1
            yield number, raw

    def blocks(self) -> Iterator[bytes]:
        """Whole lines, some hundred at once; one beyond the limit comes in pieces."""
        head = io.BytesIO(self._head)
        while block := head.read(BLOCK) or self._rest.read(BLOCK):
            for stream in (head, self._rest):
                if not block.endswith(b"\n"):
                    block += stream.readline(LONGEST_LINE)
            yield block


_NOTHING = object()


def _value_of(raw: bytes) -> Any:
    """The JSON of a line, strictly and then forgivingly; `_NOTHING` for none."""
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return _NOTHING


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
