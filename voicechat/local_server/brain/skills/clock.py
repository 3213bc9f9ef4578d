"""The time and the date, here and in some large cities, and how far a day is away. The clock is the turn's `now`.

Timers: "set a timer for five minutes", "wake me in an hour", "how long is left", "cancel the timer".

The skill only says that a timer starts; the server makes it ring with a spoken response of its own.

Remembers, within the session: the user's name, and notes. Nothing is written to disk, and it says so.

What the server measured: how long the user spoke, how fast it heard and answered, how often it was cut.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from voicechat.local_server.brain.base import Say, StartTimer, StopTimers
from voicechat.local_server.brain.numbers import as_digits
from voicechat.local_server.brain.skill import Ask, Reply, say
from voicechat.local_server.brain.words import Heard, counted, listed

_LONGEST = 24 * 3600
_SECONDS = {"second": 1, "sec": 1, "minute": 60, "min": 60, "minuet": 60, "hour": 3600, "our": 3600}
_PIECE = re.compile(
    r"(?:(?P<half>half (?:an? )?)|(?P<number>\d+(?:\.\d+)?|an?) )(?P<unit>second|sec|minute|min|minuet|hour|our)s?\b"
    r"(?: and (?P<more>a half|a quarter))?"
)
_ABOUT = (
    r"\b(?:timers?|times? for|alarms?|countdowns?|count down|egg timer|remind|reminders?|wake me|ring"
    r"|tell me in|time me)\b"
)
_NOT_A_LABEL = frozenset(
    "a an my the new another second minute hour sec min for set start short quick long egg".split()
)
_MOST_TIMERS = 20


def timers(ask: Ask) -> Reply | None:
    """Start, list or cancel timers."""
    line = ask.heard.line
    pending = ask.memory.asked == "timer"
    about = re.search(_ABOUT, line) or re.search(r"^(?:set|start|put)\b.*\b(?:seconds?|minutes?|hours?)\b", line)
    if not about and not pending:
        return None
    ask.memory.timers = [timer for timer in ask.memory.timers if timer[0] > ask.turn.now]
    if re.search(r"\b(?:cancel|stop|delete|remove|clear|forget|turn off|kill|never ?mind|abort)\b", line):
        ask.memory.asked = ""
        return _cancel(ask)
    if re.search(r"\b(?:left|remaining|remains|status|which|any|list|how long|how much|when)\b", line):
        return _remaining(ask)
    if not pending and re.search(r"\bwake me\b|\balarm\b", line) and re.search(r"\bat\b|\d:\d\d|o'clock|[ap]m\b", line):
        return say("I have no alarm clock, only timers that count down. Say for example: set a timer for one hour.")
    seconds = duration_in(line, bare_minutes=pending)
    if seconds is None:
        if pending or not re.search(r"\b(?:set|start|need|want|make|create|timer|alarm|remind)\b", line):
            ask.memory.asked = ""
            return None
        ask.memory.asked = "timer"
        return say("For how long? Say for example five minutes.")
    ask.memory.asked = ""
    return _start(ask, seconds)


def duration_in(line: str, *, bare_minutes: bool = False) -> int | None:
    """The seconds named in the line ("1 hour 30 minutes", "half an hour"); None if none are.

    `bare_minutes`: a lone number means minutes, because it answers "for how long?".
    """
    total, found = Fraction(0), False
    for match in _PIECE.finditer(line):
        unit = _SECONDS[match["unit"]]
        amount = (
            Fraction(1, 2)
            if match["half"]
            else Fraction(1)
            if match["number"] in ("a", "an")
            else Fraction(match["number"])
        )
        amount += {"a half": Fraction(1, 2), "a quarter": Fraction(1, 4)}.get(match["more"] or "", Fraction(0))
        total, found = total + amount * unit, True
    if (
        not found
        and bare_minutes
        and (lone := re.fullmatch(r"(?:for |about |make it |4 )?(\d+(?:\.\d+)?)(?: then)?", line))
    ):
        return round(Fraction(lone[1]) * 60)
    return round(total) if found else None


def spoken_duration(seconds: int) -> str:
    """`1 hour and 30 minutes`."""
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    parts = [(hours, "hour"), (minutes, "minute"), (left, "second")]
    words = [f"{as_digits(count)} {unit}{'' if count == 1 else 's'}" for count, unit in parts if count]
    return listed(words) or "0 seconds"


def _start(ask: Ask, seconds: int) -> Reply:
    if not 1 <= seconds <= _LONGEST:
        return say("A timer can run from one second to 24 hours.")
    if len(ask.memory.timers) >= _MOST_TIMERS:
        return say(f"{_MOST_TIMERS} timers are running already. Cancel them first.")
    label, reminder = _label_in(ask.heard.line), _reminder_in(ask.heard.line)
    length = spoken_duration(seconds)
    shown = label or length.replace("hours", "hour").replace("minutes", "minute").replace("seconds", "second")
    ask.memory.timers.append((ask.turn.now + timedelta(seconds=seconds), shown))
    what = f"{label} timer" if label else "timer"
    done = f"OK, I will remind you in {length}." if reminder else f"OK, I started a {what} for {length}. I will ring."
    return (StartTimer(float(seconds), shown, reminder), Say(done))


def _label_in(line: str) -> str:
    """ "pasta" in "set a pasta timer for 8 minutes" and in "start a timer called pasta"."""
    if match := re.search(r"\b(?:called|named|labell?ed) ([a-z' ]{2,40})$", line):
        return match[1]
    match = re.search(r"\b([a-z']+) (?:timer|alarm|countdown)\b", line)
    if match is None or match[1] in _NOT_A_LABEL or match[1].removesuffix("s") in _SECONDS:
        return ""
    return match[1]


def _reminder_in(line: str) -> str:
    """ "drain the pasta" in "remind me in 8 minutes to drain the pasta"."""
    about = r"\bremind me (?:.*? )?(?:to|about|of) ((?!\d)[a-z' ]{2,80}?)(?: in (?:\d|an?\b|half).*)?$"
    match = re.search(about, line)
    return re.sub(r"\bmy\b", "your", match[1]) if match else ""


def _remaining(ask: Ask) -> Reply:
    running = sorted(ask.memory.timers)
    if not running:
        return say("No timer is running.")
    texts = [
        f"the {label} timer has {spoken_duration(max(1, round((due - ask.turn.now).total_seconds())))} left"
        for due, label in running
    ]
    text = listed(texts)
    return say(f"{text[:1].upper()}{text[1:]}.")


def _cancel(ask: Ask) -> Reply:
    count = len(ask.memory.timers)
    ask.memory.timers.clear()
    if not count:
        return say("No timer is running.")
    return (StopTimers(), Say("I cancelled the timer." if count == 1 else f"I cancelled all {count} timers."))


_LONGEST_NOTE = 300
_MOST_NOTES = 50
_NAME = (
    r"\b(?:my name is|my name's|call me|you can call me"
    r"|people call me)\s+([^\W\d_][\w'’\-]*(?:\s+[A-Z][\w'’\-]*)?)"
)
_NOTE = (
    r"\b(?:remember(?: (?:that|this))?|make a note(?: that| of)?|take a note(?: that| of)?"
    r"|note(?: down)?(?: that)?|write down(?: that)?"
    r"|note to self|do ?n[o']t forget(?: that)?)[\s:,;.]+(.+?)\s*$"
)
_NOTES = (
    r"\b(?:what|which|read|tell me|list|show|any|repeat)\b.*\b(?:notes?|remember|remembered|write down"
    r"|noted)\b|^(?:my )?notes$"
    r"|\bwhat did i (?:tell|ask) you to (?:remember|note)\b|\bdo you remember (?:anything|what)\b"
)
_FORGET = r"\b(?:forget|delete|clear|erase|remove)\b.*\b(?:notes?|everything|all|what i (?:said|told you)|my name)\b"
_ABOUT_ME = r"^(?:what|who|where|when|which|how (?:old|many|much))\b.*\b(?:my|mine)\b"
_LITTLE = frozenset("what who where when which how is are was were do does did my mine the a an i called of to".split())
"""Words that a question and any note share."""
_NOT_NAMES = frozenset("a an the not when if back later what is in on".split())


def remember(ask: Ask) -> Reply | None:
    """Keep or tell names and notes."""
    return _forget(ask) or _ask_name(ask) or _learn_name(ask) or _read_notes(ask) or _take_note(ask) or _tell_note(ask)


def relearn(ask: Ask) -> None:
    """A line of the user out of a conversation that was told anew (a client reconnected): keep what it says to keep."""
    if not ask.heard.plain:
        return
    _forget(ask) or _learn_name(ask) or _take_note(ask)


def _learn_name(ask: Ask) -> Reply | None:
    name = ask.heard.original(_NAME).strip(".,!? ")
    if not name or name.split()[0].lower() in _NOT_NAMES:
        return None
    ask.memory.name = " ".join(part[:1].upper() + part[1:] for part in name.split())[:60]
    return say(f"Nice to meet you, {ask.memory.name}. I will remember your name until this session ends.")


def _ask_name(ask: Ask) -> Reply | None:
    if not ask.heard.find(
        r"\b(?:what is|do you (?:know|remember)|remember|say|tell me) my name\b|\bwho am i\b|\bmy name is what\b"
    ):
        return None
    if ask.memory.name:
        return say(f"Your name is {ask.memory.name}.")
    return say("You have not told me your name yet. Say: my name is, and your name.")


def _take_note(ask: Ask) -> Reply | None:
    if ask.heard.find(r"\bremember\?*$|\bdo you remember\b|\bremember me\b"):
        return None
    if not ask.heard.find(r"^(?:also |please )*(?:remember|note|make|take|write|do not forget|jot)\b"):
        return None
    note = ask.heard.original(_NOTE).strip(" .,!")
    if not note:
        return None
    if len(ask.memory.notes) >= _MOST_NOTES:
        return say(f"I keep at most {_MOST_NOTES} notes. Say: forget my notes.")
    ask.memory.notes.append(note[:_LONGEST_NOTE])
    return say(f"Noted: {_turned(ask.memory.notes[-1])}. I keep it until this session ends.")


def _read_notes(ask: Ask) -> Reply | None:
    if not ask.heard.find(_NOTES) or ask.heard.find(r"\bremember that\b"):
        return None
    notes = ask.memory.notes
    if not notes:
        return say("I have no notes. Say for example: remember that the key is under the mat.")
    lines = [f"{_turned(note)[:1].upper()}{_turned(note)[1:]}." for note in notes]
    return say(f"You asked me to remember {counted(len(notes), 'thing')}.", *lines)


def _tell_note(ask: Ask) -> Reply | None:
    """`What is my cat called?`: the note that shares the most words with the question, if the question is about me."""
    if not ask.memory.notes or not ask.heard.find(_ABOUT_ME):
        return None
    asked = set(ask.heard.words) - _LITTLE
    shared, note = max((len(asked & set(Heard(note).words)), note) for note in ask.memory.notes)
    return say(f"You told me: {_turned(note)}.") if shared else None


def _forget(ask: Ask) -> Reply | None:
    if not ask.heard.find(_FORGET) or ask.heard.find(r"\b(?:do not|never) forget\b"):
        return None
    ask.memory.notes.clear()
    ask.memory.name = ""
    return say("Forgotten: your notes and your name.")


def _turned(note: str) -> str:
    """ "my car is red" becomes "your car is red", so that the note is read from the listener's side."""
    for pattern, word in (
        (r"\bmy\b", "your"),
        (r"\bI am\b|\bI'm\b", "you are"),
        (r"\bI\b", "you"),
        (r"\bmine\b", "yours"),
    ):
        note = re.sub(pattern, word, note, flags=0 if "I" in pattern else re.IGNORECASE)
    return note


