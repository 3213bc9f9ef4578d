"""Two talks compared: which exchanges belong together, and in what they, configuration and findings differ.

Equal enough is what says the same, in the same events, within the same times: capitals and punctuation do not count,
nor does the order of events that raced, which is told all the same.
"""

from __future__ import annotations

import re
import textwrap
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

import msgspec
from rich.cells import cell_len

from voicechat.insight.metrics.turns import TurnNumbers
from voicechat.journal.entry import refs_of
from voicechat.journal.page import title_of
from voicechat.journal.past_talk import NOTHING, PastTalk, TranscriptLine, clock
from voicechat.journal.redaction import SECRET
from voicechat.ui.sanitise import clean

PASSING = frozenset(
    "assistant.audible assistant.silent voice.began voice.ended mic.drained playback.ducked playback.resumed "
    "playback.began playback.flush_applied mic.close_applied "
    "tape.began tape.stopped line.step rate_limits.updated end.asked line.hanging_up mic.opened mic.closed".split()
)
"""Events that come with the sound of the moment, between turns as well as in them; comparing them says nothing. What is
wrong with a microphone is among the findings."""
EARLY = 0.05
"""Seconds by which what begins an exchange may come before its first line."""


@dataclass(slots=True)
class Exchange:
    """From one thing you said to the next. The one before the first (`lines` empty) is the opening of the talk.

    A talk in exchanges: what you said, what came of it, and the events and times that belong to it.
    """

    t: float
    lines: list[TranscriptLine] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    """Kinds of events in order; pieces of one kind count once."""
    numbers: TurnNumbers | None = None

    def said(self, who: str) -> str:
        """All words of one side."""
        return " ".join(line.turn.text for line in self.lines if line.turn.who == who)

    @property
    def cut(self) -> TranscriptLine | None:
        """The answer that was cut."""
        return next((line for line in self.lines if line.cut_by), None)


def exchanges_of(talk: PastTalk) -> list[Exchange]:
    """The opening, then every exchange in order."""
    made = [Exchange(0.0)]
    for line in talk.transcript.lines:
        is_answer = line.turn.who != "you" and len(made) > 1
        if is_answer or line.turn.who == "note":
            made[-1].lines.append(line)
        else:
            made.append(Exchange(line.t, [line]))
    _give_events(talk, made)
    _give_numbers(talk, made)
    return made


def _give_events(talk: PastTalk, made: list[Exchange]) -> None:
    """By the ids an event names, else by its time."""
    owner: dict[str, int] = {}
    for place, exchange in enumerate(made):
        owner |= {id: place for line in exchange.lines for id in (line.turn.item_id, line.turn.response_id) if id}
    starts = [exchange.t - EARLY for exchange in made]
    for row in talk.rows:
        ids = [id for id in refs_of(row.event) if id]
        known = next((owner[id] for id in ids if id in owner), None)
        place = max(0, bisect_right(starts, row.t) - 1) if known is None else known
        for id in ids:
            owner.setdefault(id, place)
        name = f"{row.type} ({row.dir})" if row.dir == "out" else row.type
        is_piece = row.type.endswith(".delta") or row.type == "input_audio_buffer.append"
        if row.type not in PASSING and not (is_piece and name in made[place].types):
            made[place].types.append(name)


def _give_numbers(talk: PastTalk, made: list[Exchange]) -> None:
    """By the answer, else by when you began to speak."""
    free = {turn.number: turn for turn in talk.figures.turns}
    for exchange in made:
        answers = {line.turn.response_id for line in exchange.lines if line.turn.response_id}
        found = next((turn for turn in free.values() if turn.response and turn.response in answers), None)
        if found is not None:
            exchange.numbers = free.pop(found.number)
    for exchange in made[1:]:
        if exchange.numbers is None:
            near = (turn for turn in free.values() if turn.began_at is not None and abs(turn.began_at - exchange.t) < 1)
            found = next(near, None)
            exchange.numbers = free.pop(found.number) if found is not None else None


