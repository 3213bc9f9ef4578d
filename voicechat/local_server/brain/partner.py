"""The practice partner: answers where no thinking model is, so that a talk can be tried with nothing else installed.

It acts only on what it surely understood: every rule must match the whole utterance, so a negation, a question about a
thing or a half-heard command matches none, and what was heard is told instead. It keeps nothing: the same `Turn` always
gets the same answer, and "go on" or "what did I say" are read from the turn's history.

A function of the client's is called when the utterance is a command (or, for functions that fetch, a question) that
holds every word of the function's name, and when what remains are its arguments. What is missing is asked for.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise

from voicechat.local_server.brain import CallTool, FunctionTool, Output, Say, ToolOutput, Turn
from voicechat.local_server.brain.numbers import as_digits, is_exact, with_digits

Answer = tuple[Output, ...]
Rule = Callable[[Turn], tuple[str, ...]]
"""The sentences that a turn is answered with."""

LONGEST_TEXT = 1_500
"""Characters of an utterance that are looked at."""
_LONGEST_QUOTE = 200

# What it says.

HOW_TO_THINK = "A model that thinks is one command away: ollama run llama3.2, and then a new talk."
_WHO = (
    "I am Echo, the practice partner of voicechat: a small program with few answers, so that you can try the sound.",
    "Try: what is twelve times seven, what time is it, or: repeat after me, and some words.",
    "Or say: tell me a long story, and talk over me. When you say stop, I am quiet. Question mark shows the keys.",
    HOW_TO_THINK,
)
_MODELS = (
    "I look for a language model on this computer when a talk begins, and it answers in my place.",
    "With Ollama that is one command: ollama run llama3.2. With LM Studio: lms server start.",
    "With llama dot cpp: llama-server -hf ggml-org/gemma-3-1b-it-GGUF. With vLLM: vllm serve and the name of a model.",
    "Another address goes into --brain-url, and with a key voicechat --provider openai talks with OpenAI.",
)
STORY = (
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
    "The voice told her of rivers under the earth, and of crystals that grew one finger's width in a thousand years.",
    "Mira told it of the wind, of the market in the valley, and of the taste of bread with honey.",
    "When the stars came out, she had to go home, but she promised to return.",
    "She kept her promise for seventy years.",
    "And if you walk through that valley today and call into the right cave, you may hear two voices, laughing.",
)
"""75 seconds: long enough to be interrupted."""


class Partner:
    """The brain that is always there."""

    label = "built-in"

    async def answer(self, turn: Turn) -> AsyncIterator[Output]:
        """Yield the answer's sentences and calls; at once, for there is nothing to wait for."""
        for output in answer_to(turn):
            yield output


def answer_to(turn: Turn) -> Answer:
    """What is said and done upon a turn. Empty: told to be quiet, aloud."""
    must = bool(turn.tools) and turn.tool_choice not in ("auto", "none")
    sentences = None if must else _rule_answer(turn)
    if sentences is None:
        called = _call(turn, must=must) if turn.tools and turn.tool_choice != "none" else None
        if called:
            return called
        sentences = _at_a_loss(turn)
    return tuple(map(Say, sentences))


def _rule_answer(turn: Turn) -> tuple[str, ...] | None:
    """What is said without calling a function; None for what was not understood."""
    if turn.tool_outputs:
        return tuple(map(_spoken_result, turn.tool_outputs))
    if not turn.text.strip():
        return _opening(turn)
    if (echoed := _repeated(turn.text)) is not None:
        return (echoed,)
    line = understood(turn.text)
    rule = next((rule for pattern, rule in _RULES if re.fullmatch(pattern, line)), None)
    if rule:
        return rule(turn)
    result = worked_out(line)
    return None if result is None else (result,)


def _at_a_loss(turn: Turn) -> tuple[str, ...]:
    """What was heard, so that the user knows whether hearing or knowing failed; once, how to get more."""
    quote = " ".join(turn.text.split())[:_LONGEST_QUOTE].rstrip(" .!?")
    heard = f"{'I heard' if turn.by_voice else 'You wrote'}: {quote}."
    if any(role == "assistant" and HOW_TO_THINK[:24] in text for role, text in turn.history):
        return (heard, "I have no answer to that. Ask what I can do.")
    return (heard, "I am a practice partner, and have no answer to that. Ask what I can do.", HOW_TO_THINK)


