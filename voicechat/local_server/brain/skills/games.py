"""The number-guessing game: the guide thinks of a number, the user finds it in as few guesses as possible.

Coins, dice, random numbers and choices. The source of chance is passed in, so a seed makes them repeatable.

Spelling: "spell necessary", "how do you spell rhythm", "how many letters has banana", "spell that backwards".

Long answers, good for trying out interruptions: stories, counting, the alphabet, and "go on" after a cut.

Each sentence is its own `Say`, so that the voice begins at once and a cut loses only what was not heard.
"""

from __future__ import annotations

import math
import re

from voicechat.local_server.brain.numbers import HOMOPHONES
from voicechat.local_server.brain.skill import Ask, Reply, say
from voicechat.local_server.brain.skills.small_talk import LONG_STORIES, STORIES
from voicechat.local_server.brain.words import counted, listed

_MOST_DICE = 20
_MOST_SIDES = 1_000_000


def chance(ask: Ask) -> Reply | None:
    """Toss, roll, draw or choose."""
    return _coin(ask) or _dice(ask) or _number(ask) or _choice(ask)


def _coin(ask: Ask) -> Reply | None:
    match = ask.heard.find(
        r"\b(?:flip|flick|toss|throw|flipping|tossing|slip|clip)\b.*?\b(?:(\d+) )?(?:coins?|coyne?)\b"
    )
    if match is None and not ask.heard.find(r"\b(?:heads?|hands|head) (?:or|and|are) tails?\b|^coin (?:flip|toss)$"):
        return None
    count = min(int(match[1]) if match and match[1] else 1, _MOST_DICE)
    if count <= 1:
        return say(f"{ask.random.choice(('Heads', 'Tails'))}.")
    heads = sum(ask.random.random() < 0.5 for _ in range(count))
    return say(f"{counted(count, 'coin')}: {heads} heads and {count - heads} tails.")


def _dice(ask: Ask) -> Reply | None:
    match = ask.heard.find(
        r"\b(?:roll|throw|cast|rolling|role|row|toss)\b.*?\b(?:(\d+) )?(?:(\d+) sided )?"
        r"(?:dice|die|dies|dye|dyes|d (\d+))\b"
    )
    if match is None:
        return None
    sides = min(int(match[2] or match[3] or 6), _MOST_SIDES)
    count = min(max(int(match[1] or 1), 1), _MOST_DICE)
    if sides < 2:
        return say("A die needs at least two sides.")
    rolled = [ask.random.randint(1, sides) for _ in range(count)]
    if count == 1:
        return say(f"You rolled a {rolled[0]}.")
    return say(f"You rolled {listed([str(value) for value in rolled])}: {sum(rolled)} together.")


def _number(ask: Ask) -> Reply | None:
    if not ask.heard.find(r"\brandom\b|\b(?:pick|choose|give me|draw|say|think of|any) (?:a |any |me a )?number\b"):
        return None
    if ask.heard.has("guess"):
        return None
    match = ask.heard.find(r"(?:between|from|of|range)? ?(\d+) (?:and|to|through|-|until|2) (\d+)")
    upto = ask.heard.find(r"(?:up to|below|under|to|until) (\d+)")
    low, high = (int(match[1]), int(match[2])) if match else (1, int(upto[1]) if upto else 100)
    low, high = min(low, high), min(max(low, high), 10**12)
    return say(f"{ask.random.randint(min(low, high), high)}, a random number between {low} and {high}.")


def _choice(ask: Ask) -> Reply | None:
    match = ask.heard.find(
        r"^(?:help me )?(?:pick|choose|decide|select)(?: (?:between|from|among|1 of|either))*:? (.+)"
    )
    if match is None:
        return None
    things = [part.strip() for part in re.split(r"\bor\b|\band\b|,", match[1]) if part.strip()]
    return say(f"I choose {ask.random.choice(things)}.") if 1 < len(things) <= 20 else None


_LONGEST = 60
_SPELL = (
    r"\b(?:spell|spelling of|spelled|spelt)(?: out)?(?: (?:the|a))?(?: (?:word|name"
    r"|words))?[\s:,\"“'‘]+(.+?)[\"”'’.?!\s]*$"
)
_SPELLED = r"\bhow (?:is|do you get)(?: the word)?[\s\"“]+([^\s\"”]+)[\s\"”]+(?:spell|spelled|spelt|written)\b"
_LETTERS = (
    r"\bhow many letters (?:are |are there |does |do |has |have )*(?:in |has |have )?(?:the )?(?:word )?[\"“]?(\w+)"
)
_FILLER_END = re.compile(r"\s*\b(?:for me|please|backwards?|correctly|in english)\b[\s.,!?]*$", re.IGNORECASE)


