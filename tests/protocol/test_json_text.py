"""What text says is read as far as it says something, and every oddity is told."""

from __future__ import annotations

import json
import time

from tests.support.each import each
from voicechat.protocol.json_text import MAX_DEPTH, MAX_ITEMS, MAX_NOTES, byte_size, read_json


@each(
    ("text", "tree", "note"),
    [
        ('{"a": NaN, "b": 1}', {"b": 1}, "a: not a usable JSON value"),
        ('{"a": {"c": -Infinity}}', {"a": {}}, "a.c: not a usable JSON value"),
        ('{"a": [1, 1e999, 2]}', {"a": [1, 2]}, "a[1]: not a usable JSON value"),
        ('{"a": 1' + "0" * 30 + "}", {}, "a: not a usable JSON value"),
        ('{"a": 1' + "0" * 9000 + "}", {}, "a: not a usable JSON value"),
        ('{"a": "x\\ud800y"}', {"a": "x\ufffdy"}, "a: half a character"),
        ('{"a": "x\ud800y"}', {"a": "x\ufffdy"}, "a: half a character"),
        (b'{"a": "x\xffy"}', {"a": "x\ufffdy"}, "not valid UTF-8"),
        ('{"a": 1, "a": 2}', {"a": 2}, "a is given 2 times"),
        ('{"b": {"a": 1, "a" : 2}}', {"b": {"a": 2}}, "a is given 2 times"),
        ('{"a": 1}\0', {"a": 1}, "byte-order mark or NUL"),
        ('\ufeff{"a": 1}', {"a": 1}, "byte-order mark or NUL"),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}, "byte-order mark or NUL"),
    ],
)
def test_an_oddity_costs_itself_and_is_told(text: str | bytes, tree: object, note: str) -> None:
    read = read_json(text)
    assert read.tree == tree
    assert read.reason == ""
    assert any(line.startswith(note) for line in read.notes), read.notes


@each(
    "text",
    [
        '{"a": "\\u0000", "b": 18446744073709551615, "c": -9223372036854775808}',
        '{"arguments": "{\\"city\\":\\"Oslo\\"}"}',
        '{ "a" : 1 , "b"\n: [] }',
    ],
)
def test_unusual_but_right_is_no_oddity(text: str) -> None:
    read = read_json(text)
    assert read.tree == json.loads(text)
    assert read.notes == ()


def test_raw_control_characters_inside_text_are_kept() -> None:
    assert read_json('{"a": "x\0\ny"}').tree == {"a": "x\0\ny"}


def test_three_thousand_brackets_cost_one_field() -> None:
    text = '{"type": "x", "a": ' + "[" * 3000 + "]" * 3000 + ', "b": {"c": 1}}'
    read = read_json(text)
    assert isinstance(read.tree, dict)
    assert read.tree["b"] == {"c": 1}
    assert read.notes[0] == f"parts nested deeper than {MAX_DEPTH} levels were left out"


def test_brackets_in_text_are_not_nesting() -> None:
    text = json.dumps({"a": "[" * 3000, "b": '"' + "{" * 500})
    assert read_json(text).tree == json.loads(text)


def test_as_deep_as_allowed_is_kept_whole() -> None:
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert read_json(text).tree == json.loads(text)
    assert read_json(text).notes == ()


def test_a_deep_frame_of_megabytes_is_not_untangled() -> None:
    read = read_json('{"a": "' + "x" * 1_100_000 + '", "b": ' + "[" * 200 + "]" * 200 + "}")
    assert read.tree is None
    assert "nested deeper" in read.reason


def test_a_hostile_frame_cannot_fill_the_memory_with_notes() -> None:
    read = read_json("[" + ",".join(["NaN"] * 5000) + "]")
    assert read.tree == []
    assert len(read.notes) == MAX_NOTES
    long_name = read_json('{"' + "n" * 5000 + '": NaN}')
    assert len(long_name.notes[0]) < 250


def test_size_is_what_went_over_the_wire() -> None:
    assert byte_size("\u00e4\u20ac") == 5
    assert byte_size("\ud800") == 3
    assert byte_size(b"\xff\xff") == 2


MEGABYTE = 1024 * 1024
WORST = {
    "a string that never ends, and depth": '{"type":"x","a":' + "[" * 101 + '"' + '\\"' * (MEGABYTE // 2),
    "strings": '["' + '","' * (MEGABYTE // 3),
    "empty strings": "[" * 101 + '""' * (MEGABYTE // 2),
    "objects": "[" + "{}," * (MEGABYTE // 3) + "{}]",
    "keys": '{"type":"x"' + "".join(f',"{n}":0' for n in range(MEGABYTE // 10)) + "}",
    "one key again and again": '{"type":"x"' + ',"a":0' * (MEGABYTE // 6) + "}",
    "digits": '{"type":"x","a":' + "1" * MEGABYTE + "}",
    "digits of a fraction": '{"type":"x","a":0.' + "1" * MEGABYTE + "e5}",
    "depth": '{"type":"x","a":' + "[" * MEGABYTE,
    "depth that ends": '{"type":"x","a":' + "[" * (MEGABYTE // 2) + "]" * (MEGABYTE // 2) + "}",
    "deep parts side by side": '{"type":"x","a":[' + ",".join(["[" * 120 + "]" * 120] * (MEGABYTE // 240)) + "]}",
    "colons in a string": '{"type":"x","a":"' + '\\":' * (MEGABYTE // 3) + '"}',
    "surrogates": '{"type":"x","a":"' + "\\ud800" * (MEGABYTE // 6) + '"}',
    "blanks": " " * MEGABYTE + "{",
}


@each("text", WORST.values(), ids=list(WORST))
@each("as_bytes", [False, True])
def test_a_hostile_frame_of_a_megabyte_takes_a_moment(text: str, as_bytes: bool) -> None:
    frame: str | bytes = text.encode() if as_bytes else text
    began = time.process_time()
    read_json(frame)
    assert time.process_time() - began < 3.0


def test_a_frame_with_too_many_items_is_not_read_and_says_so() -> None:
    assert read_json("[" + "0," * (MAX_ITEMS + 1) + "0]").reason == "more than 20,000 items, not read"
    assert read_json(b'{"a":[' + b"[]," * (MAX_ITEMS + 1) + b"0]}").reason == "more than 20,000 items, not read"
    assert read_json("[" + "[[1]]," * (MAX_ITEMS // 2) + "0]").reason == "more than 20,000 items, not read"
    assert read_json('{"a": "' + "one, two, [three] " * MAX_ITEMS + '"}').reason == ""


def test_odd_json_of_many_megabytes_is_refused_and_plain_audio_is_read() -> None:
    audio = "QUFB" * 3_000_000
    assert read_json(f'{{"delta": "{audio}"}}').reason == ""
    assert read_json(f'{{"delta": "{audio}", "delta": ""}}').reason == "no plain JSON, and longer than 8 MiB, not read"