_TOLD_TO_SAY = re.compile(
    r"(?i)(?<!not )(?<!n't )(?<!never )\b(?:say|repeat|read)\b[^\"“]{0,80}[\"“]([^\"”]{1,500})[\"”]"
)


def _opening(turn: Turn) -> tuple[str, ...]:
    """An answer was asked for without a question: what the instructions want said, or a greeting."""
    told = _TOLD_TO_SAY.search(turn.instructions)
    if words := told[1].strip() if told else _repeated(turn.instructions):
        return (words,)
    hour = turn.now.hour
    greeting = "Good morning" if 5 <= hour < 12 else "Good afternoon" if 12 <= hour < 18 else "Good evening"
    return (f"{greeting}! I am Echo, the practice partner of voicechat. Ask what I can do.",)


# What it understands.

_TOKEN = re.compile(r"\d{1,2}:\d{2}|\d+(?:\.\d+)?(?:st|nd|rd|th)?(?!\d)|[^\W\d_]+(?:'[^\W\d_]+)*|[-+*/^%√²³×÷]")
_SPELLINGS = (
    (r"[’‘]", "'"),
    (r"−", "-"),
    (r"\bwon't\b", "will not"),
    (r"\bcan't\b|\bcannot\b", "can not"),
    (r"n't\b", " not"),
    (r"\blet's\b", "let us"),
    (r"\b(what|who|how|that|it|there)'s\b", r"\1 is"),
    (r"\bi'd\b", "i would"),
    (r"\bi'm\b", "i am"),
    (r"\bokay\b", "ok"),
    (r"(?<=\d),(?=\d{3}\b)", ""),
    (r"(?<=\d)\s*x\s*(?=\d)", " times "),
    (r"(?<=[a-z])-(?=[a-z])", " "),
    (r"\b(plus|minus|times|divided by) for(?=\W*$)", r"\1 4"),  # as the recogniser may write them
    (r"\b(plus|minus|times|divided by) too?(?=\W*$)", r"\1 2"),
)
_FILLERS = frozenset("um uh er erm uhm please kindly just".split())
_HELLO = r"(?:hello|hallo|hi|hey|hiya|howdy|greetings|good (?:morning|afternoon|evening|day))"
_OPENING = re.compile(
    r"^(?:(?:ok|so|well|now|and|then|hey|alright|oh|ah|yes|yeah|echo) (?=\S)|(?:can|could|would|will) you (?=\S+ \S)"
    r"|i (?:want|need|would like) you to "
    rf"|{_HELLO}(?: there| echo| again)? (?!(?:there|echo|again|you|how are)\b)(?=\S))+"
)
_ENDING = re.compile(r"(?: (?:for me|right now|now|thanks|thank you))+$")


def understood(text: str) -> str:
    """The utterance for rules: small letters, numbers as digits, without punctuation, fillers and politeness."""
    text = text[:LONGEST_TEXT].lower()
    for pattern, words in _SPELLINGS:
        text = re.sub(pattern, words, text)
    plain = " ".join(token for token in _TOKEN.findall(text) if token not in _FILLERS)
    return " ".join(with_digits(_ENDING.sub("", _OPENING.sub("", plain)).split()))


_STOP = (
    r"(?:stop|quiet|silence|hush|shush|enough|pause|wait|cancel|shut up|be quiet|be silent|hold on|hang on|never mind"
    r"|stop (?:it|that|this|talking|speaking|the story)|(?:that is|it is) enough|that will do)"
)
_AFTER_STOP = r"(?: (?:a|1) (?:moment|minute|second)| (?:here|it|already|there))?"


def _time(turn: Turn) -> tuple[str, ...]:
    return (f"It is {turn.now.hour % 12 or 12}:{turn.now.minute:02} {'AM' if turn.now.hour < 12 else 'PM'}.",)


def _date(turn: Turn) -> tuple[str, ...]:
    return (f"Today is {turn.now:%A, %B} {turn.now.day}, {turn.now.year}.",)