def spelling(ask: Ask) -> Reply | None:
    """Spell the word, letter by letter, or count its letters."""
    if word := ask.heard.original(_LETTERS):
        count = sum(char.isalpha() for char in word)
        return say(f"{word.capitalize()} has {counted(count, 'letter')}.") if count else None
    if not ask.heard.has("spell", "spelling", "spelled", "spelt"):
        return None
    word = _FILLER_END.sub("", _FILLER_END.sub("", ask.heard.original(_SPELLED) or ask.heard.original(_SPELL)))
    if re.search(r"\bhow (?:is|do you|do i|would you|should i)\b", word):
        return None
    if word.lower() in ("that", "it", "this", "my name"):
        word = ask.memory.name if word.lower() == "my name" else _last_word(ask)
    letters = [char.upper() for char in word if char.isalnum()]
    if not letters:
        return say("Which word? Say for example: spell rhythm.")
    if len(letters) > _LONGEST:
        return say("That is too long to spell. Give me one word.")
    if ask.heard.has("backwards", "backward"):
        return say(f"{word} backwards: {', '.join(reversed(letters))}.")
    return say(f"{word}: {', '.join(letters)}.")


def _last_word(ask: Ask) -> str:
    for role, text in reversed(ask.turn.history):
        words: list[str] = re.findall(r"[^\W_]+", text)
        if role == "user" and words:
            return words[-1]
    return ""


_MOST_NUMBERS = 200
_WORDS_PER_SECOND = 2.6
"""The built-in voice at its own pace."""
_LONGEST_TALK = 300
_A_LINE = 10
_STORY = r"\b(?:stor(?:y|ies)|tale|fairy tale|bedtime|history about)\b"
_LONG = (
    r"\b(?:read|say|tell|talk|speak)\b.*\b(?:something|anything|a) long\b|\blong (?:text|answer|speech"
    r"|reply|monologue)\b"
    r"|\bkeep (?:talking|speaking|going)\b|\b(?:read|tell)(?: me)? something\b|\btalk to me$"
    r"|\bgive me a (?:speech|lecture|monologue)\b"
    r"|\b(?:talk|speak)\b.*\b(?:for a (?:while|bit|long time)|a lot)\b"
)
_TALK_FOR = r"\b(?:talk|speak|say something|read|go on)\b.*\bfor (?:about )?(a|half a|\d+) (second|minute)s?\b"
_GO_ON = (
    r"^(?:(?:please )?(?:go on|continue|carry on|keep going|go ahead|proceed|and then|what next"
    r"|resume|finish(?: it| the story)?))\b"
)


def reading(ask: Ask) -> Reply | None:
    """Something long, or the rest of it."""
    return _count(ask) or _go_on(ask) or _alphabet(ask) or _table(ask) or _timed(ask) or _story(ask)


def _read(ask: Ask, sentences: tuple[str, ...]) -> Reply:
    ask.memory.reading = sentences
    return say(*sentences)


def _story(ask: Ask) -> Reply | None:
    if not ask.heard.find(_STORY) and not ask.heard.find(_LONG):
        return None
    stories = LONG_STORIES if ask.heard.find(_LONG) or ask.heard.has("long", "longer", "very long") else STORIES
    story = stories[ask.memory.told_stories % len(stories)]
    ask.memory.told_stories += 1
    return _read(ask, story)


def _timed(ask: Ask) -> Reply | None:
    """ "Talk for 30 seconds": as many sentences as fill the time."""
    match = ask.heard.find(_TALK_FOR)
    if match is None:
        return None
    amount = {"a": 1.0, "half a": 0.5}.get(match[1]) or float(match[1])
    seconds = min(amount * (60 if match[2] == "minute" else 1), _LONGEST_TALK)
    wanted, words = seconds * _WORDS_PER_SECOND, 0
    sentences: list[str] = []
    supply = [sentence for story in (*LONG_STORIES, *STORIES) for sentence in story]
    while words < wanted:
        sentence = supply[len(sentences) % len(supply)]
        sentences.append(sentence)
        words += len(sentence.split())
    return _read(ask, tuple(sentences))


def _count(ask: Ask) -> Reply | None:
    if not ask.heard.find(r"\b(?:count|counting|countdown)\b") or ask.heard.find(r"\bcount (?:the|my|how)\b"):
        return None
    between = ask.heard.find(r"(?:from|between) (\d+) (?:down )?(?:to|and|until|till|up to|2) (\d+)")
    upto = ask.heard.find(r"(?:to|till|until|up to|2|too) (\d+)")
    down = ask.heard.find(r"\b(?:down|backwards?|countdown)\b")
    if between:
        first, last = int(between[1]), int(between[2])
    elif down:
        start = ask.heard.find(r"(?:from|at) (\d+)")
        first, last = int(start[1]) if start else int(upto[1]) if upto else 10, 0 if ask.heard.has("zero", "0") else 1
    else:
        first, last = 1, int(upto[1]) if upto else 10
    if down and first < last:
        first, last = last, first
    step = 1 if last >= first else -1
    numbers = [str(value) for value in range(first, last + step, step)[:_MOST_NUMBERS]]
    lines = [", ".join(numbers[at : at + _A_LINE]) + "." for at in range(0, len(numbers), _A_LINE)]
    if abs(last - first) >= _MOST_NUMBERS:
        lines.append(f"I stop here: {_MOST_NUMBERS} numbers are enough at once.")
    return _read(ask, tuple(lines))


