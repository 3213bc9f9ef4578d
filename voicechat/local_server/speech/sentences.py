"""Cuts text into sentences while it is still being written: the voice begins before the answer is complete."""

from __future__ import annotations

import re

LONGEST = 240
"""Characters after which a sentence is cut at a comma, or else between words: a breath, and a bound on the wait."""

_BOUNDARY = re.compile(r"(?:(?<=[.!?…])[\"”’')\]]*\s+(?=\S)|(?<=[。！？])|(?<!\s)\s*\n\s*)")
_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof st mt jr sr vs etc e.g i.e a.m p.m no vol fig inc ltd co corp dept approx est jan feb mar apr "
    "jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun".split()
)
_LIST_NUMBER = re.compile(r"(?:^|\n)[^\S\n]*+\d{1,3}\.$")


class SentenceSplitter:
    """Text in pieces of any size in, whole sentences out; joined by blanks they hold the same words."""

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, text: str) -> list[str]:
        """Take more text; the sentences that are now complete. An end counts once the next word has begun."""
        self._rest += text
        ready = []
        while (cut := _first_cut(self._rest)) is not None:
            ready.append(self._rest[:cut].strip())
            self._rest = self._rest[cut:].lstrip()
        return [sentence for sentence in ready if sentence]

    def finish(self) -> list[str]:
        """No more text comes: what is left, as the last sentence (or none)."""
        rest, self._rest = self._rest.strip(), ""
        return [rest] if rest else []


def split_sentences(text: str) -> list[str]:
    """All sentences of a complete text."""
    splitter = SentenceSplitter()
    return [*splitter.feed(text), *splitter.finish()]


def _first_cut(text: str) -> int | None:
    for boundary in _BOUNDARY.finditer(text):
        if boundary.start() > LONGEST:
            break
        before, between, after = text[: boundary.start()], boundary.group(), text[boundary.end() :]
        if "\n" in between or (_ends_sentence(before, after) and not (between.strip() and after[:1].islower())):
            return boundary.end()
    if len(text) <= LONGEST:
        return None
    comma = max(text.rfind(mark, LONGEST // 3, LONGEST) for mark in (", ", "; ", ": ", " - ", " – "))
    blank = text.rfind(" ", 1, LONGEST)
    return comma + 2 if comma > 0 else blank + 1 if blank > 0 else LONGEST


def _ends_sentence(before: str, after: str) -> bool:
    """False after a title, an initial or a list number, and before a word in small letters.

    (The caller also goes on after a closing quote: "Stop!" she said.)
    """
    if not before.endswith("."):
        return True
    if _LIST_NUMBER.search(before) or after[:1].islower():
        return False
    word = before[:-1].rsplit(maxsplit=1)[-1].lstrip("(\"“'‘").lower() if before[:-1].strip() else ""
    return word not in _ABBREVIATIONS and not (len(word) == 1 and word.isalpha() and word != "i")