WIDTH = 80
COLORS = {"a": "31", "b": "32", "head": "36", "quiet": "2", "mark": "33", "bold": "1"}
LABEL = 11
"""Columns of `  assistant` and its like."""
MOST_SAME = 2
"""Lines of words that did not change; they are only there to tell which turn it is."""


class Lines:
    """Makes lines, coloured or plain.

    A comparison as it reads in a terminal of 80 columns: like a diff, and coloured like one where colours may be.

    Colour never stands alone: what only a has is in `[-...-]` or behind `-`, what only b has in `{+...+}` or behind
    `+`.
    """

    def __init__(self, *, colors: bool) -> None:
        self._colors = colors

    def paint(self, words: str, look: str) -> str:
        """Some words in a colour."""
        return f"\x1b[{COLORS[look]}m{words}\x1b[0m" if self._colors and look in COLORS and words else words

    def wrapped(self, label: str, parts: Iterable[tuple[str, str]]) -> Iterator[str]:
        """(word, look) one after the other, within the width, under each other behind the label."""
        line, used, prefix = "", LABEL + 1, f"{label:<{LABEL}} "
        for word, look in parts:
            size = cell_len(word)
            if line and used + 1 + size > WIDTH:
                yield prefix + line
                line, used, prefix = "", LABEL + 1, " " * (LABEL + 1)
            line += (" " if line else "") + self.paint(word, look)
            used += size + 1
        if line:
            yield prefix + line


def in_words(a: PastTalk, b: PastTalk, comparison: Comparison, names: tuple[str, str], *, colors: bool) -> str:
    """Both talks, then everything that differs, then one line that sums up."""
    lines = Lines(colors=colors)
    told = [
        lines.paint(_about("--- ", names[0], a), "a"),
        lines.paint(_about("+++ ", names[1], b), "b"),
        *_configuration_lines(comparison, lines),
        *_findings(comparison, lines),
        *_pairs(comparison.pairs, lines),
        "",
        *(lines.paint(line, "bold") for line in textwrap.wrap(summed_up(comparison), WIDTH)),
    ]
    return "\n".join(told)


def summed_up(comparison: Comparison) -> str:
    """`3 turns compared · 1 only in b · 2 say something else`."""
    turns = comparison.pairs[1:]
    both = [pair for pair in turns if pair.a is not None and pair.b is not None]
    counts = (
        (sum(pair.b is None for pair in turns), "only in a"),
        (sum(pair.a is None for pair in turns), "only in b"),
        (sum(_says_else(pair) for pair in both), "with other words"),
        (sum(bool(pair.missing or pair.extra) for pair in comparison.pairs), "with other events"),
        (sum(any(one.differs for one in pair.timings) for pair in both), "with other timings"),
        (sum(pair.cut_a != pair.cut_b for pair in both), "cut otherwise"),
        (len(comparison.configuration), "of the configuration"),
        (len(comparison.findings_a) + len(comparison.findings_b), "of the findings"),
    )
    compared = f"{len(both)} turn{'' if len(both) == 1 else 's'} compared"
    differing = [f"{count} {what}" for count, what in counts if count]
    return " · ".join([compared, *(differing or ["equal"])])


def _about(sign: str, name: str, talk: PastTalk) -> str:
    transcript = talk.transcript
    turns = sum(line.turn.who == "you" for line in transcript.lines)
    counted = f"{turns} turn{'' if turns == 1 else 's'}"
    parts = [name, title_of(talk), transcript.model, transcript.voice, clock(talk.length), counted]
    told = clean(" · ".join(dict.fromkeys(filter(None, parts))), one_line=True)
    return sign + textwrap.shorten(told, WIDTH - len(sign), placeholder="…")


def _configuration_lines(comparison: Comparison, lines: Lines) -> Iterator[str]:
    if comparison.configuration:
        yield from ("", lines.paint("@@ configuration @@", "head"))
    for name, a, b in comparison.configuration:
        for sign, value, look in (("-", a, "a"), ("+", b, "b")):
            if value:
                yield lines.paint(_clipped(f"{sign} {name}  {value}"), look)