_SPOKE = (
    r"\bhow (?:long|much|many seconds)\b.*\b(?:i|we|me)\b.*\b(?:speak|spoke|spoken|talk|talked|talking"
    r"|speaking|said|say)\b"
    r"|\bhow long was (?:that|my|the) (?:sentence|utterance|last|turn|question)?"
    r"|\blength of my (?:last )?(?:sentence|turn)\b"
)
_SPEED = (
    r"\bhow (?:fast|quick|quickly|long)\b.*\byou\b.*\b(?:hear|heard|answer|answered|respond"
    r"|responded|react|reply|understand|take)\b"
    r"|\b(?:latency|response time|reaction time|delay)\b|\bhow (?:fast|quick|slow) (?:are|were) you\b"
)
_TOGETHER = (
    r"\bhow long\b.*\b(?:been (?:talking|connected|here|going|speaking)|connected|session"
    r"|conversation|call|this talk)\b"
)
_CUTS = r"\bhow (?:often|many times)\b.*\b(?:interrupt|interrupted|cut|stop|stopped)\b|\bdid i interrupt\b"
_TURNS = r"\bhow (?:many|often)\b.*\b(?:turns?|times|questions?|sentences|answers?|things)\b.*\b(?:i|you|we|been|far)\b"
_ALL = (
    r"\bsession (?:facts|numbers|statistics|stats|info)\b|\b(?:statistics|stats|numbers) (?:of|about"
    r"|for) (?:this|the|our)\b|^(?:statistics|stats)$"
)


