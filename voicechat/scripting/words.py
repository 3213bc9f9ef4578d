"""How well words were understood: the share of words to change, leave out or put in."""

from __future__ import annotations

from voicechat.local_server.brain.numbers import with_digits


def word_errors(said: str, heard: str) -> float:
    """Wrong words per word said. Case, punctuation and how numbers are written do not count; 0.0 is perfect."""
    wanted, got = plain_words(said), plain_words(heard)
    row = list(range(len(got) + 1))
    for i, want in enumerate(wanted, 1):
        diagonal, row[0] = row[0], i
        for j, word in enumerate(got, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (want != word))
    return row[-1] / max(1, len(wanted))


def plain_words(text: str) -> list[str]:
    """The words without case and punctuation, numbers in digits."""
    bare = text.casefold().replace("’", "'").replace("'", "")
    return with_digits("".join(char if char.isalnum() else " " for char in bare).split())
