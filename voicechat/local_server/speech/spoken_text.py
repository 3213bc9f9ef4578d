"""Prepares written text for the voice, which reads numbers, times and prices well but drops symbols silently.

Dropped, "3 * 4" becomes "three four" and "--provider" "provider": words the listener needs. So those signs are written
out here; markdown, emoji and letters of other scripts (which the voice spells as nonsense) are removed on purpose.
"""

from __future__ import annotations

import re
import unicodedata

_FENCE = re.compile(r"```\w*\n?|```")
_LINK = re.compile(r"!?\[([^\]\n]{0,200})\]\([^)\s]{0,500}\)")
_LINE_MARK = re.compile(r"(?m)^\s*(?:#{1,6}\s+|[-*+•]\s+|>\s+)")
_EMPHASIS = re.compile(r"(\*\*|__|\*|_|~~)(?=\S)([^*_~\n]{1,300}?)(?<=\S)\1(?!\w)")

_LONG_NUMBER = re.compile(r"\d(?:,?\d){15,}")
"""Beyond the names that the voice has for numbers; read digit by digit."""

_SIGNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), word)
    for pattern, word in (
        (r"(?<=[\d)])\s*[*×·]\s*(?=[\d(])", " times "),
        (r"(?<=\d)\s*[÷]\s*(?=\d)", " divided by "),
        (r"(?<=\d)\s+[-−–]\s+(?=\d)", " minus "),
        (r"−(?=\d)", "minus "),
        (r"(?<!\S)--(?=\w)", "dash dash "),
        (r"(?<!\S)-(?=[A-Za-z]\b)", "dash "),
        (r"√\s*", " the square root of "),
        (r"≈\s*", " about "),
        (r"≤", " at most "),
        (r"≥", " at least "),
        (r"≠", " is not "),
        (r"∞", " infinity "),
        (r"…", "..."),
        (r"(?<=[a-z])/(?=[a-z])", " slash "),
        (r"(?<=\w)://", " colon slash slash "),
        (r"`", ""),
        (r"[{}\[\]<>|\\]", " "),
        (r"[ \t]{2,}", " "),
    )
)


def spoken_text(text: str) -> str:
    """The same text as the voice should read it; empty when nothing in it can be spoken."""
    text = _LINE_MARK.sub("", _LINK.sub(r"\1", _FENCE.sub(" ", text)))
    text = _EMPHASIS.sub(r"\2", text)
    for pattern, word in _SIGNS:
        text = pattern.sub(word, text)
    text = "".join(char if _can_be_read(char) else " " for char in text)
    text = _LONG_NUMBER.sub(lambda match: " ".join(match[0].replace(",", "")), text)
    text = re.sub(r"[ \t]{2,}", " ", text).strip()
    return text if any(char.isalnum() or char in "+=%&@#$€£" for char in text) else ""


def _can_be_read(char: str) -> bool:
    if char < "\u0250":
        return char.isprintable() or char == "\n"
    if char.isalpha():
        return "GREEK" in unicodedata.name(char, "")
    return unicodedata.category(char) in ("Pd", "Pi", "Pf", "Po", "Ps", "Pe", "Sc", "Sm", "No", "Nd")
