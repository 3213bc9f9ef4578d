"""How many words a recogniser got wrong: the smallest number of words to change, leave out or put in."""

from __future__ import annotations

import re

_SAME = {"mr": "mister", "metres": "meters"}
_SAME |= {str(n): word for n, word in enumerate("zero one two three four five six seven eight nine ten".split())}


def spoken_words(text: str) -> list[str]:
    """The words as they are said: no case, no punctuation, digits read one by one ("29" is "two nine")."""
    words: list[str] = []
    for word in re.sub(r"[^\w]+", " ", text.lower().replace("'", "")).split():
        parts = list(word) if word.isdigit() and word not in _SAME else [word]
        words.extend(_SAME.get(part, part) for part in parts)
    return words


def word_errors(said: str, heard: str) -> int:
    """Words of `heard` that differ from `said`: Levenshtein's distance in words."""
    wanted, got = spoken_words(said), spoken_words(heard)
    row = list(range(len(got) + 1))
    for i, want in enumerate(wanted, 1):
        above_left, row[0] = row[0], i
        for j, word in enumerate(got, 1):
            above_left, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above_left + (want != word))
    return row[-1]


def word_error_rate(said: str, heard: str) -> float:
    """Wrong, missing and extra words per word said."""
    return word_errors(said, heard) / max(1, len(spoken_words(said)))
