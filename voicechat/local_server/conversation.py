"""The conversation a session keeps (items in order, their sound, how much of each answer was heard), and what a step of
the dialogue puts out: events for the client, and actions for the session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from voicechat.local_server.brain import Turn
from voicechat.local_server.refusals import Refusal
from voicechat.protocol import server_events as events
from voicechat.protocol.items import Item

KEPT_SOUND = 240.0
"""Seconds of sound kept for `conversation.item.retrieve`, over all items; the oldest goes first. 11 MB at most."""
MOST_ITEMS = 2000
"""Items kept; older ones leave the conversation silently, as they leave the context of a service."""


@dataclass(frozen=True, slots=True)
class Recognise:
    """Turn sound into words, then call `Dialogue.recognised` with the same id and tag."""

    item_id: str
    tag: int
    """How much voice (ms) the session has heard by the end of these samples: equal tags, equal words."""
    samples: NDArray[np.int16]
    """16 kHz mono."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Make an answer: first say `preamble` (if any), then what the brain says to `turn` (if any).

    Pieces go to `Dialogue.made`, the last of them is `Finished`.
    """

    response_id: str
    turn: Turn | None
    preamble: str
    is_spoken: bool
    speed: float


@dataclass(frozen=True, slots=True)
class StopReply:
    """Nobody wants the rest of this answer: stop thinking and synthesising."""

    response_id: str


Out: TypeAlias = events.ServerEvent | Recognise | Reply | StopReply


@dataclass(frozen=True, slots=True)
class Word:
    """A word of an answer and where in the answer's sound it begins. Seconds."""

    text: str
    starts: float


@dataclass(slots=True, eq=False)
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
    words_sent: int = 0
    """How many of them were sent to a client whose transcript keeps step with the audio (GPT-Live)."""
    is_cut: bool = False
    """Truncated: the wire's transcript is gone, `heard_text` still knows."""
    awaits_transcript: bool = False
    had_no_answer: bool = False
    """The user's words were answered by saying nothing: told to be quiet, the brain was."""

    @property
    def id(self) -> str:
        return self.item.id or ""

    @property
    def heard_text(self) -> str:
        """All words of the item; of an answer that was cut, those that were heard."""
        if self.words:
            return " ".join(word.text for word in self.words if not self.is_cut or word.starts < self.length).strip()
        parts = (part.text or part.transcript or "" for part in self.item.content)
        return " ".join(part for part in parts if part).strip()

    def forget_sound(self) -> None:
        """Let go of the sound, and with it of where each word lies in it: half of what an old answer weighs."""
        self.words = [Word(self.heard_text, 0.0)] if self.words else []
        self.sound = np.zeros(0, np.int16)

    def cut(self, seconds: float) -> None:
        """Keep only the beginning of a spoken answer. Its transcript leaves the wire: nobody heard all of it."""
        self.sound = self.sound[: int(seconds * self.rate)]
        self.length = seconds
        self.is_cut = True
        self.item = with_transcript(self.item, None)


class Conversation:
    """An ordered list of items with unique ids; tells the client of each."""

    def __init__(self, new_id: Callable[[str], str], emit: Callable[[Out], None]) -> None:
        """`new_id` makes an id of a kind of thing; `emit` takes what the session puts out, in order."""
        self.id = new_id("conv")
        self.new_id = new_id
        self.emit = emit
        self._entries: list[Entry] = []

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def find(self, item_id: str | None) -> Entry | None:
        # From the end: what is asked for is nearly always recent.
        return next((entry for entry in reversed(self._entries) if entry.id == item_id), None)

    @property
    def last_id(self) -> str | None:
        return self._entries[-1].id if self._entries else None

    def add(self, entry: Entry, after: str | None = None) -> None:
        """Put an item at the end, behind another one, or in front (`root`). Raises Refusal for ids that cannot be."""
        if self.find(entry.id):
            text = f"Error adding item: an item with ID '{entry.id}' already exists in the conversation."
            raise Refusal("item_create_duplicate_item_id", text, "item.id")
        place = 0 if after == "root" else len(self._entries)
        if after not in (None, "root"):
            known = self.find(after)
            if known is None:
                text = f"Error adding item: the previous item with ID '{after}' does not exist."
                raise Refusal("item_create_invalid_previous_item_id", text, "previous_item_id")
            place = self._entries.index(known) + 1
        self._entries.insert(place, entry)
        del self._entries[:-MOST_ITEMS]
        self.emit(events.ConversationItemAdded(item=entry.item, previous_item_id=self._before(entry)))

    def done(self, entry: Entry, item: Item) -> None:
        """The item is complete. `item`: as the client is to see it."""
        self.emit(events.ConversationItemDone(item=item, previous_item_id=self._before(entry)))

    def remove(self, entry: Entry) -> None:
        self._entries.remove(entry)

    def keep_sound(self, entry: Entry, pcm: NDArray[np.int16], rate: int) -> None:
        """Add sound to an item, and forget the oldest sounds if that is too much."""
        entry.sound = np.concatenate([entry.sound, pcm])
        entry.rate = rate
        entry.length += len(pcm) / rate
        too_much = sum(len(one.sound) / one.rate for one in self._entries) - KEPT_SOUND
        for oldest in self._entries:
            if too_much > 0 and oldest is not entry:
                too_much -= len(oldest.sound) / oldest.rate
                oldest.forget_sound()

    def _before(self, entry: Entry) -> str | None:
        ids = [known.id for known in self._entries]
        at = ids.index(entry.id) if entry.id in ids else 0
        return ids[at - 1] if at else None


def with_transcript(item: Item, transcript: str | None) -> Item:
    """The item with another transcript in its first part; an item that has no part yet gets none."""
    if not item.content:
        return item
    head = msgspec.structs.replace(item.content[0], transcript=transcript)
    return msgspec.structs.replace(item, content=(head, *item.content[1:]))