def _go_on(turn: Turn) -> tuple[str, ...]:
    """The rest of the story, from the sentence that was cut."""
    heard = _letters(" ".join(text for role, text in turn.history if role == "assistant"))
    told = sum(_letters(sentence) in heard for sentence in STORY)
    has_begun = any(_letters(text).startswith(_letters(STORY[0])[:20]) for role, text in turn.history)
    if not has_begun and not told:
        return ("There is nothing to go on with. Say: tell me a story.",)
    return STORY[told:] or ("That was all of it.",)


def _letters(text: str) -> str:
    return re.sub(r"[^a-z]", "", text.lower())


def _last(role: str, prefix: str, nothing: str) -> Rule:
    """What was said last by one side, again."""

    def rule(turn: Turn) -> tuple[str, ...]:
        found = next((text for who, text in reversed(turn.history) if who == role and text.strip()), "")
        return (f"{prefix}{found.strip()[:LONGEST_TEXT]}" if found else nothing,)

    return rule


def _always(*sentences: str) -> Rule:
    return lambda turn: sentences


_RULES: tuple[tuple[str, Rule], ...] = (
    (rf"(?:no )?{_STOP}{_AFTER_STOP}(?: (?:and )?{_STOP}{_AFTER_STOP})*",
     lambda turn: () if turn.by_voice else ("OK.",)),
    (rf"(?:{_HELLO} ?)+(?:there|echo|again|you)*(?: how are you)?", _opening),
    (
        r"what time (?:is it|do we have)|(?:do you know|tell me) what (?:time (?:is it|it is)|the time is)"
        r"|(?:what is|do you know|do you have|have you got|tell me) the (?:current |exact )?time",
        _time,
    ),
    (
        r"(?:tell me )?(?:what|which) (?:day|date|weekday|day of the week) (?:is (?:it|today)|it is|do we have)"
        r"(?: today)?|(?:tell me |what is )(?:the|today's) (?:date|day)(?: (?:today|of today))?|what is today",
        _date,
    ),
    (
        r"(?:(?:tell|read|give) (?:me |us )?|i (?:want|would like) (?:to hear )?)(?:a|another|1|the|your)"
        r"(?: (?:very|really))?(?: (?:long|short|good|nice|little|bedtime))? story(?: about (?:\w+ ){0,3}\w+)?"
        r"|(?:tell|read) (?:me )?(?:something|anything) long|talk for a (?:while|minute|bit)|keep talking",
        _always(*STORY),
    ),
    (r"(?:go on|continue|carry on|go ahead|keep going|proceed|what (?:then|happened next))(?: the story)?", _go_on),
    (
        r"(?:say|repeat) (?:that|it|this|what you said) (?:again|once more)|what did you(?: just)? say"
        r"|repeat (?:that|it|yourself|what you said)|pardon|pardon me|come again|say again",
        _last("assistant", "", "I have not said anything yet."),
    ),
    (
        r"what (?:did i(?: just)? say|did you (?:hear|understand)|have i said)|repeat what (?:i said|you heard)",
        _last("user", "You said: ", "You have not said anything before that."),
    ),
    (
        r"(?:tell me )?what (?:else )?(?:can|could|do) (?:you|i|we) (?:do|say|ask|try)(?: here)?|help(?: me)?"
        r"|i need help|who (?:are you|is this|am i (?:talking|speaking) (?:to|with))|what are you(?: able to do)?"
        r"|what is your name|introduce yourself|how does this work"
        r"|tell me about yourself|what should i (?:say|ask|try|do)|are you (?:a |an )?(?:human|robot|machine|ai)",
        _always(*_WHO),
    ),
    (
        r"(?:how (?:do|can) (?:i|we) |can (?:i|you|we) )?(?:make you (?:smarter|better)"
        r"|(?:get|use|install|start|add|connect|make|run)"
        r"(?: (?:a|an|the|better|real|thinking|smarter|local|other|another|large))*"
        r" (?:ollama|llm|ai|language model|chat model|model|assistant|brain|lm studio|vllm|llama cpp|openai"
        r"|chat server))(?: here| with you)?",
        _always(*_MODELS),
    ),
    (r"(?:can you|do you) hear me|are you there|(?:mic(?:rophone)? (?:test|check)|test|testing)(?: 1 2(?: 3)?)?",
     _always("Yes, I hear you.")),
    (r"how are you(?: doing)?(?: today)?",
     _always("Everything here is working, thank you. What can I do for you?")),
    (r"(?:thanks|thank you)(?: (?:so|very) much| a lot| echo)?", _always("You are welcome.")),
    (r"(?:bye|goodbye|good bye|bye bye|see you|good night)(?: echo| later)?", _always("Goodbye!")),
)  # fmt: skip
"""Each must match the whole of `understood`; the first that does answers."""

