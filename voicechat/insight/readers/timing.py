"""When something happened, out of whatever a log gives: ISO dates, clock times, epochs, seconds since a start.

A log without any times still has one clock: OpenAI's ids begin with the second in which they were made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

from voicechat.protocol.wire import number_within

_ISO = re.compile(
    r"(20\d\d)[-/.](\d\d?)[-/.](\d\d?)[T _-](\d\d?)[:.](\d\d)[:.](\d\d)(?:[.,:](\d{1,9}))?\s*(Z|[+-]\d\d:?\d\d)?"
)
_DAY_CLOCK = re.compile(r"(?<!\d)(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)[.,](\d{3,6})")
"""Android's logcat."""
_CLOCK = re.compile(r"(?<![\d:.-])(\d\d?):(\d\d):(\d\d)(?:[.,:](\d{1,6}))?(?:\s*(AM|PM|am|pm))?(?![\d:])")
_EPOCH = re.compile(r"(?<![\w.])(1[5-9]\d{8})(?:(\d{3})|\.(\d{1,6}))?(?![\w.])")
_HEAD = re.compile(r"\W*(?:(?!call|chan|uniq|id\b)\w{1,10}\W+){0,2}", re.I)
"""What may stand before an epoch that is a line's time: a level or a tag, no sentence and no name of an id."""
_SINCE = re.compile(r"^\W{0,3}(?:t ?[=:] ?)?\+?(\d{1,6}\.\d{1,6})\s*(?:s\b|sec\b|\]|\)|:|\s|\|)")
_MINUTES = re.compile(r"^\W{0,2}(\d{1,3}):([0-5]\d)(?:\.(\d{1,3}))?(?=[\])]?\s)")
"""`0:04`, minutes and seconds of a call."""
_ESP = re.compile(r"^[VDIWE] \((\d{1,10})\)(?= \w)")
"""ESP-IDF: a level, and milliseconds since the chip was started."""
_MS_SINCE = re.compile(r"^\W{0,3}(?:t ?[=:] ?)?\+?(\d{1,9})\s*ms\b")
LOOKED_AT = 80
"""Characters at the start of a line in which its time is looked for."""
DAY = 86_400.0

EPOCH = 1e9
"""A larger number of seconds is a date."""
FEWEST_STEPS = 4
LONGEST_STEP = 20.0
"""Median seconds between two events beyond which the numbers cannot be seconds."""
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID = re.compile(r"\b(?:event|item|resp|sess|conv|call)_([0-9A-Za-z]{5})[0-9A-Za-z]{8,}")
_ID_EPOCH = 1_576_800_000
"""Ids count seconds from here: five base-62 characters after the prefix, digits, then capitals, then small letters."""
_POSSIBLE = (1_700_000_000.0, 2_000_000_000.0)
"""End of 2023 to 2033: what an id of the Realtime API may say; anything else was made by another service."""


def time_in(line: str) -> tuple[float, int, int] | None:
    """(seconds, begin, end of the match) of the time near a line's beginning. Clock times count from midnight."""
    head = line[:LOOKED_AT]
    if "20" in head and (match := _ISO.search(head)):
        return _of_date(match), *match.span()
    if "-" in head and (match := _DAY_CLOCK.search(head)):
        month, day, hour, minute, second = (int(part) for part in match.groups()[:5])
        return ((month * 31 + day) * 24 + hour) * 3600 + minute * 60 + second + _fraction(match[6]), *match.span()
    if match := _CLOCK.search(head):
        return _of_clock(match), *match.span()
    if (match := _EPOCH.search(head)) and _HEAD.fullmatch(head, 0, match.start()):
        return int(match[1]) + _fraction(match[2] or match[3] or ""), *match.span()
    if match := _MINUTES.match(head):
        return int(match[1]) * 60 + int(match[2]) + _fraction(match[3] or ""), *match.span()
    if match := _SINCE.match(head):
        return float(match[1]), match.start(1), match.end(1)
    if match := _ESP.match(head) or _MS_SINCE.match(head):
        return int(match[1]) / 1000, *match.span()
    return None


