"""A filter is understood as it is written, or told what is wrong with it, and shows the events it means."""

from __future__ import annotations

import pytest

from tests.support.each import each
from tests.support.event_rows import row
from voicechat.ui.inspector.entries import SLAB, EventStore
from voicechat.ui.inspector.matching import Shown, matching
from voicechat.ui.inspector.query import BadTerm, Query, parse

Sample = tuple[str, str, dict[str, object], tuple[str, str, str], tuple[str, ...]]
EVENTS: tuple[Sample, ...] = (
    ("in", "session.created", {"session": {"model": "m"}}, ("", "", ""), ()),
    ("in", "input_audio_buffer.speech_started", {"item_id": "item_u1"}, ("", "item_u1", ""), ()),
    ("in", "input_audio_buffer.speech_stopped", {"item_id": "item_u1"}, ("", "item_u1", ""), ()),
    ("out", "response.create", {"event_id": "evt_77"}, ("", "", ""), ("mine",)),
    ("in", "response.output_audio_transcript.delta", {"delta": "An Umbrella"}, ("resp_1", "item_a1", ""), ()),
    ("in", "response.output_audio_transcript.delta", {"delta": " für dich"}, ("resp_1", "item_a1", ""), ()),
    ("in", "response.output_audio.delta", {"delta": "<3 bytes>"}, ("resp_1", "item_a1", ""), ("audio",)),
    ("in", "error", {"error": {"code": "bad", "event_id": "evt_77"}}, ("", "", ""), ()),
    ("in", "error", {"error": {"code": "response_cancel_not_active"}}, ("", "", ""), ("harmless",)),
    (
        "in",
        "response.done",
        {"response": {"status": "failed", "usage": {"output_tokens": 241}}, "note": "row 9"},
        ("resp_1", "", ""),
        (),
    ),
    ("in", "response.function_call_arguments.done", {}, ("resp_1", "item_f", "call_9"), ()),
    ("local", "voice.began", {}, ("", "", ""), ()),
)


def store_of(times: int = 1) -> EventStore:
    store = EventStore()
    for _ in range(times):
        for dir, type, more, refs, tags in EVENTS:
            n = store.end
            text = "" if more else f"row {n}"
            store.add([row(n, n * 1.0, dir, type, text, 1000 * n, refs, tags, **more)])
    return store


def found(text: str, store: EventStore | None = None, marked: tuple[int, ...] = ()) -> list[int]:
    query = parse(text)
    assert isinstance(query, Query), query
    shown = Shown(store or store_of(), marked)
    shown.ask(query)
    return list(shown.rows)


@each(
    ("text", "rows"),
    [
        ("", [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]),  # 5 belongs to the run of 4
        ("group:off", list(range(12))),
        ("type:session", [0]),
        ("type:in.speech*", [1, 2]),
        ("type:response", [3, 4, 6, 9, 10]),
        ("type:delta", [4, 6]),
        ("dir:out,local", [3, 11]),
        ("is:error", [7]),
        ("is:harmless", [8]),
        ("is:vad", [1, 2, 11]),
        ("is:audio", [6]),
        ("-is:audio type:response.output*", [4]),
        ("is:mine", [3]),
        ("is:tool", [10]),
        ("is:marked", [2]),
        ("resp:1", [4, 6, 9, 10]),
        ("item:u1", [1, 2]),
        ("call:9", [10]),
        ("id:77", [3, 7]),
        ("umbrella", [4]),
        ("UMBRELLA,session.created", [0, 4]),
        ("FÜR", [4]),
        ("-umbrella dir:in type:response.output*", [4, 6]),  # the second delta of the run has no umbrella
        (".usage.output_tokens>200", [9]),
        (".output_tokens>300", []),
        (".status=failed", [9]),
        (".status!=failed", []),
        (".code~cancel", [8]),
        ("turn:1 dir:out", [3]),
        ("after:0:10", [10, 11]),
        ("before:9s -type:session", [1]),
        ("size:>=10k", [11]),
        ("gap:>900ms after:0:11", [11]),
        ('"row 9"', [9]),
        ("-'row 9' type:response", [3, 4, 6, 10]),
        ("“type:session”", []),  # quoted: no field
        ("14:30", []),
        ("before:30s", []),
        ("nothing-has-this", []),
    ],
)
def test_a_filter_shows_these_rows(text: str, rows: list[int]) -> None:
    assert found(text, marked=(2,)) == rows


def test_payloads_in_compressed_slabs_are_searched_like_the_newest() -> None:
    store = store_of(3 * SLAB // len(EVENTS) + 1)
    failed = [seq for seq in range(store.end) if seq % len(EVENTS) == 9]
    assert found(".status=failed", store) == failed
    assert found("failed", store) == failed


def test_only_news_can_be_asked_for() -> None:
    query = parse("type:response.done")
    assert isinstance(query, Query)
    assert matching(store_of(2), query, since=12) == [21]


def test_group_off_splits_the_runs() -> None:
    assert parse("group:off") == Query((), grouped=False)
    assert parse("-group:off") == Query((), grouped=True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("typ:response", "no field “typ”: did you mean type?"),
        ("is:eror", "is:eror: did you mean error?"),
        ("dir:left", "one of in, out, local"),
        ("turn:last", "a turn is a number"),
        ("after:noon", "a time of the session (4:06) or how long ago (30s)"),
        ("gap:long", "as in gap:>500ms"),
        ("size:>4ms", "as in size:>4k"),
        (".usage", "a field is compared"),
        ("type:", "type: needs a value"),
        ('"open', "a quotation mark is not closed"),
    ],
)
def test_a_bad_term_says_what_is_wrong(text: str, told: str) -> None:
    bad = parse(text)
    assert isinstance(bad, BadTerm) and told in bad.reason


@pytest.mark.parametrize("text", ["..>1", ".[]=1", f"after:{'9' * 400}:00", f"gap:>{'9' * 400}", f"after:{'9' * 400}s"])
def test_a_filter_that_can_match_nothing_is_refused_in_words(text: str) -> None:
    assert isinstance(parse(text), BadTerm)
