"""Spans to an OpenTelemetry collector over OTLP/HTTP, by the SDK: off the audio path, and never in the talk's way.

The SDK's variables hold (`OTEL_EXPORTER_OTLP_HEADERS`, `_TIMEOUT`, `_CERTIFICATE`, `OTEL_BSP_*`, samplers, proxies) but
for the endpoint: nothing leaves without `--otlp`. Its log is not printed: it quotes what a collector said.
Imported only with `--otlp`: the SDK is an extra, and takes 0.2 s to load.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from voicechat.config.otlp import otlp_endpoint
from voicechat.config.settings import Settings
from voicechat.engine.problems import Problems
from voicechat.insight.metrics.prices import read_prices
from voicechat.journal.entry import Entry
from voicechat.journal.observers import Observers
from voicechat.journal.spans import SessionSpans, Via, tracer_to

TRACES = "trace export"
"""What a notice calls this observer."""
FLUSH = 1.0
"""Seconds the last spans may take; the engine has 1.5 in all before its client ends it."""
PROBE = 2.0
"""Seconds in which a collector must answer the empty request at the start."""


class _Exporter(OTLPSpanExporter):
    """The SDK's exporter; the first failure is told."""

    def __init__(self, url: str, notice: Callable[[str], object]) -> None:
        super().__init__(url)
        self._notice: Callable[[str], object] | None = notice
        self._url = url
        self.works = False

    def export(self, spans: Sequence[ReadableSpan], exporter: SpanExporter | None = None) -> SpanExportResult:
        result = super().export(spans) if exporter is None else exporter.export(spans)
        self.works = result is SpanExportResult.SUCCESS
        if not self.works and self._notice is not None:
            notice, self._notice = self._notice, None
            notice(f"{self._url} does not take the traces; the talk goes on. Check --otlp and its keys.")
        return result


class OtlpExporter:
    """`trace` any number of sessions, `close` at the end. Requests are made by threads of their own."""

    def __init__(self, settings: Settings, notice: Callable[[str], object]) -> None:
        """`notice` gets, once and on any thread, that the collector takes nothing. Raises ConfigError.

        An empty request tells at the start of a talk what is wrong, and not behind its end.
        """
        url = otlp_endpoint(settings, os.environ)
        log = logging.getLogger("opentelemetry")
        log.propagate, log.handlers = False, [logging.NullHandler()]
        self._exporter = _Exporter(url, notice)
        self._queue = BatchSpanProcessor(self._exporter)
        self._tracer = tracer_to(self._queue)
        self._words = settings.otlp_words and not settings.redact
        self._prices = read_prices(settings.prices)[0]
        probe = OTLPSpanExporter(url, timeout=PROBE)
        threading.Thread(target=self._exporter.export, args=((), probe), name="otlp-probe", daemon=True).start()

    def trace(self, observers: Observers, problems: Problems, via: Via, provider: str, at: float) -> SessionTrace:
        """One more session; `problems` finds what is wrong with it, `at` is its zero on the monotonic clock."""
        zero = time.time() - (time.monotonic() - at)
        spans = SessionSpans(zero, self._tracer, via, provider, self._words, self._prices)
        return SessionTrace(spans, observers, problems, at)

    def close(self) -> None:
        """Send what is left, for `FLUSH` seconds at most; a collector that takes nothing is not waited for."""
        closing = threading.Thread(target=self._queue.shutdown, name="otlp-flush", daemon=True)
        closing.start()
        closing.join(FLUSH if self._exporter.works else FLUSH / 4)


class SessionTrace:
    """One session's spans: it watches with the other observers, and is told when time has passed. Event loop only."""

    def __init__(self, spans: SessionSpans, observers: Observers, problems: Problems, at: float) -> None:
        self._spans, self._problems, self._started_at = spans, problems, at
        observers.add(TRACES, self._watch)
        self.tick = observers.guarded(TRACES, self._tick)
        self.end = observers.guarded(TRACES, self._end)

    def _watch(self, entry: Entry) -> None:
        self._spans.feed(entry.t, entry.dir, entry.event)

    def _tick(self, now: float) -> None:
        self._spans.found(self._problems.findings)
        self._spans.finish_turns(now - self._started_at)

    def _end(self, now: float) -> None:
        self._spans.found(self._problems.findings)
        self._spans.end(now - self._started_at)
