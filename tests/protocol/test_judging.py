"""What is said about an event while it is written, and the forms to begin with."""

from __future__ import annotations

import json
from typing import Literal

from tests.support.each import each
from voicechat.protocol.codec import decode_client
from voicechat.protocol.event_shapes import client_types
from voicechat.protocol.judging import Level, Situation, judge
from voicechat.protocol.templates import ANY_ITEM, templates
from voicechat.protocol.wire import MalformedFrame, UnknownEvent

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
