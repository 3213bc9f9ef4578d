"""Timers: "set a timer for five minutes", "wake me in an hour", "how long is left", "cancel the timer".

The skill only says that a timer starts; the server makes it ring with a spoken response of its own.
"""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction

from voicechat.local_server.brain.base import Say, StartTimer, StopTimers
from voicechat.local_server.brain.numbers import as_digits
from voicechat.local_server.brain.skill import Ask, Reply, say
from voicechat.local_server.brain.words import listed

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
