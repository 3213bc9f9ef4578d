"""Greetings, thanks and good-byes, short and honest.

What the guide is and what it can do, said plainly: a small program with fixed skills, not a mind.

Jokes, one after another, none twice before all were told.

Repeats: "repeat after me ...", "say hello world", and "say that again" for its own last answer.

The stories, sentence by sentence. Written for this program; free to use like the rest of it.
"""

from __future__ import annotations

import re
from datetime import datetime

from voicechat.local_server.brain.skill import Ask, Reply, say

_ABLE = (
    r"\bwhat (?:\w+ )?(?:can|could|do) (?:you|i|we) (?:do|ask|say|know|try|talk about|offer)\b"
    r"|\bwhat are you (?:good|able|capable)\b|\byour (?:skills|abilities|capabilities)\b"
    r"|\bwhat (?:things |else |all )?(?:can|could) (?:you|i|we)\b|\bhow can you help\b|\bcan you help\b"
    r"|\bhelp me$|^help$|^(?:i need )?help\b.*\bplease$|\bwhat should i (?:say|ask|try)\b"
    r"|\bgive me (?:some )?(?:ideas|examples)\b|\bi need help$"
)
_WHO = (
    r"\bwho are you\b|\bwhat are you\b|\bwhat is your name\b|\byour name\b|\bintroduce yourself\b"
    r"|\btell me about yourself\b"
    r"|\bare you (?:a |an |really |actually )*(?:human|real|robot|person|bot|machine|computer|program|ai"
    r"|a i|artificial|alive|chat ?gpt|siri|alexa|there)\b"
    r"|\bwho (?:made|built|created|wrote) you\b|\bwho (?:am i|is this|are we) (?:talking|speaking)\b"
    r"|\bwho is (?:this|there)\b|\bwhat am i talking to\b"
)
ABLE = (
    "I can tell the time and date, work out sums, convert units, set timers that ring, toss a coin, roll dice, spell, "
    "repeat after you, remember your name and notes, play a guessing game, tell jokes and stories, count, "
    "and explain every key of this program.",
    "Try: what is twelve times seven, set a timer for one minute, or tell me a long story, and interrupt me.",
)


def about(ask: Ask) -> Reply | None:
    """Say what it is, or what it can do."""
    if ask.heard.find(
        r"\bare you there\b|\b(?:can|do) you hear me\b|\b(?:can|do) you understand me\b|\bis (?:this"
        r"|it) (?:working|on)\b"
    ):
        return say("Yes, I hear you.")
    if ask.heard.find(_ABLE):
        return say(*ABLE)
    if ask.heard.find(_WHO):
        return say(
            "I am Echo guide, a small assistant built into voicechat.",
            "I am no language model: I run entirely on this computer and have a fixed set of skills. Ask "
            "what I can do.",
        )
    return None


JOKES = (
    ("Why did the microphone go to school?", "It wanted to be a little more sound."),
    ("Why do programmers mix up Halloween and Christmas?", "Because Oct 31 is Dec 25."),
    ("What do you call a bear without teeth?", "A gummy bear."),
    ("I told my computer that I needed a break.", "It said no problem, and went to sleep."),
    ("Why did the bicycle fall over?", "It was two tired."),
    ("What do you call an echo that never answers?", "A very good listener."),
    ("How does the ocean say hello?", "It waves."),
    ("Why was the math book sad?", "It had too many problems."),
    ("I would tell you a joke about network packets,", "but you might not get it."),
    ("What is orange and sounds like a parrot?", "A carrot."),
)


def jokes(ask: Ask) -> Reply | None:
    """Tell the next joke."""
    wants = ask.heard.find(
        r"\bjokes?\b|\bmake me laugh\b|\bsomething funny\b|\bbe funny\b|\b(?:cheer|crack) me up\b|\bchoke\b$"
    )
    another = ask.memory.told_jokes and ask.heard.find(r"^(?:tell me )?(?:another|1 more|another 1|more)(?: 1)?$")
    if not (wants or another) or ask.heard.has("no joke", "joking"):
        return None
    joke = JOKES[ask.memory.told_jokes % len(JOKES)]
    ask.memory.told_jokes += 1
    return say(*joke)


_LONGEST = 1_000
_AFTER_ME = (
    r"\b(?:repeat|say|speak)(?: this| that| it| these words| the following)?,? after me[\s,:;.\-\"“]*(.+?)[\"”]?\s*$"
)
_SAY = (
    r"^(?:(?:ok|so|hey|please|now|can you|could you|would you)[,\s]+)*(?:say|repeat)(?: the (?:words?"
    r"|sentence|phrase)| the following| this)?"
    r"[\s,:\"“]+(.+?)[\"”]?\s*$"
)
_AGAIN = (
    r"\b(?:say|repeat|tell me) (?:that|it|this|yourself|what you said|the last (?:one|thing|sentence"
    r"|answer))(?: again| once more| 1 more time)?$"
    r"|\bwhat did you (?:just )?say$|^(?:again|once more|pardon|pardon me|sorry what|come again|repeat"
    r"|say again|1 more time)$"
    r"|\bi did not (?:hear|understand|get|catch) (?:that|you|it)\b"
)


