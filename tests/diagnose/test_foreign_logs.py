"""Logs of other people's clients, in every format: the cause is named and nothing else; healthy ones are healthy."""

from __future__ import annotations

import io
import random

from tests.diagnose.foreign_logs import BROKEN, HEALTHY, WRITERS, Session, all_written, double_encoded, foreign_session
from tests.support.each import each
from voicechat.diagnose.report import Report, diagnose


def report_of(data: bytes) -> Report:
    report = diagnose(io.BytesIO(data), "a log")
    for finding in report.findings:
        assert finding.evidence and all(report.reading.line_of(mark.seq) > 0 for mark in finding.evidence)
    return report


def codes(data: bytes) -> list[str]:
    return sorted({finding.code for finding in report_of(data).findings})


@each("session", BROKEN, ids=lambda one: one.name)
def test_the_cause_is_named_and_nothing_else_in_every_format_that_can_show_it(session: Session) -> None:
    written = list(all_written(session.rows(), needs_words=session.needs_words, needs_times=session.needs_times))
    assert len(written) >= 2
    assert {name: codes(data) for name, data in written} == {name: [session.code] for name, _ in written}


@each("session", HEALTHY, ids=lambda one: one.name)
def test_a_healthy_session_is_healthy_in_every_format(session: Session) -> None:
    for name, write in WRITERS.items():
        report = report_of(write(session.rows()))
        assert report.is_healthy, (name, report.findings)


@each("session", HEALTHY, ids=lambda one: one.name)
def test_a_part_of_a_healthy_log_or_a_log_of_few_handlers_is_healthy_too(session: Session) -> None:
    """What a log leaves out did not go wrong: any excerpt, and any choice of the events that are printed at all."""
    chance = random.Random(session.name)
    rows = session.rows()
    kinds = sorted({row[2]["type"] for row in rows})
    for number in range(24):
        first, last = sorted((chance.randrange(len(rows)), chance.randrange(len(rows) + 1)))
        printed = {kind for kind in kinds if chance.random() < 0.6}
        part = rows[first:last] if number % 2 else [row for row in rows if row[2]["type"] in printed]
        name = chance.choice(sorted(WRITERS))
        assert codes(WRITERS[name](list(part))) == [], (name, part)


def test_a_log_that_went_through_the_wrong_encoding_is_read() -> None:
    waiting = foreign_session("waits-in-chinese")
    assert codes(double_encoded(waiting.rows())) == [waiting.code]


def test_a_log_that_breaks_off_inside_a_line_keeps_what_was_there() -> None:
    refused = foreign_session("max-speech-ms")
    for name, data in all_written(refused.rows(), needs_words=False):
        if name in ("json_array", "newest_first", "har"):
            continue  # half a JSON document is none
        assert codes(data[: len(data) * 9 // 10]) == [refused.code], name


def test_sessions_that_a_log_tells_apart_are_judged_apart() -> None:
    lines = [
        '{"session_id": "A", "ts": 1, "dir": "in", "event": {"type": "session.created", "session": {"id": "a"}}}',
        '{"session_id": "B", "ts": 2, "dir": "in", "event": {"type": "session.created", "session": {"id": "b"}}}',
        '{"session_id": "A", "ts": 3, "dir": "in", "event": {"type": "response.created", "response": {"id": "r1"}}}',
        '{"session_id": "B", "ts": 4, "dir": "in", "event": {"type": "error", "error": {"type": "x_error", '
        '"code": "cannot_update_voice", "message": "no"}}}',
        '{"session_id": "A", "ts": 5, "dir": "in", "event": {"type": "response.done", "response": {"id": "r1", '
        '"status": "completed"}}}',
    ]
    report = report_of("\n".join(lines).encode())
    assert [(one.code, report.sessions[one.id]) for one in report.findings] == [("voice-locked", "B")]


def test_an_error_that_no_check_knows_is_told_and_the_log_is_not_called_healthy() -> None:
    report = report_of(b'{"type": "error", "error": {"type": "invalid_request_error", "code": "odd", "message": "hm"}}')
    assert not report.findings and not report.is_healthy
    assert report.unexplained[0].ref == "error odd hm"
