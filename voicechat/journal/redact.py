"""Words and secrets off a tape. What is left runs through the core as before, because every word keeps its length.

Letters become `x`, capitals `X`, digits `0`, letters of other alphabets one that takes as many bytes and columns;
blanks and marks stay. So a sentence is cut where it was cut, and a limit in bytes is met where it was met: a redacted
tape can still be checked against the core. What a service says in an error stays: the reason of a refusal is in it.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

WORDS = frozenset(
    "text transcript content arguments output instructions greeting greet prompt query keywords detail token image_url "
    "file_data filename".split()
)
"""Fields that hold what somebody said or wrote, wherever they stand."""
BYTES = "bytes"
"""The bytes of a token: they go."""
DELTAS = ("text", "transcript", "arguments", "transcription")
"""Events whose `delta` is words have one of these in their type."""
HIDDEN = b"[key hidden]"
_SECRET = re.compile(rb"\b(?:sk|ek|gsk|xai|rk)[-_][A-Za-z0-9_\-]{12,}|\b(?i:bearer) [A-Za-z0-9._~+/\-]{12,}=*")
"""What looks like a key, whoever's it is."""
_WRITTEN = re.compile(rf'("(?:{"|".join(sorted(WORDS))})"\s*:\s*)"((?:[^"\\]|\\.)*)"')
_ESCAPE_OR_ONE = re.compile(r"\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL)
_ALIKE = {2: "ж", 3: "ა", 4: "𝒙"}
_ALIKE_WIDE = {3: "字", 4: "𠀀"}
_ALIKE_MARK = {2: "\u0302", 3: "\u0e31"}
"""By the bytes they take."""


def without_keys(text: str) -> str:
    """A text without what looks like a key."""
    return _SECRET.sub(HIDDEN, text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")


def redacted(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line of a tape without its words. What was redacted before stays as it is."""
    return {name: _without_words(value) for name, value in line.items()}


def masked(text: str) -> str:
    """The same text with every letter and digit replaced, as long as before in characters, bytes and columns."""
    return "".join(map(_mask, text))


def concealer(secrets: Callable[[], Sequence[str]]) -> Callable[[bytes], bytes]:
    """Takes these values, and whatever looks like a key, out of a line of JSON."""

    def conceal(raw: bytes) -> bytes:
        for secret in secrets():
            if len(secret) >= 6:
                raw = raw.replace(json.dumps(secret)[1:-1].encode(), HIDDEN)
        return _SECRET.sub(HIDDEN, raw)

    return conceal


def _without_words(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_without_words(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    kind = value.get("type")
    if kind == "RawEventEntered":
        return {**value, "text": _by_hand(str(value.get("text", "")))}
    if kind == "SettingChosen" and str(value.get("path", "")).split(".")[-1] in WORDS:
        return {**value, "value": _all_masked(value.get("value"))}
    has_words = isinstance(kind, str) and any(word in kind for word in DELTAS)
    made: dict[str, Any] = {}
    for key, inner in value.items():
        if key == BYTES:
            made[key] = []
        elif key in WORDS or (key == "delta" and has_words):
            made[key] = _all_masked(inner)
        else:
            made[key] = _without_words(inner)
    return made


def _all_masked(value: Any) -> Any:
    """Words where a field holds them itself, or a list of them; a table (such as `audio.output`) is looked into."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return [masked(one) for one in value]
    return _without_words(value)


def _by_hand(text: str) -> str:
    """An event as the user typed it: it is the same event afterwards, if it was one."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return masked(text)
    return _WRITTEN.sub(lambda found: f'{found[1]}"{_escaped_masked(found[2])}"', text)


def _escaped_masked(text: str) -> str:
    return _ESCAPE_OR_ONE.sub(lambda found: found[0] if len(found[0]) > 1 else _mask(found[0]), text)


def _mask(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] not in "LNM":
        return character
    size = len(character.encode("utf-8", "replace"))
    if size == 1:
        return "0" if category[0] == "N" else "X" if character.isupper() else "x"
    if category[0] == "M":
        return _ALIKE_MARK.get(size, character)
    is_wide = unicodedata.east_asian_width(character) in "WF"
    return (_ALIKE_WIDE if is_wide else _ALIKE).get(size, _ALIKE[size])
