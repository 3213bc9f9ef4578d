"""Logs of other people's clients, in every format: the cause is named and nothing else; healthy ones are healthy."""

from __future__ import annotations

import io
import json
import random
import re
from pathlib import Path

from tests.insight.foreign_logs import BROKEN, HEALTHY, WRITERS, Session, all_written, double_encoded, foreign_session
from tests.support.each import each
from voicechat.cli.diagnose import Words
from voicechat.insight.records import record_of
from voicechat.insight.report import Report, as_plain, diagnose
from voicechat.insight.run import Diagnosis


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
    for number in range(12):
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
    report = report_of(b'{"type": "error", "error": {"type": "odd_error", "code": "odd", "message": "hm"}}')
    assert not report.findings and not report.is_healthy
    assert report.unexplained[0].ref == "error odd hm"


# Logs as the clients of many people print them; the first part of a file's name says what is wrong in it


LOGS = sorted((Path(__file__).parent / "logs").iterdir())


@each("path", LOGS, ids=lambda path: path.stem)
def test_the_cause_is_named_and_nothing_else(path: Path) -> None:
    with path.open("rb") as stream:
        report = diagnose(stream, path.name)
    expected = path.name.split("__")[0].split("+")
    assert report.reading.events
    verdict = expected[0] if expected[0] in ("healthy", "too-little") else "found"
    assert sorted({one.code for one in report.findings}) == (sorted(expected) if verdict == "found" else [])
    assert report.verdict == verdict.replace("-", " ")


def test_there_are_many_of_either_kind() -> None:
    healthy = [path for path in LOGS if path.name.startswith("healthy__")]
    assert len(healthy) >= 9 and len(LOGS) - len(healthy) >= 28


def test_the_story_of_the_client_that_went_mute_names_the_event_it_waits_for() -> None:
    path = next(one for one in LOGS if "browser_field_story" in one.name)
    with path.open("rb") as stream:
        report = diagnose(stream, path.name)
    assert report.reading.line_of(report.findings[0].evidence[0].seq) == 7


def test_what_follows_from_a_cause_is_told_with_it_and_not_beside_it() -> None:
    path = next(one for one in LOGS if "flutter_timer_gbk" in one.name)
    with path.open("rb") as stream:
        report = diagnose(stream, path.name)
    assert [one.finding.code for one in report.causes] == ["mic-reopened-too-early"]
    assert "barge-in-too-eager" in {one.code for one in report.causes[0].consequences}


# What programs print when a conversation fails, in the words of their libraries: the cause, and nothing else


NOTHING = "-"
ROWS = (Path(__file__).parent / "sentences.txt").read_text(encoding="utf-8").splitlines()
"""`cause|line`; a minus for lines that tell of no failure."""


@each("row", ROWS, ids=lambda row: row)
def test_library_error_line_names_its_cause(row: str) -> None:
    cause, _, line = row.partition("|")
    report = diagnose(io.BytesIO(f"{line}\n".encode()), "log")
    assert [one.code for one in report.findings] == ([] if cause == NOTHING else [cause])
    assert not report.is_healthy


def test_cures_for_other_clients_name_none_of_our_keys() -> None:
    named = re.compile(r"\([rdb]\)|:new|\bpreset|voicechat|--headphones|dialect = |base_url")
    logs = [path.read_bytes() for path in sorted((Path(__file__).parent / "logs").iterdir())]
    found = [one for log in (*logs, "\n".join(ROWS).encode()) for one in diagnose(io.BytesIO(log), "log").findings]
    assert len(found) > 50 and not [one.cure for one in found if named.search(one.cure)]


def test_cure_for_our_own_session_names_the_key() -> None:
    ours = Diagnosis(is_ours=True)
    ours.feed(record_of(0, 0.0, "local", {"type": "line.lost", "reason": "no packets"}))
    (finding,) = ours.findings
    assert finding.cure.endswith("r reconnects.")


def test_api_key_in_a_log_is_in_no_report() -> None:
    key = "sk-proj-abcdefghijklmnopqrstuvwx"
    wire = json.dumps({"type": "error", "error": {"type": "odd_error", "code": "odd", "message": f"what is {key}?"}})
    log = f"Incorrect API key provided: {key}\nERROR flux {key} broke\n{wire}\nAuthorization: Bearer {key} failed\n"
    report = diagnose(io.BytesIO(log.encode()), "log")
    told = json.dumps(as_plain(report)) + Words(80).of(report)
    assert "auth-failed" in told and "odd" in told and "flux" in told
    assert key not in told and "abcdefghij" not in told
