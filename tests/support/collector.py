"""An OTLP/HTTP receiver on loopback, built on the official `opentelemetry-proto` package."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData


@dataclass
class Collector:
    """What came. `status` is what it answers; `got_root` is set when a session's own span has come."""

    url: str = ""
    status: int = 200
    spans: list[Span] = field(default_factory=list)
    resource: dict[str, Any] = field(default_factory=dict)
    headers: list[dict[str, str]] = field(default_factory=list)
    raw: bytearray = field(default_factory=bytearray)
    hold: threading.Event | None = None
    """Nothing is answered before it is set."""
    got_root: threading.Event = field(default_factory=threading.Event)

    def take(self, body: bytes) -> None:
        self.raw += body
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resource = {pair.key: value_of(pair.value) for pair in group.resource.attributes}
            self.spans += [span for scope in group.scope_spans for span in scope.spans]
        if any(not span.parent_span_id for span in self.spans):
            self.got_root.set()


@contextmanager
def collecting(status: int = 200) -> Iterator[Collector]:
    collector = Collector(status=status)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.headers.append(
                {"path": self.path, **{name.lower(): value for name, value in self.headers.items()}}
            )
            if collector.hold is not None:
                collector.hold.wait(20)
            if collector.status == 200:
                collector.take(body)
            self.send_response(collector.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()


def from_json(text: str) -> list[Span]:
    """The spans of OTLP/JSON, whose ids are hex where protobuf's JSON has base64. Raises ParseError."""

    def in_base64(hook: dict[str, Any]) -> dict[str, Any]:
        ids = ("traceId", "spanId", "parentSpanId")
        return hook | {id: base64.b64encode(bytes.fromhex(hook[id])).decode() for id in ids if id in hook}

    data = json_format.ParseDict(json.loads(text, object_hook=in_base64), TracesData())
    return [span for group in data.resource_spans for scope in group.scope_spans for span in scope.spans]


def value_of(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return tuple(value_of(one) for one in value.array_value.values)
    return getattr(value, kind) if kind else None


def facts(of: Any) -> dict[str, Any]:
    """The attributes of a span or of an event of one."""
    return {pair.key: value_of(pair.value) for pair in of.attributes}


def problems_of(spans: list[Span]) -> list[str]:
    """What is not valid in these traces; empty: nothing."""
    ids = [span.span_id for span in spans]
    known = {(span.trace_id, span.span_id): span for span in spans}
    found = [] if len(ids) == len(set(ids)) else ["a span id twice"]
    for span in spans:
        begins, ends = span.start_time_unix_nano, span.end_time_unix_nano
        times, keys = [one.time_unix_nano for one in span.events], [pair.key for pair in span.attributes]
        parent = known.get((span.trace_id, span.parent_span_id))
        holds = {
            "name or ids": span.name and len(span.trace_id) == 16 and len(span.span_id) == 8,
            "an id of zeros": any(span.trace_id) and any(span.span_id),
            "times": 0 < begins <= ends,
            "events out of order or outside": times == sorted(times) and all(begins <= at <= ends for at in times),
            "an attribute twice": len(keys) == len(set(keys)) and all(keys),
            "no parent": parent is not None or not span.parent_span_id,
            "before its parent": parent is None or parent.start_time_unix_nano <= begins,
        }
        found += [f"{span.name or 'nameless'}: {what}" for what, is_so in holds.items() if not is_so]
    if sum(not span.parent_span_id for span in spans) != len({span.trace_id for span in spans}):
        found.append("not one root a trace")
    return found