def echo(ask: Ask) -> Reply | None:
    """Say what the user wants said, or the last answer again."""
    politely = re.match(r"\W*(?:can|could|would|will) you\b", ask.heard.text, re.IGNORECASE)
    if words := ask.heard.original(_AFTER_ME):
        return say((words.rstrip("?") if politely else words)[:_LONGEST])
    if ask.heard.find(r"after me$"):
        return say("I am listening. Say: repeat after me, and then the words.")
    if ask.heard.find(r"\bwhat did i (?:just )?say$|\bwhat was my (?:last )?(?:sentence|question)$"):
        return _users_words(ask)
    if ask.heard.find(_AGAIN):
        return _again(ask)
    words = ask.heard.original(_SAY)
    if not words or ask.heard.find(
        r"\bsay (?:hello|hi|goodbye|something|anything|when|how|what|a number|my name|the alphabet"
        r"|the (?:\w+ )+tables?)\b"
    ):
        return None
    return say(re.sub(r",?\s*please[.!]?$", "", words, flags=re.IGNORECASE)[:_LONGEST])


def _users_words(ask: Ask) -> Reply:
    for role, text in reversed(ask.turn.history):
        if role == "user" and text.strip():
            return say(f"You said: {text.strip()[:_LONGEST]}")
    return say("You have not said anything before that.")


def _again(ask: Ask) -> Reply:
    for role, text in reversed(ask.turn.history):
        if role == "assistant" and text.strip():
            return say(text.strip()[:_LONGEST])
    return say("I have not said anything yet.")


STORIES: tuple[tuple[str, ...], ...] = (
    (
        "On a hill above the sea stood a lighthouse whose lamp had gone out.",
        "The keeper climbed the stairs every evening, lit it, and every morning it was dark again.",
        "One night she stayed awake and saw a small owl land on the glass and fold its wings around the light.",
        "The owl was cold, she understood, and had nowhere else to go.",
        "So she built it a box of wood beside the lamp, lined with wool.",
        "From then on the light burned until dawn, and two pairs of eyes watched over the ships.",
    ),
    (
        "A clockmaker once built a clock that was always five minutes late.",
        "People laughed at it, but he put it in his window and would not change it.",
        "One winter evening a boy ran into the square to catch the last coach, and wept, because it was gone.",
        "Then he saw the late clock, and beside it the coachman, who had looked at it too.",
        "Five minutes, said the coachman, can be a very kind thing.",
    ),
)
"""About 25 seconds each."""

LONG_STORIES: tuple[tuple[str, ...], ...] = (
    (
        "Long ago, in a valley where the wind never rested, there lived a girl named Mira who collected echoes.",
        "She carried a basket up into the mountains, called into every cave, and waited for the answer.",
        "Some echoes came back at once, sharp and bright, like a stone dropped into a well.",
        "Others took so long that she had time to eat her bread before they arrived.",
        "She gave each of them a name, and she never forgot one.",
        "One morning she found a cave that she had never seen before, hidden behind a curtain of ivy.",
        "She called her own name into the dark, and nothing came back.",
        "She waited until noon, and she waited until the shadows grew long, and still there was no answer.",
        "So she did what she had never done before: she asked the cave a question.",
        "Are you lonely, she asked.",
        "And very softly, from deep inside the mountain, a voice said: not any more.",
        "It was not an echo, for it had not used her words.",
        "Mira sat down at the mouth of the cave, and the two of them began to talk.",
        "The voice told her of rivers under the earth, and of crystals that grew one finger's width in a "
        "thousand years.",
        "Mira told it of the wind, of the market in the valley, and of the taste of bread with honey.",
        "When the stars came out, she had to go home, but she promised to return.",
        "She kept her promise for seventy years.",
        "And if you walk through that valley today and call into the right cave, you may hear two voices, laughing.",
    ),
    (
        "There was once a ship that carried nothing but letters.",
        "It sailed from island to island, and in every harbour people stood waiting on the quay.",
        "The captain, an old man called Tomas, knew most of them by name.",
        "He knew who hoped for good news, and who was afraid of any news at all.",
        "One autumn a storm caught the ship between two islands and tore its sails to ribbons.",
        "For three days it drifted, and the crew threw overboard everything they could spare.",
        "They threw away the spare anchor, the stove, the table, and at last their own boots.",
        "But nobody touched the letters.",
        "On the fourth morning the sea lay flat and grey, and there was no land in sight.",
        "Then the youngest sailor had an idea.",
        "He took his own letter, the one he had never dared to send, and read it aloud.",
        "It was to his brother, and it said that he was sorry.",
        "When he had finished, another sailor read his, and then another, until the whole ship was full of words.",
        "And it is said that the wind, which had been listening, came back to hear the rest.",
        "It filled the rags of the sails and carried the ship home to the harbour.",
        "Since that day every sailor of that ship sends his letters at once.",
    ),
)
"""About 75 seconds each."""


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
