"""A session as OpenTelemetry spans: one for the session, one a turn below it, one a tool call below its turn.

`SessionSpans` is fed with the events of a session in the order they flowed and makes spans as turns end, by a tracer of
the OpenTelemetry SDK (the extra `otel`, 0.2 s to load). A running talk, a tap, the local server and a tape do the same.

Names are ours (`voicechat.*`), with those of the GenAI conventions beside them: version 1.36, or the newest draft with
`OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental`. What was said, written or found in words stands under
`voicechat.content.` alone and only where it was asked for: a collector that deletes that prefix has nothing personal.
Every other text from outside must look like an identifier or is left out: a sentence in a code is a sentence too.

A wait is an event at the moment it ended, and an attribute `voicechat.wait.*`: seconds from the end of the user's
speech. What did not happen is absent. `voicechat.turn_id` is the session's id and the turn's number.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal, TypeAlias

from google.protobuf.json_format import MessageToJson
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, format_trace_id, set_span_in_context

from voicechat import __version__
from voicechat.insight.metrics.calls import ToolCall, ToolCalls
from voicechat.insight.metrics.ledger import Ledger
from voicechat.insight.metrics.prices import Cost, Price, Usage
from voicechat.insight.metrics.turns import Direction, TurnNumbers
from voicechat.insight.records import Finding, number, part, text
from voicechat.journal.redact import without_keys
from voicechat.protocol.dialects import GA_NAMES

Via: TypeAlias = Literal["talk", "tap", "serve", "tape"]
Value: TypeAlias = str | bool | int | float | tuple[str, ...]
Facts: TypeAlias = dict[str, Value | None]
"""Attributes, of which those that are None or empty are left out."""
Point: TypeAlias = tuple[float, str, Facts]
"""(session time, name, attributes) of an event of a span."""
CONTENT = "voicechat.content."
OPT_IN, LATEST = "OTEL_SEMCONV_STABILITY_OPT_IN", "gen_ai_latest_experimental"
LONGEST_CONTENT = 8_000
"""Characters of one text."""
SETTLED = 3.0
"""Seconds of silence after an answer from which its turn is over."""
GRACE = 30.0
"""Seconds after which an answer or a tool that never ended is not waited for, once the next turn has begun."""
MOST_OPEN = 100
MOST_ERRORS, MOST_FINDINGS = 32, 64
"""Of one span; the SDK keeps 128 events."""
_IDENTIFIER = re.compile(r"[A-Za-z0-9_.:/@+\-]{1,200}")


class _Ids(IdGenerator):
    """Random ones; from a seed the same each time."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed or None)

    def generate_span_id(self) -> int:
        return self._random.getrandbits(64)

    def generate_trace_id(self) -> int:
        return self._random.getrandbits(128)


def tracer_to(processor: SpanProcessor, seed: str = "") -> Tracer:
    """What makes spans for a processor, as the variables of OpenTelemetry say; of a tape (`seed`) all are sampled."""
    instance = format_trace_id(_Ids(seed).generate_trace_id())
    told = {"service.name": "voicechat", "service.version": __version__, "service.instance.id": instance}
    sampler = ALWAYS_ON if seed else None
    maker = TracerProvider(sampler, Resource.create(told), shutdown_on_exit=False, id_generator=_Ids(seed))
    maker.add_span_processor(processor)
    return maker.get_tracer("voicechat", __version__)


@dataclass(slots=True)
class _Turn:
    """What is known of a turn beside its `TurnNumbers`; times are session time, seconds."""

    last: float
    marks: dict[str, float] = field(default_factory=dict)
    running: dict[str, bool] = field(default_factory=dict)
    """Responses by id: whether more is to come."""
    reasons: list[str] = field(default_factory=list)
    error: str = ""
    points: deque[Point] = field(default_factory=lambda: deque(maxlen=MOST_ERRORS))
    words: dict[str, list[str]] = field(default_factory=dict)

    def go_on(self, at: float) -> None:
        self.last = max(self.last, at)