_BEFORE_QUOTE = r"(?:\s*[,.:;\"“'-][\s,.:;\"“'-]*|\s+(?!(?:is|was|means|and|if|when|what|why)\b))"
_REPEAT = re.compile(
    r"^\W*(?:(?:ok|okay|now|hey|please|can you|could you|would you)\b[,\s]*)*"
    rf"(?:(?:repeat|say)(?: this| the following)? after me{_BEFORE_QUOTE}|say the (?:words?|sentence){_BEFORE_QUOTE}"
    r"|(?:repeat|say|read)(?:(?: exactly)? (?:the following|this|these|the(?= \w))"
    r"(?: (?:text|sentence|words?|phrase|line))?(?: exactly| to me)?\s*[:;,.\"“-]|(?: exactly)?\s*:)[\s\"“]*)"
    r"(\S.*?)[\s\"”]*$",
    re.IGNORECASE | re.DOTALL,
)


def _repeated(text: str) -> str | None:
    """The words that are to be said; None when nothing is."""
    match = _REPEAT.match(text.strip()[:LONGEST_TEXT])
    words = match[1].strip() if match else ""
    return words if any(token not in _FILLERS for token in _TOKEN.findall(words.lower())) else None


# Sums.

_N = r"(-?\d+(?:\.\d+)?)"
_SUM_WORDS = (
    (rf"add {_N} (?:and|to|plus) {_N}|the sum of {_N} and {_N}", r"\1\3 + \2\4"),
    (rf"(?:subtract|take) {_N} from {_N}", r"\2 - \1"),
    (rf"multiply {_N} (?:by|and|with) {_N}", r"\1 * \2"),
    (rf"divide {_N} by {_N}", r"\1 / \2"),
    (r"(?:the )?(?:square root of|√)", "sqrt"),
    (r"(?:percent|%) of", "/ 100 *"),
    (r"(?:a |1 |the )?half of", "0.5 *"),
    (r"twice|double", "2 *"),
    (r"multiplied by|times|×", "*"),
    (r"divided by|over|÷", "/"),
    (r"to the power of", "^"),
    (r"squared|²", "^ 2"),
    (r"cubed|³", "^ 3"),
    (r"plus", "+"),
    (r"minus|less", "-"),
)
_SUM_OPENING = re.compile(
    r"^(?:(?:tell me |do you know )?(?:what|how much)(?: is| are| does| do)?|calculate|compute|work out) "
)
_SUM_ENDING = re.compile(r" (?:is|makes?|equals?|=)$")
_ROOT = re.compile(r"(?<!\S)sqrt (\d+(?:\.\d+)?)(?!\S)")
_LARGEST_POWER = 64
_NUMBER = re.compile(r"-?\d+(?:\.\d+|/\d+)?")


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    """Raises OverflowError for a power that is out of bounds."""
    if exponent.denominator != 1 or abs(exponent) > _LARGEST_POWER or abs(base) > 10**6:
        raise OverflowError
    return base**exponent.numerator


_OPERATORS: Mapping[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": _power,
}
_SPOKEN = {"*": "times", "/": "divided by", "+": "plus", "-": "minus", "^": "to the power of"}


def worked_out(line: str) -> str | None:
    """The answer to a sum, as a sentence; None for anything that is not wholly a sum."""
    asked = _SUM_ENDING.sub("", _SUM_OPENING.sub("", line))
    sum_ = re.sub(r"^minus (?=\d)", "-", asked)
    for pattern, words in _SUM_WORDS:
        sum_ = re.sub(rf"(?<!\S)(?:{pattern})(?!\S)", words, sum_)
    items = _ROOT.sub(lambda match: str(Fraction(float(match[1]) ** 0.5).limit_denominator(10**9)), sum_).split()
    is_shaped = all(_NUMBER.fullmatch(one) for one in items[::2]) and all(one in _OPERATORS for one in items[1::2])
    if not is_shaped or len(items) % 2 == 0 or (len(items) == 1 and "sqrt" not in sum_):
        return None
    try:
        value = _evaluated(items)
    except ZeroDivisionError:
        return "Nothing can be divided by zero."
    except OverflowError:
        return "That is too large or too odd a power for me."
    said = " ".join(_SPOKEN.get(word, word) for word in asked.split())
    said = re.sub(rf"-(?={_N})", "minus ", said)
    return f"{said[:1].upper()}{said[1:]} is {'' if is_exact(value) else 'about '}{as_digits(value)}."