def session_facts(ask: Ask) -> Reply | None:
    """Tell what was measured; say so where nothing was yet."""
    heard = ask.heard
    if heard.find(_TOGETHER) and not heard.find(r"\bi (?:speak|spoke|talk|talked)\b"):
        return say(_connected(ask))
    if heard.find(_CUTS):
        return say(f"You cut in {_times(ask.turn.facts.interruptions)} so far.")
    if heard.find(_SPEED):
        return say(_speed(ask))
    if heard.find(_SPOKE):
        return say(_speech(ask))
    if heard.find(_TURNS):
        return say(_turns(ask))
    return say(_connected(ask), _speech(ask), _speed(ask), _turns(ask)) if heard.find(_ALL) else None


def _connected(ask: Ask) -> str:
    return f"We have been connected for {spoken_duration(max(1, round(ask.turn.facts.connected_for)))}."


def _speech(ask: Ask) -> str:
    facts = ask.turn.facts
    if facts.last_user_speech is None:
        return "I have not heard your voice in this session yet."
    return (
        f"Your last sentence took {_seconds(facts.last_user_speech)}; "
        f"you have spoken for {_seconds(facts.user_speech)} in this session."
    )


def _speed(ask: Ask) -> str:
    facts = ask.turn.facts
    parts = []
    if facts.last_heard_after is not None:
        parts.append(f"I had your last words in writing {_milliseconds(facts.last_heard_after)} after you stopped")
    if facts.last_answered_after is not None:
        parts.append(f"my last answer began {_milliseconds(facts.last_answered_after)} after you stopped")
    if not parts:
        return "I have measured no answer yet. Ask me again after the next one."
    text = ", and ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def _turns(ask: Ask) -> str:
    facts = ask.turn.facts
    return f"You took {counted(facts.user_turns, 'turn')}, I gave {counted(facts.answers, 'answer')}."


def _times(count: int) -> str:
    return {0: "not once", 1: "once", 2: "twice"}.get(count, f"{count} times")


def _seconds(value: float) -> str:
    return counted(round(value, 1), "second")


def _milliseconds(value: float) -> str:
    return f"{as_digits(round(value * 1000))} milliseconds"


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
