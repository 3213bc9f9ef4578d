"""The inspector keeps what flowed: payloads word for word, runs as one line, numbers that never change."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Iterator

from tests.support.event_rows import row as made
from voicechat.journal.entry import Entry
from voicechat.ui.inspector.entries import SLAB, EventStore


def row(type: str, *, n: int = 0, item: str = "", response: str = "", text: str = "") -> Entry:
    return made(n, n / 100, "in", type, text, 40, (response, item, ""), n=n)


def filled(count: int, keep: int = 10_000) -> EventStore:
    store = EventStore(keep)
    store.add(row("rate_limits.updated", n=n, text=f"straße {n}") for n in range(count))
    return store


def test_every_payload_comes_back_word_for_word_from_slabs_and_from_the_newest_rows() -> None:
    store = filled(2 * SLAB + 7)
    for seq in (0, 1, SLAB - 1, SLAB, 2 * SLAB, 2 * SLAB + 6):
        assert json.loads(store.payload(seq)) == {"type": "rate_limits.updated", "n": seq, "delta": f"straße {seq}"}


def test_numbers_survive_the_drop_of_the_oldest_slab() -> None:
    store = EventStore(keep=4 * SLAB)
    gone = 0
    for n in range(6 * SLAB):
        gone += store.add([row("x", n=n)])
    assert gone > 0 and store.base == gone and gone % SLAB == 0
    assert store.end == 6 * SLAB
    assert len(store) <= 5 * SLAB
    assert store.entry(0) is None and store.payload(0) == ""
    assert json.loads(store.payload(store.base))["n"] == store.base
    assert json.loads(store.payload(store.end - 1))["n"] == store.end - 1


def test_an_hour_of_talk_grows_the_memory_by_less_than_four_megabytes() -> None:
    def rows(begin: int, count: int) -> Iterator[Entry]:
        chance = random.Random(begin)
        for n in range(begin, begin + count):
            response, item = f"resp_{n // 50:020x}", f"item_{n // 50:020x}"
            named = {"event_id": f"event_{chance.getrandbits(80):x}", "response_id": response, "item_id": item}
            type = "response.output_audio_transcript.delta" if n % 3 else "response.content_part.added"
            event = {"type": type, **named, "output_index": 0, "content_index": 0, "delta": f" word {n}"}
            yield Entry(n, n / 3, "in", event, 240)

    store = EventStore()
    store.add(rows(0, 2 * SLAB))
    tracemalloc.start()
    try:
        store.add(rows(2 * SLAB, 12_000))
        assert tracemalloc.get_traced_memory()[0] < 4_000_000
    finally:
        tracemalloc.stop()


def test_deltas_of_one_item_are_one_run_even_when_other_events_come_between() -> None:
    store = EventStore()
    store.add(
        [
            row("response.output_audio_transcript.delta", n=0, item="a", text="Good"),
            row("rate_limits.updated", n=1),
            row("response.output_audio_transcript.delta", n=2, item="a", text=" evening"),
            row("response.output_audio_transcript.delta", n=3, item="b", text="Other"),
        ]
    )
    run = store.run(0)
    assert run is not None and (run.count, run.text, run.last) == (2, "Good evening", 2)
    assert store.run(3) is None
    assert [entry.head for entry in store.entries] == [0, 1, 0, 3]


def test_a_run_ends_with_its_item_and_a_second_one_begins() -> None:
    store = EventStore()
    delta = "response.output_text.delta"
    store.add([row(delta, n=0, item="a"), row(delta, n=1, item="a"), row("response.output_text.done", n=2, item="a")])
    store.add([row(delta, n=3, item="a")])
    assert [entry.head for entry in store.entries] == [0, 0, 2, 3]


def test_the_end_of_a_response_ends_every_run() -> None:
    store = EventStore()
    delta = "response.output_text.delta"
    store.add([row(delta, n=0, item="a"), row("response.done", n=1, response="r"), row(delta, n=2, item="a")])
    assert store.entries[2].head == 2


def test_events_know_their_turn() -> None:
    store = EventStore()
    started = "input_audio_buffer.speech_started"
    store.add([row("session.created"), row(started), row("response.created"), row(started), row("response.done")])
    assert [entry.turn for entry in store.entries] == [0, 1, 1, 2, 2]


def test_a_server_that_invents_types_cannot_fill_the_table_of_kinds() -> None:
    store = EventStore()
    store.add(row(f"made.up.{n}", n=n) for n in range(6_000))
    assert len(store.kinds) <= 4_097
    assert store.entries[-1].kind.type == "…"