def _evaluated(items: list[str]) -> Fraction:
    """Numbers and operators in turn: what binds least is done last, and of its kind the last on the right."""
    for operators in ("+-", "*/", "^"):
        for at in range(len(items) - 2, 0, -2):
            if items[at] in operators:
                return _OPERATORS[items[at]](_evaluated(items[:at]), _evaluated(items[at + 1 :]))
    return Fraction(items[0])


# Functions of the client's.

_NEGATIONS = frozenset("not no never none nobody nothing without neither nor unless except".split())
_GETTERS = frozenset("get fetch read check find lookup query show current".split())
_SWITCHES = frozenset("set turn switch toggle put control".split())
_VERBS = (
    _GETTERS
    | _SWITCHES
    | frozenset(
        "add book call cancel change close convert create delete list lock make multiply open order pause ping play "
        "record remove roll run save search send start stop subtract take tell translate unlock update use write "
        "flip toss schedule remind transfer look".split()
    )
)
_UNITS = frozenset("seconds minute minutes hour hours day days".split())
"""Of a number; one that an argument's name has must be said. `second` counts places."""
_GOES_ON = frozenset("the a an my our to for of in on at with by and is".split())
_GLUE = _GOES_ON | frozenset("like it today now tonight please percent tool function".split())
"""Words that may remain when everything else is understood; behind one of `_GOES_ON` more was to be said."""
_FUNCTION_WORDS = frozenset(
    "i you he she we they me him us them my your his her our their this that these those is are was were be been do "
    "does did have has had will would can could should may might must and or but if when why how what who the a an so "
    "in on at of to for with by from about near it as".split()
) | _NEGATIONS  # fmt: skip
_GENERAL = frozenset("tool function current info data status the a an of for in by to user value".split())
_PLACES = frozenset("city location place town country region address".split())
_FREE_TEXT = frozenset("query text message question prompt content input request task topic".split())
"""Names of arguments for which the whole utterance will do when the tool itself was named, or must be called."""
_PREPOSITIONS = frozenset("in at for of from to near on about with".split())
_QUESTION = re.compile(r"(?:(?:what|how) (?:is|are)|(?:show|tell|give) me|i want to know) (?:the|my|our|today's)")
_NAMED = re.compile(r"(?:call|run|use|execute|invoke)(?: the)?(?: tool| function)?")


class _Missing(Exception):
    """A required argument that was not said; the argument is its name."""


def _call(turn: Turn, *, must: bool = False) -> Answer | None:
    """The function that the utterance surely wants, or a question for what it lacks; None for neither.

    `must`: the client demands a call, of the function it named, of the one whose name was said, or of its first.
    """
    words = _spaced(turn)
    low = [word.lower() for word in words]
    is_doubtful = turn.text.rstrip().endswith("?") and turn.text.split()[0].lower() in _VERBS - _GETTERS
    if not must and (is_doubtful or any(word in _NEGATIONS or word.endswith("n't") for word in low)):
        return None
    tools = [tool for tool in turn.tools if tool.name == turn.tool_choice] or list(turn.tools)
    wanted = [(tool, left) for tool in tools if (left := _without_name(tool, words, low)) is not None]
    question: Answer | None = None
    for tool, left in wanted or ([(tools[0], words)] if must else []):
        try:
            arguments, rest = _arguments(tool, left, has_capitals=turn.text != turn.text.lower())
        except _Missing as missing:
            if str(missing) in _FREE_TEXT and words and (must or ("tool" in low and not {*left} - {"tool"})):
                return (CallTool(tool.name, json.dumps({str(missing): turn.text.strip()}, ensure_ascii=False)),)
            need = f"{tool.name.replace('_', ' ')}, but it needs the {str(missing).replace('_', ' ')}"
            question = question or (Say(f"I could use {need}. Say it all in one sentence."),)
            continue
        is_half = rest[-1:] == words[-1:] and rest[-1:] and rest[-1].lower() in _GOES_ON
        if must or (not is_half and all(word.lower() in _GLUE for word in rest)):
            return (CallTool(tool.name, json.dumps(arguments, ensure_ascii=False)),)
    return question


