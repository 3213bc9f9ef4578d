"""A session without what was said in it: every word becomes as many letters x, every secret goes, sound is left out.

What may stay is named, not what must go: a field that nobody has thought of is taken for words. Lengths stay, so a
redacted tape runs through the core as the talk did, and marks of what was heard stay where they were.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from voicechat.journal.redact import masked
from voicechat.journal.source import Source
from voicechat.journal.tape import TapeLine

KEPT = frozenset(
    "type type_ object id status model voice role code param format language dialect provider transport tries asks "
    "turn_mode by source kind phase step preset echo level eagerness tool_choice modalities output_modalities include "
    "truncation noise_reduction reason message hint name namespace purpose state why handshake path via tape "
    "started_at app encoding tracing event stage needs codec".split()
)
"""Fields whose text is the protocol's or ours. `id` stands for everything that ends in `_id` and `_format` too."""
SECRET = re.compile(
    r"secret|password|authorization|api_?key|access_?token|^token$|^headers$|cookie|^folder$", re.IGNORECASE
)
"""Fields whose value nobody else may see; the folder of a tape names the user."""
_ELIDED = re.compile(r"<\d+ (?:bytes of base64|characters)>")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?|nan|-?inf")
_PATH = re.compile(r"(?:[A-Za-z]:)?[/\\~].*", re.DOTALL)
HIDDEN = "[secret]"
ABOUT_TAPE = "tape_"
"""How the codes of notes begin that tell of the tape itself."""


@dataclass(frozen=True, slots=True)
class RedactedSource(Source):
    """A source without secrets; one without words has no sound either."""

    has_words: bool = True

    @classmethod
    def of(cls, source: Source, *, words: bool) -> RedactedSource:
        """The same session, made fit to be shared while it is read."""
        head = without_secrets(source.head) if words else redacted(source.head) | {"redacted": True}
        audio = source.audio_file if words else None
        return cls(source.name, head, source.length, source.file, audio, source.foreign, words)

    def entries(self) -> Iterator[TapeLine]:
        made = without_secrets if self.has_words else redacted
        return (replace(entry, data=made(entry.data)) for entry in Source.entries(self))


def redacted(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event, an input or an effect without words and secrets."""
    return {name: _value(name, value) for name, value in event.items()}


def without_secrets(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event whose words stay, and whose secrets go."""
    made = {name: _open_value(name, value) for name, value in event.items()}
    if isinstance(made.get("text"), str) and str(made.get("code", "")).startswith(ABOUT_TAPE):
        made["text"] = _PATH.sub("[folder]", made["text"])
    return made


def _value(name: str, value: Any) -> Any:
    if SECRET.search(name) and value not in (None, ""):
        return {} if isinstance(value, Mapping) else HIDDEN
    if isinstance(value, Mapping):
        return redacted(value)
    if isinstance(value, list | tuple):
        return [_value(name, one) for one in value]
    return value if not isinstance(value, str) or _may_stay(name, value) else masked(value)


def _open_value(name: str, value: Any) -> Any:
    if SECRET.search(name) and value not in (None, ""):
        return {} if isinstance(value, Mapping) else HIDDEN
    if isinstance(value, Mapping):
        return without_secrets(value)
    return [_open_value(name, one) for one in value] if isinstance(value, list | tuple) else value


def _may_stay(name: str, value: str) -> bool:
    is_known = name in KEPT or name.endswith(("_id", "_format", "_type"))
    return is_known or _ELIDED.fullmatch(value) is not None or _NUMBER.fullmatch(value) is not None
