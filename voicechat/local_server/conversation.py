"""The conversation a session keeps: its items in order, their sound, and how much of each answer was heard."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from voicechat.local_server.refusals import Refusal
from voicechat.protocol.items import Item

KEPT_SOUND = 240.0
"""Seconds of sound kept for `conversation.item.retrieve`, over all items; the oldest goes first. 11 MB at most."""
MOST_ITEMS = 2000
"""Items kept; older ones leave the conversation silently, as they leave the context of a service."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of an answer and where in the answer's sound it begins. Seconds."""

    text: str
    starts: float


@dataclass(slots=True)
class Entry:
    """One item with what the wire does not show."""

    item: Item
    sound: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16))
    rate: int = 16_000
    """Samples per second of `sound`."""
    length: float = 0.0
    """Seconds of sound the item has had, kept or not, and after a truncation what is left of it."""
    words: list[Word] = field(default_factory=list)
    """Of a spoken answer."""
    is_cut: bool = False
    """Truncated: the wire's transcript is gone, `heard_text` still knows."""
    awaits_transcript: bool = False

    @property
    def id(self) -> str:
        return self.item.id or ""

    def forget_sound(self) -> None:
        """Let go of the sound, and with it of where each word lies in it: half of what an old answer weighs."""
        self.words = [Word(self.heard_text, 0.0)] if self.words else []
        self.sound = np.zeros(0, np.int16)

    @property
    def heard_text(self) -> str:
        """All words of the item; of an answer that was cut, those that were heard."""
        if self.words:
            return " ".join(word.text for word in self.words if not self.is_cut or word.starts < self.length).strip()
        parts = (part.text or part.transcript or "" for part in self.item.content)
        return " ".join(part for part in parts if part).strip()


class Conversation:
    """An ordered list of items with unique ids."""

    def __init__(self, conversation_id: str = "conv") -> None:
        self.id = conversation_id
        self._entries: list[Entry] = []
        self._with_sound: deque[str] = deque()

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def find(self, item_id: str | None) -> Entry | None:
        # From the end: what is asked for is nearly always recent.
        return next((entry for entry in reversed(self._entries) if entry.id == item_id), None)

    @property
    def last_id(self) -> str | None:
        return self._entries[-1].id if self._entries else None

    def before(self, item_id: str) -> str | None:
        ids = [entry.id for entry in self._entries]
        at = ids.index(item_id) if item_id in ids else 0
        return ids[at - 1] if at else None

    def add(self, entry: Entry, after: str | None = None) -> None:
        """Put an item at the end, behind another one, or in front (`root`). Raises Refusal for ids that cannot be."""
        if self.find(entry.id):
            text = f"Error adding item: an item with ID '{entry.id}' already exists in the conversation."
            raise Refusal("item_create_duplicate_item_id", text, "item.id")
        place = len(self._entries)
        if after == "root":
            place = 0
        elif after is not None:
            ids = [known.id for known in self._entries]
            if after not in ids:
                text = f"Error adding item: the previous item with ID '{after}' does not exist."
                raise Refusal("item_create_invalid_previous_item_id", text, "previous_item_id")
            place = ids.index(after) + 1
        self._entries.insert(place, entry)
        del self._entries[:-MOST_ITEMS]

    def remove(self, entry: Entry) -> None:
        self._entries.remove(entry)

    def keep_sound(self, entry: Entry, pcm: NDArray[np.int16], rate: int) -> None:
        """Add sound to an item, and forget the oldest sounds if that is too much."""
        entry.sound = np.concatenate([entry.sound, pcm])
        entry.rate = rate
        entry.length += len(pcm) / rate
        if entry.id not in self._with_sound:
            self._with_sound.append(entry.id)
        while len(self._with_sound) > 1 and self._kept_seconds() > KEPT_SOUND:
            oldest = self.find(self._with_sound.popleft())
            if oldest:
                oldest.forget_sound()

    def _kept_seconds(self) -> float:
        found = (self.find(item_id) for item_id in self._with_sound)
        return sum(len(entry.sound) / entry.rate for entry in found if entry)


def with_transcript(item: Item, transcript: str | None) -> Item:
    """The item with another transcript in its first part; an item that has no part yet gets none."""
    if not item.content:
        return item
    return msgspec.structs.replace(
        item, content=(msgspec.structs.replace(item.content[0], transcript=transcript), *item.content[1:])
    )


def cut(entry: Entry, seconds: float) -> None:
    """Keep only the beginning of a spoken answer. Its transcript leaves the wire: nobody heard all of it."""
    entry.sound = entry.sound[: int(seconds * entry.rate)]
    entry.length = seconds
    entry.is_cut = True
    entry.item = with_transcript(entry.item, None)
