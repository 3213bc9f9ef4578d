"""What the server measured: how long the user spoke, how fast it heard and answered, how often it was cut."""

from __future__ import annotations

from voicechat.local_server.brain.numbers import as_digits
from voicechat.local_server.brain.skill import Ask, Reply, say
from voicechat.local_server.brain.skills.timers import spoken_duration
from voicechat.local_server.brain.words import counted

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
