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
    found: list[str] = []
    ids = [span.span_id for span in spans]
    known = {(span.trace_id, span.span_id): span for span in spans}
    if len(ids) != len(set(ids)):
        found.append("a span id twice")
    for span in spans:
        name = span.name or "nameless"
        if not span.name or len(span.trace_id) != 16 or len(span.span_id) != 8:
            found.append(f"{name}: name or ids")
        if not any(span.trace_id) or not any(span.span_id):
            found.append(f"{name}: an id of zeros")
        if not 0 < span.start_time_unix_nano <= span.end_time_unix_nano:
            found.append(f"{name}: times")
        times = [one.time_unix_nano for one in span.events]
        if times != sorted(times) or any(
            not span.start_time_unix_nano <= at <= span.end_time_unix_nano for at in times
        ):
            found.append(f"{name}: events out of order or outside")
        keys = [pair.key for pair in span.attributes]
        if len(keys) != len(set(keys)) or not all(keys):
            found.append(f"{name}: an attribute twice")
        if span.parent_span_id:
            parent = known.get((span.trace_id, span.parent_span_id))
            if parent is None:
                found.append(f"{name}: no parent")
            elif parent.start_time_unix_nano > span.start_time_unix_nano:
                found.append(f"{name}: before its parent")
    if sum(not span.parent_span_id for span in spans) != len({span.trace_id for span in spans}):
        found.append("not one root a trace")
    return found