def _findings(comparison: Comparison, lines: Lines) -> Iterator[str]:
    if comparison.findings_a or comparison.findings_b:
        yield from ("", lines.paint("@@ findings @@", "head"))
    yield from (lines.paint(f"- {code}", "a") for code in comparison.findings_a)
    yield from (lines.paint(f"+ {code}", "b") for code in comparison.findings_b)


def _pairs(pairs: Sequence[Pair], lines: Lines) -> Iterator[str]:
    equal: list[Pair] = []
    for pair in pairs:
        if pair.is_equal and not pair.moved:
            equal.append(pair)
            continue
        yield from _equal(equal, lines)
        equal = []
        yield from ("", lines.paint(f"@@ {_place(pair)} @@", "head"))
        yield from _alone(pair, lines) if pair.a is None or pair.b is None else _differences(pair, lines)
    yield from _equal(equal, lines)


def _equal(pairs: Sequence[Pair], lines: Lines) -> Iterator[str]:
    numbers = [pair.number_a for pair in pairs if pair.number_a]
    if numbers:
        which = f"turn {numbers[0]}" if len(numbers) == 1 else f"turns {numbers[0]} to {numbers[-1]}"
        yield from ("", lines.paint(f"   {which}: equal", "quiet"))


def _place(pair: Pair) -> str:
    if pair.number_a == 0:
        return "before the first turn"
    times = [
        f"{side} {number} at {clock(one.t)}"
        for side, number, one in (("a", pair.number_a, pair.a), ("b", pair.number_b, pair.b))
        if one is not None
    ]
    if len(times) == 1:
        return f"turn {times[0]}, only there"
    return f"turn {' · '.join(times)}"


def _alone(pair: Pair, lines: Lines) -> Iterator[str]:
    exchange, look, sign = (pair.a, "a", "-") if pair.a is not None else (pair.b, "b", "+")
    for line in exchange.lines if exchange is not None else ():
        words = [(word, look) for word in clean(line.turn.text or NOTHING, one_line=True).split()]
        yield from lines.wrapped(f"{sign} {line.turn.who}", words)


def _differences(pair: Pair, lines: Lines) -> Iterator[str]:
    yield from _words("you", pair.you, lines)
    yield from _words("assistant", pair.assistant, lines)
    if any(timing.differs for timing in pair.timings):
        yield f"  {'seconds':<22}{'a':>8}{'b':>9}"
        yield from (_timing(timing, lines) for timing in pair.timings)
    if pair.cut_a != pair.cut_b:
        yield f"  {'cut by':<22}{pair.cut_a or '—':>8}  {pair.cut_b or '—'}"
    events = (("- events", pair.missing, "a"), ("+ events", pair.extra, "b"))
    for label, changed, look in events:
        told = [(f"{name}{f' ×{count}' if count > 1 else ''},", look) for name, count in changed]
        yield from lines.wrapped(label, _without_last_comma(told))
    moved = [(f"{name},", "quiet") for name in pair.moved]
    yield from lines.wrapped("~ in other", [("order:", "quiet"), *_without_last_comma(moved)] if moved else [])