class SessionSpans:
    """`feed` every event and tell what was `found`; `finish_turns` and `end` make the spans, each once."""

    def __init__(
        self,
        began_at: float,
        tracer: Tracer,
        via: Via,
        provider: str = "",
        words: bool = False,
        prices: Mapping[str, Price] | None = None,
    ) -> None:
        """`began_at`: seconds since 1970 of session time 0; `words`: put in what was said, written and found."""
        self._zero = round(began_at * 1e6) * 1_000
        self._tracer = tracer
        self._root = tracer.start_span("voicechat.session", start_time=self._zero)
        self._kind = SpanKind.SERVER if via == "serve" else SpanKind.CLIENT
        self._provider = _slug(provider)
        self._words = words
        self._is_latest = LATEST in os.environ.get(OPT_IN, "").replace(",", " ").split()
        self._ledger = Ledger(prices=prices)
        self._calls = ToolCalls()
        self._open: dict[int, _Turn] = {}
        self._newest = 0
        self._turn_of_id: dict[str, int] = {}
        """The turn of each response and of each item of the user's."""
        self._sounds: set[str] = set()
        self._id = format_trace_id(self._root.get_span_context().trace_id)
        self._is_named = False
        """The service has said its own id."""
        self._told: Facts = {"voicechat.via": via}
        self._points: deque[Point] = deque(maxlen=MOST_ERRORS)
        self._findings: dict[str, Finding] = {}
        self._placed: set[str] = set()
        self._last = 0.0

    def feed(self, at: float, direction: Direction, event: Mapping[str, Any]) -> None:
        """Take in one event at session time `at`, seconds; what a local event says of times is session time too."""
        self._last = max(self._last, at)
        self._ledger.feed(at, direction, event)
        turns = self._ledger.turns
        if turns and turns[-1].number > self._newest:
            self._newest = turns[-1].number
            self._open[self._newest] = _Turn(at)
        if ended := self._calls.feed(at, direction, event, self._number_of(event)):
            self._turn(ended.turn or 0).go_on(at)
        if isinstance(name := event.get("type"), str):
            self._take(at, direction, GA_NAMES.get(name, name), event)

    def found(self, findings: Iterable[Finding]) -> None:
        """Every finding so far, as it is now."""
        self._findings |= {finding.id: finding for finding in findings}

    def finish_turns(self, now: float) -> None:
        """Make the spans of turns of which nothing more is awaited at session time `now`."""
        for over in [turn for turn in self._open if self._is_over(turn, now)]:
            self._tell_turn(over)

    def end(self, now: float) -> None:
        """The session is over: make the spans of the turns that are left, then its own."""
        for left in tuple(self._open):
            self._tell_turn(left)
        figures, end = self._ledger.figures(last=1), max(now, self._last)
        told = self._told | _usage(figures.usage, figures.money.cost)
        told["voicechat.finding_codes"] = tuple(sorted({one.code for one in self._findings.values()}))
        rest = [self._finding(one, end) for one in self._findings.values() if one.id not in self._placed]
        failed = "voicechat.connection.failed" in (name for _, name, _ in self._points)
        self._finish(self._root, (0.0, end), told, (*self._points, *rest[:MOST_FINDINGS]), failed)

    # what flowed
    def _take(self, at: float, direction: Direction, name: str, event: Mapping[str, Any]) -> None:
        newest, turn, response = self._turn(self._newest), self._turn(self._number_of(event)), part(event, "response")
        match direction, name:
            case "in", "response.output_audio_transcript.delta" | "response.output_text.delta":
                turn.marks.setdefault("first_text", at)
                if self._words:
                    turn.words.setdefault("assistant", []).append(text(event, "delta", LONGEST_CONTENT))
            case "in", "response.output_audio_transcript.done" | "response.output_text.done":
                if "assistant" not in turn.words:  # no deltas came
                    self._say(turn, "assistant", event.get("transcript") or event.get("text"))
            case "in", "response.output_audio.delta":
                turn.marks.setdefault("first_audio", at)
            case "in", "output_audio_buffer.started":
                turn.marks.setdefault("first_audio", at)
                self._sounds.add("service")
            case "in", "output_audio_buffer.stopped" | "output_audio_buffer.cleared":
                self._sounds.discard("service")
                turn.go_on(at)
            case "local", "assistant.audible":
                self._sounds.add("loudspeaker")
            case "local", "assistant.silent":
                self._sounds.discard("loudspeaker")
                newest.go_on(number(event, "last_audible_at") or at)
            case "in", "response.created" if self._newest in self._open:
                self._turn_of_id[text(response, "id")] = self._newest
                newest.running[text(response, "id")] = True
            case "in", "response.done":
                turn.go_on(at)
                turn.running[text(response, "id")] = False
                status, details = _identifier(response.get("status")), part(response, "status_details")
                reason = _identifier(details.get("reason")) or ("stop" if status == "completed" else status)
                turn.reasons += [reason] if reason else []
                turn.error = _code(part(details, "error")) if status == "failed" else turn.error
            case "in", "input_audio_buffer.speech_started" | "input_audio_buffer.committed":
                self._turn_of_id[text(event, "item_id")] = self._newest
            case "in", "conversation.item.input_audio_transcription.completed":
                about = self._turn_of_id.get(text(event, "item_id"), self._newest)
                self._say(self._turn(about), "user", event.get("transcript"))
            case "local", "text.entered":
                self._say(newest, "user", event.get("text"))
            case "out", "conversation.item.create" if part(event, "item").get("role") == "user":
                content = part(event, "item").get("content")
                for one in content if isinstance(content, list) else ():
                    self._say(newest, "user", one.get("text") if isinstance(one, dict) else None)
            case "in", "session.created" | "session.updated":
                session = part(event, "session")
                if not self._is_named and (id := _identifier(session.get("id"))):
                    self._id, self._is_named = id, True
                voice = _identifier(part(part(session, "audio"), "output").get("voice") or session.get("voice"))
                self._told["voicechat.voice"] = voice or self._told.get("voicechat.voice")
            case "in", "error":
                error = part(event, "error")
                facts = {"error.type": _code(error), **self._content("error", error.get("message"))}
                points = newest.points if self._newest in self._open else self._points
                points.append((at, "voicechat.error", facts))
                newest.go_on(at)
            case "local", "line.opened" | "line.failed" | "line.lost" | "tap.opened" | "tap.ended":
                known = {key: _identifier(event.get(key)) for key in ("transport", "code", "handshake", "by")}
                facts = {f"voicechat.connection.{key}": value for key, value in known.items()}
                self._points.append((at, f"voicechat.connection.{name.partition('.')[2]}", facts))
                self._told["voicechat.transport"] = known["transport"] or self._told.get("voicechat.transport")

    def _number_of(self, event: Mapping[str, Any]) -> int:
        """The turn that a response is part of; 0 for one that is not known."""
        return self._turn_of_id.get(text(event, "response_id") or text(part(event, "response"), "id"), 0)

    def _turn(self, number: int) -> _Turn:
        """Of one that is not known, or told already, nothing is kept."""
        return self._open.get(number) or _Turn(self._last)

    def _say(self, turn: _Turn, who: str, said: object) -> None:
        if self._words and isinstance(said, str):
            said_before = turn.words.setdefault(who, [])
            said_before += [said] if said.strip() and said not in said_before else []

    # what is told
    def _is_over(self, number: int, now: float) -> bool:
        turn = self._open[number]
        awaits = any(turn.running.values()) or any(call.ended is None for call in self._calls_of(number))
        if number == self._newest:
            return bool(turn.running) and not awaits and not self._sounds and now - turn.last >= SETTLED
        newest = self._open.get(self._newest, turn)
        return not awaits or now - max(turn.last, newest.last) >= GRACE or len(self._open) > MOST_OPEN

    def _calls_of(self, number: int) -> list[ToolCall]:
        return [call for call in self._calls.by_id.values() if call.turn == number]

    def _tell_turn(self, number: int) -> None:
        """Make the spans of one turn, which is forgotten with it."""
        turn, turns, calls = self._open.pop(number), self._ledger.turns, self._calls_of(number)
        for call in calls:
            del self._calls.by_id[call.id]
        self._turn_of_id = {id: other for id, other in self._turn_of_id.items() if other != number}
        place = number - turns[0].number
        if not 0 <= place < len(turns):
            return  # the ledger keeps the newest 500
        numbers = turns[place]
        waits = _waits(turn, numbers)
        known = [at for at in (numbers.began_at, numbers.created_at, *waits.values(), turn.last) if at is not None]
        start, end = min(known), max(known)
        following = turns[place + 1].began_at if place + 1 < len(turns) else None
        points = [*((at, f"voicechat.{name}", {}) for name, at in waits.items()), *turn.points]
        for finding in [one for one in self._findings.values() if one.id not in self._placed][:MOST_FINDINGS]:
            if start <= (seen := self._finding(finding, end))[0] <= max(end, following or end):
                self._placed.add(finding.id)
                points.append(seen)
        told = self._turn_attributes(number, turn, numbers, waits)
        span = self._span("voicechat.turn", self._root, self._kind, (start, end), told, points, bool(turn.error))
        for call in calls:
            name, times = f"execute_tool {_identifier(call.name)}".strip(), (call.began or 0.0, call.ended or end)
            told, failed = self._tool_attributes(number, call), call.outcome != "ok"
            self._span(name, span, SpanKind.INTERNAL, times, told, (), failed)

    def _turn_attributes(self, number: int, turn: _Turn, numbers: TurnNumbers, waits: Mapping[str, float]) -> Facts:
        responses = tuple(id for id in map(_identifier, turn.running) if id)[:MOST_OPEN]
        since, usage = numbers.ended_at, numbers.usage
        told: Facts = self._numbered(number) | {
            "gen_ai.operation.name": "chat",
            "gen_ai.response.id": responses[0] if responses else None,
            "gen_ai.response.finish_reasons": tuple(turn.reasons[:MOST_OPEN]),
            "gen_ai.output.type": "speech" if {"first_audio", "first_sound"} & waits.keys() else "text",
            "error.type": turn.error,
            "voicechat.response_ids": responses,
            "voicechat.status": _identifier(numbers.status),
            "voicechat.interrupted_by": _slug(numbers.cut_by),
            "voicechat.user_speech": numbers.spoken,
            "voicechat.wait.silence_after_interruption": numbers.silent_in,
            "voicechat.wait.approval": numbers.approval_wait or None,
        }
        if since is not None:
            told |= {f"voicechat.wait.{name}": at - since for name, at in waits.items() if at > since}
            told["voicechat.wait.first_sound"] = numbers.total
        if usage is not None:
            told |= _usage(usage, self._ledger.cost_of_turn(numbers))
            told["gen_ai.usage.input_tokens"] = usage.input.total
            told["gen_ai.usage.output_tokens"] = usage.output.total
            told["gen_ai.usage.cache_read.input_tokens"] = usage.cached.total if self._is_latest else None
        for who, said in turn.words.items():
            told |= self._content(who, ("" if who == "assistant" else " ").join(said))
        return told

    def _tool_attributes(self, number: int, call: ToolCall) -> Facts:
        return self._numbered(number) | {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": _identifier(call.name),
            "gen_ai.tool.call.id": _identifier(call.id),
            "gen_ai.tool.type": "function" if call.is_ours else "extension",
            "voicechat.tool.outcome": call.outcome,
            "error.type": call.outcome if call.outcome != "ok" else None,
            **self._content("tool.arguments", call.arguments),
            **self._content("tool.output", call.output),
        }

    def _named(self) -> Facts:
        """What every span has, so that it can be found without its parent."""
        return {
            "voicechat.session_id": self._id,
            "gen_ai.conversation.id": self._id,
            "gen_ai.provider.name" if self._is_latest else "gen_ai.system": self._provider,
            "gen_ai.request.model": _identifier(self._ledger.model),
        }

    def _numbered(self, number: int) -> Facts:
        return {"voicechat.turn_id": f"{self._id}/{number}", "voicechat.turn": number}

    def _finding(self, finding: Finding, otherwise: float) -> Point:
        """At its newest evidence."""
        at = max((one.t for one in finding.evidence if one.t is not None), default=otherwise)
        about = [turn.number for turn in self._ledger.turns if turn.began_at is not None and turn.began_at <= at]
        told = self._numbered(about[-1]) if about else {}
        for name in ("code", "severity", "confidence", "resolved"):
            told[f"voicechat.finding.{name}"] = getattr(finding, name)
        for name in ("title", "cause", "cure"):
            told |= self._content(f"finding.{name}", getattr(finding, name))
        return at, "voicechat.finding", told

    def _content(self, name: str, said: object) -> Facts:
        """Something personal, where that was asked for: without keys, and of bounded length."""
        if not self._words or not isinstance(said, str):
            return {}
        return {CONTENT + name: without_keys(said[:LONGEST_CONTENT]).encode("utf-8", "replace").decode()}

    def _span(
        self, name: str, parent: Span, kind: SpanKind, times: tuple[float, float], told: Facts, points: Iterable[Point],
        failed: bool,
    ) -> Span:  # fmt: skip
        """Times are session time: nothing begins before the session, or ends or happens outside its span."""
        start = max(0.0, times[0])
        made = self._tracer.start_span(name, set_span_in_context(parent), kind, start_time=self._unix(start))
        self._finish(made, (start, max(start, times[1])), told, points, failed)
        return made

    def _finish(
        self, span: Span, times: tuple[float, float], told: Facts, points: Iterable[Point], failed: bool
    ) -> None:
        start, end = times
        for at, name, facts in sorted(points, key=lambda one: one[0]):
            span.add_event(name, _known(facts), self._unix(min(max(at, start), end)))
        span.set_attributes(_known(self._named() | told))
        if failed:
            span.set_status(StatusCode.ERROR)
        span.end(self._unix(end))

    def _unix(self, at: float) -> int:
        return self._zero + round(at * 1e9)


