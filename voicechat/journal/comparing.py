"""Two talks compared: which exchanges belong together, and in what they, configuration and findings differ.

Equal enough is what says the same, in the same events, within the same times: capitals and punctuation do not count,
nor does the order of events that raced, which is told all the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

import msgspec

from voicechat.journal.exchanges import Exchange, exchanges_of
from voicechat.journal.past_talk import PastTalk
from voicechat.journal.redaction import SECRET

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
    for name, field in marks:
        x, y = _since(a, field), _since(b, field)
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
    return any(line.who == "you" for line in exchange.lines)


def _bag(exchange: Exchange) -> Counter[str]:
    return Counter(_plain(word) for word in _WORD.findall(f"{exchange.said('you')} {exchange.said('assistant')}"))


def _plain(word: str) -> str:
    return _EDGES.sub("", word).casefold() or word