def _without_last_comma(told: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [*told[:-1], (told[-1][0].rstrip(","), told[-1][1])] if told else []


def _words(who: str, parts: tuple[Words, ...], lines: Lines) -> Iterator[str]:
    if all(part.kind == "same" for part in parts):
        shown = [(word, "quiet") for part in parts for word in clean(part.text, one_line=True).split()]
        wrapped = list(lines.wrapped(f"  {who}", shown))
        yield from wrapped[:MOST_SAME]
        if len(wrapped) > MOST_SAME:
            yield " " * (LABEL + 1) + lines.paint("…", "quiet")
        return
    yield from lines.wrapped(f"  {who}", _marked(parts))


def _marked(parts: tuple[Words, ...]) -> Iterator[tuple[str, str]]:
    for part in parts:
        words = clean(part.text, one_line=True).split()
        opening, closing = {"a": ("[-", "-]"), "b": ("{+", "+}")}.get(part.kind, ("", ""))
        for place, word in enumerate(words):
            first = opening if place == 0 else ""
            last = closing if place == len(words) - 1 else ""
            yield f"{first}{word}{last}", part.kind


def _timing(timing: Timing, lines: Lines) -> str:
    a, b = ("—" if at is None else f"{at:.2f}" for at in (timing.a, timing.b))
    row = f"  {timing.name:<22}{a:>8}{b:>9}"
    if not timing.differs:
        return row
    if timing.a is None or timing.b is None:
        return row + lines.paint("   ▲", "mark")
    by = timing.b - timing.a
    return row + lines.paint(f"   {'▲' if by > 0 else '▼'} {by:+.2f}", "mark")


def _says_else(pair: Pair) -> bool:
    return any(part.kind != "same" for part in (*pair.you, *pair.assistant))


def _clipped(line: str) -> str:
    line = clean(line, one_line=True)
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"


PASSING_FIELDS = frozenset(("id", "object", "expires_at", "client_secret"))
IN_STEP = 0.25
"""What standing at the same place is worth beside alike words: with it, a misheard turn is still the same turn."""
MOST_CELLS = 60_000
"""Pairs that are weighed; of longer talks only the turns with the same words are looked for, the rest in order."""
_WORD = re.compile(r"\S+")
_EDGES = re.compile(r"^\W+|\W+$")


@dataclass(frozen=True, slots=True)
class Timing:
    """One moment of an exchange in seconds from your last sound, in both; None where it did not come."""

    name: str
    a: float | None
    b: float | None
    differs: bool


@dataclass(frozen=True, slots=True)
class Words:
    """A stretch of words: in both, or in one alone."""

    kind: str
    """`same`, `a` or `b`."""
    text: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two exchanges that belong together, or one that has no other."""

    number_a: int | None
    number_b: int | None
    a: Exchange | None
    b: Exchange | None
    you: tuple[Words, ...] = ()
    assistant: tuple[Words, ...] = ()
    timings: tuple[Timing, ...] = ()
    missing: tuple[tuple[str, int], ...] = ()
    """Kinds of events that a has more of, and how many more."""
    extra: tuple[tuple[str, int], ...] = ()
    moved: tuple[str, ...] = ()
    cut_a: str = ""
    cut_b: str = ""

    @property
    def is_equal(self) -> bool:
        """Nothing but the order of events differs."""
        words = any(part.kind != "same" for part in (*self.you, *self.assistant))
        slower = any(timing.differs for timing in self.timings)
        alone = self.a is None or self.b is None
        return not (alone or words or slower or self.missing or self.extra or self.cut_a != self.cut_b)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two talks, side by side."""

    pairs: tuple[Pair, ...]
    """The opening first."""
    configuration: tuple[tuple[str, str, str], ...]
    """(field, value in a, value in b); empty where one does not have it."""
    findings_a: tuple[str, ...]
    """Codes that only a has."""
    findings_b: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        """Nothing that matters differs."""
        others = self.configuration or self.findings_a or self.findings_b
        return not others and all(pair.is_equal for pair in self.pairs)


def compare(a: PastTalk, b: PastTalk, threshold: float) -> Comparison:
    """Everything that differs; `threshold` seconds is what timings may."""
    first, second = exchanges_of(a), exchanges_of(b)
    pairs = [_pair(0, 0, first[0], second[0], threshold)]
    for i, j in aligned(first[1:], second[1:]):
        of_a = None if i is None else i + 1
        of_b = None if j is None else j + 1
        pairs.append(_pair(of_a, of_b, _at(first, of_a), _at(second, of_b), threshold))
    codes_a, codes_b = ({one.code for one in talk.findings} for talk in (a, b))
    return Comparison(
        tuple(pairs),
        tuple(_configuration(settings_of(a), settings_of(b))),
        tuple(sorted(codes_a - codes_b)),
        tuple(sorted(codes_b - codes_a)),
    )


def aligned(a: list[Exchange], b: list[Exchange]) -> list[tuple[int | None, int | None]]:
    """Which exchange of a is which of b, in order. Alike words and the same place both count."""
    if len(a) * len(b) > MOST_CELLS:
        return list(_around_equal(a, b))
    words_a, words_b = [_bag(one) for one in a], [_bag(one) for one in b]
    best = [[0.0] * (len(b) + 1) for _ in range(len(a) + 1)]
    begun_a, begun_b = [_is_yours(one) for one in a], [_is_yours(one) for one in b]
    worth = [
        [alike(x, y) + IN_STEP if is_a == is_b else 0.0 for y, is_b in zip(words_b, begun_b, strict=True)]
        for x, is_a in zip(words_a, begun_a, strict=True)
    ]
    for i in range(len(a) - 1, -1, -1):
        for j in range(len(b) - 1, -1, -1):
            best[i][j] = max(best[i + 1][j + 1] + worth[i][j], best[i + 1][j], best[i][j + 1])
    return list(_walk(best, worth, len(a), len(b)))


def _around_equal(a: list[Exchange], b: list[Exchange]) -> Iterator[tuple[int | None, int | None]]:
    """Turns in which you say the same hold the others in place."""
    said_a, said_b = [word_key(one) for one in a], [word_key(one) for one in b]
    for _, i, i_end, j, j_end in SequenceMatcher(None, said_a, said_b, autojunk=False).get_opcodes():
        yield from zip_longest(range(i, i_end), range(j, j_end))


def word_key(exchange: Exchange) -> str:
    """What you said, without capitals and marks; of a greeting what was answered."""
    return " ".join(map(_plain, _WORD.findall(exchange.said("you") or exchange.said("assistant"))))


def _walk(
    best: list[list[float]], worth: list[list[float]], i_end: int, j_end: int
) -> Iterator[tuple[int | None, int | None]]:
    i = j = 0
    while i < i_end or j < j_end:
        if i < i_end and j < j_end and worth[i][j] and best[i][j] == best[i + 1][j + 1] + worth[i][j]:
            yield i, j
            i, j = i + 1, j + 1
        elif i < i_end and (j == j_end or best[i][j] == best[i + 1][j]):
            yield i, None
            i += 1
        else:
            yield None, j
            j += 1


def alike(a: Counter[str], b: Counter[str]) -> float:
    """0 to 1: the share of words that both have."""
    total = a.total() + b.total()
    return 1.0 if total == 0 else 2 * (a & b).total() / total


def word_diff(a: str, b: str) -> tuple[Words, ...]:
    """The words of both, with what only one of them says."""
    words_a, words_b = _WORD.findall(a), _WORD.findall(b)
    plain_a, plain_b = [_plain(word) for word in words_a], [_plain(word) for word in words_b]
    parts: list[Words] = []
    for kind, i, i_end, j, j_end in SequenceMatcher(None, plain_a, plain_b, autojunk=False).get_opcodes():
        if kind == "equal":
            parts.append(Words("same", " ".join(words_b[j:j_end])))
            continue
        if i < i_end:
            parts.append(Words("a", " ".join(words_a[i:i_end])))
        if j < j_end:
            parts.append(Words("b", " ".join(words_b[j:j_end])))
    return tuple(parts)


def _pair(i: int | None, j: int | None, a: Exchange | None, b: Exchange | None, threshold: float) -> Pair:
    if a is None or b is None:
        return Pair(i, j, a, b)
    count_a, count_b = Counter(a.types), Counter(b.types)
    return Pair(
        i,
        j,
        a,
        b,
        word_diff(a.said("you"), b.said("you")),
        word_diff(a.said("assistant"), b.said("assistant")),
        tuple(_timings(a, b, threshold)),
        tuple(sorted((count_a - count_b).items())),
        tuple(sorted((count_b - count_a).items())),
        _moved(a.types, b.types, count_a & count_b),
        _cut(a),
        _cut(b),
    )


def _timings(a: Exchange, b: Exchange, threshold: float) -> Iterator[Timing]:
    """From your last sound; an answer that nobody asked for by voice counts from when it was created."""
    marks = (
        ("end of speech seen", "stopped_at"),
        ("your words written", "transcript_at"),
        ("answer created", "created_at"),
        ("first words", "first_delta_at"),
        ("first sound", "first_sound_at"),
    )
    for name, mark in marks:
        x, y = _since(a, mark), _since(b, mark)
        if x is not None or y is not None:
            yield Timing(name, x, y, _differs(x, y, threshold))
    x, y = (one.numbers.silent_in if one.numbers is not None else None for one in (a, b))
    if x is not None or y is not None:
        yield Timing("cut to silence", x, y, _differs(x, y, threshold))


def _differs(x: float | None, y: float | None, threshold: float) -> bool:
    return x is None or y is None or abs(y - x) > threshold


def _since(exchange: Exchange, field: str) -> float | None:
    numbers = exchange.numbers
    if numbers is None:
        return None
    zero = numbers.created_at if numbers.ended_at is None else numbers.ended_at
    at: float | None = getattr(numbers, field)
    return None if zero is None or at is None else at - zero


def _moved(a: list[str], b: list[str], both: Counter[str]) -> tuple[str, ...]:
    """Kinds that both have and that stand elsewhere in b."""
    kept_a, kept_b = _kept(a, both), _kept(b, both)
    matched = SequenceMatcher(None, kept_a, kept_b, autojunk=False).get_matching_blocks()
    still = {place for block in matched for place in range(block.a, block.a + block.size)}
    return tuple(dict.fromkeys(name for place, name in enumerate(kept_a) if place not in still))


def _kept(types: list[str], both: Counter[str]) -> list[str]:
    left = Counter(both)
    kept: list[str] = []
    for name in types:
        if left[name] > 0:
            left[name] -= 1
            kept.append(name)
    return kept


def _cut(exchange: Exchange) -> str:
    return exchange.cut.cut_by if exchange.cut is not None else ""


def settings_of(talk: PastTalk) -> dict[str, Any]:
    """Field by field: the session in force (or asked for), and what the client does with turns."""
    state = talk.state
    session = state.configuration.effective or state.wishes.session
    here = {"turn_mode": state.choices.turn_mode, "barge_in": state.choices.barge_in}
    policy = state.choices.policy or talk.policy
    client = {"client": here | {"policy": msgspec.to_builtins(policy)}} if "start" in talk.source.head else {}
    line = {"provider": state.wishes.provider, "transport": state.connection.transport}
    return dict(_leaves({"session": session, **client, **(line if client else {})}))


def _leaves(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if name in PASSING_FIELDS or SECRET.search(name):
            continue
        if isinstance(inner, Mapping) and inner:
            yield from _leaves(inner, f"{path}{name}.")
        else:
            yield f"{path}{name}", inner


def _configuration(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name in sorted(a.keys() | b.keys()):
        if a.get(name) != b.get(name):
            yield name, _told(a, name), _told(b, name)


def _told(settings: Mapping[str, Any], name: str) -> str:
    if name not in settings:
        return ""
    return msgspec.json.encode(settings[name], enc_hook=str).decode("utf-8", "replace")


def _at(exchanges: list[Exchange], place: int | None) -> Exchange | None:
    return None if place is None else exchanges[place]


def _is_yours(exchange: Exchange) -> bool:
    """You began it; a greeting is nobody's turn."""
    return any(line.turn.who == "you" for line in exchange.lines)


def _bag(exchange: Exchange) -> Counter[str]:
    return Counter(_plain(word) for word in _WORD.findall(f"{exchange.said('you')} {exchange.said('assistant')}"))


def _plain(word: str) -> str:
    return _EDGES.sub("", word).casefold() or word