def _spaced(turn: Turn) -> list[str]:
    """The utterance's words in their own case, numbers as digits, names of functions and arguments as words."""
    text = " ".join(turn.text[:LONGEST_TEXT].replace("=", " ").replace("’", "'").split())
    for name in (name for tool in turn.tools for name in (tool.name, *_properties(tool))):
        if not name.isalpha():
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", " ".join(_name_words(name)), text)
    text = re.sub(r"(?i)\bwhat's\b", "what is", re.sub(r"(?i)\bhow's\b", "how is", text))
    words = [word.strip(",.;:?!\"'“”()") for word in text.split()]
    words = [word for word in words if word and word.lower() not in _FILLERS]
    if opening := _OPENING.match(" ".join(words).lower() + " "):
        words = words[len(opening[0].split()) :]
    if ending := _ENDING.search(" ".join(words).lower()):
        words = words[: len(words) - len(ending[0].split())]
    return with_digits([*(word.lower() for word in words[:1]), *words[1:]])


def _name_words(name: str) -> list[str]:
    return [part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)]


def _stem(word: str) -> str:
    return word.removesuffix("s") if len(word) > 3 else word


def _without_name(tool: FunctionTool, words: Sequence[str], low: Sequence[str]) -> list[str] | None:
    """What remains of the utterance when it asks for this function; None when it does not.

    A prefix in the name (`functions.`, `mcp__house__`, `Plugin-`) need not be said.
    """
    name = _name_words(tool.name)
    line = " ".join(low)
    if named := _NAMED.match(line):
        after = len(named[0].split())
        for skip in range(len(name)):
            size = len(name) - skip
            if skip and name[skip - 1] in _VERBS:
                break
            if list(low[after : after + size]) == name[skip:]:
                return list(words[after + size :])
    if (question := _QUESTION.match(line)) and (getter := next((word for word in name if word in _GETTERS), "")):
        return _all_said(name[name.index(getter) + 1 :], words[len(question[0].split()) :])
    verb = low[0] if low else ""
    same = _SWITCHES if verb in _SWITCHES else _GETTERS if verb in _GETTERS else {verb}
    at = next((at for at, word in enumerate(name) if word == verb or word in same), None)
    is_command = verb in _VERBS or (name[:1] == [verb] and len(words) > len(name) > 1)  # "door lock" is none
    if not is_command or at is None:
        return None
    return _all_said(name[at + 1 :] or name[:at], words[1:])


def _all_said(needed: Iterable[str], words: Sequence[str]) -> list[str] | None:
    """The words without the needed ones; None when one of those was not said."""
    left = list(words)
    for one in needed:
        if one in _GENERAL:
            continue
        at = next((at for at, word in enumerate(left) if _stem(word.lower()) == _stem(one)), None)
        if at is None:
            return None
        del left[at]
    return left


def _properties(tool: FunctionTool) -> dict[str, Mapping[str, object]]:
    found = tool.parameters.get("properties")
    entries = list(found.items())[:20] if isinstance(found, Mapping) else []
    return {str(name): schema if isinstance(schema, Mapping) else {} for name, schema in entries}


def _arguments(tool: FunctionTool, words: Sequence[str], *, has_capitals: bool) -> tuple[dict[str, object], list[str]]:
    """What the words give the function, and the words that gave nothing. Raises _Missing for a required argument."""
    left, arguments = list(words), dict[str, object]()
    properties, required = _properties(tool), tool.parameters.get("required")
    for name, schema in properties.items():
        is_needed = isinstance(required, list) and name in required
        is_text = schema.get("type") == "string" and not isinstance(schema.get("enum"), list)
        if is_text and not is_needed:
            continue
        value, start, end = _text(name, left, list(properties), has_capitals) if is_text else _value(schema, left)
        named = () if is_text else _name_words(name)
        own, units = ({_stem(word) for word in group} for group in (named, _UNITS.intersection(named)))
        if value is not None and units <= {_stem(word.lower()) for word in left}:
            arguments[name] = value
            left = [word for word in left[:start] + left[end:] if _stem(word.lower()) not in own]
        elif is_needed:
            raise _Missing(name)
    return arguments, left


