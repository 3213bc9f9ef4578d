"""Greetings, thanks and good-byes, short and honest."""

from __future__ import annotations

from datetime import datetime

from voicechat.local_server.brain.skill import Ask, Reply, say

_FIXED: tuple[tuple[str, str], ...] = (
    (r"\bhow are you\b|\bhow (?:is it|are things) going\b|\bhow do you (?:do|feel)\b|\bare you (?:ok|well"
     r"|fine)\b|\bwhat is up$|\bhow was your day\b",
     "I am a program, so I have no mood, but everything here is working. What can I do for you?"),
    (r"\b(?:thanks|thank you|thank u|cheers|much appreciated)\b", "You are welcome."),
    (r"^(?:\w+ )?(?:bye|goodbye|good bye|bye bye|see you|see ya|farewell|good night|cu|ciao)\b|\b(?:bye"
     r"|goodbye|good night)$",
     "Goodbye! Press Q twice to leave, or just keep talking."),
    (r"\bnice to (?:meet|see|talk to) you\b|\bpleased to meet\b", "Nice to meet you too."),
    (r"\bi (?:love|like) (?:you|it|this)\b|\byou are (?:\w+ )?(?:great|good|nice|cool|funny|awesome"
     r"|amazing|smart|clever|the best)\b"
     r"|^(?:well done|good job|great|awesome|cool|nice|perfect|excellent|wow|good)\b$",
     "Thank you. I am only a small program, but I try."),
    (r"\byou are (?:\w+ )?(?:stupid|dumb|bad|useless|terrible|an idiot|annoying|wrong)\b|\bi hate you\b"
     r"|\bthat is (?:wrong|not right|not true|incorrect)\b",
     "I am sorry. I am a small assistant with a fixed set of skills; ask what I can do."),
    (r"^(?:i am )?sorry\b", "No problem."),
    (r"^(?:(?:no )?never ?mind|nothing|forget it|stop|stop it|cancel|be quiet|quiet|no|no thanks|enough"
     r"|that is (?:all|it|enough))$",
     "OK."),
    (r"^(?:yes|yeah|yep|ok|right|sure|alright|i see|got it|understood|exactly|aha|fine|good)(?: (?:yes|ok"
     r"|good|great|right))?$", "OK. What next?"),
    (r"^(?:wait|hold on|hang on|1 moment|1 second|give me|stay)(?: (?:a|1|me))?(?: (?:second|sec|minute"
     r"|moment|bit))?$", "Take your time."),
    (r"\bhow old are you\b|\bwhere (?:do you live|are you(?: from)?)\b|\bdo you (?:have|feel) (?:feelings|emotions)\b",
     "I am a program on your computer, without age, home or feelings."),
    (r"\bwill you marry me\b|\bdo you love me\b", "I am a program, so that would be a short marriage."),
    (r"\b(?:meaning of life|answer to (?:life|everything))\b", "A famous book says forty-two."),
    (r"\bsing\b.*\bsongs?\b|\bsing (?:for me|something|to me)\b|\bcan you sing\b",
     "I cannot sing, but I can tell a story."),
    (r"^(?:testing|test|mic check|microphone check|check|(?:test )*1 2(?: 3)?(?: 4)?"
     r"|testing 1 2(?: 3)?)(?: (?:testing|test|1 2(?: 3)?))*$",
     "I hear you loud and clear."),
)  # fmt: skip
_HELLO = (
    r"^(?:(?:hello|hallo|helo|hi|hey|hiya|howdy|greetings|yo|good (?:morning|afternoon|evening"
    r"|day))\b ?)+(?:there|echo|guide|computer|everyone|again|you)*$"
)


def small_talk(ask: Ask) -> Reply | None:
    """Answer a courtesy."""
    if ask.heard.find(_HELLO) or ask.heard.line in ("echo", "echo guide", "computer", "assistant"):
        name = f", {ask.memory.name}" if ask.memory.name else ""
        return say(f"{_greeting(ask.turn.now)}{name}! I am Echo guide, the built-in assistant. Ask what I can do.")
    if ask.heard.find(r"^(?:say )(?:hello|hi)\b"):
        return say(f"{_greeting(ask.turn.now)}!")
    for pattern, answer in _FIXED:
        if ask.heard.find(pattern):
            return say(answer)
    return None


def _greeting(now: datetime) -> str:
    return "Good morning" if 5 <= now.hour < 12 else "Good afternoon" if 12 <= now.hour < 18 else "Good evening"