def _alphabet(ask: Ask) -> Reply | None:
    if not ask.heard.find(
        r"\b(?:say|recite|tell|sing|read|give)\b.*\b(?:alphabet|a b cs?|abcs?)\b|^(?:the )?alphabet$"
    ):
        return None
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return _read(ask, tuple(", ".join(letters[at : at + 7]) + "." for at in range(0, 26, 7)))


def _table(ask: Ask) -> Reply | None:
    match = ask.heard.find(
        r"\b(\d+)(?: times| multiplication)? tables?\b|\b(?:times|multiplication) tables? (?:of|for) (\d+)\b"
    )
    if match is None:
        return None
    number = int(match[1] or match[2])
    return _read(ask, tuple(f"{factor} times {number} is {factor * number}." for factor in range(1, 11)))


def _go_on(ask: Ask) -> Reply | None:
    """The rest of what was being read, from the sentence that was cut."""
    if not ask.memory.reading or not ask.heard.find(_GO_ON):
        return None
    heard = _letters(" ".join(text for role, text in ask.turn.history[-12:] if role == "assistant"))
    rest = ask.memory.reading
    while rest and _letters(rest[0]) in heard:
        rest = rest[1:]
    return say(*rest) if rest else say("That was all of it.")


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


_START = (
    r"\b(?:guess(?:ing)?|guest)\b.*\b(?:game|numbers?)\b|\b(?:play|start|begin)\b.*\b(?:game|guess(?:ing)?|number)\b"
    r"|\blet us play\b|^(?:play )?(?:a )?(?:game|games)$|\bthink of a number\b|\bi want (?:to )?(?:play"
    r"|a game)\b|\bplay (?:with me|again)\b"
)
_STOP = (
    r"\b(?:stop|quit|end|exit|enough|give up|i give|no more|cancel|leave)\b|\bwhat (?:is|was) (?:it"
    r"|the number)\b|\btell me\b"
)
_HIGHEST = 1_000_000


def guessing(ask: Ask) -> Reply | None:
    """Start a game, or go on with the one that is on. What is neither a guess nor "stop" is for other skills."""
    if ask.memory.secret is None:
        return _start(ask) if ask.heard.find(_START) else None
    if ask.heard.find(_STOP) and not ask.heard.find(r"\b(?:time|joke|story|date|timer)\b"):
        return _give_up(ask)
    if ask.heard.find(r"\bhint\b|\bhelp me\b"):
        return say(f"The number is {'even' if ask.memory.secret % 2 == 0 else 'odd'}.")
    guess = _guess_in(ask.heard.line)
    return None if guess is None else _judge(ask, guess)


def _start(ask: Ask) -> Reply:
    match = ask.heard.find(r"(?:between 1 and|to|up to) (\d+)")
    ask.memory.highest = min(max(int(match[1]), 2), _HIGHEST) if match else 100
    ask.memory.secret = ask.random.randint(1, ask.memory.highest)
    ask.memory.guesses = 0
    needed = math.ceil(math.log2(ask.memory.highest + 1))
    return say(
        f"I am thinking of a number between 1 and {ask.memory.highest}.",
        f"Guess it; {needed} guesses are always enough if you are clever. Say stop to give up.",
    )


def _guess_in(line: str) -> int | None:
    """The number guessed: the only number in a short utterance."""
    found: list[str] = re.findall(r"(?<![\w.])\d+(?![\w.])", line)
    if len(found) == 1 and not re.search(
        r"[-+*/%]|\b(?:times|plus|minus|minutes?|seconds?|hours?|percent|divided)\b", line
    ):
        return int(found[0]) if len(found[0]) <= 9 else None
    return HOMOPHONES.get(line)


def _judge(ask: Ask, guess: int) -> Reply:
    secret = ask.memory.secret
    if not 1 <= guess <= ask.memory.highest:
        return say(f"The number is between 1 and {ask.memory.highest}.")
    ask.memory.guesses += 1
    if guess == secret:
        ask.memory.secret = None
        return say(
            f"Yes, {guess} is right! You needed {_counted_guesses(ask.memory.guesses)}.",
            "Say play again for another game.",
        )
    return say(f"{guess} is too {'low' if secret is not None and guess < secret else 'high'}.")


def _give_up(ask: Ask) -> Reply:
    secret, ask.memory.secret = ask.memory.secret, None
    return say(f"The number was {secret}. Thanks for playing.")


def _counted_guesses(count: int) -> str:
    return "1 guess" if count == 1 else counted(count, "guess").replace("guesss", "guesses")
