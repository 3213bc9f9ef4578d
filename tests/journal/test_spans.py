"""Spans of a session: valid OTLP, a span a turn with its waits, findings, usage and tools, and no word unasked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.support.collector import facts, from_json, problems_of
from tests.support.command import here
from tests.support.tapes import call_tape, opening, told_tape, turn
from voicechat.insight.metrics.turns import Direction
from voicechat.insight.records import Evidence, Finding
from voicechat.journal.spans import OPT_IN, SessionSpans, Via, as_otlp_json, tracer_to

SECRET_WORDS = ("zebra", "quince", "marmalade", "kumquat", "pomelo")
DIRECTIONS: tuple[Direction, ...] = ("in", "out", "local")
BEGAN = 1_700_000_000.0


class Kept(SessionSpans):
    """Spans that stay here."""

    def __init__(self, via: Via = "talk", **about: Any) -> None:
        self.exported = InMemorySpanExporter()
        super().__init__(BEGAN, tracer_to(SimpleSpanProcessor(self.exported), "seed"), via, "OpenAI", **about)

    def made(self) -> tuple[ReadableSpan, ...]:
        """Those that are new."""
        spans = self.exported.get_finished_spans()
        self.exported.clear()
        return spans

    def ended(self, at: float) -> tuple[ReadableSpan, ...]:
        self.end(at)
        return self.made()


def talk(**about: Any) -> Kept:
    """A turn with a tool call and an error in it, an answer to the tool's output, and a turn that is cut."""
    made = Kept(**about)
    usage = {"input_tokens": 100, "output_tokens": 40, "output_token_details": {"audio_tokens": 40}}

    def on(at: float, direction: Any, name: str, **event: Any) -> None:
        made.feed(at, direction, {"type": name, **event})

    on(0.2, "local", "line.opened", transport="WebRTC")
    on(0.3, "in", "session.created", session={"id": "sess_1", "model": "gpt-realtime-2.1", "voice": "marin"})
    on(1.1, "local", "voice.began", began_at=1.0)
    on(1.2, "in", "input_audio_buffer.speech_started", item_id="u1")
    on(2.1, "local", "voice.ended", ended_at=2.0)
    on(2.5, "in", "input_audio_buffer.committed", item_id="u1")
    on(2.6, "in", "conversation.item.input_audio_transcription.completed", item_id="u1", transcript="zebra crossing")
    on(2.7, "in", "response.created", response={"id": "r1"})
    call = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"at": "quince"}'}
    on(2.8, "in", "response.output_item.done", response_id="r1", item=call)
    on(2.9, "in", "response.done", response={"id": "r1", "status": "completed", "usage": usage, "output": [call]})
    output = {"type": "function_call_output", "call_id": "c1", "output": "marmalade"}
    on(3.9, "out", "conversation.item.create", item=output)
    on(4.0, "in", "response.created", response={"id": "r2"})
    on(4.1, "in", "response.output_audio_transcript.delta", response_id="r2", delta="kumquat")
    on(4.2, "in", "response.output_audio.delta", response_id="r2", delta="AAAA")
    on(4.3, "local", "assistant.audible")
    on(4.4, "in", "response.output_audio_transcript.done", response_id="r2", transcript="kumquat jam")
    on(4.5, "in", "response.done", response={"id": "r2", "status": "completed", "usage": usage})
    on(4.6, "in", "error", error={"code": "a pomelo is no code", "type": "invalid_request_error", "message": "pomelo"})
    on(6.0, "local", "assistant.silent", last_audible_at=5.9)
    return made


def finding(at: float, code: str = "no_answer") -> Finding:
    return Finding(code, code, "warning", "the zebra", "a quince", "eat it", (Evidence(1, at, "x"),), "", 0.8)


def named(spans: list[Span], name: str) -> list[Span]:
    return [span for span in spans if span.name.startswith(name)]


def as_proto(spans: Sequence[ReadableSpan]) -> list[Span]:
    return from_json(as_otlp_json(spans))


def test_a_turn_is_a_span_with_its_waits_as_events_and_its_tool_below_it() -> None:
    made = talk()
    made.found([finding(4.0)])
    spans = as_proto(made.ended(7.0))
    assert problems_of(spans) == []
    (root,), (one,), (tool,) = (named(spans, name) for name in ("voicechat.session", "voicechat.turn", "execute_tool"))
    assert (one.parent_span_id, tool.parent_span_id) == (root.span_id, one.span_id)
    assert (one.start_time_unix_nano, one.end_time_unix_nano) == (
        1_700_000_001 * 10**9,
        round((BEGAN + 5.9) * 10) * 10**8,
    )
    told = {event.name.removeprefix("voicechat."): round(event.time_unix_nano / 1e9 - BEGAN, 1) for event in one.events}
    waits = {"end_of_speech": 2.0, "committed": 2.5, "transcript": 2.6, "response_created": 2.7, "first_text": 4.1}
    assert told == waits | {"first_audio": 4.2, "first_sound": 4.3, "error": 4.6, "finding": 4.0}
    of_turn, of_tool = facts(one), facts(tool)
    assert of_turn["voicechat.turn_id"] == "sess_1/1"
    assert of_turn["voicechat.wait.first_sound"] == pytest.approx(2.3)
    assert of_turn["voicechat.wait.first_text"] == pytest.approx(2.1)
    assert of_turn["gen_ai.usage.output_tokens"] == 80
    assert of_turn["voicechat.usage.output.audio_tokens"] == 80
    assert of_tool["gen_ai.tool.name"] == "weather" and of_tool["voicechat.tool.outcome"] == "ok"
    assert (tool.end_time_unix_nano - tool.start_time_unix_nano) / 1e9 == pytest.approx(1.1)
    found = next(facts(event) for event in one.events if event.name == "voicechat.finding")
    assert found["voicechat.finding.code"] == "no_answer" and found["voicechat.turn_id"] == "sess_1/1"
    assert facts(root)["voicechat.finding_codes"] == ("no_answer",)
    assert facts(root)["voicechat.transport"] == "WebRTC"