def time_of(value: object) -> float | None:
    """Seconds out of a JSON value: a number in seconds, milliseconds or microseconds, or a text with a time in it."""
    if type(value) is float and 0.0 <= value < EPOCH:
        return value
    if isinstance(value, int | float):
        return _of_number(value)
    if isinstance(value, str):
        if value[4:5] == "-" and (quick := _of_iso(value)) is not None:
            return quick
        found = time_in(value)
        if found is not None:
            return found[0]
        try:
            return _of_number(float(value))
        except ValueError:
            return None
    return None


def _of_iso(value: str) -> float | None:
    """The quick way for what most wrappers write."""
    try:
        moment = datetime.fromisoformat(value)
    except (ValueError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def second_of_id(text: str) -> float | None:
    """The second since 1970 in which OpenAI made the first id in `text`; None where there is no such id."""
    if (match := _ID.search(text)) is None:
        return None
    number = 0
    for mark in match[1]:
        number = number * 62 + _DIGITS.index(mark)
    made = float(number + _ID_EPOCH)
    return made if _POSSIBLE[0] < made < _POSSIBLE[1] else None


def unit_of(times: Sequence[tuple[float | None, float | None]]) -> float:
    """Seconds that 1 stands for in the times of a log, each with the second its ids were made in (None: not told).

    A bare number may be seconds or milliseconds. Where ids tell seconds, the two spans decide; else the steps do:
    between events of a talk lie some milliseconds, and no median step is half a minute.
    """
    bare = [(raw, made) for raw, made in times if raw is not None and raw < EPOCH]
    if len(bare) < FEWEST_STEPS:
        return 1.0
    both = [(raw, made) for raw, made in bare if made is not None]
    if both and (lasted := max(made for _, made in both) - min(made for _, made in both)) >= 2.0:
        span = max(raw for raw, _ in both) - min(raw for raw, _ in both)
        return 1e-6 if span > 3e5 * lasted else 1e-3 if span > 30 * lasted else 1.0
    numbers = [raw for raw, _ in bare]
    steps = sorted(later - earlier for earlier, later in pairwise(numbers) if later > earlier)
    is_whole = all(number == int(number) for number in numbers)
    return 1e-3 if is_whole and len(steps) >= FEWEST_STEPS - 1 and steps[len(steps) // 2] >= LONGEST_STEP else 1.0


class Clock:
    """Session time out of the times of a log: from the first one, over midnight, never backwards by a day."""

    def __init__(self) -> None:
        self._first: float | None = None
        self._last = 0.0
        self._days = 0.0

    def tell(self, raw: float | None) -> float | None:
        """Seconds since the first time that was told."""
        if raw is None:
            return None
        if self._first is None:
            self._first = self._last = raw
        now = raw + self._days
        if now < self._last - DAY / 2 and raw < DAY:
            self._days += DAY
            now += DAY
        if now > self._last:
            self._last = now
        return round(now - self._first, 6)


def _of_number(number: float) -> float | None:
    """Seconds, out of anything up to nanoseconds since 1970."""
    if (value := number_within(number, 0.0, 1e19)) is None:
        return None
    for factor in (1e9, 1e6, 1e3):
        if value / factor > 1e9:
            return value / factor
    return value


def _of_date(match: re.Match[str]) -> float:
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return 0.0
    return moment.timestamp() + _fraction(match[7] or "") - _offset(match[8] or "")


def _offset(zone: str) -> float:
    if not zone or zone == "Z":
        return 0.0
    digits = zone[1:].replace(":", "")
    seconds = int(digits[:2]) * 3600 + int(digits[2:] or 0) * 60
    return -seconds if zone[0] == "-" else seconds


def _of_clock(match: re.Match[str]) -> float:
    hour = int(match[1])
    if match[5]:
        hour = hour % 12 + (12 if match[5].lower() == "pm" else 0)
    return hour * 3600 + int(match[2]) * 60 + int(match[3]) + _fraction(match[4] or "")


def _fraction(digits: str) -> float:
    return int(digits) / 10 ** len(digits) if digits else 0.0
