"""The time and the date, here and in some large cities, and how far a day is away. The clock is the turn's `now`."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from voicechat.local_server.brain.skill import Ask, Reply, say
from voicechat.local_server.brain.words import counted

_CITIES = {
    "london": "Europe/London", "paris": "Europe/Paris", "berlin": "Europe/Berlin", "madrid": "Europe/Madrid",
    "rome": "Europe/Rome", "vienna": "Europe/Vienna", "zurich": "Europe/Zurich",
    "amsterdam": "Europe/Amsterdam", "stockholm": "Europe/Stockholm", "athens": "Europe/Athens",
    "moscow": "Europe/Moscow", "istanbul": "Europe/Istanbul", "cairo": "Africa/Cairo", "lagos": "Africa/Lagos",
    "nairobi": "Africa/Nairobi", "johannesburg": "Africa/Johannesburg", "dubai": "Asia/Dubai",
    "mumbai": "Asia/Kolkata", "delhi": "Asia/Kolkata", "singapore": "Asia/Singapore", "bangkok": "Asia/Bangkok",
    "hong kong": "Asia/Hong_Kong", "beijing": "Asia/Shanghai", "shanghai": "Asia/Shanghai",
    "seoul": "Asia/Seoul", "tokyo": "Asia/Tokyo", "sydney": "Australia/Sydney", "auckland": "Pacific/Auckland",
    "new york": "America/New_York", "boston": "America/New_York", "toronto": "America/Toronto",
    "chicago": "America/Chicago", "denver": "America/Denver", "los angeles": "America/Los_Angeles",
    "san francisco": "America/Los_Angeles", "seattle": "America/Los_Angeles",
    "mexico city": "America/Mexico_City", "sao paulo": "America/Sao_Paulo",
    "buenos aires": "America/Argentina/Buenos_Aires", "utc": "UTC", "greenwich": "UTC",
}  # fmt: skip
_MONTHS = tuple("january february march april may june july august september october november december".split())
_DAYS = tuple("monday tuesday wednesday thursday friday saturday sunday".split())
_FEASTS = {
    "christmas eve": (12, 24), "christmas": (12, 25), "new year's eve": (12, 31), "new year": (1, 1),
    "new year's": (1, 1), "new years": (1, 1), "halloween": (10, 31), "valentine's day": (2, 14),
    "valentines": (2, 14),
}  # fmt: skip

_TIME = re.compile(
    r"\b(?:what|which|what is the|what is|tell me(?: the)?|the|current|got the|have the|give me the"
    r"|know the) (?:current |exact )?time\b"
    r"(?! (?:zone|difference|table|does|do|will|did|should)\b)|\bwhat time (?:is it|it is|do we have)\b"
    r"|\bhow late is it\b|^(?:the )?time(?: now)?$"
    r"|\bwhat is the hour\b"
)
_DATE = re.compile(
    r"\b(?:date|day of the month)\b.*\b(?:today|it|now|have)\b|\bwhat(?: is|'s)? (?:the |today's )?date\b"
    r"|\bthe date$|^(?:today's )?date$"
    r"|\bwhat day\b.*\b(?:is it|today|it is|we have|is this)\b|\bwhat is today\b|\bwhat weekday\b"
    r"|\bday of the week\b|\bday is it\b"
    r"|\b(?:what|which) (?:month|year)\b.*\b(?:is it|it is|are we|we have|is this)\b|\btell me (?:the|today's) date\b"
)
_UNTIL = re.compile(r"\bhow (?:many days|long|far)\b.*\b(?:until|till|til|to|before|away is|is it to)\b (?P<day>.+)")


def clock(ask: Ask) -> Reply | None:
    """Tell the time or the date, or count the days to one."""
    line, now = ask.heard.line, ask.turn.now
    if (match := _UNTIL.search(line)) and (day := _named_day(match["day"], now.date())):
        return say(_days_until(day, now.date()))
    if line.startswith(("how many", "how long")):
        return None
    if _TIME.search(line) or (line.startswith("what time") and " in " in line):
        return say(_time_there(line, now) or f"It is {clock_time(now)}.")
    if re.search(r"\b(tomorrow|yesterday)\b", line) and re.search(r"\b(what|which)\b.*\b(day|date)\b", line):
        return say(_neighbour(now, 1 if "tomorrow" in line else -1))
    if re.search(r"\bwhat week\b|\bweek number\b|\bcalendar week\b", line):
        return say(f"It is week {now.isocalendar().week} of {now.isocalendar().year}.")
    if _DATE.search(line):
        return say(f"Today is {_written(now.date())}.")
    return None


def clock_time(now: datetime) -> str:
    """`3:07 PM`."""
    return f"{now.hour % 12 or 12}:{now.minute:02} {'AM' if now.hour < 12 else 'PM'}"


def _written(day: date) -> str:
    return f"{_DAYS[day.weekday()].capitalize()}, {_MONTHS[day.month - 1].capitalize()} {day.day}, {day.year}"


def _neighbour(now: datetime, days: int) -> str:
    day = now.date() + timedelta(days=days)
    return f"{'Tomorrow is' if days > 0 else 'Yesterday was'} {_written(day)}."


def _time_there(line: str, now: datetime) -> str:
    """The time in the city named; empty when none is. An unknown city is said to be unknown."""
    match = re.search(r"\b(?:in|at) (?:the )?(.+)$", line)
    if match is None:
        return ""
    place = match[1].removesuffix(" right now").removesuffix(" now").removesuffix(" please")
    if place in ("here", "this place", "my city", "my place", "moment", "the moment"):
        return ""
    zone = _CITIES.get(place)
    if zone is None or now.tzinfo is None:
        return f"I do not know the time in {place.title()}; here it is {clock_time(now)}."
    try:
        there = now.astimezone(ZoneInfo(zone))
    except ZoneInfoNotFoundError:
        return f"This computer has no time zone data for {place.title()}; here it is {clock_time(now)}."
    day = "" if there.date() == now.date() else f" on {_DAYS[there.weekday()].capitalize()}"
    name = "UTC" if place == "utc" else place.title()
    return f"In {name} it is {clock_time(there)}{day}."


def _named_day(words: str, today: date) -> date | None:
    for name, (month, day) in _FEASTS.items():
        if words.startswith((name, f"the {name}")):
            return _next(month, day, today)
    if words.removeprefix("next ").split()[0] in _DAYS:
        ahead = (_DAYS.index(words.removeprefix("next ").split()[0]) - today.weekday()) % 7 or 7
        return today + timedelta(days=ahead)
    for month, name in enumerate(_MONTHS, start=1):
        if match := re.search(rf"(?:{name} (?:the )?(\d{{1,2}})|(\d{{1,2}})(?:st|nd|rd|th)? (?:of )?{name})", words):
            return _next(month, int(match[1] or match[2]), today)
    return None


def _next(month: int, day: int, today: date) -> date | None:
    for year in range(today.year, today.year + 9):
        try:
            found = date(year, month, day)
        except ValueError:
            continue
        if found >= today:
            return found
    return None


def _days_until(day: date, today: date) -> str:
    days = (day - today).days
    return f"That is today: {_written(day)}." if days == 0 else f"{counted(days, 'day')} until {_written(day)}."
