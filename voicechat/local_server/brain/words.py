"""What was heard, in the form that skills can match: small letters, no punctuation, no politeness, numbers as digits.

The recogniser writes "What's 12 times 7?" one day and "what is twelve times seven" the next, and people say "could you
please tell me"; a skill should see none of that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from voicechat.local_server.brain.numbers import as_digits, with_digits

LONGEST_TEXT = 1_500
"""Characters of a turn that are looked at; the rest of a pasted book changes no answer."""

_TOKEN = re.compile(r"\d{1,2}:\d{2}|\d+(?:\.\d+)?(?:st|nd|rd|th)?(?![\d])|[^\W\d_]+(?:'[^\W\d_]+)*|[-+*/^=()%√²³×÷]")
_CONTRACTIONS = (
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"\bcan't\b"), "can not"),
    (re.compile(r"\bcannot\b"), "can not"),
    (re.compile(r"\blet's\b"), "let us"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"\b(what|who|where|when|how|that|it|he|she|there|here)'s\b"), r"\1 is"),
    (re.compile(r"'re\b"), " are"),
    (re.compile(r"'ve\b"), " have"),
    (re.compile(r"'ll\b"), " will"),
    (re.compile(r"'d\b"), " would"),
    (re.compile(r"\bi'm\b"), "i am"),
    (re.compile(r"\b(whats|wats)\b"), "what is"),
    (re.compile(r"\bwhos\b"), "who is"),
    (re.compile(r"\bgimme\b"), "give me"),
    (re.compile(r"\bwanna\b"), "want to"),
    (re.compile(r"\bo'clock\b|\boclock\b"), "o'clock"),
    (re.compile(r"\b([ap])\.\s?m\b\.?"), r"\1m"),
    (re.compile(r"(?<=\d)([ap]m)\b"), r" \1"),
    (re.compile(r"(?<=\d)\s*x\s*(?=\d)"), " * "),
    (re.compile(r"(?<=\d),(?=\d{3}\b)"), ""),
    (re.compile(r"\bokay\b|\bo\.k\.?"), "ok"),
    (re.compile(r"(?<=[a-z])-(?=[a-z])"), " "),
)
_MISHEARD = (
    (re.compile(r"\bto-(?=morrow|day|night)"), "to"),
    (re.compile(r"\bfa(?:ir|r)(?: and | in |en)?h(?:eight|eit|ite)\b"), "fahrenheit"),
    (re.compile(r"\b(?:alama|olama|o lama|all llama|oh llama|a llama|alarma|ulama|orlama)\b"), "ollama"),
    (re.compile(r"\b([a-z])q (?=do\b|for\b|mean)"), r"\1 key "),
    (re.compile(r"\bokey (?=do\b|for\b)"), "o key "),
    (re.compile(r"\bpushed[ -]to[ -]talk\b"), "push to talk"),
    (re.compile(r"\bpress be\b"), "press b"),
    (re.compile(r"(?<=what is )bargain\b|\bbarge and\b|\bbarging in\b"), "barge in"),
    (re.compile(r"\b(cancel|stop)e\b"), r"\1"),
)
"""What the recogniser was seen to write for words that belong to this program."""
_FILLERS = frozenset("um uh er erm uhm please kindly just".split())
_OPENINGS = re.compile(
    r"^(?:(?:ok|so|well|now|and|but|then|hey|alright|right|oh|ah|yeah|echo guide|echo|computer|assistant)\s+(?=\S)"
    r"|(?:can|could|would|will) you (?=(?:\w+ ){0,}\w)(?!(?:be|hear|speak|understand|talk|do|help|sing)\b)"
    r"|i (?:want|need|would like) you to |i (?:want|would like) to know |do you know (?=what|how|when|who|the)"
    r"|(?:tell me|say) (?=what |how |when |who ))+"
)


@dataclass(frozen=True)
class Heard:
    """One utterance in its several spellings."""

    text: str
    """As it was heard or typed."""

    @cached_property
    def plain(self) -> str:
        """Small letters, contractions written out, punctuation and fillers gone; words as they were said."""
        text = self.text[:LONGEST_TEXT].lower().replace("’", "'").replace("‘", "'").replace("−", "-")
        for pattern, words in (*_MISHEARD, *_CONTRACTIONS):
            text = pattern.sub(words, text)
        return " ".join(token for token in _TOKEN.findall(text) if token not in _FILLERS)

    @cached_property
    def line(self) -> str:
        """`plain` without "could you", "hey" and the like, and with every number in digits."""
        return " ".join(with_digits(_OPENINGS.sub("", self.plain).split()))

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words of `line`."""
        return tuple(self.line.split())

    def find(self, pattern: str) -> re.Match[str] | None:
        """Search `line`."""
        return re.search(pattern, self.line)

    def has(self, *words: str) -> bool:
        """Whether any of these words or phrases occurs in `line` as a whole."""
        padded = f" {self.line} "
        return any(f" {word} " in padded for word in words)

    def original(self, pattern: str) -> str:
        """The first group of `pattern` in the text as it was written (any case), stripped; empty if not there."""
        match = re.search(pattern, " ".join(self.text[:LONGEST_TEXT].split()), re.IGNORECASE)
        return match.group(1).strip() if match else ""


def listed(items: list[str], last: str = "and") -> str:
    """`a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def counted(number: float, unit: str) -> str:
    """`1 minute`, `2.5 minutes`."""
    return f"{as_digits(number)} {unit}" + ("" if number == 1 else "s")
