"""How far into a text a voice has come: seconds of sound to a place between two words.

Services send an answer's text far ahead of its sound and never say which word is playing. What was heard is therefore
estimated from the seconds that were audible and a speaking rate (R10), and shown only up to the end of a word, never
inside a character as a reader sees it (combining marks, emoji sequences, flags).
"""

from __future__ import annotations

import math
import unicodedata

WIDE_WEIGHT = 2.5
"""A wide character (CJK) takes about as long to say as 2.5 narrow ones: 6 against 15 a second."""
LONGEST_WORD = 24
"""A run without any break (Thai, a URL) is split between characters after so many, so that text keeps flowing."""
SHORTEST_LESSON = 1.0
"""Seconds of sound below which an answer says nothing reliable about the speaking rate."""
SLOWEST, FASTEST = 4.0, 40.0
"""Narrow characters a second that a voice may plausibly reach; keeps one odd answer from spoiling the estimate."""

ZERO_WIDTH_JOINER = "\u200d"
VARIATION_SELECTORS = ("\ufe00", "\ufe0f")
SKIN_TONES = ("\U0001f3fb", "\U0001f3ff")
REGIONAL_INDICATORS = ("\U0001f1e6", "\U0001f1ff")


def heard_length(text: str, seconds: float, rate: float) -> int:
    """How many characters of `text` were begun after `seconds` of sound at `rate` narrow characters a second.

    Always a word boundary: the word being spoken counts as heard. 0 when nothing was audible.
    """
    if seconds <= 0.0 or not text:
        return 0
    reach = _reach(text, seconds * rate)
    while reach > 0 and text[reach - 1].isspace():
        reach -= 1  # A blank is not a word that was begun.
    return word_end(text, reach)


def weight(text: str) -> float:
    """Length of a text in narrow characters."""
    if text.isascii():
        return float(len(text))
    return sum(WIDE_WEIGHT if _is_wide(char) else 1.0 for char in text)


def learned_rate(rate: float, text: str, seconds: float) -> float:
    """The speaking rate after an answer that was heard to its end: halfway to what this one showed."""
    if seconds < SHORTEST_LESSON or not text.strip():
        return rate
    shown = min(max(weight(text) / seconds, SLOWEST), FASTEST)
    return (rate + shown) / 2.0


def word_end(text: str, index: int) -> int:
    """The first place at or after `index` (0 to len) where a reader would accept a cut."""
    index = max(0, min(index, len(text)))
    stop = min(len(text), index + LONGEST_WORD)
    for place in range(index, stop + 1):
        if place == len(text) or (place > 0 and _is_break(text, place)):
            return place
    return next((place for place in range(index, len(text)) if _is_between_characters(text, place)), len(text))


def _reach(text: str, budget: float) -> int:
    """Characters that begin within `budget` narrow characters."""
    if text.isascii():
        return min(len(text), math.ceil(budget))
    used = 0.0
    for index, char in enumerate(text):
        if used >= budget:
            return index
        used += WIDE_WEIGHT if _is_wide(char) else 1.0
    return len(text)


def _is_wide(char: str) -> bool:
    return char >= "\u1100" and unicodedata.east_asian_width(char) in "WF"


def _is_break(text: str, place: int) -> bool:
    """Whether a word ends before `text[place]`. Blanks go with what follows them."""
    before, after = text[place - 1], text[place]
    if not _is_between_characters(text, place) or before.isspace():
        return False
    if after.isspace():
        return True
    if not (_is_wide(before) or _is_wide(after)):
        return False
    # Closing marks stay with the word they close, opening ones with the word they open.
    return unicodedata.category(after) not in ("Pe", "Pf", "Po") and unicodedata.category(before) not in ("Ps", "Pi")


def _is_between_characters(text: str, place: int) -> bool:
    """Whether a cut here leaves every character whole, as a reader sees characters."""
    if place <= 0:
        return True
    before, after = text[place - 1], text[place]
    if before == ZERO_WIDTH_JOINER or after == ZERO_WIDTH_JOINER or before + after == "\r\n":
        return False
    if _within(after, VARIATION_SELECTORS) or _within(after, SKIN_TONES) or unicodedata.category(after).startswith("M"):
        return False
    if _within(before, REGIONAL_INDICATORS) and _within(after, REGIONAL_INDICATORS):
        return _flags_before(text, place) % 2 == 0
    return True


def _within(char: str, ends: tuple[str, str]) -> bool:
    return ends[0] <= char <= ends[1]


def _flags_before(text: str, place: int) -> int:
    """Length of the run of regional indicators that ends before `place`; two make a flag."""
    start = place
    while start > 0 and _within(text[start - 1], REGIONAL_INDICATORS):
        start -= 1
    return place - start
