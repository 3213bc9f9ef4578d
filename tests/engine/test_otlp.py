"""`--otlp`: what a talk and a dead collector make of it, without the talk noticing."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import pytest

from tests.support.collector import Collector, collecting, facts, problems_of
from voicechat.config.otlp import otlp_endpoint
from voicechat.config.settings import Settings
from voicechat.engine.otlp import FLUSH, OtlpExporter
from voicechat.engine.problems import Problems
from voicechat.errors import ConfigError
from voicechat.journal.observers import Observers
from voicechat.journal.secrets_scan import without_keys

KEY = "sk-abcdefghijklmnop"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


def traced(collector: Collector, notices: list[str], **settings: Any) -> None:
    """One turn through the live exporter, to its end."""
    chosen = Settings(otlp=collector.url, **settings)
    exporter, observers, now = OtlpExporter(chosen, notices.append), Observers(notices.append), 0.0
    problems = Problems(lambda finding: None)
    observers.add("checks", problems.watch)
    trace = exporter.trace(observers, problems, "talk", "openai", now)

    def on(at: float, direction: Any, name: str, **event: Any) -> None:
        observers(at, direction, {"type": name, **event})

    on(0.1, "in", "session.created", session={"id": "sess_1", "model": "gpt-realtime"})
    on(1.0, "local", "text.entered", text="zebra")
    on(1.2, "in", "response.created", response={"id": "r1"})
    on(1.3, "in", "response.output_text.delta", response_id="r1", delta="quince")
    on(1.4, "in", "response.done", response={"id": "r1", "status": "completed"})
    on(1.5, "in", "error", error={"code": "rate_limit_exceeded", "message": "Rate limit."})
    problems.tick(now + 2.0)
    trace.tick(now + 5.0)
    trace.end(now + 6.0)
    exporter.close()


def test_a_talk_arrives_as_a_valid_trace_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"x-api-key={KEY}")
    notices: list[str] = []
    with collecting() as collector:
        traced(collector, notices)
        assert collector.got_root.wait(5)
    assert notices == [] and problems_of(collector.spans) == []
    assert [span.name for span in collector.spans] == ["voicechat.turn", "voicechat.session"]
    assert facts(collector.spans[0])["voicechat.wait.first_text"] == pytest.approx(0.3)
    assert facts(collector.spans[1])["voicechat.finding_codes"] == ("rate-limited",)
    assert collector.resource["service.name"] == "voicechat"
    assert {(head["path"], head["x-api-key"]) for head in collector.headers} == {("/v1/traces", KEY)}
    assert b"zebra" not in collector.raw and b"quince" not in collector.raw


def test_words_travel_only_when_asked_for_and_never_of_a_redacted_talk() -> None:
    for redact, expected in ((False, True), (True, False)):
        with collecting() as collector:
            traced(collector, [], otlp_words=True, redact=redact)
            assert collector.got_root.wait(5)
        assert (b"zebra" in collector.raw and b"quince" in collector.raw) is expected


def test_a_collector_that_refuses_is_told_once_without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"x-api-key={KEY}")
    told = threading.Event()
    notices: list[str] = []

    class Notices(list[str]):
        def append(self, notice: str) -> None:
            notices.append(notice)
            told.set()

    with collecting(status=401) as collector:
        traced(collector, Notices())
        assert told.wait(5)
    assert len(notices) == 1 and collector.url in notices[0] and KEY not in notices[0]


def test_the_end_waits_for_a_hanging_collector_no_longer_than_its_limit() -> None:
    answer = threading.Event()
    with collecting() as collector:
        collector.hold = answer
        began = time.monotonic()
        traced(collector, [])
        took = time.monotonic() - began
        answer.set()
    assert took < 2.0 and FLUSH <= 2.0


def test_a_disabled_sdk_sends_no_span(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with collecting() as collector:
        traced(collector, [])
    assert collector.spans == []


def test_the_address_of_a_collector_is_made_whole() -> None:
    for url in ("http://127.0.0.1:4318", "http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"):
        assert otlp_endpoint(Settings(otlp=url), {}) == "http://127.0.0.1:4318/v1/traces"
    assert otlp_endpoint(Settings(), {}) == ""


@pytest.mark.parametrize("url", ["collector", "ftp://host", "http://", "http://h:0", "http://h:x", "http://u:p@host/"])
def test_an_address_that_is_none_or_holds_a_key_is_refused(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        otlp_endpoint(Settings(otlp=url), {})
    assert "u:p" not in str(refused.value)


def test_a_key_does_not_travel_unencrypted_and_children_do_not_get_it() -> None:
    environ = {"OTEL_EXPORTER_OTLP_HEADERS": "k=v", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "k=v", "HOME": "/"}
    with pytest.raises(ConfigError, match="without encryption"):
        otlp_endpoint(Settings(otlp="http://collector.example:4318"), environ)
    assert otlp_endpoint(Settings(otlp="http://127.0.0.1:4318"), environ)
    assert without_keys(environ) == {"HOME": "/"}