def _known(facts: Facts) -> dict[str, Value]:
    """Without what is not known; floats to the microsecond."""
    told = {name: value for name, value in facts.items() if value is not None and value not in ("", ())}
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in told.items()}


def as_otlp_json(spans: Sequence[ReadableSpan]) -> str:
    """A TracesData message as OTLP/JSON has it: protobuf's JSON, but for ids in hex."""

    def in_hex(one: dict[str, Any]) -> dict[str, Any]:
        ids = ("traceId", "spanId", "parentSpanId")
        return one | {id: base64.b64decode(one[id]).hex() for id in ids if id in one}

    told = MessageToJson(encode_spans(spans), indent=None, use_integers_for_enums=True)
    return json.dumps(json.loads(told, object_hook=in_hex), ensure_ascii=False, separators=(",", ":"))


def _waits(turn: _Turn, numbers: TurnNumbers) -> dict[str, float]:
    """What happened in a turn, at which session time; in the order of a healthy one."""
    known = {
        "end_of_speech": numbers.ended_at,
        "committed": numbers.stopped_at,
        "transcript": numbers.transcript_at,
        "response_created": numbers.created_at,
        **turn.marks,
        "first_sound": numbers.first_sound_at,
    }
    return {name: at for name, at in known.items() if at is not None}


def _usage(usage: Usage, cost: Cost | None) -> Facts:
    told: Facts = {
        f"voicechat.usage.{side}.{kind}_tokens": getattr(getattr(usage, side), kind) or None
        for side in ("input", "cached", "output")
        for kind in ("text", "audio", "image")
    }
    if cost is not None and usage.total:
        told |= {"voicechat.usage.cost_usd": cost.usd, "voicechat.usage.cost_is_estimate": cost.is_estimate}
    return told


def _code(error: Mapping[str, Any]) -> str:
    return _identifier(error.get("code")) or _identifier(error.get("type")) or "unknown"


def _identifier(value: object) -> str:
    """A text from outside that can be no sentence; empty for everything else."""
    return value if isinstance(value, str) and _IDENTIFIER.fullmatch(value) else ""


def _slug(name: str) -> str:
    """`OpenAI` as `openai`, as the conventions write providers."""
    return re.sub(r"[^a-z0-9.]+", "_", name.lower()).strip("_")[:100]