def test_no_word_is_told_by_default_and_with_words_all_are_below_one_prefix() -> None:
    made = talk()
    made.found([finding(4.0)])
    assert not any(word in as_otlp_json(made.ended(7.0)) for word in SECRET_WORDS)
    made = talk(words=True)
    made.found([finding(4.0)])
    spans = made.ended(7.0)
    words = as_otlp_json(spans)
    assert all(word in words for word in SECRET_WORDS)

    def dropped(of: Any) -> dict[str, Any]:
        return {key: value for key, value in facts(of).items() if not key.startswith("voicechat.content.")}

    left = [(dropped(span), [dropped(event) for event in span.events], span.name) for span in as_proto(spans)]
    assert not any(word in json.dumps(left) for word in SECRET_WORDS)


def test_names_of_the_conventions_follow_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    def of_turn(switch: str) -> dict[str, Any]:
        monkeypatch.setenv(OPT_IN, switch)
        return facts(named(as_proto(talk().ended(7.0)), "voicechat.turn")[0])

    old, new = of_turn(""), of_turn("http,gen_ai_latest_experimental")
    assert old["gen_ai.system"] == new["gen_ai.provider.name"] == "openai"
    assert "gen_ai.provider.name" not in old and "gen_ai.system" not in new
    assert "gen_ai.usage.cache_read.input_tokens" in new
    assert old["voicechat.turn_id"] == new["voicechat.turn_id"]


def test_a_turn_is_told_once_when_its_answer_has_been_heard() -> None:
    made = talk()
    made.finish_turns(7.0)
    assert made.made() == ()
    made.finish_turns(9.0)
    spans = made.made()
    assert [span.name for span in spans] == ["voicechat.turn", "execute_tool weather"]
    made.found([finding(4.0)])
    rest = made.ended(10.0)
    assert [span.name for span in rest] == ["voicechat.session"]
    late = [one for one in as_proto(rest)[0].events if one.name == "voicechat.finding"]
    assert facts(late[0])["voicechat.turn_id"] == "sess_1/1"
    assert problems_of(as_proto(spans + rest)) == []


def test_a_failed_answer_and_a_tool_without_output_are_marked_as_failed() -> None:
    made = Kept("tap")
    made.feed(1.0, "in", {"type": "response.created", "response": {"id": "r1"}})
    call = {"type": "function_call", "call_id": "c1", "name": "weather"}
    made.feed(1.1, "in", {"type": "response.output_item.done", "response_id": "r1", "item": call})
    failed = {"id": "r1", "status": "failed", "status_details": {"error": {"code": "server_error"}}}
    made.feed(2.0, "in", {"type": "response.done", "response": failed})
    spans = as_proto(made.ended(3.0))
    one, tool = named(spans, "voicechat.turn")[0], named(spans, "execute_tool")[0]
    assert one.status.code == tool.status.code == Status.STATUS_CODE_ERROR
    assert facts(one)["error.type"] == "server_error"
    assert facts(tool)["voicechat.tool.outcome"] == "unanswered"
    assert problems_of(spans) == []


@pytest.mark.parametrize("event", [{}, {"type": 3}, {"type": "response.done"}, {"type": "response.created"}])
def test_events_of_another_shape_raise_nothing(event: dict[str, Any]) -> None:
    made = talk()
    for direction in DIRECTIONS:
        made.feed(6.5, direction, event)
        made.feed(6.5, direction, event | {"response": 3, "item": [], "error": "x", "session": None})
    assert problems_of(as_proto(made.ended(7.0))) == []


def export(tape: Path, *arguments: str) -> str:
    result = here("export", str(tape), "--format", "otlp", "-o", "-", *arguments)
    assert result.code == 0, result.err
    return result.out


def test_export_of_a_tape_is_one_valid_trace_the_same_each_time(tmp_path: Path) -> None:
    steps = [*opening(), *turn(1, "zebra crossing", "quince jelly."), *turn(2, "marmalade", "kumquat.", cut=True)]
    told_tape(tmp_path / "tape", steps)
    text = export(tmp_path / "tape")
    spans = from_json(text)
    assert problems_of(spans) == []
    assert not any(word in text for word in SECRET_WORDS)
    turns = [facts(span) for span in spans if span.name == "voicechat.turn"]
    assert [one["voicechat.turn"] for one in turns] == [1, 2]
    assert turns[1]["voicechat.interrupted_by"] == "barge_in"
    assert all(one["voicechat.wait.first_sound"] > 0 for one in turns)
    assert export(tmp_path / "tape") == text
    (resource,) = (one["resource"] for one in json.loads(text)["resourceSpans"])
    told = {one["key"]: one["value"] for one in resource["attributes"]}
    # The SDK's own is another one in each process.
    assert told["service.instance.id"] == {"stringValue": turns[0]["voicechat.turn_id"].partition("/")[0]}
    with_words = export(tmp_path / "tape", "--otlp-words")
    assert "zebra" in with_words and "kumquat" in with_words
    assert "zebra" not in export(tmp_path / "tape", "--otlp-words", "--redact")


def test_export_of_a_real_call_is_valid(tmp_path: Path) -> None:
    spans = from_json(export(call_tape(tmp_path / "call", with_sound=False)))
    assert problems_of(spans) == []
    assert sum(span.name == "voicechat.turn" for span in spans) == 2