def _value(schema: Mapping[str, object], words: list[str]) -> tuple[object, int, int]:
    """The argument in these words (None: not there), and where it begins and ends."""
    kind, choices = schema.get("type"), schema.get("enum")
    low = [word.lower() for word in words]
    for choice in choices if isinstance(choices, list) else ():
        parts = str(choice).lower().split()
        if parts and (at := _found(parts, low)) is not None:
            return choice, at, at + len(parts)
    for at, word in enumerate(low if choices is None else ()):
        if kind == "boolean" and word in ("on", "off", "true", "false"):
            return word in ("on", "true"), at, at + 1
        if kind in ("integer", "number") and re.fullmatch(_N, word):
            number = float(word)
            return int(number) if kind == "integer" or number.is_integer() else number, at, at + 1
    return None, 0, 0


def _text(name: str, words: list[str], names: list[str], has_capitals: bool) -> tuple[object, int, int]:
    """The words behind the argument's name, or behind a preposition; and where that and they begin and end."""
    own, low = _name_words(name), [word.lower() for word in words]
    at = _found(own, low)
    if at is not None:
        start = at + len(own)
        start += start < len(low) and low[start] in ("is", "as", "to")
        ends = [found for other in names if other != name and (found := _found(_name_words(other), low, start))]
        end = min(ends, default=len(words))
        end -= end > start and low[end - 1] in ("and", "with")
    else:
        pairs = enumerate(pairwise([*low, ""]))
        at = next((at for at, (word, then) in pairs if word in _PREPOSITIONS and then not in _PREPOSITIONS), len(words))
        start, end = at + 1, len(words)
        start += start < end and low[start] == "the"
        while end > start and low[end - 1] in ("today", "now", "tonight", "tomorrow", "like"):
            end -= 1
    value = words[start:end]
    is_value = bool(value) and _may_be(name, value, has_capitals)
    return (" ".join(value)[:1000] if is_value else None), at, end


def _may_be(name: str, value: list[str], has_capitals: bool) -> bool:
    """Whether these words can be this argument: a place has a capital where the writer uses any, and no small words."""
    low = [word.lower() for word in value]
    if low[0] in _FUNCTION_WORDS or low[-1] in _FUNCTION_WORDS:
        return False
    if not _PLACES & set(_name_words(name)):
        return True
    is_name = (value[0][:1] + value[-1][:1]).isupper() or not has_capitals
    return is_name and len(value) <= 4 and not _FUNCTION_WORDS & set(low)


def _found(parts: Sequence[str], low: Sequence[str], start: int = 0) -> int | None:
    """Where these words stand in a row."""
    places = range(start, len(low) - len(parts) + 1)
    return next((at for at in places if list(low[at : at + len(parts)]) == list(parts)), None)


_MOST_ITEMS = 8
_DEEPEST = 3


def _spoken_result(output: ToolOutput) -> str:
    """One sentence that says what a function gave back, at most 600 characters."""
    name = " ".join(_name_words(output.name)) or "the function"
    try:
        value: object = json.loads(output.output)
    except (ValueError, RecursionError):
        value = output.output.strip()
    text = _in_words(value, 0)[:600].strip()
    return f"{name[:1].upper()}{name[1:]} says: {text}." if text else f"{name[:1].upper()}{name[1:]} is done."


def _in_words(value: object, depth: int) -> str:
    if value is None or depth > _DEEPEST:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        parts = [(str(key).replace("_", " "), _in_words(part, depth + 1)) for key, part in value.items()]
        return ", ".join(f"{key} {part}" for key, part in parts[:_MOST_ITEMS] if part)
    if isinstance(value, list):
        said = [word for word in (_in_words(part, depth + 1) for part in value[:_MOST_ITEMS]) if word]
        return " and ".join([", ".join(said[:-1]), said[-1]]) if len(said) > 1 else "".join(said)
    return str(value).strip().rstrip(".")
