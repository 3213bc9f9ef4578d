"""Whole files of any kind and of any bytes."""

from __future__ import annotations

import io
import json

from hypothesis import given, strategies as st

from tests.insight.foreign_logs import WRITERS, plain
from tests.support.each import each
from voicechat.insight.readers.log import Reading, read_log
from voicechat.insight.records import Record


def read(data: bytes) -> tuple[list[Record], Reading]:
    reading = Reading()
    return list(read_log(io.BytesIO(data), reading)), reading


@each("name", sorted(WRITERS))
def test_every_format_gives_the_same_events_in_the_same_order(name: str) -> None:
    records, _ = read(WRITERS[name](plain()))
    expected = [event["type"] for _, _, event in plain()]
    assert [record.event["type"] for record in records] == expected


@each(("name", "kind"), [("bare_jsonl", "lines of JSON"), ("json_array", "JSON document"), ("console", "text")])
def test_the_kind_of_a_file_is_known_from_its_beginning(name: str, kind: str) -> None:
    assert read(WRITERS[name](plain()))[1].kind == kind


@each("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_encodings_are_told_apart(encoding: str) -> None:
    line = '12:00:01.000 收到 {"type": "response.done", "response": {"id": "r1"}} 麦克风'
    records, _ = read("\n".join([line] * 3).encode(encoding))
    assert len(records) >= 3 and records[0].type == "response.done"


def test_the_line_of_every_event_is_kept() -> None:
    records, reading = read(b'\n\n{"type": "response.created"}\n\n{"type": "response.done"}\n')
    assert [reading.line_of(record.seq) for record in records] == [3, 5]


def test_times_come_from_the_ids_where_a_log_has_none() -> None:
    ids = ["event_CZ100AAAAAAAAAAAAAAA1", "event_CZ103AAAAAAAAAAAAAAA2"]
    records, reading = read("\n".join(json.dumps({"type": "response.done", "event_id": id}) for id in ids).encode())
    assert reading.times_from_ids and [record.t for record in records] == [0.0, 3.0]


@given(st.binary(max_size=400))
def test_any_bytes_are_read_without_a_complaint(data: bytes) -> None:
    read(data)


@given(st.sampled_from(sorted(WRITERS)), st.integers(0, 6000), st.integers(0, 255))
def test_a_log_with_a_wrong_byte_or_a_torn_end_is_read_as_far_as_it_goes(name: str, at: int, byte: int) -> None:
    data = bytearray(WRITERS[name](plain()))
    data[at % len(data)] = byte
    read(bytes(data))
    read(bytes(data[: at % len(data)]))
