"""The lines in sight of a filter stay right as events come, and name events by both numbers."""

from __future__ import annotations

import json
import random

from tests.ui.inspector.test_entries import row
from voicechat.journal.entry import Entry
from voicechat.ui.inspector.details import LONGEST_PAYLOAD, excerpt, json_lines
from voicechat.ui.inspector.entries import SLAB, EventStore, gap_words, relative_time, session_time
from voicechat.ui.inspector.matching import Shown, matching
from voicechat.ui.inspector.query import Query, parse

DELTA = "response.output_text.delta"


def query(text: str) -> Query:
    made = parse(text)
    assert isinstance(made, Query)
    return made


def random_row(n: int, chance: random.Random) -> Entry:
    item = chance.choice("abc")
    type = chance.choice([DELTA, DELTA, DELTA, "response.output_text.done", "error", "rate_limits.updated"])
    return row(type, n=n, item=item, text=chance.choice(["red", "green", "blue zebra"]))


def test_batch_by_batch_shows_what_one_look_at_everything_shows() -> None:
    chance = random.Random(1)
    for text in ("", "zebra", "type:delta zebra", "-is:delta", "is:error", "group:off red", "-zebra", "turn:0"):
        store, shown = EventStore(keep=4 * SLAB), None
        shown = Shown(store)
        shown.ask(query(text))
        for n in range(0, 7 * SLAB, 50):
            store.add(random_row(n + k, chance) for k in range(50))
            shown.update()
        assert list(shown.rows) == matching(store, query(text)), text
        assert len(set(shown.rows)) == len(shown.rows)


def test_a_run_whose_later_delta_matches_appears_once_and_where_it_began() -> None:
    store = EventStore()
    shown = Shown(store)
    shown.ask(query("zebra"))
    store.add([row(DELTA, n=0, item="a", text="plain"), row("x.zebra", n=1, text="zebra")])
    shown.update()
    assert list(shown.rows) == [1]
    for n in (2, 3):
        store.add([row(DELTA, n=n, item="a", text="zebra")])
        shown.update()
    assert list(shown.rows) == [0, 1]


def test_seconds_ago_are_counted_from_when_the_filter_was_asked() -> None:
    store = EventStore()
    store.add(Entry(n, float(n), "in", {"type": "x"}) for n in range(60))
    shown = Shown(store)
    shown.ask(query("after:10s"))
    assert list(shown.rows) == list(range(49, 60))
    store.add(Entry(n, float(n), "in", {"type": "x"}) for n in range(60, 90))
    shown.update()
    assert list(shown.rows) == list(range(49, 90))


def test_the_engine_s_number_of_an_event_is_found_after_a_gap_and_in_a_second_life() -> None:
    store = EventStore()
    store.add(Entry(seq, 0.0, "in", {"type": "x"}) for seq in (5, 6, 9))
    assert [store.number_of(seq) for seq in (5, 9, 7)] == [0, 2, None]
    store.add(Entry(seq, 0.0, "in", {"type": "x"}) for seq in (0, 1, 6))
    assert [store.number_of(seq) for seq in (6, 5, 0)] == [5, 0, 3]
    assert store.engine_seq(2) == 9 and store.engine_seq(99) == -1


def test_an_excerpt_has_every_event_of_a_folded_run_in_order() -> None:
    store = EventStore()
    store.add([row(DELTA, n=n, item="a" if n % 2 else "b", text=str(n)) for n in range(10)])
    copy = excerpt(store, [0, 1], grouped=True)
    assert (copy.events, copy.wanted) == (10, 10)
    assert [line.count('"n":') for line in copy.text.splitlines()] == [1] * 10
    assert copy.text.index('"n":3') < copy.text.index('"n":4')


def told(payload: str, width: int = 60, *, unfolded: bool = False) -> list[str]:
    return ["".join(text for text, _ in line) for line in json_lines(payload, width, unfolded=unfolded)]


def test_json_is_shown_without_the_noise_of_quotes_but_never_ambiguous() -> None:
    payload = '{"type": "x.y", "n": 1, "s": "1", "t": "true", "u": true, "e": "", "l": [], "o": {"k": ["v"]}}'
    assert told(payload) == [
        "type  x.y", "n  1", 's  "1"', 't  "true"', "u  true", 'e  ""', "l  []", "o  {", "  k  [", "    v", "  ]", "}",
    ]  # fmt: skip


def test_long_strings_are_folded_until_asked_for_and_the_whole_is_bounded() -> None:
    payload = json.dumps({"instructions": "word " * 200})
    assert told(payload)[-1] == "  ... 760 characters more"
    assert sum(line.count("word") for line in told(payload, unfolded=True)) == 200
    assert all(len(line) <= 60 for line in told(payload, unfolded=True))
    assert sum(map(len, told("x" * 10 * LONGEST_PAYLOAD))) < 2 * LONGEST_PAYLOAD
    many = json.dumps({"a": [1234567890] * 20_000})
    assert "of 240007 characters is in the copy" in told(many)[-1] and sum(map(len, told(many))) < 2 * LONGEST_PAYLOAD


def test_nothing_in_a_payload_is_a_control_character_or_a_crash() -> None:
    assert told('{"a\\u001b[2J": "\\u202eb\\u009b"}') == ["a\\x1b[2J  \\u202eb\\x9b"]
    assert told("not json \x1b[2J") == ["not json \\x1b[2J"]
    assert told("[" * 100_000)[0].startswith("[")
    assert any("... deeper" in line for line in told("[" * 400 + "]" * 400))


def test_times_and_gaps_keep_their_columns() -> None:
    assert [session_time(t) for t in (0, 59.9996, 246.9)] == ["0:00.000", "1:00.000", "4:06.900"]
    assert [relative_time(t) for t in (1.204, -1.2, 723.4041)] == ["+0:01.204", "−0:01.200", "+12:03.40"]
    gaps = (None, 0.0, 0.312, 0.9996, 9.994, 9.996, 99.9, 200.0)
    assert [gap_words(gap) for gap in gaps] == [
        "", "+0 ms", "+312 ms", "+1.00 s", "+9.99 s", "+10.0 s", "+99.9 s", "+3:20",
    ]  # fmt: skip
