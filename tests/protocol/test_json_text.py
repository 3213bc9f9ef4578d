"""What text says is read as far as it says something, and every oddity is told."""

from __future__ import annotations

import json
import time
from typing import Literal

from tests.support.each import each
from voicechat.protocol.codec import decode_client
from voicechat.protocol.event_shapes import client_types
from voicechat.protocol.json_text import MAX_DEPTH, MAX_ITEMS, MAX_NOTES, byte_size, read_json
from voicechat.protocol.judging import Level, Situation, judge
from voicechat.protocol.templates import ANY_ITEM, templates
from voicechat.protocol.wire import MalformedFrame, UnknownEvent


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


# What is said about an event while it is written, and the forms to begin with


Dialects = Literal["ga", "beta"]


@each("dialect", ["ga", "beta"])
def test_every_client_event_of_a_dialect_has_a_template_that_is_right_as_it_stands(dialect: Dialects) -> None:
    made = templates(dialect)
    assert sorted(one.type for one in made) == sorted(client_types(dialect))
    for one in made:
        assert judge(one.text.replace(ANY_ITEM, "item_1"), Situation(dialect)).level in ("good", "doubt"), one.type
        decoded = decode_client(one.text)
        assert not isinstance(decoded.event, MalformedFrame | UnknownEvent)
        assert decoded.notes == ()


def test_what_a_dialect_lacks_has_no_template_there() -> None:
    assert "session.close" not in client_types("beta")
    assert "transcription_session.update" not in client_types("ga")


def update(**session: object) -> str:
    return json.dumps({"type": "session.update", "session": session})


@each(
    ("text", "level", "words"),
    [
        ('{"type": "response.create"}', "good", "valid · costs one answer"),
        (update(type="realtime", instructions="x"), "good", "valid · costs nothing · answered by session.updated"),
        (
            update(type="realtime", turn_detection={"max_speech_ms": 1}),
            "wrong",
            "session.turn_detection.max_speech_ms: does not exist, did you mean silence_duration_ms",
        ),
        (update(type="realtime", voice="marin"), "wrong", "it is session.audio.output.voice there"),
        (update(instructions="x"), "wrong", 'session.type: is missing, write "realtime"'),
        (update(type="realtime", temperature=0.8), "wrong", "only services of the beta dialect know it"),
        ('{"type": "session.update", "instructions": "x"}', "wrong", "instructions: not known"),
        ('{"type": "session.updat"}', "wrong", "session.updat is not known, did you mean session.update?"),
        ('{"type": "session.updated"}', "wrong", "only a service says session.updated"),
        ('{"type": "transcription_session.update"}', "wrong", "the ga dialect has no"),
        ('{"type": "acme.wave"}', "doubt", "not in the protocol; it is sent as it is"),
        ('{"type": "conversation.item.delete"}', "wrong", "item_id: is missing"),
        ('{"type": "conversation.item.delete", "item_id": 5}', "wrong", "item_id: is a number, where text belongs"),
        ('{"type": "x",\n "a" 5}', "unreadable", "line 2, column 6: a colon is missing"),
        ("", "unreadable", "Ctrl+T gives a template"),
    ],
)
def test_the_line_says_the_worst_of_it_and_the_way_out(text: str, level: Level, words: str) -> None:
    verdict = judge(text, Situation())
    assert (verdict.level, words in verdict.words) == (level, True), verdict


def test_the_beta_dialect_is_judged_by_its_own_words() -> None:
    assert judge(update(voice="alloy", turn_detection=None), Situation("beta")).level == "good"
    assert judge(update(type="realtime", voice="alloy"), Situation("beta")).level == "wrong"
    assert judge(update(audio={"output": {"voice": "alloy"}}), Situation("beta")).level == "wrong"


@each(
    ("text", "now", "words"),
    [
        ('{"type": "response.create"}', Situation(is_answering=True), "an answer is running: the server will refuse"),
        ('{"type": "response.cancel"}', Situation(), "no answer is running"),
        ('{"type": "response.create"}', Situation(is_open=False), "not connected"),
        ('{"type": "output_audio_buffer.clear"}', Situation(transport="WebSocket"), "only WebRTC"),
        ('{"type": "input_audio_buffer.append", "audio": "AAAA"}', Situation(), "over WebRTC"),
    ],
)
def test_what_is_right_at_the_wrong_moment_is_doubted(text: str, now: Situation, words: str) -> None:
    verdict = judge(text, now)
    assert verdict.level == "doubt"
    assert words in verdict.words


def test_a_side_answer_may_run_beside_another() -> None:
    side = '{"type": "response.create", "response": {"conversation": "none"}}'
    assert judge(side, Situation(is_answering=True)).level == "good"
