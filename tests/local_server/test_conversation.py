"""What a long conversation keeps of its items."""

from __future__ import annotations

import numpy as np

from voicechat.local_server.conversation import KEPT_SOUND, Conversation, Entry, Word
from voicechat.protocol.items import Item


def test_item_whose_audio_was_dropped_keeps_its_heard_transcript() -> None:
    talk, rate = Conversation(str, lambda out: None), 1000
    words = [Word("one", 0.0), Word("two", 1.0), Word("three", 2.0)]
    whole, half, unheard = (Entry(Item(type="message", id=id), words=list(words)) for id in ("a", "b", "c"))
    for entry in (whole, half, unheard):
        talk.add(entry)
        talk.keep_sound(entry, np.ones(3 * rate, np.int16), rate)
    half.cut(1.5)
    unheard.cut(0.0)
    long = Entry(Item(type="message", id="long"))
    talk.add(long)
    talk.keep_sound(long, np.ones(int(KEPT_SOUND + 1) * rate, np.int16), rate)
    assert [entry.heard_text for entry in talk] == ["one two three", "one two", "", ""]
    assert [len(entry.sound) for entry in talk] == [0, 0, 0, int(KEPT_SOUND + 1) * rate]
    assert all(len(entry.words) <= 1 for entry in talk)
